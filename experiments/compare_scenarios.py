"""The ranking over scenarios: score everyone in each, rank, write the page and its picture, log."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from .comparison import Comparison
from .learning import Learned, learn
from .markdown import note_of
from .provenance import command
from .ranking import Cell, Ranking, Summary, rank
from .ranking_plots import draw_ranking
from .ranking_report import SceneReport, markdown, print_ranking, write_json
from .scenario_scores import ScoredScenario, score_scenario
from .setting import Setting, open_tracker, progress_bars
from .statistics import Interval
from .studies.transfer import Transfer, as_json, draw_transfer, section, transfer_of
from .tracking import Tracker
from .whole_file import write_whole

PAGE, PAGE_LEARNED = "controllers", "generalisation"
"""Name of the page and of its picture; with learned executors among the ranked."""
TITLES = {PAGE: "Controllers: who wins where", PAGE_LEARNED: "What was learned, in every scenario"}
_GAINS = "_gains"  # ends the name of the picture of what was learned


def rank_over_scenarios(setting: Setting, comparison: Comparison) -> None:
    """Train what must be trained in the run's own scenario, then score and rank everyone in all of them.

    Every arm is kept as it is finished: a run of the same name goes on from there.
    """
    with open_tracker(setting) as tracker:
        with progress_bars(setting) as bars:
            learned = learn(setting, comparison.job, bars)
            scored = [score_scenario(each, comparison, learned, bars) for each in comparison.scenarios]
        results = _Results(
            PAGE_LEARNED if learned else PAGE,
            [_rank(setting, planner, scored) for planner in comparison.planners],
            {planner: _transfer(setting, planner, scored) for planner in comparison.planners},
        )
        _write(setting, comparison, scored, results)
        _log(tracker, scored, results.rankings, learned)
        for name in results.files:
            tracker.parent.artifact(setting.output / name, "plots" if name.endswith(".png") else None)
        _show(setting, comparison, results)


@dataclass(frozen=True, eq=False)
class _Results:
    """What is told, and the names of the files that tell it."""

    page: str  # without its ending
    rankings: Sequence[Ranking]  # one a planner
    transfers: Mapping[str, Transfer | None]  # planner -> what was learned, elsewhere

    def picture(self, planner: str, of: str = "") -> str:
        """Name of a planner's picture."""
        return f"{self.page}{of}.png" if len(self.rankings) == 1 else f"{self.page}{of}_{planner}.png"

    @property
    def files(self) -> list[str]:
        """All that is written but JSON of the transfer."""
        pictures = [self.picture(ranking.planner) for ranking in self.rankings]
        pictures += [self.picture(planner, _GAINS) for planner, found in self.transfers.items() if found is not None]
        return ["ranking.json", "stores.parquet", f"{self.page}.md", *pictures]


def _rank(setting: Setting, planner: str, scored: Sequence[ScoredScenario]) -> Ranking:
    kinds = {result.executor: result.kind for result in scored[0].results[planner]}
    return rank(planner, [each.scores(planner) for each in scored], kinds, setting.seed)


def _transfer(setting: Setting, planner: str, scored: Sequence[ScoredScenario]) -> Transfer | None:
    results = {each.setting.scenario.name: each.results[planner] for each in scored}
    return transfer_of(results, setting.scenario.name, setting.seed)


def _write(setting: Setting, comparison: Comparison, scored: Sequence[ScoredScenario], results: _Results) -> None:
    """Rankings and stores in the run's folder; the page and its pictures there and in the docs."""
    folder = setting.output
    folder.mkdir(parents=True, exist_ok=True)
    write_json(results.rankings, folder / "ranking.json")
    stores = folder / "stores.parquet"
    part = stores.with_suffix(".part")
    pd.concat([each.stores for each in scored], ignore_index=True).to_parquet(part, index=False)
    part.replace(stores)
    transfers = {planner: found for planner, found in results.transfers.items() if found is not None}
    if transfers:
        kept = {planner: as_json(found) for planner, found in transfers.items()}
        write_whole(json.dumps(kept, indent=2, allow_nan=False) + "\n", folder / "transfer.json")
    pictures = {ranking.planner: results.picture(ranking.planner) for ranking in results.rankings}
    sections = {planner: section(found, results.picture(planner, _GAINS)) for planner, found in transfers.items()}
    scenes = {
        planner: [SceneReport(each.setting.scenario, each.results[planner], each.marks[planner]) for each in scored]
        for planner in comparison.planners
    }
    for place in (folder, comparison.folder):
        if place is not None:
            page = place / f"{results.page}.md"
            for ranking in results.rankings:
                draw_ranking(ranking, place / pictures[ranking.planner])
            for planner, found in transfers.items():
                draw_transfer(found, place / results.picture(planner, _GAINS))
            title = TITLES[results.page]
            text = markdown(
                results.rankings, scenes, pictures, command(), note_of(page), title=title, sections=sections
            )
            write_whole(text, page)


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


def _show(setting: Setting, comparison: Comparison, results: _Results) -> None:
    console = setting.console()
    for ranking in results.rankings:
        console.print(
            f"\n[bold]{len(ranking.executors)} executors in {len(ranking.scenarios)} scenarios[/bold], "
            f"{setting.scenario.hosting.name}: {ranking.stores} held-out stores of each, plans by {ranking.planner}, "
            "the same random numbers for everyone"
        )
        print_ranking(ranking, console)
    page = (comparison.folder or setting.output) / f"{results.page}.md"
    console.print(f"\nScenario by scenario: {page}   Results: {setting.output}   Runs: make ui")
