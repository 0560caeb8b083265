"""The pictures of an agreement study."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator, NullLocator

from .agreement_analysis import STATISTICS, Study
from .agreement_outputs import BY_PLACE, OUTPUTS
from .agreement_report import situations
from .plots import DARK, GREY, PALETTE, styled_figure
from .statistics import Floats

_LINEAR = 0.1  # [%] up to which the axis of the differences is linear
_TICKS = (-10.0, -1.0, -0.1, 0.0, 0.1, 1.0, 10.0)
_SHOWN = (
    ("slack", "ad_clicks"),
    ("daily_budget", "spent"),
    ("plan_budget", "served_hours"),
    ("caps", "ad_clicks"),
    ("stock_out", "refused"),
    ("shock", "rank"),
    ("promotion", "orders_within_day"),
    ("closing", "profit"),
)
"""Situation and output of each panel of the distributions."""


def relative_differences(study: Study, path: Path) -> None:
    """Forest plot: for every output and situation, the difference of means in percent with its 95 % interval.

    What the study rejects is red. The axis is linear up to 0.1 %, logarithmic beyond.
    """
    names = situations(study)
    outputs = [o for o in OUTPUTS if BY_PLACE not in o and any(o in study.means(name) for name in names)]
    rejected = {(c.situation, c.output) for c in study.broken if c.statistic == "mean"}
    with styled_figure(path, (1.9 + 1.6 * len(names), 0.9 + 0.165 * len(outputs))) as figure:
        grid = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
        for ax, name in zip(grid, names, strict=True):
            means = study.means(name)
            shown = [(place, means[output]) for place, output in enumerate(outputs) if output in means]
            places = [place for place, _ in shown]
            middle = np.array([100.0 * found.relative for _, found in shown])
            half = np.array([100.0 * found.half_width() / found.scale if found.scale else 0.0 for _, found in shown])
            colour = [PALETTE[1] if (name, outputs[place]) in rejected else PALETTE[0] for place in places]
            ax.hlines(places, middle - half, middle + half, color=colour, linewidth=1.4)
            ax.scatter(middle, places, color=colour, s=7, zorder=3)
            ax.axvline(0.0, color=DARK, linewidth=0.8, zorder=1)
            ax.set_xscale("symlog", linthresh=_LINEAR, linscale=0.7)
            ax.set_xticks(_TICKS)
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.tick_params(axis="x", labelsize=6.5)
            ax.set(title=name.replace("_", " "), xlabel="difference [%]", xlim=(-15.0, 15.0))
        grid[0].set_yticks(range(len(outputs)), [output.replace("_", " ") for output in outputs], fontsize=7)
        grid[0].set_ylim(len(outputs) - 0.5, -0.5)


def distributions(pairs: Mapping[str, tuple[Floats, Floats]], engines: tuple[str, ...], path: Path) -> None:
    """Histograms of both engines over each other, and below their quantiles against each other.

    Args:
        pairs: by situation, outputs of both engines, (S, runs, OUTPUTS).
        engines: names of both.
    """
    shown = [(name, output) for name, output in _SHOWN if name in pairs] or [(next(iter(pairs)), "ad_clicks")]
    with styled_figure(path, (2.4 * len(shown), 4.6)) as figure:
        grid = figure.subplots(2, len(shown), squeeze=False)
        for (above, below), (name, output) in zip(grid.T, shown, strict=True):
            place = OUTPUTS.index(output)
            first, second = (values[..., place].ravel() for values in pairs[name])
            _histograms(above, first, second, engines)
            above.set_title(f"{name}: {output}".replace("_", " "), fontsize=8.5)
            _quantiles(below, first, second, engines)
        handles, labels = grid[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2)


def _histograms(ax: Axes, first: Floats, second: Floats, engines: tuple[str, ...]) -> None:
    low, high = np.quantile(np.concatenate([first, second]), [0.001, 0.999])
    edges = np.linspace(low, max(high, low + 1e-9), 41).tolist()
    if high - low < 2 * len(edges) and np.array_equal(second, np.round(second)):
        edges = np.arange(low - 0.5, high + 1.0, 1.0 + (high - low) // len(edges)).tolist()  # bins of whole counts
    ax.hist(second, edges, density=True, color=GREY, alpha=0.45, label=engines[1])
    ax.hist(first, edges, density=True, histtype="step", color=PALETTE[0], linewidth=1.3, label=engines[0])
    ax.set_yticks([])
    ax.tick_params(axis="x", labelsize=7)
    _plain_ticks(ax)


def _quantiles(ax: Axes, first: Floats, second: Floats, engines: tuple[str, ...]) -> None:
    shares = np.linspace(0.005, 0.995, 100)
    x, y = np.quantile(second, shares), np.quantile(first, shares)
    ends = [min(x.min(), y.min()), max(x.max(), y.max())]
    ax.plot(ends, ends, color=DARK, linewidth=0.8, zorder=1)
    ax.plot(x, y, "o", color=PALETTE[0], markersize=2.4)
    ax.set(xlabel=f"quantiles, {engines[1]}", ylabel=f"quantiles, {engines[0]}")
    ax.tick_params(labelsize=7)
    ax.yaxis.set_major_formatter(EngFormatter(sep=""))
    _plain_ticks(ax)


def _plain_ticks(ax: Axes) -> None:
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_major_locator(MaxNLocator(4))


def p_values(study: Study, path: Path) -> None:
    """Share of comparisons with a p-value of at most x: the diagonal, if the engines are one law.

    Outputs hang together, so the curves wander about the diagonal more than independent p-values would.
    """
    with styled_figure(path, (4.6, 3.6)) as figure:
        ax = figure.subplots()
        ax.plot([0, 1], [0, 1], color=DARK, linewidth=0.8, zorder=1)
        for statistic, colour in zip(STATISTICS, PALETTE, strict=False):
            chances = np.sort([c.p for c in study.comparisons if c.statistic == statistic and c.p < 1.0])
            label = f"{statistic}: {len(chances)} comparisons"
            ax.step(chances, np.arange(1, len(chances) + 1) / max(len(chances), 1), color=colour, label=label)
        ax.set(title="p-values, not adjusted", xlabel="p", ylabel="share of comparisons with at most p")
        figure.legend(loc="outside lower center", ncols=1)
