"""Waterlevel control: the log bid rises by what a period fell short, and sinks by what it took too much."""

from dataclasses import dataclass
from math import inf, log
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .gains import check_gains, gain
from .purse import DayPurse, fastest, open_purse, progress

WaterlevelMemory: TypeAlias = tuple[Array, ...]
"""(*purse, due, level), (n,) each: `PurseMemory`, speed of spending due in the coming period, phi [ln bid]."""


_FASTEST = 10.0  # [times the even speed] a reference beyond it means that hardly any traffic is left


@dataclass(frozen=True)
class WaterlevelLaw:
    """phi <- clamp(phi + gamma * (reference - measured)); bid = plan's bid * exp(phi).

    Reference and measured are the shares of the budget that the last period should have taken and took. A period's
    reference is the traffic that it brought times the even speed that would then have used up the money left, at most
    what lasts through the day; so a past error is spread over what is left, and the sum does not drift from the target.
    The clamp is on phi itself, so nothing winds up, and its lower end keeps some bids winning. `settle` bounds gamma
    in short plans, whose periods are large.

    Source: Zhang, Rong, Wang, Zhu and Wang 2016, "Feedback control of real-time display advertising" (WSDM): the
    waterlevel controller, with the exponential actuator and clamps. They steer cost per click and win rate by it;
    here it is the rate of spending.
    """

    gamma: float = gain(15.0, "ln bid per share of budget", (2.0, 60.0), log=True, allowed=(0.0, inf))
    settle: float = gain(4.0, "busiest periods: fastest correction", (2.0, 20.0), log=True, allowed=(1.0, inf))
    utilisation: float = gain(1.0, "share of budget to spend", (0.5, 1.2), allowed=(0.0, 2.0))
    low: float = gain(-log(4.0), "ln bid", (-log(4.0), -0.2), allowed=(-inf, 0.0))
    high: float = gain(0.15, "ln bid", (0.0, log(4.0)), allowed=(0.0, inf))
    bias: float = gain(0.0, "ln bid: constant feed-forward", (-1.0, 0.7))

    def __post_init__(self) -> None:
        check_gains(self)

    def init(self, n: int) -> WaterlevelMemory:
        """Memory of n campaigns before their first step."""
        return *open_purse(n), np.zeros(n) + self.utilisation, np.zeros(n)

    def step(
        self,
        memory: WaterlevelMemory,
        passed: Array,
        spent: Array,
        stride: Array,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, WaterlevelMemory]:
        """Log bid multiplier for the coming period, in [low, high], shape (n,); new memory.

        Args: as `PacingLaw.step`.
        """
        now, purse = progress(memory[:4], passed, spent, day, xp)
        due, level = memory[4:]
        gamma = fastest(self.gamma, 1.0 + 0.0 * passed, stride, self.settle, xp)
        level = xp.clip(level + gamma * (due * now.moved - now.used), self.low, self.high)
        speed = xp.clip(self.utilisation - spent, 0.0, None) / now.left
        due = xp.clip(now.within_day(speed, xp), 0.0, _FASTEST)
        return xp.clip(feed_forward + self.bias + level, self.low, self.high), (*purse, due, level)
