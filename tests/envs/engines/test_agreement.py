"""The compiled engine and the numpy oracle are one law: means, spreads, distributions, in calm and in trouble.

Situations and statistics are those of `merchantgym agree`. Seeds are fixed. The last tests show that small biases
would be seen.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from merchantgym.envs.engines.layout import ChannelField, Pending, StoreState
from merchantgym.envs.opening import OpenStores
from merchantgym.experiments.agreement_analysis import Comparison, compare
from merchantgym.experiments.agreement_engines import Engine, hour, scaled
from merchantgym.experiments.agreement_outputs import OUTPUTS, Outcome, Watch, measure
from merchantgym.experiments.agreement_runs import Runs
from merchantgym.experiments.agreement_worlds import BINDING, SITUATIONS, World, midway, multiply, situation
from merchantgym.experiments.statistics_families import holm

from ...oracle import oracle_hour
from ...worlds import Floats

LEVEL = 0.01
RATIO = 8
COMPARISONS = 2500
"""Of all situations together: what a single one is adjusted for."""


def oracle(world: World, seed: int) -> Outcome:
    """The numpy oracle as an engine of the study."""
    outcome = Outcome(world.arrays, world.state.copy(), Watch(world.arrays.stores))
    rng = np.random.default_rng(seed)
    for _ in range(world.hours):
        oracle_hour(rng, world.arrays, outcome.state, world.offer)
        outcome.watch.see(outcome.state, slice(None))
    return outcome


@pytest.fixture(scope="module")
def base(headline: OpenStores) -> World:
    """Eight stores after 30 hours of ample advertising: orders, reviews and returns are under way, many of each."""
    return midway(replace(headline, stores=headline.stores[:8], offices=headline.offices[:8]))


def found_by(engine: Engine, one: World, copies: int, seed: int) -> Floats:
    world = multiply(one, copies)
    return measure(engine(world, seed)).reshape(world.stores, copies, len(OUTPUTS))


def by_oracle(one: World, copies: int) -> Runs:
    return Runs(found_by(oracle, one, copies, 1), np.empty(0))


def against(first: Runs, one: World, engine: Engine = hour) -> list[Comparison]:
    """Comparisons of an engine with runs of the oracle."""
    copies = first.same.shape[1]
    second = Runs(found_by(engine, one, copies, 2), found_by(engine, one, copies * RATIO, 3))
    return list(compare("test", first, second, np.random.default_rng(0)))


def p_of(comparisons: list[Comparison], output: str) -> float:
    """Adjusted p-value of an output's mean."""
    return next(c.p for c in comparisons if c.output == output and c.statistic == "mean") * COMPARISONS


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_engines_agree(name: str, base: World) -> None:
    one = situation(name, base)
    found = against(by_oracle(one, 60), one)
    adjusted = holm([c.p for c in found]) * len(SITUATIONS)
    assert {(c.output, c.statistic): p for c, p in zip(found, adjusted, strict=True) if p < LEVEL} == {}
    assert len(found) > 250
    assert 0.2 < np.mean([c.p < 0.5 for c in found]) < 0.8  # they are p-values, if correlated ones


def column(found: Floats, name: str) -> Floats:
    values: Floats = found[..., OUTPUTS.index(name)]
    return values


def test_the_situations_are_what_they_say(base: World) -> None:
    found = {name: found_by(hour, situation(name, base), 20, 1) for name in SITUATIONS}
    hours = base.hours
    for name, outputs in found.items():
        served = column(outputs, "served_hours")
        assert (served < hours).all() == (name in {"daily_budget", "plan_budget"})
        assert (served == hours).all() == (name not in {"daily_budget", "plan_budget"})
        assert (column(outputs, "returns") > 0.0).all()
        assert column(outputs, "reviews").mean() > 10.0
        assert column(outputs, "orders").mean() > 5.0
        assert (column(outputs, "refused").mean() > 1.0) == (name in {"stock_out", "closing"})
        assert (column(outputs, "hours_delisted").mean() > 1.0) == (name == "stock_out")
    slack = found["slack"]
    for name in BINDING:
        assert column(found[name], "ad_clicks").mean() < 0.8 * column(slack, "ad_clicks").mean()
    assert column(found["daily_budget"], "spent_today").mean() > 0.0
    assert column(found["shock"], "ad_clicks").mean() > 1.2 * column(slack, "ad_clicks").mean()
    assert column(found["promotion"], "orders").mean() > 1.5 * column(slack, "orders").mean()
    assert column(found["closing"], "orders_slow").mean() > 10.0 * column(slack, "orders_slow").mean()
    assert (column(found["closing"], "returns_due") == 0.0).all()


def test_those_who_wait_have_seen_a_price(base: World) -> None:
    pending = hour(multiply(situation("promotion", base), 5), 1).state.pending
    counts = pending[..., : Pending.DAY_PRICE]
    waiting = counts.reshape(*counts.shape[:3], 2, 2).sum(axis=-1)
    assert ((pending[..., Pending.DAY_PRICE :] > 0.0) == (waiting > 0.0)).all()


def test_one_percent_more_clicks_would_be_seen(base: World) -> None:
    one = situation("slack", base)
    oracles = by_oracle(one, 200)
    assert p_of(against(oracles, one), "ad_clicks") > LEVEL
    one.arrays.channel[:, :, ChannelField.VOLUME] *= 1.01
    assert p_of(against(oracles, one), "ad_clicks") < LEVEL


def test_one_percent_more_clicks_would_be_seen_where_money_runs_out(base: World) -> None:
    one = situation("daily_budget", base)
    oracles = by_oracle(one, 160)
    assert p_of(against(oracles, one), "ad_clicks") > LEVEL
    daily = one.state.store[:, StoreState.BUDGET_DAILY]
    daily[:] = np.round(1.01 * daily)
    assert p_of(against(oracles, one), "ad_clicks") < LEVEL


def test_numbers_booked_to_the_wrong_listing_would_be_seen(base: World) -> None:
    def mixed(world: World, seed: int) -> Outcome:
        outcome = hour(world, seed)
        outcome.state.total[:] = np.roll(outcome.state.total, 1, axis=1)
        return outcome

    one = situation("slack", base)
    found = against(by_oracle(one, 40), one, mixed)
    assert p_of(found, "ad_clicks") > LEVEL
    assert p_of(found, "ad_clicks by place") < LEVEL


@pytest.mark.parametrize("name", BINDING)
def test_scaling_the_hour_after_the_fact_is_seen(name: str, base: World) -> None:
    one = situation(name, base)
    assert p_of(against(by_oracle(one, 30), one, scaled), "clicks") < LEVEL


def test_the_oracle_leaves_the_constants_alone(base: World) -> None:
    world = multiply(base, 2)
    names = ("store", "channel", "listing", "cell", "calendar")
    before: Any = {name: getattr(world.arrays, name).copy() for name in names}
    offer = world.offer.copy()
    oracle(world, 1)
    assert (world.offer == offer).all()
    for name, values in before.items():
        assert (getattr(world.arrays, name) == values).all()
