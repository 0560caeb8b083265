"""What is run for the ceiling, store by store: search of constants, choice, and scoring on fresh chance.

Every store draws from random numbers of its own, so that neither the other stores nor the way in which they are spread
over processes change what it does.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.random import Generator
from numpy.typing import NDArray

from merchantgym.agents import surface
from merchantgym.agents.surface import SurfaceSearch
from merchantgym.envs.engines.layout import FloatArray

from ..parts import Parts
from ..provenance import digest_of_files
from ..scenario_scores import PARTS, simulator_digest
from ..setting import CEILING_RUN, Setting, controller, write_plans
from ..side_by_side import Report
from .ceiling_settings import CeilingSettings
from .constants import LISTINGS, Bench, constant_names

_SEARCH, _CHOOSE, _SCORE = 1, 2, 3  # sets of chance; none has a seed of another's
_SEEDS = 2**30  # of each
_HERE = ("ceiling_runs.py", "constants.py")

Seeds = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class CeilingWork:
    """What is to be run on some stores of the validation split, in a process of its own where there are several."""

    setting: Setting
    settings: CeilingSettings
    planner: str
    executor: str  # the base
    first: int
    last: int  # exclusive
    shared: FloatArray | None = field(default=None)  # (n, D) constants to be scored; None: own ones are searched

    def __call__(self, report: Report) -> pd.DataFrame:
        """A row a store: what is kept, or made now and kept; see `own` and `under_shared`."""
        parts = Parts(self.setting.output / PARTS)
        what = "own" if self.shared is None else "shared"
        name = f"{self.setting.scenario.name}-{self.planner}-{self.executor}-{what}-{self.first}"
        return parts.find_or_make(name, self._depends(), lambda: self._make(report))

    def _make(self, report: Report) -> pd.DataFrame:
        opened = self.setting.population.open("validation", self.last)
        _, plans = write_plans(self.planner, opened)
        bench = Bench(controller(self.setting.config, self.executor), opened, plans)
        trial = Trial(bench, self.settings, np.arange(self.first, self.last), self.setting.run_seed(CEILING_RUN))
        return trial.own(report) if self.shared is None else trial.under_shared(self.shared, report)

    def _depends(self) -> dict[str, Any]:
        """All that the rows are a function of."""
        config = self.setting.config
        gains = {part: config["controllers"][part]["gains"] for part in self.executor.split(":")}
        named = ("scenario", "hosting", "market", "population_seed")
        here = Path(__file__).parent
        return {name: config[name] for name in named} | {
            "planner": self.planner,
            "executor": gains,
            "settings": asdict(self.settings),
            "stores": [self.first, self.last],
            "run_seed": self.setting.run_seed(CEILING_RUN),
            "sources": [
                simulator_digest(),
                digest_of_files([*(here / name for name in _HERE), Path(surface.__file__)]),
            ],
            "shared": None if self.shared is None else self.shared.tolist(),
        }


@dataclass(frozen=True, eq=False)
class Trial:
    """Stores under trial."""

    bench: Bench
    settings: CeilingSettings
    stores: NDArray[np.int64]  # (n,) their numbers
    seed: int

    def own(self, report: Report) -> pd.DataFrame:
        """Constants of every store's own.

        Returns: a row a store: `store`; `base`, profit without constants under the scoring chances [CNY];
            `after_<generation>`, mean gain of the constants as they then were under those chances [CNY]; `error`,
            standard error of the last; `chosen`, mean gain of the last constants under the choosing chances [CNY];
            `constant.<name>` and `live.<name>`.
        """
        bar = _Bar(report, len(self.stores) * self.settings.plays)
        live, marks = self._live(), self._search(bar)
        last = marks[max(marks)]
        choosing, scoring = (self._chances(*one) for one in ((_CHOOSE, "choosing"), (_SCORE, "scoring")))
        nothing = np.zeros_like(last)
        chosen = self._earned(last, choosing, bar) - self._earned(nothing, choosing, bar)
        base = self._earned(nothing, scoring, bar)
        gains = {mark: self._earned(constants, scoring, bar) - base for mark, constants in marks.items()}
        names = constant_names(self._listings)
        final = gains[max(gains)]
        columns: dict[str, Any] = {"store": self.stores, "base": base.mean(axis=1)}
        columns |= {f"after_{mark}": gain.mean(axis=1) for mark, gain in gains.items()}
        columns |= {"error": final.std(axis=1) / np.sqrt(final.shape[1]), "chosen": chosen.mean(axis=1)}
        columns |= {f"constant.{name}": last[:, j] for j, name in enumerate(names)}
        columns |= {f"live.{name}": live[:, j] for j, name in enumerate(names)}
        return pd.DataFrame(columns)

    def under_shared(self, constants: FloatArray, report: Report) -> pd.DataFrame:
        """A row a store with `profit` [CNY] under given constants (n, D) and the scoring chances."""
        scoring = self._chances(_SCORE, "scoring")
        profit = self._earned(constants, scoring, _Bar(report, scoring.size))
        return pd.DataFrame({"store": self.stores, "profit": profit.mean(axis=1)})

    def _search(self, bar: "_Bar") -> dict[int, FloatArray]:
        """Constants (n, D) after every generation that is shown."""
        settings, live = self.settings, self._live()
        steps = settings.steps_of(self._listings)
        search = SurfaceSearch(len(self.stores), 1.0 / steps, keep=settings.keep)
        generators = [self._generator(_SEARCH, store) for store in self.stores]
        marks = {}
        for generation in range(1, settings.generations + 1):
            directions = np.stack([one.standard_normal((settings.pairs, len(steps))) for one in generators])
            directions *= live[:, None]
            chance = np.stack([_seeds(one, _SEARCH, settings.pairs) for one in generators])
            sides = (1.0, -1.0, 0.0) if generation <= settings.gauges else (1.0, -1.0)
            tried = np.stack([search.mean[:, None] + side * directions for side in sides], axis=1)
            earned = self._runs(tried * steps, np.repeat(chance[:, None], len(sides), axis=1), bar)
            level = earned[:, 2] if len(sides) > 2 else None
            search.tell(directions, earned[:, 0], earned[:, 1], level)
            if generation in settings.shown:
                marks[generation] = search.mean * steps
        return marks

    def _earned(self, constants: FloatArray, chance: Seeds, bar: "_Bar") -> FloatArray:
        """Profit (n, Q) with constants (n, D) under chances (n, Q) [CNY]."""
        return self._runs(np.repeat(constants[:, None], chance.shape[1], axis=1), chance, bar)

    def _runs(self, constants: FloatArray, chance: Seeds, bar: "_Bar") -> FloatArray:
        """Profit (n, ...) with constants (n, ..., D) under chances (n, ...)."""
        stores = np.repeat(self.stores, chance[0].size)
        earned = self.bench.profit(constants.reshape(len(stores), -1), stores, chance.reshape(-1))
        bar.add(len(stores))
        return earned.reshape(chance.shape)

    def _chances(self, purpose: int, count: str) -> Seeds:
        """Chances (n, Q), the same whenever they are asked for."""
        number = int(getattr(self.settings, count))
        return np.stack([_seeds(self._generator(purpose, store), purpose, number) for store in self.stores])

    def _generator(self, purpose: int, store: int) -> Generator:
        return np.random.default_rng((self.seed, purpose, int(store)))

    def _live(self) -> NDArray[np.bool_]:
        return self.bench.live[self.stores]

    @property
    def _listings(self) -> int:
        return self.bench.opened.start.listings


@dataclass
class _Bar:
    """Counts plans that were run."""

    report: Callable[[int, int], None]
    work: int
    done: int = 0

    def add(self, number: int) -> None:
        self.done += number
        self.report(self.done, self.work)


def _seeds(generator: Generator, purpose: int, count: int) -> Seeds:
    """Seeds of one set of chance."""
    return generator.integers(_SEEDS, size=count) + purpose * _SEEDS


def shared_constants(own: FloatArray, live: NDArray[np.bool_]) -> FloatArray:
    """One set of constants (D,) from those of many stores (n, D): means over where they are live, listings pooled.

    What a listing is called tells nothing about it, so all have one constant.
    """
    count = live.sum(axis=0)
    mean = np.where(live, own, 0.0).sum(axis=0) / np.maximum(count, 1)
    mean[LISTINGS] = np.where(live, own, 0.0)[:, LISTINGS].sum() / max(count[LISTINGS].sum(), 1)
    return np.asarray(mean)
