"""The compiled engine: one hour of one store after another, exact by thinning.

Within an hour rates are constant, so the requests whose buyer would click a listing on seeing it (latent clicks)
are one Poisson process. Each of them is marked independently: seen as an ad, else among the organic results, else not
at all; ordering or not. Marks are taken in order of arrival, so money and stock run out at the very click that
exhausts them, and after it the same request may still find the organic result. What was seen and not clicked is an
independent Poisson number, over the share of the hour for which there was money: the m-th of n ordered uniforms is the
moment of the m-th click. A latent click does not depend on any bid, and whether an ad is seen is one uniform against
one probability: this is what makes paired comparisons sharp.

A listing seen as an ad is not shown again among the organic results of the same request.
"""

from typing import Any

import numpy as np

from ..market.compiled import procedure
from ..market.rank import remember
from ..market.rivals import rival_reaction
from ..market.traffic import autoregression
from . import rates
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
from .orders import close_run, end_of_hour_stock, mature_orders, midnight, place_order, receive_goods, wait_to_order
from .rates import CLICK, CONVERSION, EXPOSURE, ORGANIC, PRICE, REQUESTS, fill_rates, find_cell
from .streams import Purpose, normals, poisson, uniforms

_NEVER = 1 << 60
_HOURS_PER_DAY = 24
_HOURS_PER_WEEK = 168


@procedure
def _move_market(seed: Any, key: Any, hour: int, store: Any, store_state: Any, channel_state: Any) -> None:
    """Demand and the rivals' level take their hourly random step; nothing an executor does touches these draws."""
    u = uniforms(seed, key, hour, Purpose.MARKET, 0, 0)
    first, second = normals(u[0], u[1])
    third, _ = normals(u[2], u[3])
    store_state[StoreState.DEMAND] = autoregression(
        store_state[StoreState.DEMAND],
        store[StoreField.DEMAND_PERSISTENCE],
        store[StoreField.DEMAND_SD],
        first,
    )
    for c in range(N_CHANNELS):
        channel_state[c, ChannelState.RIVAL_NOISE] = autoregression(
            channel_state[c, ChannelState.RIVAL_NOISE],
            store[StoreField.RIVAL_PERSISTENCE],
            store[StoreField.RIVAL_NOISE_SD],
            second if c == 0 else third,
        )


@procedure
def _click_times(seed: Any, key: Any, hour: int, clicks: int, stops: Any, served: Any) -> None:
    """Turn numbers of clicks into moments of the hour: `served[j]` is the share of the hour before click `stops[j]`.

    Spacings of ordered uniforms are exponentials over their sum (Devroye 1986, section V.2).
    """
    total = 0.0
    for j in range(stops.shape[0]):
        served[j] = 1.0 if stops[j] == _NEVER else 0.0
    for i in range(clicks + 1):
        total -= np.log(uniforms(seed, key, hour, Purpose.CLICK_TIMES, i, 0)[0])
        for j in range(stops.shape[0]):
            if stops[j] == i + 1:
                served[j] = total
    for j in range(stops.shape[0]):
        if 0 < stops[j] < _NEVER:
            served[j] /= total


