"""An exported executor at work: onnxruntime and a description, no torch and no controller code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.observation import budget_size
from merchantgym.envs.plan import PlanArrays

START_VALUES = ("days", "daily_share", "budget_size")
"""What a memory can start from besides a constant: the plan's days, its daily budget as a share of the whole, and its
budget as the observation shows it."""


def start_value(name: str, plans: PlanArrays) -> FloatArray:
    """One of `START_VALUES` for n plans, shape (n,)."""
    if name == "days":
        return plans.days.astype(np.float64)
    if name == "budget_size":
        return budget_size(plans.budget_total, plans.days)
    share: FloatArray = plans.budget_daily / plans.budget_total
    return share


@dataclass(frozen=True)
class OnnxActor:
    """The policy of a bundle. `memory`: for each part of its memory, a name of `START_VALUES` or a constant."""

    kind: ClassVar[Kind] = "learned"

    session: Any  # onnxruntime.InferenceSession
    memory: Sequence[str | float]
    observation_size: int
    description: Mapping[str, Any]
    name: str = "onnx"

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """Memory at the first hour of n plans."""
        return tuple(
            np.broadcast_to(start_value(start, plans) if isinstance(start, str) else np.float64(start), (n,)).copy()
            for start in self.memory
        )

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """As `Actor.act`. Raises: ValueError: an observation of another shape, or with a number that is not finite."""
        seen = np.asarray(observation, dtype=np.float32)
        if seen.ndim != 2 or seen.shape[1] != self.observation_size:
            raise ValueError(f"observation(shape={seen.shape}) must have shape (n, {self.observation_size})")
        if not np.isfinite(seen).all():
            row, column = np.argwhere(~np.isfinite(seen))[0]
            feature = self.description["features"][column]
            raise ValueError(f"observation[{row}].{feature}(={seen[row, column]}) must be finite")
        feed = {"observation": seen, **{f"memory_{i}": part for i, part in enumerate(memory)}}
        action, *after = self.session.run(None, feed)
        return action, tuple(after)
