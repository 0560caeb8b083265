"""Learning curves of several trainings, and the picture of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import EngFormatter, FuncFormatter, MaxNLocator

from ..plots import DARK, GREY, colours, styled_figure
from ..statistics import Floats

_OUTER, _INNER = 0.13, 0.28  # opacity of the bands
_APART = 0.052  # least distance of two labels, as a share of the axis


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Profit on validation stores in the course of the trainings of one executor."""

    steps: Floats  # (n,) store-hours of experience
    minutes: Floats  # (seeds, n) CPU minutes of the training; nan where unknown
    profit: Floats  # (seeds, n) mean per store [CNY]

    def __post_init__(self) -> None:
        """Arrays fit each other. Raises: ValueError: names the one that does not."""
        for name in ("minutes", "profit"):
            shape = getattr(self, name).shape
            if len(shape) != 2 or shape[1] != len(self.steps) or self.profit.shape != shape:
                raise ValueError(
                    f"{name}(shape={shape}) must be (seeds, n) for steps(shape={self.steps.shape}) of (n,)"
                )

    @property
    def cost(self) -> Floats:
        """CPU minutes, median over trainings, (n,)."""
        return np.asarray(np.median(self.minutes, axis=0))


def draw_curves(curves: Mapping[str, LearningCurve], baselines: Mapping[str, float], path: Path) -> None:
    """Profit against experience and, beside it, against CPU time; controllers on the same stores as dashed lines.

    Args:
        curves: learned executor -> its curve, at least one.
        baselines: executor that is not trained -> mean profit per store on the same stores [CNY].
    Raises: OSError: the file cannot be written.
    """
    colour = colours([*curves, *baselines])
    timed = {name: one for name, one in curves.items() if np.isfinite(one.minutes).all()}
    panels = 2 if timed else 1
    with styled_figure(path, (1.9 + 4.5 * panels, 4.6)) as figure:
        axes = figure.subplots(1, panels, sharey=True, squeeze=False)[0]
        for name, one in curves.items():
            _bands(axes[0], one.steps, one.profit, colour[name])
            if name in timed:
                _bands(axes[-1], one.cost, one.profit, colour[name])
        axes[0].xaxis.set_major_formatter(EngFormatter(sep=" "))
        axes[0].set(
            title="Profit against experience",
            xlabel="store-hours",
            ylabel="profit on validation stores [CNY per store]",
        )
        if timed:
            axes[1].set(
                title="Profit against computing time", xlabel="CPU minutes of one training, without validations"
            )
        low, high = _limits(curves, baselines)
        for ax in axes:
            ax.set_ylim(low, high)
            ax.set_xlim(left=0)
            ax.margins(x=0.0)
            ax.xaxis.set_major_locator(MaxNLocator(6))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
            for name, value in baselines.items():
                ax.axhline(value, color=colour[name], linestyle=(0, (5, 2)), linewidth=1.3, zorder=2)
        _label_ends(axes[-1], baselines, colour, (low, high))
        figure.legend(handles=_keys(curves, colour), loc="outside upper left", ncols=min(5, len(curves) + 2))


def _bands(ax: Axes, at: Floats, profit: Floats, colour: str) -> None:
    """Median over trainings, the middle half of them, and 95 %."""
    low, lower, median, upper, high = np.quantile(profit, [0.025, 0.25, 0.5, 0.75, 0.975], axis=0)
    ax.fill_between(at, low, high, color=colour, alpha=_OUTER, linewidth=0)
    ax.fill_between(at, lower, upper, color=colour, alpha=_INNER, linewidth=0)
    ax.plot(at, median, color=colour, linewidth=2.2, marker="o", markersize=3.4, zorder=4)


def _limits(curves: Mapping[str, LearningCurve], baselines: Mapping[str, float]) -> tuple[float, float]:
    """Ends of the axis: all lines, with some air; a training that fell far is cut, so that the others can be read."""
    tops = [*baselines.values(), *(float(one.profit.max()) for one in curves.values())]
    starts = [*baselines.values(), *(float(one.profit[:, 0].min()) for one in curves.values())]
    falls = [float(np.quantile(one.profit, 0.025)) for one in curves.values()]
    span = max(max(tops) - min(starts), 1e-9)
    low = max(min([*starts, *falls]), min(starts) - 0.5 * span)
    return low - 0.06 * span, max(tops) + 0.08 * span


def _label_ends(ax: Axes, values: Mapping[str, float], colour: Mapping[str, str], ends: tuple[float, float]) -> None:
    """Names of the dashed lines at their right end, moved apart where they would touch."""
    names = sorted(values, key=lambda name: values[name])
    places = apart([(values[name] - ends[0]) / (ends[1] - ends[0]) for name in names], _APART)
    for name, place in zip(names, places, strict=True):
        text = f"{name} {values[name]:,.0f}"
        ax.text(1.015, place, text, transform=ax.transAxes, color=colour[name], va="center", fontsize=8.5)


def apart(places: Sequence[float], least: float) -> list[float]:
    """Ascending places, moved as little as keeps neighbours `least` apart (isotonic least squares).

    Source: Barlow et al. 1972, "Statistical inference under order restrictions" (pooling of adjacent violators).
    """
    blocks: list[list[float]] = []  # sum and number of what is pooled, each place less its due distance from the first
    for i, place in enumerate(places):
        blocks.append([place - i * least, 1.0])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    flat = [total / count for total, count in blocks for _ in range(int(count))]
    return [place + i * least for i, place in enumerate(flat)]


def _keys(curves: Mapping[str, LearningCurve], colour: Mapping[str, str]) -> list[Line2D | Patch]:
    keys: list[Line2D | Patch] = [
        Line2D([], [], color=colour[name], marker="o", markersize=3.4, linewidth=2.2, label=_trainings(name, one))
        for name, one in curves.items()
    ]
    keys.append(Patch(color=GREY, alpha=_INNER + _OUTER, linewidth=0, label="middle half, 95 % of trainings"))
    keys.append(Line2D([], [], color=DARK, linestyle=(0, (5, 2)), linewidth=1.3, label="controllers, same stores"))
    return keys


def _trainings(name: str, one: LearningCurve) -> str:
    count = len(one.profit)
    return f"{name}, median of {count}" if count > 1 else name
