"""The pictures of a comparison, as PNG files: one style, and one colour per executor in all of them.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart. matplotlib's objects are used
directly, without pyplot: no window, no global state. Legends stand outside the axes, so none hides data.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict, cast
from zlib import crc32

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import (
    EngFormatter,
    FixedLocator,
    FuncFormatter,
    MaxNLocator,
    NullLocator,
    PercentFormatter,
)
from numpy.typing import ArrayLike

from .statistics import Floats, Interval
from .table import Kind, Row

STYLE: dict[str, Any] = {
    "savefig.dpi": 150,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelcolor": "#333333",
    "axes.edgecolor": "#888888",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e8e8e8",
    "grid.linewidth": 0.8,
    "xtick.color": "#888888",
    "ytick.color": "#888888",
    "xtick.labelcolor": "#333333",
    "ytick.labelcolor": "#333333",
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
}
DARK, GREY = "#333333", "#8c8c8c"
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#882255")
FIXED = {
    "open_loop": GREY,
    "random": "#c4c4c4",
    "pid": PALETTE[0],
    "value_pid": PALETTE[1],
    "ppo": PALETTE[2],
    "recurrent_ppo": "#117733",
    "constrained_ppo": "#44aa99",
    "sac": PALETTE[3],
    "evolution": "#c51b7d",
    "evolution_plan": "#8e0152",
    "clone": "#b8860b",
    "iql": "#6a51a3",
    "constant": "#999933",
    "throttle": PALETTE[4],
    "smart_pacing": "#882255",
    "waterlevel": PALETTE[5],
    "multi_pid": "#332288",
    "dual_pacing": "#8c6d31",
    "min_pacing": "#aa4499",
    "mpc": PALETTE[6],
}
MARKERS: dict[Kind, str] = {"plan": "D", "controller": "s", "learned": "o"}
BAND = 0.18  # opacity of a band
RATIOS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 0.7, 0.8, 0.9, 1, 1.1, 1.25, 1.4, 2, 4, 8, 16)  # ticks of a bid ratio


class Curve(TypedDict):
    """Profit of one learned executor during its training."""

    steps: ArrayLike  # (n,) environment steps
    profit: ArrayLike  # (seeds, n) mean profit per store [CNY]; nan where not measured


class Trace(TypedDict):
    """Hour by hour behaviour of one executor on n stores through plans of H hours."""

    spend: ArrayLike  # (H, n) spent in the hour [CNY]
    budget: ArrayLike  # (n,) marketing money of the whole plan [CNY], > 0
    target: ArrayLike  # (H, n) share of the plan's traffic that has passed at the end of the hour, 0..1
    bid_ratio: ArrayLike  # (H, n) bid over the plan's bid; nan or 0 where nothing is bid
    hour_of_day: ArrayLike  # (H, n) 0..23


def colours(executors: Sequence[str]) -> dict[str, str]:
    """A colour for every executor: the usual ones have theirs, others take a free one found by their name."""
    chosen = {name: FIXED[name] for name in executors if name in FIXED}
    for name in sorted(set(executors) - set(FIXED)):
        start = crc32(name.encode()) % len(PALETTE)
        order = [PALETTE[(start + i) % len(PALETTE)] for i in range(len(PALETTE))]
        chosen[name] = next((c for c in order if c not in chosen.values()), order[0])
    return chosen


def profit_intervals(rows: Sequence[Row], path: Path) -> None:
    """Forest plot of all arms in the order given: profit, and its paired differences, with 95 % intervals.

    Raises: ValueError: no row. OSError: the file cannot be written.
    """
    if not rows:
        raise ValueError("rows(=[]) must hold at least one row")
    panels: list[tuple[str, list[Interval | None]]] = [
        ("Profit", [Interval(r.profit_mean, r.profit_low, r.profit_high) for r in rows]),
        ("Difference to the plan as written", [r.vs_open_loop for r in rows]),
        ("Difference to the best controller", [r.vs_best_controller for r in rows]),
    ]
    panels = [(title, intervals) for title, intervals in panels if any(i is not None for i in intervals)]
    with styled_figure(path, (2.1 + 2.8 * len(panels), 1.35 + 0.34 * len(rows))) as figure:
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for ax, (title, intervals) in zip(axes, panels, strict=True):
            _forest(ax, rows, intervals)
            ax.set(title=title, xlabel="CNY per store")
        for ax in axes[1:]:
            ax.axvline(0, color=DARK, linewidth=0.9, zorder=1)
        at = np.arange(len(rows))
        axes[0].plot([r.profit_iqm for r in rows], at, "|", color=DARK, markersize=9, zorder=4)
        axes[0].set_yticks(at, [f"{r.planner} + {r.executor}" for r in rows])
        axes[0].set_ylim(len(rows) - 0.5, -0.5)
        kinds = [kind for kind in MARKERS if kind in {r.kind for r in rows}]
        keys = [
            Line2D([], [], color=GREY, marker=MARKERS[k], markersize=5.5, label=f"{k}: mean, 95 % interval")
            for k in kinds
        ]
        iqm = Line2D([], [], color=DARK, marker="|", linestyle="", markersize=8, label="interquartile mean")
        keys.append(iqm)
        figure.legend(handles=keys, loc="outside upper left", ncols=len(keys))


def learning_curves(curves: Mapping[str, Curve], baselines: Mapping[str, float], path: Path) -> None:
    """Profit against training steps: median over seeds, band over 95 % of them; controllers as dashed lines.

    Args:
        curves: learned executor -> its curve.
        baselines: executor that is not trained -> its mean profit per store on the same stores [CNY].
    Raises: ValueError: names the executor, the field and what is allowed.
    """
    _some("curves", curves)
    colour = colours([*curves, *baselines])
    with styled_figure(path, (7.2, 3.9)) as figure:
        ax = figure.subplots()
        for name, curve in curves.items():
            steps, profit = _curve(name, curve)
            seeds = f"{len(profit)} seed{'s' if len(profit) > 1 else ''}"
            low, median, high = np.nanquantile(profit, [0.025, 0.5, 0.975], axis=0)
            ax.fill_between(steps, low, high, color=colour[name], alpha=BAND, linewidth=0)
            ax.plot(steps, median, color=colour[name], label=f"{name}\n(median, 95 % of {seeds})", zorder=3)
        for name, value in sorted(baselines.items(), key=lambda item: -item[1]):
            ax.axhline(value, color=colour[name], linestyle=(0, (5, 2)), linewidth=1.4, label=name)
        ax.set(title="Profit during training", xlabel="environment steps", ylabel="profit [CNY per store]")
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        ax.yaxis.set_major_formatter(_thousands())
        ax.margins(x=0)
        figure.legend(loc="outside right upper")


def spend_against_target(traces: Mapping[str, Trace], path: Path) -> None:
    """Cumulative share of the budget spent through the days against the plan's target, a panel per executor.

    Line: median store; band: 25-75 % of stores; dashed: median target. The title gives the distance from the
    target, averaged over hours and stores, in percent of the budget.
    Raises: ValueError: names the executor, the field and what is allowed.
    """
    _some("traces", traces)
    colour = colours(list(traces))
    columns = min(3, len(traces))
    lines = -(-len(traces) // columns)
    with styled_figure(path, (1.2 + 2.9 * columns, 0.9 + 2.3 * lines)) as figure:
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False).ravel()
        for ax, (name, trace) in zip(grid, traces.items(), strict=False):
            arrays = _trace(name, trace)
            _spend_panel(ax, arrays, colour[name])
            ax.set_title(f"{name}: mean gap {100 * np.mean(np.abs(_gap(arrays))):.1f} %", color=DARK)
        for ax in grid[len(traces) :]:
            ax.set_axis_off()
        for ax in grid[max(0, len(traces) - columns) : len(traces)]:
            ax.set_xlabel("day of the plan")
            ax.tick_params(labelbottom=True)
        for ax in grid[::columns]:
            ax.set_ylabel("share of budget spent")
        keys = [
            Line2D(
                [],
                [],
                color=DARK,
                linestyle=(0, (4, 2)),
                linewidth=1.2,
                label="target: share of traffic passed",
            ),
            Line2D([], [], color=GREY, label="spent, median store"),
            mpl.patches.Patch(color=GREY, alpha=BAND, linewidth=0, label="25-75 % of stores"),
        ]
        figure.legend(handles=keys, loc="outside upper left", ncols=len(keys) if columns > 1 else 1)


def bids_by_hour(traces: Mapping[str, Trace], path: Path) -> None:
    """Bid over the plan's bid by the hour of the day, mean over stores and days.

    The mean is geometric, because executors act in log bid: halving and doubling cancel.

    Raises: ValueError: names the executor, the field and what is allowed.
    """
    _some("traces", traces)
    colour = colours(list(traces))
    with styled_figure(path, (7.2, 3.5)) as figure:
        ax = figure.subplots()
        seen = [0.85, 1.2]
        for name, trace in traces.items():
            ratio = _hourly_ratio(_trace(name, trace))
            seen += ratio[np.isfinite(ratio)].tolist()
            ax.plot(np.arange(24), ratio, color=colour[name], marker="o", markersize=3.2, label=name)
        ax.axhline(1, color=DARK, linewidth=0.9, zorder=1)
        ax.set_yscale("log")
        ax.set_ylim(min(seen) / 1.04, max(seen) * 1.04)
        ax.yaxis.set_major_locator(FixedLocator(RATIOS))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"× {value:.3g}"))
        ax.set(
            title="Bids through the day",
            xlabel="hour of the day [h]",
            ylabel="bid / bid of the plan\n(geometric mean)",
        )
        ax.set_xticks(range(0, 24, 3))
        ax.margins(x=0.02)
        figure.legend(loc="outside right upper")


@contextmanager
def styled_figure(path: Path, size: tuple[float, float]) -> Iterator[Figure]:
    """A figure [inch] in our style, written to `path` at the end; nothing is written where drawing fails."""
    with mpl.rc_context(cast(Any, STYLE)):
        figure = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", metadata={"Software": None})


def _forest(ax: Axes, rows: Sequence[Row], intervals: Sequence[Interval | None]) -> None:
    colour = colours([row.executor for row in rows])
    for place, (row, interval) in enumerate(zip(rows, intervals, strict=True)):
        if interval is None:
            continue
        ax.plot([interval.low, interval.high], [place, place], color=colour[row.executor], linewidth=2.2)
        ax.plot(interval.mean, place, MARKERS[row.kind], color=colour[row.executor], markersize=5.5, zorder=3)
    ax.xaxis.set_major_formatter(_thousands())
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)


def _spend_panel(ax: Axes, arrays: dict[str, Floats], colour: str) -> None:
    days = np.arange(len(arrays["spend"]) + 1) / 24
    low, median, high = _from_zero(np.quantile(_spent(arrays), [0.25, 0.5, 0.75], axis=1))
    ax.fill_between(days, low, high, color=colour, alpha=BAND, linewidth=0)
    ax.plot(days, median, color=colour, zorder=3)
    ax.plot(
        days,
        _from_zero(np.median(arrays["target"], axis=1)),
        color=DARK,
        linestyle=(0, (4, 2)),
        linewidth=1.2,
    )
    ax.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
    ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
    ax.set(xlim=(0, days[-1]), ylim=(0, 1.03))


def _spent(arrays: dict[str, Floats]) -> Floats:
    """Cumulative share of the budget spent at the end of every hour, (H, n)."""
    return np.asarray(np.cumsum(arrays["spend"], axis=0) / arrays["budget"])


def _gap(arrays: dict[str, Floats]) -> Floats:
    """Share spent less the target, (H, n)."""
    return _spent(arrays) - arrays["target"]


def _from_zero(shares: Floats) -> Floats:
    """The same with the start of the plan, where nothing is spent, put before; (..., H) -> (..., H + 1)."""
    return np.concatenate([np.zeros_like(shares[..., :1]), shares], axis=-1)


def _hourly_ratio(arrays: dict[str, Floats]) -> Floats:
    """Geometric mean of the bid ratio by the hour of the day, (24,); nan where nothing was bid."""
    bid, hour = arrays["bid_ratio"], arrays["hour_of_day"].astype(int)
    kept = np.isfinite(bid) & (bid > 0)
    count = np.bincount(hour[kept], minlength=24)
    total = np.bincount(hour[kept], weights=np.log(bid[kept]), minlength=24)
    return np.asarray(np.exp(np.divide(total, count, out=np.full(24, np.nan), where=count > 0)))


def _thousands() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{value:,.10g}")


def _some(name: str, values: Mapping[str, object]) -> None:
    if not values:
        raise ValueError(f"{name}(={{}}) must hold at least one executor")


def _curve(name: str, curve: Curve) -> tuple[Floats, Floats]:
    steps, profit = np.asarray(curve["steps"], dtype=float), np.asarray(curve["profit"], dtype=float)
    if steps.ndim != 1 or profit.ndim != 2 or profit.shape[1] != len(steps) or profit.size == 0:
        raise ValueError(
            f"{name}: profit(shape={profit.shape}) must be (seeds, n) for steps(shape={steps.shape}) of (n,)"
        )
    measured = np.isfinite(profit).any(axis=0)
    if not measured.any():
        raise ValueError(f"{name}: profit(=nan) must be finite somewhere")
    return steps[measured], profit[:, measured]


def _trace(name: str, trace: Trace) -> dict[str, Floats]:
    """The arrays of a trace, checked: what is drawn must be finite and of one shape."""
    arrays = {field: np.asarray(values, dtype=float) for field, values in trace.items()}
    shape = arrays["spend"].shape
    for field, x in arrays.items():
        wanted = shape[1:] if field == "budget" else shape
        if len(shape) != 2 or 0 in shape or x.shape != wanted:
            raise ValueError(f"{name}: {field}(shape={x.shape}) must be {wanted} for spend(H, n) of {shape}")
        if field != "bid_ratio" and not np.isfinite(x).all():
            bad = np.count_nonzero(~np.isfinite(x))
            raise ValueError(f"{name}: {field} must be finite, {bad} entries are not")
    if arrays["budget"].min() <= 0:
        raise ValueError(f"{name}: budget(={arrays['budget'].min()}) must be > 0")
    hour = arrays["hour_of_day"]
    if hour.min() < 0 or hour.max() > 23:
        raise ValueError(f"{name}: hour_of_day({hour.min():g}..{hour.max():g}) must be in 0..23")
    return arrays
