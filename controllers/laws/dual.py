"""Adaptive pacing by dual descent: each constraint's multiplier follows its subgradient, jointly or apart."""

from dataclasses import dataclass, field
from math import exp, inf, log
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .gains import check_gains, gain
from .purse import DayPurse, open_purse, progress
from .returns import Returns, joint_bid, return_slack

DualBudgetMemory: TypeAlias = tuple[Array, ...]
"""(*purse, due, multiplier), (n,) each: `PurseMemory`, speed of spending due in the coming period, the budget's
multiplier over its first value."""

DualMemory: TypeAlias = tuple[Array, ...]
"""(*budget, slack, moved), (n,) each: `DualBudgetMemory`, the return's slack at the last step, what its own loop has
moved [ln]."""

_LEAST = 1e-6  # [share]


@dataclass(frozen=True)
class DualBudgetLaw:
    """The budget's multiplier: p <- clamp(p - e (rho - z)), log bid = -ln p.

    rho is the share of the budget that the period should have taken, z the share that it took. The target follows the
    traffic, at most what lasts through the day. e = `rate` / sqrt(stride): in units in which a period's even spend is
    one of T, this is the step of order 1 / sqrt(T) that gives a regret of order sqrt(T). The step is Euclidean, and the
    projection keeps the bid within [low, high], so nothing winds up and some bids always win.

    Source: Balseiro and Gur 2019, "Learning in repeated auctions with budgets: regret minimization and equilibrium"
    (Management Science); target expenditures that follow the traffic: Jiang, Li and Zhang 2020, "Online
    stochastic optimization with Wasserstein based non-stationarity".
    """

    rate: float = gain(1.2, "step, times the root of the busiest period", (0.2, 5.0), log=True, allowed=(0.0, 100.0))
    utilisation: float = gain(1.0, "share of budget to spend", (0.5, 1.3), allowed=(0.0, 2.0))
    low: float = gain(-log(4.0), "ln bid", (-log(4.0), -0.2), allowed=(-5.0, 0.0))
    high: float = gain(0.15, "ln bid", (0.0, log(4.0)), allowed=(0.0, 5.0))
    bias: float = gain(0.0, "ln bid: constant feed-forward", (-1.0, 0.7))

    def __post_init__(self) -> None:
        check_gains(self)

    def init(self, n: int) -> DualBudgetMemory:
        """Memory of n campaigns before their first step."""
        return *open_purse(n), np.zeros(n) + self.utilisation, np.ones(n)

    def step(
        self,
        memory: DualBudgetMemory,
        passed: Array,
        spent: Array,
        stride: Array,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, DualBudgetMemory]:
        """Log bid multiplier for the coming period, in [low, high], shape (n,); new memory.

        Args: as `PacingLaw.step`.
        """
        now, purse = progress(memory[:4], passed, spent, day, xp)
        due, multiplier = memory[4:]
        size = self.rate / xp.sqrt(xp.clip(stride, _LEAST, None))
        moved = multiplier - size * (due * now.moved - now.used)
        multiplier = xp.clip(moved, exp(-self.high), exp(-self.low))
        due = now.within_day(self.utilisation + 0.0 * passed, xp)
        level = xp.clip(feed_forward + self.bias - xp.log(multiplier), self.low, self.high)
        return level, (*purse, due, multiplier)


@dataclass(frozen=True)
class DualReturnLaw:
    """The multiplier of the floor on the return: ln q <- clamp(ln q - a * change of slack), over its first value.

    Slack is what the earnings would still allow to be spent, conversions still to come counted in; its change is the
    subgradient. The step is a mirror step with negative entropy, since q is a price that may have to grow by orders of
    magnitude.

    Source: Feng, Padmanabhan and Wang 2023, "Online bidding algorithms for return-on-spend constrained advertisers"
    (WWW); mirror steps: Balseiro, Lu and Mirrokni 2023, "The best of many worlds: dual mirror descent for
    online allocation problems" (Operations Research).
    """

    roi_rate: float = gain(40.0, "ln q per share of budget of slack", (4.0, 400.0), log=True, allowed=(0.0, inf))
    roi_margin: float = gain(0.2, "ln return aimed at over the floor", (0.0, 0.6), allowed=(0.0, 3.0))
    roi_weight: float = gain(0.05, "first q F over p", (0.002, 0.3), log=True, allowed=(0.0, inf))
    roi_limit: float = gain(6.0, "ln q: largest change", (1.0, 8.0), allowed=(0.0, 20.0))

    def __post_init__(self) -> None:
        check_gains(self)

    def step(self, weight: Array, slack: Array, before: Array, xp: Any = np) -> Array:
        """What ln q has moved in all after a step, from what it had moved, the slack now and the slack before; (n,)."""
        return xp.clip(weight - self.roi_rate * (slack - before), -self.roi_limit, self.roi_limit)


