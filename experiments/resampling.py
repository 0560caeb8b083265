"""The bootstrap of a ranking: stores resampled once for all scenarios and executors, training seeds per executor.

A store lives in several scenarios (store 17 of `price_war` is store 17 of `steady` with a rival to come), so a resample
takes a store in all of them together. Were the scenarios' stores strangers to each other, that would still be a valid
bootstrap of rows; resampled scenario by scenario, the common stores would be taken for new evidence, and the mean over
scenarios would look surer than it is. Training seeds are resampled as rows, see `statistics`.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from .statistics import CHUNK, LEVEL, RESAMPLES, TRIM, Floats, Interval

EQUAL = 1e-9
"""Relative difference up to which numbers count as the same."""


@dataclass(frozen=True)
class Resamples:
    """How often each store, and each training seed of so many, is drawn; the same for all that is compared."""

    stores: int  # N
    seed: int
    count: int = RESAMPLES  # m

    @cached_property
    def store_counts(self) -> Floats:
        """(m, N)."""
        return self._counts(0, self.stores)

    def seed_counts(self, seeds: int) -> Floats:
        """(m, seeds); arms of equally many seeds are resampled alike, so that what they share cancels."""
        return self._counts(seeds, seeds)

    def _counts(self, purpose: int, n: int) -> Floats:
        rng = np.random.default_rng((self.seed, purpose))
        return rng.multinomial(n, np.full(n, 1.0 / n), size=self.count).astype(np.float64)

    def means(self, values: Floats) -> Floats:
        """Mean of values (..., seeds, N) over seeds and stores in every resample, (m, ...)."""
        *front, seeds, stores = values.shape
        rows = self.store_counts @ values.reshape(-1, stores).T
        weighted = np.einsum("mr,mfr->mf", self.seed_counts(seeds), rows.reshape(self.count, -1, seeds))
        means: Floats = weighted.reshape(self.count, *front) / (seeds * stores)
        return means

    def middle_half(self, values: Floats) -> Floats:
        """Interquartile mean of values (S, seeds, N), all entries pooled, in every resample, (m,)."""
        order = np.argsort(values, axis=None, kind="stable")
        _, row, column = np.unravel_index(order, values.shape)
        ascending = values.ravel()[order]
        cut = int(TRIM * values.size)
        by_seed, parts = self.seed_counts(values.shape[1]), []
        size = max(1, CHUNK // values.size)
        for first in range(0, self.count, size):
            at = slice(first, first + size)
            upper = np.cumsum(by_seed[at][:, row] * self.store_counts[at][:, column], axis=1)
            inside = np.clip(upper, cut, values.size - cut)
            parts.append(np.diff(inside, axis=1, prepend=cut) @ ascending / (values.size - 2 * cut))
        return np.concatenate(parts)


@dataclass(frozen=True, eq=False)
class Estimates:
    """An array of estimates, and the same in every resample."""

    value: Floats  # (...)
    drawn: Floats  # (m, ...)

    def at(self, *place: int) -> Interval:
        """One of them with its interval."""
        return interval(float(self.value[place]), np.moveaxis(self.drawn, 0, -1)[place])

    def less(self, s: int, e: int, other: int) -> Interval:
        """The difference of two in one row, of estimates (S, E)."""
        gap = float(self.value[s, e] - self.value[s, other])
        return interval(gap, self.drawn[:, s, e] - self.drawn[:, s, other])

    def average(self, *place: int) -> Interval:
        """Mean along the first axis, at a place in the others."""
        return Estimates(self.value.mean(axis=0), self.drawn.mean(axis=1)).at(*place)

    def chance(self, s: int, e: int, other: int) -> float:
        """Two-sided p-value of `less`, by the standard error of its resamples, which are about normal."""
        gap, scale = float(self.value[s, e] - self.value[s, other]), EQUAL * float(np.abs(self.value[s]).max())
        error = float((self.drawn[:, s, e] - self.drawn[:, s, other]).std())
        if error <= scale:
            return 1.0 if abs(gap) <= scale else 0.0
        return float(2.0 * stats.norm.sf(abs(gap) / error))


def interval(estimate: float, drawn: Floats, level: float = LEVEL) -> Interval:
    """An estimate with the percentile interval of its resamples (m,)."""
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return Interval(estimate, float(low), float(high))


def ranks(means: Floats) -> Floats:
    """Ranks along the last axis, 1 the largest; what is equal shares the mean of its ranks."""
    found: Floats = stats.rankdata(-means, method="average", axis=-1)
    return found


@dataclass(frozen=True, eq=False)
class Profile:
    """Share of stores, scenarios counting alike, on which a score is reached: a performance profile.

    Source: Dolan and More 2002; Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical
    precipice", section 4.2.
    """

    marks: Floats  # (T,) scores, ascending
    share: Floats  # (T,) of stores that reach it
    low: Floats  # (T,) pointwise 95 % band
    high: Floats


def profile(gained: Floats, possible: Floats, marks: Floats, draws: Resamples) -> Profile:
    """A performance profile of gained / possible, which need not be divided: that may be next to nothing.

    Args:
        gained: (S, seeds, N). possible: (S, 1, N) or what broadcasts to it.
        marks: (T,) scores, ascending.
    """
    share = np.stack([(gained >= mark * possible).mean(axis=0) for mark in marks])  # (T, seeds, N)
    low, high = np.quantile(draws.means(share), [(1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0)
    return Profile(marks, share.mean(axis=(1, 2)), low, high)
