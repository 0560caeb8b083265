"""Statistics of a comparison: pure functions of a (training seeds x stores) matrix of results.

Every arm (planner x executor) is measured on the same held-out stores with the same random numbers. A
controller is one row; a learned arm has one row per training seed. Intervals come from a two-way bootstrap
(Owen 2007, "The pigeonhole bootstrap"): training seeds are resampled with replacement, stores are resampled
with replacement, and a resampled seed brings its whole row because a training lives on all stores at once.
Stores are the stratum all arms share: a paired difference resamples the same stores in both arms, so that
what the stores have in common cancels.

What these intervals can and cannot say, measured by simulation: over stores they cover as they should (95 %
of 64 stores, 91 % of 16). Over training seeds R resampled rows understate the variance between trainings by
the factor (R - 1) / R, and one row sees none of it. Where trainings differ much more than stores do, the
nominal 95 % covers 73 % at R = 3, 85 % at R = 5 and 91 % at R = 10: train more seeds before a narrow margin
is believed. Noise of single (seed, store) cells errs on the safe side.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

Floats = NDArray[np.float64]
Statistic = Callable[[Floats, Floats], Floats]  # counts of seeds (m, R) and of stores (m, N) -> (m,)

LEVEL = 0.95  # probability the interval is to cover
RESAMPLES = 4000  # bootstrap resamples; simulation error of the ends: 2-3 % of the half-width
TRIM = 0.25  # share cut from each end by the interquartile mean
CHUNK = 2**21  # largest number of doubles in one working array, 16 MiB


@dataclass(frozen=True)
class Interval:
    """A point estimate (a mean, an interquartile mean or a probability) and the ends of its interval."""

    mean: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """True where the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def mean(values: ArrayLike) -> float:
    """Mean over training seeds and stores, in the unit of `values`, shape (seeds, stores).

    Raises: ValueError: names the shape or the first entry that is not finite.
    """
    return float(checked("values", values).mean())


def iqm(values: ArrayLike) -> float:
    """Interquartile mean over all entries of `values`, shape (seeds, stores): the mean of the middle half.

    Exactly `scipy.stats.trim_mean(values, 0.25)`, as Agarwal et al. use it: floor(n / 4) entries are cut from
    each end, whole entries only. The textbook definition cuts n / 4 and lets the two border entries count in
    part. Both agree when 4 divides n; otherwise the trimmed mean is a mean of slightly more than half the
    entries, a difference that vanishes as 1 / n.

    Raises: ValueError: names the shape or the first entry that is not finite.
    Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice".
    """
    return float(stats.trim_mean(checked("values", values), TRIM, axis=None))


def mean_interval(
    values: ArrayLike,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    strata: ArrayLike | None = None,
) -> Interval:
    """Mean of `values`, shape (seeds, stores), with its two-way bootstrap interval (percentile method).

    Args:
        rng: the only source of randomness. Equal states resample equal stores, whatever the number of seeds.
        level: probability to cover, in (0, 1).
        resamples: bootstrap resamples, >= 1.
        strata: (stores,) the kind of each store, any labels; stores are then resampled within their kind, as they
            should be where the shares of the kinds are given rather than found.
    Raises: ValueError: names the argument and its value.
    """
    x = checked("values", values)
    return _interval(float(x.mean()), x.shape, lambda w, v: _weighted_mean(x, w, v), rng, level, resamples, strata)


def iqm_interval(
    values: ArrayLike,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    strata: ArrayLike | None = None,
) -> Interval:
    """Interquartile mean of `values` with its two-way bootstrap interval; arguments as `mean_interval`."""
    x = checked("values", values)
    order = np.argsort(x, axis=None, kind="stable")
    row, column = np.unravel_index(order, x.shape)
    ascending = x.ravel()[order]
    cut = int(TRIM * x.size)

    def middle_half(w: Floats, v: Floats) -> Floats:
        """Weights are counts summing to x.size, so their running sum is a rank: nothing is sorted again."""
        upper = np.cumsum(w[:, row] * v[:, column], axis=1)
        inside = np.clip(upper, cut, x.size - cut)
        kept: Floats = np.diff(inside, axis=1, prepend=cut) @ ascending / (x.size - 2 * cut)
        return kept

    return _interval(iqm(x), x.shape, middle_half, rng, level, resamples, strata)


