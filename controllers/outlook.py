"""What a predictive actor remembers of its stores, and what it expects of the hours to come."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.market.parameters import HOURS_PER_WEEK, Market
from merchantgym.envs.observation import Global, ObservationView, PerListing
from merchantgym.envs.store import HOURS_PER_DAY

from .counts import Counts
from .market_form import found_anyway, rest_of_day
from .readings import day_by_day

FloatArray = NDArray[np.float64]

_LEAST = 1e-9
_LEAST_TRAFFIC = 1e-6  # [mean hours]


class Notes(NamedTuple):
    """What is remembered beside the counts of the last hour and the fit; of n stores (n, 1), of listings (n, K)."""

    hour: FloatArray  # (n, 1) acted so far
    start: FloatArray  # (n, 1) hour of the week of the plan's first hour
    days: FloatArray  # (n, 1)
    budget: FloatArray  # (n, 1) [CNY]
    daily: FloatArray  # (n, 1) [CNY]
    traffic: FloatArray  # (n, 1) expected of the last hour [mean hours]
    swing: FloatArray  # (n, 1) expected of the last hour [ln]
    eve_paid: FloatArray  # (n, 1) paid clicks before the plan
    eve_clicks: FloatArray  # (n, K) clicks before the plan
    shown: FloatArray  # (n, K) 1 where an ad could be seen in the last hour
    spare: FloatArray  # (n, K) chance that an order more was welcome
    stock: FloatArray  # (n, K) [units] at the plan's start
    free: FloatArray  # (n, K) decayed sum of organic clicks
    passed: FloatArray  # (n, K) decayed sum of traffic [mean hours]


@dataclass(frozen=True)
class Outlook:
    """What is expected of the rest of the plan; traffic in mean hours of the plan."""

    next: FloatArray  # (n, 1) traffic of the coming hour
    today: FloatArray  # (n, 1) of the rest of the day
    left: FloatArray  # (n, 1) of the rest of the plan
    hours: FloatArray  # (n, 1) [h] of the rest of the plan
    hourly: FloatArray  # (n, 1) traffic of one hour of it, on average
    found: FloatArray  # (n, K) chance of being found without an ad
    organic: FloatArray  # (n, K) organic clicks of a mean hour
    clicks: FloatArray  # (n, K) all clicks of a mean hour, at the bids of the last hour


def look_ahead(view: ObservationView, notes: Notes, paid: FloatArray, market: Market) -> Outlook:
    """What is expected, given `paid` clicks of a mean hour at the bids of the last one, shape (n, K)."""
    coming, hours = traffic_next(view), notes.days * HOURS_PER_DAY
    clock = ((notes.start + notes.hour) % HOURS_PER_WEEK).astype(np.int64)
    left = np.maximum((1.0 - view[Global.TRAFFIC_PASSED][:, None]) * hours, coming)
    hours_left = view[Global.TIME_LEFT][:, None] * hours
    organic = notes.free / np.maximum(notes.passed, _LEAST)
    return Outlook(
        next=coming,
        today=np.minimum(coming * rest_of_day(market)[clock], left),
        left=left,
        hours=hours_left,
        hourly=left / np.maximum(hours_left, 1.0),
        found=found_anyway(market, np.exp(view[PerListing.RANK])),
        organic=organic,
        clicks=organic + view[PerListing.ACTIVE] * paid,
    )


def eve_of_plan(
    view: ObservationView, counts: Counts, notes: Notes, market: Market
) -> tuple[Notes, FloatArray, FloatArray]:
    """What last week's report tells before the first hour.

    Returns: the notes; price level, the mean of the plan's bids [ln CNY per click], shape (n, 1); clicks of the highest
        bid per mean hour of traffic, shape (n, K).
    """
    clock = (notes.start % HOURS_PER_WEEK).astype(np.int64)
    uplift = 1.0 + (market.promotion_uplift - 1.0) * view[Global.PROMOTION_DAY][:, None]
    ordinary = traffic_next(view) / (np.asarray(market.weekly_traffic)[clock] * uplift)
    week = HOURS_PER_WEEK * ordinary + 0.0 * counts.free
    free = (counts.free_views + 1.0) * np.exp(view[PerListing.CLICK_RATE])
    active = view[PerListing.ACTIVE]
    advertised = np.maximum(active.sum(axis=1, keepdims=True), 1.0)
    level = (active * view[PerListing.PLAN_BID]).sum(axis=1, keepdims=True) / advertised
    notes = notes._replace(
        eve_paid=counts.paid.sum(axis=1, keepdims=True),
        eve_clicks=counts.paid + counts.free,
        spare=0.0 * free + 1.0,
        free=free,
        passed=week,
    )
    return notes, level, free / found_anyway(market, np.exp(view[PerListing.RANK])) / week


def money_rate(view: ObservationView, notes: Notes, budget: FloatArray, outlook: Outlook) -> FloatArray:
    """Money for each mean hour of traffic [CNY], shape (n, 1): the plan's, within the day's.

    Where all daily budgets together do not exceed the plan's, money kept today is lost: only the day's counts.
    """
    daily = np.minimum(notes.daily, budget)
    by_day = view[Global.DAY_BUDGET_LEFT][:, None] * daily / outlook.today
    by_plan = view[Global.BUDGET_LEFT][:, None] * budget / outlook.left
    granted = day_by_day(notes.days, notes.daily / notes.budget)
    return np.asarray(np.where(granted, by_day, np.minimum(by_day, by_plan)))


def traffic_next(view: ObservationView) -> FloatArray:
    """Expected traffic of the coming hour [mean hours of the plan], shape (n, 1)."""
    return np.asarray(np.maximum(view[Global.TRAFFIC_NEXT], _LEAST_TRAFFIC)[:, None])
