"""Gains over the best controller: what counts as a win, and what the intervals take for chance."""

import numpy as np
import pytest

from merchantgym.experiments.statistics import Floats
from merchantgym.experiments.studies.gains import best_controller, gains_over
from merchantgym.experiments.studies.transfer import section, transfer_of
from merchantgym.experiments.table import ArmResult, Kind

STORES = 200
BASE = np.random.default_rng(0).normal(3000.0, 1500.0, STORES)
NOISE = np.random.default_rng(1).normal(0.0, 100.0, STORES)


def arm(name: str, kind: Kind, gain: Floats | float) -> ArmResult:
    """An executor that gains so much over the usual profit; a row a training."""
    profit = np.atleast_2d(BASE + gain)
    return ArmResult("rule", name, kind, profit, *(np.abs(profit) for _ in range(6)))


MPC, PID, PLAN = arm("mpc", "controller", 0.0), arm("pid", "controller", -50.0), arm("open_loop", "plan", 99.0)


def test_the_best_controller_is_no_plan_and_no_learned_executor() -> None:
    learned = arm("ppo", "learned", 500.0)
    assert best_controller([PLAN, PID, learned, MPC]) is MPC
    with pytest.raises(ValueError, match="must have a controller"):
        best_controller([PLAN, learned])


def test_a_gain_is_paired_by_store_and_told_by_training() -> None:
    (gain,) = gains_over(MPC, [arm("ppo", "learned", np.array([[10.0], [30.0]]) + 0.0 * BASE)], seed=0)
    assert gain.gain.mean == pytest.approx(20.0)
    assert gain.share.mean == pytest.approx(20.0 / BASE.mean())
    assert gain.by_seed == pytest.approx((10.0, 30.0))
    assert (gain.over, gain.seeds, gain.stores) == ("mpc", 2, STORES)
    assert gain.improvement.mean == 1.0


def test_trainings_are_taken_for_drawn_by_chance() -> None:
    """Ten trainings of the same mean: the more they differ, the wider the interval."""
    spread = np.linspace(-1.0, 1.0, 10)[:, None]
    arms = [arm("alike", "learned", NOISE + 0.0 * spread), arm("unlike", "learned", NOISE + 200.0 * spread)]
    width = {one.executor: one.gain.high - one.gain.low for one in gains_over(MPC, arms, seed=0)}
    over_stores = 2 * 1.96 * NOISE.std() / np.sqrt(STORES)
    over_trainings = 2 * 1.96 * 200.0 * spread.std() / np.sqrt(10)
    assert width["alike"] == pytest.approx(over_stores, rel=0.15)
    assert width["unlike"] == pytest.approx(np.hypot(over_stores, over_trainings), rel=0.15)


def test_a_lucky_training_is_no_win() -> None:
    """One training in three gains much: signs of stores are clear, trainings to come are not."""
    lucky = np.array([[120.0], [-5.0], [-5.0]]) + NOISE - NOISE.mean()
    steady = np.full((3, 1), 40.0) + NOISE - NOISE.mean()
    gains = {
        one.executor: one
        for one in gains_over(MPC, [arm("lucky", "learned", lucky), arm("steady", "learned", steady)], 0)
    }
    assert gains["lucky"].p < 0.05
    assert gains["lucky"].mark == "tie"
    assert gains["steady"].mark == "win"


def test_a_loss_is_marked_and_nothing_is_a_tie() -> None:
    found = gains_over(MPC, [arm("worse", "learned", -40.0 + 0 * NOISE), arm("same", "learned", 0.0)], 0)
    assert {one.executor: one.mark for one in found} == {"worse": "loss", "same": "tie"}


def test_p_values_are_adjusted_over_all_that_are_compared() -> None:
    one = arm("a", "learned", 14.0 + NOISE - NOISE.mean())
    (alone,) = gains_over(MPC, [one], 0)
    among = next(
        each for each in gains_over(MPC, [one, *(arm(n, "learned", NOISE) for n in "bcd")], 0) if each.executor == "a"
    )
    assert among.p > alone.p
    assert among.gain == alone.gain


def test_what_carries_over_is_counted_scenario_by_scenario() -> None:
    results = {
        "home": [PLAN, PID, MPC, arm("ppo", "learned", 40.0), arm("sac", "learned", 0.0)],
        "away": [PLAN, arm("pid", "controller", 80.0), MPC, arm("ppo", "learned", 40.0), arm("sac", "learned", 90.0)],
    }
    found = transfer_of(results, "home", seed=0)
    assert found is not None
    assert [gain.over for gain in found.gains["away"]] == ["pid", "pid"]
    assert found.counts("ppo") == (1, 0, 1)
    assert found.counts("sac") == (1, 1, 0)
    text = section(found, "gains.png")
    assert "**home**, where they were trained" in text
    assert "| **won/tied/lost** |  | 1/0/1 | 1/1/0 |" in text
    assert transfer_of({"home": [PLAN, MPC]}, "home", 0) is None
