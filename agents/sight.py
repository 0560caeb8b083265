"""What a correcting network is shown hour by hour: a base controller at work, and the inputs that are switched on."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor, Insightful, Memory
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.perception import Perception, Recollection
from merchantgym.envs.plan import PlanArrays

from .inputs import Inputs, Layout, layout_of

_BELIEFS = len(Recollection._fields)


@dataclass(frozen=True)
class Sight:
    """A base actor, and what is seen beside it. Beliefs cost 14 to 17 us a store-hour, twice what the base and the
    market cost together; insight costs next to nothing.

    Raises: ValueError: insight is asked of a base that shows none.
    """

    base: Actor
    inputs: Inputs = field(default_factory=Inputs)
    perception: Perception = field(default_factory=Perception)

    def __post_init__(self) -> None:
        layout_of(self.inputs, self.base)

    @cached_property
    def layout(self) -> Layout:
        """Where everything stands in what `look` shows."""
        return layout_of(self.inputs, self.base)

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(*base's, *perception's): memory at the start of n plans; the latter only where there are beliefs."""
        return *self.base.init(plans, n), *(self.perception.init(plans, n) if self.inputs.beliefs else ())

    def look(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, NDArray[np.float32], Memory]:
        """The base's action (n, A), the network's input (n, I) as `layout` says, and the memory after the hour."""
        own, beliefs = self.parts(memory)
        action, own = self.base.act(observation, own)
        seen: list[NDArray[Any]] = [observation]
        if self.inputs.base_action:
            seen.append(action)
        if self.inputs.beliefs:
            believed, beliefs = self.perception.update(observation, beliefs)
            seen.append(believed.features())
        if self.inputs.insight:
            seen.append(rows(*cast(Insightful, self.base).insight(own)))
        return action, policy_input(*seen), (*own, *beliefs)

    def parts(self, memory: Memory) -> tuple[Memory, Memory]:
        """The base's memory and perception's."""
        own = len(memory) - (_BELIEFS if self.inputs.beliefs else 0)
        return memory[:own], memory[own:]


def policy_input(*blocks: NDArray[Any]) -> NDArray[np.float32]:
    """Blocks (n, ...) of a policy's input side by side; by default the observation and the base's action."""
    return np.concatenate(blocks, axis=1, dtype=np.float32)


def rows(shop: Any, items: Any, xp: Any = np) -> Any:
    """A block of a policy's input, (n, F + K * G), of numbers about the shop (n, F) and about listings (n, K, G)."""
    return xp.concatenate((shop, items.reshape(items.shape[0], items.shape[1] * items.shape[2])), 1)
