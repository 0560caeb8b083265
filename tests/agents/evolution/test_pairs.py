"""A pair a store: slopes from paired noise, curvature from the mean's own runs, and the same again from a pickle."""

import pickle

import numpy as np

from merchantgym.agents.evolution.pairs import PairSearch, slope

from ...worlds import Floats

TOP = np.array([0.5, -0.3, 0.2, 0.0, 0.4])
BENDS = np.array([100.0, 100.0, 100.0, 100.0, 100.0])


def search(**changes: float) -> PairSearch:
    given = {"learning_rate": 0.5, "momentum": 0.5} | changes
    return PairSearch(5, 400, 0.05, 7, **given)  # type: ignore[arg-type]


def climb(one: PairSearch, generations: int, noise: float = 0.0) -> list[Floats]:
    """Means on a hill where every store stands at a height of its own, which both of a pair share."""
    means = []
    for generation in range(generations):
        rng = np.random.default_rng(generation)
        candidates = one.ask()
        runs = len(candidates) // 400
        earned = -0.5 * ((candidates - TOP) ** 2 * BENDS).sum(axis=1) + np.tile(1e4 * rng.normal(size=400), runs)
        one.tell(earned + noise * rng.normal(size=len(earned)), generation / generations)
        means.append(one.mean.copy())
    return means


def test_it_finds_the_top_through_noise_far_larger_than_the_gain_of_a_step() -> None:
    assert np.abs(climb(search(), 40)[-1] - TOP).max() < 0.01
    assert np.linalg.norm(climb(search(), 60, noise=3.0)[-1] - TOP) < 0.35 * np.linalg.norm(TOP)


def test_curvature_shows_in_the_first_generations_in_which_the_mean_runs_too() -> None:
    one = search()
    assert len(one.ask()) == 3 * 400
    climb(one, 3)
    np.testing.assert_allclose(one.curvature, 0.25, rtol=1e-6)
    assert len(one.ask()) == 2 * 400


def test_a_pickled_search_goes_on_bit_for_bit() -> None:
    whole, cut = search(), search()
    climb(whole, 3), climb(cut, 3)
    for one, two in zip(climb(whole, 4), climb(pickle.loads(pickle.dumps(cut)), 4), strict=True):
        np.testing.assert_array_equal(one, two)


def test_the_slope_is_that_of_the_differences() -> None:
    directions = np.random.default_rng(0).normal(size=(4000, 5))
    np.testing.assert_allclose(slope(directions, directions @ TOP), TOP, atol=0.01)


def test_extreme_differences_can_be_cut_off() -> None:
    steps = []
    for one in (search(), search(winsorise=0.02)):
        before = climb(one, 3)[-1]
        candidates = one.ask()
        earned = -0.5 * ((candidates - TOP) ** 2 * BENDS).sum(axis=1)
        earned[0] += 1e5
        one.tell(earned, 0.0)
        steps.append(float(np.linalg.norm(one.mean - before)))
    assert steps[1] < 0.1 * steps[0]
