"""Actors without feedback: the plan as written, constant corrections of it, and chance."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.observation import ObservationView, PerListing, action_size, listings_in
from merchantgym.envs.plan import PlanArrays

from .chance import check_seed, plan_marks, uniforms
from .feedback import Feedback
from .laws import Array, ConstantLaw, check_gains, gain
from .trim import Trim


@dataclass(frozen=True)
class OpenLoop(Feedback):
    """Executes the plan as written."""

    name: ClassVar[str] = "open_loop"
    kind: ClassVar[Kind] = "plan"

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """Nothing to remember."""
        return ()

    def respond(self, observation: Array, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
        """Zeros (n, A); `xp` is numpy or torch, as the observation is."""
        size = action_size(listings_in(int(observation.shape[1])))
        return xp.zeros((observation.shape[0], size), dtype=xp.float64), memory


@dataclass(frozen=True)
class Constant(Feedback):
    """Corrects the plan's bids and prices by constants, which only tuning sets: what feedback has to beat."""

    name: ClassVar[str] = "constant"

    law: ConstantLaw = field(default_factory=ConstantLaw)
    trim: Trim = field(default_factory=Trim)

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """Nothing to remember."""
        return self.law.init(n)

    def respond(self, observation: Array, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
        """Action (n, A) and new memory; `xp` is numpy or torch, as the arrays are."""
        view = ObservationView(observation)
        roles = (view[role] for role in (PerListing.HERO, PerListing.GROWTH, PerListing.TEST, PerListing.CLEAR))
        shift, _ = self.law.step((), *roles)
        return self.trim.action(self.law.bias + self.trim.feed_forward(view), shift, xp), memory


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
        check_seed(self.seed)

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(hour, mark): hours acted so far and a 53-bit mark of the store's plan, (n,) each."""
        return np.zeros(n), plan_marks(plans, n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """Uniform in [-scale, scale]."""
        hour, mark = memory
        uniform = uniforms(self.seed, mark, hour, action_size(listings_in(observation.shape[1])))
        return self.scale * (2.0 * uniform - 1.0), (hour + 1.0, mark)
