"""What is to be tuned, read from the configuration, and the searches that it asks for."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from merchantgym.agents.planners import PLANNERS
from merchantgym.agents.registry import LEARNERS
from merchantgym.envs.population import Population, Split
from merchantgym.envs.scenario import load_scenario, scenario_names
from merchantgym.envs.store import HOURS_PER_DAY

from .learning import TrainingJob, read_settings
from .lessons import Schooling
from .setting import FRESH_RUN, TUNING_RUN, Setting, check_names
from .tuning_gains import starting_gains, tunable
from .tuning_ground import Ground, open_ground
from .tuning_search import Search
from .tuning_subjects import ControllerSubject, LearnerSubject, Subject, learners_to_tune

RUNGS = (16, 4, 1)  # chunks of a trial end after 1/16, 1/4 and all of its stores,
LEAST_CHUNK = 16  # but not before so many


@dataclass(frozen=True, eq=False)
class Tuning:
    """What is tuned, on what, and at what cost."""

    subjects: Mapping[str, Subject]  # controllers and learners, by name
    planner: str
    populations: tuple[Population, ...]  # a scenario each
    trials: int  # whole trials that the budget of one controller pays for
    stores: int  # of every trial: training stores for controllers, validation stores for learners
    fresh: int  # further ones, for the finalists
    finalists: int
    workers: int
    study: str | None
    storage: Path
    write: Path | None
    seed: int
    tuning_seed: int  # of what happens under search
    fresh_seed: int  # of what happens to the finalists

    @property
    def controllers(self) -> tuple[str, ...]:
        """Names of those that are tuned."""
        return tuple(self.subjects)

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

    def ground(self, learns: bool) -> Ground:
        """The stores of the search, in chunks; those of learners in one, from the validation split."""
        if learns:
            return open_ground(self.populations, self.planner, [0, self.stores], self.tuning_seed, "validation")
        ends = [self.stores // rung for rung in RUNGS if self.stores // rung >= LEAST_CHUNK or rung == 1]
        return open_ground(self.populations, self.planner, [0, *ends], self.tuning_seed)

    def fresh_ground(self, learns: bool) -> Ground:
        """Stores of the same split that the search never met."""
        ends, split = [self.stores, self.stores + self.fresh], "validation" if learns else "train"
        return open_ground(self.populations, self.planner, ends, self.fresh_seed, cast(Split, split))

    def search(self, controller: str) -> Search:
        """The search for one controller's gains."""
        name = f"{'+'.join(self.scenarios)}-{self.planner}/{controller}"
        digest = hashlib.sha256(json.dumps(self.what(controller), sort_keys=True).encode()).hexdigest()[:8]
        return Search(
            subject=self.subjects[controller],
            study=f"{name}/{digest}" if self.study is None else f"{self.study}/{controller}",
            storage=f"sqlite:///{self.storage}",
            seed=self.seed,
            trials=self.trials,
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
            "gains": {name: list(gain.search) for name, gain in self.subjects[controller].ranges.items()},
            **self.subjects[controller].identity,
        }


def read_tuning(setting: Setting) -> Tuning:
    """Check what is to be tuned. Raises: ValueError: names the entry, its value and what is allowed."""
    config = setting.config
    names = _names("executors", config["executors"], tunable(), (*tunable(), *learners_to_tune()))
    check_names("planner", [config["planner"]], tuple(PLANNERS))
    for name, least in (("trials", 1), ("stores", 4), ("fresh", 2), ("finalists", 1), ("workers", 0)):
        if type(config[name]) is not int or config[name] < least:
            raise ValueError(f"{name}(={config[name]!r}) must be a whole number >= {least}")
    write = None if config["write"] is None else Path(str(config["write"]))
    if write is not None and not write.is_dir():
        raise ValueError(f"write(={str(write)!r}) must be a folder that exists, such as conf/controller, or null")
    learners = [name for name in names if name in LEARNERS]
    if write is not None and 0 < len(learners) < len(names):
        raise ValueError(f"executors(={list(names)}) must be all controllers or all learners to write={str(write)!r}")
    populations = _populations(setting)
    if learners and len(populations) > 1:
        raise ValueError(
            f"scenarios(={config['scenarios']!r}) must be one, or null, to tune learners such as {learners[0]}"
        )
    return Tuning(
        subjects={name: _subject(setting, name) for name in names},
        planner=str(config["planner"]),
        populations=populations,
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
    )


def _subject(setting: Setting, name: str) -> Subject:
    """Whose numbers are searched. Raises: ValueError: names the setting or gain that is not allowed."""
    config = setting.config
    if name not in LEARNERS:
        return ControllerSubject(name, starting_gains(name, config["controllers"].get(name, {"gains": {}})["gains"]))
    short = config["short"].get(name, {})
    entries = {**config["agents"][name], **short}
    try:
        settings = read_settings(setting, name, entries)
    except ValueError as error:
        raise ValueError(f"agents.{name} with short.{name}: {error}") from None
    stores = config["lessons"]
    if type(stores) is not int or stores < 1:
        raise ValueError(f"lessons(={stores!r}) must be a whole number >= 1")
    job = TrainingJob(Schooling(str(config["planner"]), stores, validation_stores=2), 1, {name: settings})
    return LearnerSubject(name, setting, job, entries)


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
