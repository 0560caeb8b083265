"""Ablation: a learner without one of its parts at a time, or in a market without one of its difficulties.

`merchantgym compare experiment=ablation` trains every variant with the same budget and seeds and scores it against the
best controller on the same test stores. What is finished is kept, arm by arm and checkpoint by checkpoint.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np
from rich.progress import Progress

from ..comparison import Comparison
from ..learning import Training, learned_of, train_all
from ..parts import Parts
from ..provenance import command
from ..scenario_scores import PARTS, score_scenario
from ..setting import Setting, open_tracker, progress_bars
from ..statistics import Interval, paired_difference
from ..statistics_families import holm, sign_flip_p
from ..table import ArmResult
from ..tracking import Tracker
from .ablation_report import Ablation, draw, headline, markdown
from .gains import Gain, best_controller, gains_over
from .learned import check
from .pages import write_figures, write_page
from .variants import Variant, read_variants

PAGE = "ablation"
"""Name of the page and of its picture."""


@dataclass(frozen=True, eq=False)
class _Scored:
    """A variant and what was earned where it lives."""

    variant: Variant
    learned: ArmResult
    best: ArmResult


def study_ablation(setting: Setting, comparison: Comparison) -> None:
    """Train and score every variant, write page and picture, log.

    Raises: ValueError: names the entry that is not allowed, before any work.
    """
    check(comparison)
    if len(comparison.job.settings) != 1:
        raise ValueError(
            f"executors(={list(comparison.executors)}) must have one learned one, whose variants are studied"
        )
    (learner,) = comparison.job.settings
    variants = read_variants(setting, learner)
    with open_tracker(setting) as tracker:
        with progress_bars(setting) as bars:
            scored = _score(setting, comparison, learner, variants, bars)
        study = build(setting, comparison, learner, scored)
        _write(setting, comparison, study)
        _log(tracker, setting, study)
        console = setting.console()
        console.print(headline(study).replace("**", "").replace("`", ""))
        page = (comparison.folder or setting.output) / f"{PAGE}.md"
        console.print(f"\nPage: {page}   Results: {setting.output}   Runs: make ui")


def _score(
    setting: Setting, comparison: Comparison, learner: str, variants: Sequence[Variant], bars: Progress
) -> list[_Scored]:
    jobs = [replace(comparison.job, settings={learner: one.settings}) for one in variants]
    seeds = range(comparison.job.seeds)
    trainings = [
        Training(one.setting, job, learner, seed, variant=one.label)
        for one, job in zip(variants, jobs, strict=True)
        for seed in seeds
    ]
    trained = [
        learned_of(training, one, {})
        for training, one in zip(trainings, train_all(trainings, setting.threads, bars), strict=True)
    ]
    parts, scored = Parts(setting.output / PARTS), []
    for place, (one, job) in enumerate(zip(variants, jobs, strict=True)):
        learned = {learner: trained[place * len(seeds) : (place + 1) * len(seeds)]}
        found = score_scenario(one.setting, replace(comparison, job=job), learned, bars, parts)
        results = found.results[comparison.planners[0]]
        taught = next(result for result in results if result.executor == learner)
        scored.append(_Scored(one, taught, best_controller(results)))
    return scored


def build(setting: Setting, comparison: Comparison, learner: str, scored: Sequence[_Scored]) -> Ablation:
    """The study: every variant's gain over the best controller, and what it lacks of the whole."""
    whole = scored[0].learned
    here = [not one.variant.elsewhere for one in scored]
    gains = [replace(_gain(one, setting.seed), executor=one.variant.name) for one in scored]
    raw = [sign_flip_p(one.learned.profit, one.best.profit, np.random.default_rng(setting.seed)) for one in scored]
    costs: list[Interval | None] = [
        _share(paired_difference(one.learned.profit, whole.profit, np.random.default_rng(setting.seed)), whole)
        if same and place
        else None
        for place, (one, same) in enumerate(zip(scored, here, strict=True))
    ]
    return Ablation(
        learner=learner,
        scenario=setting.scenario,
        planner=comparison.planners[0],
        training_stores=comparison.job.schooling.stores,
        gains=[replace(one, p=float(p)) for one, p in zip(gains, holm(raw), strict=True)],
        costs=costs,
        profits=[one.learned.mean_profit for one in scored],
        labels=[one.variant.label for one in scored],
        abouts=[one.variant.about for one in scored],
        elsewhere=[one.variant.elsewhere for one in scored],
    )


def _gain(one: _Scored, seed: int) -> Gain:
    (found,) = gains_over(one.best, [one.learned], seed)
    return found


def _share(difference: Interval, whole: ArmResult) -> Interval:
    unit = max(abs(whole.mean_profit), 0.01)
    return Interval(difference.mean / unit, difference.low / unit, difference.high / unit)


def _write(setting: Setting, comparison: Comparison, study: Ablation) -> None:
    """ablation.json in the run's folder; page and picture there and in the docs."""
    variants = [
        asdict(gain) | {"mark": gain.mark, "cost": None if cost is None else asdict(cost), "about": about}
        for gain, cost, about in zip(study.gains, study.costs, study.abouts, strict=True)
    ]
    kept = {"command": command(), "learner": study.learner, "variants": variants}
    write_figures(kept, setting.output, PAGE)
    for place in (setting.output, comparison.folder):
        if place is not None:
            write_page(place, PAGE, partial(draw, study), partial(markdown, study, f"{PAGE}.png", command()))


def _log(tracker: Tracker, setting: Setting, study: Ablation) -> None:
    """One parent run, one child a variant."""
    for gain, profit, about in zip(study.gains, study.profits, study.abouts, strict=True):
        with tracker.child(study.planner, f"{study.learner}/{gain.executor}", 0) as child:
            child.tags({"kind": "learned", "variant": gain.executor, "about": about})
            ends = {f"gain.{end}": value for end, value in asdict(gain.gain).items()}
            child.metrics(ends | {"profit_mean": profit, "p": gain.p})
    for name in (f"{PAGE}.json", f"{PAGE}.md", f"{PAGE}.png"):
        tracker.parent.artifact(setting.output / name, "plots" if name.endswith(".png") else None)
