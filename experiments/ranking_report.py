"""A ranking as a reader meets it: on the screen, as a page of the docs, as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from merchantgym.envs.scenario import Scenario

from .markdown import bracket, money, p_value, percent, table, with_note
from .ranking import ALPHA, Cell, Marks, Ranking
from .table import OPEN_LOOP, ArmResult
from .whole_file import write_whole

_WIDTH = 140  # columns a printed table may take
_TIED = "≈"


@dataclass(frozen=True, eq=False)
class SceneReport:
    """What a page tells of one scenario beside its ranking."""

    scenario: Scenario
    results: Sequence[ArmResult]
    marks: Marks | None


def write_json(rankings: Sequence[Ranking], path: Path) -> None:
    """Write summaries and cells, a ranking a planner; whole or not at all."""
    kept = [{key: value for key, value in asdict(one).items() if key != "profiles"} for one in rankings]
    write_whole(json.dumps(kept, indent=2, allow_nan=False, ensure_ascii=False) + "\n", path)


def print_ranking(ranking: Ranking, console: Console) -> None:
    """The executors over all scenarios, on the screen."""
    heads, lines = _heads(ranking), [_summary_line(ranking, i) for i in range(len(ranking.summaries))]
    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, head in enumerate(heads):
        grid.add_column(head.replace("<br>", "\n"), justify="left" if place == 1 else "right", no_wrap=True)
    for line, summary in zip(lines, ranking.summaries, strict=True):
        colour = ("green" if summary.uplift.low > 0 else "red") if summary.uplift.excludes_zero else ""
        grid.add_row(*line[:3], Text(line[3], colour), *line[4:])
    grid.width = Measurement.get(console, console.options.update(max_width=_WIDTH), grid).maximum
    console.print(grid, crop=False)
    console.print(
        Text(
            f"{len(ranking.scenarios)} scenarios count alike; {ranking.stores} stores of each. Brackets: 95 % "
            "intervals, stores resampled in\nall scenarios at once. Rank by the merchant's mean profit. Tied: not "
            "significantly worse than the best (Holm).",
            "dim",
        ),
        soft_wrap=True,
    )


def markdown(
    rankings: Sequence[Ranking],
    scenes: Mapping[str, Sequence[SceneReport]],
    pictures: Mapping[str, str],
    command: str,
    note: str = "",
    *,
    title: str = "Controllers: who wins where",
    sections: Mapping[str, str] | None = None,
) -> str:
    """The page.

    Args:
        rankings: one a planner.
        scenes: planner -> one a scenario.
        pictures: planner -> name of its picture beside the page.
        command: that made it.
        note: what people wrote about it.
        title: of the page.
        sections: planner -> what else is told before its ranking over all scenarios.
    """
    parts = [f"# {title}\n", _introduction(rankings, scenes, command)]
    for ranking in rankings:
        if len(rankings) > 1:
            parts.append(f"# Plans of `{ranking.planner}`\n")
        parts += [sections[ranking.planner]] if sections and ranking.planner in sections else []
        parts.append(f"![Uplift by scenario, mean rank and performance profiles]({pictures[ranking.planner]})\n")
        parts.append("## Over all scenarios\n")
        lines = [_summary_line(ranking, i, "**") for i in range(len(ranking.summaries))]
        parts.append(table(_heads(ranking), lines))
        parts.append("## Uplift over the plan as written, scenario by scenario [%]\n")
        parts.append(table(*_matrix(ranking)))
        parts.append(
            f"**Bold**: the best of its scenario. {_TIED}: tied with the best. \\*: significantly different from "
            f"the plan as written, adjusted for the {len(ranking.summaries) - 1} executors of its scenario.\n"
        )
        parts.append("## Who wins where\n")
        parts.append("\n".join(_winners(ranking, name) for name in ranking.scenarios) + "\n")
    parts.append(f"## Why\n\n{with_note(note)}")
    parts.append(_reading(rankings[0]))
    for ranking in rankings:
        of_planner = f", plans of `{ranking.planner}`" if len(rankings) > 1 else ""
        parts += [_scene(ranking, scene, of_planner) for scene in scenes[ranking.planner]]
    return "\n".join(parts)


def _introduction(rankings: Sequence[Ranking], scenes: Mapping[str, Sequence[SceneReport]], command: str) -> str:
    first = rankings[0]
    scenario = scenes[first.planner][0].scenario
    days = sorted({scene.scenario.days for scene in scenes[first.planner]})
    planners = " and ".join(f"`{ranking.planner}`" for ranking in rankings)
    bound = f" The upper bound is known of the first {first.bounded} of them." if first.bounded else ""
    return (
        f"Written by `{command}`.\n\n"
        f"{len(first.summaries)} executors carry out the plans of {planners}, {' or '.join(map(str, days))} days long, "
        f"on the same {first.stores} held-out stores of each of {len(first.scenarios)} [scenarios](scenarios.md), "
        f"hosting `{scenario.hosting.name}`, under the same random numbers. Gains are those of `conf/controller`; no "
        f"held-out store had a say in them.{bound}\n"
    )


def _heads(ranking: Ranking) -> list[str]:
    heads = ["#", "executor", "mean rank", "uplift [%]", "typical store's<br>gain [%]"]
    heads += ["share of<br>the bound [%]"] if ranking.bounded else []
    heads += [f"beats {ranking.rival}<br>[% of stores]"] if ranking.rival else []
    return [*heads, "best in", "best or<br>tied in"]


def _summary_line(ranking: Ranking, place: int, strong: str = "") -> list[str]:
    """One executor over all scenarios; the best of a column that is read downwards stands between `strong`."""
    one, scenarios = ranking.summaries[place], len(ranking.scenarios)

    def marked(text: str, best: bool) -> str:
        return f"{strong}{text}{strong}" if best else text

    line = [str(place + 1), one.executor, marked(bracket(one.rank, 1.0, ".1f"), place == 0)]
    line.append(marked(percent(one.uplift), one.uplift.mean == max(each.uplift.mean for each in ranking.summaries)))
    line.append(marked(percent(one.middle), one.middle.mean == max(each.middle.mean for each in ranking.summaries)))
    if one.share is not None:
        shares = [each.share.mean for each in ranking.summaries if each.share is not None]
        line.append(marked(bracket(one.share, 100.0, ".1f"), one.share.mean == max(shares)))
    if one.improvement is not None:
        line.append("" if one.executor == ranking.rival else bracket(one.improvement, 100.0, ".0f"))
    return [*line, f"{len(one.best)} of {scenarios}", f"{len(one.best) + len(one.tied)} of {scenarios}"]


def _matrix(ranking: Ranking) -> tuple[list[str], list[list[str]]]:
    """Executors x scenarios."""
    heads = ["executor", *(name.replace("_", "<br>") for name in ranking.scenarios)]
    lines = []
    for one in ranking.summaries:
        cells = [ranking.cell(scenario, one.executor) for scenario in ranking.scenarios]
        lines.append([one.executor, *map(_uplift, cells)])
    return heads, lines


def _uplift(cell: Cell) -> str:
    text = "0" if cell.executor == OPEN_LOOP else f"{100.0 * cell.uplift.mean:+.1f}"
    star = "\\*" if cell.starred else ""
    return f"**{text}**{star}" if cell.best else f"{text}{star}{_TIED if cell.tied else ''}"


def _winners(ranking: Ranking, scenario: str) -> str:
    best, *others = ranking.of(scenario)
    tied = [f"`{cell.executor}`" for cell in others if cell.tied]
    lead = f"- **{scenario}**: `{best.executor}`, "
    lead += (
        "the plan as written" if best.executor == OPEN_LOOP else f"{percent(best.uplift)} % over the plan as written"
    )
    return lead + (f"; tied with {', '.join(tied)}" if tied else "; alone") + "."


def _reading(ranking: Ranking) -> str:
    lines = [
        "## How to read this",
        "",
        "- Brackets are 95 % intervals by the bootstrap. A store is resampled in all scenarios at once, since it lives "
        "in several of them.",
        "- **Uplift**: mean profit over that of the plan as written (`open_loop`), paired store by store.",
        "- **Rank**: by mean profit within a scenario; the mean rank takes all scenarios alike. Chance shuffles those "
        "who are nearly equal, so the intervals of first and last lean towards the middle.",
        "- **Typical store's gain**: interquartile mean over stores and scenarios of a store's gain over the plan as "
        "written, in percent of the scenario's mean. Where it is far below the uplift, a few stores make the uplift.",
        f"- **Stars and ties**: two-sided, adjusted by Holm's method within a scenario, at {ALPHA:.0%}. The best is "
        "picked on the stores it is measured on, which flatters it: read it with those tied to it.",
    ]
    if ranking.rival:
        lines.append(f"- **Beats {ranking.rival}**: share of stores on which more is earned, a tie counting one half.")
    if ranking.bounded:
        lines.append(
            "- **Share of the bound**: (profit - no ads) / (upper bound - no ads), summed over the stores whose bound "
            "is known. No ads is the plan with every advertisement paused; the bound is what no executor of the plan "
            "can exceed, knowing all parameters and the weather to come. It is no promise that it can be reached."
        )
    return "\n".join(lines) + "\n"


def _scene(ranking: Ranking, scene: SceneReport, of_planner: str) -> str:
    name, by_name = scene.scenario.name, {result.executor: result for result in scene.results}
    text = [f"## {name}{of_planner}\n", f"{scene.scenario.about.strip()}\n"]
    if scene.marks is not None:
        plan = by_name[OPEN_LOOP].profit[:, : ranking.bounded].mean()
        text.append(
            f"On the {ranking.bounded} stores whose bound is known: no ads {scene.marks.no_ads.mean():,.0f}, the plan "
            f"as written {plan:,.0f}, upper bound {scene.marks.bound.mean():,.0f} CNY per store.\n"
        )
    heads = ["executor", "profit [CNY]", "over the plan as written [CNY]", "p (Holm)", "over the best other [CNY]"]
    heads += ["share of<br>the bound [%]"] if scene.marks is not None else []
    heads += ["spend [CNY]", "ROI", "listings that<br>broke zero", "ROI floors<br>missed [%]"]
    text.append(table(heads, [_scene_line(cell, by_name[cell.executor]) for cell in ranking.of(name)]))
    return "\n".join(text)


def _scene_line(cell: Cell, result: ArmResult) -> list[str]:
    reference = cell.executor == OPEN_LOOP
    other = "" if cell.vs_best_other is None else f"{money(cell.vs_best_other)} {cell.best_other}"
    line = [f"**{cell.executor}**" if cell.best else f"{cell.executor} {_TIED if cell.tied else ''}".strip()]
    line += [
        bracket(cell.profit, 1.0, ",.0f"),
        *(["", ""] if reference else [money(cell.vs_open_loop), p_value(cell.p)]),
    ]
    line += [other] if cell.share is None else [other, bracket(cell.share, 100.0, ".1f")]
    spend = float(result.spend.mean())
    roi = f"{float(result.attributed_gmv.mean()) / spend:.2f}" if spend > 0.0 else ""
    return [*line, f"{spend:,.0f}", roi, f"{result.broke_zero.mean():.2f}", f"{100.0 * result.violations.mean():.0f}"]
