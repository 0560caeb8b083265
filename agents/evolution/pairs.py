"""A search whose candidates each meet a store of their own: the most that a store's run can tell of many weights."""

import numpy as np

from .search import LAST_RATE, Array

_GAUGES = 3  # generations in which the mean runs too, so that curvature shows
_LEAST = 1e-12


class PairSearch:
    """Mirrored pairs of candidates, one pair a store, and a step along the regressed slope over the curvature.

    Where returns are noisy and stores are cheap, a generation of n stores tells most when every store tries a direction
    of its own: the slope is the regression of n paired differences on n directions (`slope`), with an error that does
    not grow with the number of weights. What the mean itself earns on the same stores tells, in the first generations,
    how fast slopes fall; the step is Newton's with that one curvature, slowed by `learning_rate`, along a decayed mean
    of slopes.

    Source: Sehnke et al. 2010, "Parameter-exploring policy gradients" (symmetric sampling); Wierstra et al. 2014,
    "Natural evolution strategies"; Box and Wilson 1951 (response surfaces).
    """

    def __init__(
        self,
        dimensions: int,
        pairs: int,
        sigma: float,
        seed: int,
        *,
        learning_rate: float,
        momentum: float,
        winsorise: float = 0.0,
    ) -> None:
        """Prepare the search.

        Args:
            dimensions: D; steps of one length are taken to be worth alike in all of them.
            pairs: stores of a generation.
            sigma: step of a candidate from the mean, in every coordinate.
            seed: of the directions.
            learning_rate: share of Newton's step that is taken, falls linearly to a tenth.
            momentum: share of the mean of slopes that is kept from one generation to the next.
            winsorise: share of the extreme differences that is cut off at either end.
        """
        self.mean: Array = np.zeros(dimensions)
        self._generator = np.random.default_rng(seed)
        self._pairs, self._sigma = pairs, sigma
        self._rate, self._momentum, self._winsorise = learning_rate, momentum, winsorise
        self._steps = 0
        self._slope = np.zeros(dimensions)
        self._bend, self._length = 0.0, 0.0
        self._noise = np.zeros((pairs, dimensions))

    @property
    def runs(self) -> int:
        """Runs of each store in the coming generation: the pair, and in the first ones the mean."""
        return 2 + (self._steps < _GAUGES)

    @property
    def curvature(self) -> float:
        """Fall of the slope per step `sigma` of a weight, mean over directions [return]."""
        return max(self._bend / max(self._length, _LEAST), _LEAST)

    def ask(self) -> Array:
        """The next generation's candidates (runs * pairs, D): one side, the other, the mean where it is asked for."""
        self._noise = self._generator.standard_normal(self._noise.shape)
        sides = [self.mean + sign * self._sigma * self._noise for sign in (1.0, -1.0, 0.0)]
        return np.concatenate(sides[: self.runs])

    def tell(self, scores: Array, progress: float) -> None:
        """Take what the last candidates earned (runs * pairs,); `progress`: share of the search done."""
        earned = scores.reshape(-1, self._pairs)
        if len(earned) > 2:
            self._bend += float((2.0 * earned[2] - earned[0] - earned[1]).sum())
            self._length += float((self._noise**2).sum())
        difference = 0.5 * (earned[0] - earned[1])
        if self._winsorise > 0.0:
            difference = np.clip(difference, *np.quantile(difference, (self._winsorise, 1.0 - self._winsorise)))
        self._steps += 1
        self._slope = self._momentum * self._slope + (1.0 - self._momentum) * slope(self._noise, difference)
        mean_slope = self._slope / (1.0 - self._momentum**self._steps)
        rate = self._rate * max(1.0 - progress, LAST_RATE)
        if self._bend > 0.0:  # else there is no top to go to yet
            self.mean = self.mean + rate * self._sigma * mean_slope / self.curvature


def slope(directions: Array, differences: Array) -> Array:
    """Regression of differences (n,) on standard normal directions (n, D), shrunk by 1 / (1 + D / n)."""
    n, dimensions = directions.shape
    gram = directions.T @ directions / n + dimensions / n * np.eye(dimensions)
    return np.asarray(np.linalg.solve(gram, directions.T @ differences / n))
