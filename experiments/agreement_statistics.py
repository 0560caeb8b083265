"""Are two samples of runs one law? Tests of mean, spread and distribution over runs of a few stores.

Stores are strata: every statistic compares runs of one store with runs of the same store, and is then combined over
stores with equal weight. What differs between stores, which is most, cannot hide a difference between engines.

- Mean: the regression estimator. Runs of both engines under the same seed live through the same weather, so the
  second engine's paired runs serve as a covariate, with the mean they ought to have known from its far more numerous
  runs under other seeds. A coefficient of 0 is Welch's comparison, 1 is the paired one; the best lies between.
  Measured, standard error of clicks in 12,000 runs: 0.049 % apart, 0.063 % paired, 0.048 % so; in weather two and a
  half times as loud, among 700 runs: 0.24 %, 0.25 % and 0.21 %. Nowhere is it worse than either.
- Spread: Brown and Forsythe's: distances from the store's median, over runs of both engines under unequal seeds.
- Both are referred to the distribution that they would have if the engines were one: its variance and skewness are
  those of all runs of the store, and its shape is Pearson's third. So the tail is right far out, where a thousand
  comparisons need it, though one engine's runs are few and skew; Student's t is not.
- Distribution: ranks among all runs of the store, ties broken at random and spread over their unit. They are uniform
  under the null hypothesis whatever the store, so the two-sample Kolmogorov-Smirnov test of all of them together is
  exact, under ties too. Outputs of few values are compared by a chi-square test over pooled values.

Sources: Cochran 1977, "Sampling Techniques", section 7; Brown and Forsythe 1974; Holm 1979; Winkler et al. 2016,
"Faster permutation inference in brain imaging" (Pearson III from moments).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from .statistics import Floats

FEW_VALUES = 12
"""An output with at most so many values is compared by chi-square."""
LEAST_EXPECTED = 5.0
"""Values are pooled until both samples expect so many runs of each."""
EQUAL = 1e-9
"""Relative difference up to which numbers count as the same."""
_NOTHING = 0.1  # of its spread: a mean that others are not measured by
_LEAST_VARYING = 8.0  # a correlation of fewer runs may be 1 by chance, and would claim a mean without an error
_SYMMETRIC = 1e-4  # skewness under which the normal distribution will do


@dataclass(frozen=True)
class Difference:
    """The first engine's mean less the second's, averaged over stores."""

    first: float  # mean of the first engine
    second: float
    difference: float  # of the regression estimator
    error: float  # its standard error
    weight: float  # coefficient of the paired runs: 0 unpaired, 1 paired
    scale: float  # |second|, or the spread within a store where the mean is nothing beside it
    p: float

    @property
    def relative(self) -> float:
        """The difference in units of `scale`."""
        return self.difference / self.scale if self.scale > 0.0 else 0.0

    def half_width(self, level: float = 0.95) -> float:
        """Half the width of the interval that covers with probability `level`."""
        return float(stats.norm.ppf(0.5 + level / 2.0)) * self.error


def mean_difference(first: Floats, paired: Floats, apart: Floats, weight: float | None = None) -> Difference:
    """Compare means.

    Args:
        first: (S, n) runs of the first engine.
        paired: (S, n) runs of the second under the same seeds.
        apart: (S, m) runs of the second under other seeds.
        weight: coefficient of the paired runs; by default the best.
    """
    stores, n, m = len(first), first.shape[1], apart.shape[1]
    variance, third = _moments(first, apart)
    total = float(variance.sum())
    shared = _correlation(first, paired)
    if weight is None:
        weight = (shared / n + 1.0 / m) / (1.0 / n + 1.0 / m)
    gap = float((first - weight * paired).mean() - (1.0 - weight) * apart.mean())
    size = max(float(np.abs(first).max()), float(np.abs(apart).max()))
    gap = 0.0 if abs(gap) <= EQUAL * size else gap
    squared = total * ((1.0 + weight**2 - 2.0 * weight * shared) / n + (1.0 - weight) ** 2 / m) / stores**2
    error = float(np.sqrt(squared)) if squared > (EQUAL * size) ** 2 else 0.0
    cubed = float(third.sum()) * ((1.0 - weight**3) / n**2 - (1.0 - weight) ** 3 / m**2) / stores**3
    mean, spread = float(apart.mean()), float(np.sqrt(total / stores))
    scale = abs(mean) if abs(mean) > _NOTHING * spread else spread
    return Difference(float(first.mean()), mean, gap, error, weight, scale, _two_sided(gap, error, cubed))


def _moments(first: Floats, second: Floats) -> tuple[Floats, Floats]:
    """Variance and third central moment of the runs of each store, both engines' about their own means, (S,)."""
    centred = np.concatenate([_centred(first), _centred(second)], axis=1)
    freedom = centred.shape[1] - 2
    variance: Floats = (centred**2).sum(axis=1) / freedom
    third: Floats = (centred**3).sum(axis=1) / freedom
    return variance, third


