"""Where candidates compete: every one runs the same stores under the same chance."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.reward import RewardWeights
from merchantgym.envs.rollout import subset
from merchantgym.envs.store import HOURS_PER_DAY

from .features import trace_width
from .fused import play
from .policy import Shape, decide_all, rows_of, thought_of

PLAN_AS_WRITTEN = "open_loop"
"""The base actor over which episodes run without Python."""


@dataclass(frozen=True, eq=False)
class Arena:
    """Stores, their plans, and the base actor that candidates correct."""

    base: Actor
    shape: Shape
    standard: FloatArray  # (2, G + L)
    scale: float
    stores: OpenStores
    plans: PlanArrays
    reward: RewardWeights | None = None
    threads: int = 1
    rows: int = 1024  # (candidate, store) pairs in memory at once

    def returns(self, weights: FloatArray, stores: NDArray[np.int64], seeds: NDArray[np.int64]) -> FloatArray:
        """Sum of rewards of every candidate on every store, shape (C, S).

        Args:
            weights: (C, Shape.weights).
            stores: (S,) numbers of the stores.
            seeds: (S,) of their chance, which all candidates share.
        """
        candidates = len(weights)
        pairs = np.arange(candidates * len(stores))
        earned = np.concatenate(
            [
                self._run(weights, part % candidates, stores[part // candidates], seeds[part // candidates])
                for part in np.split(pairs, range(self.rows, len(pairs), self.rows))
            ]
        )
        return earned.reshape(len(stores), candidates).T

    def apart(self, weights: FloatArray, stores: NDArray[np.int64], seeds: NDArray[np.int64]) -> FloatArray:
        """Sum of rewards (n,) where policy i of the weights (n, Shape.weights) runs store i under chance i."""
        rows = np.arange(len(weights))
        parts = np.split(rows, range(self.rows, len(rows), self.rows))
        return np.concatenate([self._run(weights, part, stores[part], seeds[part]) for part in parts])

    def _run(
        self, weights: FloatArray, which: NDArray[np.intp], stores: NDArray[np.int64], seeds: NDArray[np.int64]
    ) -> FloatArray:
        """Sum of rewards (n,) of n pairs."""
        fleet = Fleet(self.stores.start, len(which), reward=self.reward, threads=self.threads)
        plans = subset(self.plans, stores)
        fleet.reset(plans, stores, seeds)
        trace = np.zeros((fleet.slots, trace_width(self.shape.traces, fleet.listings)))
        policy = (weights, which, self.shape.form, self.scale, self.shape.keep, self.standard)
        if self.base.name == PLAN_AS_WRITTEN:
            return self._fused(fleet, policy, trace)
        return self._hourly(fleet, policy, trace, plans)

    def _fused(self, fleet: Fleet, policy: tuple[Any, ...], trace: FloatArray) -> FloatArray:
        action = fleet.task.action
        earned = np.zeros(fleet.slots)
        scratch = np.empty((fleet.slots, self.shape.room(fleet.listings)))
        nothing = np.zeros(action.shape[1])
        seen = (nothing, nothing[:0], trace, scratch, fleet.task.plan, fleet.observation)
        fleet.play(play, *policy, *seen, action, fleet.reward, earned)
        return earned

    def _hourly(self, fleet: Fleet, policy: tuple[Any, ...], trace: FloatArray, plans: PlanArrays) -> FloatArray:
        earned = np.zeros(fleet.slots)
        scratch = np.empty(self.shape.room(fleet.listings))
        action = np.empty_like(fleet.task.action)
        memory = self.base.init(plans, fleet.slots)
        compiled: Any = decide_all
        for _ in range(int(plans.days.max()) * HOURS_PER_DAY):
            base, memory = self.base.act(fleet.observation, memory)
            thought = thought_of(self.base, self.shape, memory, fleet.slots)
            compiled(*policy, fleet.observation, rows_of(base, np.float64), thought, trace, scratch, action)
            fleet.step(action)
            earned += fleet.reward
        return earned
