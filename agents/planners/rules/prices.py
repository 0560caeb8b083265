"""Prices and promotions of the rule planner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Role

from .estimates import Array, Estimates
from .gains import PriceGains
from .outlook import promotion_days
from .roles import Mask


def plan_prices(office: BackOffice, beliefs: Estimates, roles: Sequence[Role], gains: PriceGains) -> Array:
    """Prices [CNY/unit], shape (K,): part of the way to the best price at the published elasticity.

    With elasticity -e the profit of a unit is greatest at its full cost x e / (e - 1) (Lerner 1934). Full cost is what
    the price must cover (goods, commission, returns) and the advertising that a sale takes, which value-based bids hold
    to a share of the margin. Raises are bounded by `step_up`, cuts by `step_down`; brands do not cut; overstocked
    listings are cut by one step. A cut leaves `margin_kept` of the unit margin, so none goes under cost. What is not
    advertised keeps its price, and so does everything where the hosting model leaves the price to the merchant.
    """
    if office.hosting.price_control == "merchant":
        return office.price.copy()
    break_even = beliefs.break_even(office.cost)
    full = break_even + gains.ad_share * np.maximum(office.price - break_even, 0.0)
    best = np.log(full * gains.elasticity / (gains.elasticity - 1.0) / office.price)
    move = np.clip(gains.pull * best, -gains.step_down, gains.step_up)
    if "brand" in office.driver.split("+"):
        move = np.maximum(move, 0.0)
    move = np.where([role == "clear" for role in roles], -gains.step_down, move)
    move = np.where(np.abs(move) < gains.least_step, 0.0, move)
    least = break_even + gains.margin_kept * np.maximum(office.price - break_even, 0.0)
    fen = np.maximum(np.round(office.price * np.exp(move), 2), np.ceil(100.0 * least - 1e-6) / 100.0)
    moved = np.where(move < 0.0, np.minimum(fen, office.price), fen)
    keep = np.array([role == "paused" for role in roles]) | (move == 0.0)
    return np.where(keep, office.price, moved)


def promotion_discount(office: BackOffice, beliefs: Estimates, price: Array, active: Mask, gains: PriceGains) -> float:
    """Discount on platform promotion days [share of price], 0 where the margins do not allow one.

    At most half of the thinnest net margin among the advertised listings, so each still earns.
    """
    if not promotion_days(office) or not active.any() or office.hosting.price_control == "merchant":
        return 0.0
    margin = 1.0 - beliefs.break_even(office.cost)[active] / price[active]
    discount = np.floor(100.0 * min(gains.promotion_most, 0.5 * float(margin.min()))) / 100.0
    allowed = float(margin.mean()) >= gains.promotion_margin and discount >= gains.promotion_least
    return float(discount) if allowed else 0.0
