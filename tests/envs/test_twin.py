"""The twin: believed stores given a back office alone."""

from dataclasses import fields, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.engines.layout import ListingField, ListingState
from merchantgym.envs.opening import OpenStores, open_stores
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.store import NEVER
from merchantgym.envs.task import LedgerListing
from merchantgym.envs.traits import ListingTrait, ShopTrait, listing_traits, shop_traits
from merchantgym.envs.twin import believed_stores

from ..agents.planners.back_offices import back_offices
from ..worlds import Floats, opened

DRAWS = 32
HEADLINE = load_scenario("headline")


@cache
def twins() -> OpenStores:
    """Believed stores of the 32 headline stores."""
    return believed_stores(opened("headline").offices, HEADLINE, DRAWS, seed=1)


def same(left: OpenStores, right: OpenStores) -> bool:
    """Whether everything that an engine reads of them is equal, bit for bit."""
    parts = [(getattr(left.start, name), getattr(right.start, name)) for name in ("arrays", "state", "task")]
    return all(np.array_equal(getattr(a, f.name), getattr(b, f.name)) for a, b in parts for f in fields(a))


def believed(trait: ListingTrait) -> tuple[Floats, Floats]:
    """Draws (32, DRAWS, K) of a listing's trait, and the truth (32, K)."""
    drawn = np.stack([listing_traits(store)[:, trait] for store in twins().stores])
    truth = np.stack([listing_traits(store)[:, trait] for store in opened("headline").stores])
    return drawn.reshape(len(truth), DRAWS, -1), truth


def test_true_stores_with_one_back_office_have_one_twin() -> None:
    """What will happen to a store is part of its truth, and its week does not show it."""
    calm = replace(opened("headline").stores[3], shock_onset=NEVER, entry_hour=NEVER)
    struck = replace(calm, shock_onset=10.0, shock_decay=90.0, entry_hour=1.0, entry_shift=2.0)
    pair = open_stores([calm, struck], [11, 11])
    assert not np.array_equal(pair.start.arrays.store[0], pair.start.arrays.store[1])
    first, second = (believed_stores([office], HEADLINE, 4, seed=5) for office in pair.offices)
    assert same(first, second)
    assert not same(first, believed_stores([pair.offices[0]], HEADLINE, 4, seed=6))
    busier = replace(pair.offices[0], clicks=3.0 * pair.offices[0].clicks)
    assert not same(first, believed_stores([busier], HEADLINE, 4, seed=5))


def test_an_office_is_believed_the_same_alone_and_among_others() -> None:
    office = opened("headline").offices[7]
    alone = believed_stores([office], HEADLINE, DRAWS, seed=1)
    among = twins()
    rows = slice(7 * DRAWS, 8 * DRAWS)
    np.testing.assert_array_equal(alone.start.arrays.listing, among.start.arrays.listing[rows])
    np.testing.assert_array_equal(alone.start.state.pending, among.start.state.pending[rows])
    assert alone.stores[0].name == office.store


def test_takes_over_what_the_office_shows() -> None:
    stores = twins()
    for row in (0, 5 * DRAWS + 1, len(stores) - 1):
        office, store = stores.offices[row], stores.stores[row]
        constants = stores.start.arrays.listing[row]
        np.testing.assert_array_equal(constants[:, ListingField.COST], np.round(100 * office.cost))
        np.testing.assert_allclose(constants[:, ListingField.QUALITY], office.quality_score, rtol=1e-12)
        np.testing.assert_array_equal(stores.start.state.listing[row, :, ListingState.STOCK], office.stock)
        np.testing.assert_array_equal(stores.start.state.listing[row, :, ListingState.REVIEWS], office.reviews)
        ledger = stores.start.task.ledger_listing[row]
        for name in ("clicks", "ad_clicks", "orders", "units", "impressions", "ad_impressions"):
            np.testing.assert_array_equal(ledger[:, LedgerListing[name.upper()]], getattr(office, name))
        assert (ledger[:, LedgerListing.IMMATURE_SLOW] <= office.clicks).all()
        assert (store.start_hour, store.days, store.budget) == (office.start_hour, office.days, office.budget)
        assert store.promotion_days == office.promotion_days


@pytest.mark.parametrize(
    ("trait", "correlation", "sharper"),
    [(ListingTrait.REACH, 0.85, 0.5), (ListingTrait.RELEVANCE, 0.5, 0.95), (ListingTrait.APPEAL, 0.8, 0.7)],
)
def test_believes_what_the_week_tells(trait: ListingTrait, correlation: float, sharper: float) -> None:
    """Middles follow the truth, doubts are smaller than the population's spread, and honest."""
    drawn, truth = believed(trait)
    assert np.corrcoef(drawn.mean(axis=1).ravel(), truth.ravel())[0, 1] > correlation
    assert drawn.std(axis=1).mean() < sharper * truth.std()
    low, high = np.quantile(drawn, [0.05, 0.95], axis=1)
    assert 0.8 < ((truth >= low) & (truth <= high)).mean() < 0.97


def test_believes_what_the_suggested_bids_tell_of_the_rivals() -> None:
    rivals = slice(ShopTrait.RIVALS_SEARCH, ShopTrait.RIVALS_FEED + 1)
    drawn = np.stack([shop_traits(store)[rivals].mean() for store in twins().stores]).reshape(-1, DRAWS)
    truth = np.stack([shop_traits(store)[rivals].mean() for store in opened("headline").stores])
    assert np.corrcoef(drawn.mean(axis=1), truth)[0, 1] > 0.95


def test_what_is_to_happen_is_the_scenarios_and_not_the_stores() -> None:
    shocked = np.array([store.shock_onset < 1e6 for store in twins().stores])
    assert 0.6 < shocked.mean() < 0.8
    onsets = {store.shock_onset for store in twins().stores[:DRAWS]}
    assert len(onsets) > DRAWS // 3


@settings(max_examples=15)
@given(office=back_offices(st.just(3)))
def test_any_office_has_a_twin(office: BackOffice) -> None:
    twin = believed_stores([office], HEADLINE, 2, seed=0)
    for store in twin.stores:
        assert store.listings.match.sum(axis=0).max() <= 1.0
    for part in (twin.start.arrays.listing, twin.start.state.listing, twin.start.task.ledger_listing):
        assert np.isfinite(part).all()


def test_refuses_what_it_cannot_believe() -> None:
    office = opened("headline").offices[0]
    with pytest.raises(ValueError, match=r"draws\(=0\) must be >= 1"):
        believed_stores([office], HEADLINE, 0, seed=0)
    with pytest.raises(ValueError, match=r"seed\(=-1\) must be >= 0"):
        believed_stores([office], HEADLINE, 1, seed=-1)
    with pytest.raises(ValueError, match=r"offices\(=0 of them\) have \[\] listings; all need equally many"):
        believed_stores([], HEADLINE, 1, seed=0)
