"""The study of the ceiling: what constants, tuned on the very store that they correct, add to the best controller.

`merchantgym compare experiment=ceiling` searches them on stores of the validation split and scores them there under
fresh chance. What is finished is kept, batch by batch of stores.
"""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.progress import Progress

from merchantgym.envs.engines.layout import FloatArray

from ..comparison import Comparison
from ..provenance import command
from ..setting import Setting, open_tracker, progress_bars
from ..side_by_side import side_by_side
from ..statistics import Interval, mean_interval
from ..tracking import Tracker
from .ceiling_plots import draw_ceiling
from .ceiling_report import Ceiling, Moved, Point, headline, markdown
from .ceiling_runs import CeilingWork, shared_constants
from .ceiling_settings import CeilingSettings, read_settings
from .constants import LISTINGS
from .pages import write_figures, write_page, write_stores

PAGE = "ceiling"
"""Name of the page and of its picture."""
_OWN, _LIVE = "constant.", "live."


def study_ceiling(setting: Setting, comparison: Comparison) -> None:
    """Search and score, write page and picture, log. A run of the same name goes on where it stopped.

    Raises: ValueError: names the entry that is not allowed, before any work.
    """
    settings = read_settings(setting.config)
    _check(comparison)
    with open_tracker(setting) as tracker:
        with progress_bars(setting) as bars:
            stores = _measure(setting, settings, comparison, bars)
        study = build(setting, settings, comparison, stores)
        _write(setting, comparison, study, stores)
        _log(tracker, setting, study)
        console = setting.console()
        console.print(headline(study).replace("**", "").replace("`", ""))
        page = (comparison.folder or setting.output) / f"{PAGE}.md"
        console.print(f"\nPage: {page}   Results: {setting.output}   Runs: make ui")


def _check(comparison: Comparison) -> None:
    if len(comparison.planners) != 1:
        raise ValueError(f"planners(={list(comparison.planners)}) must be one: a study is of executors")
    if comparison.job.settings or len(comparison.executors) != 1:
        raise ValueError(f"executors(={list(comparison.executors)}) must be one controller, which is corrected")


def _measure(setting: Setting, settings: CeilingSettings, comparison: Comparison, bars: Progress) -> pd.DataFrame:
    """A row a store: under its own constants, and as `shared` under those of the other half [CNY]."""
    (planner,), (executor,) = comparison.planners, comparison.executors
    edges = [*range(0, comparison.stores, settings.batch), comparison.stores]
    batches = list(pairwise(edges))
    work = partial(CeilingWork, setting, settings, planner, executor)
    own = pd.concat(_carry_out([work(*one) for one in batches], setting, "own constants", bars), ignore_index=True)
    constants = _of_others(*_matrices(own))
    shared = [work(first, last, constants[first:last]) for first, last in batches]
    scored = pd.concat(_carry_out(shared, setting, "constants of others", bars), ignore_index=True)
    return own.assign(shared=scored.profit - own.base)


def _carry_out(works: Sequence[CeilingWork], setting: Setting, what: str, bars: Progress) -> list[pd.DataFrame]:
    """All parts, as many side by side as there are threads."""
    task = bars.add_task(what, total=float(len(works)))
    shares = np.zeros(len(works))

    def report(place: int, done: int, work: int) -> None:
        shares[place] = done / work
        bars.update(task, completed=round(float(shares.sum()), 2))

    made = side_by_side(works, min(setting.threads, len(works)), report)
    bars.update(task, completed=len(works))
    return made


def _matrices(stores: pd.DataFrame) -> tuple[FloatArray, NDArray[np.bool_]]:
    """Constants and whether they are live, both (n, D)."""
    own = stores.filter(like=_OWN).to_numpy(dtype=np.float64)
    return own, stores.filter(like=_LIVE).to_numpy(dtype=np.bool_)


def _of_others(own: FloatArray, live: NDArray[np.bool_]) -> FloatArray:
    """For every store the constants (n, D) that the stores of the other half have in common."""
    odd = np.arange(len(own)) % 2 == 1
    by_half = [shared_constants(own[half], live[half]) for half in (odd, ~odd)]
    return np.where(odd[:, None], by_half[1], by_half[0])


