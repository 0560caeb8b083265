"""Whole distributions over stores rather than one mean: performance profiles, shortfalls and ranks.

Sources: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", section 4.2;
Dolan and More 2002, "Benchmarking optimization software with performance profiles"; Demsar 2006, "Statistical
comparisons of classifiers over multiple data sets" (mean ranks).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from .statistics import LEVEL, RESAMPLES, Floats, Interval, checked, ends, mean_interval, resampled


@dataclass(frozen=True, eq=False)
class Profile:
    """Share of runs that score at least so much, with its pointwise interval; a rising score never raises it."""

    scores: Floats  # (T,)
    share: Floats  # (T,) 0..1
    low: Floats  # (T,)
    high: Floats  # (T,)


def performance_profile(
    values: ArrayLike,
    scores: ArrayLike,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    strata: ArrayLike | None = None,
) -> Profile:
    """Share of all (seed, store) entries that are at least each score, with a two-way bootstrap band.

    The band holds at each score by itself, not at all scores together.

    Args:
        values: results, shape (seeds, stores).
        scores: where to look, shape (T,), in the unit of the values.
        rng, level, resamples, strata: as in `statistics.mean_interval`.
    Raises: ValueError: names the argument and its value.
    """
    x, wanted = checked("values", values), ends(level)
    at = np.asarray(scores, dtype=np.float64)
    if at.ndim != 1 or at.size == 0 or not np.isfinite(at).all():
        raise ValueError(f"scores(shape={at.shape}) must be finite numbers of shape (T,), T >= 1")
    reached = (x.ravel()[:, None] >= at).astype(np.float64)  # (seeds x stores, T)
    drawn = [
        (w[:, :, None] * v[:, None, :]).reshape(len(w), -1) @ reached / x.size
        for w, v in resampled(x.shape, rng, resamples, strata)
    ]
    low, high = np.quantile(np.concatenate(drawn), wanted, axis=0)
    return Profile(at, reached.mean(axis=0), low, high)


def shortfalls(results: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """What every arm is short of the best arm on each store, <= 0, mean over training seeds, shape (1, stores).

    The profile of a shortfall is that of Dolan and More, with differences in the place of ratios, as profits need:
    at 0 it is the share of stores on which the arm is the best.

    Args:
        results: name -> (seeds, stores), the same stores in the same order.
    Raises: ValueError: no arm, or arms on different stores.
    """
    means = _store_means(results)
    best = np.max(list(means.values()), axis=0)
    return {name: (mean - best)[None, :] for name, mean in means.items()}


def mean_ranks(
    results: Mapping[str, ArrayLike],
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    strata: ArrayLike | None = None,
) -> dict[str, Interval]:
    """Every arm's rank among all on a store, 1 the best, equals sharing their ranks; mean over stores with interval.

    Args:
        results: name -> (seeds, stores), the same stores in the same order; seeds are averaged first.
        rng: asked for one number: all arms see the same resampled stores.
        level, resamples, strata: as in `statistics.mean_interval`.
    Raises: ValueError: no arm, or arms on different stores.
    """
    means = _store_means(results)
    ranks = stats.rankdata(-np.array(list(means.values())), axis=0)
    state = int(rng.integers(2**63))
    return {
        name: mean_interval(rank[None, :], np.random.default_rng(state), level, resamples, strata)
        for name, rank in zip(means, ranks, strict=True)
    }


def _store_means(results: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """Mean over training seeds, (stores,) an arm."""
    if not results:
        raise ValueError("results(={}) must hold at least one arm")
    means: dict[str, Floats] = {name: checked(name, values).mean(axis=0) for name, values in results.items()}
    stores = {name: len(mean) for name, mean in means.items()}
    if len(set(stores.values())) > 1:
        raise ValueError(f"results must be over the same stores; given: {stores}")
    return means
