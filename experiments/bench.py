"""Speed, measured as ratios in CPU time within one process: machines are noisy, ratios less so."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium
import numpy as np
from omegaconf import DictConfig
from rich.progress import Progress
from rich.table import Table

import merchantgym.envs  # noqa: F401  registers the environment
from merchantgym.controllers import make_controller
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.task import action_size

from .bench_training import share_of_trivial
from .setting import Setting, progress_bars, read_setting, write_plans

_HOURS = 48  # simulated in each timed run
_CRN_STORES = 256
_ONE_STORE = """
import time
start = time.process_time()
import numba, scipy.special, gymnasium, pydantic, yaml
imported = time.process_time()
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario
Population(load_scenario("headline")).open("train", 1)
print(time.process_time() - imported)
"""


@dataclass(frozen=True)
class Figure:
    """One row of the bench: a key of bench.json, its unit, what is aimed at, and how it is measured."""

    key: str
    about: str
    must: float
    stretch: float
    more_is_better: bool


FIGURES = (
    Figure("us_per_store_hour", "engine, ledger and observation [us per store-hour and core]", 4.0, 1.5, False),
    Figure("vs_numpy", "hour engine over its numpy oracle", 5.0, 12.0, True),
    Figure("two_core_scaling", "two threads over one, equal bit for bit", 1.6, 1.9, True),
    Figure("sb3_share_of_trivial", "PPO frames per second over those of a trivial environment", 0.8, 0.9, True),
    Figure("gym_step_us", "one step of gym.make [us]", 10.0, 5.0, False),
    Figure("compile_cold_s", "first use, nothing compiled [CPU s]", 15.0, 8.0, False),
    Figure("compile_cached_s", "first use, compiled before [CPU s]", 1.0, 0.5, False),
    Figure("crn_3pct", "variance of a profit difference at +3 % bids, unpaired over paired", 30.0, 100.0, True),
    Figure("crn_35pct", "the same at +35 % bids", 15.0, 30.0, True),
)


def run(config: DictConfig) -> None:
    """Carry out `merchantgym bench`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    stores, repeats = int(setting.config["stores"]), int(setting.config["repeats"])
    if stores < 1 or repeats < 1:
        raise ValueError(f"stores(={stores}) and repeats(={repeats}) must be >= 1")
    with progress_bars(setting) as bars:
        results = measure(setting, stores, repeats, bars)
    setting.output.mkdir(parents=True, exist_ok=True)
    path = setting.output / "bench.json"
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    setting.console().print(_table(results))
    setting.console().print(f"\nResults: {path}")


def measure(setting: Setting, stores: int, repeats: int, bars: Progress) -> dict[str, float | None]:
    """All figures by their keys; None where one cannot be had here."""
    opened = setting.population.open("train", stores)
    _, plans = write_plans("rule", opened)
    steps: dict[str, Callable[[], float | None]] = {
        "us_per_store_hour": lambda: _store_hour(opened, plans, repeats),
        "vs_numpy": lambda: _against_numpy(opened, plans, repeats),
        "two_core_scaling": lambda: _scaling(opened, plans, repeats),
        "sb3_share_of_trivial": lambda: share_of_trivial(opened, plans),
        "gym_step_us": lambda: _gym_step(repeats),
        "compile_cold_s": lambda: _compile(cached=False),
        "compile_cached_s": lambda: _compile(cached=True),
        "crn_3pct": lambda: _variance_reduction(setting.population, 1.03),
        "crn_35pct": lambda: _variance_reduction(setting.population, 1.35),
    }
    results: dict[str, float | None] = {}
    task = bars.add_task("bench", total=len(steps))
    for key, step in steps.items():
        bars.update(task, description=key)
        results[key] = step()
        bars.advance(task)
    return results


