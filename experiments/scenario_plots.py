"""Pictures of scenarios: a page for the market of each, on axes that all share, and one of all against their base."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from PIL import Image

from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.store import HOURS_PER_DAY

from .plots import BAND, DARK, GREY, PALETTE, STYLE
from .scenario_market import FIGURES, MarketSeries, daily

BLUE, ORANGE, GREEN, PINK, AMBER, SKY = PALETTE[:6]
DPI = 80
SIZE = (11.0, 6.0)  # [inch]
PROMOTION = "#F3E3B3"
DASHES = (0, (4, 2))
DELAYS = (("same hour", "#00634A"), ("in a day", GREEN), ("later", "#9FD9C6"))
DIVERGING = LinearSegmentedColormap.from_list("difference", [BLUE, "#A9CFE6", "#FFFFFF", "#F3BE96", ORANGE])
_COLOURS = 160
CLEAR = 2.0  # standard deviations over stores that take the full colour


@dataclass(frozen=True)
class Limits:
    """Axes that the pages of all scenarios share."""

    requests: tuple[float, float]
    rivals: tuple[float, float]
    impressions: tuple[float, float]
    orders: float
    off_shelf: float


def limits(markets: Sequence[MarketSeries]) -> Limits:
    """Axes on which every one of the markets has room. Raises: ValueError: no market."""
    if not markets:
        raise ValueError("markets(=[]) must hold at least one scenario")

    def reach(series: Sequence[FloatArray]) -> tuple[float, float]:
        low = min(float(np.quantile(values, 0.1, axis=1).min()) for values in series)
        high = max(float(np.quantile(values, 0.9, axis=1).max()) for values in series)
        return max(low, 1e-9) / 1.3, high * 1.3

    demand = reach([market.requests.sum(axis=2) for market in markets])
    lifted = [float(m.requests[:, m.example, m.lifted].min()) for m in markets if m.lifted is not None]
    return Limits(
        requests=(min(demand[0], *lifted), demand[1]) if lifted else demand,
        rivals=reach([market.rivals for market in markets]),
        impressions=reach([np.maximum(daily(market.impressions[:, :, c]), 1.0) for market in markets for c in (0, 1)]),
        orders=1.3 * max(float(market.orders_by_day.mean(axis=1).sum(axis=1).max()) for market in markets),
        off_shelf=max(0.05, 1.1 * max(float(np.quantile(m.off_shelf, 0.9, axis=1).max()) for m in markets)),
    )


def draw_scenario(
    name: str, market: MarketSeries, base_name: str, base: MarketSeries, shared: Limits, path: Path
) -> None:
    """The page of one scenario as a PNG file of 880 x 480 pixels.

    Bands hold the middle 80 % of stores; the dark line is one store, whose events are marked; grey is the base.

    Args:
        name: of the scenario.
        market: what happened in it.
        base_name, base: the scenario it is held against, and what happened in it.
        shared: axes, see `limits`.
        path: file to be written.
    Raises: OSError: the file cannot be written.
    """
    with _page(path) as figure:
        grid = figure.subplots(2, 3, sharex=True)
        figure.text(0.012, 0.962, name, fontsize=14, fontweight="bold", color=DARK, va="center")
        figure.text(0.012, 0.915, _note(market), color=GREY, va="center", fontsize=8.5)
        for draw, ax in zip(_PANELS, grid.ravel(), strict=True):
            _mark_events(ax, market)
            draw(ax, market, None if market is base else base, shared)
            ax.yaxis.set_label_coords(-0.185, 0.5)
        ax.set_xlim(0.0, len(market.spent) / HOURS_PER_DAY)
        ax.xaxis.set_major_locator(MaxNLocator(7, integer=True))
        for ax in grid[-1]:
            ax.set_xlabel("day of the plan")
        keys = _keys(market, None if market is base else base_name)
        figure.legend(handles=keys, loc="upper right", bbox_to_anchor=(0.995, 0.995), ncols=3, columnspacing=1.4)


def draw_overview(markets: Mapping[str, MarketSeries], base: str, path: Path) -> None:
    """All scenarios in one picture: mean figures, coloured by how far they lie from the base's.

    The colour is the difference of means over the standard deviation over stores, both scenarios' pooled.
    """
    difference = differences(markets, base)
    rows, columns = list(markets), list(FIGURES)
    with _page(path, (1.9 + 0.83 * len(columns), 1.35 + 0.36 * len(rows))) as figure:
        ax = figure.add_axes((0.125, 0.03, 0.87, 0.80))
        ax.imshow(difference, cmap=DIVERGING, vmin=-CLEAR, vmax=CLEAR, aspect="auto")
        for i, name in enumerate(rows):
            for j, key in enumerate(columns):
                text = FIGURES[key].write(float(np.mean(markets[name].figures[key])))
                colour = "white" if abs(difference[i, j]) > 0.8 * CLEAR else DARK
                ax.text(j, i, text, ha="center", va="center", fontsize=8.5, color=colour)
        ax.set_xticks(range(len(columns)), [FIGURES[key].label for key in columns], fontsize=8.5)
        ax.set_yticks(range(len(rows)), rows, fontsize=9)
        ax.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        ax.spines[:].set_visible(False)
        ax.grid(visible=False)
        ax.set_xticks(np.arange(1, len(columns)) - 0.5, minor=True)
        ax.set_yticks(np.arange(1, len(rows)) - 0.5, minor=True)
        ax.grid(which="minor", color="white", linewidth=2.0)
        ax.tick_params(which="minor", length=0, top=False, bottom=False, left=False)
        told = f"Means over stores. Blue: less than in {base}; orange: more; full colour from 2 standard deviations."
        figure.text(0.01, 0.965, told, color=GREY, fontsize=8.5, va="center")


def differences(markets: Mapping[str, MarketSeries], base: str) -> FloatArray:
    """Difference of every scenario's mean figures from the base's, in standard deviations over stores; (n, FIGURES)."""
    table = np.zeros((len(markets), len(FIGURES)))
    for j, key in enumerate(FIGURES):
        usual = markets[base].figures[key]
        for i, market in enumerate(markets.values()):
            there = market.figures[key]
            spread = np.sqrt(0.5 * (np.var(usual) + np.var(there)))
            gap = float(np.mean(there) - np.mean(usual))
            table[i, j] = 0.0 if abs(gap) < 1e-12 else gap / max(float(spread), abs(gap) / 1e3)
    return table


@contextmanager
def _page(path: Path, size: tuple[float, float] = SIZE) -> Iterator[Figure]:
    """A figure in our style, written whole at the end; nothing is written where drawing fails."""
    margins = {"left": 0.066, "right": 0.985, "top": 0.81, "bottom": 0.085, "hspace": 0.30, "wspace": 0.30}
    with mpl.rc_context(cast(Any, STYLE)):
        figure = Figure(figsize=size, dpi=DPI)
        FigureCanvasAgg(figure)
        figure.subplots_adjust(**margins)
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        _write(figure, part)
        part.replace(path)


def _write(figure: Figure, path: Path) -> None:
    """As a PNG of few colours: a third of the size."""
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())[:, :, :3])
    picture.quantize(_COLOURS, dither=Image.Dither.NONE).save(path, format="png", optimize=True)


def _note(market: MarketSeries) -> str:
    hours, stores = market.rivals.shape
    return f"{stores} stores for {hours // HOURS_PER_DAY} days, plans as written"


def _keys(market: MarketSeries, against: str | None) -> list[Any]:
    """Legend of the page: only what is on it."""
    store = market.example
    keys: list[Any] = [
        Line2D([], [], color=SKY, linewidth=6, alpha=0.55, label="80 % of stores, median"),
        Line2D([], [], color=DARK, linewidth=0.9, label=f"one store ({market.names[store]})"),
    ]
    if against is not None:
        keys.append(Line2D([], [], color=GREY, linestyle=DASHES, linewidth=1.2, label=against))
    if market.promotion[:, store].any():
        keys.append(Patch(color=PROMOTION, linewidth=0, label="its promotion day"))
    if market.shock[:, store].any():
        keys.append(Line2D([], [], color=PINK, linewidth=1.4, label="outside event: begins; its listing"))
    if market.entered[:, store].any():
        keys.append(Line2D([], [], color=ORANGE, linestyle=(0, (1, 1)), linewidth=1.6, label="a rival enters"))
    return keys


def _mark_events(ax: Axes, market: MarketSeries) -> None:
    """What happens to the one store, in every panel."""
    store = market.example
    for hour in np.flatnonzero(market.promotion[:, store]):
        ax.axvspan(hour / HOURS_PER_DAY, (hour + 1) / HOURS_PER_DAY, color=PROMOTION, linewidth=0, zorder=0)
    for series, colour, style in (
        (market.shock, PINK, "-"),
        (market.entered, ORANGE, (0, (1, 1))),
    ):
        if series[:, store].any():
            begins = float(np.argmax(series[:, store] > 0.0)) / HOURS_PER_DAY
            ax.axvline(begins, color=colour, linestyle=style, linewidth=1.4, zorder=1)


def _demand(ax: Axes, market: MarketSeries, base: MarketSeries | None, shared: Limits) -> None:
    _titled(ax, "Demand", "suitable requests per hour")
    _band(ax, market.requests.sum(axis=2), SKY, market.example)
    if market.lifted is not None:
        ax.plot(
            _days(market.rivals), market.requests[:, market.example, market.lifted], color=PINK, linewidth=0.9, zorder=4
        )
    if base is not None:
        _reference(ax, base.requests.sum(axis=2))
    _log(ax, shared.requests)


def _rivals(ax: Axes, market: MarketSeries, base: MarketSeries | None, shared: Limits) -> None:
    _titled(ax, "Rivals", "level / usual level")
    _band(ax, market.rivals, SKY, market.example)
    if base is not None:
        _reference(ax, base.rivals)
    _log(ax, shared.rivals)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"× {value:g}" if value >= 1 else f"÷ {1 / value:g}"))


def _impressions(ax: Axes, market: MarketSeries, base: MarketSeries | None, shared: Limits) -> None:
    _titled(ax, "Impressions", "per day", ("ad", BLUE), ("organic", AMBER))
    for c, colour in enumerate((BLUE, AMBER)):
        _by_day(ax, np.maximum(daily(market.impressions[:, :, c]), 1.0), colour)
        if base is not None:
            values = np.median(daily(base.impressions[:, :, c]), axis=1)
            ax.plot(np.arange(len(values)) + 0.5, values, color=GREY, linestyle=DASHES, linewidth=1.1, zorder=2)
    _log(ax, shared.impressions)


def _budget(ax: Axes, market: MarketSeries, base: MarketSeries | None, shared: Limits) -> None:
    hours = float(np.mean(market.out_of_money))
    _titled(ax, f"Budget: out of money in {100 * hours:.0f} % of hours", "share of budget spent")
    _band(ax, market.spent, SKY, market.example)
    if base is not None:
        _reference(ax, base.spent)
    ax.set_ylim(0.0, 1.03)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))


def _orders(ax: Axes, market: MarketSeries, base: MarketSeries | None, shared: Limits) -> None:
    _titled(ax, "Orders", "per day, mean store", *DELAYS)
    mean = market.orders_by_day.mean(axis=1)
    at = np.arange(len(mean)) + 0.5
    below = np.zeros(len(mean))
    for j, (_, colour) in enumerate(DELAYS):
        ax.bar(at, mean[:, j], width=0.8, bottom=below, color=colour, linewidth=0, zorder=2)
        below = below + mean[:, j]
    later = f"{market.orders_to_come.mean():.0f} more after the end"
    ax.text(0.985, 0.965, later, transform=ax.transAxes, ha="right", va="top", fontsize=8, color=DARK)
    if base is not None:
        total = base.orders_by_day.mean(axis=1).sum(axis=1)
        ax.plot(at, total, color=GREY, linestyle=DASHES, linewidth=1.2, zorder=3)
    ax.set_ylim(0.0, shared.orders)


def _off_shelf(ax: Axes, market: MarketSeries, base: MarketSeries | None, shared: Limits) -> None:
    _titled(ax, "Stock", "listings sold out")
    edges, (low, high) = _days(market.off_shelf), np.quantile(market.off_shelf, [0.1, 0.9], axis=1)
    ax.fill_between(edges, low, high, color=SKY, alpha=2 * BAND, linewidth=0, zorder=2)
    ax.plot(edges, market.off_shelf.mean(axis=1), color=BLUE, linewidth=1.6, zorder=3)
    if base is not None:
        ax.plot(edges, base.off_shelf.mean(axis=1), color=GREY, linestyle=DASHES, linewidth=1.2, zorder=3)
    ax.set_ylim(0.0, shared.off_shelf)
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))


_PANELS = (_demand, _rivals, _impressions, _budget, _orders, _off_shelf)


def _titled(ax: Axes, title: str, label: str, *keys: tuple[str, str]) -> None:
    ax.set_title(title, color=DARK)
    ax.set_ylabel(label)
    if keys:
        handles = [Patch(color=colour, linewidth=0, label=name) for name, colour in keys]
        ax.legend(
            handles=handles,
            loc="lower right",
            bbox_to_anchor=(1.01, 0.985),
            ncols=len(keys),
            borderaxespad=0.1,
            handlelength=0.9,
            handletextpad=0.4,
            columnspacing=0.9,
            fontsize=8,
        )


def _days(series: FloatArray) -> FloatArray:
    """Ends of the hours as days of the plan."""
    days: FloatArray = np.arange(1, len(series) + 1) / HOURS_PER_DAY
    return days


def _band(ax: Axes, series: FloatArray, colour: str, store: int) -> None:
    """The middle 80 % of stores, their median, and one store."""
    days = _days(series)
    low, median, high = np.quantile(series, [0.1, 0.5, 0.9], axis=1)
    ax.fill_between(days, low, high, color=colour, alpha=2 * BAND, linewidth=0, zorder=2)
    ax.plot(days, median, color=BLUE, linewidth=1.5, zorder=3)
    ax.plot(days, series[:, store], color=DARK, linewidth=0.8, zorder=4)


def _by_day(ax: Axes, series: FloatArray, colour: str) -> None:
    days = np.arange(len(series)) + 0.5
    low, median, high = np.quantile(series, [0.1, 0.5, 0.9], axis=1)
    ax.fill_between(days, low, high, color=colour, alpha=BAND, linewidth=0, zorder=2)
    ax.plot(days, median, color=colour, linewidth=1.6, zorder=3)


def _reference(ax: Axes, series: FloatArray) -> None:
    """The median of the base."""
    ax.plot(_days(series), np.median(series, axis=1), color=GREY, linestyle=DASHES, linewidth=1.1, zorder=3)


def _log(ax: Axes, ends: tuple[float, float]) -> None:
    """A log axis with round ticks."""
    ax.set_yscale("log")
    ax.set_ylim(*ends)
    decades = range(int(np.floor(np.log10(ends[0]))), int(np.ceil(np.log10(ends[1]))) + 1)
    wide = ends[1] / ends[0] > 60.0
    ticks = [digit * 10.0**decade for decade in decades for digit in ((1.0,) if wide else (1.0, 2.0, 5.0))]
    ax.yaxis.set_major_locator(FixedLocator(ticks))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
