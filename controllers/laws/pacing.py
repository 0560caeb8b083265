"""PID pacing on the traffic-share clock: spend the budget as traffic passes, whatever bids that takes."""

from dataclasses import dataclass
from math import inf, log
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .gains import check_gains, gain
from .purse import DayPurse, fastest, open_purse, progress

PacingMemory: TypeAlias = tuple[Array, ...]
"""(*purse, lag, integral), (n,) each: `PurseMemory`, low-passed error, integral term [ln bid]."""


@dataclass(frozen=True)
class PacingLaw:
    """A PID law in log bid. Its clock is the share of the plan's expected traffic passed, so a night weighs little.

    error = target(passed) - share of budget spent, where target(p) = utilisation * (p + front * p * (1 - p)).

    - The error is divided by the traffic left: error / left is the change of spending speed, relative to an even one,
      that would still land on target. So the loop tightens as the time to correct runs out, but never so far that an
      error is answered in less than `settle` of the busiest periods. That bounds the loop gain for good: it takes the
      place of a floor under the traffic left, and short plans get softer gains by the same rule.
    - A day purse gives a second error, its money against the day's own course (see `purse.progress`). The more
      cautious of the two acts: what a day's cap forbids cannot be caught up by bidding, it would only wind up.
    - Where the day's cap is below what the plan wants of the day, as on a promotion day, that is no error to be
      corrected but a slower course: `foresight` takes the bids to it at once, and the feedback mends what is left.
    - The integral leaks with the traffic clock and is clamped. It is held while the output is at a bound that the
      error pushes against (conditional integration), so the output leaves the bound once the error lets go.
    - The derivative acts on a first-order lag of the raw error, which needs no division by the step of the clock. It
      is the filtered difference between target and actual speed of spending. While a day purse is empty it rests:
      no spend then tells nothing of the bids.
    - The output is clamped. The lower bound keeps some bids winning, or nothing more would be learnt of the price of
      a win and the loop could lock up.
    - Bumpless: with no error and no feed-forward, the output is 0, the plan's own bids.

    Source: Astrom and Hagglund 2006, "Advanced PID Control", chapter 3 (filter, anti-windup, bumpless transfer);
    Zhang et al. 2016, "Feedback control of real-time display advertising" (PID on bids); Karlsson 2020, "Feedback
    control in programmatic advertising" (spending as the plant, log bid as the input).
    """

    proportional: float = gain(12.0, "ln bid per share of budget", (1.0, 40.0), log=True, allowed=(0.0, inf))
    reset: float = gain(4.0, "1 / share of traffic: integral per proportional", (0.0, 15.0), allowed=(0.0, inf))
    forget: float = gain(2.0, "1 / share of traffic: leak of the integral", (0.0, 20.0), allowed=(0.0, inf))
    derivative: float = gain(0.01, "share of traffic", (0.0, 0.06), allowed=(0.0, 1.0))
    filter: float = gain(0.02, "share of traffic: lag of the derivative", (0.005, 0.08), log=True, allowed=(1e-3, 1.0))
    settle: float = gain(4.0, "busiest periods: fastest correction", (2.0, 20.0), log=True, allowed=(1.0, inf))
    integral_limit: float = gain(1.2, "ln bid", (0.3, 1.4), allowed=(0.0, inf))
    low: float = gain(-log(4.0), "ln bid", (-log(4.0), -0.2), allowed=(-inf, 0.0))
    high: float = gain(1.1, "ln bid", (0.0, log(4.0)), allowed=(0.0, inf))
    bias: float = gain(0.0, "ln bid: constant feed-forward", (-1.0, 0.7))
    utilisation: float = gain(1.0, "share of budget to spend", (0.5, 1.2), allowed=(0.0, 2.0))
    front: float = gain(0.0, "spend early: excess speed at the start", (-0.5, 1.0), allowed=(-1.0, 1.0))
    foresight: float = gain(0.5, "ln bid per ln of the speed that a day's cap allows", (0.0, 1.0), allowed=(0.0, 4.0))

    def __post_init__(self) -> None:
        check_gains(self)

    def init(self, n: int) -> PacingMemory:
        """Memory of n campaigns before their first step."""
        return *open_purse(n), np.zeros(n), np.zeros(n)

    def target(self, passed: Array) -> Array:
        """Share of the budget that should be spent by now."""
        return self.utilisation * (passed + self.front * passed * (1.0 - passed))

    def step(
        self,
        memory: PacingMemory,
        passed: Array,
        spent: Array,
        stride: Array,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, PacingMemory]:
        """Log bid multiplier for the coming period.

        Args:
            memory: from `init` or the step before.
            passed: share of the plan's expected traffic passed, shape (n,).
            spent: share of the plan's budget spent, shape (n,).
            stride: most of the plan's expected traffic that one coming period may hold, as a share, shape (n,);
                1 / periods where traffic is even.
            day: daily budgets, if there are any.
            feed_forward: known corrections to add [ln bid], shape (n,).
            xp: numpy or torch, as the arrays are.
        Returns: log multiplier in [low, high], shape (n,); new memory.
        """
        now, purse = progress(memory[:4], passed, spent, day, xp)
        lag, integral = memory[4:]
        error = self.target(passed) - spent
        strength = fastest(self.proportional, now.left, stride, self.settle, xp)
        push = strength * error
        lag = error + (lag - error) * xp.exp(-now.moved / self.filter)
        ahead = feed_forward + self.bias
        if now.today is not None:
            today = now.today
            gap = fastest(self.proportional, today.left, stride, self.settle, xp) * today.gap
            push = xp.where(today.begins, push, xp.minimum(push, gap))
            ahead = ahead + self.foresight * xp.where(today.begins, 0.0, xp.log(today.ease))
            lag = xp.where(today.empty, error, lag)
        rest = ahead + push + strength * (self.derivative / self.filter) * (error - lag)
        integral = self._integrate(integral, rest, push, now.moved, xp)
        return xp.clip(rest + integral, self.low, self.high), (*purse, lag, integral)

    def _integrate(self, integral: Array, rest: Array, push: Array, moved: Array, xp: Any) -> Array:
        """The integral term after this step, held where the output is saturated and the error pushes outwards."""
        kept = integral * xp.exp(-self.forget * moved)
        grown = xp.clip(kept + self.reset * push * moved, -self.integral_limit, self.integral_limit)
        output = rest + grown
        winding = ((output > self.high) & (push > 0.0)) | ((output < self.low) & (push < 0.0))
        return xp.where(winding, kept, grown)
