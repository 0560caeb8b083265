"""A search on a few numbers for many stores at once, each with a noisy top of its own."""

import numpy as np

from merchantgym.envs.engines.layout import FloatArray

_FLAT = 0.25  # least curvature of a number, as a share of the mean over all numbers
_LEAST = 1e-12


class SurfaceSearch:
    """Response surfaces: of every store a parabola is fitted to all that was tried, and its top is tried next.

        f(m + e) = f(m) + e (b - c m) - c e^2 / 2

    Candidates come as mirrored pairs m + e, m - e under one chance; half their difference tells of the slope b - c m,
    and, where the mean m ran too, what they lack of it tells of the curvature c. Both are regressed together, older
    trials counting less; a curvature is drawn towards the mean of all numbers' as by a prior of that spread, a slope
    towards 0 as by D observations. No step is longer than one in any number.

    Source: Box and Wilson 1951 (response surfaces); Sehnke et al. 2010, "Parameter-exploring policy gradients"
    (symmetric sampling).
    """

    def __init__(self, stores: int, limit: FloatArray, *, keep: float) -> None:
        """Prepare the search.

        Args:
            stores: N.
            limit: (D,) the means stay within, in units of a step.
            keep: weight of a trial of the generation before, in (0, 1].
        """
        numbers = len(limit)
        self.mean = np.zeros((stores, numbers))
        self._limit, self._keep = limit, keep
        self._gram = np.zeros((stores, 2 * numbers, 2 * numbers))
        self._moment = np.zeros((stores, 2 * numbers))
        self._bend, self._length = np.zeros(stores), np.zeros(stores)
        self._square, self._tried = np.zeros(stores), 0

    def tell(self, directions: FloatArray, up: FloatArray, down: FloatArray, level: FloatArray | None) -> None:
        """Take what candidates earned.

        Args:
            directions: (N, P, D) standard normal, in units of a step; 0 where a number of a store is not searched.
            up, down: (N, P) by the mean plus and minus the directions, the same chance for both.
            level: (N, P) by the mean itself under that chance; None where it did not run.
        """
        odd = 0.5 * (up - down)
        rows = np.concatenate([directions, -directions * self.mean[:, None]], axis=2)
        self._gram *= self._keep
        self._moment *= self._keep
        self._add(rows, odd)
        self._square += (odd**2).sum(axis=1)
        self._tried += odd.shape[1]
        if level is not None:
            even = 0.5 * (up + down) - level
            self._add(np.concatenate([np.zeros_like(directions), -0.5 * directions**2], axis=2), even)
            self._bend -= 2.0 * even.sum(axis=1)
            self._length += (directions**2).sum(axis=(1, 2))
        self._climb()

    def _add(self, rows: FloatArray, targets: FloatArray) -> None:
        self._gram += np.einsum("npi,npj->nij", rows, rows)
        self._moment += np.einsum("npi,np->ni", rows, targets)

    def _climb(self) -> None:
        """Move the means towards the tops of the parabolas."""
        numbers = self.mean.shape[1]
        noise = self._square / self._tried
        usual = np.maximum(self._bend / np.maximum(self._length, _LEAST), 0.05 * np.sqrt(noise) + _LEAST)
        weight = noise / usual**2 + _LEAST  # of the prior of a curvature
        prior = np.concatenate([np.full_like(self.mean, numbers), np.repeat(weight[:, None], numbers, axis=1)], axis=1)
        gram = self._gram + prior[:, :, None] * np.eye(2 * numbers)
        moment = self._moment.copy()
        moment[:, numbers:] += (weight * usual)[:, None]
        found = np.linalg.solve(gram, moment[:, :, None])[:, :, 0]
        curvature = np.maximum(found[:, numbers:], _FLAT * usual[:, None])
        step = np.clip(found[:, :numbers] / curvature - self.mean, -1.0, 1.0)
        self.mean = np.clip(self.mean + step, -self._limit, self._limit)
