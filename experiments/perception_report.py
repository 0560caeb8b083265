"""The page and the picture of perception's score."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from merchantgym.envs.beliefs import QUANTITIES

from .perceived import Perceived
from .perception_score import LEVELS, PARTS, WINDOW, Calibration, Detection
from .plots import BAND, DARK, GREY, PALETTE, styled_figure
from .statistics import Interval

UNITS = {
    "click_rate": "clicks per impression, each listing",
    "conversion": "orders per click, late ones included, each listing at today's price",
    "rival_level": "the bid that meets the median top rival, each channel",
    "demand": "the market's demand over weekly curve and calendar",
    "lift": "a listing's demand over its usual share of the shop",
}
NAIVE = {
    "click_rate": "clicks over impressions so far",
    "conversion": "orders over clicks so far, half an order added",
    "rival_level": "reported price per click over 0.55",
    "demand": "organic views of the last hour over last week's mean and the expected traffic",
    "lift": "the feature SURPRISE: 6-hour over 72-hour mean",
}


@dataclass(frozen=True)
class Scored:
    """One scenario."""

    seen: Perceived
    calibrations: list[Calibration]
    detections: list[Detection]


def describe(scored: Mapping[str, Scored], stores: int, planner: str, executor: str) -> str:
    """The page in Markdown."""
    lines = [
        "# Perception",
        "",
        f"What `envs/perception.py` believes of {stores} test stores of each scenario, run by `{executor}` under plans",
        f"of `{planner}`, against the simulator's truth. Settings and alarm thresholds were set on training stores.",
        "Written by `merchantgym perceive folder=docs`. Brackets hold 95 % intervals over stores (bootstrap).",
        "",
        "![Coverage of intervals by day of the plan, errors, and delay of alarms](perception.png)",
        "",
        "Beliefs are normal in the natural logarithm. The truth of an hour is held against what was believed when the",
        "hour was over; early, mid and late are the first fifth of the plan, the next two fifths, and the rest:",
        "",
        *(f"- **{name}**: {meaning}; the raw guess is {NAIVE[name]}" for name, meaning in UNITS.items()),
        "",
    ]
    for name, each in scored.items():
        lines += [f"## {name}", "", *_calibration_table(each), "", *_detection_table(each), ""]
    return "\n".join([*lines, _NOTES])


_NOTES = """## How to read it

- Intervals of `lift` are wide outside surges on purpose: a listing without one lies at exactly 0, and the belief does
  not know that it is such a listing.
- `surge` counts listings whose demand at least rises by half at its peak; an alarm of any listing that no outside
  event had lifted in the 72 hours before is false. `rival_shift` counts entries of any size; `regime` has no true event
  in these scenarios, each alarm is false.
- The market's persistence, the auction's form and the delay of orders are taken as published; how much a store's
  market moves, its level, its conversion and the quality of its listings are not known to it.
