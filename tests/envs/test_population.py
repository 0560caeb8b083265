"""Populations: reproducible, split, and in the published ranges."""

from dataclasses import fields, replace

import numpy as np
import pytest

from merchantgym.envs.engines.layout import StateArrays
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.population import SPLITS, Population
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.store import DRIVERS, NEVER, STAGES, Store, pack_stores

from ..worlds import plain_store

HEADLINE = Population(load_scenario("headline"))


@pytest.fixture(scope="module")
def many() -> list[Store]:
    return [HEADLINE.store("train", number) for number in range(400)]


@pytest.fixture(scope="module")
def week() -> OpenStores:
    """128 stores of the reference population after their week of history."""
    return HEADLINE.open("validation", 128)


def test_mean_click_through_rate_is_in_the_published_range(week: OpenStores) -> None:
    """ESMM, Table 1: 3.6 to 4.05 %; the range allowed is 2 to 6 %."""
    clicks = sum(office.clicks.sum() for office in week.offices)
    views = sum(office.impressions.sum() for office in week.offices)
    assert 0.02 < clicks / views < 0.06


def test_mean_conversion_rate_is_in_the_published_range(week: OpenStores) -> None:
    """ESMM, Table 1: 0.53 and 0.55 % of clicks; Taobao UserBehavior: 2.25 % of views; allowed 0.4 to 3 %."""
    orders = sum(office.orders.sum() for office in week.offices)
    clicks = sum(office.clicks.sum() for office in week.offices)
    assert 0.004 < orders / clicks < 0.03


def test_the_week_before_advertises_a_little_within_its_means(week: OpenStores) -> None:
    for office in week.offices:
        assert 0.0 < office.ad_spend.sum() <= 0.25 * office.budget / office.days * 7 + 0.01
        assert (office.ad_clicks <= office.clicks).all()
        assert (office.clicks <= office.impressions).all()
        assert (office.suggested_bid >= 0.05).all()


def same_store(a: Store, b: Store) -> bool:
    def same(x: object, y: object) -> bool:
        if isinstance(x, np.ndarray):
            return np.array_equal(x, y, equal_nan=True)
        return x == y

    def all_same(x: object, y: object) -> bool:
        return all(same(getattr(x, f.name), getattr(y, f.name)) for f in fields(x) if f.name != "listings")  # type: ignore[arg-type]

    return all_same(a, b) and all_same(a.listings, b.listings)


def test_a_store_is_a_function_of_seed_split_and_number() -> None:
    again = Population(load_scenario("headline"))
    assert same_store(HEADLINE.store("test", 17), again.store("test", 17))
    others = [
        HEADLINE.store("test", 18),
        HEADLINE.store("train", 17),
        HEADLINE.store("validation", 17),
        Population(load_scenario("headline"), seed=1).store("test", 17),
    ]
    for other in others:
        assert not same_store(HEADLINE.store("test", 17), other)
        assert not np.array_equal(HEADLINE.store("test", 17).listings.appeal, other.listings.appeal)


def test_opening_does_not_depend_on_the_company() -> None:
    """Stores 3 to 5 opened together, alone, or on two threads: the same history, bit for bit."""
    together = HEADLINE.open("train", 6)
    part = HEADLINE.open("train", 3, first=3, threads=2)
    for field in fields(StateArrays):
        a, b = getattr(together.start.state, field.name)[3:], getattr(part.start.state, field.name)
        assert a.tobytes() == b.tobytes(), field.name
    for ours, theirs in zip(together.offices[3:], part.offices, strict=True):
        assert ours.store == theirs.store
        assert (ours.clicks == theirs.clicks).all()
        assert (ours.suggested_bid == theirs.suggested_bid).all()


def test_splits_share_no_store_and_no_key() -> None:
    opened = {split: HEADLINE.open(split, 2) for split in SPLITS}
    demand = [tuple(found.start.state.store[0]) for found in opened.values()]
    assert len(set(demand)) == len(SPLITS)
    names = [store.name for found in opened.values() for store in found.stores]
    assert len(set(names)) == 2 * len(SPLITS)


