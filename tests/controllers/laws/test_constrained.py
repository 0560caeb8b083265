"""Laws under a budget and a floor on the return, in a shop whose return falls as bids rise."""

from dataclasses import replace

import numpy as np
import pytest

from merchantgym.controllers.laws import (
    Decoupler,
    DualLaw,
    DualReturnLaw,
    MinLaw,
    MinReturnLaw,
    MultivariableLaw,
    PacingLaw,
    Returns,
    RoiLaw,
    decoupling,
)

from .plants import HOURS, Shop

Law = MultivariableLaw | DualLaw | MinLaw
LAWS = pytest.mark.parametrize("law", [MultivariableLaw(), DualLaw(), MinLaw()], ids=["multi_pid", "dual", "min"])


@LAWS
def test_a_floor_out_of_reach_is_kept_by_bidding_less(law: Law) -> None:
    """At the plan's bids a unit spent returns 4; the floor is 5, which bids of about three quarters meet."""
    spent, earned, _ = Shop(roi=4.0).run(law, 0.0)
    assert earned[-1] / spent[-1] < 4.2
    spent, earned, bids = Shop(roi=4.0).run(law, 5.0)
    half = HOURS // 2
    assert earned[-1] / spent[-1] > 4.25
    assert (earned[-1] - earned[half]) / (spent[-1] - spent[half]) > 4.5
    assert spent[-1] - spent[half] > 0.15  # not by giving up
    assert bids.min() < -0.2


@LAWS
def test_a_floor_that_is_met_changes_little(law: Law) -> None:
    bound, _, bids = Shop(roi=9.0).run(law, 3.0)
    free, _, _ = Shop(roi=9.0).run(law, 0.0)
    assert abs(bound[-1] - free[-1]) < 0.1
    assert np.abs(bids).max() < 0.05


@LAWS
@pytest.mark.parametrize("speed", [0.7, 2.0])
def test_the_budget_is_paced_without_a_floor(law: Law, speed: float) -> None:
    spent, _, _ = Shop(speed=speed).run(law, 0.0)
    assert spent[-1] > (0.97 if speed > 1.0 else 0.75)
    assert spent[HOURS // 2] < 0.7


@LAWS
def test_the_first_action_is_nearly_the_plan(law: Law) -> None:
    _, _, bids = replace(Shop(roi=4.0), hours=1).run(law, 5.0)
    assert np.abs(bids).max() < 0.03


def test_without_a_floor_the_multivariable_law_is_its_pid() -> None:
    law, memory, pid = MultivariableLaw(decoupler=Decoupler(0.7, 1.2)), MultivariableLaw().init(1), PacingLaw().init(1)
    for hour in range(40):
        passed, spent, stride = np.array([hour / 100]), np.array([(hour / 100) ** 1.3]), np.array([0.01])
        nothing = Returns(np.zeros(1), spent, spent, np.ones(1))
        level, own, memory = law.step(memory, passed, spent, stride, np.full((1, 2), 0.1), np.ones((1, 2)), nothing)
        alone, pid = PacingLaw().step(pid, passed, spent, stride)
        np.testing.assert_array_equal(level, alone)
        np.testing.assert_allclose(own, 0.1, atol=1e-12)


def test_the_floor_moves_bids_to_listings_that_return_more() -> None:
    for law in (MultivariableLaw(), DualLaw()):
        _, _, bids = Shop(roi=4.0).run(law, 5.0)
        assert bids[0] < bids[1] < bids[2]


def test_recovers_from_a_long_time_below_the_floor() -> None:
    """Bounds on q: after 200 hours far below the floor it takes a day or two above it, not 200 hours, to let go."""
    law, moved = RoiLaw(), np.array([1.0 / HOURS])
    lag, integral, outputs = np.zeros(1), np.zeros(1), []
    for gap in [-1.5] * 200 + [0.2] * 60:
        output, lag, integral = law.step(lag, integral, np.array([gap]), moved)
        outputs.append(output[0])
    assert outputs[199] == law.roi_limit
    assert outputs[201] < law.roi_limit
    assert outputs[-1] < outputs[201] - 0.5
    lag, integral = np.zeros(1), np.zeros(1)
    for gap in [-1.2] * 200 + [0.0]:
        output, lag, integral = law.step(lag, integral, np.array([gap]), moved)
    assert output < 0.5  # the proportional term alone held the bound: nothing was wound up behind it
    dual, weight = DualReturnLaw(), np.zeros(1)
    for _ in range(50):
        weight = dual.step(weight, np.array([-0.1]), np.zeros(1))
    assert weight == dual.roi_limit
    assert dual.step(weight, np.array([0.1]), np.zeros(1)) == dual.roi_limit - 0.1 * dual.roi_rate
    low = MinReturnLaw()
    assert low.step(np.array([low.roi_low]), np.array([0.1]), np.zeros(1)) > low.roi_low


def test_min_pacing_makes_the_lower_bid() -> None:
    law = MinLaw()
    for behind, earned, lower in ((0.02, 9.0, "budget"), (-0.05, 0.0, "return")):
        now = np.array([0.4]), np.array([0.4 + behind]), np.array([0.006])
        memory = (*law.init(1)[:4], np.ones(1), np.ones(1), np.zeros(1), np.zeros(1))
        budget, _ = law.budget.step(memory[:-2], *now)
        returns = Returns(np.array([5.0]), np.array([0.1]), np.array([earned]), np.ones(1))
        level, own, _ = law.step(memory, *now, np.full((1, 2), 0.1), np.ones((1, 2)), returns)
        assert (level == budget) == (lower == "budget")
        assert (level <= budget).all()
        np.testing.assert_array_equal(own, 0.1)


PLANT = np.array([[1.5, -0.6], [-0.8, 1.2]])
"""Spend rises with the budget's signal and falls with the return's; the return the other way round."""


def test_the_decoupler_lets_each_signal_move_its_own_goal_only() -> None:
    alpha, beta = decoupling(PLANT)
    mixed = np.array([Decoupler(alpha, beta).mix(*signal) for signal in np.eye(2)]).T  # columns: unit signals
    through = PLANT @ mixed
    np.testing.assert_allclose(through - np.diag(np.diag(through)), 0.0, atol=1e-12)
    assert (np.abs(np.diag(through)) > 0.1).all()
    plain = PLANT @ np.array([Decoupler().mix(*signal) for signal in np.eye(2)]).T
    np.testing.assert_allclose(plain, PLANT)


@pytest.mark.parametrize("goal", [0, 1])
def test_two_integral_loops_do_not_disturb_each_other_once_decoupled(goal: int) -> None:
    """A step in one goal moves the other by nothing, where the same loops without a decoupler shake it."""
    shaken = []
    for decoupler in (Decoupler(*decoupling(PLANT)), Decoupler()):
        signal, wanted, worst = np.zeros(2), np.eye(2)[goal], 0.0
        sign = np.sign(np.diag(PLANT @ np.array([decoupler.mix(*one) for one in np.eye(2)]).T))
        for _ in range(200):
            reached = PLANT @ np.array(decoupler.mix(*signal))
            signal = signal + 0.1 * sign * (wanted - reached)
            worst = max(worst, abs(reached[1 - goal]))
        assert reached[goal] == pytest.approx(1.0, abs=0.02)
        shaken.append(worst)
    assert shaken[0] < 1e-9 < 0.1 < shaken[1]


def test_a_plant_that_cannot_be_decoupled_is_refused() -> None:
    with pytest.raises(ValueError, match=r"plant\(determinant=0\) must have a determinant other than 0"):
        decoupling(np.ones((2, 2)))