def paired_difference(
    a: ArrayLike,
    b: ArrayLike,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    strata: ArrayLike | None = None,
) -> Interval:
    """Mean of `a` minus mean of `b` over the stores of both, with its two-way bootstrap interval.

    Every resample takes the same stores for both. Seeds: arms with equally many rows are paired row by row
    (seed i of both); an arm of one row (a controller) is set against every row of the other; otherwise the
    two sets of rows are resampled independently. Pairing is harmless where the rows have nothing in common,
    and makes the difference of an arm with itself exactly 0.

    Args:
        a, b: results, shapes (seeds_a, stores) and (seeds_b, stores), same unit, stores and order.
        strata: as in `mean_interval`.
    Raises: ValueError: names the argument and its value.
    """
    x, y = checked_pair(a, b)
    if len(x) == len(y) or 1 in (len(x), len(y)):
        return mean_interval(x - y, rng, level, resamples, strata)
    rows = len(x)

    def difference(w: Floats, v: Floats) -> Floats:
        return _weighted_mean(x, w[:, :rows], v) - _weighted_mean(y, w[:, rows:], v)

    return _interval(float(x.mean() - y.mean()), (rows, *y.shape), difference, rng, level, resamples, strata)


def probability_of_improvement(
    a: ArrayLike,
    b: ArrayLike,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    strata: ArrayLike | None = None,
) -> Interval:
    """Probability that a training of `a` beats a training of `b` on a store, a tie counting one half.

    All pairs of rows are compared store by store (the Mann-Whitney statistic of each store, averaged over
    stores). Seeds and stores are resampled as in `paired_difference`; an arm against itself gives exactly
    0.5.

    Args:
        a, b: results, shapes (seeds_a, stores) and (seeds_b, stores), same stores and order; more is better.
        strata: as in `mean_interval`.
    Raises: ValueError: names the argument and its value.
    Source: Agarwal et al. 2021, section 4.3.
    """
    x, y = checked_pair(a, b)
    rows = len(x)
    wins = np.heaviside(x[:, None, :] - y[None, :, :], 0.5)  # (seeds_a, seeds_b, stores)
    flat = wins.reshape(-1, wins.shape[2])
    paired = rows == len(y)

    def probability(w: Floats, v: Floats) -> Floats:
        w_a, w_b = (w, w) if paired else (w[:, :rows], w[:, rows:])
        pairs = (w_a[:, :, None] * w_b[:, None, :]).reshape(len(w), -1)
        share: Floats = np.einsum("mp,mp->m", pairs, v @ flat.T) / wins.size
        return share

    shape = x.shape if paired else (rows, *y.shape)
    return _interval(float(wins.mean()), shape, probability, rng, level, resamples, strata)


