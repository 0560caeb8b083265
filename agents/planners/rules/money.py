"""Budget, caps and audience of the rule planner."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.market.parameters import SEGMENTS
from merchantgym.envs.plan import Role

from .estimates import Array, Estimates
from .gains import MoneyGains, RuleGains
from .outlook import promotion_days
from .roles import Mask

LARGE_BUYERS = ("distributor", "sourcing")


def plan_budget(office: BackOffice, beliefs: Estimates, price: Array, active: Mask, gains: MoneyGains) -> float:
    """The whole purse, unless the margin of what is in stock does not cover it [CNY]."""
    margin = office.stock * np.maximum(beliefs.unit_margin(price, office.cost), 0.0)
    cover = gains.stock_slack * float(margin[active].sum())
    return float(min(office.budget, max(cover, gains.least_budget * office.budget)))


def daily_budget(office: BackOffice, total: float, gains: MoneyGains) -> float:
    """What one day may spend [CNY]: room for peak days out of one purse, the grant of a renewing one."""
    if office.renewing:
        return min(office.budget / office.days, total)
    peak = gains.peak_promotion if promotion_days(office) else gains.peak
    return min(total, peak * total / office.days)


def plan_caps(
    office: BackOffice, beliefs: Estimates, roles: Sequence[Role], bid: Array, total: float, gains: RuleGains
) -> Array:
    """The most each listing may take of the budget, shape (K,), in [0, 1].

    Tests share what is left beside proven listings, or twice an even share where all are tests; nothing takes
    more than it costs to sell `stock_slack` times its stock.
    """
    test = np.array([role == "test" for role in roles])
    count = int((bid > 0.0).sum())
    test_cap = gains.money.test_cap if test.sum() < count else 2.0 / max(count, 1)
    by_role = np.where(test, min(test_cap, 1.0), 1.0)
    orders = gains.money.stock_slack * office.stock / beliefs.order_units
    by_stock = np.ceil(1000.0 * orders / beliefs.conversion_rate * bid / total) / 1000.0
    return np.where(bid > 0.0, np.minimum(np.minimum(by_role, by_stock), 1.0), 0.0)


def plan_audience(office: BackOffice, active: Mask, gains: MoneyGains) -> dict[str, float]:
    """Bid multiplier per buyer segment: 1, less for large buyers where their orders would find no stock."""
    lots = office.stock[active] / office.minimum_order[active]
    scarce = lots.size > 0 and float(np.median(lots)) < gains.scarce_lots
    return {s: gains.scarce_weight if scarce and s in LARGE_BUYERS else 1.0 for s in SEGMENTS}
