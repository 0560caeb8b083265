"""Is choice by simulation safe, and what is it worth? True profit of the desk's plans over the rule plans'."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from merchantgym.agents.planners.desk import Desk
from merchantgym.agents.planners.desk.stages import Trace
from merchantgym.envs.actor import Actor
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.rollout import rollout

from ..statistics import Interval, paired_difference


@dataclass(frozen=True, eq=False)
class PlanChoice:
    """What a desk forecast of n stores and what came of it. Money in CNY."""

    traces: tuple[Trace, ...]
    rule: FloatArray  # (n, seeds) true profit of the rule plan as written
    chosen: FloatArray  # (n, seeds) of the desk's plan, under the same chance

    @property
    def gain(self) -> FloatArray:
        """(n,) true profit of the desk's plan over the rule plan, mean over chance."""
        gain: FloatArray = (self.chosen - self.rule).mean(axis=1)
        return gain

    @property
    def replaced(self) -> FloatArray:
        """(n,) 1 where the rule plan was replaced."""
        return np.array([float(one.confirmed.index > 0) for one in self.traces])

    def worse_than_forecast(self) -> FloatArray:
        """(n,) 1 where the desk's plan earns less than the rule plan by more than the forecast of the lead allows.

        That is: its true gain is under 0 and under the 5 % point of the lead on fresh believed stores.
        """
        low = np.array([one.confirmed.estimate.advantage.low for one in self.traces])
        return ((self.gain < 0.0) & (self.gain < low)).astype(np.float64)

    def summary(self, rng: np.random.Generator) -> dict[str, float | Interval]:
        """Figures of the study, over all stores. Money in CNY."""
        forecast = np.array([one.confirmed.estimate.advantage.mean for one in self.traces])
        return {
            "replaced": float(self.replaced.mean()),
            "gain": paired_difference(self.chosen.mean(axis=1)[None], self.rule.mean(axis=1)[None], rng),
            "forecast_gain": float(forecast.mean()),
            "worse": float((self.gain < 0.0).mean()),
            "worse_than_forecast": float(self.worse_than_forecast().mean()),
            "loss_rate_rule": float((self.rule < 0.0).mean()),
            "loss_rate_chosen": float((self.chosen < 0.0).mean()),
        }


def measure(desk: Desk, opened: OpenStores, actor: Actor, seeds: Sequence[int], *, threads: int = 1) -> PlanChoice:
    """Let the desk plan for some stores, then carry out its plans and the rule plans in the true market.

    Args:
        actor: who carries them out; the desk's own judge, if its forecasts are to be held to account.
        seeds: of chance, several.
    """
    traces = tuple(desk.decide(opened.offices))
    plans = {
        "rule": [one.designed.candidates[0].plan for one in traces],
        "chosen": [one.plan for one in traces],
    }
    profit = {
        name: np.stack([rollout(actor, opened, own, seed, threads=threads).profit for seed in seeds], axis=1)
        for name, own in plans.items()
    }
    return PlanChoice(traces, profit["rule"], profit["chosen"])
