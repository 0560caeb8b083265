"""The bound on profit: never exceeded, tight where the optimum can be computed, monotone, and clear about bad input."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from scipy.stats import poisson

from merchantgym.controllers import make_controller
from merchantgym.envs.engines.layout import ListingState, SegmentField, StoreField
from merchantgym.envs.fleet import StoreSet
from merchantgym.envs.hosting import marketplace
from merchantgym.envs.opening import OpenStores, open_stores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import rollout
from merchantgym.envs.store import Store
from merchantgym.experiments.bounds import Bound, share_of_bound, upper_bound

from ..oracle.rates import hour_rates
from ..worlds import opened, plain_store, plan_row, plans_for

SCENARIOS = (
    "headline", "steady", "cold_start", "tight_budget", "stockout", "viral_shock", "promotion", "price_war",
    "slow_conversion", "no_flywheel", "every_kind",
)  # fmt: skip
POLICIES = (
    ("value_pid", 1.0, 1.0),
    ("pid", 1.0, 1.1),
    ("random", 1.0, 1.0),
    ("open_loop", 0.25, 1.0),
    ("open_loop", 2.0, 0.85),
    ("open_loop", 6.0, 1.2),
)  # executor, bids and prices over the plan's, all of it within an executor's reach
STORES = 2
RUNS = 48


def few(scenario: str, rows: Sequence[int] = range(STORES)) -> tuple[OpenStores, PlanArrays]:
    """Some stores of a scenario under plain plans; one may be taken several times."""
    stores, places = opened(scenario), np.asarray(rows)

    def taken(part: Any) -> Any:
        values = {field.name: getattr(part, field.name) for field in fields(part)}
        return type(part)(**{name: v if name == "weekly" else v[places].copy() for name, v in values.items()})

    start = StoreSet(taken(stores.start.arrays), taken(stores.start.state), taken(stores.start.task))
    some = OpenStores(tuple(stores.stores[row] for row in rows), start, tuple(stores.offices[row] for row in rows))
    return some, plan_row(plans_for(stores), places)


def calm(stores: OpenStores) -> OpenStores:
    """The same stores without any chance in demand and rivals, in place."""
    stores.start.arrays.store[:, [StoreField.DEMAND_SD, StoreField.RIVAL_NOISE_SD]] = 0.0
    return stores


def scaled(plans: PlanArrays, bids: float, prices: float) -> PlanArrays:
    """The same plans with other bids and prices, inside what an executor may do."""
    return replace(plans, bid=plans.bid * bids, price=np.round(plans.price * prices, 2))


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_nobody_exceeds_the_bound(scenario: str) -> None:
    """Many runs of each store in one and the same calm weather, so that luck with clicks averages out."""
    for row in range(STORES):
        copies, plans = few(scenario, [row] * RUNS)
        one, plan = few(scenario, [row])
        bound = float(upper_bound(calm(one), plan, 0, effort=0.25).value[0])
        for name, bids, prices in POLICIES:
            profit = rollout(make_controller(name), calm(copies), scaled(plans, bids, prices), 0).profit
            error = profit.std() / np.sqrt(RUNS)
            assert profit.mean() < bound + 3.0 * error, (name, bids, prices, profit.mean(), bound)


def lonely_store(budget: float) -> Store:
    """One listing, one channel, one segment, orders at once, nothing that learns, moves by chance or runs out."""
    store = plain_store(1)
    market = replace(
        store.market,
        segment_share=(1.0, 0.0, 0.0, 0.0),
        demand_sd=0.0,
        rival_noise_sd=0.0,
        rival_reaction_strength=0.0,
        rival_reaction_rate=0.0,
        flywheel=0.0,
        review_rate=0.0,
        complaint_share=0.0,
        return_log_odds=-30.0,
        delay_shares=(1.0, 0.0, 0.0),
    )
    return replace(
        store,
        market=market,
        volume=np.array([store.volume[0], 0.0]),
        days=1,
        budget=budget,
        hosting=marketplace().model_copy(update={"price_control": "merchant"}),
    )


def best_by_dynamic_programming(stores: OpenStores, plans: PlanArrays) -> float:
    """Largest expected profit [CNY], over hours and fen left; clicks are served one by one, as the engine does."""
    arrays, state = stores.start.arrays, stores.start.state.copy()
    state.audience[:] = plans.audience
    budget = round(float(plans.budget_total[0]) * 100)
    money = np.arange(budget + 1)
    factors = np.exp(np.linspace(-2.0, 1.0, 61) * np.log(4.0))
    bids = float(plans.bid[0, 0]) * factors
    price = float(plans.price[0, 0]) * 100.0
    worth = worth_of_an_order(stores, price)
    week = int(arrays.store[0, StoreField.START_HOUR])
    best, organic = np.zeros(budget + 1), 0.0
    for hour in range(23, -1, -1):
        offers = np.zeros((1, 1, 3))
        options = []
        for bid in bids:
            offers[0, 0] = bid, bid, price
            now = hour_rates(np.array([hour]), np.array([(week + hour) % 168]), arrays, state, offers)
            cell = (0, 0, 0, 0)
            clicks, conversion = now.requests[cell] * now.click[cell], now.conversion[cell]
            fen = int(np.floor(now.price[cell] * 100.0 + 1e-9))
            options.append((clicks * now.exposure[cell], fen, conversion * worth * (1.0 - now.organic[cell])))
        organic += clicks * now.organic[cell] * conversion * worth
        values = [best]
        for rate, fen, gain in options:
            value = np.zeros(budget + 1)
            for count in range(int(poisson.isf(1e-10, rate)) + 1):
                spent = np.minimum(count * fen, money)
                paid = np.minimum(count, -(-money // fen))
                value += poisson.pmf(count, rate) * (paid * gain - spent / 100.0 + best[money - spent])
            values.append(value)
        best = np.max(values, axis=0)
    return float(best[budget] + organic)


def worth_of_an_order(stores: OpenStores, price: float) -> float:
    """Margin less commission of a mean order [CNY] of the first segment, straight from the market's parameters."""
    market, goods = stores.stores[0].market, stores.stores[0].listings
    size = stores.start.arrays.store[0, StoreField.LOT_DISPERSION]
    mean = stores.start.arrays.segment[0, 0, SegmentField.EXTRA_LOTS]
    total, mass = 0.0, (size / (size + mean)) ** size
    for lots in range(1, 200):
        tier = sum(lots >= edge for edge in market.tier_lots)
        unit = np.floor(price * (1.0 - (0.0, *market.tier_discount)[tier]) + 0.5)
        units = lots * goods.minimum_order[0]
        total += mass * (
            units * unit - units * goods.cost[0] * 100.0 - np.floor(units * unit * market.commission_rate + 0.5)
        )
        mass *= mean / (size + mean) * (size + lots - 1.0) / lots
    return total / 100.0


