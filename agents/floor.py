"""A floor on the return on ad spend, held in training by a price on what is missing to it."""

from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from .sb3_env import Snapshot


@dataclass(frozen=True)
class FloorTerms:
    """How the price is found; see `FloorVecEnv`."""

    limit: float  # [CNY] mean shortfall of a plan that is allowed
    proportional: float  # price per CNY of excess
    integral: float  # price per CNY of excess and update
    highest: float  # price


class FloorVecEnv(VecEnvWrapper):
    """Stores whose plans pay a price, at their end, for each CNY of attributed GMV that is missing to the ROI floor.

    The price is the multiplier of the Lagrangian: after every update it moves with the excess of the mean shortfall
    over what is allowed, and with the excess summed so far. The proportional part damps the oscillation of dual ascent.
    Source: Stooke, Achiam and Abbeel 2020, "Responsive safety in reinforcement learning by PID Lagrangian methods".
    """

    def __init__(self, venv: Any, terms: FloorTerms, reward_scale: float) -> None:
        """Take over `venv`.

        Args:
            venv: a `ResidualVecEnv` or what wraps one.
            reward_scale: [CNY] that make a reward of 1.
        """
        super().__init__(venv)
        self.terms = terms
        self.reward_scale = reward_scale
        self.price = 0.0  # [CNY of profit per CNY of shortfall]
        self.excess = 0.0  # price that excess has summed up to
        self._missing = 0.0
        self._plans = 0

    def reset(self) -> NDArray[np.float32]:
        """As the stores' `reset`; the price stays."""
        return cast(NDArray[np.float32], self.venv.reset())

    def step_wait(self) -> VecEnvStepReturn:
        """Run the hours; plans that end pay."""
        seen, rewards, dones, infos = self.venv.step_wait()
        for slot in np.flatnonzero(dones):
            missing = float(infos[slot]["episode"]["shortfall"])
            rewards[slot] -= self.price * missing / self.reward_scale
            self._missing += missing
            self._plans += 1
        return seen, rewards, dones, infos

    def adjust(self) -> None:
        """Move the price by what the plans since the last call were short of; without one it stays."""
        if not self._plans:
            return
        over = self._missing / self._plans - self.terms.limit
        self.excess = float(np.clip(self.excess + self.terms.integral * over, 0.0, self.terms.highest))
        self.price = float(np.clip(self.terms.proportional * over + self.excess, 0.0, self.terms.highest))
        self._missing, self._plans = 0.0, 0

    def snapshot(self) -> Snapshot:
        """All that is needed to go on from here."""
        own = np.array([self.price, self.excess, self._missing, float(self._plans)])
        return {"floor": own, **cast(Any, self.venv).snapshot()}

    def restore(self, snapshot: Snapshot) -> NDArray[np.float32]:
        """Go on from a snapshot. Returns what was last handed out."""
        self.price, self.excess, self._missing, plans = (float(value) for value in snapshot["floor"])
        self._plans = int(plans)
        return cast(NDArray[np.float32], cast(Any, self.venv).restore(snapshot))
