"""Made-up results for tests of a ranking."""

from collections.abc import Sequence

import numpy as np

from merchantgym.experiments.ranking import Marks, Ranking, ScenarioScores, rank
from merchantgym.experiments.statistics import Floats
from merchantgym.experiments.table import ArmResult, Kind

STORES = 40
PLAN = np.linspace(500.0, 1500.0, STORES)  # what the plan as written earns on every store, 1,000 on average
NOISE = np.where(np.arange(STORES) % 2 == 0, 100.0, -100.0)  # 0 on average, independent of the stores' size


def scenario(name: str, marked: bool = False, **gains: Floats | float) -> ScenarioScores:
    """A scenario in which every executor gains so much over the plan as written."""
    profit = {"open_loop": PLAN} | {executor: PLAN + gain for executor, gain in gains.items()}
    marks = Marks(no_ads=PLAN[:10] - 200.0, bound=PLAN[:10] + 200.0) if marked else None
    return ScenarioScores(name, {executor: np.atleast_2d(values) for executor, values in profit.items()}, marks)


def kinds(scores: ScenarioScores) -> dict[str, Kind]:
    """All are controllers but the plan as written."""
    return {name: "plan" if name == "open_loop" else "controller" for name in scores.profit}


def ranked(scores: Sequence[ScenarioScores], seed: int = 0) -> Ranking:
    """Ranking of the plans of `rule`."""
    return rank("rule", scores, kinds(scores[0]), seed)


def usual(marked: bool = True) -> Ranking:
    """`sure` always gains, `loud` gains as much on average, now more, now less, `bad` loses."""
    return ranked(
        [
            scenario("steady", marked, sure=50.0, loud=50.0 + NOISE, bad=-100.0, value_pid=NOISE / 10.0),
            scenario("tight_budget", marked, sure=20.0, loud=60.0 + NOISE, bad=-10.0, value_pid=5.0),
        ]
    )


def results(scores: ScenarioScores) -> list[ArmResult]:
    """What the arms of a scenario did, profit alone being of interest."""
    return [
        ArmResult("rule", name, kinds(scores)[name], profit, *(np.abs(profit) for _ in range(6)))
        for name, profit in scores.profit.items()
    ]
