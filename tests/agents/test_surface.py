"""The search on parabolas whose tops are known."""

import numpy as np
from numpy.typing import NDArray

from merchantgym.agents.surface import SurfaceSearch

Floats = NDArray[np.float64]
TOP = np.array([[1.5, -2.0, 0.4], [0.0, 3.0, -1.0]])
BEND = np.array([[40.0, 20.0, 60.0], [4.0, 8.0, 3.0]])


def climb(
    noise: float, generations: int = 20, *, live: Floats | None = None, limit: float = 9.0, flat: float = 1.0
) -> SurfaceSearch:
    """Search the tops of two stores."""
    rng = np.random.default_rng(1)
    search = SurfaceSearch(2, np.full(3, limit), keep=0.95)
    for generation in range(generations):
        directions = rng.standard_normal((2, 32, 3)) * (np.ones((2, 3)) if live is None else live)[:, None]
        chance = 1e3 * rng.standard_normal((2, 32))

        def earned(side: float, directions: Floats = directions, chance: Floats = chance) -> Floats:
            at = search.mean[:, None] + side * directions
            fall: Floats = 0.5 * flat * (BEND[:, None] * (at - TOP[:, None]) ** 2).sum(axis=2)
            return chance - fall + noise * BEND.mean(axis=1)[:, None] * rng.standard_normal((2, 32))

        search.tell(directions, earned(1.0), earned(-1.0), earned(0.0) if generation < 5 else None)
    return search


def test_the_top_is_found_whatever_all_candidates_share() -> None:
    assert np.abs(climb(0.0).mean - TOP).max() < 0.02


def test_noise_is_averaged_over_generations() -> None:
    short, long = (np.abs(climb(3.0, generations).mean - TOP).mean() for generations in (3, 40))
    assert long < 0.3
    assert long < short


def test_idle_numbers_and_limits_are_kept() -> None:
    live = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 1.0]])
    mean = climb(0.0, live=live, limit=2.0).mean
    assert mean[0, 1] == 0.0
    assert mean[1, 1] == 2.0
    assert np.abs(mean[0, [0, 2]] - TOP[0, [0, 2]]).max() < 0.02


def test_where_nothing_matters_nothing_moves() -> None:
    assert not climb(0.0, flat=0.0).mean.round(9).any()


def test_the_first_step_is_no_longer_than_one() -> None:
    assert np.abs(climb(0.0, 1).mean).max() == 1.0
