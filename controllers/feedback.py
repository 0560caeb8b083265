"""Feedback controllers as actors: pacing alone, and pacing over value-based bids.

`respond` is the whole map from observation to action. It runs on numpy arrays and on torch tensors alike, so that a
learned residual can be trained and exported on top of it.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.observation import ObservationView, PerListing
from merchantgym.envs.plan import PlanArrays

from .laws import Array, DayPurse, PacingLaw, ValueLaw, WaterlevelLaw
from .readings import TERMS, Terms, amended, read_purse, read_shelf, terms_of
from .trim import Trim


@runtime_checkable
class Responds(Protocol):
    """What `Feedback` adds `act` to."""

    def respond(self, observation: Array, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
        """Action (n, A) and new memory; `xp` is numpy or torch, as the arrays are."""
        ...


class Feedback:
    """An actor whose `respond` is the whole map from observation to action."""

    kind: ClassVar[Kind] = "controller"

    def act(self: Responds, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """As `Actor.act`."""
        return self.respond(np.asarray(observation, dtype=np.float64), memory)


class Pacer(Protocol):
    """A law that paces one common log bid."""

    def init(self, n: int) -> Memory:
        """Memory of n campaigns before their first step."""
        ...

    def step(
        self,
        memory: Any,
        passed: Array,
        spent: Array,
        stride: Array,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, Memory]:
        """Log bid multiplier for the coming period, shape (n,); new memory."""
        ...


class _Paced(Feedback):
    """What pacing actors share: a law sets one factor on all bids; each listing may have a shift of its own."""

    pacing: Pacer
    trim: Trim

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(*terms, *pacing): `Terms` of the plan, and the memory of the pacing law."""
        return *terms_of(plans, n), *self.pacing.init(n)

    def respond(self, observation: Array, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
        """Action (n, A) and new memory; `xp` is numpy or torch, as the arrays are."""
        view = ObservationView(observation)
        shift = self._shift(view, memory, xp)
        level, memory = pace(self.pacing, self.trim, view, memory, xp)
        return self.trim.action(level, shift, xp), memory

    def _shift(self, view: ObservationView, memory: Memory, xp: Any) -> Array:
        """Log bid of each listing over the common one, (n, K)."""
        return 0.0 * view[PerListing.ACTIVE]


@dataclass(frozen=True)
class PidPacing(_Paced):
    """Spends the budget as traffic passes; every bid moves by the same factor."""

    name: ClassVar[str] = "pid"

    pacing: PacingLaw = field(default_factory=PacingLaw)
    trim: Trim = field(default_factory=Trim)


@dataclass(frozen=True)
class Waterlevel(_Paced):
    """Spends the budget as traffic passes, by waterlevel control; every bid moves by the same factor."""

    name: ClassVar[str] = "waterlevel"

    pacing: WaterlevelLaw = field(default_factory=WaterlevelLaw)
    trim: Trim = field(default_factory=Trim)


@dataclass(frozen=True)
class ValuePid(_Paced):
    """Bids on each listing in proportion to what a click on it is worth; pacing sets the common factor."""

    name: ClassVar[str] = "value_pid"

    value: ValueLaw = field(default_factory=ValueLaw)
    pacing: PacingLaw = field(default_factory=PacingLaw)
    trim: Trim = field(default_factory=Trim)

    def _shift(self, view: ObservationView, memory: Memory, xp: Any) -> Array:
        """The value law remembers nothing: its counts are in the observation."""
        return self.value.shift(read_shelf(view, memory[0], xp), xp)


def pace(law: Pacer, trim: Trim, view: ObservationView, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
    """Common log bid (n,) from an observation, and the new memory, laid out as `_Paced.init` says."""
    terms = amended(view, Terms(*memory[:TERMS]), xp)
    purse = read_purse(view, terms, xp)
    level, state_now = law.step(
        memory[TERMS:], purse.passed, purse.spent, purse.stride, purse.day, trim.feed_forward(view), xp
    )
    return level, (*terms, *state_now)
