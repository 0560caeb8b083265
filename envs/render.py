"""Pictures of a store's run: one dashboard of its traffic, its money and what the executor did."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font_names
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from .engines.layout import N_CHANNELS, FloatArray
from .market.parameters import CHANNELS
from .store import HOURS_PER_DAY
from .task import LOG_DISCOUNT
from .trace import Trace

_CHINESE = ("Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "WenQuanYi Zen Hei", "SimHei")  # for shops' names
STYLE: dict[str, Any] = {
    "figure.facecolor": "white",
    "font.family": ["DejaVu Sans", *(name for name in _CHINESE if name in get_font_names())],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.titlepad": 5,
    "axes.labelsize": 8.5,
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
    "legend.labelcolor": "#333333",
    "legend.fontsize": 8.5,
    "legend.handlelength": 1.5,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "legend.borderpad": 0.0,
    "lines.linewidth": 1.5,
    "lines.solid_capstyle": "round",
}
DARK, GREY, RED = "#333333", "#8c8c8c", "#B3261E"
BLUE, ORANGE, GREEN, PINK, AMBER = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00"
DASHES = (0, (4, 2))
AD, ORGANIC = BLUE, AMBER
CHANNEL_COLOURS = dict(zip(CHANNELS, (BLUE, PINK), strict=True))
SHELF = ListedColormap(["#C9E3F5", "#8FC3E8", "#4A9BD1", "#0072B2", "#004B7A"]).with_extremes(under=ORANGE)
SIZE = (12.0, 7.5)  # [inch]
DPI = 100  # 1200 x 750 pixels
FILE_DPI = 150
MARGINS = {"left": 0.066, "right": 0.985, "top": 0.845, "bottom": 0.065, "hspace": 0.36, "wspace": 0.29}
RATIOS = {  # ticks of a bid ratio, by the span they are for
    2.5: (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.4, 1.6, 1.8, 2.0),
    7.0: (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0),
    np.inf: (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0, 2.0, 4.0, 8.0, 16.0),
}
_TITLE_LENGTH = 36  # [characters] for which there is room in full size
_WINDOW = 24  # [h] of the running mean of a win share


def draw_run(trace: Trace | None, store: int, *, title: str) -> NDArray[np.uint8]:
    """Dashboard of one store's run so far, as an image of shape (750, 1200, 3).

    Args:
        trace: hours recorded so far; None draws the empty, labelled dashboard.
        store: column of the trace.
        title: heading, for example the store's name.
    Raises: ValueError: the trace has no such store.
    """
    with dashboard(trace, store, title) as figure:
        canvas: Any = FigureCanvasAgg(figure)
        canvas.draw()
        return np.asarray(canvas.buffer_rgba(), dtype=np.uint8)[:, :, :3].copy()


def save_run(trace: Trace | None, store: int, path: Path, *, title: str) -> None:
    """The same dashboard as a PNG file, at one and a half times the size.

    Raises: ValueError: the trace has no such store. OSError: the file cannot be written.
    """
    with dashboard(trace, store, title) as figure:
        FigureCanvasAgg(figure)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, format="png", dpi=FILE_DPI, metadata={"Software": None})


@contextmanager
def dashboard(trace: Trace | None, store: int, title: str) -> Iterator[Figure]:
    """The figure, drawn in our style; fixed margins, because a layout engine would take half of the time."""
    run = None if trace is None or len(trace.spend) == 0 else one_store(trace, store)
    with mpl.rc_context(cast(Any, STYLE)):
        figure = Figure(figsize=SIZE, dpi=DPI)
        grid = figure.subplots(3, 3, sharex=True, gridspec_kw=MARGINS)
        draw_heading(figure, run, title)
        for draw, ax in zip(_PANELS, grid.ravel(), strict=True):
            draw(ax, run)
            ax.yaxis.set_label_coords(-0.18, 0.5)
        days = 1.0 if run is None else max(1.0, len(run.spend) / HOURS_PER_DAY)
        ax.set_xlim(0.0, days)
        ax.xaxis.set_major_locator(MaxNLocator(7, integer=days > 3.0, steps=[1, 2, 2.5, 5, 10]))
        for ax in grid[-1]:
            ax.set_xlabel("day of the plan")
        yield figure


def one_store(trace: Trace, store: int) -> Trace:
    """The trace of one store, its axis of stores dropped."""
    count = trace.budget.shape[0]
    if not 0 <= store < count:
        raise ValueError(f"store(={store}) must be in [0, {count}), the stores of the trace")
    columns = {name: values[:, store] for name, values in vars(trace).items() if name != "budget"}
    return Trace(budget=trace.budget[store], **columns)


def draw_heading(figure: Figure, run: Trace | None, title: str) -> None:
    """Title, where in the plan we are, and the figures that a merchant asks for first."""
    size = min(14.0, 14.0 * _TITLE_LENGTH / max(len(title), 1))
    figure.text(0.02, 0.955, title, fontsize=size, fontweight="bold", color=DARK, va="center", parse_math=False)
    if run is None:
        figure.text(0.02, 0.915, "the plan has not started", color=GREY, va="center")
        return
    hours = len(run.spend)
    clock = f"after {hours} h, day {(hours - 1) // HOURS_PER_DAY + 1} of the plan"
    figure.text(0.02, 0.915, clock, color=GREY, va="center")
    spend, gmv, profit = run.spend.sum(), run.gmv.sum(), run.profit.sum()
    figures = (
        (0.545, "profit", f"{profit:+,.0f} CNY", GREEN if profit >= 0.0 else RED),
        (0.675, "GMV", f"{gmv:,.0f} CNY", BLUE),
        (0.795, "ad spend", f"{spend:,.0f} CNY", ORANGE),
        (0.885, "clicks", f"{run.clicks.sum():,.0f}", DARK),
        (0.985, "orders", f"{run.orders.sum():,.0f}", DARK),
    )
    for right, name, text, colour in figures:
        figure.text(right, 0.955, text, fontsize=12.5, fontweight="bold", color=colour, ha="right", va="center")
        figure.text(right, 0.918, name, color=GREY, ha="right", va="center")


def _impressions(ax: Axes, run: Trace | None) -> None:
    _titled(ax, "Impressions", _patch("ad", AD), _patch("organic", ORGANIC))
    _stack(ax, None if run is None else run.impressions)


def _clicks(ax: Axes, run: Trace | None) -> None:
    _titled(ax, "Clicks", _patch("ad", AD), _patch("organic", ORGANIC))
    _stack(ax, None if run is None else run.clicks)


def _orders(ax: Axes, run: Trace | None) -> None:
    """Orders of every day: of an hour there are too few to see anything."""
    _titled(ax, "Orders")
    daily: FloatArray = np.zeros(1)
    if run is not None:
        daily = np.add.reduceat(run.orders, np.arange(0, len(run.orders), HOURS_PER_DAY))
        ax.bar(np.arange(len(daily)) + 0.5, daily, width=0.8, color=GREEN, alpha=0.85)
    _counts(ax, "orders per day", float(daily.max()))


def _money(ax: Axes, run: Trace | None) -> None:
    _titled(ax, "Money", _stroke("GMV", BLUE), _stroke("ad spend", ORANGE), _stroke("profit", GREEN))
    ax.set_ylabel("CNY so far")
    ax.yaxis.set_major_formatter(_thousands())
    ax.axhline(0.0, color=DARK, linewidth=0.8, zorder=1)
    if run is None:
        ax.set_ylim(-0.05, 1.0)
        return
    for values, colour in ((run.gmv, BLUE), (run.spend, ORANGE), (run.profit, GREEN)):
        _line(ax, np.cumsum(values), colour)


def _budget(ax: Axes, run: Trace | None) -> None:
    _titled(ax, "Budget", _stroke("spent", ORANGE), _stroke("target: traffic passed", GREY, DASHES))
    ax.set_ylabel("share of budget")
    _shares(ax)
    if run is not None:
        _line(ax, run.target, GREY, linestyle=DASHES, linewidth=1.3)
        _line(ax, np.cumsum(run.spend) / run.budget, ORANGE)


def _wins(ax: Axes, run: Trace | None) -> None:
    """Hourly win shares faintly, their mean over a day on top."""
    _titled(ax, "Win share, mean of 24 h", *(_stroke(name, colour) for name, colour in CHANNEL_COLOURS.items()))
    ax.set_ylabel("share of requests won")
    _shares(ax)
    if run is None:
        return
    clock = np.arange(1, len(run.win_share) + 1)
    sums = np.cumsum(run.win_share, axis=0)
    before = np.concatenate([np.zeros((_WINDOW, N_CHANNELS)), sums])[: len(sums)]
    means = (sums - before) / np.minimum(clock, _WINDOW)[:, None]
    for c, colour in enumerate(CHANNEL_COLOURS.values()):
        ax.plot((clock - 0.5) / HOURS_PER_DAY, run.win_share[:, c], color=colour, alpha=0.28, linewidth=0.8)
        ax.plot(clock / HOURS_PER_DAY, means[:, c], color=colour)


def _bids(ax: Axes, run: Trace | None) -> None:
    _titled(ax, "Bids against the plan's")
    ax.set_ylabel("bid / bid of the plan")
    ax.set_yscale("log")
    ratio = np.ones(1) if run is None else run.bid_ratio
    low, high = min(0.85, float(ratio.min())), max(1.2, float(ratio.max()))
    ax.set_ylim(low / 1.05, high * 1.05)
    ax.yaxis.set_major_locator(FixedLocator(next(ticks for span, ticks in RATIOS.items() if high / low < span)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(_times))
    ax.axhline(1.0, color=DARK, linewidth=0.8, zorder=1)
    if run is not None:
        _steps(ax, run.bid_ratio, BLUE)


def _prices(ax: Axes, run: Trace | None) -> None:
    _titled(ax, "Prices against the plan's")
    ax.set_ylabel("correction asked for")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:+.0f} %" if value else "0 %"))
    ax.axhline(0.0, color=DARK, linewidth=0.8, zorder=1)
    change = np.zeros(1) if run is None else np.expm1(-LOG_DISCOUNT * run.discount)
    ax.set_ylim(min(-0.055, 1.1 * change.min()), max(0.055, 1.1 * change.max()))
    if run is not None:
        _steps(ax, change, PINK)


def _stock(ax: Axes, run: Trace | None) -> None:
    """A row per listing, darker the more of its highest stock it has: shops hold from ten units to ten thousand."""
    _titled(ax, "Stock by listing", _patch("sold out", ORANGE), _patch("little", SHELF(0)), _patch("full", SHELF(4)))
    ax.set_ylabel("listing")
    listings = 8 if run is None else run.stock.shape[1]
    ax.set_ylim(listings + 0.5, 0.5)
    ax.yaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.grid(visible=False)
    ax.tick_params(axis="y", length=0)
    if run is None:
        return
    share = run.stock / np.maximum(run.stock.max(axis=0), 1.0)
    share[run.stock <= 0.0] = -1.0
    edges = np.arange(len(share) + 1) / HOURS_PER_DAY
    ax.pcolorfast(edges, np.arange(listings + 1) + 0.5, share.T, cmap=SHELF, vmin=0.0, vmax=1.0)
    ax.hlines(np.arange(1, listings) + 0.5, 0.0, edges[-1], color="white", linewidth=1.5)


_PANELS = (_impressions, _clicks, _orders, _money, _budget, _wins, _bids, _prices, _stock)


def _titled(ax: Axes, title: str, *keys: Artist) -> None:
    """A panel's title at the left, its legend at the right of the same line."""
    ax.set_title(title, color=DARK, y=1.0)  # a given y spares matplotlib the search for one
    if keys:
        ax.legend(handles=keys, loc="lower right", bbox_to_anchor=(1.0, 1.0), borderaxespad=0.2, ncols=len(keys))


