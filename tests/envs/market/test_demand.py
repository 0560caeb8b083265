"""Traffic, calendar, outside events and rivals against scipy, hand calculation and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import lognorm

from merchantgym.envs.market.calendar import promotion_uplift, shock
from merchantgym.envs.market.rivals import lognormal_mean, rival_log_mean, rival_reaction
from merchantgym.envs.market.traffic import (
    autoregression,
    demand_multiplier,
    match_after_hype,
    request_rate,
    stationary_sd,
)


def test_request_rate_is_the_product_of_its_parts() -> None:
    assert request_rate(850.0, 0.4, 1.5, 4.0, 0.9) == pytest.approx(850.0 * 0.4 * 1.5 * 4.0 * 0.9)


@pytest.mark.parametrize("sd", [0.05, 0.33, 0.8])
def test_demand_has_mean_one(sd: float) -> None:
    x, weight = np.polynomial.hermite_e.hermegauss(60)
    mean = np.dot(weight, demand_multiplier(sd * x, np.full(60, sd))) / weight.sum()
    assert mean == pytest.approx(1.0, rel=1e-9)


def test_autoregression_settles_at_its_stationary_spread() -> None:
    normals = np.random.default_rng(3).standard_normal((400, 20_000))
    value = np.zeros(20_000)
    for row in normals:
        value = autoregression(value, 0.97, 0.08, row)
    expected = stationary_sd(0.97, 0.08)
    assert expected == pytest.approx(0.08 / np.sqrt(1.0 - 0.97**2))
    assert value.std() == pytest.approx(expected, rel=0.02)
    assert abs(value.mean()) < 4.0 * expected / np.sqrt(20_000)


@given(st.floats(1e-6, 0.999), st.floats(0.0, 1.0), st.floats(0.0, 3.0))
def test_hype_adds_to_the_log_odds_of_being_found(match: float, hype: float, strength: float) -> None:
    found = match_after_hype(match, hype, strength)
    assert found == pytest.approx(expit(logit(match) + strength * hype), rel=1e-9)
    assert match * (1.0 - 1e-12) <= found <= 1.0


def test_promotion_day_lifts_traffic_and_an_ordinary_day_does_not() -> None:
    assert promotion_uplift(0.0, 4.0) == 1.0
    assert promotion_uplift(1.0, 4.0) == 4.0


@given(st.floats(0.0, 400.0), st.floats(0.0, 300.0), st.floats(1.0, 24.0), st.floats(6.0, 200.0))
def test_outside_event_is_silent_before_its_onset_continuous_and_never_negative(
    hour: float, onset: float, rise: float, decay: float
) -> None:
    now = shock(hour, onset, rise, decay)
    assert 0.0 <= now <= 1.0
    if hour <= onset:
        assert now == 0.0
    step = 1e-6
    assert shock(hour + step, onset, rise, decay) == pytest.approx(now, abs=2.0 * step / min(rise, decay))


def test_outside_event_rises_and_decays_at_its_own_pace() -> None:
    assert shock(11.0, 10.0, 0.01, 1e6) == pytest.approx(1.0, rel=1e-4)  # so that size 1 doubles demand
    hours = np.arange(0.0, 2000.0)
    course = np.array([shock(hour, 10.0, 6.0, 48.0) for hour in hours])
    elapsed = np.maximum(hours - 10.0, 0.0)
    assert course == pytest.approx(-np.expm1(-elapsed / 6.0) * np.exp(-elapsed / 48.0), abs=1e-9)
    peak = int(course.argmax())
    assert peak == 23  # 10 + 6 ln(1 + 48 / 6)
    assert (np.diff(course[10:peak]) > 0.0).all()
    assert (np.diff(course[peak + 1 :]) <= 0.0).all()


def test_rival_level_adds_its_causes_and_peaks_at_its_hour() -> None:
    hours = np.arange(24.0)
    at = [rival_log_mean(-0.6, 0.25, hour, 15.0, 0.0, 0.0, 0.0, 0.0) for hour in hours]
    assert int(np.argmax(at)) == 15
    assert max(at) - min(at) == pytest.approx(0.5)
    assert np.mean(at) == pytest.approx(-0.6)
    assert rival_log_mean(-0.6, 0.25, 15.0, 15.0, 0.1, 0.3, 0.25, -0.05) == pytest.approx(-0.6 + 0.25 + 0.6)


def test_rivals_answer_drifts_to_its_goal_and_halves_the_gap_in_three_days() -> None:
    answer = 0.0
    for _ in range(69):
        answer = rival_reaction(answer, 0.65, 0.15, 0.01, 0.6)
    assert answer == pytest.approx(0.3 * 0.5, rel=0.01)
    for _ in range(2000):
        answer = rival_reaction(answer, 0.65, 0.15, 0.01, 0.6)
    assert answer == pytest.approx(0.3, rel=1e-6)
    assert rival_reaction(0.0, 0.0, 0.15, 0.01, 0.6) < 0.0  # rivals relax where we win less than they expect


def test_lognormal_mean() -> None:
    assert lognormal_mean(-0.6, 0.87) == pytest.approx(lognorm(s=0.87, scale=np.exp(-0.6)).mean())
