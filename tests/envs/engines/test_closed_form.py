"""The engine's means against what can be worked out by hand, and its traffic against the published curve."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import norm

from merchantgym.envs.engines.layout import ChannelState, ListingState, Report, StateArrays, StoreField, StoreState
from merchantgym.envs.market.parameters import reference_market
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.store import Store, pack_stores, quality_scores

from ...worlds import Floats, copies, flat_offer, plain_store, plans_for, run_engine, set_money

BIDS = np.array([0.7, 0.25])
COPIES = 500
WEEK = 168


def still_store() -> Store:
    """One segment, flywheel 0, nothing random but the visitors, nothing that learns or runs out."""
    store = plain_store(2)
    market = replace(
        store.market,
        segment_share=(1.0, 0.0, 0.0, 0.0),
        flywheel=0.0,
        demand_sd=0.0,
        rival_noise_sd=0.0,
        rival_reaction_strength=0.0,
        review_rate=0.0,
        complaint_share=0.0,
    )
    return replace(store, market=market)


def by_hand(store: Store) -> dict[str, Floats]:
    """Expected numbers of a whole week, each (C, K): the formulas of the auction's and the click's documentation."""
    market, goods = store.market, store.listings
    seen = {name: np.zeros((2, 2)) for name in ("ads", "organic", "ad clicks", "organic clicks", "spend", "orders")}
    quality = quality_scores(store)
    reviews = np.log(1.0 + goods.reviews)
    order = market.conversion_log_odds + goods.relevance + market.review_elasticity * reviews
    conversion = 1.0 / (1.0 + np.exp(-order - market.segment_conversion[0]))
    for hour in range(WEEK):
        for c in range(2):
            requests = store.volume[c] * market.weekly_traffic[hour] * goods.match[:, 0]
            click_odds = market.click_log_odds + goods.appeal + market.click_review_effect * reviews
            click = 1.0 / (1.0 + np.exp(-click_odds - market.channel_click[c]))
            mu = np.log(market.rival_level[c]) + market.rival_segment_shift[0]
            mu += market.rival_swing * np.cos(2.0 * np.pi * (hour % 24 - market.rival_peak_hour) / 24.0)
            sigma = market.rival_sd[c]
            z = [(np.log(BIDS * quality / market.rival_ratio**slot) - mu) / sigma for slot in range(3)]
            shown = 0.2 * norm.cdf(z[0]) + 0.2 * norm.cdf(z[1]) + 0.6 * norm.cdf(z[2])  # seen with 1.0, 0.8, 0.6
            tails = norm.cdf(np.array(z) - sigma)
            steps = (1.0 - 0.8 * 0.8, 0.8 * 0.8 - 0.6 * 0.64, 0.6 * 0.64)
            second = (
                np.exp(mu + sigma**2 / 2.0) * sum(a * t for a, t in zip(steps, tails, strict=True)) / quality / shown
            )
            price = np.floor(100.0 * np.clip(second, market.reserve_price, BIDS))
            organic = (1.0 - shown) / (1.0 + store.organic_rivals[c])
            seen["ads"][c] += requests * shown
            seen["organic"][c] += requests * organic
            seen["ad clicks"][c] += requests * shown * click
            seen["organic clicks"][c] += requests * organic * click
            seen["spend"][c] += requests * shown * click * price
            seen["orders"][c] += requests * (shown + organic) * click * conversion
    return seen


@pytest.fixture(scope="module")
def week() -> tuple[Store, Floats]:
    """A still store and the reports of many copies' first week, (copies, K, Report)."""
    store = still_store()
    arrays, state = copies(pack_stores([store]), StateArrays.zeros(1, 2), np.zeros(COPIES, dtype=int))
    now = state.listing
    now[:, :, ListingState.STOCK], now[:, :, ListingState.LISTED] = 1e12, 1.0
    now[:, :, ListingState.REVIEWS] = store.listings.reviews
    now[:, :, ListingState.STAR_SUM] = store.listings.reviews * store.market.reference_rating
    set_money(state)
    arrays.store[:, StoreField.HOURS] = WEEK  # closes the books: every order is seen
    run_engine(arrays, state, flat_offer(COPIES, BIDS, [2000.0, 2000.0]), WEEK)
    return store, state.total


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("ads", Report.AD_IMPRESSIONS_SEARCH),
        ("organic", Report.ORGANIC_IMPRESSIONS_SEARCH),
        ("ad clicks", Report.AD_CLICKS_SEARCH),
        ("organic clicks", Report.ORGANIC_CLICKS_SEARCH),
        ("spend", Report.SPEND_SEARCH),
    ],
)
def test_expected_numbers_equal_the_closed_form(week: tuple[Store, Floats], name: str, first: Report) -> None:
    store, total = week
    got = total[:, :, first : first + 2].transpose(0, 2, 1)  # (copies, C, K)
    expected = by_hand(store)[name]
    error = got.std(axis=0, ddof=1) / np.sqrt(COPIES)
    assert (np.abs(got.mean(axis=0) - expected) < 4.0 * error).all()
    assert got.mean(axis=0).sum() == pytest.approx(expected.sum(), rel=0.003)
    if name in ("ads", "ad clicks"):
        assert got.mean(axis=0) == pytest.approx(expected, rel=0.005)


