"""Adaptive pacing by dual descent: multipliers of budget and return that follow their constraints' subgradients."""

from dataclasses import dataclass
from math import exp, inf, log
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .gains import check_gains, gain
from .purse import DayPurse, Progress, open_purse, progress
from .returns import ReturnLaw, Returns, joint_bid

DualMemory: TypeAlias = tuple[Array, ...]
"""(*purse, due, budget, slack, floor), (n,) each: `PurseMemory`, speed of spending due in the coming period, the
budget's multiplier over its first value, the return's slack at the last step, ln of the return's multiplier."""


@dataclass(frozen=True)
class DualLaw(ReturnLaw):
    """Multipliers of budget and return descend their dual by one subgradient a period; `joint_bid` makes bids of them.

    Budget: p <- clamp(p - e (rho - z)), with rho the share of the budget that the period should have taken and z the
    share that it took. The target expenditure follows the traffic, at most what lasts through the day. e is `rate` x
    sqrt(periods), in units in which a period's even spend is 1 / periods: the step of order 1 / sqrt(T) which gives a
    regret of order sqrt(T). The step is Euclidean: p is bounded below and adds.

    Return: ln q <- clamp(ln q - a * change of slack), a mirror step with negative entropy, since q is a price that may
    have to grow by orders of magnitude. Slack is what the earnings would still allow to be spent, conversions still to
    come counted in. Without a floor q is 0.

    Source: Balseiro and Gur 2019, "Learning in repeated auctions with budgets: regret minimization and equilibrium"
    (Management Science), algorithm 1; targets that follow the traffic: Jiang, Li and Zhang 2022, "Online stochastic
    optimization with Wasserstein-based non-stationarity"; return: Feng, Padmanabhan and Wang 2023, "Online bidding
    algorithms for return-on-spend constrained advertisers" (WWW); mirror steps: Balseiro, Lu and Mirrokni 2022, "The
    best of many worlds: dual mirror descent for online allocation problems" (Operations Research).
    """

    rate: float = gain(0.8, "budget's step [1 / sqrt(periods)]", (0.1, 4.0), log=True, allowed=(0.0, 100.0))
    roi_rate: float = gain(10.0, "ln q per share of budget of slack", (1.0, 100.0), log=True, allowed=(0.0, inf))
    roi_weight: float = gain(0.02, "first q F over p", (0.002, 0.3), log=True, allowed=(0.0, inf))
    roi_limit: float = gain(6.0, "ln q: largest change", (1.0, 8.0), allowed=(0.0, 20.0))
    utilisation: float = gain(1.0, "share of budget to spend", (0.5, 1.3), allowed=(0.0, 2.0))
    low: float = gain(-log(4.0), "ln bid", (-log(4.0), -0.2), allowed=(-5.0, 0.0))
    high: float = gain(0.15, "ln bid", (0.0, log(4.0)), allowed=(0.0, 5.0))
    bias: float = gain(0.0, "ln bid: constant feed-forward", (-1.0, 0.7))

    def init(self, n: int) -> DualMemory:
        """Memory of n campaigns before their first step."""
        return *open_purse(n), np.zeros(n) + self.utilisation, np.ones(n), np.zeros(n), np.zeros(n)

    def step(
        self,
        memory: DualMemory,
        passed: Array,
        spent: Array,
        periods: Array,
        shift: Array,
        affordable: Array,
        returns: Returns,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, Array, DualMemory]:
        """Log bid multiplier common to all items (n,), each item's own (n, K) on top of it, and the new memory.

        Args:
            memory: from `init` or the step before.
            passed: share of the plan's expected traffic passed, shape (n,).
            spent: share of the plan's budget spent, shape (n,).
            periods: in the plan, shape (n,).
            shift, affordable: as `joint_bid`.
            returns: what the money has brought.
            day: daily budgets, if there are any.
            feed_forward: known corrections to add [ln bid], shape (n,).
            xp: numpy or torch, as the arrays are.
        """
        now, purse = progress(memory[:4], passed, spent, day, xp)
        due, budget, slack, weight = memory[4:]
        budget = self.descend(budget, due * now.moved - now.used, periods, xp)
        earned = self.slack(returns, xp)
        weight = xp.clip(weight - self.roi_rate * (earned - slack), -self.roi_limit, self.roi_limit)
        level = xp.clip(feed_forward + self.bias - xp.log(budget), self.low, self.high)
        floor = xp.where(returns.floor > 0.0, self.roi_weight * xp.exp(weight), 0.0)
        total = joint_bid(shift, affordable, xp.exp(-level), floor, xp)
        return level, total - level[:, None], (*purse, self.due(now, xp), budget, earned, weight)

    def descend(self, multiplier: Array, subgradient: Array, periods: Array, xp: Any) -> Array:
        """A budget's multiplier after a Euclidean step, projected to what the bounds on the bid allow."""
        moved = multiplier - self.rate * xp.sqrt(periods) * subgradient
        return xp.clip(moved, exp(-self.high), exp(-self.low))

    def due(self, now: Progress, xp: Any) -> Array:
        """Speed of spending that the coming period should have: even, at most what lasts through the day."""
        return xp.clip(now.within_day(self.utilisation + 0.0 * now.moved, xp), 0.0, None)


@dataclass(frozen=True)
class MinLaw(DualLaw):
    """Budget and return are paced apart, each as if it were the only constraint; the lower of both bids is made.

    The return's own bid moves by ln bid <- clamp(ln bid + a * change of slack) from the plan's. Each loop sees what the
    joint bids bring, so the one that does not bind rises to its clamp, and is back from there as fast as its step
    allows. Nothing is exchanged between the loops, and no estimate of what a click returns is needed.

    Source: Balseiro, Bhawalkar, Feng, Lu, Mirrokni, Sivan and Wang 2024, "A field guide for pacing budget and ROS
    constraints" (ICML): min pacing, which they found close to the coupled optimum.
    """

    roi_rate: float = gain(2.0, "ln bid per share of budget of slack", (0.2, 20.0), log=True, allowed=(0.0, inf))
    roi_weight: float = gain(0.0, "not used", (0.0, 0.0), allowed=(0.0, 0.0))

    def step(
        self,
        memory: DualMemory,
        passed: Array,
        spent: Array,
        periods: Array,
        shift: Array,
        affordable: Array,
        returns: Returns,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, Array, DualMemory]:
        """As `DualLaw.step`; `affordable` is not looked at."""
        raise NotImplementedError
