"""How the cost of an hour grows with the number of stores and of listings: `merchantgym bench` draws it."""

from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import subset

from .bench_engines import cpu_time, run_plans
from .plots import DARK, PALETTE, STYLE
from .setting import write_plans

STORES = (1, 4, 16, 64, 256, 1024, 4096, 16_384)
LISTINGS = (1, 2, 4, 8, 16, 32, 64)
_DIFFERENT = 256  # stores that are drawn; more slots play them again, each with a seed of its own
_LEAST_STEPS = 16_384  # store-hours of the shortest run

Growth = dict[str, list[tuple[int, float]]]
"""By what grows ("stores", "listings"): (how many, CPU time of one hour of all stores [us])."""


def measure_growth(population: Population, repeats: int) -> Growth:
    """CPU time of a managed hour, for many numbers of stores (K as the scenario says) and of listings (256 stores)."""
    opened = population.open("train", _DIFFERENT)
    _, plans = write_plans("rule", opened)
    stores = [(slots, _hour(opened, plans, slots, repeats)) for slots in STORES]
    listings = []
    for count in LISTINGS:
        scenario = population.scenario.model_copy(update={"listings": count})
        opened = Population(scenario, population.seed, population.base_market).open("train", _DIFFERENT)
        _, plans = write_plans("rule", opened)
        listings.append((count, _hour(opened, plans, _DIFFERENT, repeats)))
    return {"stores": stores, "listings": listings}


def _hour(opened: OpenStores, plans: PlanArrays, slots: int, repeats: int) -> float:
    """CPU time of one hour of that many slots, the fastest of the runs [us]."""
    rows = np.arange(slots) % len(opened)
    days = min(max(1, _LEAST_STEPS // (24 * slots)), int(plans.days.min()))  # whole days: nights are cheap
    times = []
    for _ in range(repeats):
        fleet = Fleet(opened.start, slots)
        fleet.reset(subset(plans, rows), rows, np.arange(slots))
        times.append(cpu_time(partial(run_plans, fleet, 24 * days)))
    return min(times) / (24 * days) * 1e6


def draw_growth(growth: Growth, path: Path) -> None:
    """CPU time of one store's hour over both numbers; a flat line and a straight one are what linear cost means."""
    style: Any = STYLE
    with mpl.rc_context(style):
        figure = Figure(figsize=(8.4, 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        left, right = figure.subplots(1, 2)
        _draw_stores(left, growth["stores"])
        _draw_listings(right, growth["listings"])
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)


def _draw_stores(axes: Axes, points: list[tuple[int, float]]) -> None:
    sizes = np.array([size for size, _ in points], dtype=float)
    each = np.array([time for _, time in points]) / sizes
    axes.semilogx(sizes, each, color=PALETTE[0], marker="o", markersize=4.5)
    axes.axhline(np.median(each[2:]), color=DARK, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.set_ylim(0.0)
    axes.set_xticks(sizes, [f"{int(size):,}" for size in sizes])
    axes.tick_params(axis="x", labelsize=7.5)
    axes.minorticks_off()
    axes.set_title("Linear in stores: a flat line, but for the cost of the call itself")
    axes.set_xlabel("stores B at once")
    axes.set_ylabel("CPU time of a store-hour [us]")


def _draw_listings(axes: Axes, points: list[tuple[int, float]]) -> None:
    counts = np.array([count for count, _ in points], dtype=float)
    each = np.array([time for _, time in points]) / _DIFFERENT
    slope, start = np.polyfit(counts, each, 1)
    axes.plot(counts, start + slope * counts, color=DARK, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.plot(counts, each, color=PALETTE[1], marker="o", markersize=4.5, linestyle="none")
    axes.set_ylim(0.0)
    axes.set_xticks([1, 8, 16, 32, 64])
    axes.set_title(f"Linear in listings: {start:.1f} us and {slope:.2f} us a listing")
    axes.set_xlabel(f"listings K of each of {_DIFFERENT} stores")
