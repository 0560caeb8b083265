"""The rates of an hour: the engine's against the oracle's, and what a bid may and may not do to them."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchantgym.envs.engines.desk import Clicked, Rate, Where, lay_out, new_buffers
from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    N_SEGMENTS,
    ChannelState,
    ListingState,
    Offer,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from merchantgym.envs.engines.rates import fill_rates, price_clicked
from merchantgym.envs.market.compiled import entry
from merchantgym.envs.opening import OpenStores

from ...oracle import Rates, hour_rates
from ...worlds import Floats, copies, opened


def engine_rates(arrays: StoreArrays, state: StateArrays, offer: Floats) -> tuple[Rates, Floats]:
    """The engine's rates of all stores, every cell taken as clicked, and its expected clicks, (B, C, S, K)."""
    B, K = arrays.stores, arrays.listings
    N = N_CHANNELS * N_SEGMENTS * K
    everywhere = {
        Where.CELL: np.arange(N), Where.COUNT: 1, Where.GROUP: np.arange(N) // K, Where.LISTING: np.arange(N) % K
    }  # fmt: skip
    found = np.empty((B, len(fields(Rates)), N))
    clicks = np.empty((B, N))
    numbers, places = new_buffers(K)
    for b in range(B):
        _price_store(b, arrays, state, offer, numbers, places, everywhere)
        desk = lay_out(numbers, places, K)
        found[b, :4] = desk.cells[[Rate.REQUESTS, Rate.CLICK, Rate.EXPOSURE, Rate.ORGANIC]]
        found[b, 4:] = desk.clicked[[Clicked.PRICE, Clicked.CONVERSION]]
        clicks[b] = desk.cells[Rate.CLICKS]
    shape = (B, N_CHANNELS, N_SEGMENTS, K)
    names = ("requests", "click", "exposure", "organic", "price", "conversion")
    return Rates(**{name: found[:, row].reshape(shape) for row, name in enumerate(names)}), clicks.reshape(shape)


def _price_store(
    b: int,
    arrays: StoreArrays,
    state: StateArrays,
    offer: Floats,
    numbers: Floats,
    places: np.ndarray,
    everywhere: dict[Where, Any],
) -> None:
    hour = int(state.store[b, StoreState.HOUR])
    week = (int(arrays.store[b, StoreField.START_HOUR]) + hour) % 168
    desk = lay_out(numbers, places, arrays.listings)
    for row, values in everywhere.items():
        desk.where[row] = values
    _compiled_rates(
        hour,
        week,
        arrays.calendar[b, hour],
        arrays.weekly,
        arrays.store[b],
        arrays.channel[b],
        arrays.segment[b],
        arrays.listing[b],
        arrays.cell[b],
        state.store[b],
        state.channel[b],
        state.listing[b],
        state.audience[b],
        offer[b],
        numbers,
        places,
    )


@entry
def _compiled_rates(
    hour: Any, week: Any, promotion: Any, weekly: Any, store: Any, channel: Any, segment: Any, listing: Any, cell: Any,
    shop: Any, channels: Any, state: Any, audience: Any, offer: Any, numbers: Any, places: Any,
) -> None:  # fmt: skip
    desk = lay_out(numbers, places, listing.shape[0])
    fill_rates(
        hour, week, promotion, weekly, store, channel, segment, listing, cell, shop, channels, state, audience, offer,
        desk,
    )  # fmt: skip
    price_clicked(desk.cells.shape[1], store, channel, segment, listing, audience, desk)


