"""The ranking over scenarios: score everyone in each, rank, write the page and its picture, log."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from .comparison import Comparison, learn_all
from .learning import Learned
from .markdown import note_of
from .provenance import command
from .ranking import Cell, Ranking, Summary, rank
from .ranking_plots import draw_ranking
from .ranking_report import SceneReport, markdown, print_ranking, write_json
from .scenario_scores import ScoredScenario, score_scenario
from .setting import Setting, open_tracker, progress_bars
from .statistics import Interval
from .tracking import Tracker
from .whole_file import write_whole

PAGE, PAGE_LEARNED = "controllers", "generalisation"
"""Name of the page and of its picture; with learned executors among the ranked."""


def rank_over_scenarios(setting: Setting, comparison: Comparison) -> None:
    """Train what must be trained in the run's own scenario, then score and rank everyone in all of them.

    Every arm is kept as it is finished: a run of the same name goes on from there.
    """
    with open_tracker(setting) as tracker:
        with progress_bars(setting) as bars:
            learned = learn_all(setting, comparison, bars)
            scored = [score_scenario(each, comparison, learned, bars) for each in comparison.scenarios]
        rankings = [_rank(setting, planner, scored) for planner in comparison.planners]
        _write(setting, comparison, scored, rankings)
        _log(tracker, scored, rankings, learned)
        for file in _files(setting.output, rankings):
            tracker.parent.artifact(file, "plots" if file.suffix == ".png" else None)
        _show(setting, comparison, rankings)


def _rank(setting: Setting, planner: str, scored: Sequence[ScoredScenario]) -> Ranking:
    kinds = {result.executor: result.kind for result in scored[0].results[planner]}
    return rank(planner, [each.scores(planner) for each in scored], kinds, setting.seed)


def _write(
    setting: Setting, comparison: Comparison, scored: Sequence[ScoredScenario], rankings: Sequence[Ranking]
) -> None:
    """ranking.json, stores.parquet, the page and a picture a planner, in the run's folder; the last two in the docs."""
    folder = setting.output
    folder.mkdir(parents=True, exist_ok=True)
    write_json(rankings, folder / "ranking.json")
    stores = folder / "stores.parquet"
    part = stores.with_suffix(".part")
    pd.concat([each.stores for each in scored], ignore_index=True).to_parquet(part, index=False)
    part.replace(stores)
    pictures = {ranking.planner: _picture(ranking, rankings) for ranking in rankings}
    scenes = {
        planner: [SceneReport(each.setting.scenario, each.results[planner], each.marks[planner]) for each in scored]
        for planner in comparison.planners
    }
    for place in (folder, comparison.folder):
        if place is not None:
            page = place / f"{PAGE}.md"
            for ranking in rankings:
                draw_ranking(ranking, place / pictures[ranking.planner])
            write_whole(markdown(rankings, scenes, pictures, command(), note_of(page)), page)


def _picture(ranking: Ranking, rankings: Sequence[Ranking]) -> str:
    return f"{PAGE}.png" if len(rankings) == 1 else f"{PAGE}_{ranking.planner}.png"


def _files(folder: Path, rankings: Sequence[Ranking]) -> list[Path]:
    pictures = [_picture(ranking, rankings) for ranking in rankings]
    return [folder / name for name in ("ranking.json", "stores.parquet", f"{PAGE}.md", *pictures)]


def _log(
    tracker: Tracker,
    scored: Sequence[ScoredScenario],
    rankings: Sequence[Ranking],
    learned: Mapping[str, Sequence[Learned]],
) -> None:
    """One child a (scenario, planner, executor, training seed); what is over all scenarios belongs to the parent."""
    for each in scored:
        name = each.setting.scenario.name
        for ranking in rankings:
            for result in each.results[ranking.planner]:
                found = _numbers(ranking.cell(name, result.executor))
                for seed, profit in enumerate(result.profit):
                    with tracker.child(ranking.planner, result.executor, seed, scenario=name) as child:
                        child.tags({"kind": result.kind, "scenario_hash": each.setting.scenario_hash})
                        child.metrics(found | {"seed_profit_mean": float(profit.mean())})
                        if result.executor in learned:
                            one = learned[result.executor][seed]
                            child.curves(one.steps, {"validation_profit": one.profit})
    for ranking in rankings:
        first = "" if len(rankings) == 1 else f"{ranking.planner}/"
        for summary in ranking.summaries:
            found = _numbers(summary)
            tracker.parent.metrics({f"{first}{summary.executor}/{key}": value for key, value in found.items()})
    tracker.parent.tags({"best": f"{rankings[0].planner}/{rankings[0].executors[0]}"})


def _numbers(one: Cell | Summary) -> dict[str, float]:
    """The numbers of a cell or a summary by name, intervals as `share.low` etc."""
    found: dict[str, float] = {}
    for name, value in vars(one).items():
        if isinstance(value, Interval):
            found |= {f"{name}.{end}": number for end, number in vars(value).items()}
        elif isinstance(value, int | float):
            found[name] = float(value)
    return found


def _show(setting: Setting, comparison: Comparison, rankings: Sequence[Ranking]) -> None:
    console = setting.console()
    for ranking in rankings:
        console.print(
            f"\n[bold]{len(ranking.executors)} executors in {len(ranking.scenarios)} scenarios[/bold], "
            f"{setting.scenario.hosting.name}: {ranking.stores} held-out stores of each, plans by {ranking.planner}, "
            "the same random numbers for everyone"
        )
        print_ranking(ranking, console)
    page = (comparison.folder or setting.output) / f"{PAGE}.md"
    console.print(f"\nScenario by scenario: {page}   Results: {setting.output}   Runs: make ui")
