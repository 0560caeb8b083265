"""Spend never exceeds a purse, and the click that empties one is charged what is left."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.envs.engines.desk import ROOM
from merchantgym.envs.engines.layout import (
    ChannelField,
    ChannelState,
    ListingField,
    ListingState,
    Report,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.store import pack_stores

from ...worlds import PLENTY, Floats, copies, flat_offer, opened, plain_store, run_engine, set_money

purses = st.one_of(st.integers(0, 300), st.integers(0, 200_000), st.just(int(PLENTY)))  # [fen]
bids = st.one_of(st.just(0.0), st.floats(0.01, 3.0), st.floats(0.01, 500.0))  # [CNY per click]


def spent(state: StateArrays) -> Floats:
    """[fen] of the last hour, (B, K, C)."""
    return state.hour[:, :, Report.SPEND_SEARCH : Report.SPEND_FEED + 1]


def ad_counts(state: StateArrays) -> Floats:
    """Ad impressions and clicks of the last hour, (B, K, 2, C)."""
    columns = [
        [Report.AD_IMPRESSIONS_SEARCH, Report.AD_IMPRESSIONS_FEED],
        [Report.AD_CLICKS_SEARCH, Report.AD_CLICKS_FEED],
    ]
    return state.hour[:, :, columns]


@given(
    purses,
    purses,
    st.tuples(purses, purses),
    st.lists(purses, min_size=8, max_size=8),
    st.lists(st.lists(bids, min_size=8, max_size=8), min_size=1, max_size=6),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=60)
def test_no_sequence_of_bids_overspends_any_purse(
    total: int,
    daily: int,
    channel: tuple[int, int],
    listing: list[int],
    sequence: list[list[float]],
    seed: int,
) -> None:
    start = opened("headline").start
    arrays, state = copies(start.arrays, start.state, np.arange(8))
    set_money(state, total, daily, np.array(channel), np.array(listing))
    price = arrays.listing[:, :, ListingField.REFERENCE_PRICE]
    for hour in range(40):
        run_engine(arrays, state, flat_offer(8, sequence[hour % len(sequence)], np.round(price)), 1, seed=seed)
        assert (state.store[:, StoreState.SPENT] <= total).all()
        assert (state.store[:, StoreState.SPENT_TODAY] <= daily).all()
        assert (state.channel[:, :, ChannelState.SPENT] <= channel).all()
        assert (state.listing[:, :, ListingState.SPENT] <= listing).all()
    spend = state.total[:, :, Report.SPEND_SEARCH : Report.SPEND_FEED + 1]
    assert (spend == np.floor(spend)).all()
    assert (spend.sum(axis=(1, 2)) == state.store[:, StoreState.SPENT]).all()
    assert (spend.sum(axis=1) == state.channel[:, :, ChannelState.SPENT]).all()
    assert (spend.sum(axis=2) == state.listing[:, :, ListingState.SPENT]).all()


def one_cell(clicks_per_hour: float) -> tuple[StoreArrays, StateArrays, Floats, float]:
    """400 copies of a store with one listing, segment and channel: every click costs the same in the first hour."""
    store = plain_store(1)
    market = replace(
        store.market, segment_share=(1.0, 0.0, 0.0, 0.0), demand_sd=0.0, rival_noise_sd=0.0, rival_level=(0.6, 0.6)
    )
    arrays = pack_stores([replace(store, market=market)])
    arrays, state = copies(arrays, StateArrays.zeros(1, 1), np.zeros(400, dtype=int))
    state.listing[:, :, ListingState.STOCK] = 1e9
    state.listing[:, :, ListingState.LISTED] = 1.0
    arrays.channel[:, 1, ChannelField.VOLUME] = 0.0
    arrays.channel[:, 0, ChannelField.ORGANIC_RIVALS] = 1e9
    set_money(state)
    offer = flat_offer(400, [[1.0]], [[2000.0]])
    trial = state.copy()
    run_engine(arrays, trial, offer, 1)
    clicks = trial.hour[:, 0, Report.AD_CLICKS_SEARCH]
    arrays.channel[:, 0, ChannelField.VOLUME] *= clicks_per_hour / clicks.mean()
    price = trial.hour[:, 0, Report.SPEND_SEARCH].sum() / clicks.sum()
    assert price == np.floor(price)
    return arrays, state, offer, float(price)


@pytest.mark.parametrize("purse", ["total", "daily", "channel", "listing"])
@pytest.mark.parametrize("left", [1, 37, 500, 1000])
def test_the_click_that_exhausts_is_charged_what_is_left(purse: str, left: int) -> None:
    arrays, state, offer, price = one_cell(20.0)
    set_money(state, **{purse: left})
    ample = state.copy()
    set_money(ample)
    run_engine(arrays, ample, offer, 1)
    run_engine(arrays, state, offer, 1)
    wanted, clicks = ample.hour[:, 0, Report.AD_CLICKS_SEARCH], state.hour[:, 0, Report.AD_CLICKS_SEARCH]
    enough = np.ceil(left / price)
    assert (clicks == np.minimum(wanted, enough)).all()
    assert (state.hour[:, 0, Report.SPEND_SEARCH] == np.minimum(wanted * price, left)).all()
    ended = wanted >= enough
    assert ended.any()
    assert (state.hour[ended, 0, Report.SPEND_SEARCH] == left).all()
    if purse in ("total", "daily"):
        share = state.store[:, StoreState.SERVED_SHARE]
        assert (share[~ended] == 1.0).all()
        assert ((share > 0.0) & (share < 1.0))[ended].all()


def test_the_money_lasts_to_the_moment_of_the_last_click() -> None:
    """The m-th of n clicks comes, on average, after m / (n + 1) of the hour; impressions stop there too."""
    arrays, state, offer, price = one_cell(20.0)
    ample = state.copy()
    run_engine(arrays, ample, offer, 1)
    wanted = ample.hour[:, 0, Report.AD_CLICKS_SEARCH]
    set_money(state, total=5.0 * price)
    run_engine(arrays, state, offer, 1)
    ended = wanted >= 5
    # Latent clicks that saw no ad lie between those that did, at even chances: the moment counts among those that did.
    expected = 5.0 / (wanted[ended] + 1.0)
    share = state.store[ended, StoreState.SERVED_SHARE]
    spread = np.sqrt(expected * (1.0 - expected) / (wanted[ended] + 2.0))
    assert abs(((share - expected) / spread).mean()) < 4.0 / np.sqrt(ended.sum())
    assert ((share - expected) / spread).std() == pytest.approx(1.0, abs=0.15)
    seen = state.hour[ended, 0, Report.AD_IMPRESSIONS_SEARCH] - 5.0
    unlimited = ample.hour[ended, 0, Report.AD_IMPRESSIONS_SEARCH] - wanted[ended]
    assert seen.sum() == pytest.approx((unlimited * share).sum(), rel=0.03)


def test_an_hour_with_more_clicks_than_there_is_room_for_is_served_in_parts() -> None:
    """The same law: Poisson clicks, the last charged what is left, at the moment of that click."""
    arrays, state, offer, price = one_cell(20.0)
    arrays.channel[:, 0, ChannelField.VOLUME] *= 5.0 * ROOM / 20.0
    ample = state.copy()
    run_engine(arrays, ample, offer, 1)
    wanted = ample.hour[:, 0, Report.AD_CLICKS_SEARCH]
    assert wanted.min() > 4.0 * ROOM
    assert wanted.var() == pytest.approx(wanted.mean(), rel=0.3)
    assert (ample.hour[:, 0, Report.SPEND_SEARCH] == wanted * price).all()
    enough = 3.0 * ROOM
    set_money(state, total=enough * price)
    run_engine(arrays, state, offer, 1)
    assert (state.hour[:, 0, Report.AD_CLICKS_SEARCH] == enough).all()
    share = state.store[:, StoreState.SERVED_SHARE]
    expected = enough / (wanted + 1.0)
    spread = np.sqrt(expected * (1.0 - expected) / (wanted + 2.0))
    assert abs(((share - expected) / spread).mean()) < 4.0 / np.sqrt(len(share))


def test_an_empty_purse_shows_no_ad_but_the_organic_result(headline: OpenStores) -> None:
    arrays, state = copies(headline.start.arrays, headline.start.state, np.repeat(np.arange(4), 50))
    arrays.store[:, StoreField.FLYWHEEL] = 0.0
    offer = flat_offer(200, np.full(8, 2.0), np.round(arrays.listing[:, :, ListingField.REFERENCE_PRICE]))
    set_money(state)
    ample = run_engine(arrays, state.copy(), offer, 6)
    for changes, empty in (
        ({"total": 0}, np.s_[:, :, :, :]),
        ({"daily": 0}, np.s_[:, :, :, :]),
        ({"channel": np.array([0, PLENTY])}, np.s_[:, :, :, :1]),
        ({"listing": np.array([0.0] + [PLENTY] * 7)}, np.s_[:, :1, :, :]),
    ):
        poor = state.copy()
        set_money(poor, **changes)
        run_engine(arrays, poor, offer, 6)
        assert ad_counts(poor)[empty].sum() == 0.0
    set_money(state, total=0)
    run_engine(arrays, state, offer, 6)
    assert state.total[:, :, Report.ORGANIC_CLICKS_SEARCH].sum() > ample.total[:, :, Report.ORGANIC_CLICKS_SEARCH].sum()
    assert (state.store[:, StoreState.SERVED_SHARE] == 0.0).all()
    assert (state.channel[:, :, ChannelState.WIN_SHARE] == 0.0).all()
    assert spent(state).sum() == 0.0


def test_the_daily_purse_is_refilled_at_midnight_and_only_then(headline: OpenStores) -> None:
    arrays, state = copies(headline.start.arrays, headline.start.state, np.arange(32))
    set_money(state, daily=500)
    offer = flat_offer(32, np.full(8, 3.0), np.round(arrays.listing[:, :, ListingField.REFERENCE_PRICE]))
    for day in range(3):
        run_engine(arrays, state, offer, 20)
        assert (state.store[:, StoreState.SPENT_TODAY] == 500.0).all()
        run_engine(arrays, state, offer, 4)
        assert spent(state).sum() == 0.0
        assert (state.store[:, StoreState.SPENT] == 500.0 * (day + 1)).all()