def _cpu(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _fleet(opened: OpenStores, plans: PlanArrays, threads: int = 1) -> Fleet:
    count = len(opened)
    fleet = Fleet(opened.start, count, threads=threads)
    fleet.reset(plans, np.arange(count), np.ones(count, dtype=np.int64))
    return fleet


def _simulate(fleet: Fleet, hours: int = _HOURS) -> None:
    idle = np.zeros((fleet.slots, action_size(fleet.listings)))
    for _ in range(hours):
        fleet.step(idle)


def _store_hour(opened: OpenStores, plans: PlanArrays, repeats: int) -> float:
    """Median CPU time of a managed store-hour [us]."""
    times = []
    for _ in range(repeats):
        fleet = _fleet(opened, plans)
        times.append(_cpu(partial(_simulate, fleet)))
    return median(times) / (len(opened) * _HOURS) * 1e6


def _against_numpy(opened: OpenStores, plans: PlanArrays, repeats: int) -> float | None:
    """Engine alone against the numpy oracle, which lies with the tests; None without them."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "tests" / "oracle").is_dir():
        return None
    sys.path.insert(0, str(root / "tests"))
    try:
        oracle_hour: Any = import_module("oracle").oracle_hour
    finally:
        sys.path.remove(str(root / "tests"))
    from merchantgym.envs.engines.hour import simulate

    def engine(fleet: Fleet) -> None:
        arrays, state = fleet.arrays, fleet.state
        count = fleet.slots
        seeds, keys = np.ones(count, dtype=np.uint64), np.arange(count, dtype=np.uint64)
        for _ in range(_HOURS):
            simulate(
                0, count, 1, seeds, keys, arrays.calendar, arrays.weekly, arrays.store, arrays.channel, arrays.segment,
                arrays.listing, arrays.cell, state.store, state.channel, state.listing, state.pending, state.refunds,
                state.audience, state.hour, state.total, fleet.offer,
            )  # fmt: skip

    def oracle(fleet: Fleet) -> None:
        rng = np.random.default_rng(1)
        for _ in range(_HOURS):
            oracle_hour(rng, fleet.arrays, fleet.state, fleet.offer)

    def ready() -> Fleet:
        fleet = _fleet(opened, plans)
        _simulate(fleet, 1)
        return fleet

    for warm in (engine, oracle):
        warm(ready())
    ratios = []
    for _ in range(max(1, repeats // 2)):
        slow, fast = ready(), ready()
        ratios.append(_cpu(partial(oracle, slow)) / _cpu(partial(engine, fast)))
    return median(ratios)


def _scaling(opened: OpenStores, plans: PlanArrays, repeats: int) -> float | None:
    """Wall time of one thread over two, which must agree bit for bit; None on one core."""
    if (os.cpu_count() or 1) < 2:
        return None
    ratios = []
    for _ in range(repeats):
        walls, seen = [], []
        for threads in (1, 2):
            fleet = _fleet(opened, plans, threads)
            start = time.perf_counter()
            _simulate(fleet)
            walls.append(time.perf_counter() - start)
            seen.append(fleet.observation.copy())
        if not np.array_equal(seen[0], seen[1]):
            raise RuntimeError("two threads gave other results than one")
        ratios.append(walls[0] / walls[1])
    return median(ratios)


def _gym_step(repeats: int) -> float:
    """CPU time of one step of the registered environment, checks off [us]."""
    env = gymnasium.make("merchantgym/ManagedStore-v0", stores=1, disable_env_checker=True)
    assert env.action_space.shape is not None
    idle = np.zeros(env.action_space.shape)
    times = []
    for _ in range(repeats + 1):
        env.reset(seed=0)
        times.append(_cpu(lambda: [env.step(idle) for _ in range(300)]))
    return median(times[1:]) / 300 * 1e6


def _compile(*, cached: bool) -> float:
    """CPU time of opening one store in a fresh process, libraries already imported [s]."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        for _ in range(2 if cached else 1):
            done = subprocess.run(
                [sys.executable, "-c", _ONE_STORE], env=environment, capture_output=True, text=True, check=True
            )
    return float(done.stdout)


def _variance_reduction(population: Population, factor: float) -> float:
    """How much common random numbers lower the variance of a paired profit difference when all bids rise by a factor.

    Within each store: variance over seeds of the difference with unequal seeds, over that with equal seeds; stores are
    pooled by their sums.
    """
    opened = population.open("validation", _CRN_STORES)
    _, plans = write_plans("rule", opened)
    dearer = replace(plans, bid=plans.bid * factor)
    actor = make_controller("open_loop")
    seeds = range(6)
    low = np.stack([rollout(actor, opened, plans, seed).profit for seed in seeds])
    high = np.stack([rollout(actor, opened, dearer, seed).profit for seed in seeds])
    paired = (high - low).var(axis=0, ddof=1).sum()
    unpaired = low.var(axis=0, ddof=1).sum() + high.var(axis=0, ddof=1).sum()
    return float(unpaired / paired)


def _table(results: dict[str, float | None]) -> Table:
    table = Table("figure", "measured", "must", "stretch", title="Speed of the simulator", title_justify="left")
    for figure in FIGURES:
        value = results[figure.key]
        shown = "-" if value is None else f"{value:.3g}"
        if value is not None:
            met = value >= figure.must if figure.more_is_better else value <= figure.must
            shown += "" if met else " [red](missed)[/red]"
        table.add_row(figure.about, shown, f"{figure.must:g}", f"{figure.stretch:g}")
    return table
