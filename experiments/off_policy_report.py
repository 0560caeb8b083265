"""The page and the picture of off-policy estimates held against the truth."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from merchantgym.agents.offline.evaluation import METHODS, Estimate
from merchantgym.agents.offline.schema import Description

from .plots import BAND, DARK, GREY, PALETTE, styled_figure


@dataclass(frozen=True)
class Held:
    """Estimates of one way to act held against the truth [CNY an episode]."""

    name: str
    told: str  # what the way is
    effective: float  # episodes that the record is worth to importance sampling
    value: Mapping[str, Estimate]  # by method
    gain: Mapping[str, Estimate]  # over the way recorded, by method
    truth: Estimate  # of the value
    true_gain: Estimate  # over the way recorded


def describe(held: Sequence[Held], record: Description, truths: int) -> str:
    """The page in Markdown."""
    lines = [
        "# Off-policy estimates",
        "",
        f"What other ways to act would earn, estimated from a record of {record.episodes:,} episodes of"
        f" `{record.executors[0]}` under plans of",
        f"`{record.planner}` in `{record.scenario}` ({record.split} stores), every action corrected by normal noise of"
        f" sd {record.noise:g}, held for",
        f"{record.hold} hours; and the truth: every way run on the same stores ({truths} x {record.stores:,} runs),"
        " with chance and noise of",
        "its own. CNY an episode.",
        "Written by `merchantgym off_policy folder=docs`. Brackets hold 95 % intervals over stores (bootstrap).",
        "",
        "![Estimated and true gain of every way over the one recorded](off_policy.png)",
        "",
        "| way | what it changes | profit, true | gain, true | effective episodes |",
        "|---|---|---:|---:|---:|",
    ]
    for each in held:
        cells = (each.name, each.told, _interval(each.truth), _signed(each.true_gain), f"{each.effective:,.0f}")
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "## Value", "", *_table(held, "value"), "", "## Gain over the way recorded", ""]
    return "\n".join([*lines, *_table(held[1:], "gain"), "", _NOTES])


def _table(held: Sequence[Held], what: str) -> list[str]:
    lines = ["| way | estimator | estimate | truth | error |", "|---|---|---:|---:|---:|"]
    for each in held:
        found: Mapping[str, Estimate] = getattr(each, what)
        truth = each.truth if what == "value" else each.true_gain
        written = _interval if what == "value" else _signed
        for method, name in METHODS.items():
            error = found[method].value - truth.value
            lines.append(f"| {each.name} | {name} | {written(found[method])} | {written(truth)} | {error:+,.0f} |")
    return lines


_NOTES = """## How to read it

- A way is a normal distribution of corrections around the same controller, decided as often as in the record. Its
  density is known, so importance sampling is right whatever the controller remembers; but every number of every
  decision enters the ratio, and the effective episodes say how few remain.
- Fitted Q evaluation is linear over features of shop, listings (their means) and corrections; solved at its fixed
  point. It needs no density and is the sharpest, and wrong where the features miss what matters.
- The doubly robust estimator corrects the fitted values by importance sampling; values come from other stores than
  those they correct. Gains are differences of the same estimator on the same resamples: what both share cancels.
- Percentile intervals do not know of episodes that a heavy-tailed ratio would need and the record does not hold: with
  less than some tens of effective episodes they are too narrow.
"""


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:,.0f} [{estimate.low:,.0f}, {estimate.high:,.0f}]"


def _signed(estimate: Estimate) -> str:
    return f"{estimate.value:+,.0f} [{estimate.low:+,.0f}, {estimate.high:+,.0f}]"


def draw(held: Sequence[Held], path: Path) -> None:
    """Gains of every way, estimated and true, one PNG file. Raises: OSError: the file cannot be written."""
    ways = held[1:]
    colours = dict(zip(METHODS, PALETTE, strict=False))
    with styled_figure(path, (8.6, 1.2 + 0.75 * len(ways))) as figure:
        ax = figure.subplots()
        for i, each in enumerate(ways):
            _truth(ax, each, i)
            for j, method in enumerate(METHODS):
                found = each.gain[method]
                at = i + 0.22 * (j - 0.5 * (len(METHODS) - 1))
                ax.plot((found.low, found.high), (at, at), color=colours[method])
                ax.plot(found.value, at, "o", color=colours[method], markersize=5)
        ax.axvline(0.0, color=DARK, linewidth=0.8)
        labels = [f"{each.name}\n{each.effective:,.0f} effective episodes" for each in ways]
        ax.set_yticks(np.arange(len(ways)), labels)
        ax.set_ylim(len(ways) - 0.5, -0.5)
        ax.grid(visible=False, axis="y")
        ax.set_xlabel("profit over the way recorded [CNY an episode]")
        keys = [Line2D([], [], color=colours[m], marker="o", label=name) for m, name in METHODS.items()]
        keys.append(Line2D([], [], color=GREY, linewidth=6.0, alpha=0.5, label="truth"))
        figure.legend(handles=keys, loc="outside upper left", ncols=2)


def _truth(ax: Axes, each: Held, at: int) -> None:
    """A band for the truth's interval, a line for its estimate."""
    truth = each.true_gain
    ax.fill_betweenx((at - 0.42, at + 0.42), truth.low, truth.high, color=GREY, alpha=2 * BAND, linewidth=0)
    ax.plot((truth.value, truth.value), (at - 0.42, at + 0.42), color=DARK, linewidth=1.2)