def resampled(
    shape: tuple[int, ...], rng: np.random.Generator, resamples: int, strata: ArrayLike | None = None
) -> Iterator[tuple[Floats, Floats]]:
    """Bootstrap resamples, some at a time: how often each seed and each store is drawn.

    Args:
        shape: (rows of each set of seeds drawn apart ..., stores).
        strata: as in `mean_interval`.
    Returns: counts (m, rows of all sets) and (m, stores); m adds up to `resamples`.
    Raises: ValueError: names the argument and its value.
    """
    if resamples < 1:
        raise ValueError(f"resamples(={resamples}) must be >= 1")
    *rows, stores = shape
    kinds = None if strata is None else _kinds(strata, stores)
    shared = np.random.default_rng(rng.integers(2**63))  # equal stores for arms of any number of seeds
    seeds = np.concatenate([_counts(rng, resamples, n) for n in rows], axis=1)
    size = max(1, CHUNK // (sum(rows) * stores))
    for start in range(0, resamples, size):
        w = seeds[start : start + size]
        yield w, _counts(shared, len(w), stores) if kinds is None else _counts_within(shared, len(w), kinds)


def _interval(
    estimate: float,
    shape: tuple[int, ...],
    statistic: Statistic,
    rng: np.random.Generator,
    level: float,
    resamples: int,
    strata: ArrayLike | None,
) -> Interval:
    """Percentile interval of `statistic`; shape = (rows of each set of seeds drawn apart ..., stores)."""
    wanted = ends(level)
    drawn = [statistic(w, v) for w, v in resampled(shape, rng, resamples, strata)]
    low, high = np.quantile(np.concatenate(drawn), wanted)
    return Interval(estimate, float(low), float(high))


def ends(level: float) -> tuple[float, float]:
    """The quantiles between which an interval lies. Raises: ValueError: names the level."""
    if not 0 < level < 1:
        raise ValueError(f"level(={level}) must be in (0, 1)")
    return (1 - level) / 2, (1 + level) / 2


def _kinds(strata: ArrayLike, stores: int) -> list[NDArray[np.int64]]:
    """The stores of each kind. Raises: ValueError: a label missing, or a kind of one store, which cannot vary."""
    labels = np.asarray(strata)
    if labels.shape != (stores,):
        raise ValueError(f"strata(shape={labels.shape}) must be {(stores,)}, a label for each store")
    names, place, count = np.unique(labels, return_inverse=True, return_counts=True)
    if count.min() < 2:
        raise ValueError(f"strata: kind {names[count.argmin()]} has 1 store and must have at least 2")
    return [np.flatnonzero(place == i) for i in range(len(names))]


def _counts_within(rng: np.random.Generator, resamples: int, kinds: list[NDArray[np.int64]]) -> Floats:
    """As `_counts`, each unit drawn in the place of one of its kind."""
    counts = np.empty((resamples, sum(map(len, kinds))))
    for kind in kinds:
        counts[:, kind] = _counts(rng, resamples, len(kind))
    return counts


def _counts(rng: np.random.Generator, resamples: int, n: int) -> Floats:
    """How often each of n units is drawn in n draws with replacement, shape (resamples, n)."""
    drawn = rng.integers(n, size=(resamples, n)) + n * np.arange(resamples)[:, None]
    return np.bincount(drawn.ravel(), minlength=resamples * n).reshape(resamples, n).astype(np.float64)


def _weighted_mean(x: Floats, w: Floats, v: Floats) -> Floats:
    """Mean of the resampled matrix for seed counts w (m, R) and store counts v (m, N), shape (m,)."""
    means: Floats = np.einsum("mr,mr->m", w, v @ x.T) / x.size
    return means


def checked(name: str, values: ArrayLike) -> Floats:
    """A matrix (seeds, stores) of finite numbers. Raises: ValueError: names the shape or the first bad entry."""
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 2 or x.shape[0] < 1 or x.shape[1] < 2:
        raise ValueError(f"{name}(shape={x.shape}) must be (seeds, stores) with at least 1 seed and 2 stores")
    if not np.isfinite(x).all():
        seed, store = np.argwhere(~np.isfinite(x))[0]
        raise ValueError(f"{name}[seed {seed}, store {store}](={x[seed, store]}) must be finite")
    return x


def checked_pair(a: ArrayLike, b: ArrayLike) -> tuple[Floats, Floats]:
    """Two matrices over the same stores. Raises: ValueError: names both shapes."""
    x, y = checked("a", a), checked("b", b)
    if x.shape[1] != y.shape[1]:
        raise ValueError(f"b(shape={y.shape}) must have the stores of a(shape={x.shape}), in the same order")
    return x, y
