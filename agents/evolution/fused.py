"""Whole episodes of many (policy, store) rows in one compiled call: no Python between the first hour and the last."""

from typing import Any

from merchantgym.envs.market.compiled import entry
from merchantgym.envs.step import manage
from merchantgym.envs.task import PlanField

from .policy import decide

_TOGETHER = 16  # stores: enough to share the cost of a call, few enough for a second-level cache of 512 kB


@entry
def play(
    first: int,
    last: int,
    weights: Any,
    which: Any,
    form: Any,
    scale: float,
    keep: Any,
    standard: Any,
    base: Any,
    thought: Any,
    trace: Any,
    scratch: Any,
    plan: Any,
    observation: Any,
    action: Any,
    reward: Any,
    earned: Any,
    *world: Any,
) -> None:
    """Run the slots first..last-1 of a fleet from where they stand to the end of their plans, a few at a time.

    Those few stay in the cache for all their hours. See `policy.decide_all` and `fleet.Fleet.play`.

    Args:
        base: (A,), the base actor's action in every hour. thought: (0,).
        scratch: (B, Shape.room).
        plan, observation, action, reward: the fleet's.
        earned: (B,), to which the rewards are added.
        world: what `step.manage` takes after its rows.
    """
    for start in range(first, last, _TOGETHER):
        end = min(start + _TOGETHER, last)
        hours = 0.0
        for b in range(start, end):
            hours = max(hours, plan[b, PlanField.HOURS])
        for _ in range(int(hours)):
            for b in range(start, end):
                decide(
                    weights[which[b]],
                    form,
                    scale,
                    keep,
                    standard,
                    observation[b],
                    base,
                    thought,
                    trace[b],
                    scratch[b],
                    action[b],
                )
            manage(start, end, *world)
            for b in range(start, end):
                earned[b] += reward[b]
