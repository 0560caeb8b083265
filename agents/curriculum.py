"""Which stores a training plays when: from easy scenarios to the hard one."""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from merchantgym.envs.engines.layout import FloatArray


@dataclass(frozen=True)
class Curriculum:
    """Stages of stores, from easy to hard; the last is what is trained for.

    Shares move evenly from stage to stage: at every moment at most two neighbours are played, and after `until` only
    the last.
    """

    sizes: tuple[int, ...]  # stores of every stage, one stage after another in the training stores
    until: float = 0.5  # share of the training after which only the last stage is played

    def __post_init__(self) -> None:
        """Raises: ValueError: names what is not allowed."""
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError(f"sizes(={self.sizes}) must be at least one stage of at least one store")
        if not 0.0 < self.until <= 1.0:
            raise ValueError(f"until(={self.until}) must be in (0, 1]")

    def shares(self, progress: float) -> FloatArray:
        """Share of the plays that every stage has.

        Args:
            progress: share of the training that is over, >= 0.
        """
        place = min(progress / self.until, 1.0) * (len(self.sizes) - 1)
        shares: FloatArray = np.maximum(1.0 - np.abs(place - np.arange(len(self.sizes))), 0.0)
        return shares

    def draw(self, progress: float, chance: Generator) -> int:
        """Number of the store to be played next."""
        stage = int(chance.choice(len(self.sizes), p=self.shares(progress)))
        return sum(self.sizes[:stage]) + int(chance.integers(self.sizes[stage]))
