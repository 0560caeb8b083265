"""The scenario suite: every file runs, is `steady` plus one difficulty, and has the property it is named for."""

import hashlib
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from merchantgym.agents.planners import planner_by_name
from merchantgym.controllers import make_controller
from merchantgym.envs.engines.layout import ListingState, Report, StateArrays, StoreState
from merchantgym.envs.fleet import Fleet, StoreSet
from merchantgym.envs.kinds import driver_of
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario, scenario_names
from merchantgym.envs.store import DRIVER_MIXES, NEVER, STAGES, Store

from ..worlds import opened

Floats = NDArray[np.float64]
BUILT_ON_STEADY = sorted(set(scenario_names()) - {"headline", "steady"})
DIFFICULTIES = (  # groups of entries; a scenario built on `steady` changes one of them
    {"stage_shares", "cold_share"},
    {"budget_per_day"},
    {"promotion_days", "promotion_on"},
    {"shock_probability", "shock_size", "shock_listings", "shock_window"},
    {"entry_probability", "entry_shift", "entry_window"},
    {"stock_days"},
    {"delay_shares", "slow_delay_hours"},
    {"flywheel"},
    {"mix"},
)


@dataclass(frozen=True)
class Run:
    """32 stores under the plan as written, hour by hour."""

    report: Floats  # (H, N, K, Report)
    listed: Floats  # (H, N, K)
    served: Floats  # (H, N) share of the hour for which there was money

    def hourly(self, *names: Report) -> Floats:
        """Sum of some columns, (H, N, K)."""
        summed: Floats = self.report[:, :, :, list(names)].sum(axis=3)
        return summed

    @property
    def organic(self) -> Floats:
        return self.hourly(Report.ORGANIC_IMPRESSIONS_SEARCH, Report.ORGANIC_IMPRESSIONS_FEED)

    @property
    def ads(self) -> Floats:
        return self.hourly(Report.AD_IMPRESSIONS_SEARCH, Report.AD_IMPRESSIONS_FEED)


@cache
def run(name: str) -> Run:
    return play(opened(name), opened(name).start.state)


def play(stores: OpenStores, state: StateArrays) -> Run:
    """The platform's plan as written from this state; the same chance for every scenario."""
    count = len(stores)
    fleet = Fleet(StoreSet(stores.start.arrays, state, stores.start.task), count)
    plans = [platform_plan(office) for office in stores.offices]
    fleet.reset(pack_plans(plans, stores.listing_ids), np.arange(count), np.zeros(count, dtype=np.int64))
    idle, rows = np.zeros_like(fleet.task.action), []
    for _ in range(stores.stores[0].hours):
        fleet.step(idle)
        now = fleet.state
        listed, served = now.listing[:, :, ListingState.LISTED], now.store[:, StoreState.SERVED_SHARE]
        rows.append((now.hour.copy(), listed.copy(), served.copy()))
    return Run(*(np.stack(each) for each in zip(*rows, strict=True)))


def total_after(series: Floats, begin: Floats) -> float:
    """Sum of an (H, N, K) series over the hours from `begin` (N,) on."""
    return float(series[np.arange(series.shape[0])[:, None] >= begin].sum())


def starts(name: str, field: str) -> Floats:
    return np.array([getattr(store, field) for store in opened(name).stores])


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_runs_under_planners_and_executors(name: str) -> None:
    stores = Population(load_scenario(name)).open("validation", 4)
    for author in ("default", "rule"):
        plans = [planner_by_name(author).plan(office) for office in stores.offices]
        for executor in ("open_loop", "value_pid"):
            episodes = rollout(make_controller(executor), stores, plans, seed=0)
            assert np.isfinite(episodes.terms).all()
            assert (episodes.spend <= [office.budget + 0.01 for office in stores.offices]).all()
            assert episodes.spend.sum() > 0.0
            assert episodes.orders.sum() > 0.0


@pytest.mark.parametrize("name", BUILT_ON_STEADY)
def test_a_scenario_is_steady_and_one_difficulty(name: str) -> None:
    """One group of entries differs, and the renewal of the money where the difficulty needs one purse."""
    own, steady = load_scenario(name), load_scenario("steady")
    changed = {field for field in type(own).model_fields if getattr(own, field) != getattr(steady, field)}
    assert sum(changed - {"name", "about", "renewing"} <= group for group in DIFFICULTIES) == 1, changed


