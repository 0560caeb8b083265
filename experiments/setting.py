"""From a composed configuration to typed, checked objects: here Hydra ends."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from merchantgym.agents.planners import planner_by_name
from merchantgym.controllers import make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.hosting import hosting_from_mapping
from merchantgym.envs.market.parameters import Market, market_from_mapping
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import Plan, PlanArrays, check_plan, pack_plans
from merchantgym.envs.population import Population
from merchantgym.envs.reward import RewardWeights, reward_from_mapping
from merchantgym.envs.scenario import Scenario, scenario_from_mapping, scenario_mapping, scenario_names

from .tracking import Tracker

TRAINING_RUN = 5_001
VALIDATION_RUN = 6_001
TEST_RUN = 7_001  # the same in compare and evaluate: the same stores meet the same chance
SHOP_RUN = 8_001
PARITY_RUN = 9_001
AGREEMENT_RUN = 10_001
TUNING_RUN = 15_001
FRESH_RUN = 16_001
RECORDING_RUN = 17_001
TRUTH_RUN = 18_001
CEILING_RUN = 19_001
"""What a run is for; see `Setting.run_seed`."""


@dataclass(frozen=True)
class Setting:
    """What every verb works with."""

    market: Market
    scenario: Scenario
    reward: RewardWeights
    population: Population
    seed: int
    threads: int
    output: Path
    config: Mapping[str, Any]  # the whole configuration, resolved
    show_progress: bool
    quiet: bool

    @property
    def scenario_hash(self) -> str:
        """Twelve digits that change with the scenario, its hosting model, the market and the population's seed."""
        parts = {name: self.config[name] for name in ("scenario", "hosting", "market", "population_seed")}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]

    def run_seed(self, purpose: int) -> int:
        """Seed of what happens in the runs of one purpose: no two purposes share chance."""
        return self.seed * 100_003 + purpose

    def console(self) -> Console:
        """Where tables and lines go; silent if the configuration says so."""
        return Console(quiet=self.quiet)


def read_setting(config: DictConfig) -> Setting:
    """Check the configuration and build what it names.

    Raises: ValueError: names the entry, its value and what is allowed.
    """
    plain = cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))
    market = market_from_mapping(plain["market"])
    hosting = hosting_from_mapping(plain["hosting"])
    scenario = scenario_from_mapping(plain["scenario"]).model_copy(update={"hosting": hosting})
    threads = int(plain["threads"]) or os.cpu_count() or 1
    return Setting(
        market=market,
        scenario=scenario,
        reward=reward_from_mapping(plain["reward"]),
        population=Population(scenario, int(plain["population_seed"]), market),
        seed=int(plain["seed"]),
        threads=threads,
        output=Path(plain["output_dir"]),
        config=plain,
        show_progress=bool(plain["progress"]) and not plain["quiet"],
        quiet=bool(plain["quiet"]),
    )


def settings_in(
    setting: Setting, names: Sequence[str], further: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[Setting, ...]:
    """The setting in each of some scenarios; what the run changes in its own scenario it changes in all.

    Args:
        names: of files in `conf/scenario`.
        further: name -> `of`, a scenario, and `with`, its changes; after the others.
    Raises: ValueError: a change that a scenario does not allow.
    """
    own = setting.scenario.name
    written = scenario_mapping(own) if own in scenario_names() else setting.config["scenario"]
    changed = {name: value for name, value in setting.config["scenario"].items() if written.get(name) != value}
    mappings = [scenario_mapping(name) | changed for name in names]
    for name, other in (further or {}).items():
        mappings.append(scenario_mapping(other["of"]) | changed | dict(other["with"]) | {"name": name})
    return tuple(_in_scenario(setting, mapping) for mapping in mappings)


def _in_scenario(setting: Setting, mapping: dict[str, Any]) -> Setting:
    try:
        scenario = scenario_from_mapping(mapping).model_copy(update={"hosting": setting.scenario.hosting})
    except ValueError as error:
        raise ValueError(f"scenario {mapping['name']}: {error}") from None
    return replace(
        setting,
        scenario=scenario,
        population=Population(scenario, setting.population.seed, setting.market),
        config={**setting.config, "scenario": mapping},
    )


def open_tracker(setting: Setting) -> Tracker:
    """The tracker that the configuration names, to be entered; it keeps nothing where tracking is off."""
    tracking = setting.config["tracking"]
    return Tracker(
        tracking["uri"] if tracking["enabled"] else None,
        tracking["experiment"],
        str(setting.config["run"]),
        setting.output,
        setting.config,
        setting.scenario_hash,
        setting.console().print,
    )


def write_plans(planner: str, opened: OpenStores) -> tuple[list[Plan], PlanArrays]:
    """Have a planner write every store's plan; each is checked.

    Raises: ValueError: an unknown planner; PlanError: a plan that cannot be carried out.
    """
    author = planner_by_name(planner)
    plans = [author.plan(office) for office in opened.offices]
    for plan, office in zip(plans, opened.offices, strict=True):
        check_plan(plan, office)
    return plans, pack_plans(plans, opened.listing_ids)


def controller(config: Mapping[str, Any], name: str, changes: Mapping[str, float] | None = None) -> Actor:
    """A controller with the gains that the configuration gives it under `controllers.<name>`, and changes to them.

    `guard:<name>` is the same one guarded, with those under `controllers.guard` besides.
    Raises: ValueError: the name is not configured, or a gain is unknown.
    """
    entries = config["controllers"]
    gains: dict[str, float] = {}
    for part in name.split(":"):
        if part not in entries:
            raise ValueError(f"executor(={name!r}) must be one of: {', '.join(entries)}, or a learner of conf/agents")
        gains |= entries[part]["gains"]
    return make_controller(name, {**gains, **(changes or {})})


def check_names(what: str, names: Sequence[str], allowed: Sequence[str]) -> None:
    """Refuse unknown or repeated names before any work starts. Raises: ValueError: names the first."""
    if not names:
        raise ValueError(f"{what}(=[]) must name at least one of: {', '.join(allowed)}")
    for name in names:
        if name not in allowed:
            raise ValueError(f"{what} has an unknown name {name!r}; allowed: {', '.join(allowed)}")
        if names.count(name) > 1:
            raise ValueError(f"{what} names {name!r} twice")


@contextmanager
def progress_bars(setting: Setting) -> Iterator[Progress]:
    """Bars with the share done and the time left, on stderr, or none at all."""
    columns = (
        TextColumn("{task.description:<34}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not setting.show_progress, transient=False) as bars:
        yield bars