"""


def _calibration_table(each: Scored) -> list[str]:
    heads = [f"{part} {level:.0%}" for part in PARTS for level in LEVELS]
    lines = [_row(["belief", *heads, "error [ln]", "raw guess's"]), _row(["---", *["---:"] * (len(heads) + 2)])]
    for found in each.calibrations:
        cells = [_share(found.coverage[part][level]) for part in PARTS for level in LEVELS]
        lines.append(_row([found.quantity, *cells, _number(found.error), _number(found.naive)]))
    return lines


def _detection_table(each: Scored) -> list[str]:
    heads = (
        *("alarm", "events", f"noticed in {WINDOW:.0f} h", "delay median, 90 % [h]", "onset error [h]"),
        *("size error [ln]", "false per store and 14 days"),
    )
    lines = [_row(heads), _row(["---", *["---:"] * (len(heads) - 1)])]
    for found in each.detections:
        noticed = "" if found.noticed is None else _share(found.noticed)
        delay = f"{np.median(found.delay):.1f}, {np.quantile(found.delay, 0.9):.1f}" if found.delay.size else ""
        onset, size = (_spread(values) for values in (found.onset_error, found.size_error))
        alarms = _number(found.false_alarms)
        lines.append(_row([found.change, str(found.events), noticed, delay, onset, size, alarms]))
    return lines


def _spread(values: np.ndarray) -> str:
    return f"{np.median(values):+.2f} ± {values.std():.2f}" if values.size else ""


def _share(interval: Interval) -> str:
    return f"{interval.mean:.0%} [{100 * interval.low:.0f}, {100 * interval.high:.0f}]"


def _number(interval: Interval) -> str:
    return f"{interval.mean:.2f} [{interval.low:.2f}, {interval.high:.2f}]"


def _row(cells: list[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def draw(scored: Mapping[str, Scored], path: Path) -> None:
    """Coverage by day of the plan, error against the raw guess, and delays; one PNG file.

    Raises: OSError: the file cannot be written.
    """
    colours = dict(zip(scored, PALETTE, strict=False))
    with styled_figure(path, (11.0, 6.4)) as figure:
        grid = figure.subplots(2, 4, squeeze=False)
        for ax, quantity in zip([*grid[0], grid[1, 0]], QUANTITIES, strict=True):
            _coverage(ax, quantity, scored, colours)
        _errors(grid[1, 1], scored, colours)
        _delays(grid[1, 2], "surge", scored, colours)
        _delays(grid[1, 3], "rival_shift", scored, colours)
        _legend(figure, colours)


def _coverage(ax: Axes, quantity: str, scored: Mapping[str, Scored], colours: Mapping[str, str]) -> None:
    for name, each in scored.items():
        seen = each.seen
        z = np.abs(seen.mean[quantity] - seen.truth[quantity]) / seen.sd[quantity]
        days = np.arange(len(z)) // 24
        z = z.reshape(len(z), -1)
        for level, reach in zip(LEVELS, (0.6745, 1.2816, 1.96), strict=True):
            share = [float((z[days == day] <= reach).mean()) for day in np.unique(days)]
            ax.plot(np.unique(days) + 0.5, share, color=colours[name], linewidth=1.2)
            ax.axhline(level, color=DARK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
    ax.axhspan(0.90, 0.98, color=GREY, alpha=BAND, linewidth=0)
    ax.axhspan(0.45, 0.58, color=GREY, alpha=BAND, linewidth=0)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set(title=quantity.replace("_", " "), xlabel="day of the plan", ylim=(0.3, 1.02), ylabel="inside")


def _errors(ax: Axes, scored: Mapping[str, Scored], colours: Mapping[str, str]) -> None:
    for i, (name, each) in enumerate(scored.items()):
        shift = 0.14 * (i - 0.5 * (len(scored) - 1))
        at = np.arange(len(QUANTITIES)) + shift
        ratio = [found.error.mean / found.naive.mean for found in each.calibrations]
        ax.plot(ratio, at, "o", color=colours[name], markersize=4)
    ax.axvline(1.0, color=DARK, linewidth=0.8)
    ax.set_yticks(range(len(QUANTITIES)), [name.replace("_", " ") for name in QUANTITIES], fontsize=7.5)
    ax.set_ylim(len(QUANTITIES) - 0.5, -0.5)
    ax.set(title="error over the raw guess's", xlim=(0.0, 1.1))


def _delays(ax: Axes, change: str, scored: Mapping[str, Scored], colours: Mapping[str, str]) -> None:
    """Share noticed by so many hours after the onset."""
    for name, each in scored.items():
        found = next(each for each in each.detections if each.change == change)
        if found.events:
            delay = np.sort(found.delay)
            share = np.arange(len(delay) + 1) / found.events
            ax.step(np.append(delay, WINDOW), np.append(share[1:], share[-1]), where="post", color=colours[name])
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    title = "surges noticed" if change == "surge" else "entries noticed"
    ax.set(title=title, xlabel="hours after the onset", xlim=(0.0, 48.0), ylim=(0.0, 1.02))


def _legend(figure: Figure, colours: Mapping[str, str]) -> None:
    keys = [Line2D([], [], color=colour, label=name) for name, colour in colours.items()]
    figure.legend(handles=keys, loc="outside upper left", ncols=len(keys))
