"""The picture of a ranking: uplift by scenario, the means over scenarios, and performance profiles."""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import SubFigure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter

from .plots import BAND, DARK, MARKERS, colours, styled_figure
from .ranking import Cell, Ranking
from .statistics import Interval
from .table import OPEN_LOOP

_MAP = LinearSegmentedColormap.from_list("uplift", ["#c8553d", "#f0b9a8", "#f7f7f5", "#a9cfdd", "#2a7f9e"])
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])  # of red, green, blue
_DARKEST = 0.9
"""Quantile of the uplifts' size that has the strongest colour."""
_STRONG = 4
"""So many executors, the best by mean rank, have a bold line and a band in the profiles; so has the plan as written."""
_CELL, _ROW, _LEAST = 0.86, 0.44, 10.8  # [inch] width and height of a cell, width of the figure


def draw_ranking(ranking: Ranking, path: Path) -> None:
    """Above, the uplift of every executor in every scenario; below, means over scenarios and performance profiles.

    Raises: OSError: the file cannot be written.
    """
    rows = len(ranking.summaries)
    means: list[tuple[str, str, float, list[Interval | None]]] = [
        ("Mean rank", "1 is best", 1.0, [one.rank for one in ranking.summaries]),
        ("Mean uplift", "[%]", 100.0, [one.uplift for one in ranking.summaries]),
    ]
    if ranking.bounded:
        shares: list[Interval | None] = [one.share for one in ranking.summaries]
        means.append(("Share of bound", "[%]", 100.0, shares))
    heights = (1.5 + _ROW * rows, 1.6 + 0.33 * max(rows, 6))
    width = max(1.6 + _CELL * len(ranking.scenarios), _LEAST)
    with styled_figure(path, (width, sum(heights))) as figure:
        upper, lower = cast("tuple[SubFigure, SubFigure]", figure.subfigures(2, 1, height_ratios=heights))
        _matrix(upper.subplots(), ranking)
        grid = lower.subplots(1, 1 + len(means), width_ratios=(*(1.0,) * len(means), 2.6), squeeze=False)[0]
        for ax, (title, unit, scale, intervals) in zip(grid, means, strict=False):
            _forest(ax, ranking, intervals, scale)
            ax.set(title=title, xlabel=unit)
        grid[0].set_yticks(range(rows), _numbered(ranking), fontsize=10)
        _profiles(grid[-1], ranking)


def _numbered(ranking: Ranking) -> list[str]:
    return [f"{i}  {name}" for i, name in enumerate(ranking.executors, 1)]


def _matrix(ax: Axes, ranking: Ranking) -> None:
    """Uplift in percent with half the width of its interval, executors x scenarios."""
    uplift = np.array([[ranking.cell(s, e).uplift.mean for s in ranking.scenarios] for e in ranking.executors])
    limit = max(float(np.quantile(np.abs(uplift), _DARKEST)), 0.005)
    colour = _MAP(Normalize(-limit, limit)(uplift))
    ax.imshow(colour, aspect="auto")
    for y, executor in enumerate(ranking.executors):
        for x, scenario in enumerate(ranking.scenarios):
            dark = float(colour[y, x, :3] @ _LUMINANCE) < 0.55
            _write_cell(ax, x, y, ranking.cell(scenario, executor), "white" if dark else DARK)
    names = [name.replace("_", "\n") for name in ranking.scenarios]
    ax.set_xticks(range(len(names)), names, fontsize=9.5)
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(ranking.executors)), _numbered(ranking), fontsize=10)
    ax.tick_params(axis="both", length=0)
    ax.spines[:].set_visible(False)
    ax.grid(visible=False)
    ax.set_title("Profit over the plan as written [%], ± half the width of its 95 % interval\n", fontsize=10.5)
    ax.set_xlabel(
        "Framed: the best of its scenario.   ≈ tied with it: not significantly worse.   "
        "* significantly different from the plan as written (Holm)."
    )


def _write_cell(ax: Axes, x: int, y: int, cell: Cell, ink: str) -> None:
    tied = " ≈" if cell.tied else ""
    if cell.executor == OPEN_LOOP:
        ax.text(x, y, f"0{tied}", ha="center", va="center", color=ink, fontsize=10)
    else:
        text = f"{100 * cell.uplift.mean:+.1f}{'*' if cell.starred else ''}{tied}"
        half = 50 * (cell.uplift.high - cell.uplift.low)
        ax.text(x, y - 0.14, text, ha="center", va="center", color=ink, fontsize=10, weight=_weight(cell.best))
        ax.text(x, y + 0.27, f"± {half:.1f}", ha="center", va="center", color=ink, fontsize=8)
    if cell.best:
        ax.add_patch(Rectangle((x - 0.47, y - 0.46), 0.94, 0.92, fill=False, edgecolor=DARK, linewidth=1.8, zorder=5))


def _weight(strong: bool) -> str:
    return "bold" if strong else "normal"


def _forest(ax: Axes, ranking: Ranking, intervals: Sequence[Interval | None], scale: float) -> None:
    """One line an executor, in the rows of the matrix."""
    colour = colours(ranking.executors)
    for place, (one, interval) in enumerate(zip(ranking.summaries, intervals, strict=True)):
        if interval is not None:
            ends = [scale * interval.low, scale * interval.high]
            ax.plot(ends, [place, place], color=colour[one.executor], linewidth=2.4)
            ax.plot(scale * interval.mean, place, MARKERS[one.kind], color=colour[one.executor], markersize=6)
    ax.set_ylim(len(ranking.summaries) - 0.5, -0.5)
    ax.set_yticks(range(len(ranking.summaries)), [])
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(5))


def _profiles(ax: Axes, ranking: Ranking) -> None:
    """Share of stores that reach a score; the first executors and the plan as written stand out."""
    colour = colours(ranking.executors)
    strong = {*ranking.executors[:_STRONG], OPEN_LOOP}
    for name in reversed(ranking.executors):
        one, line = ranking.profiles[name], colour[name]
        if name in strong:
            ax.fill_between(100 * one.scores, one.low, one.high, color=line, alpha=BAND, linewidth=0)
            ax.plot(100 * one.scores, one.share, color=line, linewidth=2.2, zorder=4)
        else:
            ax.plot(100 * one.scores, one.share, color=line, linewidth=1.2, linestyle=(0, (4, 1.5)), zorder=3)
    score = "share of the bound" if ranking.bounded else "gain over the plan as written"
    ax.set(title="Stores that reach a score (colours as on the left)", xlabel=f"score: {score} [%]")
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.margins(x=0)
    ax.set_ylim(-0.01, 1.01)
