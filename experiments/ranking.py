"""The ranking of executors over scenarios: pure functions of what each earned on every store of every scenario.

Every number is paired: all executors ran the same plans on the same stores under the same chance. In a scenario each
executor is held against the plan as written (`uplift`, relative to what that earned on average) and against the best
other controller. p-values are two-sided, of a sign-flip test over stores (see `statistics_families`), adjusted by Holm
over the executors of the scenario: the chance of a single false star among all of a scenario is 5 %. The best executor
of a scenario has the highest mean profit; tied with it is whoever is not significantly worse (Hsu 1996, "Multiple
Comparisons", comparison with the best). It is picked on the stores it is measured on, so its lead errs high.

The share of the bound is (profit - no ads) / (upper bound - no ads), both summed over stores: 0 is what the shop earns
without advertising, 1 what no executor of the plan can exceed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .ranking_estimates import RIVAL, Analysis, Marks, ScenarioScores
from .resampling import Estimates, profile
from .statistics import Interval, iqm
from .statistics_profiles import Profile
from .table import Kind

__all__ = ["ALPHA", "Cell", "Marks", "Ranking", "ScenarioScores", "Summary", "rank"]

ALPHA = 0.05
"""Family-wise error of the stars of a scenario, and of its ties."""
_MARKS = 81  # places at which a profile is measured
_SHOWN = (0.02, 0.98)  # share of stores between which a profile of gains is measured


@dataclass(frozen=True)
class Cell:
    """One executor in one scenario; money is a mean per store and plan [CNY]."""

    scenario: str
    executor: str
    rank: float  # by mean profit; what is equal shares the mean of its ranks
    profit: Interval
    vs_open_loop: Interval  # [CNY]
    uplift: Interval  # the same as a share of what the plan as written earned
    p: float  # of `vs_open_loop`, adjusted by Holm over the scenario's executors
    best_other: str | None  # the controller with the highest mean profit beside this executor
    vs_best_other: Interval | None  # [CNY]
    best: bool
    tied: bool  # not the best, and not significantly worse
    share: Interval | None  # of the bound

    @property
    def starred(self) -> bool:
        """Significantly different from the plan as written."""
        return self.p < ALPHA


@dataclass(frozen=True)
class Summary:
    """One executor over all scenarios, which count alike."""

    executor: str
    kind: Kind
    rank: Interval  # mean rank by mean profit
    uplift: Interval  # mean over scenarios
    middle: Interval  # interquartile mean of a store's gain over the plan as written, in units of its scenario's mean
    share: Interval | None  # of the bound, mean over scenarios
    improvement: Interval | None  # probability of earning more than the rival on a store, a tie counting one half
    best: tuple[str, ...]  # scenarios in which it is the best
    tied: tuple[str, ...]  # in which it is tied with the best


@dataclass(frozen=True, eq=False)
class Ranking:
    """Executors, the lowest mean rank first, in scenarios in the order given."""

    planner: str
    scenarios: tuple[str, ...]
    stores: int
    bounded: int  # stores whose bound is known
    rival: str | None
    summaries: tuple[Summary, ...]
    cells: tuple[Cell, ...]  # scenario by scenario, executors in the ranking's order
    profiles: Mapping[str, Profile]  # of the share of the bound; without bounds of the gain over the plan as written

    @property
    def executors(self) -> tuple[str, ...]:
        """Names, the lowest mean rank first."""
        return tuple(summary.executor for summary in self.summaries)

    def cell(self, scenario: str, executor: str) -> Cell:
        """One executor in one scenario."""
        return self.cells[self.scenarios.index(scenario) * len(self.summaries) + self.executors.index(executor)]

    def of(self, scenario: str) -> list[Cell]:
        """The executors of a scenario, the best and the highest profit first."""
        cells = [self.cell(scenario, name) for name in self.executors]
        return sorted(cells, key=lambda cell: (not cell.best, cell.rank))


def rank(planner: str, scores: Sequence[ScenarioScores], kinds: Mapping[str, Kind], seed: int) -> Ranking:
    """Rank executors.

    Args:
        planner: whose plans they executed.
        scores: one a scenario, of the same executors on equally many stores; number i is the same store everywhere.
        kinds: kind of every executor.
        seed: of the bootstrap.
    Raises: ValueError: names the scenario and what does not fit.
    """
    found = Analysis.of(scores, seed)
    scenes = [_scene(found, s, kinds) for s in range(len(scores))]
    summaries = [_summary(found, e, kinds, [scene[e] for scene in scenes]) for e in range(len(found.names))]
    summaries.sort(key=lambda one: (one.rank.mean, -one.uplift.mean, one.executor))
    order = [found.names.index(one.executor) for one in summaries]
    return Ranking(
        planner=planner,
        scenarios=tuple(each.scenario for each in scores),
        stores=found.draws.stores,
        bounded=0 if found.bounded is None else found.bounded.draws.stores,
        rival=None if found.rival is None else RIVAL,
        summaries=tuple(summaries),
        cells=tuple(scene[e] for scene in scenes for e in order),
        profiles=_profiles(found, order),
    )


def _scene(found: Analysis, s: int, kinds: Mapping[str, Kind]) -> list[Cell]:
    """The cells of a scenario, executors as in `found`."""
    mean, leader = found.mean.value[s], int(np.argmax(found.mean.value[s]))
    p, behind = found.adjusted(s, found.plan), found.adjusted(s, leader)
    cells = []
    for e, name in enumerate(found.names):
        others = [o for o, other in enumerate(found.names) if o != e and kinds[other] == "controller"]
        other = max(others, key=lambda each: float(mean[each]), default=None)
        cells.append(
            Cell(
                scenario=found.scenarios[s],
                executor=name,
                rank=float(found.places.value[s, e]),
                profit=found.mean.at(s, e),
                vs_open_loop=found.mean.less(s, e, found.plan),
                uplift=found.uplift.at(s, e),
                p=float(p[e]),
                best_other=None if other is None else found.names[other],
                vs_best_other=None if other is None else found.mean.less(s, e, other),
                best=e == leader,
                tied=bool(e != leader and behind[e] >= ALPHA),
                share=None if found.bounded is None else found.bounded.share.at(s, e),
            )
        )
    return cells


def _summary(found: Analysis, e: int, kinds: Mapping[str, Kind], cells: Sequence[Cell]) -> Summary:
    gain = found.gain(e)
    middle = Estimates(np.array(iqm(gain.reshape(-1, gain.shape[2]))), found.draws.middle_half(gain))
    improvement = None
    if found.rival is not None:
        wins = np.heaviside(found.profit[e][:, :, None] - found.profit[found.rival][:, None], 0.5).mean(axis=2)
        improvement = Estimates(wins.mean(axis=(1, 2)), found.draws.means(wins)).average()
    return Summary(
        executor=found.names[e],
        kind=kinds[found.names[e]],
        rank=found.places.average(e),
        uplift=found.uplift.average(e),
        middle=middle.at(),
        share=None if found.bounded is None else found.bounded.share.average(e),
        improvement=improvement,
        best=tuple(cell.scenario for cell in cells if cell.best),
        tied=tuple(cell.scenario for cell in cells if cell.tied),
    )


def _profiles(found: Analysis, order: Sequence[int]) -> dict[str, Profile]:
    """Of the share of the bound where it is known, else of the gain over the plan as written; by executor."""
    if found.bounded is not None:
        gained, possible, draws = found.bounded.gained, found.bounded.possible[:, None, :], found.bounded.draws
        low, high = 0.0, 1.0
    else:
        gained, possible, draws = tuple(map(found.gain, range(len(found.names)))), np.ones(1), found.draws
        low, high = np.quantile(np.concatenate([each.ravel() for each in gained]), _SHOWN)
    marks = np.linspace(low, max(high, low + 1e-9), _MARKS)
    return {found.names[e]: profile(gained[e], possible, marks, draws) for e in order}