def _patch(name: str, colour: Any) -> Artist:
    return Patch(color=colour, linewidth=0, label=name)


def _stroke(name: str, colour: str, linestyle: Any = "-") -> Artist:
    return Line2D([], [], color=colour, linestyle=linestyle, label=name)


def _counts(ax: Axes, label: str, highest: float) -> None:
    ax.set_ylabel(label)
    ax.set_ylim(0.0, max(1.0, 1.05 * highest))
    ax.yaxis.set_major_formatter(_thousands())
    ax.yaxis.set_major_locator(MaxNLocator(5, integer=True))


def _shares(ax: Axes) -> None:
    ax.set_ylim(0.0, 1.02)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}".replace("%", " %")))


def _stack(ax: Axes, counts: FloatArray | None) -> None:
    """Advertised counts (H, 2) with the organic ones on top."""
    total = np.zeros(1) if counts is None else counts.sum(axis=1)
    _counts(ax, "per hour", float(total.max()))
    if counts is not None:
        for values, colour in ((total, ORGANIC), (counts[:, 0], AD)):
            ax.fill_between(*_corners(values), color=colour, linewidth=0)


def _line(ax: Axes, values: FloatArray, colour: str, **style: Any) -> None:
    """What had added up by the end of each hour, from 0 at the start."""
    ax.plot(np.arange(len(values) + 1) / HOURS_PER_DAY, [0.0, *values], color=colour, **style)


def _steps(ax: Axes, values: FloatArray, colour: str) -> None:
    """What held during each hour."""
    ax.plot(*_corners(values), color=colour, linewidth=1.2)


def _corners(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Corners (x, y) of the staircase of what held during each hour."""
    edges = np.arange(len(values) + 1) / HOURS_PER_DAY
    return np.repeat(edges, 2)[1:-1], np.repeat(values, 2)


def _times(ratio: float, _: int) -> str:
    return f"÷ {1.0 / ratio:.2g}" if ratio <= 0.5 else f"× {ratio:.3g}"


def _thousands() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{value:,.10g}")
