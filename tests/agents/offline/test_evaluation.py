"""Off-policy estimates: right where the truth is known, sure of no more than they know, refused without a density."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchantgym.agents.offline.evaluation import METHODS, Estimate, draws, judge
from merchantgym.agents.offline.explorer import Way
from merchantgym.agents.offline.importance import doubly_robust, effective_episodes, weighted_importance, weights

from .chains import BEHAVIOUR, STEPS, chain, shift, true_value

TARGET = Way("shifted", shift(0.2), sd=0.28)
TRUTH = true_value(0.2, 0.28)


def test_the_chain_is_worth_what_it_says() -> None:
    assert chain(200_000, 1, TARGET, 0.0).reward.sum() / 200_000 == pytest.approx(TRUTH, abs=0.03)


def test_estimates_are_right_in_the_mean() -> None:
    """Over 40 records of 300 episodes; the behaviour itself earns less, so agreeing with it is no excuse."""
    found = [judge(record, TARGET, np.ones((1, 300))).values for record in (chain(300, seed) for seed in range(40))]
    assert TRUTH - true_value(0.0, 0.3) > 4.0
    for method in METHODS:
        values = np.array([each[method][0] for each in found])
        assert abs(values.mean() - TRUTH) < 3.0 * values.std() / np.sqrt(40) + 0.05, method


def test_a_model_makes_estimates_sharper() -> None:
    found = [judge(record, TARGET, np.ones((1, 300))).values for record in (chain(300, seed) for seed in range(40))]
    spread = {method: np.std([each[method][0] for each in found]) for method in METHODS}
    assert spread["fqe"] < spread["dr"] < 0.8 * spread["is"]


def test_intervals_cover_the_truth() -> None:
    covered = dict.fromkeys(METHODS, 0)
    for seed in range(40):
        record = chain(200, 100 + seed)
        judged = judge(record, TARGET, draws(record, 100, np.random.default_rng(seed)))
        for method, values in judged.values.items():
            interval = Estimate.of(values)
            covered[method] += interval.low <= TRUTH <= interval.high
    assert min(covered.values()) >= 33, covered  # of 40: 95 % intervals, percentile bootstrap


def test_the_behaviour_judged_by_its_own_record_is_its_mean_return() -> None:
    record = chain(100, 5)
    judged = judge(record, BEHAVIOUR, np.ones((1, 100)))
    assert judged.effective == pytest.approx(100.0)
    assert judged.values["is"][0] == pytest.approx(record.reward.sum() / 100)
    assert judged.values["fqe"][0] == pytest.approx(record.reward.sum() / 100, rel=0.05)


def test_without_a_model_doubly_robust_is_importance_sampling() -> None:
    rng = np.random.default_rng(3)
    weight, reward, zeros = rng.uniform(0.1, 2.0, (9, 4)), rng.normal(size=(9, 4)), np.zeros((9, 4))
    counts = np.ones((1, 9))
    assert doubly_robust(weight, reward, zeros, zeros, counts) == pytest.approx(
        weighted_importance(weight, reward, counts)
    )


@given(st.floats(-30.0, 30.0), st.integers(2, 6))
def test_a_constant_reward_is_its_own_value_whatever_the_ratios(size: float, episodes: int) -> None:
    ratio = np.random.default_rng(episodes).normal(size=(episodes, 5)) * size
    weight = weights(ratio)
    assert np.isfinite(weight).all()
    value = weighted_importance(weight, np.full(weight.shape, 2.0), np.ones((1, episodes)))
    assert value[0] == pytest.approx(10.0)
    assert 1.0 - 1e-9 <= effective_episodes(weight[:, -1]) <= episodes + 1e-9


def test_stores_are_resampled_whole() -> None:
    record = chain(40, 2)
    paired = replace(record, store=record.episode // 2)
    counts = draws(paired, 50, np.random.default_rng(0))
    assert counts.shape == (51, 40)
    np.testing.assert_array_equal(counts[:, ::2], counts[:, 1::2])
    assert (counts.sum(axis=1) == 40).all()


def test_what_has_no_density_is_refused() -> None:
    record = chain(4, 2)
    with pytest.raises(ValueError, match=r"sure.sd\(=0.0\) must be > 0"):
        judge(record, Way("sure"), np.ones((1, 4)))
    silent = replace(record, log_density=np.full(4 * STEPS, np.nan))
    with pytest.raises(ValueError, match=r"log_ratio\[0, 0\]\(=nan\) must be finite: was there noise\?"):
        judge(silent, TARGET, np.ones((1, 4)))
