"""Where candidates compete: every one runs the same stores under the same chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.reward import RewardWeights
from merchantgym.envs.rollout import CHUNK, rollout, subset

from .actor import Candidates
from .features import trace_width
from .fused import play
from .policy import Shape

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
    rows: int = CHUNK  # (candidate, store) pairs in memory at once; more than CHUNK are not

    def returns(self, weights: FloatArray, stores: NDArray[np.int64], seeds: NDArray[np.int64]) -> FloatArray:
        """Sum of rewards of every candidate on every store, shape (C, S).

        Args:
            weights: (C, Shape.weights).
            stores: (S,) numbers of the stores.
            seeds: (S,) of their chance, which all candidates share.
        """
        candidates = len(weights)
        earned = np.concatenate(
            [
                self._run(weights, part % candidates, stores[part // candidates], seeds[part // candidates])
                for part in self._parts(candidates * len(stores))
            ]
        )
        return earned.reshape(len(stores), candidates).T

    def apart(self, weights: FloatArray, stores: NDArray[np.int64], seeds: NDArray[np.int64]) -> FloatArray:
        """Sum of rewards (n,) where policy i of the weights (n, Shape.weights) runs store i under chance i."""
        return np.concatenate(
            [self._run(weights, part, stores[part], seeds[part]) for part in self._parts(len(weights))]
        )

    def _parts(self, pairs: int) -> list[NDArray[np.intp]]:
        """Numbers of the pairs, as they are run side by side."""
        together = min(self.rows, CHUNK)
        return np.split(np.arange(pairs), range(together, pairs, together))

    def _run(
        self, weights: FloatArray, which: NDArray[np.intp], stores: NDArray[np.int64], seeds: NDArray[np.int64]
    ) -> FloatArray:
        """Sum of rewards (n,) of n pairs."""
        plans = subset(self.plans, stores)
        if self.base.name == PLAN_AS_WRITTEN:
            return self._fused(weights, which, plans, stores, seeds)
        actor = Candidates(self.base, self.shape, weights, which, self.standard, self.scale)
        played = rollout(actor, self.stores, plans, seeds, rows=stores, reward=self.reward, threads=self.threads)
        return played.reward

    def _fused(
        self,
        weights: FloatArray,
        which: NDArray[np.intp],
        plans: PlanArrays,
        stores: NDArray[np.int64],
        seeds: NDArray[np.int64],
    ) -> FloatArray:
        """The same as `rollout` gives, without Python between the first hour and the last."""
        fleet = Fleet(self.stores.start, len(which), reward=self.reward, threads=self.threads)
        fleet.reset(plans, stores, seeds)
        action, earned = fleet.task.action, np.zeros(fleet.slots)
        trace = np.zeros((fleet.slots, trace_width(self.shape.traces, fleet.listings)))
        scratch = np.empty((fleet.slots, self.shape.room(fleet.listings)))
        nothing = np.zeros(action.shape[1])
        policy = (weights, which, self.shape.form, self.scale, self.shape.keep, self.standard)
        seen = (nothing, nothing[:0], trace, scratch, fleet.task.plan, fleet.observation)
        fleet.play(play, *policy, *seen, action, fleet.reward, earned)
        return earned
