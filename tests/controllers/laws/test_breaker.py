"""The circuit breaker, on campaigns whose return is known."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from merchantgym.controllers.laws.breaker import CLOSED, OPEN, PROBING, BreakerLaw

LAW = BreakerLaw()
FLOOR, ORDER = 3.0, 150.0
Floats = NDArray[np.float64]


def delayed(spend: Floats, ratio: Floats | float, law: BreakerLaw = LAW) -> Floats:
    """Expected revenue of each hour, (hours, n), that spend brings with the market's delays and a true ratio."""
    day = slow = np.zeros(spend.shape[1])
    revenue = []
    for hour, now in enumerate(spend):
        true = ratio if isinstance(ratio, float) else ratio[hour]
        revenue.append(day / law.day_delay + slow / law.slow_delay + law.share_same_hour * now * true)
        day = day * (1.0 - 1.0 / law.day_delay) + law.share_within_day * now * true
        slow = slow * (1.0 - 1.0 / law.slow_delay)
        slow = slow + (1.0 - law.share_same_hour - law.share_within_day) * now * true
    return np.stack(revenue)


def phases(spend: Floats, revenue: Floats, law: BreakerLaw = LAW, floor: float = FLOOR) -> Floats:
    """Phase after each hour, (hours, n), whether or not spend follows it."""
    n = spend.shape[1]
    memory, seen = law.init(n), []
    for spent, returned in zip(spend.cumsum(axis=0), revenue.cumsum(axis=0), strict=True):
        phase, memory = law.step(
            memory, spent=spent, returned=returned, floor=np.full(n, floor), order_value=np.full(n, ORDER)
        )
        seen.append(phase)
    return np.stack(seen)


def orders(mean: Floats, seed: int = 0) -> Floats:
    """Revenue in whole orders of random value around its mean."""
    rng = np.random.default_rng(seed)
    return rng.poisson(mean / ORDER) * ORDER * rng.gamma(1.0, 1.0, mean.shape)


def test_orders_still_to_come_are_not_held_against_a_campaign() -> None:
    """What is due and what was seen stand in the true ratio from the first hour on."""
    spend = np.full((200, 1), 5.0)
    memory, law = LAW.init(1), LAW
    for spent, returned in zip(spend.cumsum(axis=0), delayed(spend, 2.5).cumsum(axis=0), strict=True):
        _, memory = law.step(memory, spent=spent, returned=returned, floor=np.zeros(1), order_value=np.full(1, ORDER))
        assert memory[7][0] / memory[6][0] == pytest.approx(2.5)


@pytest.mark.parametrize(("confidence", "wrong"), [(0.5, 0.08), (1.64, 0.01)])
def test_a_campaign_that_pays_is_left_alone(confidence: float, wrong: float) -> None:
    """Share of campaigns half above their floor that are ever stopped in two weeks of a few dozen orders."""
    spend = np.full((336, 500), 6.0)
    seen = phases(spend, orders(delayed(spend, 1.5 * FLOOR)), BreakerLaw(confidence=confidence))
    assert (seen == OPEN).any(axis=0).mean() < wrong


def test_a_campaign_without_orders_is_stopped_but_not_at_once() -> None:
    spend = np.full((336, 1), 4.0)
    first = int(np.argmax(phases(spend, np.zeros_like(spend))[:, 0] == OPEN))
    wasted = 4.0 * (first + 1)
    event = ORDER * LAW.dispersion
    assert event / FLOOR < wasted < 6.0 * event / FLOOR


def test_it_notices_when_a_good_campaign_turns_bad() -> None:
    law = BreakerLaw(evidence_half_life=48.0)
    spend, ratio = np.full((600, 200), 30.0), np.full(600, 2.0 * FLOOR)
    ratio[300:] = 0.2 * FLOOR
    seen = phases(spend, orders(delayed(spend, ratio)), law)
    assert (seen[:300] == OPEN).any(axis=0).mean() < 0.02
    assert (seen[300:] == OPEN).any(axis=0).mean() > 0.95


