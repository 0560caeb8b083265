"""Statistics of a comparison: known answers, invariances, bad input."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from merchantgym.experiments import statistics
from merchantgym.experiments.statistics import (
    Floats,
    Interval,
    iqm,
    iqm_interval,
    mean,
    mean_interval,
    paired_difference,
    probability_of_improvement,
)

FEW = 200  # resamples where only a law is tested, not a level
INTERVALS = (mean_interval, iqm_interval)
results = arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(2, 12)),
    elements=st.floats(-1e6, 1e6, allow_subnormal=False),
)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def ends(interval: Interval) -> Floats:
    return np.array([interval.mean, interval.low, interval.high])


def fractional_iqm(values: Floats) -> float:
    """The textbook interquartile mean: the borders of the middle half cut through entries."""
    x = np.sort(values.ravel())
    upper = np.clip(np.arange(1, x.size + 1), x.size / 4, 3 * x.size / 4)
    return float(np.diff(upper, prepend=x.size / 4) @ x / (x.size / 2))


def test_mean_and_iqm_are_numpy_and_scipy() -> None:
    x = generator().lognormal(size=(3, 37))
    assert mean(x) == x.mean()
    assert iqm(x) == stats.trim_mean(x.ravel(), 0.25)


def test_iqm_is_the_textbook_one_where_four_divides_the_number_of_entries() -> None:
    x = generator().lognormal(size=(3, 32))
    assert iqm(x) == pytest.approx(fractional_iqm(x), rel=1e-12)


def test_iqm_differs_from_the_textbook_one_by_less_than_two_entries_in_n() -> None:
    for stores in range(9, 90, 4):
        x = generator(stores).uniform(size=(1, stores))
        assert abs(iqm(x) - fractional_iqm(x)) < 2 / stores * np.ptp(x)


@pytest.mark.parametrize(
    ("ours", "statistic"),
    [(mean_interval, np.mean), (iqm_interval, partial(stats.trim_mean, proportiontocut=0.25))],
)
def test_one_seed_is_the_bootstrap_of_scipy(ours, statistic) -> None:  # type: ignore[no-untyped-def]
    x = generator().lognormal(size=(1, 41))
    theirs = stats.bootstrap((x[0],), statistic, n_resamples=20_000, method="percentile", rng=generator(1))
    low, high = theirs.confidence_interval
    mine = ours(x, generator(2), resamples=20_000)
    width = high - low
    assert mine.low == pytest.approx(low, abs=0.04 * width)
    assert mine.high == pytest.approx(high, abs=0.04 * width)


def test_many_normal_stores_give_the_t_interval() -> None:
    x = generator().normal(100, 20, size=(1, 400))
    low, high = stats.t.interval(0.95, 399, loc=x.mean(), scale=stats.sem(x[0]))
    mine = mean_interval(x, generator(1), resamples=20_000)
    assert ends(mine) == pytest.approx([x.mean(), low, high], abs=0.04 * (high - low))


def test_interval_covers_as_often_as_it_says() -> None:
    """500 worlds of 80 skewed stores: the t-interval and ours cover the true mean about equally often."""
    rng = generator()
    worlds = rng.gamma(4.0, size=(500, 1, 80))
    ours = [mean_interval(x, rng, resamples=400) for x in worlds]
    theirs = [stats.t.interval(0.95, 79, loc=x.mean(), scale=stats.sem(x[0])) for x in worlds]
    hits = sum(i.low <= 4 <= i.high for i in ours)
    assert abs(hits - sum(low <= 4 <= high for low, high in theirs)) <= 10
    assert hits >= 0.915 * 500


def test_seeds_widen_the_interval() -> None:
    """Five trainings that differ as a whole: the interval must be theirs, although stores hardly vary."""
    level = np.array([[-10.0], [-5], [0], [5], [10]])
    x = level + generator().normal(size=(5, 400))
    interval = mean_interval(x, generator(1))
    expected = 1.96 * level.std() / np.sqrt(5)
    assert (interval.high - interval.low) / 2 == pytest.approx(expected, rel=0.1)


def test_pairing_removes_what_the_stores_have_in_common() -> None:
    stores = generator().normal(0, 1000, size=(1, 256))
    a, b = stores + 5 + generator(1).normal(size=(1, 256)), stores
    difference = paired_difference(a, b, generator(2))
    assert difference.low > 4
    assert difference.high < 6
    assert difference.excludes_zero
    assert not mean_interval(b, generator(2)).excludes_zero


def test_a_controller_is_set_against_every_seed() -> None:
    learned, controller = generator().normal(size=(4, 50)), generator(1).normal(size=(1, 50))
    repeated = np.repeat(controller, 4, axis=0)
    difference = paired_difference(learned, controller, generator(2))
    assert difference == paired_difference(learned, repeated, generator(2))


def test_arms_of_different_numbers_of_seeds_resample_them_independently() -> None:
    stores = generator().normal(0, 1000, size=(1, 256))
    a = stores + np.array([[4.0], [5], [6]])
    b = stores + np.array([[-1.0], [0], [1], [0], [0]])
    difference = paired_difference(a, b, generator(1), resamples=20_000)
    spread = np.sqrt(a.mean(1).var() / 3 + b.mean(1).var() / 5)
    assert difference.mean == pytest.approx(5)
    assert (difference.high - difference.low) / 2 == pytest.approx(1.96 * spread, rel=0.12)


def test_probability_of_improvement_counts_pairs_and_halves_ties() -> None:
    a, b = np.array([[1.0, 2, 3], [3, 2, 1]]), np.array([[2.0, 2, 2]])
    interval = probability_of_improvement(a, b, generator())
    assert interval.mean == (0 + 0.5 + 1 + 1 + 0.5 + 0) / 6
    assert 0 <= interval.low <= interval.mean <= interval.high <= 1


def test_probability_of_improvement_of_one_seed_is_the_bootstrap_of_the_wins() -> None:
    a, b = generator().normal(0.2, 1, size=(1, 200)), generator(1).normal(size=(1, 200))
    wins = (a > b).astype(float)
    assert probability_of_improvement(a, b, generator(2)) == mean_interval(wins, generator(2))


def test_dominance_is_certain() -> None:
    a = generator().uniform(1, 2, size=(3, 20))
    assert probability_of_improvement(a, -a[:2], generator()) == Interval(1.0, 1.0, 1.0)


@given(results, st.floats(-1e6, 1e6))
@settings(max_examples=40, deadline=None)
def test_shift(x: Floats, shift: float) -> None:
    for interval in INTERVALS:
        moved, still = (
            interval(x + shift, generator(), resamples=FEW),
            interval(x, generator(), resamples=FEW),
        )
        assert ends(moved) == pytest.approx(ends(still) + shift, rel=1e-9, abs=1e-5)


@given(results, st.floats(1e-3, 1e3))
@settings(max_examples=40, deadline=None)
def test_scale(x: Floats, scale: float) -> None:
    for interval in INTERVALS:
        wide, unit = interval(x * scale, generator(), resamples=FEW), interval(x, generator(), resamples=FEW)
        assert ends(wide) == pytest.approx(ends(unit) * scale, rel=1e-9, abs=1e-5)


@given(results, st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_order_of_stores_does_not_move_the_estimate(x: Floats, random) -> None:  # type: ignore[no-untyped-def]
    order = random.sample(range(x.shape[1]), x.shape[1])
    assert mean(x[:, order]) == pytest.approx(mean(x), rel=1e-12, abs=1e-8)
    assert iqm(x[:, order]) == pytest.approx(iqm(x), rel=1e-12, abs=1e-8)


def test_order_of_stores_moves_the_interval_only_by_its_simulation_error() -> None:
    x = generator().lognormal(size=(3, 60))
    for interval in INTERVALS:
        first, second = interval(x, generator()), interval(x[:, ::-1], generator())
        assert ends(first) == pytest.approx(ends(second), abs=0.08 * (first.high - first.low))


@given(results)
@settings(max_examples=60, deadline=None)
def test_an_arm_against_itself(x: Floats) -> None:
    assert paired_difference(x, x.copy(), generator(), resamples=FEW) == Interval(0.0, 0.0, 0.0)
    assert ends(probability_of_improvement(x, x.copy(), generator(), resamples=FEW)) == pytest.approx(
        [0.5, 0.5, 0.5], abs=1e-12
    )


@given(results)
@settings(max_examples=60, deadline=None)
def test_intervals_stay_within_the_data(x: Floats) -> None:
    slack = 1e-9 * (1 + np.abs(x).max())
    for interval in INTERVALS:
        result = interval(x, generator(), resamples=FEW)
        assert x.min() - slack <= result.low <= result.high <= x.max() + slack


@given(results, results)
@settings(max_examples=40, deadline=None)
def test_difference_turns_its_sign_with_its_arms(a: Floats, b: Floats) -> None:
    stores = min(a.shape[1], b.shape[1])
    a, b = a[:, :stores], b[:, :stores]
    forth = paired_difference(a, b, generator(), resamples=FEW)
    assert forth.mean == pytest.approx(-paired_difference(b, a, generator(), resamples=FEW).mean, abs=1e-6)
    chance = probability_of_improvement(a, b, generator(), resamples=FEW).mean
    assert chance == pytest.approx(1 - probability_of_improvement(b, a, generator(), resamples=FEW).mean)


@pytest.mark.parametrize("interval", INTERVALS)
def test_working_memory_does_not_change_the_result(interval, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    x = generator().normal(size=(3, 33))
    whole = interval(x, generator(1), resamples=FEW)
    monkeypatch.setattr(statistics, "CHUNK", 1000)
    assert ends(interval(x, generator(1), resamples=FEW)) == pytest.approx(ends(whole), rel=1e-12)


def test_one_random_state_gives_one_interval() -> None:
    x = generator().normal(size=(2, 33))
    assert mean_interval(x, generator(5)) == mean_interval(x, generator(5))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[1.0, np.nan, 3.0]], r"values\[seed 0, store 1\]\(=nan\) must be finite"),
        ([[1.0, 2.0], [3.0, -np.inf]], r"values\[seed 1, store 1\]\(=-inf\) must be finite"),
        ([1.0, 2.0, 3.0], r"values\(shape=\(3,\)\) must be \(seeds, stores\)"),
        ([[1.0], [2.0]], r"values\(shape=\(2, 1\)\) must be .* 2 stores"),
        (np.empty((0, 5)), r"values\(shape=\(0, 5\)\) must be .* at least 1 seed"),
    ],
)
def test_bad_results_are_named(values, message) -> None:  # type: ignore[no-untyped-def]
    for call in (mean, iqm):
        with pytest.raises(ValueError, match=message):
            call(values)
    for interval in INTERVALS:
        with pytest.raises(ValueError, match=message):
            interval(values, generator())


def test_bad_pairs_and_settings_are_named() -> None:
    x = np.ones((1, 4))
    for call in (paired_difference, probability_of_improvement):
        with pytest.raises(ValueError, match=r"b\(shape=\(1, 3\)\) must have the stores of a\(shape="):
            call(x, np.ones((1, 3)), generator())
        with pytest.raises(ValueError, match=r"b\[seed 0, store 0\]\(=nan\)"):
            call(x, x * np.nan, generator())
    with pytest.raises(ValueError, match=r"level\(=1.0\) must be in \(0, 1\)"):
        mean_interval(x, generator(), level=1.0)
    with pytest.raises(ValueError, match=r"resamples\(=0\) must be >= 1"):
        mean_interval(x, generator(), resamples=0)
