"""Between what a store's profit lies under its plan: without advertising, and the upper bound."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.engines.layout import N_CHANNELS
from merchantgym.envs.observation import action_size, listings_in
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import Progress, rollout

from .bounds import upper_bound
from .ranking import Marks


@dataclass(frozen=True)
class NoAds:
    """Executes the plan with every advertisement paused."""

    name: ClassVar[str] = "no_ads"
    kind: ClassVar[Kind] = "plan"

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """Nothing to remember."""
        return ()

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """-1 on every listing, else 0."""
        listings = listings_in(observation.shape[1])
        action = np.zeros((len(observation), action_size(listings)))
        action[:, N_CHANNELS : N_CHANNELS + listings] = -1.0
        return action, memory


def measure_marks(opened: OpenStores, plans: PlanArrays, seed: int, threads: int, progress: Progress) -> pd.DataFrame:
    """Both marks of every store [CNY], a row a store, in the weather of `seed`."""
    no_ads = rollout(NoAds(), opened, plans, seed, threads=threads).profit
    bound = upper_bound(opened, plans, seed, threads=threads, progress=progress).value
    return pd.DataFrame({"store": [shop.name for shop in opened.stores], "no_ads": no_ads, "bound": bound})


def marks_of(frame: pd.DataFrame) -> Marks:
    """The marks that a frame of `measure_marks` holds."""
    return Marks(frame["no_ads"].to_numpy(), frame["bound"].to_numpy())


def bound_sources() -> list[Path]:
    """The files that a bound depends on besides the simulator's."""
    return sorted(Path(__file__).parent.glob("bound*.py"))
