"""How fast the simulator is: the measurements behind `merchantgym bench`.

Of repeated runs the fastest counts: other work on the machine only ever adds.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import merchantgym.envs  # noqa: F401  registers the environment
from merchantgym.controllers import make_controller
from merchantgym.envs.engines.event import simulate_events
from merchantgym.envs.engines.hour import simulate
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout, subset
from merchantgym.envs.task import action_size

from .setting import write_plans

_HOURS = 48  # simulated in each timed run
_EVENT_STORES = 8
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


def cpu_time(work: Callable[[], Any]) -> float:
    """CPU time of some work [s]."""
    start = time.process_time()
    work()
    return time.process_time() - start


def started(opened: OpenStores, plans: PlanArrays, threads: int = 1, count: int | None = None) -> Fleet:
    """The first `count` stores, all by default, at the start of their plans."""
    count = len(opened) if count is None else count
    fleet = Fleet(opened.start, count, threads=threads)
    fleet.reset(subset(plans, slice(0, count)), np.arange(count), np.ones(count, dtype=np.int64))
    return fleet


def run_plans(fleet: Fleet, hours: int = _HOURS) -> None:
    """Some hours of all plans as written."""
    idle = np.zeros((fleet.slots, action_size(fleet.listings)))
    for _ in range(hours):
        fleet.step(idle)


def store_hour(opened: OpenStores, plans: PlanArrays, repeats: int) -> float:
    """CPU time of a managed store-hour [us]."""
    times = []
    for _ in range(repeats):
        fleet = started(opened, plans)
        times.append(cpu_time(partial(run_plans, fleet)))
    return min(times) / (len(opened) * _HOURS) * 1e6


def against_numpy(opened: OpenStores, plans: PlanArrays, repeats: int) -> float | None:
    """Engine alone against the numpy oracle, which lies with the tests; None without them."""
    root = Path(__file__).resolve().parent.parent
    if not (root / "tests" / "oracle").is_dir():
        return None
    sys.path.insert(0, str(root / "tests"))
    try:
        oracle_hour: Any = import_module("oracle").oracle_hour
    finally:
        sys.path.remove(str(root / "tests"))

    def oracle(fleet: Fleet) -> None:
        rng = np.random.default_rng(1)
        for _ in range(_HOURS):
            oracle_hour(rng, fleet.arrays, fleet.state, fleet.offer)

    for warm in (_engine, oracle):
        warm(under_way(opened, plans))
    slow = [cpu_time(partial(oracle, under_way(opened, plans))) for _ in range(max(1, repeats // 2))]
    fast = [cpu_time(partial(_engine, under_way(opened, plans))) for _ in range(repeats)]
    return min(slow) / min(fast)


def against_events(opened: OpenStores, plans: PlanArrays, repeats: int) -> float:
    """Store-hours per CPU second of the hour engine over those of the event engine, the same stores for a day."""
    count = min(_EVENT_STORES, len(opened))
    seeds, keys = np.ones(count, dtype=np.int64), np.arange(count)
    slow, fast = [], []
    for _ in range(repeats):
        few, many = under_way(opened, plans, count), under_way(opened, plans)
        slow.append(cpu_time(partial(simulate_events, few.arrays, few.state, few.offer, 24, seeds, keys)) / count)
        fast.append(cpu_time(partial(_engine, many, 24)) / many.slots)
    return min(slow) / min(fast)


def _engine(fleet: Fleet, hours: int = _HOURS) -> None:
    """The hour engine alone, every store's offer standing."""
    count = fleet.slots
    simulate(
        fleet.arrays,
        fleet.state,
        fleet.offer,
        hours,
        np.ones(count, dtype=np.uint64),
        np.arange(count, dtype=np.uint64),
    )


def under_way(opened: OpenStores, plans: PlanArrays, count: int | None = None) -> Fleet:
    """Stores an hour into their plans, with an offer standing."""
    fleet = started(opened, plans, count=count)
    run_plans(fleet, 1)
    return fleet


def two_core_scaling(opened: OpenStores, plans: PlanArrays, repeats: int) -> float | None:
    """Wall time of one thread over two, which must agree bit for bit; None on one core."""
    if (os.cpu_count() or 1) < 2:
        return None
    walls: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(repeats):
        seen = []
        for threads, times in walls.items():
            fleet = started(opened, plans, threads)
            start = time.perf_counter()
            run_plans(fleet)
            times.append(time.perf_counter() - start)
            seen.append(fleet.observation.copy())
        if not np.array_equal(seen[0], seen[1]):
            raise RuntimeError("two threads gave other results than one")
    return min(walls[1]) / min(walls[2])


def gym_step(repeats: int) -> float:
    """CPU time of one step of the registered environment, checks off [us]."""
    env = gymnasium.make("merchantgym/ManagedStore-v0", stores=1, disable_env_checker=True)
    assert env.action_space.shape is not None
    idle = np.zeros(env.action_space.shape)
    times = []
    for _ in range(repeats + 1):
        env.reset(seed=0)
        times.append(cpu_time(lambda: [env.step(idle) for _ in range(300)]))
    return min(times[1:]) / 300 * 1e6


def compile_time(*, cached: bool) -> float:
    """CPU time of opening one store in a fresh process, libraries already imported [s]."""
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {"NUMBA_CACHE_DIR": folder}
        for _ in range(2 if cached else 1):
            done = subprocess.run(
                [sys.executable, "-c", _ONE_STORE], env=environment, capture_output=True, text=True, check=True
            )
    return float(done.stdout)


def variance_reduction(population: Population, factor: float) -> float:
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
