"""The statistics of an agreement study: right under the null hypothesis, far out too, and sharp under alternatives."""

import numpy as np
import pytest
from scipy import stats

from merchantgym.experiments.agreement_statistics import (
    detectable,
    distribution_difference,
    mean_difference,
    spread_difference,
)

from ..worlds import Floats

STORES, RUNS, RATIO = 6, 12, 8
TRIALS = 600


def weather_and_noise(rng: np.random.Generator, level: Floats, runs: int = RUNS) -> tuple[Floats, Floats, Floats]:
    """Two engines in the same weather, and the second under seeds of its own; skew noise, stores of other sizes."""

    def noise(count: int) -> Floats:
        return level * rng.gamma(2.0, 1.0, (len(level), count))

    def weather(count: int) -> Floats:
        return level * rng.normal(0.0, 1.5, (len(level), count))

    shared = weather(runs)
    return shared + noise(runs), shared + noise(runs), weather(runs * RATIO) + noise(runs * RATIO)


def p_values(kind: str) -> Floats:
    rng = np.random.default_rng(7)
    found = []
    for _ in range(TRIALS):
        level = rng.uniform(1.0, 50.0, (STORES, 1))
        if kind == "counts":
            first, second = rng.poisson(level / 20.0, (STORES, RUNS)), rng.poisson(level / 20.0, (STORES, RUNS * RATIO))
            found.append(distribution_difference(first * 1.0, second * 1.0, rng))
            continue
        first, paired, apart = weather_and_noise(rng, level)
        if kind == "mean":
            found.append(mean_difference(first, paired, apart).p)
        elif kind == "spread":
            found.append(spread_difference(first, apart))
        else:
            found.append(distribution_difference(first, apart, rng))
    return np.array(found)


@pytest.mark.parametrize("kind", ["mean", "spread", "distribution"])
def test_p_values_are_uniform_where_nothing_differs(kind: str) -> None:
    assert stats.kstest(p_values(kind), "uniform").pvalue > 1e-3


def test_p_values_of_counts_err_on_the_safe_side() -> None:
    p = p_values("counts")
    assert all(np.mean(p <= level) < level + 3.0 * np.sqrt(level / TRIALS) for level in (0.01, 0.05, 0.2, 0.5))


def test_the_tail_is_right_far_out() -> None:
    """Rare skew counts of few runs, where Student's t at 1e-3 is wrong several times over."""
    rng = np.random.default_rng(3)
    p = []
    for _ in range(2500):
        values = [rng.gamma(0.5, 1.0, (STORES, runs)) for runs in (RUNS, RUNS, RUNS * RATIO)]
        p.append((mean_difference(*values).p, spread_difference(values[0], values[2])))
    assert (np.mean(np.array(p) < 1e-3, axis=0) < 3e-3).all()


def test_a_shift_is_found_as_often_as_promised() -> None:
    rng = np.random.default_rng(11)
    level = rng.uniform(1.0, 50.0, (STORES, 1))
    error = np.mean([mean_difference(*weather_and_noise(rng, level, 100)).error for _ in range(50)])
    shift = detectable(float(error), 100, 0.01)
    found = 0
    for _ in range(300):
        first, paired, apart = weather_and_noise(rng, level, 100)
        found += mean_difference(first + shift, paired, apart).p < 0.01 / 100
    assert 0.84 < found / 300 < 0.96


def test_the_interval_covers_the_difference() -> None:
    rng = np.random.default_rng(5)
    level = rng.uniform(1.0, 50.0, (STORES, 1))
    found = [mean_difference(*weather_and_noise(rng, level)) for _ in range(TRIALS)]
    assert 0.92 < np.mean([abs(each.difference) < each.half_width() for each in found]) < 0.98


def test_shared_weather_makes_means_sharper() -> None:
    rng = np.random.default_rng(1)
    samples = weather_and_noise(rng, np.full((STORES, 1), 10.0))
    best, paired, apart = (mean_difference(*samples, weight).error for weight in (None, 1.0, 0.0))
    assert best < 0.9 * min(paired, apart)


def test_one_pair_of_runs_that_agrees_does_not_make_a_mean_exact() -> None:
    """Nearly every run spends the whole budget; the one that does not, did not in both engines: same weather."""
    first = np.full((4, 8), 100.0)
    first[0, 0] = 90.0
    apart = np.full((4, 64), 100.0)
    apart[:, :2] = 90.0
    assert mean_difference(first, first.copy(), apart).p > 0.05


def test_spread_and_shape_are_found_where_means_agree() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(0.0, 1.0, (STORES, 200)), rng.normal(0.0, 1.0, (STORES, 1600))
    assert spread_difference(1.3 * first, second) < 1e-6
    two_humps = np.sqrt(0.1) * first + np.sqrt(0.9) * rng.choice([-1.0, 1.0], first.shape)
    assert distribution_difference(two_humps, second, rng) < 1e-6
    assert mean_difference(two_humps, two_humps, second).p > 0.01


def test_counts_of_few_values_are_compared_by_chi_square() -> None:
    rng = np.random.default_rng(4)
    first, second = rng.binomial(2, 0.5, (STORES, 100)) * 1.0, rng.binomial(2, 0.5, (STORES, 800)) * 1.0
    assert distribution_difference(first, second, rng) > 0.01
    assert distribution_difference(2.0 * (first > 0.0), second, rng) < 1e-6


def test_what_is_equal_is_equal_and_what_is_constant_may_differ() -> None:
    rng = np.random.default_rng(6)
    first, apart = rng.normal(5.0, 1.0, (STORES, RUNS)), rng.normal(5.0, 1.0, (STORES, RUNS * RATIO))
    rounded = first * (1.0 + 1e-15)
    assert mean_difference(first, rounded, apart).p == 1.0
    ones, many = np.ones((STORES, RUNS)), np.ones((STORES, RUNS * RATIO))
    assert mean_difference(ones, ones, many).p == spread_difference(ones, many) == 1.0
    assert distribution_difference(ones, many, rng) == 1.0
    assert mean_difference(ones, 2.0 * ones, 2.0 * many).p == 0.0
    assert distribution_difference(ones, 2.0 * many, rng) < 1e-6