def test_shares_are_those_of_the_scenario(many: list[Store]) -> None:
    scenario = HEADLINE.scenario
    for names, shares, of in ((STAGES, scenario.stage_shares, "stage"), (DRIVERS, scenario.driver_shares, "driver")):
        counts = np.array([sum(getattr(store, of) == name for store in many) for name in names])
        error = np.sqrt(np.array(shares) * (1.0 - np.array(shares)) / len(many))
        assert (np.abs(counts / len(many) - shares) < 4.0 * error).all()
    hype = np.mean([(store.listings.hype > 0.0).mean() for store in many])
    assert hype == pytest.approx(scenario.hype_share, abs=0.03)
    shocked = np.mean([store.shock_onset < NEVER for store in many])
    assert shocked == pytest.approx(scenario.shock_probability, abs=0.1)
    entered = np.mean([store.entry_hour < NEVER for store in many])
    assert entered == pytest.approx(scenario.entry_probability, abs=0.1)
    cold = np.mean([(store.listings.reviews == 0.0).mean() for store in many])
    assert scenario.cold_share - 0.03 < cold < 0.6


def test_own_listings_never_bid_against_each_other(many: list[Store]) -> None:
    """Shares of a segment's requests sum to at most 1, hype included."""
    from merchantgym.envs.engines.layout import CellField

    arrays = pack_stores(many)
    match = arrays.cell[:, :, :, CellField.MATCH]
    assert (match >= 0.0).all()
    assert match.sum(axis=1).max() <= 1.0 + 1e-12
    totals = np.array([store.listings.match.sum(axis=0) for store in many])
    low, high = HEADLINE.scenario.coverage
    assert ((totals >= low - 1e-9) & (totals <= high + 1e-9)).all()


def test_stores_are_possible(many: list[Store]) -> None:
    for store in many:
        goods = store.listings
        assert (goods.price > goods.cost).all()
        assert (goods.cost > 0.0).all()
        assert (np.round(goods.price * 100) / 100 == goods.price).all()
        assert (goods.stock >= 2 * goods.minimum_order).all()
        assert (goods.stock % goods.minimum_order == 0.0).all()
        assert ((goods.rating >= 1.0) & (goods.rating <= 5.0)).all()
        assert ((goods.elasticity >= -4.0) & (goods.elasticity <= -1.5)).all()
        assert ((goods.hype >= 0.0) & (goods.hype <= 1.0)).all()
        for score in (goods.image_score, goods.title_score):
            assert ((score >= 0.0) & (score <= 1.0)).all()
        assert len(store.promotion_days) == 1
        assert 0 <= store.promotion_days[0] < store.days
        assert store.start_hour % 24 == 0
        assert store.budget > 0.0
        assert goods.shock.shape == (8, 4)
        assert (goods.shock > 0.0).any() == (store.shock_onset < NEVER)


def test_mean_elasticity_is_near_the_published_one(many: list[Store]) -> None:
    mean = np.mean([store.listings.elasticity.mean() for store in many])
    assert mean == pytest.approx((-4.0 - 2.62 - 1.5) / 3.0, abs=0.05)


def test_steady_scenario_is_steady() -> None:
    steady = Population(load_scenario("steady"))
    for number in range(50):
        store = steady.store("train", number)
        assert store.renewing
        assert store.promotion_days == ()
        assert (store.shock_onset, store.entry_hour) == (NEVER, NEVER)
        assert (store.listings.shock == 0.0).all()
        assert store.stage != "new"


def test_impossible_requests_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"split\(='dev'\) must be one of: train, validation, test"):
        HEADLINE.store("dev", 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"number\(=-1\) of a store must be in \[0, 10000000\)"):
        HEADLINE.store("train", -1)
    with pytest.raises(ValueError, match=r"stores\(=0\) must be >= 1"):
        HEADLINE.open("train", 0)
    with pytest.raises(ValueError, match=r"scenario\(='headlin'\) must be one of: .*headline"):
        load_scenario("headlin")


def test_impossible_stores_are_refused_by_name() -> None:
    store = plain_store(2)
    greedy = replace(store.listings, match=np.full((2, 4), 0.6))
    with pytest.raises(ValueError, match=r"store 'plain': match\(sums .*1.2.*\) must be >= 0 and sum to at most 1"):
        replace(store, listings=greedy)
    with pytest.raises(ValueError, match=r"start_hour\(=168\) must be in \[0, 167\]"):
        replace(store, start_hour=168)
    with pytest.raises(ValueError, match=r"days\(=0\) and budget\(=1260.0\) must be positive"):
        replace(store, days=0)
    with pytest.raises(ValueError, match=r"stores\(=\[\]\) must hold at least one store"):
        pack_stores([])
    with pytest.raises(ValueError, match=r"stores have \[2, 3\] listings"):
        pack_stores([store, plain_store(3)])
