"""The main job: train what must be trained, score everyone on the same stores, rank, draw, log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig
from rich.console import Console
from rich.progress import Progress, TaskID

from merchantgym.agents.planners import PLANNERS
from merchantgym.controllers import CONTROLLERS, GUARDED
from merchantgym.envs.actor import Actor
from merchantgym.envs.catalogue import read_catalogue
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.population import open_catalogue

from . import plots
from .evaluation import Arm, plot_trace, score, without_trace, write_stores
from .learning import LEARNED, Learned, TrainingJob, curve_of, learn, read_job
from .setting import (
    SHOP_RUN,
    TEST_RUN,
    Setting,
    check_names,
    controller,
    open_tracker,
    progress_bars,
    read_setting,
    write_plans,
)
from .table import Row, build_rows, numbers, print_table, write_json
from .tracking import Tracker


@dataclass(frozen=True)
class Comparison:
    """What is compared."""

    planners: tuple[str, ...]
    executors: tuple[str, ...]
    stores: int
    job: TrainingJob
    shop: OpenStores | None  # the merchant's own shop in several markets


def run(config: DictConfig) -> None:
    """Carry out `merchantgym compare`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    comparison = read_comparison(setting)
    console = setting.console()
    with open_tracker(setting) as tracker:
        with progress_bars(setting) as bars:
            learned = _learn(setting, comparison, bars)
            opened = setting.population.open("test", comparison.stores, threads=setting.threads)
            arms = _score_all(setting, comparison, opened, learned, setting.run_seed(TEST_RUN), "stores", bars)
            shop = comparison.shop
            own = (
                _score_all(setting, comparison, shop, learned, setting.run_seed(SHOP_RUN), "own shop", bars)
                if shop
                else []
            )
        rows = build_rows([arm.result for arm in arms], np.random.default_rng(setting.seed))
        _write(setting, comparison, arms, own, rows, learned)
        _log(tracker, setting, arms, rows, learned)
        _show(console, setting, comparison, rows, own)


def read_comparison(setting: Setting) -> Comparison:
    """Check what is to be compared. Raises: ValueError: names the entry, its value and what is allowed."""
    config = setting.config
    planners, executors = tuple(config["planners"]), tuple(config["executors"])
    check_names("planners", planners, tuple(PLANNERS))
    check_names("executors", executors, (*CONTROLLERS, *GUARDED, *LEARNED))
    stores = int(config["stores"])
    if stores < 2:
        raise ValueError(f"stores(={stores}) must be >= 2: an interval needs two")
    for name in executors:
        if name not in LEARNED:
            controller(config, name)
    return Comparison(planners, executors, stores, read_job(setting), _open_shop(setting))


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


def _learn(setting: Setting, comparison: Comparison, bars: Progress) -> dict[str, list[Learned]]:
    names = [name for name in comparison.executors if name in LEARNED]
    return {name: learn(setting, comparison.job, name, bars) for name in names}


def _score_all(
    setting: Setting,
    comparison: Comparison,
    opened: OpenStores,
    learned: Mapping[str, Sequence[Learned]],
    run_seed: int,
    what: str,
    bars: Progress,
) -> list[Arm]:
    """Every planner x executor on the same stores, meeting the same chance."""
    arms = []
    for planner in comparison.planners:
        _, plans = write_plans(planner, opened)
        for executor in comparison.executors:
            actors = _actors(setting, executor, learned)
            task = bars.add_task(f"{what}: {planner} x {executor}", total=None)
            arms.append(
                score(
                    planner,
                    actors,
                    opened,
                    plans,
                    run_seed,
                    threads=setting.threads,
                    trace=planner == comparison.job.planner,
                    progress=partial(_advance, bars, task),
                )
            )
    return arms


def _advance(bars: Progress, task: TaskID, done: int, work: int) -> None:
    bars.update(task, completed=done, total=work)


def _actors(setting: Setting, executor: str, learned: Mapping[str, Sequence[Learned]]) -> list[Actor]:
    if executor in learned:
        return [one.actor for one in learned[executor]]
    return [controller(setting.config, executor)]


def _write(
    setting: Setting,
    comparison: Comparison,
    arms: Sequence[Arm],
    own: Sequence[Arm],
    rows: Sequence[Row],
    learned: Mapping[str, Sequence[Learned]],
) -> None:
    """Rows, per-store results and pictures, under the run's folder."""
    folder = setting.output
    folder.mkdir(parents=True, exist_ok=True)
    write_json(rows, folder / "comparison.json")
    write_stores([without_trace(arm) for arm in arms], folder / "stores.parquet")
    if own:
        write_json(_own_rows(setting, own), folder / "own_shop.json")
    plots.profit_intervals(rows, folder / "profit.png")
    traces = {arm.result.executor: plot_trace(arm.trace) for arm in arms if arm.trace is not None}
    traces.pop("random", None)
    if traces:
        plots.spend_against_target(traces, folder / "spend.png")
        plots.bids_by_hour(traces, folder / "bids.png")
    curves = {name: curve_of(each) for name, each in learned.items()}
    if curves:
        baselines = next(iter(learned.values()))[0].baselines
        plots.learning_curves(curves, baselines, folder / "learning.png")


def _own_rows(setting: Setting, own: Sequence[Arm]) -> list[Row]:
    return build_rows([arm.result for arm in own], np.random.default_rng(setting.seed + 1))


def _log(
    tracker: Tracker,
    setting: Setting,
    arms: Sequence[Arm],
    rows: Sequence[Row],
    learned: Mapping[str, Sequence[Learned]],
) -> None:
    """One parent run, one child a (planner, executor, training seed)."""
    by_arm = {(row.planner, row.executor): row for row in rows}
    for arm in arms:
        result = arm.result
        for seed, episodes in enumerate(arm.runs):
            with tracker.child(result.planner, result.executor, seed) as child:
                child.tags({"kind": result.kind})
                child.metrics(numbers(by_arm[result.planner, result.executor]))
                child.metrics({"seed_profit_mean": float(episodes.profit.mean())})
                if result.executor in learned:
                    one = learned[result.executor][seed]
                    child.curves(one.steps, {"validation_profit": one.profit})
    best = rows[0]
    tracker.parent.metrics({"best_profit_mean": best.profit_mean})
    tracker.parent.tags({"best": f"{best.planner}/{best.executor}"})
    for path in sorted(setting.output.glob("*")):
        if path.suffix in (".json", ".png", ".parquet"):
            tracker.parent.artifact(path, "plots" if path.suffix == ".png" else None)


def _show(console: Console, setting: Setting, comparison: Comparison, rows: Sequence[Row], own: Sequence[Arm]) -> None:
    console.print(
        f"\n[bold]{setting.scenario.name}[/bold], {setting.scenario.hosting.name}: {comparison.stores} held-out "
        f"stores, plans of {setting.scenario.days} days, the same random numbers for everyone"
    )
    print_table(rows, console)
    if own:
        shop = comparison.shop
        assert shop is not None
        console.print(
            f"\n[bold]{shop.stores[0].name}[/bold]: the catalogue's {len(shop.stores[0].listings)} listings "
            f"in {len(shop)} markets of this scenario"
        )
        print_table(_own_rows(setting, own), console)
    console.print(f"\nResults: {setting.output}   Runs: make ui")
