"""Return on ad spend against a floor, with conversions that are still to come counted in."""

from dataclasses import dataclass, replace
from math import exp
from typing import Any

import numpy as np

from .arrays import Array

_LEAST_DUE = 0.1  # [share] of the orders that must be due; less tells nothing


@dataclass(frozen=True)
class Returns:
    """What n campaigns have got for their money; shapes (n,), money as shares of the campaign's budget."""

    floor: Array  # [attributed GMV / ad spend], 0 = none
    spent: Array  # on advertising
    earned: Array  # attributed GMV booked so far
    due: Array  # share of the orders from its clicks that is due by now, in (0, 1]

    def over(self, margin: float) -> "Returns":
        """The same against a floor raised by `margin` [ln]: what is still to come at the end does not count there."""
        return replace(self, floor=self.floor * exp(margin))


def return_gap(returns: Returns, prior: float, xp: Any = np) -> Array:
    """ln(return / floor), shape (n,); 0 where there is no floor.

    Orders come days after their click, so attributed GMV over spend is too low while a campaign is young or growing:
    spend is counted only as far as its orders are due. First results are weighed against `prior` of the budget spent
    exactly at the floor, so the measure starts at 0 and no single order throws it.

    Source: Chapelle 2014, "Modeling delayed feedback in display advertising" (orders due by a click's age).
    """
    worth, cost = _sides(returns, xp)
    return xp.where(returns.floor > 0.0, xp.log((worth + prior) / (cost + prior)), 0.0)


def return_slack(returns: Returns, xp: Any = np) -> Array:
    """What could be spent more, at no return at all, before the floor is reached [share of budget], shape (n,).

    0 where there is no floor; orders that are not due yet are counted as in `return_gap`.
    """
    worth, cost = _sides(returns, xp)
    return xp.where(returns.floor > 0.0, worth - cost, 0.0)


def _sides(returns: Returns, xp: Any) -> tuple[Array, Array]:
    """Spend that the earnings would allow, and spend as far as its orders are due; shares of budget, (n,)."""
    floor = xp.where(returns.floor > 0.0, returns.floor, 1.0)
    return returns.earned / floor, returns.spent * xp.clip(returns.due, _LEAST_DUE, 1.0)


def joint_bid(shift: Array, affordable: Array, budget: Array, floor: Array, xp: Any = np) -> Array:
    """Log bid multiplier of each item under a budget and a floor on the return.

    Maximise sum x_i v_i over the auctions won, x_i, subject to the budget, sum x_i c_i <= B, and to the floor,
    sum x_i g_i >= F sum x_i c_i; v is the margin and g the GMV that a click is worth, c what it costs. With multipliers
    p and q the Lagrangian is sum x_i (v_i + q g_i - (p + q F) c_i) + p B, so the auctions to win are those that cost at
    most, and the bid to win just those at second prices is,

        b_i = (v_i + q g_i) / (p + q F) = (1 - s) v_i / p + s g_i / F,   s = q F / (p + q F):

    a mixture of what the budget and what the floor would bid alone. Yang et al. have the same with clicks in place of
    GMV and a cap on the cost per click. For profit, sum x_i (v_i - c_i), p becomes 1 + p: with bids in money the upper
    clamp of v / p does that. Without a floor q is 0 and the bid v / p: pacing alone.

    Here everything is over the plan's bid, which v / p is where the budget's multiplier has not moved.

    Args:
        shift: [ln] bid by value alone over the plan's bid, shape (n, K).
        affordable: g / F over the plan's bid, shape (n, K).
        budget: p over its first value, shape (n,).
        floor: q F over the first p, shape (n,); 0 without a floor.
        xp: numpy or torch, as the arrays are.
    Returns: [ln], shape (n, K).
    Source: Yang et al. 2019, "Bid optimization by multivariable control in display advertising" (KDD).
    """
    return xp.log(xp.exp(shift) + floor[:, None] * affordable) - xp.log(budget + floor)[:, None]
