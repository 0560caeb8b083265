"""Searches climb, in spite of noise, and go on from a pickle as if nothing had been."""

import pickle
from collections.abc import Callable

import numpy as np
import pytest

from merchantgym.agents.evolution.search import CovarianceSearch, GradientSearch, Search

from ...worlds import Floats

TOP = np.array([0.5, -0.3, 0.2, 0.0, 0.4])
SCALES = np.array([1.0, 3.0, 1.0, 2.0, 1.0])
MAKERS = {
    "cma": lambda: CovarianceSearch(5, 12, 0.1, seed=3),
    "diagonal": lambda: CovarianceSearch(5, 12, 0.1, seed=3, diagonal=True),
    "openai": lambda: GradientSearch(5, 12, 0.1, seed=3, learning_rate=0.05),
}


def climb(search: Search, generations: int, noise: float = 0.0) -> list[Floats]:
    """Means after every generation on a hill whose top is at `TOP`."""
    means = []
    for generation in range(generations):
        heights = -(((search.ask() - TOP) * SCALES) ** 2).sum(axis=1)
        heights += noise * np.random.default_rng(generation).normal(size=12)
        search.tell(heights, generation / generations)
        means.append(search.mean.copy())
    return means


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_a_search_finds_the_top(make: Callable[[], Search]) -> None:
    assert (make().mean == 0.0).all()
    assert np.abs(climb(make(), 120)[-1] - TOP).max() < 0.05
    noisy = climb(make(), 120, noise=0.05)
    assert np.linalg.norm(noisy[-1] - TOP) < 0.35 * np.linalg.norm(TOP)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS.keys())
def test_a_pickled_search_goes_on_bit_for_bit(make: Callable[[], Search]) -> None:
    whole, cut = make(), make()
    climb(whole, 7), climb(cut, 7)
    np.random.seed(1)  # noqa: NPY002 - of no effect: a search has a generator of its own
    resumed = pickle.loads(pickle.dumps(cut))
    for one, two in zip(climb(whole, 12), climb(resumed, 12), strict=True):
        np.testing.assert_array_equal(one, two)


def test_candidates_of_openai_mirror_each_other_and_ranks_alone_count() -> None:
    search, other = MAKERS["openai"](), MAKERS["openai"]()
    candidates = search.ask()
    np.testing.assert_allclose(candidates[:6], -candidates[6:])
    other.ask()
    heights = np.arange(12.0)
    search.tell(heights, 0.0), other.tell(np.exp(heights), 0.0)
    np.testing.assert_array_equal(search.mean, other.mean)


def test_weight_decay_pulls_towards_the_base() -> None:
    free, held = (GradientSearch(5, 12, 0.1, 3, learning_rate=0.05, weight_decay=w) for w in (0.0, 1.0))
    assert np.linalg.norm(climb(held, 80)[-1]) < 0.95 * np.linalg.norm(climb(free, 80)[-1])
