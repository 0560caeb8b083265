"""Performance profiles, shortfalls and ranks: known data, invariants, coverage."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from merchantgym.experiments.statistics import Interval, mean_interval
from merchantgym.experiments.statistics_profiles import mean_ranks, performance_profile, shortfalls

FEW = 200
results = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(2, 10)), elements=st.floats(-100, 100))


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_profile_counts_what_reaches_a_score() -> None:
    profile = performance_profile([[1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 1.0, 4.0]], [0.0, 1.0, 2.5, 4.0, 5.0], generator())
    assert profile.share.tolist() == [1.0, 1.0, 0.375, 0.25, 0.0]
    assert profile.low[0] == profile.high[0] == 1.0
    assert profile.low[-1] == profile.high[-1] == 0.0


def test_a_point_of_a_profile_is_a_mean_with_its_interval() -> None:
    x = generator().normal(size=(3, 80))
    profile = performance_profile(x, [-0.5, 0.3], generator(5))
    for i, score in enumerate([-0.5, 0.3]):
        expected = mean_interval(x >= score, generator(5))
        assert [profile.share[i], profile.low[i], profile.high[i]] == pytest.approx(
            [expected.mean, expected.low, expected.high], abs=1e-12
        )


def test_a_band_covers_the_law() -> None:
    hits = 0
    for seed in range(200):
        profile = performance_profile(generator(seed).normal(size=(1, 80)), [0.5], generator(seed), resamples=FEW)
        hits += profile.low[0] <= stats.norm.sf(0.5) <= profile.high[0]
    assert 0.89 <= hits / 200 <= 0.99


def test_given_kinds_narrow_a_band() -> None:
    kinds = np.arange(80) % 2
    x = (4.0 * kinds + generator().normal(size=80))[None, :]
    loose = performance_profile(x, [2.0], generator(1))
    tight = performance_profile(x, [2.0], generator(1), strata=kinds)
    assert tight.high[0] - tight.low[0] < 0.5 * (loose.high[0] - loose.low[0])


@settings(max_examples=50)
@given(results, st.integers(0, 2**32 - 1))
def test_a_profile_falls_and_stays_a_share(x, seed: int) -> None:  # type: ignore[no-untyped-def]
    profile = performance_profile(x, np.linspace(-110, 110, 23), generator(seed), resamples=50)
    for line in (profile.share, profile.low, profile.high):
        assert np.all(np.diff(line) <= 1e-12)
        assert line.min() >= 0.0
        assert line.max() <= 1.0 + 1e-12
    assert profile.share[0] == 1.0
    assert profile.share[-1] == 0.0


def test_a_shortfall_is_from_the_best_arm_of_the_store() -> None:
    found = shortfalls({"a": [[1.0, 5.0, 2.0]], "b": [[3.0, 1.0, 2.0], [5.0, 1.0, 2.0]]})
    assert found["a"].tolist() == [[-3.0, 0.0, 0.0]]
    assert found["b"].tolist() == [[0.0, -4.0, 0.0]]


def test_ranks_of_known_results() -> None:
    results = {"a": [[3.0, 3.0, 3.0, 1.0]], "b": [[2.0, 2.0, 2.0, 2.0]], "c": [[2.0, 1.0, 2.0, 3.0]]}
    ranks = mean_ranks(results, generator())
    assert [ranks[name].mean for name in "abc"] == [1.5, 2.25, 2.25]
    certain = mean_ranks({"a": [[2.0, 3.0]], "b": [[1.0, 0.0]]}, generator())
    assert certain == {"a": Interval(1.0, 1.0, 1.0), "b": Interval(2.0, 2.0, 2.0)}


@settings(max_examples=30)
@given(st.integers(1, 5), st.integers(2, 9), st.integers(0, 2**32 - 1))
def test_ranks_add_up_and_keep_their_order_under_rising_maps(arms: int, stores: int, seed: int) -> None:
    rng = generator(seed)
    results = {str(i): rng.normal(size=(1, stores)) for i in range(arms)}
    ranks = mean_ranks(results, generator(), resamples=20)
    assert sum(rank.mean for rank in ranks.values()) == pytest.approx(arms * (arms + 1) / 2)
    assert mean_ranks({k: np.exp(v) for k, v in results.items()}, generator(), resamples=20) == ranks


def test_impossible_input_is_named() -> None:
    with pytest.raises(ValueError, match="scores"):
        performance_profile(np.zeros((1, 4)), [], generator())
    with pytest.raises(ValueError, match=r"level\(=1.5\)"):
        performance_profile(np.zeros((1, 4)), [0.0], generator(), level=1.5)
    with pytest.raises(ValueError, match="at least one arm"):
        shortfalls({})
    with pytest.raises(ValueError, match="same stores"):
        mean_ranks({"a": np.zeros((1, 4)), "b": np.zeros((1, 5))}, generator())
