"""An actor that tries things: any base actor, with Gaussian corrections of its actions whose density is known.

What is drawn is the correction, before the action is clipped to its range: so its density is a normal one, whatever the
base actor remembers, and other corrections of the same base can be judged from the record by ratios of densities.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor, Kind, Memory
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.engines.streams import keyed_generator
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.store import HOURS_PER_DAY
from merchantgym.envs.task import action_size

from ..residual import corrected

Mean = Callable[[NDArray[Any], FloatArray], FloatArray]
"""From observations (m, O) and the base actor's actions (m, A) to mean corrections (m, A)."""

_PHASE = 0x9A5E  # what a keyed generator is asked for: the hour of a store's second decision
_NOISE = 0x0153  # or the noise of one decision


def no_correction(observation: NDArray[Any], base: FloatArray) -> FloatArray:
    """What the base actor does is the mean."""
    return np.zeros(base.shape)


@dataclass(frozen=True)
class Way:
    """A way to act: normal corrections of a base actor."""

    name: str
    mean: Mean = no_correction
    sd: float = 0.0
    """Of every number of a correction, on the scale of actions; 0: no chance."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.sd <= 2.0:
            raise ValueError(f"{self.name}.sd(={self.sd}) must be in [0, 2]")

    def log_density(self, observation: NDArray[Any], base: FloatArray, correction: FloatArray) -> FloatArray:
        """Logarithm of the density of corrections (m, A), shape (m,). Raises: ValueError: this way has none."""
        if self.sd == 0.0:
            raise ValueError(f"{self.name}.sd(={self.sd}) must be > 0: what is certain has no density")
        scores = (correction - self.mean(observation, base)) / self.sd
        whole: FloatArray = -0.5 * (scores**2 + np.log(2.0 * np.pi * self.sd**2)).sum(axis=1)
        return whole


class Move(NamedTuple):
    """What n stores do in the coming hour, and why."""

    action: FloatArray  # (n, A)
    base: FloatArray  # (n, A) the base actor's
    correction: FloatArray  # (n, A) as drawn
    decides: NDArray[np.bool_]  # (n,) drawn for this hour, not held from before
    memory: Memory


@dataclass(frozen=True, eq=False)
class Explorer:
    """Acts as the base actor, corrected one way; a correction is held for `hold` hours.

    A store's decisions fall on an hour of the day of its own, so that a record holds decisions of every hour. What is
    drawn is a function of (seed, key of the store, number of the decision).
    """

    kind: ClassVar[Kind] = "learned"

    base: Actor
    way: Way
    hold: int  # [hours] a divisor of 24
    seed: int
    keys: NDArray[np.int64]  # (n,) of the stores that it will be given, in their order

    def __post_init__(self) -> None:
        if self.hold < 1 or HOURS_PER_DAY % self.hold:
            raise ValueError(f"hold(={self.hold}) must be a divisor of {HOURS_PER_DAY} [hours]")

    @property
    def name(self) -> str:
        """The base actor's and the way's."""
        return f"{self.base.name}+{self.way.name}"

    @property
    def phase(self) -> NDArray[np.int64]:
        """[hours] (n,) of each store's second decision; a further one follows every `hold` hours."""
        return np.array([keyed_generator(self.seed, _PHASE, int(key)).integers(1, self.hold + 1) for key in self.keys])

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """Memory at the start: hours so far, phase, key, held correction, and the base actor's.

        Raises: ValueError: other than the stores with `keys`.
        """
        if n != len(self.keys):
            raise ValueError(f"n(={n}) must be {len(self.keys)}, the stores whose keys were given")
        held = np.zeros((n, action_size(plans.bid.shape[1])))
        own = (np.zeros(n), self.phase.astype(np.float64), self.keys.astype(np.float64), held)
        return *own, *self.base.init(plans, n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """As `Actor.act`."""
        move = self.move(observation, memory)
        return move.action, move.memory

    def move(self, observation: NDArray[Any], memory: Memory) -> Move:
        """As `act`, with what led to it."""
        hour, phase, key, held, *rest = memory
        base, after = self.base.act(observation, tuple(rest))
        decides = (hour == 0.0) | ((hour >= phase) & ((hour - phase) % self.hold == 0.0))
        correction = held
        if decides.any():
            fresh = self.way.mean(observation[decides], base[decides])
            if self.way.sd > 0.0:
                number = 1.0 + (hour - phase) // self.hold
                fresh = fresh + self.way.sd * self._draw(key[decides], number[decides], fresh.shape[1])
            correction = held.copy()
            correction[decides] = fresh
        action = corrected(base, correction, 1.0)
        return Move(action, base, correction, decides, (hour + 1.0, phase, key, correction, *after))

    def _draw(self, keys: FloatArray, numbers: FloatArray, size: int) -> FloatArray:
        """Standard normal numbers (m, size) of some stores' decisions."""
        rows = zip(keys.astype(int).tolist(), numbers.astype(int).tolist(), strict=True)
        return np.stack([keyed_generator(self.seed, _NOISE, key, i).standard_normal(size) for key, i in rows])
