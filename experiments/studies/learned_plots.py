"""The picture of what learning gains: every executor against the best controller on held-out stores."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..plots import DARK, GREY, MARKERS, colours, styled_figure
from ..statistics import Interval
from ..table import Kind
from .gains import Gain, Mark

SIGNS: Mapping[Mark, str] = {"win": "▲", "tie": "≈", "loss": "▼"}
_INK: Mapping[Mark, str] = {"win": "#1b7837", "tie": DARK, "loss": "#b2182b"}


def draw_gains(gains: Sequence[Gain], kinds: Mapping[str, Kind], labels: Mapping[str, str], path: Path) -> None:
    """Forest plot: gain over the best controller with its interval, one dot a training; and how often it is ahead.

    Args:
        gains: top to bottom, at least one.
        kinds: executor -> kind, for its marker.
        labels: executor -> what stands to the left of it; its name where there is none.
    Raises: OSError: the file cannot be written.
    """
    colour = colours([one.executor for one in gains])
    wide = 0.085 * max(len(labels.get(one.executor, one.executor)) for one in gains)
    with styled_figure(path, (7.9 + wide, 1.45 + 0.42 * len(gains))) as figure:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(2.6, 1.0))
        for place, one in enumerate(gains):
            marker = MARKERS[kinds[one.executor]]
            draw_seeds(left, one, place, colour[one.executor])
            draw_interval(left, one.share, place, colour[one.executor], marker)
            draw_interval(right, one.improvement, place, colour[one.executor], marker)
            right.text(
                1.03, place, _words(one), transform=right.get_yaxis_transform(), va="center", color=_INK[one.mark]
            )
        over = gains[0].over
        left.axvline(0.0, color=DARK, linewidth=1.0, zorder=1)
        right.axvline(50.0, color=DARK, linewidth=1.0, zorder=1)
        left.set(title=f"Profit over {over}, the best controller", xlabel="[%]")
        right.set(title=f"Ahead of {over}", xlabel="[% of stores]")
        left.set_yticks(range(len(gains)), [labels.get(one.executor, one.executor) for one in gains], fontsize=10)
        left.set_ylim(len(gains) - 0.5, -0.5)
        for ax in (left, right):
            ax.grid(axis="y", visible=False)
            ax.tick_params(axis="y", length=0)
        left.xaxis.set_major_locator(MaxNLocator(9))
        right.xaxis.set_major_locator(MaxNLocator(4))
        figure.legend(handles=_keys(gains, kinds), loc="outside upper left", ncols=5)


def draw_interval(ax: Axes, interval: Interval, place: float, colour: str, marker: str) -> None:
    """An interval of shares in percent, its mean marked."""
    ax.plot([100 * interval.low, 100 * interval.high], [place, place], color=colour, linewidth=2.6, zorder=3)
    ax.plot(100 * interval.mean, place, marker, color=colour, markersize=6.5, zorder=5)


def draw_seeds(ax: Axes, one: Gain, place: int, colour: str) -> None:
    """A small ring for each training, under the line of the interval."""
    if one.seeds > 1 and one.gain.mean:
        percent = 100.0 * one.share.mean / one.gain.mean
        at = [percent * each for each in one.by_seed]
        ring: dict[str, Any] = {"markerfacecolor": "white", "markeredgewidth": 0.9, "markersize": 3.6, "linestyle": ""}
        ax.plot(at, [place + 0.27] * len(at), "o", color=colour, zorder=4, **ring)


def _words(one: Gain) -> str:
    low, high = 100 * one.share.low, 100 * one.share.high
    return f"{SIGNS[one.mark]} {100 * one.share.mean:+.1f} % [{low:+.1f}, {high:+.1f}]"


def _keys(gains: Sequence[Gain], kinds: Mapping[str, Kind]) -> list[Line2D]:
    present = {kinds[one.executor] for one in gains}
    keys = [
        Line2D([], [], color=GREY, marker=marker, markersize=6, linewidth=2.4, label=f"{kind}: mean, 95 % interval")
        for kind, marker in MARKERS.items()
        if kind in present
    ]
    if any(one.seeds > 1 for one in gains):
        ring = Line2D([], [], color=GREY, marker="o", markerfacecolor="white", markersize=4, linestyle="")
        ring.set_label("one training")
        keys.append(ring)
    return keys
