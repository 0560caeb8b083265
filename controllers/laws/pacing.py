"""PID pacing on the traffic-share clock: spend the budget as traffic passes, whatever bids that takes."""

from dataclasses import dataclass
from math import inf, log
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .gains import check_gains, gain

PacingMemory: TypeAlias = tuple[Array, Array, Array, Array]
"""(passed, dawn, lag, integral), (n,) each: share of traffic passed at the last step and when the day began,
low-passed error, integral term [ln bid]."""

_LEAST = 1e-6  # [share] keeps divisions finite when no traffic is left


@dataclass(frozen=True)
class DayPurse:
    """A day's own budget inside the plan's, as it stands."""

    money_left: Array  # (n,) left to spend today, as a share of the plan's budget
    traffic_left: Array  # (n,) share of the day's expected traffic still to come; 1 only as a day begins


@dataclass(frozen=True)
class PacingLaw:
    """A PID law in log bid. Its clock is the share of the plan's expected traffic passed, so a night weighs little.

    error = target(passed) - share of budget spent, where target(p) = utilisation * (p + front * p * (1 - p)).

    - The error is divided by the traffic left: error / left is the change of spending speed, relative to an even one,
      that would still land on target. So the loop tightens as the time to correct runs out, but never so far that an
      error is answered in less than `settle` of the busiest periods. That bounds the loop gain for good: it takes the
      place of a floor under the traffic left, and short plans get softer gains by the same rule.
    - A day purse gives a second error: money left today less the plan's traffic left today. The more cautious of the
      two acts: what a day's cap forbids cannot be caught up by bidding, it would only wind up. How much of the plan's
      traffic a day holds shows once its first hour has passed.
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

    def __post_init__(self) -> None:
        check_gains(self)

    def init(self, n: int) -> PacingMemory:
        """Memory of n campaigns before their first step."""
        return np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)

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
        before, dawn, lag, integral = memory
        moved = xp.clip(passed - before, 0.0, None)
        error = self.target(passed) - spent
        strength = self._strength(1.0 - passed, stride, xp)
        push = strength * error
        lag = error + (lag - error) * xp.exp(-moved / self.filter)
        if day is not None:
            begins = day.traffic_left >= 1.0
            dawn = xp.where(begins, passed, dawn)
            push = xp.where(begins, push, xp.minimum(push, self._today(day, passed - dawn, stride, xp)))
            lag = xp.where(day.money_left <= 0.0, error, lag)
        rest = feed_forward + self.bias + push + strength * (self.derivative / self.filter) * (error - lag)
        integral = self._integrate(integral, rest, push, moved, xp)
        return xp.clip(rest + integral, self.low, self.high), (passed, dawn, lag, integral)

    def _today(self, day: DayPurse, passed: Array, stride: Array, xp: Any) -> Array:
        """Proportional term of the day purse [ln bid], given the share of the plan's traffic passed since its start."""
        whole = xp.clip(passed / xp.clip(1.0 - day.traffic_left, _LEAST, None), 0.0, 1.0)
        left = whole * day.traffic_left
        return self._strength(left, stride, xp) * (day.money_left - left)

    def _strength(self, left: Array, stride: Array, xp: Any) -> Array:
        """Gain on an error [ln bid per share of budget], given the share of traffic left and the stride."""
        wished = self.proportional / xp.clip(left, _LEAST, None)
        return xp.minimum(wished, 1.0 / (self.settle * xp.clip(stride, _LEAST, None)))

    def _integrate(self, integral: Array, rest: Array, push: Array, moved: Array, xp: Any) -> Array:
        """The integral term after this step, held where the output is saturated and the error pushes outwards."""
        kept = integral * xp.exp(-self.forget * moved)
        grown = xp.clip(kept + self.reset * push * moved, -self.integral_limit, self.integral_limit)
        output = rest + grown
        winding = ((output > self.high) & (push > 0.0)) | ((output < self.low) & (push < 0.0))
        return xp.where(winding, kept, grown)