@procedure
def _serve_clicks(
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
    empty from the start, `_NEVER` if it lasted.
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
        live = stops[0] == _NEVER and stops[1 + c] == _NEVER and stops[1 + N_CHANNELS + k] == _NEVER
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
def _empty_purses(store_state: Any, channel_state: Any, state: Any, stops: Any) -> None:
    """Mark what has no money left before the hour begins."""
    stops[:] = _NEVER
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
def _count_impressions(
    seed: Any, key: Any, hour: int, listings: int, work: Any, served: Any, channel_state: Any, report: Any
) -> None:
    """What buyers saw and did not click, and each channel's share of suitable requests that saw our ads."""
    for c in range(N_CHANNELS):
        requests = 0.0
        won = 0.0
        for k in range(listings):
            share = min(served[0], served[1 + c], served[1 + N_CHANNELS + k])
            ads = 0.0
            organic_beside_ads = 0.0
            organic_alone = 0.0
            for s in range(N_SEGMENTS):
                i = (c * N_SEGMENTS + s) * listings + k
                unclicked = work[REQUESTS, i] * (1.0 - work[CLICK, i])
                requests += work[REQUESTS, i]
                won += work[REQUESTS, i] * work[EXPOSURE, i] * share
                ads += unclicked * work[EXPOSURE, i]
                organic_beside_ads += unclicked * (1.0 - work[EXPOSURE, i]) * work[ORGANIC, i]
                organic_alone += unclicked * work[ORGANIC, i]
            entity = 2 * (c * listings + k)
            organic = organic_beside_ads * share + organic_alone * (1.0 - share)
            ad_views = poisson(ads * share, seed, key, hour, Purpose.IMPRESSIONS, entity)
            organic_views = poisson(organic, seed, key, hour, Purpose.IMPRESSIONS, entity + 1)
            report[k, Report.AD_IMPRESSIONS_SEARCH + c] += ad_views + report[k, Report.AD_CLICKS_SEARCH + c]
            report[k, Report.ORGANIC_IMPRESSIONS_SEARCH + c] += (
                organic_views + report[k, Report.ORGANIC_CLICKS_SEARCH + c]
            )
        channel_state[c, ChannelState.WIN_SHARE] = won / requests if requests > 0.0 else 0.0


@procedure
def _remember(store: Any, channel_state: Any, state: Any, report: Any) -> None:
    """The platform's memory of the hour: organic rank, and the rivals' answer to our wins."""
    for k in range(state.shape[0]):
        row = report[k]
        orders = row[Report.ORDERS_SAME_HOUR] + row[Report.ORDERS_WITHIN_DAY] + row[Report.ORDERS_SLOW]
        clicks = (
            row[Report.AD_CLICKS_SEARCH]
            + row[Report.AD_CLICKS_FEED]
            + row[Report.ORGANIC_CLICKS_SEARCH]
            + row[Report.ORGANIC_CLICKS_FEED]
        )
        state[k, ListingState.MEMORY] = remember(
            state[k, ListingState.MEMORY],
            store[StoreField.RANK_DECAY],
            orders,
            clicks,
            store[StoreField.RANK_CLICK_WEIGHT],
        )
    for c in range(N_CHANNELS):
        channel_state[c, ChannelState.REACTION] = rival_reaction(
            channel_state[c, ChannelState.REACTION],
            channel_state[c, ChannelState.WIN_SHARE],
            store[StoreField.REACTION_REFERENCE],
            store[StoreField.REACTION_RATE],
            store[StoreField.REACTION_STRENGTH],
        )


@procedure
def store_hour(
    seed: Any,
    key: Any,
    calendar: Any,
    weekly: Any,
    store: Any,
    channel: Any,
    segment: Any,
    listing: Any,
    cell: Any,
    store_state: Any,
    channel_state: Any,
    state: Any,
    pending: Any,
    refunds: Any,
    audience: Any,
    report: Any,
    total: Any,
    offer: Any,
    work: Any,
    terms: Any,
    stops: Any,
    served: Any,
) -> None:
    """One hour of one store, in place. Arguments are one store's rows of `StoreArrays`, `StateArrays` and the offer.

    `work`, `terms`, `stops`, `served` are scratch, see `scratch`.
    """
    hour = int(store_state[StoreState.HOUR])
    start = int(store[StoreField.START_HOUR])
    hour_of_week = (start + hour) % _HOURS_PER_WEEK
    day = (start % _HOURS_PER_DAY + hour) // _HOURS_PER_DAY
    report[:] = 0.0
    receive_goods(hour, state)
    if hour_of_week % _HOURS_PER_DAY == 0:
        midnight(seed, key, hour, day, store, listing, state, refunds, report)
        store_state[StoreState.SPENT_TODAY] = 0.0
    _move_market(seed, key, hour, store, store_state, channel_state)
    mature_orders(seed, key, hour, day, False, store, segment, listing, state, pending, refunds, report)
    expected = fill_rates(
        hour,
        hour_of_week,
        calendar[hour],
        weekly,
        store,
        channel,
        segment,
        listing,
        cell,
        store_state,
        channel_state,
        state,
        audience,
        offer,
        work,
        terms,
    )
    _empty_purses(store_state, channel_state, state, stops)
    clicks = _serve_clicks(
        seed,
        key,
        hour,
        day,
        expected,
        store,
        segment,
        listing,
        store_state,
        channel_state,
        state,
        pending,
        refunds,
        offer,
        work,
        stops,
        report,
    )
    _click_shares(seed, key, hour, clicks, stops, served)
    _count_impressions(seed, key, hour, listing.shape[0], work, served, channel_state, report)
    store_state[StoreState.SERVED_SHARE] = served[0]
    _remember(store, channel_state, state, report)
    end_of_hour_stock(hour, store, listing, state)
    if hour + 1 >= store[StoreField.HOURS]:
        close_run(seed, key, hour, day, store, segment, listing, state, pending, refunds, report)
    store_state[StoreState.HOUR] = hour + 1.0
    for k in range(listing.shape[0]):
        for j in range(report.shape[1]):
            total[k, j] += report[k, j]


@procedure
def _click_shares(seed: Any, key: Any, hour: int, clicks: int, stops: Any, served: Any) -> None:
    """Share of the hour each purse lasted; the moments of clicks are drawn only where one ran out on the way."""
    ran_out = False
    for j in range(stops.shape[0]):
        served[j] = 1.0 if stops[j] == _NEVER else 0.0
        ran_out = ran_out or 0 < stops[j] < _NEVER
    if ran_out:
        _click_times(seed, key, hour, clicks, stops, served)


@procedure
def scratch(listings: int) -> Any:
    """Workspace of one thread: (work, terms, stops, served)."""
    purses = 1 + N_CHANNELS + listings
    return (
        np.empty((rates.ROWS, N_CHANNELS * N_SEGMENTS * listings)),
        np.empty((rates.LISTING_ROWS, listings)),
        np.empty(purses, dtype=np.int64),
        np.empty(purses),
    )


@procedure
def simulate(
    first: int,
    last: int,
    hours: int,
    seeds: Any,
    keys: Any,
    calendar: Any,
    weekly: Any,
    store: Any,
    channel: Any,
    segment: Any,
    listing: Any,
    cell: Any,
    store_state: Any,
    channel_state: Any,
    state: Any,
    pending: Any,
    refunds: Any,
    audience: Any,
    report: Any,
    total: Any,
    offer: Any,
) -> None:
    """Run stores first..last-1 for some hours under a fixed offer, in place. Shapes as in `layout`, with B rows."""
    work, terms, stops, served = scratch(listing.shape[1])
    for b in range(first, last):
        for _ in range(hours):
            store_hour(
                seeds[b],
                keys[b],
                calendar[b],
                weekly,
                store[b],
                channel[b],
                segment[b],
                listing[b],
                cell[b],
                store_state[b],
                channel_state[b],
                state[b],
                pending[b],
                refunds[b],
                audience[b],
                report[b],
                total[b],
                offer[b],
                work,
                terms,
                stops,
                served,
            )
