"""The page of the ceiling: what a store's own constants would gain, and what that does and does not mean."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.scenario import Scenario
from merchantgym.envs.task import LOG_CHANNEL, LOG_DISCOUNT

from ..markdown import bracket, money, percent, table, with_note
from ..statistics import Interval
from .ceiling_settings import CeilingSettings
from .constants import LATE

_WORDS = {
    "channel_search": "bids in search",
    "channel_feed": "bids in the feed",
    "listing": "bid of a listing",
    "discount": "price",
    "bids_trend": "all bids: last hour over the middle of the plan",
    "discount_trend": "price: last hour over the middle of the plan",
    "discount_late": f"price in the last {LATE:.0%} of the plan".replace("%", " %"),
}


@dataclass(frozen=True)
class Point:
    """How far the search had come."""

    generation: int
    plays: int  # plans of every store that it had run
    gain: Interval  # with the constants of that time [CNY per store]


@dataclass(frozen=True)
class Moved:
    """A constant, over the stores in which it is live."""

    name: str  # of an action's number or of a course over the plan; `listing`: any of them
    mean: Interval  # [of an action]
    spread: float  # standard deviation over stores, and over listings

    @property
    def scale(self) -> float:
        """Log of what an action of 1 multiplies."""
        return -LOG_DISCOUNT if "discount" in self.name else LOG_CHANNEL


@dataclass(frozen=True, eq=False)
class Ceiling:
    """What constants of every store's own gain over the controller that they correct."""

    executor: str
    planner: str
    scenario: Scenario
    settings: CeilingSettings
    earned: float  # by the controller alone, mean per store [CNY]
    gain: Interval  # mean per store [CNY]
    gains: FloatArray  # (N,) of single stores; 0 where the constants were not taken
    errors: FloatArray  # (N,) their standard errors by chance
    taken: NDArray[np.bool_]  # (N,)
    curve: Sequence[Point]  # constants taken everywhere
    shared: Interval  # gain of constants that the stores of the other half have in common [CNY per store]
    moved: Sequence[Moved]

    @property
    def stores(self) -> int:
        """N."""
        return len(self.gains)

    def share(self, gain: Interval) -> Interval:
        """A gain in units of what the controller earns, whose own uncertainty is next to nothing beside the gain's."""
        unit = max(abs(self.earned), 0.01)
        return Interval(gain.mean / unit, gain.low / unit, gain.high / unit)


def headline(study: Ceiling) -> str:
    """What was found, in a few sentences."""
    own, name = study.gain, study.executor
    numbers = f"{percent(study.share(own))} %, {money(own)} CNY per store"
    if own.low > 0.0:
        text = f"**Told the constants that suit each store, `{name}` earns more: {numbers}.**"
    else:
        text = f"**Not even constants tuned on the very store are shown to add to `{name}`: {numbers}.**"
    common = f"{percent(study.share(study.shared))} %"
    if study.shared.low > 0.0:
        return f"{text} One set of constants for all stores brings {common}: so much needs no knowledge of the store."
    if study.shared.high < 0.0:
        return f"{text} One set of constants for all stores costs: {common}."
    return f"{text} One set of constants for all stores is not shown to bring anything: {common}."


def markdown(study: Ceiling, picture: str, command: str, note: str = "") -> str:
    """The page. Args: picture: name of the file beside it. command: that made it. note: what people wrote."""
    parts = [
        f"# How much a correction of `{study.executor}` could gain\n\n{headline(study)}\n",
        _introduction(study, command),
        f"![Gain in the course of the search, and gains of single stores]({picture})\n",
        f"## In the course of the search\n\n{_plateau(study)}\n",
        table(*_curve(study)),
        f"## Over stores\n\n{_over_stores(study)}\n",
        f"## Which constants move\n\n{_constants(study)}",
        f"## Why\n\n{with_note(note)}",
        _reading(study),
    ]
    return "\n".join(parts)


def _introduction(study: Ceiling, command: str) -> str:
    settings = study.settings
    return (
        f"Written by `{command}`.\n\nScenario `{study.scenario.name}`, hosting `{study.scenario.hosting.name}`, plans "
        f"of `{study.planner}`, {study.scenario.days} days long, {study.stores} stores of the validation split. What "
        f"`{study.executor}` does is corrected by constants: one on the bids of each channel, one on those of each "
        "listing, one on the price, a trend of bids and of prices over the plan, and a discount towards its end. "
        f"They are searched for every store apart, on that very store, in {settings.tried(settings.generations):,} "
        "plays of its plan: the search is told, by what they earn, how its market truly answers. "
        f"{settings.choosing} further plays of both then decide whether the store takes its constants or leaves "
        f"`{study.executor}` alone, and {settings.scoring} more score them. The three sets of chance have nothing in "
        f"common; within each, both meet the same. `{study.executor}` alone earns {study.earned:,.0f} CNY per store.\n"
    )


