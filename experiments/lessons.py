"""The stores of a training: those it plays, perhaps from easy scenarios to the hard one, and those that judge it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merchantgym.agents.curriculum import Curriculum
from merchantgym.agents.planners import PLANNERS
from merchantgym.agents.training import Lesson
from merchantgym.envs.actor import Actor
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import open_together
from merchantgym.envs.reward import Term
from merchantgym.envs.rollout import Episodes, rollout
from merchantgym.envs.scenario import scenario_names

from .setting import VALIDATION_RUN, Setting, check_names, settings_in, write_plans


@dataclass(frozen=True)
class Schooling:
    """Whose plans are executed, and on which stores."""

    planner: str
    stores: int
    validation_stores: int
    scenarios: tuple[str, ...] = ()  # that are trained on, from easy to hard; empty: the run's own
    easy_until: float = 0.5  # share of a training after which only the last of them is played


def read_schooling(setting: Setting) -> Schooling:
    """Check the entry `training`. Raises: ValueError: names the field, its value and what is allowed."""
    entry = setting.config["training"]
    check_names("training.planner", [entry["planner"]], tuple(PLANNERS))
    for name, least in (("stores", 1), ("validation_stores", 2)):
        if int(entry[name]) < least:
            raise ValueError(f"training.{name}(={entry[name]}) must be >= {least}")
    return Schooling(
        planner=str(entry["planner"]),
        stores=int(entry["stores"]),
        validation_stores=int(entry["validation_stores"]),
        scenarios=_stages(setting, entry),
        easy_until=_until(entry["easy_until"]),
    )


def _until(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 < value <= 1.0:
        raise ValueError(f"training.easy_until(={value!r}) must be in (0, 1]")
    return float(value)


def _stages(setting: Setting, entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the scenarios of a curriculum."""
    names = entry["scenarios"]
    if names is None:
        return ()
    if not isinstance(names, list):
        raise ValueError(f"training.scenarios(={names!r}) must be a list such as [steady, headline], or null")
    check_names("training.scenarios", names, scenario_names())
    if int(entry["stores"]) < len(names):
        raise ValueError(f"training.stores(={entry['stores']}) must be >= {len(names)}, one for each scenario")
    for each in settings_in(setting, names):
        if each.scenario.listings != setting.scenario.listings:
            raise ValueError(
                f"training.scenarios: {each.scenario.name} has listings(={each.scenario.listings}), which must be "
                f"{setting.scenario.listings}, as in {setting.scenario.name}"
            )
    return tuple(names)


def open_lesson(
    setting: Setting, schooling: Schooling, base: Actor, *, seed: int, folder: Path, threads: int, **further: Any
) -> Lesson:
    """Open the stores and write the plans of a training.

    Args:
        base: the controller that is learned from.
        seed, folder, threads, further: of the `Lesson`.
    """
    opened, curriculum = _open_stores(setting, schooling, threads)
    held = setting.population.open("validation", schooling.validation_stores, threads=threads)
    _, held_plans = write_plans(schooling.planner, held)
    examined = _Examined(held, held_plans, setting.run_seed(VALIDATION_RUN), threads)
    return Lesson(
        base=base,
        stores=opened,
        plans=write_plans(schooling.planner, opened)[1],
        seed=seed,
        folder=folder,
        validate=lambda actor: float(examined.by(actor).profit.mean()),
        shortfall=lambda actor: -float(examined.by(actor).terms[:, Term.ROI_SHORTFALL].mean()),
        reward=setting.reward,
        threads=threads,
        curriculum=curriculum,
        **further,
    )


def _open_stores(setting: Setting, schooling: Schooling, threads: int) -> tuple[OpenStores, Curriculum | None]:
    """The training stores: of the run's scenario, or spread over the scenarios of a curriculum."""
    if not schooling.scenarios:
        return setting.population.open("train", schooling.stores, threads=threads), None
    whole, more = divmod(schooling.stores, len(schooling.scenarios))
    counts = [whole + (place < more) for place in range(len(schooling.scenarios))]
    populations = [each.population for each in settings_in(setting, schooling.scenarios)]
    opened = open_together(populations, "train", counts, threads=threads)
    return opened, Curriculum(tuple(counts), schooling.easy_until)


@dataclass
class _Examined:
    """What actors did on the validation stores; the last one's run is kept."""

    stores: OpenStores
    plans: PlanArrays
    seed: int
    threads: int
    last: tuple[Actor, Episodes] | None = None

    def by(self, actor: Actor) -> Episodes:
        """The run of an actor."""
        if self.last is None or self.last[0] is not actor:
            self.last = actor, rollout(actor, self.stores, self.plans, self.seed, threads=self.threads)
        return self.last[1]
