"""Watch one store under one planner and executor: live in a terminal, a line a day in a pipe, a film on request."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from omegaconf import DictConfig
from rich.console import Console
from rich.live import Live

from merchantgym.agents.planners import PLANNERS
from merchantgym.envs.event_fleet import check_engine
from merchantgym.envs.film import check_film, save_film
from merchantgym.envs.population import SPLITS, Split
from merchantgym.envs.rollout import Episodes, rollout
from merchantgym.envs.store import HOURS_PER_DAY

from .evaluate import read_executor
from .setting import (
    TEST_RUN,
    TRAINING_RUN,
    VALIDATION_RUN,
    Setting,
    check_names,
    progress_bars,
    read_setting,
    write_plans,
)
from .snapshot import Observer, Snapshot
from .true_market import MarketReader
from .watch_view import day_line, summary, view

_RUNS = {"train": TRAINING_RUN, "validation": VALIDATION_RUN, "test": TEST_RUN}
_STORES = 10_000_000  # of a split
_REDRAW = 0.06  # [s] from one picture to the next, at least

Show = Callable[[Snapshot], None]


@dataclass(frozen=True)
class Choice:
    """What the user wants to see, checked."""

    planner: str
    engine: str
    split: Split
    store: int
    speed: float  # hours a second; 0: as fast as they are computed
    reveal: bool
    save: Path | None
    hours_per_frame: int


def run(config: DictConfig) -> None:
    """Carry out `merchantgym watch`.

    The store meets the chance that it meets under `evaluate` and `compare` with the same seed: store 17 of the test
    split is row 17 of theirs.
    Raises: ValueError: names the entry that is not allowed, before any work. KeyboardInterrupt: after the summary.
    """
    setting = read_setting(config)
    choice = read_choice(setting.config)
    actor = read_executor(setting, str(setting.config["executor"]))
    opened = setting.population.open(choice.split, 1, first=choice.store)
    _, plans = write_plans(choice.planner, opened)
    console = setting.console()
    market = MarketReader(opened.start.state) if choice.reveal else None
    episodes = None
    with screen(console, choice.speed) as show:
        observer = Observer(opened.offices[0], setting.scenario.name, choice.planner, actor.name, show, market)
        with suppress(KeyboardInterrupt):  # the screen is given back first
            episodes = rollout(
                actor,
                opened,
                plans,
                setting.run_seed(_RUNS[choice.split]),
                reward=setting.reward,
                engine=choice.engine,
                keys=np.array([choice.store]),
                trace=choice.save is not None,
                on_hour=observer,
            )
    if observer.last is not None:
        console.print(summary(observer.last, finished=episodes is not None))
        _write_result(observer.last, setting, finished=episodes is not None)
    if episodes is None:
        raise KeyboardInterrupt
    if choice.save is not None:
        _save(episodes, choice.save, choice, setting, opened.offices[0].store)


def read_choice(config: Mapping[str, Any]) -> Choice:
    """The entries that are this verb's own. Raises: ValueError: names the first that is not allowed."""
    check_names("planner", [str(config["planner"])], tuple(PLANNERS))
    check_engine(str(config["engine"]))
    check_names("split", [str(config["split"])], SPLITS)
    speed, save = config["speed"], config["save"]
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0.0 <= speed < np.inf:
        raise ValueError(f"speed(={speed!r}) must be a number >= 0 of hours a second; 0 is as fast as possible")
    if not isinstance(config["reveal"], bool):
        raise ValueError(f"reveal(={config['reveal']!r}) must be true or false")
    if save is not None:
        check_film(Path(str(save)))
    return Choice(
        planner=str(config["planner"]),
        engine=str(config["engine"]),
        split=cast(Split, config["split"]),
        store=_whole("store", config["store"], 0, _STORES),
        speed=float(speed),
        reveal=config["reveal"],
        save=None if save is None else Path(str(save)),
        hours_per_frame=_whole("hours_per_frame", config["hours_per_frame"], 1, 1_000_000),
    )


@contextmanager
def screen(console: Console, speed: float) -> Iterator[Show]:
    """Something that shows snapshots: a live screen at `speed` hours a second, or in a pipe a line a day, at once."""
    if not console.is_terminal or console.is_dumb_terminal:
        yield lambda shot: _print_day(console, shot)
        return
    with Live(console=console, screen=True, auto_refresh=False) as live:
        yield _Pace(console, live, speed)


@dataclass
class _Pace:
    """Draws snapshots no faster than asked for, and leaves out what nobody could see."""

    console: Console
    live: Live
    speed: float
    due: float = 0.0  # [s] on the clock: when the coming hour may be shown
    drawn: float = -np.inf

    def __call__(self, shot: Snapshot) -> None:
        now = time.monotonic()
        if self.speed > 0.0:
            time.sleep(max(0.0, self.due - now))
            now = time.monotonic()
            self.due = max(self.due, now) + 1.0 / self.speed
        if now - self.drawn >= _REDRAW or shot.hour == shot.hours:
            size = self.console.size
            self.live.update(view(shot, size.width, size.height), refresh=True)
            self.drawn = now


def _print_day(console: Console, shot: Snapshot) -> None:
    """One line once a day is over."""
    if shot.hour_of_week % HOURS_PER_DAY == HOURS_PER_DAY - 1 or shot.hour == shot.hours:
        console.print(day_line(shot, shot.today), soft_wrap=True, markup=False, highlight=False)


def _write_result(shot: Snapshot, setting: Setting, *, finished: bool) -> None:
    """The run's figures as `watch.json`, whole or not at all."""
    result = {
        "store": shot.store,
        "scenario": shot.scenario,
        "planner": shot.planner,
        "executor": shot.executor,
        "seed": setting.seed,
        "hours": shot.hour,
        "finished": finished,
        "budget": shot.budget,
        **vars(shot.run),
    }
    setting.output.mkdir(parents=True, exist_ok=True)
    part = setting.output / "watch.json.part"
    part.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    part.replace(setting.output / "watch.json")


def _save(episodes: Episodes, path: Path, choice: Choice, setting: Setting, title: str) -> None:
    """Write the film, with a bar."""
    assert episodes.trace is not None
    with progress_bars(setting) as bars:
        task = bars.add_task(f"film {path.name}", total=None)
        save_film(
            episodes.trace,
            0,
            path,
            title=title,
            hours_per_frame=choice.hours_per_frame,
            progress=lambda done, work: bars.update(task, completed=done, total=work),
        )
    setting.console().print(f"Film: {path}")


def _whole(name: str, value: Any, least: int, end: int) -> int:
    """A whole number in [least, end). Raises: ValueError: names it."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value < end:
        raise ValueError(f"{name}(={value!r}) must be a whole number in [{least}, {end})")
    return value
