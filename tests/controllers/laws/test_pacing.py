"""The pacing law alone, on plants simple enough to know what it should do."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from merchantgym.controllers.laws import DayPurse, PacingLaw

HOURS = 336
DAY = 1.0 + 0.8 * np.sin(2.0 * np.pi * (np.arange(24) - 8) / 24.0)
LAW = PacingLaw()


@dataclass(frozen=True)
class Plant:
    """Spend follows traffic times the bid multiplier to a power; at multiplier exp(right) it lands on budget."""

    right: float
    elasticity: float = 1.5
    hours: int = HOURS

    def run(self, law: PacingLaw) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(log multiplier, share spent, share of traffic passed) at the start of each hour."""
        traffic = np.resize(DAY, self.hours) / np.resize(DAY, self.hours).sum()
        passed = np.concatenate(([0.0], traffic.cumsum()))
        memory, spent, rows = law.init(1), np.zeros(1), []
        for hour, share in enumerate(traffic):
            level, memory = law.step(memory, passed[hour : hour + 1], spent, traffic.max())
            rows.append((level[0], spent[0], passed[hour]))
            spent = np.minimum(spent + share * np.exp(self.elasticity * (level - self.right)), 1.0)
        level, spends, clock = (np.array(column) for column in zip(*rows, strict=True))
        return level, np.append(spends, spent), np.append(clock, 1.0)


def swings(values: NDArray[np.float64], slack: float) -> int:
    """How often a signal changes sides, ignoring what stays within the slack."""
    sides = np.sign(values[np.abs(values) > slack])
    return int((np.diff(sides) != 0).sum())


