"""Searches that see nothing of a candidate but its score: covariance matrix adaptation, and OpenAI's strategy.

All that a search is lies in the object, its generator of random numbers included, so that a pickled one goes on exactly
as it would have.
"""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_MOMENTS = (0.9, 0.99)  # decay of Adam's means of the gradient and of its square
LAST_RATE = 0.1  # share of the learning rate at the end


class Search(Protocol):
    """Proposes candidates around a mean, and moves it by their scores."""

    @property
    def mean(self) -> Array:
        """Where it stands, shape (D,)."""
        ...

    def ask(self) -> Array:
        """The next generation's candidates, shape (C, D)."""
        ...

    def tell(self, scores: Array, progress: float) -> None:
        """Take the scores (C,) of the last candidates, the more the better; `progress`: share of the search done."""
        ...


class Normals:
    """A generator that numbers can be asked of as of `numpy.random.randn`, and that can be pickled."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def __call__(self, *size: int) -> Array:
        """Independent standard normal numbers."""
        return self.generator.standard_normal(size)


class CovarianceSearch:
    """CMA-ES from the origin. Source: Hansen 2016, arXiv:1604.00772; the `cma` package."""

    def __init__(self, dimensions: int, candidates: int, sigma: float, seed: int, *, diagonal: bool = False) -> None:
        """Args: sigma: first step of a candidate from the mean, in every coordinate. diagonal: no covariances."""
        import cma  # seconds, because it draws: only who searches waits for it

        options = {
            "popsize": candidates,
            "randn": Normals(seed),
            "seed": 0,  # of no effect: `randn` has its own
            "CMA_diagonal": diagonal,
            "verbose": -9,
            "verb_log": 0,
        }
        self._strategy = cma.CMAEvolutionStrategy(np.zeros(dimensions), sigma, options)
        self._asked: list[Array] = []

    @property
    def mean(self) -> Array:
        """As `Search.mean`."""
        return np.array(self._strategy.mean)

    def ask(self) -> Array:
        """As `Search.ask`."""
        self._asked = self._strategy.ask()
        return np.array(self._asked)

    def tell(self, scores: Array, progress: float) -> None:
        """As `Search.tell`; CMA-ES finds its own step length, so progress does not matter."""
        self._strategy.tell(self._asked, (-scores).tolist())


class GradientSearch:
    """OpenAI's evolution strategy: mirrored candidates, scores by rank, and Adam on the gradient that they estimate.

    Source: Salimans et al. 2017, arXiv:1703.03864.
    """

    def __init__(
        self,
        dimensions: int,
        candidates: int,
        sigma: float,
        seed: int,
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
    ) -> None:
        """Args: candidates: an even number. sigma: step of a candidate from the mean, in every coordinate."""
        self.mean = np.zeros(dimensions)
        self._generator = np.random.default_rng(seed)
        self._half, self._sigma = candidates // 2, sigma
        self._rate, self._decay = learning_rate, weight_decay
        self._steps = 0
        self._first, self._second = np.zeros(dimensions), np.zeros(dimensions)
        self._noise = np.zeros((self._half, dimensions))

    def ask(self) -> Array:
        """As `Search.ask`; the second half mirrors the first."""
        self._noise = self._generator.standard_normal(self._noise.shape)
        return self.mean + self._sigma * np.concatenate((self._noise, -self._noise))

    def tell(self, scores: Array, progress: float) -> None:
        """As `Search.tell`."""
        ranks = np.argsort(np.argsort(scores, kind="stable")) / (len(scores) - 1) - 0.5
        slope = (ranks[: self._half] - ranks[self._half :]) @ self._noise / (len(scores) * self._sigma)
        self._steps += 1
        self._first += (1.0 - _MOMENTS[0]) * (slope - self._first)
        self._second += (1.0 - _MOMENTS[1]) * (slope**2 - self._second)
        first = self._first / (1.0 - _MOMENTS[0] ** self._steps)
        second = self._second / (1.0 - _MOMENTS[1] ** self._steps)
        rate = self._rate * max(1.0 - progress, LAST_RATE)
        self.mean = self.mean + rate * (first / (np.sqrt(second) + 1e-12) - self._decay * self.mean)
