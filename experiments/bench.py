"""Speed, measured as ratios in CPU time within one process: machines are noisy, ratios less so."""

import json
from collections.abc import Callable
from dataclasses import dataclass

from omegaconf import DictConfig
from rich.progress import Progress
from rich.table import Table

from .bench_engines import (
    against_events,
    against_numpy,
    compile_time,
    gym_step,
    store_hour,
    two_core_scaling,
    variance_reduction,
)
from .bench_evolution import fused_episodes
from .bench_scaling import draw_growth, measure_growth
from .bench_training import share_of_trivial
from .setting import Setting, progress_bars, read_setting, write_plans


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
    Figure("vs_event", "hour engine over the event engine, store-hours per second", 700.0, 2000.0, True),
    Figure("two_core_scaling", "two threads over one, equal bit for bit", 1.6, 1.9, True),
    Figure("fused_episodes_per_s", "whole plans with a linear policy inside, per CPU second", 900.0, 2000.0, True),
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
    for folder in (setting.output, setting.output.parent):  # the run's own, and the newest of all
        (folder / "bench.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    setting.console().print(_table(results))
    if setting.config["growth"]:
        growth = measure_growth(setting.population, repeats)
        (setting.output / "growth.json").write_text(json.dumps(growth, indent=2) + "\n", encoding="utf-8")
        draw_growth(growth, setting.output / "growth.png")
    setting.console().print(f"\nResults: {setting.output}, and {setting.output.parent / 'bench.json'}")


def measure(setting: Setting, stores: int, repeats: int, bars: Progress) -> dict[str, float | None]:
    """All figures by their keys; None where one cannot be had here."""
    opened = setting.population.open("train", stores)
    _, plans = write_plans("rule", opened)
    steps: dict[str, Callable[[], float | None]] = {
        "us_per_store_hour": lambda: store_hour(opened, plans, repeats),
        "vs_numpy": lambda: against_numpy(opened, plans, repeats),
        "vs_event": lambda: against_events(opened, plans, repeats),
        "two_core_scaling": lambda: two_core_scaling(opened, plans, repeats),
        "fused_episodes_per_s": lambda: fused_episodes(opened, plans, repeats),
        "sb3_share_of_trivial": lambda: share_of_trivial(opened, plans),
        "gym_step_us": lambda: gym_step(repeats),
        "compile_cold_s": lambda: compile_time(cached=False),
        "compile_cached_s": lambda: compile_time(cached=True),
        "crn_3pct": lambda: variance_reduction(setting.population, 1.03),
        "crn_35pct": lambda: variance_reduction(setting.population, 1.35),
    }
    results: dict[str, float | None] = {}
    task = bars.add_task("bench", total=len(steps))
    for key, step in steps.items():
        bars.update(task, description=key)
        results[key] = step()
        bars.advance(task)
    return results


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
