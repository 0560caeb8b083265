"""The study of what learning gains: `merchantgym compare experiment=learned` makes the whole page from nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from ..comparison import Comparison
from ..learning import Learned, learn
from ..markdown import note_of
from ..provenance import command
from ..scenario_scores import ScoredScenario, score_scenario
from ..setting import Setting, open_tracker, progress_bars
from ..table import ArmResult, build_rows, numbers, print_table
from ..tracking import Tracker
from ..whole_file import write_whole
from .curves import LearningCurve, draw_curves
from .gains import best_controller, gains_over
from .learned_plots import draw_gains
from .learned_report import LearnedStudy, headline, markdown
from .pages import write_figures, write_stores

PAGE = "learned"
"""Name of the page, and what its pictures' names begin with."""
PICTURES = {"gains": f"{PAGE}.png", "curves": f"{PAGE}_curves.png"}


def study_learned(setting: Setting, comparison: Comparison) -> None:
    """Train, score on the test stores, write page and pictures, log. A run of the same name goes on where it stopped.

    Raises: ValueError: no learned executor, or no controller to hold it against.
    """
    check(comparison)
    with open_tracker(setting) as tracker:
        with progress_bars(setting) as bars:
            learned = learn(setting, comparison.job, bars)
            scored = score_scenario(setting, comparison, learned, bars)
        (planner,) = comparison.planners
        study = build(setting, comparison, scored.results[planner], learned)
        _write(setting, comparison, study, scored)
        _log(tracker, setting, study, learned)
        console = setting.console()
        print_table(build_rows(study.results, np.random.default_rng(setting.seed)), console)
        console.print(headline(study).replace("**", "").replace("`", ""))
        page = (comparison.folder or setting.output) / f"{PAGE}.md"
        console.print(f"\nPage: {page}   Results: {setting.output}   Runs: make ui")


def check(comparison: Comparison) -> None:
    """Refuse what cannot be studied. Raises: ValueError: names the entry."""
    if not comparison.job.settings:
        raise ValueError(f"executors(={list(comparison.executors)}) must have a learned one")
    if not set(comparison.executors) - set(comparison.job.settings) - {"open_loop", "random"}:
        raise ValueError(
            f"executors(={list(comparison.executors)}) must have a controller to hold learned ones against"
        )
    if len(comparison.planners) != 1:
        raise ValueError(f"planners(={list(comparison.planners)}) must be one: a study is of executors")


def build(
    setting: Setting, comparison: Comparison, results: Sequence[ArmResult], learned: Mapping[str, Sequence[Learned]]
) -> LearnedStudy:
    """The study of what was learned and scored."""
    best = best_controller(results)
    taught = [one for one in results if one.kind == "learned"]
    others = [one for one in results if one.kind != "learned" and one.executor != best.executor]
    shown = {one.executor for one in results if one.kind != "learned" and one.executor != "random"}
    baselines = next(iter(learned.values()))[0].baselines
    return LearnedStudy(
        scenario=setting.scenario,
        planner=comparison.planners[0],
        training_stores=comparison.job.schooling.stores,
        validation_stores=comparison.job.schooling.validation_stores,
        results=results,
        best=best.executor,
        learned=gains_over(best, taught, setting.seed),
        others=gains_over(best, others, setting.seed),
        curves={name: curve_of(each) for name, each in learned.items()},
        baselines={name: value for name, value in baselines.items() if name in shown},
        bases={name: comparison.job.settings[name].base for name in learned},
        cores=setting.threads,
    )


def curve_of(learned: Sequence[Learned]) -> LearningCurve:
    """The trainings of one executor, as far as all of them have come."""
    length = min(len(one.steps) for one in learned)
    return LearningCurve(
        steps=learned[0].steps[:length].astype(np.float64),
        minutes=np.stack([one.minutes[:length] for one in learned]),
        profit=np.stack([one.profit[:length] for one in learned]),
    )


def _write(setting: Setting, comparison: Comparison, study: LearnedStudy, scored: ScoredScenario) -> None:
    """learned.json and stores.parquet in the run's folder; page and pictures there and in the docs."""
    folder = setting.output
    folder.mkdir(parents=True, exist_ok=True)
    kinds = {one.executor: one.kind for one in study.results}
    kept = {
        "command": command(),
        "best_controller": study.best,
        "learned": [asdict(one) | {"mark": one.mark} for one in study.learned],
        "others": [asdict(one) | {"mark": one.mark} for one in study.others],
    }
    write_figures(kept, folder, PAGE)
    write_stores(scored.stores, folder)
    for place in (folder, comparison.folder):
        if place is not None:
            place.mkdir(parents=True, exist_ok=True)
            draw_gains([*study.learned, *study.others], kinds, {}, place / PICTURES["gains"])
            draw_curves(study.curves, study.baselines, place / PICTURES["curves"])
            page = place / f"{PAGE}.md"
            write_whole(markdown(study, PICTURES, command(), note_of(page)), page)


def _log(tracker: Tracker, setting: Setting, study: LearnedStudy, learned: Mapping[str, Sequence[Learned]]) -> None:
    """One parent run, one child a (planner, executor, training seed)."""
    rows = {row.executor: row for row in build_rows(study.results, np.random.default_rng(setting.seed))}
    for result in study.results:
        for seed, profit in enumerate(result.profit):
            with tracker.child(study.planner, result.executor, seed) as child:
                child.tags({"kind": result.kind})
                child.metrics(numbers(rows[result.executor]) | {"seed_profit_mean": float(profit.mean())})
                if result.executor in learned:
                    one = learned[result.executor][seed]
                    child.curves(one.steps, {"validation_profit": one.profit})
    first = study.learned[0]
    tracker.parent.metrics({f"gain.{end}": value for end, value in asdict(first.gain).items()})
    tracker.parent.tags({"best": f"{study.planner}/{first.executor}", "best_controller": study.best})
    for name in (f"{PAGE}.json", "stores.parquet", f"{PAGE}.md", *PICTURES.values()):
        tracker.parent.artifact(setting.output / name, "plots" if name.endswith(".png") else None)
