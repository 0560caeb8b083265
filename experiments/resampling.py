"""The bootstrap of a ranking: stores resampled once for all scenarios and executors, training seeds per executor.

A store lives in several scenarios (store 17 of `price_war` is store 17 of `steady` with a rival to come), so a resample
takes a store in all of them together. Were the scenarios' stores strangers to each other, that would still be a valid
bootstrap of rows; resampled scenario by scenario, the common stores would be taken for new evidence, and the mean over
scenarios would look surer than it is. Training seeds are resampled as rows, see `statistics`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import stats

from .statistics import CHUNK, LEVEL, RESAMPLES, TRIM, Floats, Interval, ends, resampled
from .statistics_profiles import Profile


@dataclass(frozen=True)
class Resamples:
    """How often each store, and each training seed of so many, is drawn; the same for all that is compared."""

    stores: int  # N
    seed: int
    count: int = RESAMPLES  # m

    @cached_property
    def store_counts(self) -> Floats:
        """(m, N)."""
        return np.concatenate([v for _, v in self._drawn(1)])

    def seed_counts(self, seeds: int) -> Floats:
        """(m, seeds); arms of equally many seeds are resampled alike, so that what they share cancels."""
        return np.ones((self.count, 1)) if seeds == 1 else np.concatenate([w for w, _ in self._drawn(seeds)])

    def _drawn(self, seeds: int) -> Iterator[tuple[Floats, Floats]]:
        return resampled((seeds, self.stores), np.random.default_rng(self.seed), self.count)

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


def interval(estimate: float, drawn: Floats) -> Interval:
    """An estimate with the 95 % percentile interval of its resamples (m,)."""
    low, high = np.quantile(drawn, ends(LEVEL))
    return Interval(estimate, float(low), float(high))


def ranks(means: Floats) -> Floats:
    """Ranks along the last axis, 1 the largest; what is equal shares the mean of its ranks."""
    found: Floats = stats.rankdata(-means, method="average", axis=-1)
    return found


def profile(gained: Floats, possible: Floats, marks: Floats, draws: Resamples) -> Profile:
    """Performance profile of gained / possible, scenarios alike; not divided, for that may be next to nothing.

    Args:
        gained: (S, seeds, N). possible: (S, 1, N) or what broadcasts to it.
        marks: (T,) scores, ascending.
    """
    share = np.stack([(gained >= mark * possible).mean(axis=0) for mark in marks])  # (T, seeds, N)
    low, high = np.quantile(draws.means(share), ends(LEVEL), axis=0)
    return Profile(marks, share.mean(axis=(1, 2)), low, high)
