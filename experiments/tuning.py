"""What is to be tuned, read from the configuration, and the searches that it asks for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merchantgym.agents.planners import PLANNERS
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario, scenario_names
from merchantgym.envs.store import HOURS_PER_DAY

from .setting import FRESH_RUN, TUNING_RUN, Setting, check_names
from .tuning_gains import searched_gains, starting_gains, tunable
from .tuning_ground import Ground, open_ground
from .tuning_search import Search

RUNGS = (16, 4, 1)  # chunks of a trial end after 1/16, 1/4 and all of its stores,
LEAST_CHUNK = 16  # but not before so many


@dataclass(frozen=True, eq=False)
class Tuning:
    """What is tuned, on what, and at what cost."""

    controllers: tuple[str, ...]
    planner: str
    populations: tuple[Population, ...]  # a scenario each
    trials: int  # whole trials that the budget of one controller pays for
    stores: int  # of the training split, for every trial
    fresh: int  # further ones, for the finalists
    finalists: int
    workers: int
    study: str | None
    storage: Path
    write: Path | None
    seed: int
    tuning_seed: int  # of what happens under search
    fresh_seed: int  # of what happens to the finalists
    start: Mapping[str, Mapping[str, float]]  # controller -> its gains in place

    @property
    def scenarios(self) -> tuple[str, ...]:
        """Names of the scenarios."""
        return tuple(population.scenario.name for population in self.populations)

    @property
    def budget(self) -> int:
        """Store-hours that the search of one controller may take."""
        return self.trials * self.stores * self._hours

    @property
    def fresh_budget(self) -> int:
        """Store-hours that the finalists of one controller may take on fresh stores."""
        return self.finalists * self.fresh * self._hours

    @property
    def _hours(self) -> int:
        """Hours of a store's plans in all scenarios."""
        return sum(population.scenario.days for population in self.populations) * HOURS_PER_DAY

    def ground(self) -> Ground:
        """The stores of the search, in chunks."""
        ends = [self.stores // rung for rung in RUNGS if self.stores // rung >= LEAST_CHUNK or rung == 1]
        return open_ground(self.populations, self.planner, [0, *ends], self.tuning_seed)

    def fresh_ground(self) -> Ground:
        """Training stores that the search never met."""
        ends = [self.stores, self.stores + self.fresh]
        return open_ground(self.populations, self.planner, ends, self.fresh_seed)

    def search(self, controller: str) -> Search:
        """The search for one controller's gains."""
        name = f"{'+'.join(self.scenarios)}-{self.planner}/{controller}"
        digest = hashlib.sha256(json.dumps(self.what(controller), sort_keys=True).encode()).hexdigest()[:8]
        return Search(
            controller=controller,
            start=self.start[controller],
            study=f"{name}/{digest}" if self.study is None else f"{self.study}/{controller}",
            storage=f"sqlite:///{self.storage}",
            seed=self.seed,
            budget=self.budget,
        )

    def what(self, controller: str) -> dict[str, Any]:
        """All that makes trials of a controller comparable."""
        market = json.dumps([repr(population) for population in self.populations])
        return {
            "scenarios": list(self.scenarios),
            "planner": self.planner,
            "stores": self.stores,
            "seed": self.seed,
            "market": hashlib.sha256(market.encode()).hexdigest()[:12],
            "gains": {name: list(gain.search) for name, gain in searched_gains(controller).items()},
        }


def read_tuning(setting: Setting) -> Tuning:
    """Check what is to be tuned. Raises: ValueError: names the entry, its value and what is allowed."""
    config = setting.config
    controllers = _names("executors", config["executors"], tunable(), tunable())
    check_names("planner", [config["planner"]], tuple(PLANNERS))
    for name, least in (("trials", 1), ("stores", 4), ("fresh", 2), ("finalists", 1), ("workers", 0)):
        if type(config[name]) is not int or config[name] < least:
            raise ValueError(f"{name}(={config[name]!r}) must be a whole number >= {least}")
    write = None if config["write"] is None else Path(str(config["write"]))
    if write is not None and not write.is_dir():
        raise ValueError(f"write(={str(write)!r}) must be a folder that exists, such as conf/controller, or null")
    configured = {name: config["controllers"].get(name, {"gains": {}})["gains"] for name in controllers}
    return Tuning(
        controllers=controllers,
        planner=str(config["planner"]),
        populations=_populations(setting),
        trials=config["trials"],
        stores=config["stores"],
        fresh=config["fresh"],
        finalists=config["finalists"],
        workers=config["workers"] or setting.threads,
        study=None if config["study"] is None else str(config["study"]),
        storage=Path(str(config["storage"])),
        write=write,
        seed=setting.seed,
        tuning_seed=setting.run_seed(TUNING_RUN),
        fresh_seed=setting.run_seed(FRESH_RUN),
        start={name: starting_gains(name, gains) for name, gains in configured.items()},
    )


def _names(what: str, given: object, default: tuple[str, ...], allowed: tuple[str, ...]) -> tuple[str, ...]:
    if given is None:
        return default
    if not isinstance(given, list):
        raise ValueError(f"{what}(={given!r}) must be a list such as [{allowed[0]}], or null")
    check_names(what, given, allowed)
    return tuple(given)


def _populations(setting: Setting) -> tuple[Population, ...]:
    """The populations of the scenarios; the one of `scenario=` as it is configured, others as their files have them."""
    own = setting.scenario
    names = _names("scenarios", setting.config["scenarios"], (own.name,), (*scenario_names(), own.name))
    others = {name: load_scenario(name, own.hosting.name) for name in names if name != own.name}
    seed = int(setting.config["population_seed"])
    return tuple(Population(others.get(name, own), seed, setting.market) for name in names)
