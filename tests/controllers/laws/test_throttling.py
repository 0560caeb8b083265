"""Throttling on a plant that spends evenly at full participation."""

import numpy as np
import pytest

from merchantgym.controllers.laws import ThrottleLaw

from .plants import HOURS, traffic

LAW = ThrottleLaw()


def run(law: ThrottleLaw, speed: float) -> tuple[np.ndarray, np.ndarray]:
    """(rate, share spent) by the hour where full participation would spend at `speed` times the even one."""
    share = traffic()
    memory, spent, passed, rates, spends = law.init(1), np.zeros(1), np.zeros(1), [], [0.0]
    for part in share:
        rate, memory = law.step(memory, passed, spent)
        rates.append(rate[0])
        spent = np.minimum(spent + rate * part * speed, 1.0)
        passed = np.minimum(passed + part, 1.0)
        spends.append(spent[0])
    return np.array(rates), np.array(spends)


@pytest.mark.parametrize("speed", [1.2, 2.0, 5.0])
def test_money_lasts_and_is_spent(speed: float) -> None:
    rates, spent = run(LAW, speed)
    assert spent[-1] > 0.98
    assert np.interp(0.9, np.append(0.0, traffic().cumsum()), spent) < 0.97
    assert abs(rates[HOURS // 2 :].mean() - 1.0 / (speed * LAW.finish)) < 0.1


def test_a_plan_without_haste_takes_part_everywhere() -> None:
    """Behind the planned spend there is nothing to leave out; and no rate above one."""
    rates, _ = run(LAW, 0.7)
    np.testing.assert_array_equal(rates, 1.0)


def test_fast_finish_spends_earlier() -> None:
    _, usual = run(ThrottleLaw(finish=1.0), 2.0)
    _, fast = run(ThrottleLaw(finish=0.9), 2.0)
    assert fast[HOURS // 2] > usual[HOURS // 2] + 0.03
    assert (fast > 0.99).sum() > (usual > 0.99).sum()


def test_one_step_is_the_published_one() -> None:
    memory = LAW.init(2)
    rate, _ = LAW.step((*memory[:4], np.array([0.5, 0.5])), np.array([0.4, 0.4]), np.array([0.3, 0.5]))
    np.testing.assert_allclose(rate, 0.5 * np.exp([0.1, -0.1]))


def test_never_shuts_for_good() -> None:
    memory = LAW.init(1)
    for hour in range(100):
        rate, memory = LAW.step(memory, np.array([hour / HOURS]), np.array([0.9]))
    assert rate[0] == LAW.low
    for hour in range(24):
        rate, memory = LAW.step(memory, np.array([0.95 + hour / 1000]), np.array([0.9]))
    assert rate[0] > 0.9
