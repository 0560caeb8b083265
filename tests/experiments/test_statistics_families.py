"""Many executors against a reference: p-values against scipy, Holm's example, and the family as a whole."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from merchantgym.experiments.statistics import paired_difference, probability_of_improvement
from merchantgym.experiments.statistics_families import compare_family, holm, sign_flip_p

probabilities = st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12)


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.mark.parametrize("stores", [5, 13])
def test_few_stores_try_every_pattern_as_scipy_does(stores: int) -> None:
    x, y = generator(stores).lognormal(size=(2, 1, stores))
    found = stats.permutation_test(
        (x[0], y[0]), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(x, y, generator()) == pytest.approx(found.pvalue, rel=1e-12)


def test_many_stores_agree_with_the_t_test_where_it_holds() -> None:
    for shift in (0.0, 0.1, 0.2, 0.3):
        x = generator(3).normal(shift, 1.0, size=(1, 200))
        y = np.zeros((1, 200))
        expected = stats.ttest_rel(x[0], y[0]).pvalue
        assert sign_flip_p(x, y, generator()) == pytest.approx(expected, rel=0.1, abs=0.003)


def test_signs_of_ranks_are_the_test_of_wilcoxon() -> None:
    gap = generator(1).normal(0.3, 1.0, size=12)
    ranks = np.sign(gap) * stats.rankdata(np.abs(gap))
    expected = stats.wilcoxon(gap, mode="exact").pvalue
    assert sign_flip_p(ranks[None, :], np.zeros((1, 12)), generator()) == pytest.approx(expected, rel=1e-12)


def test_p_values_of_nothing_are_uniform() -> None:
    pairs = [generator(i).lognormal(size=(2, 1, 40)) for i in range(300)]
    p = [sign_flip_p(x, y, generator(i), 400) for i, (x, y) in enumerate(pairs)]
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.array(p) <= 0.05) < 0.08


def test_what_never_differs_has_p_one_and_what_always_does_the_least() -> None:
    x = generator().normal(size=(2, 50))
    assert sign_flip_p(x, x, generator()) == 1.0
    assert sign_flip_p(x + 1.0, x, generator(), flips=999) == 1 / 1000
    assert sign_flip_p(x[:, :4] + 1.0, x[:, :4], generator()) == 2 / 16


@settings(max_examples=40)
@given(st.integers(2, 30), st.integers(0, 2**32 - 1))
def test_the_p_value_has_no_side_and_no_unit(stores: int, seed: int) -> None:
    x, y = generator(seed).normal(size=(2, 1, stores))
    p = sign_flip_p(x, y, generator(), flips=200)
    assert 0.0 < p <= 1.0
    assert sign_flip_p(y, x, generator(), flips=200) == p
    assert sign_flip_p(1024.0 * x, 1024.0 * y, generator(), flips=200) == p


def test_holm_steps_down() -> None:
    assert holm([0.01, 0.04, 0.02]).tolist() == pytest.approx([0.03, 0.04, 0.04])
    assert holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(probabilities)
def test_holm_lies_between_the_raw_and_the_bonferroni_values(p: list[float]) -> None:
    adjusted, raw = holm(p), np.array(p)
    assert np.all(adjusted >= raw)
    assert np.all(adjusted <= np.minimum(1.0, raw * len(raw)))
    order = np.argsort(raw, kind="stable")
    assert np.all(np.diff(adjusted[order]) >= 0.0)
    assert adjusted.min() == min(1.0, raw.min() * len(raw))


def test_a_family_is_its_members_with_one_correction() -> None:
    base = generator(0).normal(10.0, 3.0, size=(1, 60))
    results = {
        "plan": base,
        "better": base + generator(1).normal(1.0, 1.0, size=(1, 60)),
        "same": base + generator(2).normal(0.0, 1.0, size=(1, 60)),
        "learned": base + generator(3).normal(0.5, 1.0, size=(3, 60)),
    }
    rows = compare_family(results, "plan", generator(7))
    assert [row.name for row in rows] == ["better", "learned", "same"]
    state = int(generator(7).integers(2**63))
    for row in rows:
        arm = results[row.name]
        assert row.difference == paired_difference(arm, base, generator(state))
        assert row.improvement == probability_of_improvement(arm, base, generator(state))
        assert row.p == sign_flip_p(arm, base, generator(state))
    in_order = [row.p for row in rows]
    assert [row.p_adjusted for row in rows] == holm(in_order).tolist()
    assert rows[0].p_adjusted < 0.05 < rows[-1].p_adjusted


def test_a_family_that_cannot_be_compared_is_named() -> None:
    x = np.zeros((1, 4))
    with pytest.raises(ValueError, match=r"reference\(='plan'\) must be one of: pid"):
        compare_family({"pid": x}, "plan", generator())
    with pytest.raises(ValueError, match="beside the reference 'pid'"):
        compare_family({"pid": x}, "pid", generator())
    with pytest.raises(ValueError, match="stores"):
        compare_family({"pid": x, "ppo": np.zeros((1, 5))}, "pid", generator())
    with pytest.raises(ValueError, match=r"p\[1\]\(=1.5\)"):
        holm([0.1, 1.5])
    with pytest.raises(ValueError, match=r"flips\(=0\)"):
        sign_flip_p(x, x, generator(), flips=0)