def _correlation(first: Floats, paired: Floats) -> float:
    """Of paired runs within stores; 0 where either does not vary, or in too few runs to tell."""
    x, y = _centred(first), _centred(paired)
    if min(_varying(x), _varying(y)) < _LEAST_VARYING:
        return 0.0
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))


def _varying(centred: Floats) -> float:
    """Effective number of runs that vary: all of them if all do alike, 1 if one alone stands out."""
    squares = centred**2
    fourth = float((squares**2).sum())
    return float(squares.sum()) ** 2 / fourth if fourth > 0.0 else 0.0


def _centred(values: Floats) -> Floats:
    """Less the mean of each store."""
    centred: Floats = values - values.mean(axis=1, keepdims=True)
    return centred


def _two_sided(gap: float, error: float, cubed: float) -> float:
    """p-value of a gap whose distribution under the null hypothesis has this standard error and third moment."""
    if error == 0.0:
        return 1.0 if gap == 0.0 else 0.0
    score, skewness = gap / error, cubed / error**3
    if skewness < 0.0:
        score, skewness = -score, -skewness
    if skewness < _SYMMETRIC:
        return float(2.0 * special.ndtr(-abs(score)))
    shape = 4.0 / skewness**2  # of the gamma distribution that Pearson's third is, moved and scaled
    at = max(shape + 2.0 * score / skewness, 0.0)
    return min(1.0, 2.0 * float(min(special.gammainc(shape, at), special.gammaincc(shape, at))))


def spread_difference(first: Floats, second: Floats) -> float:
    """p-value of equal spread, for runs (S, n) and (S, m) under unequal seeds; 1 where neither varies."""
    n, m = first.shape[1], second.shape[1]
    both = np.concatenate([first, second], axis=1)
    size = float(np.abs(both).max())
    distance = np.abs(both - np.median(both, axis=1, keepdims=True))
    distance[distance <= EQUAL * size] = 0.0
    gap = float(distance[:, :n].mean() - distance[:, n:].mean())
    centred = _centred(distance)
    stores = len(both)
    variance = float((centred**2).sum()) / (n + m - 1) * (1.0 / n + 1.0 / m) / stores**2
    third = float((centred**3).sum()) / (n + m - 1) * (1.0 / n**2 - 1.0 / m**2) / stores**3
    return _two_sided(gap, float(np.sqrt(variance)), third)


def distribution_difference(first: Floats, second: Floats, rng: np.random.Generator) -> float:
    """p-value of one distribution, for runs (S, n) and (S, m) under unequal seeds. `rng` breaks ties."""
    both = np.concatenate([first, second], axis=1)
    both = np.round(both / max(float(np.abs(both).max()), 1e-300) / EQUAL)  # what differs by rounding is a tie
    values = np.unique(both)
    if len(values) <= FEW_VALUES:
        return _chi_square(both[:, : first.shape[1]], both[:, first.shape[1] :], values)
    order = np.lexsort((rng.random(both.shape), both), axis=1)
    ranks = np.empty(both.shape)
    np.put_along_axis(ranks, order, np.arange(both.shape[1]) + rng.random(both.shape), axis=1)
    n = first.shape[1]
    return float(stats.ks_2samp(ranks[:, :n].ravel(), ranks[:, n:].ravel(), method="auto").pvalue)


def _chi_square(first: Floats, second: Floats, values: Floats) -> float:
    """p-value of homogeneity over the values, neighbours pooled where they are rare; 1 where one bin is left."""
    counts = np.array([[np.count_nonzero(side == value) for value in values] for side in (first, second)])
    share = min(first.size, second.size) / (first.size + second.size)
    bins: list[NDArray[np.int64]] = []
    pool = np.zeros(2, dtype=np.int64)
    for column in counts.T:
        pool = pool + column
        if pool.sum() * share >= LEAST_EXPECTED:
            bins.append(pool)
            pool = np.zeros(2, dtype=np.int64)
    if bins:
        bins[-1] = bins[-1] + pool
    if len(bins) < 2:
        return 1.0
    return float(stats.chi2_contingency(np.stack(bins, axis=1), correction=False).pvalue)


def detectable(error: float, comparisons: int, level: float, power: float = 0.9) -> float:
    """Difference of means that is found with probability `power` among so many comparisons at `level` together."""
    return float(stats.norm.isf(level / comparisons / 2.0) + stats.norm.ppf(power)) * error
