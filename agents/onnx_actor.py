"""An exported executor at work: onnxruntime and a description, no torch and no controller code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.perception import Perception
from merchantgym.envs.plan import PlanArrays

from .memory_start import Start


@dataclass(frozen=True)
class OnnxActor:
    """The policy of a bundle; what it believes, where it was trained with beliefs, is computed beside the graph."""

    session: Any  # onnxruntime.InferenceSession
    memory: Sequence[Start]  # of each part of the graph's memory
    observation_size: int
    description: Mapping[str, Any]
    name: str = "onnx"
    kind: Kind = "learned"
    perception: Perception | None = None

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(*graph's, *perception's) memory at the first hour of n plans."""
        beliefs = () if self.perception is None else self.perception.init(plans, n)
        return *(start.fill(plans, n) for start in self.memory), *beliefs

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """As `Actor.act`. Raises: ValueError: an observation of another shape, or with a number that is not finite."""
        seen = np.asarray(observation, dtype=np.float32)
        if seen.ndim != 2 or seen.shape[1] != self.observation_size:
            raise ValueError(f"observation(shape={seen.shape}) must have shape (n, {self.observation_size})")
        if not np.isfinite(seen).all():
            row, column = np.argwhere(~np.isfinite(seen))[0]
            feature = self.description["features"][column]
            raise ValueError(f"observation[{row}].{feature}(={seen[row, column]}) must be finite")
        own, beliefs = memory[: len(self.memory)], memory[len(self.memory) :]
        feed = {"observation": seen, **{f"memory_{i}": part for i, part in enumerate(own)}}
        if self.perception is not None:
            believed, beliefs = self.perception.update(seen, beliefs)
            feed["beliefs"] = believed.features().astype(np.float32)
        action, *after = self.session.run(None, feed)
        return action, (*after, *beliefs)