@pytest.mark.parametrize(("budget", "gap"), [(4.0, 0.09), (15.0, 0.07), (45.0, 0.05)])
def test_it_lies_just_above_the_optimum_where_that_can_be_computed(budget: float, gap: float) -> None:
    """Exact dynamic programming; most of the gap is the bonus for the click that empties a small purse."""
    stores = open_stores([lonely_store(budget)], [3])
    plans = plans_for(stores)
    optimum = best_by_dynamic_programming(stores, plans)
    bound = float(upper_bound(stores, plans, 0).value[0])
    assert bound >= optimum
    assert bound <= optimum * (1.0 + gap), (bound, optimum)


def test_more_money_and_more_goods_never_lower_it() -> None:
    """Within what the search leaves open."""
    stores, plans = few("headline")
    usual = upper_bound(stores, plans, 0).value
    richer = replace(plans, budget_total=2.0 * plans.budget_total, budget_daily=2.0 * plans.budget_daily)
    fuller = replace(stores.start, state=stores.start.state.copy())
    fuller.state.listing[:, :, ListingState.STOCK] *= 3.0
    assert (upper_bound(stores, richer, 0).value >= 0.98 * usual).all()
    assert (upper_bound(replace(stores, start=fuller), plans, 0).value >= 0.98 * usual).all()


def test_money_that_is_ample_is_worth_nothing() -> None:
    """And where it is short it is worth more than itself."""
    stores, plans = few("headline")
    ample = replace(plans, budget_total=1e6 * np.ones(STORES), budget_daily=1e6 * np.ones(STORES))
    assert upper_bound(stores, ample, 0, effort=0.5).money_price.max() < 1e-6
    short = replace(plans, budget_total=0.05 * plans.budget_total, budget_daily=0.05 * plans.budget_daily)
    assert upper_bound(stores, short, 0, effort=0.5).money_price.max(axis=1).min() > 1.0


def test_parts_add_up_and_company_does_not_matter() -> None:
    """A store alone under its own key has the bound that it has among others; threads change nothing."""
    stores, plans = few("headline")
    together = upper_bound(stores, plans, 5, effort=0.3, threads=2)
    assert np.allclose(np.sum(list(together.parts.values()), axis=0), together.value)
    one, plan = few("headline", [1])
    alone: Bound = upper_bound(one, plan, 5, effort=0.3, keys=np.array([1]))
    assert np.allclose(alone.value, together.value[1])


def test_share_of_bound() -> None:
    """Shares above a floor; nan where there is no room above it."""
    shares = share_of_bound(np.array([50.0, 30.0, 1.0]), np.array([100.0, 50.0, 1.0]), np.array([0.0, 10.0, 2.0]))
    assert np.allclose(shares[:2], 0.5)
    assert np.isnan(shares[2])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keys": np.arange(5)}, r"keys\(shape=\(5,\)\) must be \(2,\)"),
        ({"threads": 0}, r"threads\(=0\) must be >= 1"),
        ({"effort": 0.0}, r"effort\(=0.0\) must be > 0"),
    ],
)
def test_bad_input_is_named(changes: dict[str, object], message: str) -> None:
    """Before any work."""
    stores, plans = few("headline")
    with pytest.raises(ValueError, match=message):
        upper_bound(stores, plans, 0, **changes)  # type: ignore[arg-type]