def _plateau(study: Ceiling) -> str:
    if len(study.curve) < 2 or study.curve[-1].gain.mean <= 0.0:
        return "What the constants gain on the scoring chances as the search goes on, taken by all stores."
    half = min(study.curve, key=lambda point: abs(2 * point.plays - study.curve[-1].plays))
    share = half.gain.mean / study.curve[-1].gain.mean
    return (
        f"After {half.plays:,} plays of each store, {half.plays / study.curve[-1].plays:.0%} of the budget, the "
        f"constants bring {share:.0%} of what they bring in the end. Here all stores take them."
    ).replace("%", " %")


def _curve(study: Ceiling) -> tuple[list[str], list[list[str]]]:
    heads = ["generation", "plays of a store", f"over {study.executor} [CNY]", f"over {study.executor} [%]"]
    lines = [
        [str(point.generation), f"{point.plays:,}", money(point.gain), percent(study.share(point.gain))]
        for point in study.curve
    ]
    last = ["**taken or left**", "", money(study.gain), f"**{percent(study.share(study.gain))}**"]
    return heads, [*lines, last]


def _over_stores(study: Ceiling) -> str:
    low, middle, high = np.quantile(study.gains, [0.25, 0.5, 0.75])
    text = (
        f"{int(study.taken.sum())} of {study.stores} stores take their constants. The middle half of all stores gains "
        f"from {low:+,.0f} to {high:+,.0f} CNY, the middle one {middle:+,.0f}. "
    )
    ranked = np.sort(study.gains)[::-1]
    if ranked.sum() > 0.0:
        first = ranked[: max(1, len(ranked) // 4)].sum() / ranked.sum()
        text += f"The quarter of the stores that gains most brings {100 * first:.0f} % of the whole. "
    if study.taken.any():
        error = study.errors[study.taken].mean()
        text += f"Chance moves the measured gain of a single store by {error:,.0f} CNY (standard error)."
    return text.strip()


def _constants(study: Ceiling) -> str:
    heads = ["constant", "what it moves", "mean [of an action]", "spread", "as a factor", "from … to"]
    lines = []
    for one in study.moved:
        mean, (low, high) = one.mean, sorted(one.mean.mean + side * one.spread for side in (-1.0, 1.0))
        ends = sorted(np.exp(one.scale * np.array([low, high])))
        factor, span = f"× {np.exp(one.scale * mean.mean):.2f}", f"× {ends[0]:.2f} … {ends[1]:.2f}"
        what = _WORDS.get(one.name, "")
        lines.append([one.name.replace("_", " "), what, bracket(mean, 1.0, "+.2f"), f"{one.spread:.2f}", factor, span])
    return (
        f"{table(heads, lines)}\nThe mean is what all stores have in common, the spread what only knowledge of the "
        "single store tells, the error of the search included. The mean constants of half the stores, put on the other "
        f"half, bring {percent(study.share(study.shared))} %, {money(study.shared)} CNY per store: a policy that knows "
        "nothing of its store could do that.\n"
    )


def _reading(study: Ceiling) -> str:
    return "\n".join(
        [
            "## How to read this",
            "",
            "- **What it means.** The constants were told what no learner is told: thousands of plays of the very "
            "market in which they are scored, its coming events included. A policy that sees a store for the first "
            "time must find out while it runs, in one play, what suits this store, and pays for finding out. Of what "
            "is gained here it can hope for a part.",
            "- **What it does not mean.** It is no upper bound: these are constants only. A policy that answers to "
            "what happens could gain more, with or without knowing its store. No executor at all can gain more than "
            "`experiments/bounds.py` says.",
            "- **Nor is it the best of constants.** The search ends where its budget ends; the curve tells whether "
            "more of it would bring more. The mean constants are a plain average, not the best common ones.",
            f"- **Brackets**: 95 % intervals by a bootstrap over the {study.stores} stores. Which constants a store "
            "has and whether it takes them is settled before the scoring: no luck of the search is counted as gain. "
            "The constants of other stores are taken as they are.",
            "",
        ]
    )
