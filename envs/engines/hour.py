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
from .clicks import click_shares, empty_purses, serve_clicks
from .layout import (
    N_CHANNELS,
    N_SEGMENTS,
    ChannelState,
    ListingState,
    Report,
    StoreField,
    StoreState,
)
from .orders import close_run, end_of_hour_stock, mature_orders, midnight, receive_goods
from .rates import CLICK, EXPOSURE, ORGANIC, REQUESTS, fill_rates
from .streams import Purpose, normals, poisson, uniforms

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
    empty_purses(store_state, channel_state, state, stops)
    clicks = serve_clicks(
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
    click_shares(seed, key, hour, clicks, stops, served)
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
