"""One scenario of a ranking: every planner x executor on its stores, kept arm by arm as it is finished."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import pandas as pd
from rich.progress import Progress

import merchantgym.agents
import merchantgym.agents.planners
import merchantgym.controllers
import merchantgym.envs
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import subset

from .bound_marks import bound_sources, marks_of, measure_marks
from .comparison import Comparison, actors_of
from .evaluation import results_of, score
from .learning import Learned
from .parts import Parts
from .provenance import digest_of_files, sources_of
from .ranking import Marks, ScenarioScores
from .setting import TEST_RUN, Setting, write_plans
from .table import ArmResult, Kind

PARTS = "parts"
"""Folder of a run that keeps what is finished."""


@dataclass(frozen=True, eq=False)
class ScoredScenario:
    """What everyone did in one scenario."""

    setting: Setting
    results: Mapping[str, Sequence[ArmResult]]  # planner -> one an executor
    marks: Mapping[str, Marks | None]  # planner -> of the first stores
    stores: pd.DataFrame  # a row for every store under every arm and training seed

    def scores(self, planner: str) -> ScenarioScores:
        """What the executors of a planner earned."""
        profit = {result.executor: result.profit for result in self.results[planner]}
        return ScenarioScores(self.setting.scenario.name, profit, self.marks[planner])


def score_scenario(
    setting: Setting,
    comparison: Comparison,
    learned: Mapping[str, Sequence[Learned]],
    bars: Progress,
    parts: Parts | None = None,
) -> ScoredScenario:
    """Score every arm in the scenario of `setting`; those that were kept before are read.

    Args:
        parts: what is kept; of the run's own folder where none is given.
    """
    work = _Work(setting, comparison, learned, parts or Parts(setting.output / PARTS))
    pieces = [(planner, executor) for planner in comparison.planners for executor in comparison.executors]
    count = len(pieces) + (len(comparison.planners) if comparison.bound_stores else 0)
    task = bars.add_task(setting.scenario.name, total=count)

    def piece(place: int, what: str) -> Callable[[int, int], None]:
        bars.update(task, completed=place, description=f"{setting.scenario.name}: {what}")
        return lambda done, whole: bars.update(task, completed=place + done / whole)

    frames = [work.arm(*arm, piece(i, arm[1])) for i, arm in enumerate(pieces)]
    marks: dict[str, Marks | None] = dict.fromkeys(comparison.planners)
    for i, planner in enumerate(comparison.planners if comparison.bound_stores else ()):
        marks[planner] = marks_of(work.marks(planner, piece(len(pieces) + i, "upper bound")))
    bars.update(task, completed=count, description=setting.scenario.name)
    results: dict[str, list[ArmResult]] = {planner: [] for planner in comparison.planners}
    for (planner, executor), frame in zip(pieces, frames, strict=True):
        results[planner].append(results_of(frame, work.kind(executor)))
    stores = pd.concat(frames, ignore_index=True)
    stores.insert(0, "scenario", setting.scenario.name)
    return ScoredScenario(setting, results, marks, stores)


@dataclass(frozen=True, eq=False)
class _Work:
    """The pieces of one scenario; its stores are opened when the first piece needs them."""

    setting: Setting
    comparison: Comparison
    learned: Mapping[str, Sequence[Learned]]
    parts: Parts

    def arm(self, planner: str, executor: str, progress: Callable[[int, int], None]) -> pd.DataFrame:
        """A row for every training seed and store."""
        stores = self.comparison.stores

        def make() -> pd.DataFrame:
            opened, plans = self._under(planner, stores)
            actors = actors_of(self.setting, executor, self.learned)
            threads = self.setting.threads
            return score(planner, actors, opened, plans, self._seed, threads=threads, progress=progress).frame()

        depends = {**self._depends(planner, stores), "executor": executor, **self._of_executor(executor)}
        return self.parts.find_or_make(f"{self.setting.scenario.name}-{planner}-{executor}", depends, make)

    def marks(self, planner: str, progress: Callable[[int, int], None]) -> pd.DataFrame:
        """A row for every store whose bound is wanted."""
        stores = self.comparison.bound_stores

        def make() -> pd.DataFrame:
            opened, plans = self._under(planner, stores)
            return measure_marks(opened, plans, self._seed, self.setting.threads, progress)

        depends = {**self._depends(planner, stores), "bound": digest_of_files(bound_sources())}
        return self.parts.find_or_make(f"{self.setting.scenario.name}-{planner}-bound", depends, make)

    def kind(self, executor: str) -> Kind:
        """Kind of an executor."""
        return actors_of(self.setting, executor, self.learned)[0].kind

    def _under(self, planner: str, stores: int) -> tuple[OpenStores, PlanArrays]:
        """The first stores, and their plans by a planner."""
        opened = self._opened if stores == self.comparison.stores else self._open(stores)
        return opened, subset(self._plans[planner], slice(0, stores))

    @cached_property
    def _opened(self) -> OpenStores:
        return self._open(self.comparison.stores)

    def _open(self, stores: int) -> OpenStores:
        return self.setting.population.open("test", stores, threads=self.setting.threads)

    @cached_property
    def _plans(self) -> dict[str, PlanArrays]:
        return {planner: write_plans(planner, self._opened)[1] for planner in self.comparison.planners}

    @property
    def _seed(self) -> int:
        return self.setting.run_seed(TEST_RUN)

    def _depends(self, planner: str, stores: int) -> dict[str, Any]:
        """What every piece is a function of; threads change no result."""
        named = ("scenario", "hosting", "market", "population_seed")
        return {name: self.setting.config[name] for name in named} | {
            "planner": planner,
            "stores": stores,
            "run_seed": self._seed,
            "sources": simulator_digest(),
        }

    def _of_executor(self, executor: str) -> dict[str, Any]:
        """What an executor is a function of."""
        gains = self.setting.config["controllers"]
        if executor not in self.learned:
            return {"gains": gains[executor]["gains"]}
        policies = [one.folder / "policy.pt" for one in self.learned[executor]]
        return {
            "gains": gains,
            "agent": self.setting.config["agents"][executor],
            "policies": digest_of_files([*policies, *sources_of(merchantgym.agents)]),
        }


@lru_cache(maxsize=1)
def simulator_digest() -> str:
    """Digits that change with the simulator, the planners or the controllers."""
    packages = (merchantgym.envs, merchantgym.agents.planners, merchantgym.controllers)
    return digest_of_files([path for package in packages for path in sources_of(package)])
