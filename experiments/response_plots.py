"""The pictures of step responses and of the recovery from wrong plans."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from merchantgym.envs.store import HOURS_PER_DAY

from .plots import BAND as OPACITY
from .plots import DARK, GREY, RATIOS, colours, styled_figure
from .quiet_world import STEPS
from .response_measures import END, Recovery, Response, smoothed

_LEAST = 25.0  # [% of the best profit] the vertical axis of the recovery shows at least so much


def draw_responses(responses: Mapping[str, Mapping[str, Response]], path: Path) -> None:
    """A column a step, above the speed of spending, below the bids; a line a controller.

    Args:
        responses: by controller and step, see `quiet_world.STEPS`.
    Raises: OSError: the file cannot be written.
    """
    colour = colours(list(responses))
    with styled_figure(path, (10.2, 5.0)) as figure:
        grid = figure.subplots(2, len(STEPS), sharex=True, sharey="row")
        for column, (key, step) in enumerate(STEPS.items()):
            above, below = grid[0, column], grid[1, column]
            above.set_title(step.title)
            for name, answers in responses.items():
                _draw_answer(above, below, answers[key], colour[name])
            for ax in (above, below):
                _mark(ax, next(iter(responses.values()))[key])
            below.set_xlabel("day of the plan")
        grid[0, 0].set_ylabel("speed of spending\n(1 = even pace to the plan's end)")
        grid[1, 0].set_ylabel("bid over the plan's bid")
        _ratio_axis(grid[1, 0])
        keys = [Line2D([], [], color=colour[name], label=name) for name in responses]
        keys.append(Line2D([], [], color=GREY, linewidth=6, alpha=0.4, label="middle half of the stores"))
        keys.append(Line2D([], [], color=DARK, linewidth=1.0, linestyle=(0, (4, 2)), label="the step comes"))
        figure.legend(handles=keys, loc="outside upper left", ncols=len(keys))


def draw_recovery(recovery: Recovery, path: Path) -> None:
    """Regret of every executor against the error of the plan's bids, with 95 % intervals.

    Raises: OSError: the file cannot be written.
    """
    colour = colours(list(recovery.regret))
    factors = np.asarray(recovery.factors)
    with styled_figure(path, (7.6, 4.2)) as figure:
        ax = figure.subplots()
        worst = _LEAST
        right = recovery.factors.index(1.0)
        for name, intervals in sorted(recovery.regret.items(), key=lambda item: -item[1][-1].mean):
            mean, low, high = (
                -100.0 * np.array([getattr(each, part) for each in intervals]) / recovery.best
                for part in ("mean", "low", "high")
            )
            ax.fill_between(factors, low, high, color=colour[name], alpha=OPACITY, linewidth=0)
            label = f"{name}: {mean[0]:+.0f} / {mean[right]:+.1f} / {mean[-1]:+.0f} %"
            ax.plot(factors, mean, color=colour[name], marker="o", markersize=3.4, label=label)
            worst = max(worst, -float(low.min()) * 1.05, -float(high.min()) * 1.05)
        ax.axhline(0.0, color=DARK, linewidth=0.9, zorder=1)
        ax.axvline(1.0, color=DARK, linewidth=0.9, linestyle=(0, (4, 2)), zorder=1)
        ax.set_xscale("log")
        ax.xaxis.set_major_locator(FixedLocator(list(factors)))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _percent(100.0 * (value - 1.0))))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _percent(value)))
        ax.set_ylim(-worst, 0.06 * worst)
        ax.set(
            title=f"What wrong bids in the plan cost (0: {recovery.reference} under the right plan)",
            xlabel="error of the plan's bids",
            ylabel="profit against that",
        )
        ax.margins(x=0.02)
        figure.legend(loc="outside right upper", title="too low / right / too high", alignment="left")


def _draw_answer(above: Axes, below: Axes, answer: Response, colour: str) -> None:
    hours = len(answer.level)
    days = (np.arange(hours) + 1.0) / HOURS_PER_DAY
    above.plot(days, smoothed(answer.speed.mean(axis=1)), color=colour)
    low, high = np.exp(np.quantile(answer.level, [0.25, 0.75], axis=1))
    below.fill_between(days, low, high, color=colour, alpha=OPACITY, linewidth=0)
    below.plot(days, np.exp(answer.mean_level), color=colour)


def _mark(ax: Axes, answer: Response) -> None:
    """The step, the even pace, and the end of the plan, which is not judged."""
    ax.axvline(answer.hour / HOURS_PER_DAY, color=DARK, linewidth=1.0, linestyle=(0, (4, 2)), zorder=1)
    ax.axhline(1.0, color=DARK, linewidth=0.8, zorder=1)
    last = len(answer.level) / HOURS_PER_DAY
    ax.axvspan(last - END / HOURS_PER_DAY, last, color=GREY, alpha=0.12, linewidth=0)
    ax.set_xlim(0.0, last)


def _percent(value: float) -> str:
    return f"{value:+.0f} %" if abs(value) >= 0.5 else "0"


def _ratio_axis(ax: Axes) -> None:
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(FixedLocator(list(RATIOS)))
    ax.yaxis.set_minor_locator(NullLocator())
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"× {value:.3g}"))
