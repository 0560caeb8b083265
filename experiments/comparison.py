"""What a comparison compares: its configuration, checked, and the executors to be scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID

from merchantgym.agents.planners import PLANNERS
from merchantgym.agents.registry import LEARNERS
from merchantgym.controllers import CONTROLLERS, GUARDED
from merchantgym.envs.actor import Actor
from merchantgym.envs.catalogue import read_catalogue
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.population import open_catalogue
from merchantgym.envs.scenario import scenario_names

from .learning import Learned, TrainingJob, read_job, settings_of
from .scenarios import in_order
from .setting import Setting, check_names, controller, settings_in
from .table import OPEN_LOOP

EVERY_SCENARIO = "all"
EVERY_CONTROLLER = "controllers"
STUDIES = ("learned", "ablation", "ceiling")
"""Studies of what is learned, or could be."""
_CHANCE = "random"


@dataclass(frozen=True)
class Comparison:
    """What is compared."""

    planners: tuple[str, ...]
    executors: tuple[str, ...]
    stores: int
    job: TrainingJob
    shop: OpenStores | None  # the merchant's own shop in several markets
    scenarios: tuple[Setting, ...]  # one a scenario of a ranking; empty: only the scenario of the run
    bound_stores: int  # stores whose upper bound a ranking finds, 0 none
    folder: Path | None  # where the page of a ranking or a study goes besides the run's folder
    study: str | None  # of `STUDIES`, instead of a table or a ranking


def read_comparison(setting: Setting) -> Comparison:
    """Check what is to be compared. Raises: ValueError: names the entry, its value and what is allowed."""
    config = setting.config
    planners, executors = tuple(config["planners"]), _executors(config["executors"])
    check_names("planners", planners, tuple(PLANNERS))
    stores = int(config["stores"])
    if stores < 2:
        raise ValueError(f"stores(={stores}) must be >= 2: an interval needs two")
    for name in executors:
        if name not in LEARNERS:
            controller(config, name)
    scenarios = _scenarios(setting)
    if scenarios and OPEN_LOOP not in executors:
        raise ValueError(f"executors(={list(executors)}) must have {OPEN_LOOP}: a ranking holds all against it")
    return Comparison(
        planners=planners,
        executors=executors,
        stores=stores,
        job=read_job(setting, {name: settings_of(setting, name) for name in executors if name in LEARNERS}),
        shop=None if scenarios or config["study"] is not None else _open_shop(setting),
        scenarios=scenarios,
        bound_stores=_bound_stores(config, stores),
        folder=None if config["folder"] is None else Path(str(config["folder"])),
        study=_study(config),
    )


def actors_of(setting: Setting, executor: str, learned: Mapping[str, Sequence[Learned]]) -> list[Actor]:
    """Who acts for an executor: one a training seed, or the controller."""
    if executor in learned:
        return [one.actor for one in learned[executor]]
    return [controller(setting.config, executor)]


def advance(bars: Progress, task: TaskID, done: int, work: int) -> None:
    """Move a bar."""
    bars.update(task, completed=done, total=work)


def _study(config: Mapping[str, Any]) -> str | None:
    study = config["study"]
    if study is None:
        return None
    check_names("study", [study], STUDIES)
    if config["scenarios"] is not None:
        raise ValueError(f"study(={study!r}) is of one scenario, and scenarios(={config['scenarios']!r}) must be null")
    return str(study)


def _executors(entry: Any) -> tuple[str, ...]:
    if entry == EVERY_CONTROLLER:
        return tuple(name for name in CONTROLLERS if name != _CHANCE)
    if not isinstance(entry, list):
        raise ValueError(f"executors(={entry!r}) must be a list such as [open_loop, pid], or {EVERY_CONTROLLER}")
    check_names("executors", entry, (*CONTROLLERS, *GUARDED, *LEARNERS))
    return tuple(entry)


def _scenarios(setting: Setting) -> tuple[Setting, ...]:
    """One setting a scenario to be ranked over; what the run changes in its own scenario it changes in all."""
    entry = setting.config["scenarios"]
    if entry is None:
        return ()
    if entry != EVERY_SCENARIO and not isinstance(entry, list):
        raise ValueError(f"scenarios(={entry!r}) must be a list such as [steady, headline], {EVERY_SCENARIO}, or null")
    further = _further_scenarios(setting.config["further_scenarios"])
    names = in_order(scenario_names()) if entry == EVERY_SCENARIO else entry
    check_names("scenarios", [*names, *further], (*scenario_names(), *further))
    return settings_in(setting, names, further)


def _further_scenarios(entries: Any) -> dict[str, dict[str, Any]]:
    """Scenarios that are another with some fields changed. Raises: ValueError: names the entry that is not allowed."""
    example = "{headline_k4: {of: headline, with: {listings: 4}}}"
    if entries is None:
        return {}
    if not isinstance(entries, Mapping):
        raise ValueError(f"further_scenarios(={entries!r}) must be a mapping such as {example}, or null")
    for name, other in entries.items():
        where = f"further_scenarios.{name}"
        if name in scenario_names():
            raise ValueError(f"{where} has the name of a scenario in conf/scenario; choose another")
        if not isinstance(other, Mapping) or set(other) != {"of", "with"} or not isinstance(other["with"], Mapping):
            raise ValueError(f"{where}(={other!r}) must have `of`, a scenario, and `with`, its changes: {example}")
        check_names(f"{where}.of", [other["of"]], scenario_names())
        if "name" in other["with"]:
            raise ValueError(f"{where}.with must not have a name: it is {name}")
    return {str(name): dict(other) for name, other in entries.items()}


def _bound_stores(config: Mapping[str, Any], stores: int) -> int:
    wanted, count = config["bound"], int(config["bound_stores"])
    if not isinstance(wanted, bool):
        raise ValueError(f"bound(={wanted!r}) must be true or false")
    if not wanted:
        return 0
    if config["scenarios"] is None:
        raise ValueError(f"bound(={wanted}) needs a ranking: scenarios=all, or a list such as scenarios=[headline]")
    if count < 2:
        raise ValueError(f"bound_stores(={count}) must be >= 2: an interval needs two")
    return min(count, stores)


def _open_shop(setting: Setting) -> OpenStores | None:
    entry: Mapping[str, Any] = setting.config["catalogue"]
    if entry["path"] is None:
        return None
    path, markets = Path(entry["path"]), int(entry["markets"])
    if not path.is_file():
        raise ValueError(f"catalogue.path(={str(path)!r}) must be a CSV file; catalogue.path=null leaves the shop out")
    if markets < 2:
        raise ValueError(f"catalogue.markets(={markets}) must be >= 2: an interval needs two")
    try:
        day = date.fromisoformat(str(entry["as_of"]))
    except ValueError:
        raise ValueError(f"catalogue.as_of(={entry['as_of']!r}) must be a date such as 2025-06-01") from None
    catalogue = read_catalogue(path, day, None if entry["name"] is None else str(entry["name"]))
    return open_catalogue(catalogue, setting.scenario, setting.market, seed=setting.seed, copies=markets)
