"""The picture of the ceiling: what the search gains as it goes on, and what single stores gain."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from ..plots import BAND, DARK, GREY, PALETTE, styled_figure
from .ceiling_report import Ceiling

_OWN, _SHARED = PALETTE[2], PALETTE[1]


def draw_ceiling(study: Ceiling, path: Path) -> None:
    """Left the gain in the course of the search, right that of every store. Raises: OSError: it cannot be written."""
    with styled_figure(path, (10.2, 3.9)) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1.1, 1.0))
        _draw_course(left, study)
        _draw_stores(right, study)
        for ax in (left, right):
            ax.axhline(0.0, color=DARK, linewidth=1.0, zorder=1)
        figure.legend(loc="outside upper left", ncols=4)


def _draw_course(ax: Axes, study: Ceiling) -> None:
    plays = [0, *(point.plays for point in study.curve)]
    shares = [study.share(point.gain) for point in study.curve]
    mean, low, high = (
        100.0 * np.array([0.0, *(getattr(share, end) for share in shares)]) for end in ("mean", "low", "high")
    )
    ax.fill_between(plays, low, high, color=_OWN, alpha=BAND, linewidth=0)
    ax.plot(plays, mean, color=_OWN, marker="o", markersize=4.5, label="constants of the store's own, 95 % interval")
    taken, shared = study.share(study.gain), study.share(study.shared)
    end = 1.04 * plays[-1]
    ax.plot([end, end], [100 * taken.low, 100 * taken.high], color=DARK, linewidth=2.2)
    ax.plot(end, 100 * taken.mean, "s", color=DARK, markersize=6, label="taken or left, as the store chooses")
    ax.axhspan(100 * shared.low, 100 * shared.high, color=_SHARED, alpha=0.6 * BAND, linewidth=0)
    ax.axhline(100 * shared.mean, color=_SHARED, linestyle=(0, (4, 2)), label="mean constants of other stores")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.xaxis.set_major_locator(MaxNLocator(7))
    ax.set_xlim(0.0, 1.07 * plays[-1])
    ax.set(
        title=f"Profit over {study.executor}, scored on fresh chance",
        xlabel="plays of every store by the search",
        ylabel="[%]",
    )


def _draw_stores(ax: Axes, study: Ceiling) -> None:
    order = np.argsort(-study.gains, kind="stable")
    at, gains, errors = np.arange(study.stores), study.gains[order], study.errors[order]
    ax.bar(at, gains, width=0.8, color=np.where(gains < 0.0, GREY, _OWN).tolist())
    ax.vlines(
        at,
        gains - errors,
        gains + errors,
        color=DARK,
        linewidth=0.8,
        label="± standard error by chance",
    )
    ax.axhline(study.gain.mean, color=DARK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=3)
    ax.annotate("mean", (1.0, study.gain.mean), (-2, 3), ("axes fraction", "data"), "offset points", ha="right")
    ax.grid(axis="x", visible=False)
    ax.set_xlim(-0.8, study.stores - 0.2)
    ax.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+,.0f}" if value else "0"))
    ax.set(title="Gain of single stores, the largest first", xlabel="store", ylabel="CNY")