def build(setting: Setting, settings: CeilingSettings, comparison: Comparison, stores: pd.DataFrame) -> Ceiling:
    """The study from its rows."""
    taken = stores.chosen.to_numpy() > 0.0
    earned = float(stores.base.mean())
    curve = [
        Point(mark, settings.tried(mark), _interval(stores[f"after_{mark}"].to_numpy(), setting.seed))
        for mark in settings.shown
    ]
    last = stores[f"after_{settings.generations}"].to_numpy()
    gains = np.where(taken, last, 0.0)
    return Ceiling(
        executor=comparison.executors[0],
        planner=comparison.planners[0],
        scenario=setting.scenario,
        settings=settings,
        earned=earned,
        gain=_interval(gains, setting.seed),
        gains=gains,
        errors=np.where(taken, stores.error.to_numpy(), 0.0),
        taken=taken,
        curve=curve,
        shared=_interval(stores.shared.to_numpy(), setting.seed),
        moved=_moved(stores, setting.seed),
    )


def _interval(values: FloatArray, seed: int) -> Interval:
    return mean_interval(values[None], np.random.default_rng(seed))


def _moved(stores: pd.DataFrame, seed: int) -> list[Moved]:
    """Every constant over the stores in which it is live; listings pooled, whose interval still draws stores."""
    own, live = _matrices(stores)
    names = [name.removeprefix(_OWN) for name in stores.filter(like=_OWN).columns]
    places = list(range(len(names)))
    columns = [[place] for place in places]
    columns[LISTINGS] = [places[LISTINGS]]
    names[LISTINGS] = ["listing"]
    found = []
    for name, at in zip(names, columns, strict=True):
        some = live[:, at].any(axis=1)
        if some.any():
            each = np.where(live[:, at], own[:, at], 0.0).sum(axis=1)[some] / live[:, at].sum(axis=1)[some]
            found.append(Moved(name, _interval(each, seed), float(own[:, at][live[:, at]].std())))
    return found


def _write(setting: Setting, comparison: Comparison, study: Ceiling, stores: pd.DataFrame) -> None:
    """ceiling.json and stores.parquet in the run's folder; page and picture there and in the docs."""
    kept = {
        "command": command(),
        "executor": study.executor,
        "stores": study.stores,
        "profit": study.earned,
        "gain": asdict(study.gain),
        "share": asdict(study.share(study.gain)),
        "shared": asdict(study.shared),
        "taken": int(study.taken.sum()),
        "curve": [asdict(point) for point in study.curve],
        "constants": [asdict(one) for one in study.moved],
    }
    write_figures(kept, setting.output, PAGE)
    write_stores(stores, setting.output)
    for place in (setting.output, comparison.folder):
        if place is not None:
            write_page(place, PAGE, partial(draw_ceiling, study), partial(markdown, study, f"{PAGE}.png", command()))


def _log(tracker: Tracker, setting: Setting, study: Ceiling) -> None:
    """One parent run; a child for constants of every store's own, one for shared ones."""
    arms = {"own constants": study.gain, "constants of others": study.shared}
    for name, gain in arms.items():
        with tracker.child(study.planner, f"{study.executor}/{name}", 0) as child:
            child.tags({"kind": "learned"})
            child.metrics({f"gain.{end}": value for end, value in asdict(gain).items()})
            child.metrics({"profit_mean": study.earned + gain.mean})
            if gain is study.gain:
                curve = np.array([[point.plays, point.gain.mean] for point in study.curve])
                child.curves(curve[:, 0], {"gain": curve[:, 1]})
    tracker.parent.metrics({f"gain.{end}": value for end, value in asdict(study.gain).items()})
    for name in (f"{PAGE}.json", "stores.parquet", f"{PAGE}.md", f"{PAGE}.png"):
        tracker.parent.artifact(setting.output / name, "plots" if name.endswith(".png") else None)
