"""Whole episodes of many (policy, store) rows in one compiled call: no Python between the first hour and the last."""

from typing import Any

from merchantgym.envs.market.compiled import entry
from merchantgym.envs.step import manage
from merchantgym.envs.task import PlanField

from .policy import decide


@entry
def play(
    first: int,
    last: int,
    weights: Any,
    which: Any,
    hidden: int,
    scale: float,
    keep: Any,
    standard: Any,
    base: Any,
    trace: Any,
    scratch: Any,
    plan: Any,
    observation: Any,
    action: Any,
    reward: Any,
    earned: Any,
    *world: Any,
) -> None:
    """Run the slots first..last-1 of a fleet from where they stand to the end of their plans, one after another.

    A store's rows stay in the cache for all its hours. See `policy.decide_all` and `fleet.Fleet.play`.

    Args:
        base: (A,), the base actor's action in every hour.
        scratch: (B, Shape.room).
        plan, observation, action, reward: the fleet's.
        earned: (B,), to which the rewards are added.
        world: what `step.manage` takes after its rows.
    """
    for b in range(first, last):
        for _ in range(int(plan[b, PlanField.HOURS])):
            decide(
                weights[which[b]],
                hidden,
                scale,
                keep,
                standard,
                observation[b],
                base,
                trace[b],
                scratch[b],
                action[b],
            )
            manage(b, b + 1, *world)
            earned[b] += reward[b]
