"""Which goal a store has, which listings are advertised, and as what."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Goal, Role

from .estimates import Array, Estimates
from .gains import RoleGains, RuleGains

Mask = NDArray[np.bool_]


def click_value(office: BackOffice, beliefs: Estimates, price: Array, conversion: Array) -> Array:
    """Margin that a click is expected to bring, orders after the plan included [CNY/click], shape (K,)."""
    return conversion * beliefs.order_units * beliefs.unit_margin(price, office.cost)


def never_sold(office: BackOffice) -> Mask:
    """Listings without an order last week and without a review, shape (K,)."""
    return (office.orders < 1) & (office.reviews < 1)


def cover_days(office: BackOffice, beliefs: Estimates) -> Array:
    """How long the stock lasts at the expected sales of last week's traffic [days], shape (K,)."""
    sales = beliefs.clicks_per_day * beliefs.conversion_rate * beliefs.order_units
    return office.stock / np.maximum(sales, 1e-9)


def overstocked(office: BackOffice, beliefs: Estimates, gains: RoleGains) -> Mask:
    """Old listings whose stock lasts too long, shape (K,)."""
    slow = cover_days(office, beliefs) > gains.overstock_days
    return slow & (office.age_days > gains.overstock_days) & (office.stock >= office.minimum_order)


def choose_goal(office: BackOffice, beliefs: Estimates, active: Mask, gains: RoleGains) -> tuple[Goal, str]:
    """The goal, and the figures that decided it."""
    unsold, count = int((never_sold(office) & active).sum()), len(office.listing_id)
    nothing_sold = not office.orders.any()
    if office.stage == "new" and unsold and (nothing_sold or unsold >= gains.unsold_share * count):
        return "break_zero", f"{unsold} of the {count} listings of this new shop can sell but never have"
    value = office.stock * office.cost
    slow = overstocked(office, beliefs, gains)
    share = float(value[slow].sum() / max(value.sum(), 1e-9))
    if (slow & active).any() and share >= gains.overstock_share:
        return "clear_stock", (
            f"{share:.0%} of the stock's cost of {value.sum():.0f} CNY lies in {int(slow.sum())} listings "
            f"that would take over {gains.overstock_days:.0f} days to sell"
        )
    return "profit", (
        f"the shop is {office.stage}, sold {office.orders.sum():.0f} orders last week, and {share:.0%} of "
        "the stock's cost lies in slow listings"
    )


def pause_reasons(office: BackOffice, beliefs: Estimates, gains: RuleGains) -> tuple[str, ...]:
    """Why a listing is not advertised, '' where it is; one text per listing."""
    cost = gains.bids.floor * office.suggested_bid
    margin = beliefs.unit_margin(office.price, office.cost)
    best = click_value(office, beliefs, office.price, beliefs.conversion_high)
    # had it shown nothing: the conversion of its store instead of its own
    untried = math.exp(gains.bids.optimism * gains.rates.listing_spread) * beliefs.store_conversion
    hoped = click_value(office, beliefs, office.price, np.maximum(beliefs.conversion_high, untried))
    sales = _sales_per_click(office, beliefs)
    reasons = []
    for k in range(len(office.listing_id)):
        reason = ""
        if office.stock[k] < office.minimum_order[k]:
            reason = f"stock {office.stock[k]:.0f}, an order takes {office.minimum_order[k]:.0f}"
        elif margin[k] <= 0.0:
            reason = (
                f"price {office.price[k]:.2f} does not cover cost {office.cost[k]:.2f} and fees of {beliefs.fees:.0%}"
            )
        elif hoped[k] < cost[k]:
            reason = f"a click brings at most {hoped[k]:.2f} CNY and costs {cost[k]:.2f} at least"
        elif best[k] < cost[k]:
            reason = (
                f"{office.orders[k]:.0f} orders from {office.clicks[k]:.0f} clicks, so a click brings at "
                f"most {best[k]:.2f} CNY and costs {cost[k]:.2f} at least"
            )
        elif sales[k] < office.roi_floor * cost[k]:
            reason = (
                f"sales of {sales[k]:.2f} CNY a click do not reach the ROI floor of {office.roi_floor:g} "
                f"at {cost[k]:.2f} CNY a click"
            )
        reasons.append(reason)
    return tuple(reasons)


def bid_for_roi(office: BackOffice, beliefs: Estimates) -> Array:
    """The most a click may cost under the merchant's ROI floor [CNY/click], shape (K,)."""
    if office.roi_floor <= 0.0:
        return np.full(len(office.listing_id), np.inf)
    return _sales_per_click(office, beliefs) / office.roi_floor


def _sales_per_click(office: BackOffice, beliefs: Estimates) -> Array:
    """Sales of a click that will be counted [CNY/click], shape (K,)."""
    units = beliefs.conversion_rate * beliefs.matured_plan * beliefs.order_units
    return units * office.price * beliefs.realised_price


def assign_roles(office: BackOffice, beliefs: Estimates, active: Mask, gains: RoleGains) -> tuple[Role, ...]:
    """A role for each listing: heroes are the best that have shown orders, tests have shown nothing."""
    slow = overstocked(office, beliefs, gains)
    test = ~slow & (office.orders < 1) & (office.reviews < gains.proven_reviews)
    proven = active & ~slow & ~test
    value = click_value(office, beliefs, office.price, beliefs.conversion_rate) * beliefs.clicks_per_day
    rank = np.where(proven & (office.orders >= gains.hero_orders), value, -np.inf)
    count = math.ceil(gains.hero_share * int(proven.sum()))
    heroes = {int(k) for k in np.argsort(-rank, kind="stable")[:count] if rank[k] > -np.inf}
    roles: list[Role] = []
    for k in range(len(office.listing_id)):
        if not active[k]:
            roles.append("paused")
        elif slow[k]:
            roles.append("clear")
        elif test[k]:
            roles.append("test")
        else:
            roles.append("hero" if k in heroes else "growth")
    return tuple(roles)