@pytest.mark.parametrize("name", sorted(set(BUILT_ON_STEADY) - {"cold_start", "every_kind", "stockout"}))
def test_store_17_is_store_17_of_steady_but_for_the_difficulty(name: str) -> None:
    own, steady = (Population(load_scenario(each)).store("test", 17) for each in (name, "steady"))
    for field in fields(steady.listings):
        if field.name != "shock":
            np.testing.assert_array_equal(getattr(own.listings, field.name), getattr(steady.listings, field.name))
    for field in ("stage", "driver", "volume", "rival_shift", "organic_rivals", "start_hour", "shock_rise"):
        np.testing.assert_array_equal(getattr(own, field), getattr(steady, field))


def test_cold_start_knows_little_of_its_listings() -> None:
    for store in opened("cold_start").stores:
        assert store.stage == "new"
    unsold = np.mean([(store.listings.reviews == 0.0).mean() for store in opened("cold_start").stores])
    assert unsold > 0.7 > 0.3 > np.mean([(store.listings.reviews == 0.0).mean() for store in opened("steady").stores])
    orders = (Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW)
    assert run("cold_start").hourly(*orders).sum() < 0.6 * run("steady").hourly(*orders).sum()


def test_a_tight_budget_runs_out_under_the_plan_as_written() -> None:
    spent = run("tight_budget").hourly(Report.SPEND_SEARCH, Report.SPEND_FEED).sum(axis=(0, 2))
    budget = np.array([100.0 * office.budget for office in opened("tight_budget").offices])
    assert np.median(spent / budget) > 0.995
    evening = np.arange(336) % 24 >= 18
    assert run("tight_budget").served[evening].mean() < 0.1
    assert run("steady").served[evening].mean() > 0.3


def test_promotion_days_bring_a_crowd_and_are_announced() -> None:
    mine, usual = run("promotion").organic.sum(axis=2), run("steady").organic.sum(axis=2)
    np.testing.assert_array_equal(run("promotion").report[: 4 * 24], run("steady").report[: 4 * 24])
    for day in range(14):
        hours = slice(24 * day, 24 * day + 24)
        uplift = mine[hours].sum() / usual[hours].sum()
        assert (uplift > 2.5) if day in (4, 10) else (0.7 < uplift < 1.4), day
    assert all(office.promotion_days == (4, 10) for office in opened("promotion").offices)


def test_a_viral_shock_lifts_exactly_one_listing_for_a_while() -> None:
    stores = opened("viral_shock").stores
    hit = np.array([(store.listings.shock > 0.0).any(axis=1) for store in stores])
    assert (hit.sum(axis=1) == 1).all()
    onset = starts("viral_shock", "shock_onset")
    assert ((onset >= 0.25 * 336) & (onset <= 0.6 * 336)).all()
    mine, usual = run("viral_shock"), run("steady")
    first = int(onset.min())
    np.testing.assert_array_equal(mine.report[:first], usual.report[:first])
    clock = np.arange(336)[:, None, None]
    wave = (clock >= onset[:, None] + 12.0) & (clock < onset[:, None] + 36.0)
    assert mine.organic[wave & hit].sum() > 3.0 * usual.organic[wave & hit].sum()
    # the others gain only what the ads no longer cover once the crowd has emptied the day's purse
    assert mine.organic[wave & ~hit].sum() == pytest.approx(usual.organic[wave & ~hit].sum(), rel=0.2)


def test_in_a_price_war_positions_cost_more_from_the_rivals_entry_on() -> None:
    entry = starts("price_war", "entry_hour")
    assert ((entry >= 0.25 * 336) & (entry <= 0.5 * 336)).all()
    assert all(store.entry_shift >= 0.6 for store in opened("price_war").stores)
    mine, usual = run("price_war"), run("steady")
    first = int(entry.min())
    np.testing.assert_array_equal(mine.report[:first], usual.report[:first])
    clicks, spend = (Report.AD_CLICKS_SEARCH, Report.AD_CLICKS_FEED), (Report.SPEND_SEARCH, Report.SPEND_FEED)
    price = [total_after(own.hourly(*spend), entry) / total_after(own.hourly(*clicks), entry) for own in (mine, usual)]
    assert price[0] > 1.1 * price[1]
    served = np.minimum(mine.served, usual.served) == 1.0  # hours in which money was no limit in either
    served &= np.arange(336)[:, None] >= entry
    assert mine.ads.sum(axis=2)[served].sum() < 0.8 * usual.ads.sum(axis=2)[served].sum()


