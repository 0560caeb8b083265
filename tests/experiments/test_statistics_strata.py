"""Intervals with stores resampled within their kind."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.experiments.statistics import (
    Floats,
    Interval,
    iqm_interval,
    mean_interval,
    paired_difference,
    probability_of_improvement,
)

FEW = 300


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def kinds(stores: int, count: int) -> list[str]:
    return [f"kind {i % count}" for i in range(stores)]


def of_kinds(rng: np.random.Generator, stores: int, count: int, apart: float) -> Floats:
    """One seed; kinds differ by `apart`, stores of a kind by 1."""
    return (apart * (np.arange(stores) % count) + rng.normal(size=stores))[None, :]


@pytest.mark.parametrize("interval", [mean_interval, iqm_interval])
def test_one_kind_is_no_strata(interval) -> None:  # type: ignore[no-untyped-def]
    x = generator().normal(size=(2, 30))
    assert interval(x, generator(1), strata=["all"] * 30) == interval(x, generator(1))


def test_labels_only_tell_kinds_apart() -> None:
    x = of_kinds(generator(), 40, 4, 3.0)
    named = mean_interval(x, generator(1), strata=kinds(40, 4))
    assert mean_interval(x, generator(1), strata=np.arange(40) % 4) == named


def test_what_differs_between_kinds_alone_is_certain() -> None:
    x = np.array([[1.0, 1.0, 5.0, 5.0, 5.0]])
    assert mean_interval(x, generator(), strata=[0, 0, 1, 1, 1]) == Interval(3.4, 3.4, 3.4)
    y = np.array([[0.0, 0.0, 9.0, 9.0, 9.0]])
    assert probability_of_improvement(x, y, generator(), strata=[0, 0, 1, 1, 1]) == Interval(0.4, 0.4, 0.4)


def test_the_error_is_that_of_a_stratified_sample() -> None:
    x = of_kinds(generator(), 400, 2, 10.0)
    found = mean_interval(x, generator(1), strata=kinds(400, 2))
    within = np.mean([x[0, i::2].var() for i in range(2)])
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(within / 400), rel=0.05)
    loose = mean_interval(x, generator(1))
    assert found.high - found.low < 0.3 * (loose.high - loose.low), "what kinds differ by is not found by chance"


@pytest.mark.parametrize("interval", [mean_interval, partial(paired_difference, b=np.zeros((1, 60)))])
def test_intervals_cover_the_mean_of_given_kinds(interval) -> None:  # type: ignore[no-untyped-def]
    truth, hits = 4.5, 0
    for seed in range(200):
        x = of_kinds(generator(seed), 60, 4, 3.0)
        found = interval(x, rng=generator(seed), resamples=FEW, strata=kinds(60, 4))
        hits += found.low <= truth <= found.high
    assert 0.89 <= hits / 200 <= 0.99


@settings(max_examples=30)
@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_an_arm_against_itself_is_zero(count: int, seed: int) -> None:
    x = generator(seed).normal(size=(2, 4 * count))
    labels = kinds(4 * count, count)
    assert paired_difference(x, x, generator(seed), resamples=50, strata=labels) == Interval(0.0, 0.0, 0.0)
    assert probability_of_improvement(x, x, generator(seed), resamples=50, strata=labels) == Interval(0.5, 0.5, 0.5)


def test_impossible_strata_are_named() -> None:
    x = np.zeros((1, 4))
    with pytest.raises(ValueError, match=r"strata\(shape=\(3,\)\) must be \(4,\)"):
        mean_interval(x, generator(), strata=[0, 0, 1])
    with pytest.raises(ValueError, match=r"kind mature .*at least 2"):
        mean_interval(x, generator(), strata=["new", "new", "new", "mature"])
