"""From an observation to the plain numbers that the laws take."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.observation import Global, ObservationView, PerListing
from merchantgym.envs.plan import PlanArrays

from .laws import Array, DayPurse, Shelf

HOURS_PER_DAY = 24
_SLACK = 1e-6  # [relative] forgiven where daily budgets are added up
_PEAK = 2.25  # [mean hours] traffic of the busiest hour of an ordinary day, on the published weekly curve


@dataclass(frozen=True)
class Purse:
    """The purse that is paced, as the laws take it; shapes (n,)."""

    passed: Array  # share of its expected traffic passed
    spent: Array  # share of its money spent
    stride: Array  # most of its traffic that the coming hour may hold, as a share
    day: DayPurse  # the day's money as a share of this purse's
    part: Array  # its money as a share of the plan's budget: 1, or a day's where each day has its own
    hours: Array  # [hours] it lasts


def terms_of(plans: PlanArrays, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(days, daily) of n plans, (n,) each: days of the plan and its daily budget as a share of it all."""
    days = np.broadcast_to(plans.days.astype(np.float64), (n,)).copy()
    return days, np.broadcast_to(plans.budget_daily / plans.budget_total, (n,)).copy()


def read_purse(view: ObservationView, days: Array, daily: Array, xp: Any = np) -> Purse:
    """The purse to be paced: the plan's, within the day's.

    Where all daily budgets together do not exceed the plan's, as when each day has its own grant, the plan's purse can
    never bind and money kept today is lost: then the day's is paced, each day a plan of its own.

    Args:
        view: of n stores.
        days: length of each plan [days], shape (n,).
        daily: daily budget as a share of the plan's, shape (n,).
        xp: numpy or torch, as the observation is.
    """
    by_day = days * daily <= 1.0 + _SLACK
    day_traffic, day_money = view[Global.DAY_TRAFFIC_LEFT], view[Global.DAY_BUDGET_LEFT]
    busiest = xp.clip(view[Global.TRAFFIC_NEXT], _PEAK, None)
    return Purse(
        passed=xp.where(by_day, 1.0 - day_traffic, view[Global.TRAFFIC_PASSED]),
        spent=xp.where(by_day, 1.0 - day_money, 1.0 - view[Global.BUDGET_LEFT]),
        stride=xp.where(by_day, _PEAK + 0.0 * days, busiest / days) / HOURS_PER_DAY,
        day=DayPurse(xp.where(by_day, day_money, day_money * daily), day_traffic),
        part=xp.where(by_day, daily, 1.0),
        hours=xp.where(by_day, 1.0, days) * HOURS_PER_DAY,
    )


def read_shelf(view: ObservationView, days: Array, xp: Any = np) -> Shelf:
    """The listings' plain numbers from an observation, whose scales are inverted exactly.

    Args:
        view: of n stores.
        days: length of each plan [days], shape (n,).
        xp: numpy or torch, as the observation is.
    """
    time_left = view[Global.TIME_LEFT][:, None]
    return Shelf(
        order_margin=xp.expm1(view[PerListing.ORDER_VALUE]),
        orders=xp.expm1(view[PerListing.ORDERS]),
        matured_clicks=xp.expm1(view[PerListing.MATURED_CLICKS]),
        store_rate=xp.exp(view[Global.STORE_CONVERSION])[:, None],
        bid=view[PerListing.PLAN_BID],
        active=view[PerListing.ACTIVE],
        spend_share=view[PerListing.SPEND_SHARE],
        cover=xp.expm1(view[PerListing.STOCK_COVER]),
        days_left=time_left * days[:, None],
        incoming=view[PerListing.INCOMING],
        youth=view[PerListing.FEW_REVIEWS] * time_left,
    )
