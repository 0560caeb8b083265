"""The branch-free elementary functions against numpy and scipy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit, ndtr

from merchantgym.envs.market.numeric import exponential, logarithm, logistic, normal_cdf


def test_exponential_is_exact_to_nine_digits_and_clipped_at_forty() -> None:
    x = np.linspace(-40.0, 40.0, 100_001)
    assert exponential(x) == pytest.approx(np.exp(x), rel=1e-9, abs=0.0)
    assert exponential(np.array([-1e300, 1e300])) == pytest.approx(np.exp([-40.0, 40.0]), rel=1e-9, abs=0.0)
    x = np.linspace(-30.0, 30.0, 100_001)
    assert exponential(x) == pytest.approx(np.exp(x), rel=1e-10, abs=0.0)


def test_logarithm_is_exact_over_the_range_of_floats() -> None:
    x = np.exp(np.linspace(-700.0, 700.0, 100_001))
    assert np.abs(logarithm(x) - np.log(x)).max() < 2e-13
    x = np.linspace(0.5, 2.0, 100_001)
    assert np.abs(logarithm(x) - np.log(x)).max() < 2e-14
    assert logarithm(0.0) < -700.0
    assert logarithm(1.0) == 0.0


def test_logistic() -> None:
    x = np.linspace(-39.0, 39.0, 100_001)
    assert logistic(x) == pytest.approx(expit(x), rel=1e-9, abs=0.0)


def test_normal_distribution_function_is_exact_in_the_tail_too() -> None:
    x = np.linspace(-7.0, 7.0, 100_001)
    assert normal_cdf(x) == pytest.approx(ndtr(x), rel=3e-9, abs=0.0)
    assert normal_cdf(np.array([-1e9, -8.0])) == pytest.approx(ndtr(-7.0), rel=3e-9, abs=0.0)
    assert normal_cdf(np.array([8.0, 1e9])) == pytest.approx(1.0, rel=1e-11)


def test_no_step_at_zero_where_the_two_tails_meet() -> None:
    assert normal_cdf(np.array([-1e-15, -0.0, 0.0, 1e-15])) == pytest.approx(0.5, abs=1e-14)


@given(st.floats(-1e6, 1e6), st.floats(0.0, 1e6))
def test_probabilities_never_fall_and_stay_in_range(x: float, more: float) -> None:
    for function in (normal_cdf, logistic):
        low, high = function(x), function(x + more)
        assert 0.0 <= low <= high * (1.0 + 1e-14)
        assert high <= 1.0


@given(st.floats(-50.0, 50.0))
def test_a_float_gives_the_same_as_an_array(x: float) -> None:
    for function in (exponential, logistic, normal_cdf):
        assert function(np.array([x]))[0] == pytest.approx(function(x), rel=1e-14)
