"""Actors without feedback: the plan as written, and chance."""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.observation import action_size, listings_in
from merchantgym.envs.plan import PlanArrays

from .laws import check_gains, gain


@dataclass(frozen=True)
class OpenLoop:
    """Executes the plan as written."""

    name: ClassVar[str] = "open_loop"
    kind: ClassVar[Kind] = "plan"

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """Nothing to remember."""
        return ()

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """Zeros."""
        return np.zeros((len(observation), action_size(listings_in(observation.shape[1])))), memory


@dataclass(frozen=True)
class RandomActions:
    """Independent uniform actions each hour.

    Its kind is `plan`: it ignores what it observes, so it may never stand as the best controller. A number is a
    function of (seed, the store's plan, hour, place in the action), whichever stores are run beside it.
    """

    name: ClassVar[str] = "random"
    kind: ClassVar[Kind] = "plan"

    seed: float = gain(0, "whole number", (0, 0), allowed=(0, 2**32 - 1))
    scale: float = gain(1.0, "largest action", (0.0, 1.0), allowed=(0.0, 1.0))

    def __post_init__(self) -> None:
        check_gains(self)
        if self.seed != int(self.seed):
            raise ValueError(f"seed(={self.seed}) must be a whole number")

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(hour, mark): hours acted so far and a 53-bit mark of the store's plan, (n,) each."""
        rows = zip(plans.bid, plans.price, plans.budget_total, plans.start_hour, strict=True)
        marks = np.array([_mark(*(np.asarray(part, dtype=np.float64) for part in row)) for row in rows])
        return np.zeros(n), np.broadcast_to(marks, (n,)).copy()

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """Uniform in [-scale, scale]."""
        hour, mark = memory
        place = np.arange(action_size(listings_in(observation.shape[1])), dtype=np.uint64)
        word = _mixed(_mixed(mark.astype(np.uint64) ^ np.uint64(int(self.seed) << 21)) ^ hour.astype(np.uint64))
        uniform = (_mixed(word[:, None] + place) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        return self.scale * (2.0 * uniform - 1.0), (hour + 1.0, mark)


def _mark(*parts: NDArray[np.float64]) -> float:
    """A whole number below 2^53 that tells plans apart."""
    digest = blake2b(b"".join(part.tobytes() for part in parts), digest_size=8).digest()
    return float(int.from_bytes(digest, "little") >> 11)


def _mixed(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64: a well-mixed word for each word (Steele, Lea and Flood 2014)."""
    word = word * np.uint64(0xD1342543DE82EF95) + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