@pytest.mark.parametrize("elasticity", [0.7, 1.5, 3.0])
@pytest.mark.parametrize("right", [-np.log(2.6), np.log(2.0), 0.0], ids=["160 % too high", "50 % too low", "right"])
def test_recovers_from_a_wrong_plan(right: float, elasticity: float) -> None:
    level, spent, passed = Plant(right, elasticity).run(LAW)
    error = passed - spent
    assert spent[-1] > 0.985
    assert spent[-6] < 0.9999  # money lasts to the last hours
    assert np.abs(error[HOURS // 2 :]).max() < 0.03
    assert swings(error[HOURS // 4 :], 0.002) <= 1
    assert swings(np.diff(level[HOURS // 7 : -24]), 0.02) <= 2
    assert np.abs(level[96:-24] - right).max() < 0.2


@pytest.mark.parametrize("days", [1, 3, 60])
def test_plans_of_any_length_are_stable(days: int) -> None:
    level, spent, _ = Plant(-np.log(1.5), 2.0, 24 * days).run(replace(LAW, proportional=30.0))
    assert spent[-1] > 0.95
    late = level[-12 if days == 1 else -36 :]
    assert swings(np.diff(late), 0.1) <= 3
    assert np.abs(late + np.log(1.5)).max() < 0.75


def test_front_loading_spends_early_and_all() -> None:
    _, spent, _ = Plant(0.0).run(replace(LAW, front=0.6))
    _, even, _ = Plant(0.0).run(LAW)
    assert spent[HOURS // 2] > even[HOURS // 2] + 0.08
    assert spent[-1] > 0.985


def test_utilisation_leaves_money() -> None:
    _, spent, _ = Plant(-0.3).run(replace(LAW, utilisation=0.8))
    assert abs(spent[-1] - 0.8) < 0.02


def drive(law: PacingLaw, errors: NDArray[np.float64], start: float = 0.2) -> NDArray[np.float64]:
    """Outputs for a given course of the error, an hour of 336 at a time."""
    memory, levels = law.init(1), []
    for hour, error in enumerate(errors):
        passed = np.array([start + hour / HOURS])
        level, memory = law.step(memory, passed, passed - error, np.array([1.0 / HOURS]))
        levels.append(level[0])
    return np.array(levels)


@pytest.mark.parametrize("side", [1.0, -1.0])
@pytest.mark.parametrize("reset", [4.0, 15.0])
def test_leaves_a_bound_soon_after_long_saturation(side: float, reset: float) -> None:
    errors = np.concatenate((np.full(150, 0.3), np.linspace(0.3, -0.02, 6), np.full(12, -0.02)))
    levels = drive(replace(LAW, reset=reset), side * errors)
    bound = LAW.high if side > 0 else LAW.low
    np.testing.assert_allclose(levels[20:150], bound)
    assert (side * levels[158:] < abs(bound) - 0.05).all()


def test_an_integral_alone_cannot_hold_the_bound() -> None:
    law = replace(LAW, integral_limit=0.4, forget=0.0)
    levels = drive(law, np.concatenate((np.full(200, 0.04), np.zeros(10))), start=0.0)
    assert abs(levels[-1]) <= 0.4 + 1e-9


def test_never_locks_up() -> None:
    """Nothing wins below a threshold of the bid: the law must come back from there."""
    memory, spent, passed = LAW.init(1), np.array([0.35]), np.array([0.2])
    for _ in range(200):
        level, memory = LAW.step(memory, passed, spent, np.array([1.0 / HOURS]))
        spent = spent + (0.0 if level[0] < -0.5 else 1.0 / HOURS)
        passed = passed + 1.0 / HOURS
    assert abs(spent[0] - passed[0]) < 0.03


def test_no_error_no_output() -> None:
    np.testing.assert_allclose(drive(LAW, np.zeros(200), start=0.0), 0.0, atol=1e-12)


def test_bias_and_feed_forward_add() -> None:
    zero = np.zeros(2)
    law = replace(LAW, bias=-0.3)
    level, _ = law.step(law.init(2), zero, zero, zero + 1 / HOURS, feed_forward=np.array([0.1, -0.1]))
    np.testing.assert_allclose(level, [-0.2, -0.4])


def test_derivative_answers_the_speed_of_spending() -> None:
    slow = drive(replace(LAW, derivative=0.0), np.linspace(0.0, -0.05, 20))
    quick = drive(replace(LAW, derivative=0.02), np.linspace(0.0, -0.05, 20))
    assert (quick[2:] < slow[2:]).all()


def day_purses(n: int, rng: np.random.Generator, xp: Any) -> DayPurse:
    money, traffic = rng.uniform(0, 0.1, n) * (rng.random(n) > 0.2), np.minimum(rng.uniform(0, 1.2, n), 1.0)
    return DayPurse(xp.asarray(money), xp.asarray(traffic))


def test_numpy_and_torch_agree() -> None:
    n, law = 64, replace(LAW, front=0.3, bias=0.05)
    memory = law.init(n)
    mirror = tuple(torch.from_numpy(part.copy()) for part in memory)
    for seed in range(30):
        rng = np.random.default_rng(seed)
        passed, spent, stride = np.sort(rng.uniform(0, 1, n)), rng.uniform(0, 1, n), rng.uniform(0, 0.02, n)
        level, memory = law.step(memory, passed, spent, stride, day_purses(n, np.random.default_rng(seed), np))
        tensor, mirror = law.step(
            (mirror[0], mirror[1], mirror[2], mirror[3]),
            *(torch.from_numpy(part) for part in (passed, spent, stride)),
            day=day_purses(n, np.random.default_rng(seed), torch),
            xp=torch,
        )
        np.testing.assert_allclose(tensor.numpy(), level, rtol=0, atol=1e-12)
        for left, right in zip(mirror, memory, strict=True):
            np.testing.assert_allclose(left.numpy(), right, rtol=0, atol=1e-12)


def test_a_plain_list_of_auctions_can_be_paced() -> None:
    """The law alone paces second-price auctions: 96 rounds, prices twice what the campaign thought."""
    rng, law, memory = np.random.default_rng(0), LAW, LAW.init(1)
    rounds, budget, spent = 96, 1000.0, 0.0
    for step in range(rounds):
        level, memory = law.step(memory, np.array([step / rounds]), np.array([spent / budget]), np.array([1 / rounds]))
        prices = 2.0 * np.exp(0.5 * rng.standard_normal(50))
        won = prices[prices < np.exp(level[0])]
        spent = min(budget, spent + won.sum())
    assert 0.9 * budget < spent <= budget