def test_stock_runs_out_in_stockout() -> None:
    refused = [run(name).hourly(Report.REFUSED).sum() for name in ("stockout", "steady")]
    away = [1.0 - run(name).listed.mean() for name in ("stockout", "steady")]
    assert refused[0] > 2.0 * refused[1]
    assert away[0] > 0.05 > 2.0 * away[1]


def test_slow_buyers_order_late() -> None:
    for name, low, high in (("slow_conversion", 0.75, 0.95), ("steady", 0.4, 0.6)):
        orders = run(name).report.sum(axis=(0, 1, 2))[Report.ORDERS_SAME_HOUR : Report.ORDERS_SLOW + 1]
        assert low < orders[2] / orders.sum() < high
    last = [run(name).hourly(Report.ORDERS_SLOW)[-1].sum() for name in ("slow_conversion", "steady")]
    assert last[0] > 2.0 * last[1]  # the run-off after the plan's end


@pytest.mark.parametrize(("name", "earns"), [("no_flywheel", False), ("steady", True)])
def test_without_a_flywheel_exposure_does_not_depend_on_rank(name: str, earns: bool) -> None:
    """A shop whose past sales count tenfold in the platform's memory: seen more where rank matters, else the same."""
    state = opened(name).start.state.copy()
    state.listing[:, :, ListingState.MEMORY] *= 10.0
    praised = play(opened(name), state)
    if earns:
        assert praised.organic.sum() > 1.2 * run(name).organic.sum()
    else:
        np.testing.assert_array_equal(praised.report, run(name).report)


def test_every_kind_of_shop_comes_up_with_the_best_of_its_drivers() -> None:
    population = Population(load_scenario("every_kind"))
    kinds = [(store.stage, store.driver) for store in (population.store("train", i) for i in range(420))]
    counts = np.array([[kinds.count((stage, driver)) for driver in DRIVER_MIXES] for stage in STAGES])
    assert counts.min() > 5
    assert counts.max() < 40
    both, chain, brand = (driver_of(name) for name in ("supply_chain+brand", "supply_chain", "brand"))
    assert (both.margin, both.stock, both.lead_hours) == (chain.margin, chain.stock, chain.lead_hours)
    assert (both.appeal, both.relevance, both.care) == (brand.appeal, brand.relevance, brand.care)
    with pytest.raises(ValueError, match=r"driver\(='brand\+operation'\) must be one of: .*, operation\+brand, "):
        driver_of("brand+operation")


def test_a_mix_of_the_two_margins_draws_the_same_stores() -> None:
    frame = load_scenario("headline")
    mix = {
        stage: dict(zip(DRIVER_MIXES[:3], (share * part for part in frame.driver_shares), strict=True))
        for stage, share in zip(STAGES, frame.stage_shares, strict=True)
    }
    same = Population(frame.model_copy(update={"mix": mix}))
    for i in range(20):
        assert fingerprint(same.store("train", i)) == fingerprint(Population(frame).store("train", i))


def fingerprint(store: Store) -> str:
    """Hash of all that was drawn, numbers to nine decimals."""
    digest = hashlib.sha256()
    for part in (store, store.listings):
        for field in fields(part):
            value: Any = getattr(part, field.name)
            if field.name not in ("market", "listings"):
                number = isinstance(value, float | np.ndarray)
                digest.update(repr(np.round(value, 9).tolist() if number else value).encode())
    return digest.hexdigest()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("headline", "ec1add5efaab7373e5cfa3953b2dffbe8cb1530853778ec404b9d638cb27d9b6"),
        ("steady", "59fdaa22747f44bce985d235f60b6757d23a7e269f2e2529dc298187ec4186aa"),
    ],
)
def test_published_stores_do_not_drift(name: str, expected: str) -> None:
    """Results of earlier runs stand as long as the stores are the same: a new draw belongs where a new field is set."""
    store = Population(load_scenario(name)).store("test", 0)
    assert (store.stage, store.driver, store.budget) == ("mature", "brand", 1821.81)
    assert store.listings.price.tolist() == [6.61, 29.16, 9.05, 20.64, 14.85, 14.92, 26.08, 10.88]
    assert store.shock_onset == pytest.approx(118.1599274951331 if name == "headline" else NEVER)
    assert store.promotion_days == ((0,) if name == "headline" else ())
    assert fingerprint(store) == expected
    assert fingerprint(replace(store, budget=store.budget + 0.01)) != expected
