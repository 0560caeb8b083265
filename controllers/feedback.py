"""Feedback controllers as actors: pacing alone, and pacing over value-based bids.

`respond` is the whole map from observation to action. It runs on numpy arrays and on torch tensors alike, so that a
learned residual can be trained and exported on top of it.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.observation import Global, ObservationView, PerListing
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.task import LOG_CHANNEL, LOG_DISCOUNT, LOG_LISTING

from .laws import Array, DayPurse, PacingLaw, ValueLaw, check_gains, gain
from .readings import read_shelf

HOURS_PER_DAY = 24
_SLACK = 1e-6  # [relative] forgiven where daily budgets are added up
_PEAK = 2.25  # [mean hours] traffic of the busiest hour of an ordinary day, on the published weekly curve


@dataclass(frozen=True)
class Trim:
    """Constant corrections of the plan and a schedule by the hour of the day; all 0: none."""

    channel_offset: float = gain(0.0, "ln bid: added in search, taken in the feed", (-0.7, 0.7))
    hour_sin: float = gain(0.0, "ln bid times the sine of the hour of the day", (-0.5, 0.5))
    hour_cos: float = gain(0.0, "ln bid times the cosine of the hour of the day", (-0.5, 0.5))
    discount: float = gain(0.0, "ln price taken off every listing", (-0.2, 0.15), allowed=(-LOG_DISCOUNT, LOG_DISCOUNT))

    def __post_init__(self) -> None:
        check_gains(self)

    def feed_forward(self, view: ObservationView) -> Array:
        """Bid by the hour of the day [ln], shape (n,)."""
        return self.hour_sin * view[Global.HOUR_SIN] + self.hour_cos * view[Global.HOUR_COS]

    def action(self, level: Array, shift: Array, xp: Any) -> Array:
        """The action (n, C + K + 1) of a common log bid `level` (n,) and the listings' log `shift` (n, K)."""
        search = (level + self.channel_offset) / LOG_CHANNEL
        feed = (level - self.channel_offset) / LOG_CHANNEL
        discount = 0.0 * level + self.discount / LOG_DISCOUNT
        parts = (search[:, None], feed[:, None], shift / LOG_LISTING, discount[:, None])
        return xp.clip(xp.concatenate(parts, 1), -1.0, 1.0)


@dataclass(frozen=True)
class PidPacing:
    """Spends the budget as traffic passes; every bid moves by the same factor."""

    name: ClassVar[str] = "pid"
    kind: ClassVar[Kind] = "controller"

    pacing: PacingLaw = field(default_factory=PacingLaw)
    trim: Trim = field(default_factory=Trim)

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(days, daily, *pacing): days of the plan, daily budget as a share of it all, memory of the pacing law."""
        days = np.broadcast_to(plans.days.astype(np.float64), (n,)).copy()
        daily = np.broadcast_to(plans.budget_daily / plans.budget_total, (n,)).copy()
        return days, daily, *self.pacing.init(n)

    def respond(self, observation: Array, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
        """Action (n, A) and new memory; `xp` is numpy or torch, as the arrays are."""
        view = ObservationView(observation)
        level, memory = pace(self.pacing, self.trim, view, memory, xp)
        return self.trim.action(level, 0.0 * view[PerListing.ACTIVE], xp), memory

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """As `Actor.act`."""
        return self.respond(np.asarray(observation, dtype=np.float64), memory)


@dataclass(frozen=True)
class ValuePid:
    """Bids on each listing in proportion to what a click on it is worth; pacing sets the common factor."""

    name: ClassVar[str] = "value_pid"
    kind: ClassVar[Kind] = "controller"

    value: ValueLaw = field(default_factory=ValueLaw)
    pacing: PacingLaw = field(default_factory=PacingLaw)
    trim: Trim = field(default_factory=Trim)

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """As `PidPacing.init`: the value law remembers nothing, its counts are in the observation."""
        return PidPacing(self.pacing, self.trim).init(plans, n)

    def respond(self, observation: Array, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
        """Action (n, A) and new memory; `xp` is numpy or torch, as the arrays are."""
        view = ObservationView(observation)
        shift = self.value.shift(read_shelf(view, memory[0], xp), xp)
        level, memory = pace(self.pacing, self.trim, view, memory, xp)
        return self.trim.action(level, shift, xp), memory

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """As `Actor.act`."""
        return self.respond(np.asarray(observation, dtype=np.float64), memory)


def pace(law: PacingLaw, trim: Trim, view: ObservationView, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
    """Common log bid (n,) from an observation, and the new memory, laid out as `PidPacing.init` says.

    The purse that is paced is the plan's, within the day's. Where all daily budgets together do not exceed the plan's,
    as when each day has its own grant, the plan's purse can never bind and money kept today is lost: then the day's is
    paced, each day a plan of its own, and only the integral carries over.
    """
    days, daily, passed, dawn, lag, integral = memory
    by_day = days * daily <= 1.0 + _SLACK
    day_passed, day_left = 1.0 - view[Global.DAY_TRAFFIC_LEFT], view[Global.DAY_BUDGET_LEFT]
    busiest = xp.clip(view[Global.TRAFFIC_NEXT], _PEAK, None)
    level, state = law.step(
        (passed, dawn, lag, integral),
        passed=xp.where(by_day, day_passed, view[Global.TRAFFIC_PASSED]),
        spent=xp.where(by_day, 1.0 - day_left, 1.0 - view[Global.BUDGET_LEFT]),
        stride=xp.where(by_day, _PEAK + 0.0 * days, busiest / days) / HOURS_PER_DAY,
        day=DayPurse(xp.where(by_day, day_left, day_left * daily), view[Global.DAY_TRAFFIC_LEFT]),
        feed_forward=trim.feed_forward(view),
        xp=xp,
    )
    return level, (days, daily, *state)