@dataclass(frozen=True)
class DualLaw:
    """Budget and return paced together: their multipliers make one bid, see `joint_bid`. No floor: q is 0.

    Source: Balseiro and Gur 2019; Feng, Padmanabhan and Wang 2023.
    """

    budget: DualBudgetLaw = field(default_factory=DualBudgetLaw)
    roi: DualReturnLaw = field(default_factory=DualReturnLaw)

    def init(self, n: int) -> DualMemory:
        """Memory of n campaigns before their first step."""
        return *self.budget.init(n), np.zeros(n), np.zeros(n)

    def step(
        self,
        memory: DualMemory,
        passed: Array,
        spent: Array,
        stride: Array,
        shift: Array,
        affordable: Array,
        returns: Returns,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, Array, DualMemory]:
        """Log bid multiplier common to all items (n,), each item's own (n, K) on top of it, and the new memory.

        Args:
            memory, passed, spent, stride, day, feed_forward, xp: as `PacingLaw.step`.
            shift, affordable: as `joint_bid`.
            returns: what the money has brought.
        """
        before, weight = memory[-2:]
        slack = return_slack(returns.over(self.roi.roi_margin), xp)
        level, budget = self.budget.step(memory[:-2], passed, spent, stride, day, feed_forward, xp)
        weight = self.roi.step(weight, slack, before, xp)
        floor = xp.where(returns.floor > 0.0, self.roi.roi_weight * xp.exp(weight), 0.0)
        total = joint_bid(shift, affordable, xp.exp(-level), floor, xp)
        return level, total - level[:, None], (*budget, slack, weight)


@dataclass(frozen=True)
class MinReturnLaw:
    """A pacing loop for the return alone: log bid <- clamp(log bid + a * change of slack), from the plan's bid on."""

    roi_rate: float = gain(5.0, "ln bid per share of budget of slack", (0.5, 50.0), log=True, allowed=(0.0, inf))
    roi_margin: float = gain(0.2, "ln return aimed at over the floor", (0.0, 0.6), allowed=(0.0, 3.0))
    roi_low: float = gain(-log(4.0), "ln bid", (-log(4.0), -0.2), allowed=(-5.0, 0.0))
    roi_high: float = gain(0.5, "ln bid", (0.0, log(4.0)), allowed=(0.0, 5.0))

    def __post_init__(self) -> None:
        check_gains(self)

    def step(self, level: Array, slack: Array, before: Array, xp: Any = np) -> Array:
        """Log bid after a step, from the log bid, the slack now and the slack before; (n,)."""
        return xp.clip(level + self.roi_rate * (slack - before), self.roi_low, self.roi_high)


@dataclass(frozen=True)
class MinLaw:
    """Budget and return paced apart, each as if it were the only constraint; the lower of both bids is made.

    Each loop sees what the bids made bring, so the one that does not bind rises to its clamp, and is back from there as
    fast as its step allows. Nothing is exchanged between the loops, and no estimate of what a click returns is needed.
    No floor: the budget alone.

    Source: Balseiro, Bhawalkar, Feng, Lu, Mirrokni, Sivan and Wang 2024, "A field guide for pacing budget and ROS
    constraints" (ICML): min pacing.
    """

    budget: DualBudgetLaw = field(default_factory=DualBudgetLaw)
    roi: MinReturnLaw = field(default_factory=MinReturnLaw)

    def init(self, n: int) -> DualMemory:
        """Memory of n campaigns before their first step."""
        return *self.budget.init(n), np.zeros(n), np.zeros(n)

    def step(
        self,
        memory: DualMemory,
        passed: Array,
        spent: Array,
        stride: Array,
        shift: Array,
        affordable: Array,
        returns: Returns,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, Array, DualMemory]:
        """As `DualLaw.step`; `shift` is handed on, `affordable` not looked at."""
        before, own = memory[-2:]
        slack = return_slack(returns.over(self.roi.roi_margin), xp)
        level, budget = self.budget.step(memory[:-2], passed, spent, stride, day, feed_forward, xp)
        own = self.roi.step(own, slack, before, xp)
        level = xp.where(returns.floor > 0.0, xp.minimum(level, own), level)
        return level, shift, (*budget, slack, own)
