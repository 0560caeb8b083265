"""Score perception: `merchantgym perceive` writes perception.md and perception.png."""

from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from merchantgym.agents.planners import PLANNERS
from merchantgym.controllers import CONTROLLERS
from merchantgym.envs.actor import Actor
from merchantgym.envs.perception import Perception
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import CHUNK
from merchantgym.envs.scenario import load_scenario, scenario_names

from .perceived import watch
from .perception_report import Scored, describe, draw
from .perception_score import calibrate, detect
from .setting import TEST_RUN, Setting, check_names, controller, progress_bars, read_setting, write_plans


def run(config: DictConfig) -> None:
    """Carry out `merchantgym perceive`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    planner, executor = str(setting.config["planner"]), str(setting.config["executor"])
    stores, names = int(setting.config["stores"]), setting.config["names"]
    check_names("planner", [planner], tuple(PLANNERS))
    check_names("executor", [executor], tuple(CONTROLLERS))
    if not isinstance(names, list):
        raise ValueError(f"names(={names!r}) must be a list such as [headline, steady]")
    check_names("names", names, scenario_names())
    if not 2 <= stores <= CHUNK:
        raise ValueError(f"stores(={stores}) must be in [2, {CHUNK}]")
    actor = controller(setting.config, executor)
    scored = {}
    with progress_bars(setting) as bars:
        task = bars.add_task("scenarios", total=len(names))
        for name in names:
            scored[name] = _score(name, planner, actor, stores, setting)
            bars.advance(task)
    folder = Path(str(setting.config["folder"]))
    folder.mkdir(parents=True, exist_ok=True)
    draw(scored, folder / "perception.png")
    page = folder / "perception.md"
    part = page.with_suffix(".part")
    part.write_text(describe(scored, stores, planner, executor), encoding="utf-8")
    part.replace(page)
    setting.console().print(f"Perception: {page}")


def _score(name: str, planner: str, actor: Actor, stores: int, setting: Setting) -> Scored:
    scenario = load_scenario(name).model_copy(update={"hosting": setting.scenario.hosting})
    population = Population(scenario, int(setting.config["population_seed"]), setting.market)
    opened = population.open("test", stores, threads=setting.threads)
    _, plans = write_plans(planner, opened)
    seen = watch(Perception(), actor, opened, plans, setting.run_seed(TEST_RUN))
    rng = np.random.default_rng(setting.seed)
    return Scored(seen, calibrate(seen, rng), detect(seen, rng))
