"""Constants that correct a controller: the simplest policy there is, with numbers of its own for every store.

    search, feed, listings   = base + constant                                  all bids: + trend * clock
    discount                 = base + constant + trend * clock + late [plan nearly over]

in [-1, 1], the units of the action; `clock` runs from -1 at the start of a plan to 1 at its end. All zeros are the base
to the last bit, and a listing that the base pauses stays paused.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.action import action_names
from merchantgym.envs.actor import Actor, Kind, Memory
from merchantgym.envs.engines.layout import N_CHANNELS, FloatArray
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import Global
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import CHUNK, rollout, subset
from merchantgym.envs.task import PAUSED, PlanField, PlanListing

LATE = 0.15
"""Share of a plan's hours left under which it is nearly over."""
_COURSE = ("bids_trend", "discount_trend", "discount_late")
LISTINGS = slice(N_CHANNELS, -1 - len(_COURSE))
"""Places of the listings' constants."""


def constant_names(listings: int) -> tuple[str, ...]:
    """Names of the D numbers, in order."""
    return (*action_names(listings), *_COURSE)


@dataclass(frozen=True, eq=False)
class CorrectedActor:
    """A base actor plus constants."""

    kind: ClassVar[Kind] = "learned"

    base: Actor
    constants: FloatArray  # (n, D), a row a store
    name: str = "constants"

    def __post_init__(self) -> None:
        if self.constants.ndim != 2 or not np.isfinite(self.constants).all():
            raise ValueError(f"constants(shape={self.constants.shape}) must be (stores, D) finite numbers")

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """The base actor's memory. Raises: ValueError: other stores than the constants are of."""
        expected = (n, len(constant_names(plans.bid.shape[1])))
        if self.constants.shape != expected:
            raise ValueError(f"constants(shape={self.constants.shape}) must be {expected}")
        return self.base.init(plans, n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """As `Actor.act`."""
        base, memory = self.base.act(observation, memory)
        left = observation[:, Global.TIME_LEFT].astype(np.float64)
        clock, late = 1.0 - 2.0 * left, left < LATE
        level, (bids, discount, end) = self.constants[:, : base.shape[1]], self.constants[:, base.shape[1] :].T
        action = base + level
        action[:, N_CHANNELS:-1] += (bids * clock)[:, None]
        action[:, -1] += discount * clock + end * late
        np.clip(action, -1.0, 1.0, out=action)
        action[:, N_CHANNELS:-1][base[:, N_CHANNELS:-1] <= PAUSED] = PAUSED
        return action, memory


@dataclass(frozen=True, eq=False)
class Bench:
    """Stores on which constants are tried."""

    base: Actor
    opened: OpenStores
    plans: PlanArrays

    @property
    def stores(self) -> int:
        """N."""
        return len(self.opened)

    @property
    def live(self) -> NDArray[np.bool_]:
        """(N, D) whether a constant can matter: not of a listing without advertisement, not of a price that is fixed.

        Where the plan advertises nothing of a store, its channels and the trend of its bids are idle too.
        """
        fleet = Fleet(self.opened.start, self.stores)
        fleet.reset(self.plans, np.arange(self.stores), np.zeros(self.stores, dtype=np.int64))
        listed = fleet.task.plan_listing[:, :, PlanListing.ACTIVE] > 0.0
        some = listed.any(axis=1, keepdims=True)
        movable = fleet.task.plan[:, [PlanField.PRICE_FIXED]] == 0.0
        return np.concatenate([some, some, listed, movable, some, movable, movable], axis=1)

    def profit(self, constants: FloatArray, stores: NDArray[np.int64], seeds: NDArray[np.int64]) -> FloatArray:
        """What the base with constants (n, D) earns on stores (n,) under chance (n,), shape (n,) [CNY]."""
        parts = np.split(np.arange(len(stores)), range(CHUNK, len(stores), CHUNK))
        return np.concatenate([self._run(constants[part], stores[part], seeds[part]) for part in parts])

    def _run(self, constants: FloatArray, stores: NDArray[np.int64], seeds: NDArray[np.int64]) -> FloatArray:
        actor = CorrectedActor(self.base, constants)
        return rollout(actor, self.opened, subset(self.plans, stores), seeds, rows=stores).profit
