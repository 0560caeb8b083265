"""Multivariable PID: two loops, budget and return on ad spend, and the linear decoupler between them."""

from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .gains import check_gains, gain
from .pacing import PacingLaw
from .purse import DayPurse
from .returns import Returns, joint_bid, return_gap

MultivariableMemory: TypeAlias = tuple[Array, ...]
"""(*pacing, lag, integral), (n,) each: `PacingMemory`, low-passed error of the return and its integral term [ln]."""


@dataclass(frozen=True)
class RoiLaw:
    """A PID law on ln(return / floor). Its output is the log of the floor's multiplier q over its first value.

    Positive where the return falls short. Clamped, with the integral held while the output is at a bound that the error
    pushes against. The clock is the share of traffic passed, as in `PacingLaw`. A floor that is met lets q sink to the
    lower bound, exp(-roi_limit) of its first value: it then counts for nothing.
    """

    roi_prior: float = gain(0.05, "share of budget: weight of the floor", (0.01, 0.3), log=True, allowed=(1e-4, 9.0))
    roi_margin: float = gain(0.2, "ln return aimed at over the floor", (0.0, 0.6), allowed=(0.0, 3.0))
    roi_weight: float = gain(0.05, "first q F over p", (0.002, 0.3), log=True, allowed=(0.0, inf))
    roi_proportional: float = gain(6.0, "ln q per ln return", (0.5, 20.0), log=True, allowed=(0.0, inf))
    roi_reset: float = gain(20.0, "1 / share of traffic: integral per proportional", (0.0, 60.0), allowed=(0.0, inf))
    roi_derivative: float = gain(0.0, "share of traffic", (0.0, 0.06), allowed=(0.0, 1.0))
    roi_filter: float = gain(
        0.05, "share of traffic: lag of the derivative", (0.01, 0.2), log=True, allowed=(1e-3, 1.0)
    )
    roi_limit: float = gain(6.0, "ln q: largest change", (1.0, 8.0), allowed=(0.0, 20.0))

    def __post_init__(self) -> None:
        check_gains(self)

    def step(self, lag: Array, integral: Array, gap: Array, moved: Array, xp: Any = np) -> tuple[Array, Array, Array]:
        """Output [ln q], low-passed error and integral term after a step; all (n,).

        Args:
            lag, integral: of the step before, 0 at first.
            gap: ln(return / floor).
            moved: share of traffic passed since the last step.
            xp: numpy or torch, as the arrays are.
        """
        short = -gap
        lag = short + (lag - short) * xp.exp(-moved / self.roi_filter)
        push = self.roi_proportional * short
        rest = push + self.roi_proportional * (self.roi_derivative / self.roi_filter) * (short - lag)
        grown = xp.clip(integral + self.roi_reset * push * moved, -self.roi_limit, self.roi_limit)
        output = rest + grown
        winding = ((output > self.roi_limit) & (push > 0.0)) | ((output < -self.roi_limit) & (push < 0.0))
        integral = xp.where(winding, integral, grown)
        return xp.clip(rest + integral, -self.roi_limit, self.roi_limit), lag, integral


@dataclass(frozen=True)
class Decoupler:
    """Mixes the outputs of two loops so that each moves its own goal: u' = [[a, 1 - a], [1 - b, b]] u.

    alpha = beta = 1: none. `decoupling` gives the pair for a plant whose gains are known.

    Source: Yang et al. 2019, "Bid optimization by multivariable control in display advertising" (KDD).
    """

    alpha: float = gain(1.0, "share of the budget's own signal", (0.5, 1.5), allowed=(-4.0, 4.0))
    beta: float = gain(1.0, "share of the return's own signal", (0.5, 1.5), allowed=(-4.0, 4.0))

    def __post_init__(self) -> None:
        check_gains(self)

    def mix(self, budget: Array, floor: Array) -> tuple[Array, Array]:
        """Both signals after mixing."""
        return self.alpha * budget + (1.0 - self.alpha) * floor, (1.0 - self.beta) * budget + self.beta * floor


def decoupling(plant: Array) -> tuple[float, float]:
    """(alpha, beta) with which each signal of a linear plant moves its own goal only.

    Args:
        plant: [[budget by budget's, budget by return's], [return by budget's, return by return's]] gains, shape (2, 2).
    Raises: ValueError: the plant cannot be decoupled, its determinant is 0.
    """
    (own, cross), (back, other) = np.asarray(plant, dtype=np.float64)
    determinant = own * other - cross * back
    if abs(determinant) < 1e-12:
        raise ValueError(f"plant(determinant={determinant:g}) must have a determinant other than 0")
    return float(other * (own + cross) / determinant), float(own * (other + back) / determinant)


@dataclass(frozen=True)
class MultivariableLaw:
    """Two PID loops set the multipliers of `joint_bid`: the purse moves p, the return on ad spend moves q.

    ln p = -u, ln q = w + constant, after (u, w) went through the decoupler. Without a floor there is nothing to
    decouple: q is 0 and this is `PacingLaw`. Yang et al. steer the cost per click by q; the merchant here sets a floor
    on GMV per ad spend.

    Source: Yang, Li, Wang, Wu, Tan, Xu and Gai 2019, "Bid optimization by multivariable control in display
    advertising" (KDD).
    """

    pacing: PacingLaw = field(default_factory=PacingLaw)
    roi: RoiLaw = field(default_factory=RoiLaw)
    decoupler: Decoupler = field(default_factory=Decoupler)

    def init(self, n: int) -> MultivariableMemory:
        """Memory of n campaigns before their first step."""
        return *self.pacing.init(n), np.zeros(n), np.zeros(n)

    def step(
        self,
        memory: MultivariableMemory,
        passed: Array,
        spent: Array,
        stride: Array,
        shift: Array,
        affordable: Array,
        returns: Returns,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, Array, MultivariableMemory]:
        """Log bid multiplier common to all items (n,), each item's own (n, K) on top of it, and the new memory.

        Args:
            memory, passed, spent, stride, day, feed_forward, xp: as `PacingLaw.step`.
            shift, affordable: as `joint_bid`.
            returns: what the money has brought.
        """
        lag, integral = memory[-2:]
        moved = xp.clip(passed - memory[0], 0.0, None)
        level, paced = self.pacing.step(memory[:-2], passed, spent, stride, day, feed_forward, xp)
        weight, lag, integral = self.roi.step(
            lag, integral, return_gap(returns.over(self.roi.roi_margin), self.roi.roi_prior, xp), moved, xp
        )
        mixed, weight = self.decoupler.mix(level, weight)
        level = xp.clip(xp.where(returns.floor > 0.0, mixed, level), self.pacing.low, self.pacing.high)
        weight = xp.clip(weight, -self.roi.roi_limit, self.roi.roi_limit)
        floor = xp.where(returns.floor > 0.0, self.roi.roi_weight * xp.exp(weight), 0.0)
        total = joint_bid(shift, affordable, xp.exp(-level), floor, xp)
        return level, total - level[:, None], (*paced, lag, integral)
