"""Who executes a plan: the one interface of open loop, controllers and learned policies."""

from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from .plan import PlanArrays

Memory: TypeAlias = tuple[NDArray[np.float64], ...]
"""What an actor remembers of its stores: float64 arrays whose first axis is the store, or nothing at all."""

Kind: TypeAlias = Literal["plan", "controller", "learned"]
"""plan: no feedback; controller: feedback with frozen gains; learned: trained."""


class Actor(Protocol):
    """Executes the plans of n stores at once; what it remembers of them is handed in and handed back."""

    @property
    def name(self) -> str:
        """How it is called in tables and on the command line."""
        ...

    @property
    def kind(self) -> Kind:
        """What it is compared with."""
        ...

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """Memory at the start of n plans.

        Args:
            plans: n plans, or one that all n stores share.
            n: number of stores.
        """
        ...

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """Action for the coming hour and the memory after it. Pure: neither argument is changed.

        Args:
            observation: (n, O), float32 as the environment writes it.
            memory: of the same n stores, from `init` or from the hour before.
        Returns: action (n, A) in [-1, 1], zero being the plan as written; new memory.
        """
        ...


@runtime_checkable
class Insightful(Protocol):
    """An actor that shows what it thinks of its stores, as further inputs for a network that corrects it. Optional."""

    @property
    def insight_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Names of the F numbers about the shop and of the G numbers about each listing."""
        ...

    def insight(self, memory: Any, xp: Any = np) -> tuple[Any, Any]:
        """What it thinks: (n, F) and (n, K, G), finite and of order one.

        Args:
            memory: as `act` handed it back for the coming hour.
            xp: numpy or torch, as the memory is.
        """
        ...
