"""Are two samples of runs one law? Tests of mean, spread and distribution over runs of a few stores.

Stores are strata: every statistic compares runs of one store with runs of the same store, and is then combined over
stores with equal weight. What differs between stores, which is most, cannot hide a difference between engines.

- Mean: the regression estimator. Runs of both engines under the same seed live through the same weather, so the
  second engine's paired runs serve as a covariate, with the mean they ought to have known from its far more numerous
  runs under other seeds. A coefficient of 0 is Welch's comparison, 1 is the paired one; the best lies between. The
  sum over stores is referred to Student's t with Satterthwaite's degrees of freedom.
- Spread: Brown and Forsythe's test: distances from the store's median, over runs of both engines under unequal seeds.
- Distribution: ranks among all runs of the store, ties broken at random, which are uniform under the null hypothesis
  whatever the store; the two-sample Kolmogorov-Smirnov test of all of them is then exact under ties too. Outputs of
  few values are compared by a chi-square test over pooled values.

Sources: Cochran 1977, "Sampling Techniques", section 7; Brown and Forsythe 1974; Holm 1979.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from .statistics import Floats

FEW_VALUES = 12
"""An output with at most so many values is compared by chi-square."""
LEAST_EXPECTED = 10.0
"""Values are pooled until both samples expect so many runs of each."""
EQUAL = 1e-9
"""Relative difference up to which numbers count as the same."""
_NOTHING = 0.1


@dataclass(frozen=True)
class Difference:
    """The first engine's mean less the second's, averaged over stores."""

    first: float  # mean of the first engine
    second: float
    difference: float  # of the regression estimator
    error: float  # its standard error
    freedom: float  # degrees of freedom
    weight: float  # coefficient of the paired runs: 0 unpaired, 1 paired
    scale: float  # |second|, or the spread within a store where the mean is nothing beside it
    p: float

    @property
    def relative(self) -> float:
        """The difference in units of `scale`."""
        return self.difference / self.scale if self.scale > 0.0 else 0.0

    def half_width(self, level: float = 0.95) -> float:
        """Half the width of the interval that covers with probability `level`."""
        return float(stats.t.ppf(0.5 + level / 2.0, self.freedom)) * self.error


def mean_difference(first: Floats, paired: Floats, apart: Floats, weight: float | None = None) -> Difference:
    """Compare means.

    Args:
        first: (S, n) runs of the first engine.
        paired: (S, n) runs of the second under the same seeds.
        apart: (S, m) runs of the second under other seeds.
        weight: coefficient of the paired runs; by default the best.
    """
    n, m = first.shape[1], apart.shape[1]
    if weight is None:
        weight = _best_weight(first, paired, apart)
    residual = first - weight * paired
    parts = residual.var(axis=1, ddof=1) / n
    others = (1.0 - weight) ** 2 * apart.var(axis=1, ddof=1) / m
    gaps = residual.mean(axis=1) - (1.0 - weight) * apart.mean(axis=1)
    stores = len(first)
    difference, variance = float(gaps.mean()), float((parts + others).sum()) / stores**2
    size = max(float(np.abs(first).mean()), float(np.abs(apart).mean()))
    spread = float(np.sqrt(apart.var(axis=1, ddof=1).mean()))
    mean = float(apart.mean())
    scale = abs(mean) if abs(mean) > _NOTHING * spread else spread
    if variance <= (EQUAL * size) ** 2:
        same = abs(difference) <= 1e3 * EQUAL * size
        gap = 0.0 if same else difference
        return Difference(float(first.mean()), mean, gap, 0.0, np.inf, weight, scale, 1.0 if same else 0.0)
    freedom = float((parts + others).sum()) ** 2 / float((parts**2 / (n - 1) + others**2 / (m - 1)).sum())
    error = float(np.sqrt(variance))
    p = float(2.0 * stats.t.sf(abs(difference) / error, freedom))
    return Difference(float(first.mean()), mean, difference, error, freedom, weight, scale, p)


def _best_weight(first: Floats, paired: Floats, apart: Floats) -> float:
    """Coefficient of the paired runs that makes the difference most certain, one for all stores."""
    n, m = first.shape[1], apart.shape[1]
    x, y = _centred(first), _centred(paired)
    spread = apart.var(axis=1, ddof=1).sum() / m
    covariance = (x * y).sum() / (n - 1) / n
    variance = (y * y).sum() / (n - 1) / n
    return float((covariance + spread) / (variance + spread)) if variance + spread > 0.0 else 0.0


def _centred(values: Floats) -> Floats:
    """Less the mean of each store."""
    centred: Floats = values - values.mean(axis=1, keepdims=True)
    return centred


def spread_difference(first: Floats, second: Floats) -> float:
    """p-value of equal spread, for runs (S, n) and (S, m) under unequal seeds; 1 where neither varies."""
    centre = np.median(np.concatenate([first, second], axis=1), axis=1, keepdims=True)
    a, b = np.abs(first - centre), np.abs(second - centre)
    parts = [values.var(axis=1, ddof=1) / values.shape[1] for values in (a, b)]
    variance = sum(part.sum() for part in parts)
    if variance <= (EQUAL * np.abs(centre).mean()) ** 2:
        return 1.0
    score = float((a.mean(axis=1) - b.mean(axis=1)).sum() / np.sqrt(variance))
    freedom = variance**2 / sum(
        (part**2).sum() / (values.shape[1] - 1) for part, values in zip(parts, (a, b), strict=True)
    )
    return float(2.0 * stats.t.sf(abs(score), freedom))


def distribution_difference(first: Floats, second: Floats, rng: np.random.Generator) -> float:
    """p-value of one distribution, for runs (S, n) and (S, m) under unequal seeds. `rng` breaks ties."""
    both = np.concatenate([first, second], axis=1)
    values = np.unique(both)
    if len(values) <= FEW_VALUES:
        return _chi_square(first, second, values)
    shuffle = rng.random(both.shape)
    ranks = np.empty(both.shape)
    np.put_along_axis(ranks, np.lexsort((shuffle, both), axis=1), np.arange(both.shape[1])[None] + 0.5, axis=1)
    n = first.shape[1]
    return float(stats.ks_2samp(ranks[:, :n].ravel(), ranks[:, n:].ravel(), method="asymp").pvalue)


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


def holm(p: Sequence[float] | Floats) -> Floats:
    """p-values adjusted by Holm's method: those under alpha reject with a family-wise error of alpha."""
    raw = np.asarray(p, dtype=np.float64)
    order = np.argsort(raw)
    steps = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty(len(raw))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def detectable(error: float, comparisons: int, level: float, power: float = 0.9) -> float:
    """Difference of means that is found with probability `power` among so many comparisons at `level` together."""
    return float(stats.norm.isf(level / comparisons / 2.0) + stats.norm.ppf(power)) * error
