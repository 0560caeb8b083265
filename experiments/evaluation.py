"""Scoring: one planner and executor on stores that everyone shares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from merchantgym.envs.actor import Actor
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import Episodes, Progress, rollout
from merchantgym.envs.trace import Trace

from .plots import Trace as PlotTrace
from .table import ArmResult, Kind

_PER_STORE = (
    *("profit", "platform_profit", "spend", "gmv", "attributed_gmv"),
    *("orders", "broke_zero", "violation", "lost_money"),
)
_RESULTS = {
    "profit": "profit",
    "platform": "platform_profit",
    "spend": "spend",
    "gmv": "gmv",
    "attributed_gmv": "attributed_gmv",
    "broke_zero": "broke_zero",
    "violations": "violation",
}
"""Field of an arm's results -> the same of its runs."""


@dataclass(frozen=True, eq=False)
class Arm:
    """What one planner and executor did: results for the table, runs for pictures and files."""

    result: ArmResult
    runs: tuple[Episodes, ...]  # one a training seed
    names: tuple[str, ...]  # of the stores
    stages: tuple[str, ...]
    drivers: tuple[str, ...]

    @property
    def trace(self) -> Trace | None:
        """Hourly series of the first seed."""
        return self.runs[0].trace

    def frame(self) -> pd.DataFrame:
        """One row per training seed and store, money in CNY."""
        frames = []
        for seed, run in enumerate(self.runs):
            columns = {name: getattr(run, name) for name in _PER_STORE}
            keys = {"planner": self.result.planner, "executor": self.result.executor, "seed": seed}
            keys |= {"store": self.names, "stage": self.stages, "driver": self.drivers}
            frames.append(pd.DataFrame({**keys, **columns}))
        return pd.concat(frames, ignore_index=True)


def results_of(frame: pd.DataFrame, kind: Kind) -> ArmResult:
    """The results that an arm's frame was made from."""
    keys = frame.iloc[0]
    seeds = int(frame["seed"].max()) + 1
    columns = {name: frame[column].to_numpy().reshape(seeds, -1) for name, column in _RESULTS.items()}
    return ArmResult(planner=str(keys["planner"]), executor=str(keys["executor"]), kind=kind, **columns)


def score(
    planner: str,
    actors: Sequence[Actor],
    opened: OpenStores,
    plans: PlanArrays,
    seed: int,
    *,
    threads: int,
    trace: bool = False,
    progress: Progress | None = None,
) -> Arm:
    """Run the same stores, with the same random numbers, under each actor.

    Args:
        planner: name of the author of `plans`.
        actors: one a training seed; a controller or a plan as written is one actor.
        seed: of what happens; the same for every arm that is to be compared.
    """
    runs = []
    for i, actor in enumerate(actors):
        told = None if progress is None else _share(progress, i, len(actors))
        runs.append(rollout(actor, opened, plans, seed, threads=threads, trace=trace and i == 0, progress=told))
    result = ArmResult(
        planner=planner,
        executor=actors[0].name,
        kind=actors[0].kind,
        **{name: np.stack([getattr(run, column) for run in runs]) for name, column in _RESULTS.items()},
    )
    shops = opened.stores
    return Arm(
        result,
        tuple(runs),
        names=tuple(shop.name for shop in shops),
        stages=tuple(shop.stage for shop in shops),
        drivers=tuple(shop.driver for shop in shops),
    )


def _share(progress: Progress, part: int, parts: int) -> Callable[[int, int], None]:
    """Progress of one of several equal parts."""
    return lambda done, work: progress(part * work + done, parts * work)


def plot_trace(trace: Trace) -> PlotTrace:
    """A run's series as the plots take them."""
    return {
        "spend": trace.spend,
        "budget": trace.budget,
        "target": trace.target,
        "bid_ratio": trace.bid_ratio,
        "hour_of_day": trace.hour_of_week % 24,
    }


def write_stores(arms: Sequence[Arm], path: Path) -> None:
    """Every store's results under every arm as parquet, written whole or not at all."""
    part = path.with_suffix(".part")
    pd.concat([arm.frame() for arm in arms], ignore_index=True).to_parquet(part, index=False)
    part.replace(path)


def without_trace(arm: Arm) -> Arm:
    """The arm without its hourly series, to free memory."""
    return replace(arm, runs=tuple(replace(run, trace=None) for run in arm.runs))
