"""An ablation as a reader meets it: a headline, a forest plot, a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from merchantgym.envs.scenario import Scenario

from ..markdown import p_value, percent, table, with_note
from ..plots import DARK, GREY, PALETTE, colours, styled_figure
from ..statistics import Interval
from .gains import Gain
from .learned_plots import SIGNS, draw_interval, draw_seeds

_ELSEWHERE = PALETTE[0]  # colour of variants of the market


@dataclass(frozen=True, eq=False)
class Ablation:
    """A learner and its variants, the one without changes first; lists are in that order."""

    learner: str
    scenario: Scenario
    planner: str
    training_stores: int
    gains: Sequence[Gain]  # over the best controller of the variant's own scenario; named after the variant
    costs: Sequence[Interval | None]  # profit less that of the whole, as a share of it; None: the whole, another market
    profits: Sequence[float]  # mean per store [CNY]
    labels: Sequence[str]
    abouts: Sequence[str]
    elsewhere: Sequence[bool]  # in another market


def headline(study: Ablation) -> str:
    """Which part is worth most, in words."""
    whole = study.gains[0]
    text = f"**`{study.learner}` as configured: {percent(whole.share)} % over `{whole.over}`, the best controller.**"
    costs = [(cost, label) for cost, label in zip(study.costs, study.labels, strict=True) if cost is not None]
    dear = sorted((cost.mean, label) for cost, label in costs if cost.high < 0.0)
    gained = sorted(((cost.mean, label) for cost, label in costs if cost.low > 0.0), reverse=True)
    if dear:
        text += f" Its profit falls most with “{dear[0][1]}” ({100 * dear[0][0]:+.1f} %)."
    if gained:
        text += f" It would earn more with “{gained[0][1]}” ({100 * gained[0][0]:+.1f} %)."
    if costs and not dear and not gained:
        text += " No change of the learner moves its profit beyond chance."
    return text


def markdown(study: Ablation, picture: str, command: str, note: str = "") -> str:
    """The page. Args: picture: name of the file beside it. command: that made it. note: what people wrote."""
    first = study.gains[0]
    lines = [_line(study, place) for place in range(len(study.gains))]
    heads = ["variant", "what changes", "profit [CNY]", "over the best controller [%]", "p (Holm)", "best controller"]
    parts = [
        f"# Which part of `{study.learner}` earns it\n\n{headline(study)}\n",
        f"Written by `{command}`.\n\nEvery variant changes one thing and is trained anew, {_times(first.seeds)}, with "
        f"the same experience on {study.training_stores:,} training stores of `{study.scenario.name}` and plans of "
        f"`{study.planner}`. All are scored on the same {first.stores:,} test stores under the same chance. Where the "
        "market is changed, so are the stores' days, and the best controller is that of the changed market.\n",
        f"![Gain of every variant over the best controller, and its difference to the whole]({picture})\n",
        table([*heads, "less the whole [%]"], lines),
        f"{SIGNS['win']} better than the best controller, {SIGNS['loss']} worse, {SIGNS['tie']} neither beyond chance "
        "(p adjusted by Holm over the variants, and an interval that leaves out 0).\n",
        f"## Why\n\n{with_note(note)}",
        "## How to read this\n\n- Brackets: 95 % intervals by a two-way bootstrap over stores and trainings, both "
        "taken for drawn by chance.\n- **Less the whole**: paired by store, and training i by training i. Where the "
        "interval holds 0 the part is not shown to matter, which is not a proof that it does not.\n",
    ]
    return "\n".join(parts)


def draw(study: Ablation, path: Path) -> None:
    """Forest plot: gain over the best controller, and what a change costs or brings. Raises: OSError."""
    count, colour = len(study.gains), colours([study.learner])[study.learner]
    wide = 0.085 * max(map(len, study.labels))
    with styled_figure(path, (7.4 + wide, 1.25 + 0.44 * count)) as figure:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.6, 1.0))
        for place, (gain, cost, other) in enumerate(zip(study.gains, study.costs, study.elsewhere, strict=True)):
            ink, marker = (_ELSEWHERE, "D") if other else (colour, "o")
            draw_seeds(left, gain, place, ink)
            draw_interval(left, gain.share, place, ink, marker)
            if cost is not None:
                draw_interval(right, cost, place, ink, marker)
            else:
                text = "another market" if other else "the whole"
                centre = {"transform": right.get_yaxis_transform(), "ha": "center", "va": "center"}
                right.text(0.5, place, text, color=GREY, fontsize=8.5, style="italic", **centre)
        for ax in (left, right):
            _tidy(ax)
        left.axhspan(-0.5, 0.5, color="#f3f3f1", zorder=0)
        right.axhspan(-0.5, 0.5, color="#f3f3f1", zorder=0)
        left.set_yticks(range(count), study.labels, fontsize=10)
        left.set_ylim(count - 0.5, -0.5)
        left.set(title="Profit over the best controller, rings: single trainings", xlabel="[%], mean and 95 % interval")
        right.set(title="Difference to the whole", xlabel="[%], paired by store")


def _tidy(ax: Axes) -> None:
    ax.axvline(0.0, color=DARK, linewidth=1.0, zorder=1)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    ax.xaxis.set_major_locator(MaxNLocator(6))


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _line(study: Ablation, place: int) -> list[str]:
    gain, cost = study.gains[place], study.costs[place]
    less = "another market" if study.elsewhere[place] else "" if cost is None else percent(cost)
    name = f"{study.labels[place]} {SIGNS[gain.mark]}"
    about, profit = study.abouts[place], f"{study.profits[place]:,.0f}"
    return [name, about, profit, percent(gain.share), p_value(gain.p), gain.over, less]