def test_open_then_probing_then_closed_once_it_pays() -> None:
    spend = np.full((100, 1), 20.0)
    lost = phases(spend, np.zeros_like(spend))[:, 0]
    trip = int(np.argmax(lost == OPEN))
    cool = int(LAW.cool_down)
    assert (lost[:trip] == CLOSED).all()
    assert (lost[trip : trip + cool] == OPEN).all()
    assert lost[trip + cool] == PROBING
    revenue = np.zeros_like(spend)
    revenue[trip + cool + 1 :] = 30.0 * FLOOR
    won = phases(spend, revenue)[:, 0]
    shut = int(np.argmax(won[trip + cool :] == CLOSED)) + trip + cool
    assert (won[trip + cool : shut] == PROBING).all()
    assert won[-1] == CLOSED


def test_between_trip_and_reset_nothing_changes() -> None:
    """A steady return at the floor neither trips a closed breaker nor closes a probing one."""
    spend = np.full((400, 1), 1000.0)
    revenue = delayed(spend, FLOOR)
    assert (phases(spend, revenue) == CLOSED).all()
    revenue[:20] = 0.0
    later = phases(spend, revenue)[:, 0]
    assert later[-1] == PROBING
    assert (np.diff(later) != 0.0).sum() <= 4


def test_without_a_floor_it_never_trips() -> None:
    spend = np.full((336, 2), 50.0)
    assert (phases(spend, np.zeros_like(spend), floor=0.0) == CLOSED).all()


AMOUNTS = st.lists(st.tuples(st.floats(0, 500), st.floats(0, 5000)), min_size=1, max_size=150)


@given(history=AMOUNTS, cool_down=st.sampled_from([1.0, 6.0, 24.0]))
def test_it_does_not_chatter(history: Sequence[tuple[float, float]], cool_down: float) -> None:
    """Whatever happens, a trip is followed by a whole cool-down, so trips are rarer than hours over cool-downs."""
    spend, revenue = (np.array(column)[:, None] for column in zip(*history, strict=True))
    law = BreakerLaw(cool_down=cool_down)
    seen = phases(spend, revenue, law)[:, 0]
    trips = ((seen[1:] == OPEN) & (seen[:-1] != OPEN)).sum() + (seen[0] == OPEN)
    assert trips <= 1 + (len(seen) - 1) // (cool_down + 1)
    assert np.isin(seen, (CLOSED, OPEN, PROBING)).all()
    assert not ((seen[:-1] == OPEN) & (seen[1:] == CLOSED)).any()


@given(history=AMOUNTS)
def test_campaigns_do_not_meddle_and_arguments_stay(history: Sequence[tuple[float, float]]) -> None:
    spend, revenue = (np.array(column)[:, None] for column in zip(*history, strict=True))
    together = phases(np.hstack((spend, 2.0 * spend)), np.hstack((revenue, 0.1 * revenue)))
    np.testing.assert_array_equal(together[:, :1], phases(spend, revenue))
    memory = LAW.init(1)
    kept = [part.copy() for part in memory]
    with np.errstate(all="raise", under="ignore"):
        LAW.step(memory, spent=spend[0], returned=revenue[0], floor=np.ones(1), order_value=np.full(1, ORDER))
    assert all(np.array_equal(left, right) for left, right in zip(memory, kept, strict=True))


def test_impossible_gains_are_refused() -> None:
    with pytest.raises(ValueError, match=r"reset_ratio\(=0.9\) must be > trip_ratio\(=0.9\)"):
        BreakerLaw(reset_ratio=0.9)
    with pytest.raises(ValueError, match=r"share_within_day\(=0.8\) must be <= 1 - share_same_hour\(=0.35\)"):
        BreakerLaw(share_within_day=0.8)
    with pytest.raises(ValueError, match=r"cool_down\(=0\) must lie in \[1, inf\]"):
        BreakerLaw(cool_down=0)
