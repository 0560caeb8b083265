"""The compiled engine: one hour of one store after another, exact by thinning.

Within an hour rates are constant, so the clicks of a cell (channel, segment, listing) are a Poisson process of its own,
and each is marked independently: seen as an ad or among the organic results, ordering or not, at which moment. Where a
purse may run out clicks are taken in the order of their moments, so that it does so at the very click that exhausts it;
after it the same request may still find the organic result. What was seen and not clicked is an independent Poisson
number, over the share of the hour for which there was money. Each cell's number comes by inversion of one uniform, and
each click has its own marks: a bid that rises a little turns few of them, which makes paired comparisons sharp.

A listing seen as an ad is not shown again among the organic results of the same request.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..market.compiled import entry, stage
from ..market.rank import remember
from ..market.rivals import rival_reaction
from ..market.traffic import autoregression
from .clicks import count_clicks, draw_clicks, open_purses, parts_of_hour, serve_clicks
from .desk import Purse, Rate, View, lay_out, new_buffers
from .layout import (
    N_CHANNELS,
    N_SEGMENTS,
    ChannelState,
    FloatArray,
    ListingState,
    Report,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from .orders import close_run, end_of_hour_stock, mature_orders, midnight, receive_goods
from .rates import fill_rates, price_clicked
from .streams import Purpose, fill_poisson, fill_uniforms, normals, uniforms

_HOURS_PER_DAY = 24
_HOURS_PER_WEEK = 168


@stage
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


@stage
def _share_views(listings: int, cells: Any, lasted: Any) -> None:
    """Expected views without a click, cell by cell, over the share of the hour for which there was money."""
    for c in range(N_CHANNELS):
        for s in range(N_SEGMENTS):
            first = (c * N_SEGMENTS + s) * listings
            for k in range(listings):
                share = min(lasted[0], lasted[1 + c], lasted[1 + N_CHANNELS + k])
                cells[Rate.SEEN, first + k] = cells[Rate.EXPOSURE, first + k] * share
    for i in range(cells.shape[1]):
        cells[Rate.WON, i] = cells[Rate.REQUESTS, i] * cells[Rate.SEEN, i]
    for i in range(cells.shape[1]):
        cells[Rate.AD_VIEWS, i] = cells[Rate.WON, i] * (1.0 - cells[Rate.CLICK, i])
    for i in range(cells.shape[1]):
        unseen = (cells[Rate.REQUESTS, i] - cells[Rate.WON, i]) * (1.0 - cells[Rate.CLICK, i])
        cells[Rate.ORGANIC_VIEWS, i] = unseen * cells[Rate.ORGANIC, i]


@stage
def _count_impressions(
    seed: Any, key: Any, hour: int, listings: int, desk: Any, channel_state: Any, report: Any
) -> None:
    """What buyers saw and did not click, and each channel's share of suitable requests that saw our ads."""
    cells, views = desk.cells, desk.views
    _share_views(listings, cells, desk.purses[Purse.LASTED])
    for c in range(N_CHANNELS):
        requests = 0.0
        won = 0.0
        first, ads = c * N_SEGMENTS * listings, 2 * c * listings
        for k in range(listings):
            i = first + k
            ad_views = organic_views = 0.0
            for s in range(N_SEGMENTS):
                ad_views += cells[Rate.AD_VIEWS, i + s * listings]
                organic_views += cells[Rate.ORGANIC_VIEWS, i + s * listings]
            views[View.MEAN, ads + k] = ad_views
            views[View.MEAN, ads + listings + k] = organic_views
        for i in range(first, first + N_SEGMENTS * listings):
            requests += cells[Rate.REQUESTS, i]
            won += cells[Rate.WON, i]
        channel_state[c, ChannelState.WIN_SHARE] = won / requests if requests > 0.0 else 0.0
    u = desk.draws[0, : views.shape[1]]
    fill_uniforms(seed, key, hour, Purpose.IMPRESSIONS, u)
    fill_poisson(views[View.MEAN], u, views[View.COUNT], desk.draws[1:])
    for c in range(N_CHANNELS):
        for k in range(listings):
            row, ads = report[k], 2 * c * listings + k
            row[Report.AD_IMPRESSIONS_SEARCH + c] = views[View.COUNT, ads] + row[Report.AD_CLICKS_SEARCH + c]
            row[Report.ORGANIC_IMPRESSIONS_SEARCH + c] = (
                views[View.COUNT, ads + listings] + row[Report.ORGANIC_CLICKS_SEARCH + c]
            )


@stage
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


@stage
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
    desk: Any,
) -> None:
    """One hour of one store, in place. Arguments are one store's rows of `StoreArrays`, `StateArrays` and the offer.

    `desk` is the workspace, see `desk.Desk`.
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
    fill_rates(
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
        desk,
    )
    clicked = count_clicks(seed, key, hour, desk)
    price_clicked(clicked, store, channel, segment, listing, audience, desk)
    in_order = open_purses(clicked, listing.shape[0], store_state, channel_state, state, desk)
    parts = parts_of_hour(clicked, desk)
    for part in range(parts):
        clicks = draw_clicks(seed, key, hour, clicked, part, parts, desk)
        serve_clicks(
            seed,
            key,
            hour,
            day,
            clicks,
            in_order,
            store,
            segment,
            listing,
            store_state,
            channel_state,
            state,
            pending,
            refunds,
            offer,
            desk,
            report,
        )
    _count_impressions(seed, key, hour, listing.shape[0], desk, channel_state, report)
    store_state[StoreState.SERVED_SHARE] = desk.purses[Purse.LASTED, 0]
    _remember(store, channel_state, state, report)
    end_of_hour_stock(hour, store, listing, state)
    if hour + 1 >= store[StoreField.HOURS]:
        close_run(seed, key, hour, day, store, segment, listing, state, pending, refunds, report)
    store_state[StoreState.HOUR] = hour + 1.0
    for k in range(listing.shape[0]):
        for j in range(report.shape[1]):
            total[k, j] += report[k, j]


@entry
def _simulate(
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
    numbers: Any,
    places: Any,
) -> None:
    """The compiled part of `simulate`; `numbers` and `places` are its workspace, see `desk.new_buffers`."""
    desk = lay_out(numbers, places, listing.shape[1])
    for b in range(store.shape[0]):
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
                desk,
            )


def simulate(
    arrays: StoreArrays,
    state: StateArrays,
    offer: FloatArray,
    hours: int,
    seeds: NDArray[np.uint64],
    keys: NDArray[np.uint64],
) -> None:
    """Run B stores for some hours under a fixed offer, in place.

    Args:
        offer: (B, K, Offer).
        seeds, keys: (B,) the two halves of each store's random key, see `streams.as_keys`.
    """
    _simulate(
        hours,
        seeds,
        keys,
        arrays.calendar,
        arrays.weekly,
        arrays.store,
        arrays.channel,
        arrays.segment,
        arrays.listing,
        arrays.cell,
        state.store,
        state.channel,
        state.listing,
        state.pending,
        state.refunds,
        state.audience,
        state.hour,
        state.total,
        offer,
        *new_buffers(arrays.listings),
    )
