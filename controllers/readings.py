"""From an observation to the plain numbers that the laws take."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from merchantgym.envs.observation import Global, ObservationView, PerListing, budget_size
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.store import HOURS_PER_DAY

from .laws import Array, DayPurse, Shelf

_SLACK = 1e-6  # [relative] forgiven where daily budgets are added up
_AMENDED = 1e-3  # [ln] change of the budget that counts as one
_LEAST = 1e-3  # [share] of money or traffic that an amended plan is taken to have left at least
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


class Terms(NamedTuple):
    """What an actor remembers of a plan's time and money, first in its memory; shapes (n,)."""

    days: Array  # [days] of the plan
    daily: Array  # daily budget as a share of the plan's
    size: Array  # the plan's budget as `Global.BUDGET_SIZE` shows it
    since: Array  # share of the plan's traffic passed when its budget was last amended; 0: never
    used: Array  # share of that budget that was spent by then


TERMS = len(Terms._fields)


def terms_of(plans: PlanArrays, n: int) -> Terms:
    """Terms of n plans before their first hour."""
    size = budget_size(plans.budget_total, plans.days)
    days, daily, size = (
        np.broadcast_to(part, (n,)).copy()
        for part in (plans.days.astype(np.float64), plans.budget_daily / plans.budget_total, size)
    )
    return Terms(days, daily, size, since=np.zeros(n), used=np.zeros(n))


def budget_now(view: ObservationView, days: Array, planned: Array, planned_size: Array, xp: Any = np) -> Array:
    """Budget of the whole plan [CNY], shape (n,): as planned, unless the merchant has changed it since.

    Args:
        view: of n stores.
        days: length of each plan [days], shape (n,).
        planned: budget at the plan's start [CNY], shape (n,).
        planned_size: the same as `Global.BUDGET_SIZE` shows it, see `observation.budget_size`.
        xp: numpy or torch, as the observation is.
    """
    size = view[Global.BUDGET_SIZE]
    changed = abs(size - planned_size) > _AMENDED
    return xp.where(changed, xp.exp(size + 3.0) * days, planned)


def amended(view: ObservationView, terms: Terms, xp: Any = np) -> Terms:
    """The terms as they stand now: a merchant may have changed the budget of a running plan."""
    size, spent = view[Global.BUDGET_SIZE], 1.0 - view[Global.BUDGET_LEFT]
    anew = abs(size - terms.size) > _AMENDED
    return Terms(
        days=terms.days,
        daily=xp.where(anew, xp.clip(terms.daily * xp.exp(terms.size - size), 0.0, 1.0), terms.daily),
        size=size,
        since=xp.where(anew, view[Global.TRAFFIC_PASSED], terms.since),
        used=xp.where(anew, spent, terms.used),
    )


def day_by_day(days: Array, daily: Array) -> Array:
    """True where all daily budgets, each a share `daily` of the plan's, together do not exceed it: only they count."""
    return days * daily <= 1.0 + _SLACK


def read_purse(view: ObservationView, terms: Terms, xp: Any = np) -> Purse:
    """The purse to be paced: the plan's, within the day's.

    Where all daily budgets together do not exceed the plan's, as when each day has its own grant, the plan's purse can
    never bind and money kept today is lost: then the day's is paced, each day a plan of its own. Once the merchant has
    amended the budget, what is left of money and traffic counts as a plan of its own, so that money that would have
    been right under the old budget is no error under the new one.

    Args:
        view: of n stores.
        terms: as they stand now, see `amended`.
        xp: numpy or torch, as the observation is.
    """
    days, daily, _, since, used = terms
    time, money = xp.clip(1.0 - since, _LEAST, None), xp.clip(1.0 - used, _LEAST, None)
    by_day = day_by_day(days, daily)
    day_traffic, day_money = view[Global.DAY_TRAFFIC_LEFT], view[Global.DAY_BUDGET_LEFT]
    busiest = xp.clip(view[Global.TRAFFIC_NEXT], _PEAK, None)
    return Purse(
        passed=xp.where(by_day, 1.0 - day_traffic, (view[Global.TRAFFIC_PASSED] - since) / time),
        spent=xp.where(by_day, 1.0 - day_money, (1.0 - view[Global.BUDGET_LEFT] - used) / money),
        stride=xp.where(by_day, _PEAK + 0.0 * days, busiest / (days * time)) / HOURS_PER_DAY,
        day=DayPurse(xp.where(by_day, day_money, day_money * daily / money), day_traffic),
        part=xp.where(by_day, daily, money),
        hours=xp.where(by_day, 1.0, days * time) * HOURS_PER_DAY,
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
