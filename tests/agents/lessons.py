"""Small lessons for every learner, and trainings that can be cut off."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from merchantgym.agents.planners import planner_by_name
from merchantgym.agents.registry import LEARNERS
from merchantgym.agents.training import Lesson, Trained
from merchantgym.controllers import make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays, pack_plans
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import Episodes, rollout
from merchantgym.envs.scenario import load_scenario

_PPO = {"slots": 8, "twins": 4, "decisions": 7, "steps": 8 * 7 * 24 * 4, "batch": 56, "evaluations": 2}
TINY: dict[str, tuple[str, dict[str, Any]]] = {
    "ppo": ("ppo", _PPO),
    "persistent": ("ppo", {**_PPO, "persistence": 0.8, "hold": 12, "steps": 8 * 7 * 12 * 4}),
    "recurrent_ppo": ("recurrent_ppo", {**_PPO, "memory": 6, "hold": 12, "steps": 8 * 7 * 12 * 4}),
    "constrained_ppo": ("constrained_ppo", {**_PPO, "roi_limit": 1.0}),
    "sac": ("sac", {**_PPO, "gradient_steps": 4, "critic_first": 1, "replay": 100}),
}
"""Name of a case -> learner and its settings."""
BASE = "value_pid"


class StoppedError(Exception):
    """The training was cut off."""


@cache
def world(listings: int = 8) -> tuple[OpenStores, PlanArrays]:
    """Six stores of the headline scenario and their plans."""
    opened = Population(load_scenario("headline").model_copy(update={"listings": listings})).open("train", 6)
    return opened, pack_plans([planner_by_name("rule").plan(office) for office in opened.offices], opened.listing_ids)


def earned(actor: Actor, listings: int = 8) -> Episodes:
    """What an actor does on those stores."""
    return rollout(actor, *world(listings), seed=3)


def lesson(folder: Path, *, base: str = BASE, stop_after: int = 99, listings: int = 8, **changes: Any) -> Lesson:
    """A lesson whose validation raises `StoppedError` when it is asked once too often."""
    seen = []

    def validate(actor: Actor) -> float:
        if len(seen) == stop_after:
            raise StoppedError
        seen.append(actor)
        return float(earned(actor, listings).profit.mean())

    made = Lesson(make_controller(base), *world(listings), seed=1, folder=folder, validate=validate)
    return replace(made, **changes)


def train(case: str, folder: Path, *, settings: dict[str, Any] | None = None, **options: Any) -> Trained:
    """A tiny training of a case of `TINY`."""
    name, tiny = TINY[case]
    learner = LEARNERS[name]
    given = lesson(folder, name=name, **options)
    return learner.train(learner.settings(**{"base": given.base.name, **tiny, **(settings or {})}), given)
