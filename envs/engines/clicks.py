"""The clicks of one hour of one store, taken one by one, and the very click at which a purse runs out."""

from typing import Any

import numpy as np

from ..market.compiled import procedure
from .layout import (
    N_CHANNELS,
    N_SEGMENTS,
    ChannelState,
    ListingState,
    Offer,
    Report,
    StoreField,
    StoreState,
)
from .orders import place_order, wait_to_order
from .rates import CONVERSION, EXPOSURE, ORGANIC, PRICE, find_cell
from .streams import Purpose, poisson, uniforms

NEVER = 1 << 60
"""In `stops`: the purse lasted the hour."""


@procedure
def empty_purses(store_state: Any, channel_state: Any, state: Any, stops: Any) -> None:
    """Mark what has no money left before the hour begins."""
    stops[:] = NEVER
    if (
        store_state[StoreState.BUDGET_TOTAL] - store_state[StoreState.SPENT] < 1.0
        or store_state[StoreState.BUDGET_DAILY] - store_state[StoreState.SPENT_TODAY] < 1.0
    ):
        stops[0] = 0
    for c in range(N_CHANNELS):
        if channel_state[c, ChannelState.CAP] - channel_state[c, ChannelState.SPENT] < 1.0:
            stops[1 + c] = 0
    for k in range(state.shape[0]):
        if state[k, ListingState.CAP] - state[k, ListingState.SPENT] < 1.0:
            stops[1 + N_CHANNELS + k] = 0


@procedure
def serve_clicks(
    seed: Any,
    key: Any,
    hour: int,
    day: int,
    expected: float,
    store: Any,
    segment: Any,
    listing: Any,
    store_state: Any,
    channel_state: Any,
    state: Any,
    pending: Any,
    refunds: Any,
    offer: Any,
    work: Any,
    stops: Any,
    report: Any,
) -> int:
    """Take the hour's latent clicks one by one. Returns their number.

    `stops` (1 + C + K): number of the click that exhausted the purse (0), a channel's or a listing's cap; 0 if it was
    empty from the start, `NEVER` if it lasted.
    """
    listings = listing.shape[0]
    clicks = poisson(expected, seed, key, hour, Purpose.LATENT_CLICKS, 0)
    same_hour = store[StoreField.SHARE_SAME_HOUR]
    within_day = same_hour + store[StoreField.SHARE_WITHIN_DAY]
    for i in range(clicks):
        u_cell, u_seen, u_order, u_delay = uniforms(seed, key, hour, Purpose.CLICK, i, 0)
        cell = find_cell(work, expected, u_cell)
        k = cell % listings
        s = (cell // listings) % N_SEGMENTS
        c = cell // (listings * N_SEGMENTS)
        live = stops[0] == NEVER and stops[1 + c] == NEVER and stops[1 + N_CHANNELS + k] == NEVER
        exposure = work[EXPOSURE, cell] if live else 0.0
        from_ad = u_seen < exposure
        if from_ad:
            _charge(i, c, k, work[PRICE, cell], store_state, channel_state, state, stops, report)
        elif u_seen < exposure + (1.0 - exposure) * work[ORGANIC, cell]:
            report[k, Report.ORGANIC_CLICKS_SEARCH + c] += 1.0
        else:
            continue
        if u_order >= work[CONVERSION, cell]:
            continue
        if u_delay < same_hour:
            place_order(
                seed,
                key,
                hour,
                Purpose.CLICK_ORDER,
                i,
                day,
                0,
                from_ad,
                store,
                segment[s],
                listing[k],
                offer[k, Offer.PRICE],
                state[k],
                refunds[k],
                report[k],
            )
        else:
            wait_to_order(pending[k, s], 0 if u_delay < within_day else 1, from_ad, offer[k, Offer.PRICE])
    return clicks


@procedure
def _charge(
    i: int,
    c: int,
    k: int,
    price: float,
    store_state: Any,
    channel_state: Any,
    state: Any,
    stops: Any,
    report: Any,
) -> None:
    """Charge one click in whole fen, never more than is left; note which purse it emptied."""
    purse = min(
        store_state[StoreState.BUDGET_TOTAL] - store_state[StoreState.SPENT],
        store_state[StoreState.BUDGET_DAILY] - store_state[StoreState.SPENT_TODAY],
    )
    channel_left = channel_state[c, ChannelState.CAP] - channel_state[c, ChannelState.SPENT]
    listing_left = state[k, ListingState.CAP] - state[k, ListingState.SPENT]
    fen = min(np.floor(price * 100.0 + 1e-9), purse, channel_left, listing_left)
    store_state[StoreState.SPENT] += fen
    store_state[StoreState.SPENT_TODAY] += fen
    channel_state[c, ChannelState.SPENT] += fen
    state[k, ListingState.SPENT] += fen
    report[k, Report.AD_CLICKS_SEARCH + c] += 1.0
    report[k, Report.SPEND_SEARCH + c] += fen
    if fen >= purse:
        stops[0] = i + 1
    if fen >= channel_left:
        stops[1 + c] = i + 1
    if fen >= listing_left:
        stops[1 + N_CHANNELS + k] = i + 1


@procedure
def click_shares(seed: Any, key: Any, hour: int, clicks: int, stops: Any, served: Any) -> None:
    """Share of the hour each purse lasted; the moments of clicks are drawn only where one ran out on the way."""
    ran_out = False
    for j in range(stops.shape[0]):
        served[j] = 1.0 if stops[j] == NEVER else 0.0
        ran_out = ran_out or 0 < stops[j] < NEVER
    if ran_out:
        _click_times(seed, key, hour, clicks, stops, served)


@procedure
def _click_times(seed: Any, key: Any, hour: int, clicks: int, stops: Any, served: Any) -> None:
    """Turn numbers of clicks into moments of the hour: `served[j]` is the share of the hour before click `stops[j]`.

    Spacings of ordered uniforms are exponentials over their sum (Devroye 1986, section V.2).
    """
    total = 0.0
    for j in range(stops.shape[0]):
        served[j] = 1.0 if stops[j] == NEVER else 0.0
    for i in range(clicks + 1):
        total -= np.log(uniforms(seed, key, hour, Purpose.CLICK_TIMES, i, 0)[0])
        for j in range(stops.shape[0]):
            if stops[j] == i + 1:
                served[j] = total
    for j in range(stops.shape[0]):
        if 0 < stops[j] < NEVER:
            served[j] /= total
