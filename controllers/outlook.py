"""What a predictive actor remembers of its stores, and what it expects of the hours to come."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from merchantgym.envs.market.parameters import HOURS_PER_WEEK, Market
from merchantgym.envs.observation import Global, ObservationView, PerListing
from merchantgym.envs.store import HOURS_PER_DAY

from .counts import Counts
from .laws import Array
from .laws.arrays import pick
from .market_form import found_anyway, rest_of_day
from .readings import day_by_day

_LEAST = 1e-9
_LEAST_TRAFFIC = 1e-6  # [mean hours]


class Notes(NamedTuple):
    """What is remembered beside the counts of the last hour and the fit; of n stores (n, 1), of listings (n, K)."""

    hour: Array  # (n, 1) acted so far
    start: Array  # (n, 1) hour of the week of the plan's first hour
    days: Array  # (n, 1)
    budget: Array  # (n, 1) [CNY]
    daily: Array  # (n, 1) [CNY]
    size: Array  # (n, 1) the budget as `Global.BUDGET_SIZE` showed it at the start
    traffic: Array  # (n, 1) expected of the last hour [mean hours]
    swing: Array  # (n, 1) expected of the last hour [ln]
    eve_paid: Array  # (n, 1) paid clicks before the plan
    dear: Array  # (n, 1) price of money of the hour to come [ln]
    eve_clicks: Array  # (n, K) clicks before the plan
    shown: Array  # (n, K) 1 where an ad could be seen in the last hour
    spare: Array  # (n, K) chance that an order more was welcome
    stock: Array  # (n, K) [units] at the plan's start
    free: Array  # (n, K) decayed sum of organic clicks
    passed: Array  # (n, K) decayed sum of traffic [mean hours]
    conversion: Array  # (n, K) expected orders per click at the usual price


@dataclass(frozen=True)
class Outlook:
    """What is expected of the rest of the plan; traffic in mean hours of the plan."""

    next: Array  # (n, 1) traffic of the coming hour
    today: Array  # (n, 1) of the rest of the day
    left: Array  # (n, 1) of the rest of the plan
    hours: Array  # (n, 1) [h] of the rest of the plan
    hourly: Array  # (n, 1) traffic of one hour of it, on average
    found: Array  # (n, K) chance of being found without an ad
    organic: Array  # (n, K) organic clicks of a mean hour
    clicks: Array  # (n, K) all clicks of a mean hour, at the bids of the last hour


def look_ahead(view: ObservationView, notes: Notes, paid: Array, market: Market, xp: Any = np) -> Outlook:
    """What is expected, given `paid` clicks of a mean hour at the bids of the last one, shape (n, K)."""
    coming, hours = traffic_next(view, xp), notes.days * HOURS_PER_DAY
    clock = (notes.start + notes.hour) % HOURS_PER_WEEK
    left = xp.maximum((1.0 - view[Global.TRAFFIC_PASSED][:, None]) * hours, coming)
    hours_left = view[Global.TIME_LEFT][:, None] * hours
    organic = notes.free / xp.clip(notes.passed, _LEAST, None)
    return Outlook(
        next=coming,
        today=xp.minimum(coming * pick(rest_of_day(market), clock, xp), left),
        left=left,
        hours=hours_left,
        hourly=left / xp.clip(hours_left, 1.0, None),
        found=found_anyway(market, view[PerListing.RANK], xp),
        organic=organic,
        clicks=organic + view[PerListing.ACTIVE] * paid,
    )


def eve_of_plan(
    view: ObservationView, counts: Counts, notes: Notes, market: Market, xp: Any = np
) -> tuple[Notes, Array, Array]:
    """What last week's report tells before the first hour.

    Returns: the notes; price level, the mean of the plan's bids [ln CNY per click], shape (n, 1); clicks of the highest
        bid per mean hour of traffic, shape (n, K).
    """
    weekly = pick(np.asarray(market.weekly_traffic), notes.start % HOURS_PER_WEEK, xp)
    uplift = 1.0 + (market.promotion_uplift - 1.0) * view[Global.PROMOTION_DAY][:, None]
    ordinary = traffic_next(view, xp) / (weekly * uplift)
    week = HOURS_PER_WEEK * ordinary + 0.0 * counts.free
    free = (counts.free_views + 1.0) * xp.exp(view[PerListing.CLICK_RATE])
    active = view[PerListing.ACTIVE]
    advertised = xp.clip(active.sum(axis=1, keepdims=True), 1.0, None)
    level = (active * view[PerListing.PLAN_BID]).sum(axis=1, keepdims=True) / advertised
    notes = notes._replace(
        eve_paid=counts.paid.sum(axis=1, keepdims=True),
        eve_clicks=counts.paid + counts.free,
        spare=0.0 * free + 1.0,
        free=free,
        passed=week,
    )
    return notes, level, free / found_anyway(market, view[PerListing.RANK], xp) / week


def money_rate(view: ObservationView, notes: Notes, budget: Array, outlook: Outlook, xp: Any = np) -> Array:
    """Money for each mean hour of traffic [CNY], shape (n, 1): the plan's, within the day's.

    Where all daily budgets together do not exceed the plan's, money kept today is lost: only the day's counts.
    """
    daily = xp.minimum(notes.daily, budget)
    by_day = view[Global.DAY_BUDGET_LEFT][:, None] * daily / outlook.today
    by_plan = view[Global.BUDGET_LEFT][:, None] * budget / outlook.left
    granted = day_by_day(notes.days, notes.daily / notes.budget)
    return xp.where(granted, by_day, xp.minimum(by_day, by_plan))


def traffic_next(view: ObservationView, xp: Any = np) -> Array:
    """Expected traffic of the coming hour [mean hours of the plan], shape (n, 1)."""
    return xp.clip(view[Global.TRAFFIC_NEXT], _LEAST_TRAFFIC, None)[:, None]
