"""Laws that pace by the rate of spending, waterlevel and dual descent, on plants that say what they should do."""

from dataclasses import replace

import numpy as np
import pytest

from merchantgym.controllers.laws import DayPurse, DualBudgetLaw, WaterlevelLaw

from .plants import HOURS, Plant, swings

WATERLEVEL = WaterlevelLaw(high=1.1)
DUAL = DualBudgetLaw(high=1.1)
LAWS = pytest.mark.parametrize("law", [WATERLEVEL, DUAL], ids=["waterlevel", "dual"])
Law = WaterlevelLaw | DualBudgetLaw


@LAWS
@pytest.mark.parametrize("elasticity", [0.9, 1.5, 3.0])
@pytest.mark.parametrize("right", [-np.log(2.6), np.log(2.0), 0.0], ids=["160 % too high", "50 % too low", "right"])
def test_recovers_from_a_wrong_plan(law: Law, right: float, elasticity: float) -> None:
    level, spent, passed = Plant(right, elasticity).run(law)
    assert spent[-1] > 0.95
    assert np.interp(0.88, passed, spent) < 0.999  # a fixed target never makes up for the hours before it was found
    if isinstance(law, WaterlevelLaw):
        assert spent[-12] < 0.9999
    assert np.abs(level[HOURS // 2 : HOURS * 4 // 5] - right).max() < 0.3
    assert swings(np.diff(level[HOURS // 7 : HOURS * 4 // 5]), 0.03) <= 2


@LAWS
@pytest.mark.parametrize("days", [1, 3, 60])
def test_plans_of_any_length_are_stable(law: Law, days: int) -> None:
    level, spent, _ = Plant(-np.log(1.5), 2.0, 24 * days).run(law)
    assert spent[-1] > 0.9
    assert swings(np.diff(level[-12:]), 0.1) <= 3


@LAWS
def test_starts_at_the_plan_and_stays_there_without_error(law: Law) -> None:
    level, _, _ = Plant(0.0).run(law)
    np.testing.assert_allclose(level[:-2], 0.0, atol=1e-6)


@LAWS
def test_utilisation_leaves_money(law: Law) -> None:
    _, spent, _ = Plant(-0.3).run(replace(law, utilisation=0.8))
    assert abs(spent[-1] - 0.8) < 0.05


@LAWS
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_leaves_a_bound_soon_after_long_saturation(law: Law, side: float) -> None:
    """150 hours at a speed that no bid mends, then 24 hours of the opposite: the level must have turned back."""
    memory, spent, levels = law.init(1), np.zeros(1), []
    for hour in range(174):
        level, memory = law.step(memory, np.array([hour / HOURS]), spent, np.array([1 / HOURS]))
        levels.append(level[0])
        speed = 1.0 - 0.9 * side if hour < 150 else 1.0 + 1.5 * side
        spent = spent + speed / HOURS
    bound = law.high if side > 0 else law.low
    np.testing.assert_allclose(levels[145:150], bound, atol=0.02)
    assert abs(levels[-1] - bound) > 0.1


@LAWS
def test_spending_more_never_raises_the_bid(law: Law) -> None:
    memory = law.init(5)
    passed, spent = np.full(5, 0.4), np.linspace(0.2, 0.6, 5)
    _, memory = law.step(memory, passed - 0.01, np.full(5, 0.2), np.full(5, 0.006))
    level, _ = law.step(memory, passed, spent, np.full(5, 0.006))
    assert (np.diff(level) <= 0.0).all()
    assert level[0] > level[-1]


def test_the_dual_step_falls_with_the_root_of_the_periods() -> None:
    """The sum of (rho - z) moves the multiplier: an error of |p - 1| / step is left, of order 1 / sqrt(T)."""
    left = []
    for days in (7, 28):
        level, spent, passed = Plant(np.log(1.4), 1.5, 24 * days).run(DUAL)
        left.append(float(np.interp(0.7, passed, passed - spent)))
        step = DUAL.rate / np.sqrt(np.diff(passed).max())
        assert left[-1] == pytest.approx((1.0 - np.exp(-level[-30])) / step, rel=0.1)
    assert left[0] / left[1] == pytest.approx(2.0, rel=0.15)


@LAWS
def test_a_days_cap_slows_the_reference(law: Law) -> None:
    """The day has twice the traffic that its money lasts for: to spend evenly as planned is too fast."""
    memory = law.init(1)
    for hour, left in enumerate((1.0, 0.9, 0.8)):
        passed = np.array([0.02 * hour])
        day = DayPurse(np.array([0.1 * left]), np.array([left]))
        level, memory = law.step(memory, passed, 0.5 * passed, np.array([0.02]), day)
    assert abs(level[0]) < 0.35 * 0.4  # on the cap's course
    for hour in range(3):
        passed = np.array([0.02 * hour])
        free, memory = law.step(law.init(1) if hour == 0 else memory, passed, 0.5 * passed, np.array([0.02]))
    assert free[0] > level[0] + 0.02
