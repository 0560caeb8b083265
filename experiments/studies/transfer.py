"""Whether what was learned in one scenario carries over to others: gains over each scenario's best controller."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ..markdown import percent, table
from ..plots import DARK, colours, styled_figure
from ..table import ArmResult
from .gains import Gain, best_controller, gains_over
from .learned_plots import SIGNS, draw_interval

_ROOM = 0.62  # of a scenario's row, shared by its executors


@dataclass(frozen=True, eq=False)
class Transfer:
    """Gains of every learned executor over the best controller of every scenario."""

    home: str  # scenario in which they were trained
    executors: tuple[str, ...]
    gains: Mapping[str, Sequence[Gain]]  # scenario -> one an executor, in their order

    def counts(self, executor: str) -> tuple[int, int, int]:
        """Scenarios won, tied and lost."""
        place = self.executors.index(executor)
        marks = [found[place].mark for found in self.gains.values()]
        return marks.count("win"), marks.count("tie"), marks.count("loss")


def transfer_of(results: Mapping[str, Sequence[ArmResult]], home: str, seed: int) -> Transfer | None:
    """The transfer of what was learned; None where nothing was, or no controller takes part.

    Args:
        results: scenario -> what every executor did there, the same executors everywhere.
        home: scenario of the training.
        seed: of the bootstrap.
    """
    first = next(iter(results.values()))
    executors = tuple(one.executor for one in first if one.kind == "learned")
    if not executors or all(one.kind != "controller" for one in first):
        return None
    gains = {}
    for scenario, found in results.items():
        taught = [one for one in found if one.kind == "learned"]
        by_name = {one.executor: one for one in gains_over(best_controller(found), taught, seed)}
        gains[scenario] = [by_name[name] for name in executors]
    return Transfer(home, executors, gains)


def section(found: Transfer, picture: str) -> str:
    """The part of a page that tells of it. Args: picture: name of the file beside the page."""
    heads = ["scenario", "best controller", *(f"{name}<br>over it [%]" for name in found.executors)]
    lines = [
        [_home(found, scenario), one[0].over, *(f"{percent(gain.share)} {SIGNS[gain.mark]}" for gain in one)]
        for scenario, one in found.gains.items()
    ]
    sums = ["/".join(map(str, found.counts(name))) for name in found.executors]
    lines.append(["**won/tied/lost**", "", *sums])
    seeds = sorted({gain.seeds for one in found.gains.values() for gain in one})
    return (
        "## What was learned, elsewhere\n\n"
        f"The learned executors were trained in `{found.home}` alone, {' or '.join(map(str, seeds))} times each; all "
        "trainings are scored in every scenario.\n\n"
        f"![Gain of learned executors over the best controller, scenario by scenario]({picture})\n\n"
        f"{table(heads, lines)}\n"
        f"{SIGNS['win']} more than the scenario's best controller, {SIGNS['loss']} less, {SIGNS['tie']} neither beyond "
        "chance: a mark needs a p under 5 %, adjusted by Holm over the scenario's learned executors, and an interval "
        "over stores and trainings that leaves out 0. The best controller is picked on the stores it is measured on, "
        "which flatters it.\n"
    )


def as_json(found: Transfer) -> dict[str, Any]:
    """The same as plain values."""
    cells = {name: [asdict(gain) | {"mark": gain.mark} for gain in one] for name, one in found.gains.items()}
    return {"home": found.home, "gains": cells}


def draw_transfer(found: Transfer, path: Path) -> None:
    """Forest plot, scenario by scenario. Raises: OSError: the file cannot be written."""
    colour, rows = colours(found.executors), len(found.gains)
    count = len(found.executors)
    offsets = np.linspace(-_ROOM / 2, _ROOM / 2, count) if count > 1 else np.zeros(1)
    with styled_figure(path, (8.2, 1.1 + rows * (0.3 + 0.17 * count))) as figure:
        ax = figure.subplots()
        for place, (scenario, gains) in enumerate(found.gains.items()):
            if place:
                ax.axhline(place - 0.5, color="#e8e8e8", linewidth=0.8, zorder=0)
            if scenario == found.home:
                ax.axhspan(place - 0.5, place + 0.5, color="#f3f3f1", zorder=0)
            for gain, offset in zip(gains, offsets, strict=True):
                draw_interval(ax, gain.share, place + offset, colour[gain.executor], "o")
                at = (100 * gain.share.high, place + offset)
                style: dict[str, Any] = {"va": "center", "color": colour[gain.executor], "fontsize": 8.5}
                ax.annotate(SIGNS[gain.mark], at, (5, 0), textcoords="offset points", **style)
        labels = [f"{name}\n(against {gains[0].over})" for name, gains in found.gains.items()]
        ax.set_yticks(range(rows), labels)
        ax.set_ylim(rows - 0.5, -0.5)
        ax.axvline(0.0, color=DARK, linewidth=1.0, zorder=1)
        ax.grid(axis="y", visible=False)
        ax.tick_params(axis="y", length=0)
        ax.xaxis.set_major_locator(MaxNLocator(9))
        ax.set(title="Profit over the scenario's best controller", xlabel="[%], mean and 95 % interval")
        keys = [Line2D([], [], color=colour[name], marker="o", linewidth=2.6, label=name) for name in found.executors]
        figure.legend(handles=keys, loc="outside upper left", ncols=min(6, count))


def _home(found: Transfer, scenario: str) -> str:
    return f"**{scenario}**, where they were trained" if scenario == found.home else scenario
