"""Probabilistic throttling: keep the bids, and leave out a share of the traffic."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .gains import check_gains, gain
from .purse import DayPurse, open_purse, progress

ThrottleMemory: TypeAlias = tuple[Array, ...]
"""(*purse, rate), (n,) each: `PurseMemory`, pass-through rate."""


@dataclass(frozen=True)
class ThrottleLaw:
    """Pass-through rate: the probability of taking part, moved by a constant factor each period.

    Behind the planned spend the rate grows by exp(step), ahead of it it shrinks by as much; it stays within [low, 1].
    Planned spend follows the share of traffic passed. Fast finish: it is complete when `finish` of the traffic has
    passed, so that money kept by caution still finds traffic. The lower bound keeps some requests coming, by which the
    loop sees that it may open again. A day's purse is held to its own course, and the more cautious of both decides.

    LinkedIn draws for each request and starts at a rate of 10 %. Here a caller may draw for whatever takes part as one,
    and the first rate is `start`, 1 by default: the campaign as planned.

    Throttling chooses no better traffic and never bids more, so it cannot mend a plan whose bids are too low; `bias`
    is there to be tuned.

    Source: Agarwal, Ghosh, Wei and You 2014, "Budget pacing for targeted online advertisements at LinkedIn" (KDD):
    allocated spend on the forecast traffic curve, adjustment rate 10 %, fast finish.
    """

    step_size: float = gain(0.1, "ln rate per period", (0.02, 0.5), log=True, allowed=(0.0, 2.0))
    finish: float = gain(0.98, "share of traffic by which all is to be spent", (0.8, 1.0), allowed=(0.1, 1.0))
    low: float = gain(0.1, "least rate", (0.02, 0.6), log=True, allowed=(0.001, 1.0))
    start: float = gain(1.0, "first rate", (0.3, 1.0), allowed=(0.001, 1.0))
    bias: float = gain(0.0, "ln bid: constant added", (-0.7, 0.7))

    def __post_init__(self) -> None:
        check_gains(self)

    def init(self, n: int) -> ThrottleMemory:
        """Memory of n campaigns before their first step."""
        return *open_purse(n), np.zeros(n) + max(self.start, self.low)

    def step(
        self, memory: ThrottleMemory, passed: Array, spent: Array, day: DayPurse | None = None, xp: Any = np
    ) -> tuple[Array, ThrottleMemory]:
        """Pass-through rate of the coming period, in [low, 1], shape (n,); new memory.

        Args:
            memory: from `init` or the step before.
            passed: share of the plan's expected traffic passed, shape (n,).
            spent: share of the plan's budget spent, shape (n,).
            day: daily budgets, if there are any.
            xp: numpy or torch, as the arrays are.
        """
        now, purse = progress(memory[:4], passed, spent, day, xp)
        behind = now.error(xp.clip(passed / self.finish, None, 1.0) - spent, xp)
        grown = memory[4] * xp.exp(self.step_size * xp.sign(behind))
        rate = xp.clip(grown, self.low, 1.0)
        return rate, (*purse, rate)