def rough_state(stores: OpenStores, seed: int) -> tuple[StoreArrays, StateArrays, Floats]:
    """The stores at arbitrary hours in arbitrary but possible states, with arbitrary offers."""
    rng = np.random.default_rng(seed)
    arrays, state = copies(stores.start.arrays, stores.start.state, np.tile(np.arange(len(stores)), 2))
    B, K = arrays.stores, arrays.listings
    arrays.store[:, StoreField.FLYWHEEL] = rng.choice([0.0, 0.5, 1.3], B)
    state.store[:, StoreState.HOUR] = rng.integers(0, 336, B)
    state.store[::4, StoreState.HOUR] = arrays.calendar[::4].argmax(axis=1) + rng.integers(
        0, 24, len(arrays.calendar[::4])
    )
    state.store[:, StoreState.DEMAND] = rng.normal(0.0, 0.5, B)
    state.channel[:, :, ChannelState.RIVAL_NOISE] = rng.normal(0.0, 0.4, (B, N_CHANNELS))
    state.channel[:, :, ChannelState.REACTION] = rng.normal(0.0, 0.2, (B, N_CHANNELS))
    state.listing[:, :, ListingState.LISTED] = rng.random((B, K)) < 0.9
    state.listing[:, :, ListingState.MEMORY] = rng.gamma(1.0, 0.1, (B, K))
    state.listing[:, :, ListingState.REVIEWS] = rng.integers(0, 500, (B, K))
    state.listing[:, :, ListingState.STAR_SUM] = state.listing[:, :, ListingState.REVIEWS] * rng.uniform(
        1.0, 5.0, (B, K)
    )
    state.audience[:] = rng.uniform(0.0, 3.0, state.audience.shape)
    offer = np.empty((B, K, len(Offer)))
    offer[:, :, :2] = rng.lognormal(-0.7, 1.2, (B, K, 2)) * (rng.random((B, K, 2)) < 0.9)
    offer[:, :, Offer.PRICE] = np.round(rng.uniform(300.0, 12_000.0, (B, K)))
    return arrays, state, offer


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_engine_and_the_oracle_agree_on_every_rate(headline: OpenStores, seed: int) -> None:
    arrays, state, offer = rough_state(headline, seed)
    ours, expected = engine_rates(arrays, state, offer)
    ranks = state.listing[:, :, ListingState.RANK].copy()
    state.listing[:, :, ListingState.RANK] = np.nan
    hour = state.store[:, StoreState.HOUR].astype(int)
    week = (arrays.store[:, StoreField.START_HOUR].astype(int) + hour) % 168
    theirs = hour_rates(hour, week, arrays, state, offer)
    assert state.listing[:, :, ListingState.RANK] == pytest.approx(ranks, rel=1e-9)
    for field in fields(Rates):
        mine, other = getattr(ours, field.name), getattr(theirs, field.name)
        shown = theirs.exposure > 0.0 if field.name == "price" else np.ones_like(mine, dtype=bool)
        assert mine[shown] == pytest.approx(other[shown], rel=1e-8, abs=1e-12), field.name
    seen = theirs.exposure + (1.0 - theirs.exposure) * theirs.organic
    assert expected == pytest.approx(theirs.requests * theirs.click * seen, rel=1e-8, abs=1e-12)


def test_events_of_the_calendar_reach_the_rates(headline: OpenStores) -> None:
    """Guard of the test above: promotion days, outside events and new rivals were among its hours."""
    arrays, state, _ = rough_state(headline, 1)
    hour = state.store[:, StoreState.HOUR]
    assert arrays.calendar[np.arange(len(hour)), hour.astype(int)].sum() >= 8
    assert (hour > arrays.store[:, StoreField.SHOCK_ONSET]).sum() >= 4
    assert (hour >= arrays.store[:, StoreField.ENTRY_HOUR]).sum() >= 4


def test_probabilities_and_prices_are_in_range(headline: OpenStores) -> None:
    arrays, state, offer = rough_state(headline, 4)
    rates, _ = engine_rates(arrays, state, offer)
    for name in ("click", "exposure", "organic", "conversion"):
        values = getattr(rates, name)
        assert values.min() >= 0.0, name
        assert values.max() <= 1.0, name
    assert rates.requests.min() >= 0.0
    bid = offer[:, :, :2].transpose(0, 2, 1)[:, :, None, :] * state.audience[:, None, :, None]
    reserve = arrays.store[:, None, None, None, StoreField.RESERVE]
    live = rates.exposure > 0.0
    assert (bid >= reserve)[live].all()
    assert (rates.price <= bid)[live].all()
    assert (rates.price >= reserve)[live].all()


def impressions(rates: Rates) -> Floats:
    """Expected impressions of each listing while the money lasts, ad or organic but not both in one request, (B, K)."""
    seen = rates.exposure + (1.0 - rates.exposure) * rates.organic
    return (rates.requests * seen).sum(axis=(1, 2))


@given(st.integers(0, 7), st.floats(1.0, 50.0), st.booleans(), st.booleans(), st.integers(5, 400))
def test_raising_only_one_listings_bid(k: int, factor: float, search: bool, feed: bool, seed: int) -> None:
    """It is never seen less by it, and nobody else's rates move."""
    arrays, state, offer = rough_state(opened("headline"), seed)
    before, _ = engine_rates(arrays, state, offer)
    offer[:, k, Offer.BID_SEARCH] *= factor if search else 1.0
    offer[:, k, Offer.BID_FEED] *= factor if feed else 1.0
    after, _ = engine_rates(arrays, state, offer)
    assert (after.exposure[..., k] >= before.exposure[..., k] - 1e-12).all()
    assert (impressions(after)[:, k] >= impressions(before)[:, k] * (1.0 - 1e-12)).all()
    others = np.arange(arrays.listings) != k
    for field in fields(Rates):
        assert (getattr(after, field.name)[..., others] == getattr(before, field.name)[..., others]).all()
    assert (after.requests == before.requests).all()
    assert (after.click == before.click).all()
