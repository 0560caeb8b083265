"""Actors whose corrections are small policies: one for all stores, and many candidates side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
import torch
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor, Insightful, Kind, Memory
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.observation import listings_in
from merchantgym.envs.plan import PlanArrays

from ..sight import rows as side_by_side
from .features import trace_width
from .policy import Shape, decide_all, rows_of


@dataclass(frozen=True, eq=False)
class Candidates:
    """A base actor, corrected in every run by a policy of its own."""

    kind: ClassVar[Kind] = "learned"

    base: Actor
    shape: Shape
    weights: FloatArray  # (C, Shape.weights)
    which: NDArray[np.intp]  # (n,) the row of `weights` that decides in each run
    standard: FloatArray  # (2, G + L) means and inverse spreads of the inputs
    scale: float = 1.0  # of the corrections
    name: str = "candidates"

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """The base actor's memory, and the policies' own (n, trace_width).

        Raises: ValueError: other runs than the policies are of, or weights for another number of listings.
        """
        if n != len(self.which):
            raise ValueError(f"n(={n}) must be {len(self.which)}, one run for each entry of which")
        listings = plans.bid.shape[1]
        if self.shape.apart not in (0, listings):
            raise ValueError(f"listings(={listings}) must be {self.shape.apart}: each has weights of its own")
        return (*self.base.init(plans, n), np.zeros((n, trace_width(self.shape.traces, listings))))

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """As `Actor.act`."""
        base, rest = self.base.act(observation, memory[:-1])
        trace = memory[-1].copy()
        action = np.empty(base.shape)
        decide_all(
            self.weights,
            self.which,
            self.shape.form,
            self.scale,
            self.shape.keep,
            self.standard,
            rows_of(observation, np.float32),
            rows_of(base, np.float64),
            thought_of(self.base, self.shape, rest, len(base)),
            trace,
            np.empty(self.shape.room(listings_in(observation.shape[1]))),
            action,
        )
        return action, (*rest, trace)


@dataclass(frozen=True, eq=False)
class EvolvedActor:
    """A base actor, corrected by a small policy."""

    kind: ClassVar[Kind] = "learned"

    base: Actor
    shape: Shape
    weights: FloatArray  # (Shape.weights,)
    standard: FloatArray  # (2, G + L) means and inverse spreads of the inputs
    scale: float = 1.0  # of the corrections
    name: str = "evolution"

    def __post_init__(self) -> None:
        for field, expected in (
            ("weights", (self.shape.weights,)),
            ("standard", (2, self.shape.inputs)),
        ):
            values = getattr(self, field)
            if values.shape != expected or not np.isfinite(values).all():
                raise ValueError(f"{field}(shape={values.shape}) must be {expected} finite numbers")

    def saved(self) -> dict[str, Any]:
        """As plain values and tensors, for `policy.pt`; see `restored`."""
        return {
            "name": self.name,
            "base": self.base.name,
            "half_lives": list(self.shape.half_lives),
            "hidden": self.shape.hidden,
            "insight": list(self.shape.insight),
            "apart": self.shape.apart,
            "weights": torch.from_numpy(self.weights.copy()),
            "standard": torch.from_numpy(self.standard.copy()),
            "scale": self.scale,
        }

    @classmethod
    def restored(cls, saved: Mapping[str, Any], base: Actor) -> Self:
        """What was saved, over its base actor."""
        shape = Shape(tuple(saved["half_lives"]), saved["hidden"], tuple(saved["insight"]), saved["apart"])
        return cls(base, shape, saved["weights"].numpy(), saved["standard"].numpy(), saved["scale"], saved["name"])

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """As `Candidates.init`."""
        return self._everywhere(n).init(plans, n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """As `Actor.act`."""
        return self._everywhere(len(observation)).act(observation, memory)

    def _everywhere(self, n: int) -> Candidates:
        """The policy in each of n runs."""
        which = np.zeros(n, dtype=np.intp)
        return Candidates(self.base, self.shape, self.weights[None, :], which, self.standard, self.scale)


def thought_of(base: Actor, shape: Shape, memory: Memory, n: int) -> FloatArray:
    """What the base thinks of n stores after it has acted, (n, F + K * G); (n, 0) where nobody looks at it."""
    if not any(shape.insight):
        return np.zeros((n, 0))
    return rows_of(side_by_side(*cast(Insightful, base).insight(memory)), np.float64)
