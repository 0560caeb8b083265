"""The model-predictive law on a plant whose truth is its model."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.controllers.laws import Evidence, PredictiveLaw, Task

from .auction_house import clicks, cost, house

LAW, HOUSE = PredictiveLaw(), house()
WIDE = 20.0


def task(value: Any, money: Any, **others: Any) -> Task:
    value = np.atleast_2d(np.asarray(value, dtype=float))
    n = len(value)
    fields = {
        "shown": np.ones_like(value),
        "low": np.full_like(value, -WIDE),
        "high": np.full_like(value, WIDE),
        "swing": np.zeros((n, 1)),
        **others,
    }
    return Task(value=value, money=np.broadcast_to(np.asarray(money, dtype=float), (n, 1)), **fields)


def belief(level: Any, scale: Any) -> Any:
    scale = np.atleast_2d(np.asarray(scale, dtype=float))
    return LAW.init(np.broadcast_to(np.asarray(level, dtype=float), (len(scale), 1)), scale)


def spending(bid: Any, level: Any, scale: Any) -> Any:
    """Cost of a mean hour [CNY], (n,), in closed form."""
    return (scale * np.exp(level) * cost(bid - level)).sum(axis=1)


def gain(bid: Any, level: Any, scale: Any, value: Any) -> Any:
    return (scale * value * clicks(bid - level)).sum(axis=1) - spending(bid, level, scale)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), tightness=st.floats(0.02, 3.0))
def test_bids_meet_the_money(seed: int, tightness: float) -> None:
    """Predicted spend never exceeds the money; it reaches it, or every bid is already the value of the click."""
    rng = np.random.default_rng(seed)
    level, scale = rng.uniform(-1.0, 1.0, (3, 1)), rng.uniform(0.1, 10.0, (3, 5))
    value = np.exp(level + rng.uniform(-1.5, 1.5, (3, 5)))
    wished = spending(np.log(value), level, scale)
    bid, price = LAW.solve(belief(level, scale), task(value, tightness * wished[:, None]), HOUSE)
    spent = spending(bid, level, scale)
    assert (spent <= tightness * wished * 1.003).all()
    if tightness > 1.01:
        assert (price == 0.0).all()
        np.testing.assert_allclose(bid, np.log(value), atol=5e-3)
    if tightness < 0.99:
        np.testing.assert_allclose(spent, tightness * wished, rtol=0.01)
        np.testing.assert_allclose(bid, np.log(value) - price, atol=5e-3)  # truthful at the price of money


def test_no_other_bids_bring_more() -> None:
    """Against every pair of bids on a grid that costs no more."""
    level, scale, value = np.array([[0.2]]), np.array([[3.0, 1.0]]), np.array([[1.0, 2.5]])
    for money in (0.3, 1.0, 2.0, 10.0):
        bid, _ = LAW.solve(belief(level, scale), task(value, money), HOUSE)
        grid = np.linspace(-4.0, 3.0, 281)
        pairs = np.stack(np.meshgrid(grid, grid), axis=-1).reshape(-1, 2)
        affordable = spending(pairs, level, scale) <= money
        best = gain(pairs, level, scale, value)[affordable].max()
        assert gain(bid, level, scale, value)[0] > best - 0.003 * abs(best)


def test_bids_keep_to_their_bounds_and_money_to_those_who_can_spend() -> None:
    bounds = {"low": np.full((1, 2), -0.5), "high": np.full((1, 2), 0.4)}
    bid, _ = LAW.solve(belief(0.0, [[1.0, 1.0]]), task([[9.0, 0.01]], 100.0, **bounds), HOUSE)
    np.testing.assert_allclose(bid, [[0.4, -0.5]], rtol=0, atol=1e-9)
    alone, _ = LAW.solve(belief(0.0, [[4.0]]), task([[2.0]], 1.0), HOUSE)
    shared, _ = LAW.solve(belief(0.0, [[4.0, 9.0]]), task([[2.0, 2.0]], 1.0, shown=np.array([[1.0, 0.0]])), HOUSE)
    np.testing.assert_array_equal(alone[0, 0], shared[0, 0])


def test_an_hour_that_is_dear_is_bid_what_a_click_is_worth() -> None:
    """In a truthful auction the bid does not follow the hour: dear hours win less, cheap ones more."""
    day = house((-0.4, 0.4), (0.5, 0.5))
    hours = [LAW.solve(belief(0.0, [[3.0]]), task([[1.5]], 1.0, swing=np.array([[s]])), day)[0] for s in (-0.4, 0.4)]
    np.testing.assert_allclose(hours[0], hours[1], atol=5e-3)


def simulate(
    rng: np.random.Generator, level: Any, scale: Any, memory: Any, bid: Any, traffic: Any, swing: Any = 0.0
) -> tuple[Any, Evidence]:
    """One hour of the plant and the beliefs after it."""
    position = bid - level - swing
    counts = rng.poisson(scale * traffic * clicks(position)).astype(float)
    price = np.exp(level + swing) * cost(position) / clicks(position)
    shape = np.ones_like(scale)
    seen = Evidence(bid, counts, counts * price, traffic * shape, swing + np.zeros((len(scale), 1)))
    return LAW.learn(memory, seen, HOUSE), seen


def test_the_fit_finds_the_truth() -> None:
    rng, n = np.random.default_rng(3), 40
    common, scale = rng.uniform(-1.5, 1.5, (n, 1)), rng.uniform(1.0, 8.0, (n, 4))
    level = common + rng.normal(0.0, 0.2, (n, 4))
    memory = belief(0.0, 3.0 + 0.0 * scale)
    for hour in range(400):
        swing = 0.3 * np.cos(2.0 * np.pi * hour / 24.0)
        bid = common + rng.uniform(-1.0, 1.0, (n, 4))
        memory, _ = simulate(rng, level, scale, memory, bid, 1.0, swing)
    found = memory[0] + memory[2]
    assert np.abs(found - level).max() < 0.1
    assert np.median(np.abs(found - level)) < 0.02
    error = np.log(memory[4] / memory[5] / scale)
    assert np.abs(error).mean() < 0.12
    assert abs(error.mean()) < 0.02


def test_the_fit_follows_a_dearer_market() -> None:
    rng = np.random.default_rng(5)
    scale = np.full((30, 4), 3.0)
    memory = belief(0.0, scale)
    for hour in range(300):
        level = np.full((30, 4), 0.0 if hour < 150 else 0.8)
        memory, _ = simulate(rng, level, scale, memory, np.zeros((30, 4)), 1.0)
        if hour == 149:
            assert abs((memory[0] + memory[2]).mean()) < 0.02
    assert abs((memory[0] + memory[2]).mean() - 0.8) < 0.1


@pytest.mark.parametrize("error", [-1.0, 0.0, 1.0])
def test_a_campaign_spends_its_money_well_whatever_was_believed(error: float) -> None:
    """Started on a wrong level and scale, it ends on budget and earns nearly what the best bids at the truth earn."""
    rng, n, hours = np.random.default_rng(7), 64, 300
    level, scale = np.zeros((n, 3)), rng.uniform(1.0, 6.0, (n, 3))
    value = rng.uniform(0.5, 3.0, (n, 3))
    money = 0.4 * spending(np.log(value), level, scale)[:, None] * hours
    best, _ = LAW.solve(belief(0.0, scale), task(value, money / hours), HOUSE)
    memory, spent, earned = belief(error, scale * np.exp(error)), np.zeros((n, 1)), np.zeros(n)
    for hour in range(hours):
        bid, _ = LAW.solve(memory, task(value, np.maximum(money - spent, 0.0) / (hours - hour)), HOUSE)
        memory, seen = simulate(rng, level, scale, memory, bid, 1.0)
        spent += seen.cost.sum(axis=1, keepdims=True)
        earned += gain(bid, level, scale, value)
    used = spent / money
    assert abs(used.mean() - 1.0) < 0.01
    assert np.abs(used - 1.0).max() < 0.05
    assert (earned / (hours * gain(best, level, scale, value))).mean() > 0.98


def test_many_campaigns_at_once_are_the_same_one_by_one() -> None:
    rng = np.random.default_rng(1)
    n, k = 6, 3
    level, scale, value = rng.normal(size=(n, 1)), rng.uniform(0.5, 4.0, (n, k)), rng.uniform(0.2, 3.0, (n, k))
    evidence = Evidence(
        rng.normal(size=(n, k)), rng.poisson(2.0, (n, k)) * 1.0, rng.uniform(0, 3, (n, k)), np.ones((n, k)), level
    )
    kept = [part.copy() for part in belief(level, scale)]
    memory = belief(level, scale)
    after = LAW.learn(memory, evidence, HOUSE)
    for left, right in zip(memory, kept, strict=True):
        np.testing.assert_array_equal(left, right)  # nothing handed in is changed
    bid, price = LAW.solve(after, task(value, 1.0), HOUSE)
    for i in range(n):
        row = slice(i, i + 1)
        alone = Evidence(**{name: getattr(evidence, name)[row] for name in vars(evidence)})
        one = LAW.learn(tuple(part[row] for part in memory), alone, HOUSE)  # type: ignore[arg-type]
        for left, right in zip(one, after, strict=True):
            np.testing.assert_array_equal(left, right[row])
        solved = LAW.solve(one, task(value[row], 1.0), HOUSE)
        np.testing.assert_array_equal(solved[0], bid[row])
        np.testing.assert_array_equal(solved[1], price[row])


def test_trust_starts_at_the_plan_and_grows() -> None:
    known = LAW.known(np.array([[-3.0], [0.0], [LAW.trust], [1e6]]))
    np.testing.assert_allclose(known[:, 0], [0.0, 0.0, 0.5, 1.0], atol=1e-4)


def test_impossible_gains_are_refused() -> None:
    with pytest.raises(ValueError, match=r"memory\(=1.0\) must lie in \[6, inf\]"):
        PredictiveLaw(memory=1.0)
