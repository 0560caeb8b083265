"""Bids of the rule planner: what a click is worth, and what the purse can bear."""

from __future__ import annotations

import numpy as np

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Goal

from .estimates import Array, Estimates
from .gains import BidGains, RuleGains
from .outlook import paid_clicks
from .roles import Mask, bid_for_roi, click_value


def value_bids(office: BackOffice, beliefs: Estimates, price: Array, goal: Goal, gains: BidGains) -> Array:
    """What each click is worth offering [CNY/click], shape (K,): a share of its value, under the ROI floor.

    A raised price is not counted as value: it will cost conversions.
    """
    shading = {"break_zero": gains.break_zero, "clear_stock": gains.clear_stock}.get(goal, gains.profit)
    value = click_value(office, beliefs, np.minimum(price, office.price), beliefs.conversion_rate)
    return np.minimum(shading * value, bid_for_roi(office, beliefs))


def fit_to_purse(
    wished: Array, office: BackOffice, beliefs: Estimates, active: Mask, total: float, gains: RuleGains
) -> tuple[Array, float]:
    """Bids within the platform's usual range, and the common factor that makes the budget last (1 = none).

    Where the purse cannot pay for all clicks worth having, every bid is lowered in proportion: the last yuan
    then earns the same everywhere.

    Returns: bids [CNY/click], shape (K,), 0 where not advertised; the factor in (0, 1].
    """
    low, high = gains.bids.floor * office.suggested_bid, gains.bids.ceiling * office.suggested_bid

    def bids(pace: float) -> Array:
        return np.where(active, np.round(np.clip(np.round(pace * wished, 3), low, high), 6), 0.0)

    def cost(pace: float) -> float:
        clicks, price = paid_clicks(bids(pace), office, beliefs, gains)
        return float((clicks * price).sum())

    if cost(1.0) <= total:
        return bids(1.0), 1.0
    slow, fast = 0.0, 1.0
    for _ in range(20):
        middle = 0.5 * (slow + fast)
        slow, fast = (slow, middle) if cost(middle) > total else (middle, fast)
    return bids(fast), fast
