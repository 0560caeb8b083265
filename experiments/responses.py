"""How controllers answer a step, and how they get over a wrong plan: `merchantgym respond`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from merchantgym.agents.planners import PLANNERS
from merchantgym.controllers import CONTROLLERS
from merchantgym.envs.actor import Actor
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.rollout import rollout
from merchantgym.envs.store import HOURS_PER_DAY

from .quiet_world import STEPS, balanced, budget_cut, disturbed, still
from .response_measures import END, Recovery, Response, pace_of, regrets
from .response_plots import draw_recovery, draw_responses
from .response_report import describe
from .setting import (
    TEST_RUN,
    TRAINING_RUN,
    Setting,
    check_names,
    controller,
    progress_bars,
    read_setting,
    write_plans,
)

Advance = Callable[[], None]
"""Called after every rollout."""


def run(config: DictConfig) -> None:
    """Carry out `merchantgym respond`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    task = _read(setting)
    with progress_bars(setting) as bars:
        bar = bars.add_task("responses and recovery", total=task.work)
        advance = partial(bars.advance, bar)
        responses = {name: _respond(setting, task, name, advance) for name in task.steps}
        recovery = _recover(setting, task, advance)
    folder = Path(str(setting.config["folder"]))
    draw_responses(responses, folder / "responses.png")
    draw_recovery(recovery, folder / "recovery.png")
    page = folder / "responses.md"
    part = page.with_suffix(".part")
    part.write_text(describe(responses, recovery, task.stores, setting.scenario.name), encoding="utf-8")
    part.replace(page)
    setting.console().print(f"Responses: {page}")


@dataclass(frozen=True)
class _Task:
    planner: str
    stores: int
    steps: tuple[str, ...]  # controllers whose step responses are drawn
    recover: tuple[str, ...]
    factors: tuple[float, ...]
    hour: int

    @property
    def work(self) -> int:
        """Rollouts."""
        return len(self.steps) * len(STEPS) + len(self.recover) * len(self.factors)


def _read(setting: Setting) -> _Task:
    config = setting.config
    check_names("planner", [config["planner"]], tuple(PLANNERS))
    for entry in ("steps", "recover"):
        check_names(entry, config[entry], CONTROLLERS)
        for name in config[entry]:
            controller(config, name)
    factors = tuple(float(factor) for factor in config["factors"])
    if 1.0 not in factors or min(factors) <= 0.0 or list(factors) != sorted(set(factors)):
        raise ValueError(f"factors(={list(factors)}) must rise, be > 0 and hold 1, the plan as it should be")
    stores, hours = int(config["stores"]), setting.scenario.days * HOURS_PER_DAY
    if stores < 2:
        raise ValueError(f"stores(={stores}) must be >= 2: an interval needs two")
    hour = int(config["hour"])
    if not 24 <= hour <= hours - END - 48:
        raise ValueError(f"hour(={hour}) must be in [24, {hours - END - 48}], well inside plans of {hours} hours")
    return _Task(str(config["planner"]), stores, tuple(config["steps"]), tuple(config["recover"]), factors, hour)


def _freed(config: Mapping[str, Any], name: str) -> Actor:
    """The controller with its gains, but free to move its bids as far as the action reaches."""
    entry = config["controllers"][name]
    gains = {**entry["gains"], **{key: value for key, value in config["free"].items() if key in entry["gains"]}}
    return controller({"controllers": {name: {"gains": gains}}}, name)


def _respond(setting: Setting, task: _Task, name: str, advance: Advance) -> dict[str, Response]:
    """Answers of one controller to every step."""
    seed = setting.run_seed(TRAINING_RUN)
    opened = setting.population.open("train", task.stores, threads=setting.threads)
    world = still(opened)
    plans = balanced(world, write_plans(task.planner, opened)[1], seed, setting.threads)
    actor = _freed(setting.config, name)
    answers = {}
    for key, step in STEPS.items():
        episodes = rollout(
            actor,
            disturbed(world, step, task.hour),
            plans,
            seed,
            threads=setting.threads,
            trace=True,
            on_hour=budget_cut(plans, step, task.hour),
        )
        trace = episodes.trace
        assert trace is not None
        pace = pace_of(trace.spend, plans.budget_total, step.budget, task.hour)
        answers[key] = Response(np.log(np.maximum(trace.bid_ratio, 1e-3)), pace, task.hour)
        advance()
    return answers


def _recover(setting: Setting, task: _Task, advance: Advance) -> Recovery:
    """Profit of every executor under plans whose bids are all too low or too high by a factor."""
    opened = setting.population.open("test", task.stores, threads=setting.threads)
    _, plans = write_plans(task.planner, opened)
    profit: dict[str, list[FloatArray]] = {}
    for name in task.recover:
        actor = controller(setting.config, name)
        for factor in task.factors:
            wrong = replace(plans, bid=factor * plans.bid)
            episodes = rollout(actor, opened, wrong, setting.run_seed(TEST_RUN), threads=setting.threads)
            profit.setdefault(name, []).append(episodes.profit)
            advance()
    return regrets(profit, task.factors, setting.seed)