def test_orders_equal_the_closed_form_once_all_have_come(week: tuple[Store, Floats]) -> None:
    """0.2 % of the slow ones lie beyond the attribution window of 30 days after the week."""
    store, total = week
    orders = total[:, :, Report.ORDERS_SAME_HOUR : Report.ORDERS_SLOW + 1].sum(axis=2)
    late = 0.5 * (1.0 - 1.0 / 120.0) ** 720 * (1.0 - 1.0 / 120.0) ** 84
    expected = by_hand(store)["orders"].sum(axis=0) * (1.0 - late)
    error = orders.std(axis=0, ddof=1) / np.sqrt(COPIES)
    assert (np.abs(orders.mean(axis=0) - expected) < 4.0 * error).all()


def test_orders_come_with_the_published_delay(week: tuple[Store, Floats]) -> None:
    _, total = week
    classes = total[:, :, Report.ORDERS_SAME_HOUR : Report.ORDERS_SLOW + 1].sum(axis=(0, 1))
    share = classes / classes.sum()
    assert share == pytest.approx([0.35, 0.15, 0.50], abs=4.0 * 0.5 / np.sqrt(classes.sum()) + 0.001)


def test_traffic_by_hour_follows_the_published_curve(steady: OpenStores) -> None:
    """Impressions of all kinds by hour of the week under ordinary plans; the rivals' daily swing is in them.

    Means: the market's two random walks, which live for days and would need thousands of stores to average out, stand
    still.
    """
    rows = np.repeat(np.arange(len(steady)), 8)
    arrays, state = copies(steady.start.arrays, steady.start.state, rows)
    arrays.store[:, [StoreField.DEMAND_SD, StoreField.RIVAL_NOISE_SD]] = 0.0
    state.store[:, StoreState.DEMAND] = 0.0
    state.channel[:, :, ChannelState.RIVAL_NOISE] = 0.0
    set_money(state)
    plans = plans_for(steady)
    offer = flat_offer(len(rows), plans.bid[rows], plans.price[rows] * 100.0)
    start = arrays.store[:, StoreField.START_HOUR].astype(int)
    seen = np.zeros(WEEK)
    for _ in range(WEEK):
        hour = state.store[:, StoreState.HOUR].astype(int)
        run_engine(arrays, state, offer, 1)
        columns = slice(Report.AD_IMPRESSIONS_SEARCH, Report.ORGANIC_IMPRESSIONS_FEED + 1)
        np.add.at(seen, (start + hour) % WEEK, state.hour[:, :, columns].sum(axis=(1, 2)))
    curve = np.array(reference_market().weekly_traffic)
    assert np.corrcoef(seen, curve)[0, 1] > 0.99
    for day in range(7):  # and within each day, peak and night
        hours = slice(24 * day, 24 * day + 24)
        assert np.corrcoef(seen[hours], curve[hours])[0, 1] > 0.99
