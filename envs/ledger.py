"""The back office's bookkeeping in compiled form: it remembers the hours and writes the observation."""

from typing import Any

import numpy as np

from .action import own_promotion
from .engines.layout import (
    MOST_LISTINGS,
    N_CHANNELS,
    ChannelState,
    ListingField,
    ListingState,
    Report,
    StoreField,
    StoreState,
)
from .engines.rates import shown_rating
from .market.compiled import stage
from .market.numeric import logarithm
from .market.rank import newness
from .observation import N_GLOBAL, N_LISTING, Global, PerListing, bounds
from .task import Ledger, LedgerListing, PlanField, PlanListing

_FAST = 1.0 - np.exp(-1.0 / 6.0)
_SLOW = 1.0 - np.exp(-1.0 / 72.0)
_PRICE = 1.0 - np.exp(-1.0 / 12.0)
_PRIOR_CONVERSION = 0.012
_PRIOR_CONVERSION_CLICKS = 200.0
_PRIOR_CLICK_RATE = 0.038
_PRIOR_IMPRESSIONS = 200.0
_PRIOR_LOTS = 2.2
_PRIOR_ORDERS = 3.0
_NEW_HOURS = 240.0
_LEAST_LOTS_A_DAY = 0.05  # a listing that sells less is taken to sell this much, when its stock is counted in days
_LOW, _HIGH = bounds(MOST_LISTINGS)
_LOGS = N_LISTING - PerListing.PLAN_BID  # features of a listing that are logarithms
_DAY_ANGLE = 2.0 * np.pi * (np.arange(168) % 24) / 24.0
_WEEK_ANGLE = 2.0 * np.pi * np.arange(168) / 168.0
_CLOCK = np.stack(
    [f(a) for a in (_DAY_ANGLE, 2.0 * _DAY_ANGLE, _WEEK_ANGLE) for f in (np.sin, np.cos)], axis=1
)  # (168, 6) the features HOUR_SIN .. WEEK_COS


@stage
def record_hour(
    hour_of_week: int,
    traffic: float,
    store: Any,
    store_state: Any,
    channel_state: Any,
    state: Any,
    report: Any,
    ledger: Any,
    ledger_listing: Any,
) -> float:
    """Take one hour's reports into the ledger. Returns how many listings sold for the first time.

    Args:
        hour_of_week: of the hour that has just passed.
        traffic: expected traffic of that hour, in mean hours.
        The other arguments are one store's rows of `StoreArrays`, `StateArrays` and `TaskArrays`.
    """
    if hour_of_week % 24 == 0:
        _midnight_report(store, state, ledger, ledger_listing)
    views = 0.0
    first_sales = 0.0
    for k in range(state.shape[0]):
        first_sales += _record_listing(store, report[k], ledger_listing[k])
        views += report[k, Report.ORGANIC_IMPRESSIONS_SEARCH] + report[k, Report.ORGANIC_IMPRESSIONS_FEED]
    ledger[Ledger.ORGANIC_FAST] += _FAST * (views - ledger[Ledger.ORGANIC_FAST])
    ledger[Ledger.ORGANIC_SLOW] += _SLOW * (views - ledger[Ledger.ORGANIC_SLOW])
    ledger[Ledger.TRAFFIC_FAST] += _FAST * (traffic - ledger[Ledger.TRAFFIC_FAST])
    ledger[Ledger.TRAFFIC_SLOW] += _SLOW * (traffic - ledger[Ledger.TRAFFIC_SLOW])
    ledger[Ledger.HOURS_TODAY] += 1.0
    for c in range(N_CHANNELS):
        ledger[Ledger.WIN_SUM_SEARCH + c] += channel_state[c, ChannelState.WIN_SHARE]
        clicks = 0.0
        spend = 0.0
        for k in range(state.shape[0]):
            clicks += report[k, Report.AD_CLICKS_SEARCH + c]
            spend += report[k, Report.SPEND_SEARCH + c]
        if clicks > 0.0:
            seen = ledger[Ledger.PRICE_SEARCH + c]
            price = spend / clicks
            ledger[Ledger.PRICE_SEARCH + c] = price if seen == 0.0 else seen + _PRICE * (price - seen)
    return first_sales


@stage
def _midnight_report(store: Any, state: Any, ledger: Any, ledger_listing: Any) -> None:
    """Once a day the platform reports ranks, ratings and yesterday's win shares."""
    for k in range(state.shape[0]):
        ledger_listing[k, LedgerListing.RANK] = state[k, ListingState.RANK]
        ledger_listing[k, LedgerListing.RATING] = shown_rating(store, state[k])
    hours = max(ledger[Ledger.HOURS_TODAY], 1.0)
    for c in range(N_CHANNELS):
        ledger[Ledger.WIN_SEARCH + c] = ledger[Ledger.WIN_SUM_SEARCH + c] / hours
        ledger[Ledger.WIN_SUM_SEARCH + c] = 0.0
    ledger[Ledger.HOURS_TODAY] = 0.0


@stage
def _record_listing(store: Any, row: Any, memory: Any) -> float:
    """One listing's hour. Returns 1 if it sold for the first time."""
    ad_clicks = row[Report.AD_CLICKS_SEARCH] + row[Report.AD_CLICKS_FEED]
    clicks = ad_clicks + row[Report.ORGANIC_CLICKS_SEARCH] + row[Report.ORGANIC_CLICKS_FEED]
    organic = row[Report.ORGANIC_IMPRESSIONS_SEARCH] + row[Report.ORGANIC_IMPRESSIONS_FEED]
    orders = row[Report.ORDERS_SAME_HOUR] + row[Report.ORDERS_WITHIN_DAY] + row[Report.ORDERS_SLOW]
    share_day = store[StoreField.SHARE_WITHIN_DAY]
    share_slow = 1.0 - store[StoreField.SHARE_SAME_HOUR] - share_day
    memory[LedgerListing.CLICKS] += clicks
    memory[LedgerListing.AD_CLICKS] += ad_clicks
    memory[LedgerListing.ORDERS] += orders
    memory[LedgerListing.UNITS] += row[Report.UNITS]
    paid = row[Report.AD_IMPRESSIONS_SEARCH] + row[Report.AD_IMPRESSIONS_FEED]
    memory[LedgerListing.AD_IMPRESSIONS] += paid
    memory[LedgerListing.IMPRESSIONS] += paid + organic
    memory[LedgerListing.IMMATURE_DAY] = (
        memory[LedgerListing.IMMATURE_DAY] * (1.0 - store[StoreField.DAY_HAZARD]) + clicks * share_day
    )
    memory[LedgerListing.IMMATURE_SLOW] = (
        memory[LedgerListing.IMMATURE_SLOW] * (1.0 - store[StoreField.SLOW_HAZARD]) + clicks * share_slow
    )
    memory[LedgerListing.SEEN_FAST] += _FAST * (organic - memory[LedgerListing.SEEN_FAST])
    memory[LedgerListing.SEEN_SLOW] += _SLOW * (organic - memory[LedgerListing.SEEN_SLOW])
    memory[LedgerListing.UNIT_RATE] += _SLOW * (row[Report.UNITS] - memory[LedgerListing.UNIT_RATE])
    if orders > 0.0 and memory[LedgerListing.SOLD] == 0.0:
        memory[LedgerListing.SOLD] = 1.0
        return 1.0
    return 0.0


@stage
def write_observation(
    profit: float,
    progress: float,
    store: Any,
    listing: Any,
    calendar: Any,
    store_state: Any,
    channel_state: Any,
    state: Any,
    report: Any,
    total: Any,
    plan: Any,
    plan_listing: Any,
    schedule: Any,
    ledger: Any,
    ledger_listing: Any,
    action: Any,
    scratch: Any,
    out: Any,
) -> None:
    """Write one store's observation (O,) float32 of the state before its next hour.

    Arguments are the store's rows; `scratch`: room for 12 numbers per listing.
    """
    logs = scratch[: listing.shape[0] * _LOGS]
    hour = int(store_state[StoreState.HOUR])
    hours = int(plan[PlanField.HOURS])
    start = int(store[StoreField.START_HOUR])
    coming = min(hour, hours - 1)
    week = start + coming
    budget = plan[PlanField.BUDGET_TOTAL]
    spent = store_state[StoreState.SPENT]
    day_left = min(plan[PlanField.BUDGET_DAILY] - _spent_today(week, store_state), budget - spent)
    passed = schedule[hour]
    for j in range(_CLOCK.shape[1]):
        out[Global.HOUR_SIN + j] = _CLOCK[week % 168, j]
    out[Global.TIME_LEFT] = 1.0 - hour / hours
    out[Global.TRAFFIC_PASSED] = passed
    out[Global.TRAFFIC_NEXT] = (schedule[coming + 1] - schedule[coming]) * hours
    out[Global.PROMOTION_DAY] = calendar[coming]
    out[Global.BUDGET_LEFT] = 1.0 - spent / budget
    out[Global.PACING_GAP] = passed - spent / budget
    out[Global.DAY_BUDGET_LEFT] = day_left / plan[PlanField.BUDGET_DAILY]
    out[Global.DAY_TRAFFIC_LEFT] = _day_traffic_left(coming, hours, start, schedule)
    out[Global.SERVED_SHARE] = store_state[StoreState.SERVED_SHARE]
    _write_money(hour, report, total, plan, schedule, out)
    out[Global.PROFIT] = profit * 100.0 / budget
    out[Global.PROGRESS] = progress
    out[Global.BUDGET_SIZE] = logarithm(budget / 100.0 / (hours / 24.0)) - 3.0
    store_surprise = (ledger[Ledger.ORGANIC_FAST] + 0.5) / (ledger[Ledger.ORGANIC_SLOW] + 0.5)
    expected = (ledger[Ledger.TRAFFIC_FAST] + 0.01) / (ledger[Ledger.TRAFFIC_SLOW] + 0.01)
    out[Global.DEMAND_SURPRISE] = logarithm(store_surprise / expected)
    for c in range(N_CHANNELS):
        price = ledger[Ledger.PRICE_SEARCH + c]
        out[Global.WIN_SEARCH + c] = ledger[Ledger.WIN_SEARCH + c]
        out[Global.PRICE_SEARCH + c] = logarithm(price / 100.0) if price > 0.0 else 0.0
        out[Global.LAST_SEARCH + c] = action[c]
    out[Global.LAST_DISCOUNT] = action[N_CHANNELS + listing.shape[0]]
    for goal in range(5):
        out[Global.GOAL_PROFIT + goal] = 1.0 if plan[PlanField.GOAL] == goal else 0.0
    out[Global.OWN_PROMOTION] = own_promotion(coming, plan)
    orders = 0.0
    matured = 0.0
    for k in range(listing.shape[0]):
        orders += ledger_listing[k, LedgerListing.ORDERS]
        matured += _matured(ledger_listing[k])
        _write_listing(
            hour,
            budget,
            store_surprise,
            action[N_CHANNELS + k],
            store,
            listing[k],
            state[k],
            total[k],
            plan_listing[k],
            ledger_listing[k],
            logs[k * _LOGS : (k + 1) * _LOGS],
            out[N_GLOBAL + k * N_LISTING : N_GLOBAL + (k + 1) * N_LISTING],
        )
    conversion = (orders + _PRIOR_CONVERSION * _PRIOR_CONVERSION_CLICKS) / (matured + _PRIOR_CONVERSION_CLICKS)
    out[Global.STORE_CONVERSION] = logarithm(conversion)
    _finish(logs, out)


@stage
def _finish(logs: Any, out: Any) -> None:
    """Take the listings' logarithms, all at once, and clip every feature to its range."""
    for i in range(logs.shape[0]):
        logs[i] = logarithm(logs[i])
    i = 0
    for first in range(N_GLOBAL + PerListing.PLAN_BID, out.shape[0], N_LISTING):
        for j in range(_LOGS):
            out[first + j] = logs[i]
            i += 1
    for j in range(out.shape[0]):
        out[j] = min(max(out[j], _LOW[j]), _HIGH[j])


@stage
def _spent_today(week: int, store_state: Any) -> float:
    """Spent on the day of the coming hour: nothing yet if that hour begins a day."""
    today: float = 0.0 if week % 24 == 0 else store_state[StoreState.SPENT_TODAY]
    return today


@stage
def _day_traffic_left(hour: int, hours: int, start: int, schedule: Any) -> float:
    """Share of the day's expected traffic that is still to come, the coming hour included."""
    of_day = (start + hour) % 24
    first = max(hour - of_day, 0)
    last = min(hour - of_day + 24, hours)
    left: float = (schedule[last] - schedule[hour]) / max(schedule[last] - schedule[first], 1e-12)
    return left


@stage
def _matured(memory: Any) -> float:
    """Clicks whose orders are due by now, in expectation."""
    clicks: float = memory[LedgerListing.CLICKS]
    clicks -= memory[LedgerListing.IMMATURE_DAY] + memory[LedgerListing.IMMATURE_SLOW]
    return max(clicks, 0.0)


@stage
def _write_money(hour: int, report: Any, total: Any, plan: Any, schedule: Any, out: Any) -> None:
    """Spend of the last hour against its target, and what advertising returned."""
    last = 0.0
    spend = 0.0
    attributed = 0.0
    for k in range(report.shape[0]):
        last += report[k, Report.SPEND_SEARCH] + report[k, Report.SPEND_FEED]
        spend += total[k, Report.SPEND_SEARCH] + total[k, Report.SPEND_FEED]
        attributed += total[k, Report.AD_REVENUE]
    rate = 0.0
    if hour > 0:
        target = plan[PlanField.BUDGET_TOTAL] * (schedule[hour] - schedule[hour - 1])
        rate = logarithm(1.0 + last / max(target, 1.0))
    out[Global.SPEND_RATE] = rate
    out[Global.AD_RETURN] = logarithm(1.0 + attributed / max(spend, 100.0))
    gap = 0.0
    if plan[PlanField.ROI_FLOOR] > 0.0 and spend > 0.0:
        gap = logarithm(max(attributed / spend, 1e-3) / plan[PlanField.ROI_FLOOR])
    out[Global.ROI_GAP] = gap


@stage
def _write_listing(
    hour: int,
    budget: float,
    store_surprise: float,
    last_action: float,
    store: Any,
    listing: Any,
    state: Any,
    total: Any,
    plan_listing: Any,
    memory: Any,
    logs: Any,
    block: Any,
) -> None:
    """One listing's block of the observation, from its rows, and the arguments of its logarithms."""
    price = plan_listing[PlanListing.PRICE]
    margin = price - listing[ListingField.COST]
    lot = listing[ListingField.MINIMUM_ORDER]
    units = (memory[LedgerListing.UNITS] + _PRIOR_ORDERS * _PRIOR_LOTS * lot) / (
        memory[LedgerListing.ORDERS] + _PRIOR_ORDERS
    )
    role = int(plan_listing[PlanListing.ROLE])
    bid = plan_listing[PlanListing.BID] * plan_listing[PlanListing.ACTIVE]
    block[PerListing.ACTIVE] = plan_listing[PlanListing.ACTIVE]
    block[PerListing.LISTED] = state[ListingState.LISTED]
    for j in range(4):
        block[PerListing.HERO + j] = 1.0 if role == j else 0.0
    block[PerListing.UNIT_MARGIN] = margin / price
    block[PerListing.SPEND_SHARE] = state[ListingState.SPENT] / budget
    block[PerListing.CAP_LEFT] = 1.0 - state[ListingState.SPENT] / max(state[ListingState.CAP], 1.0)
    block[PerListing.RATING] = memory[LedgerListing.RATING] - 4.0
    block[PerListing.FEW_REVIEWS] = 1.0 / np.sqrt(1.0 + state[ListingState.REVIEWS])
    block[PerListing.NEWNESS] = newness(listing[ListingField.START_AGE] + hour, _NEW_HOURS)
    block[PerListing.STOCK_LEFT] = state[ListingState.STOCK] / max(plan_listing[PlanListing.START_STOCK], lot)
    block[PerListing.INCOMING] = 1.0 if state[ListingState.INCOMING] > 0.0 else 0.0
    block[PerListing.SOLD] = memory[LedgerListing.SOLD]
    block[PerListing.LAST_ACTION] = last_action
    # From here on arguments of logarithms.
    logs[PerListing.PLAN_BID - PerListing.PLAN_BID] = bid if bid > 0.0 else 1.0
    logs[PerListing.PRICE - PerListing.PLAN_BID] = price / 100.0
    logs[PerListing.PRICE_GAP - PerListing.PLAN_BID] = price / plan_listing[PlanListing.MARKET_PRICE]
    logs[PerListing.ORDER_VALUE - PerListing.PLAN_BID] = 1.0 + max(margin, 0.0) / 100.0 * units
    logs[PerListing.IMPRESSIONS - PerListing.PLAN_BID] = 1.0 + memory[LedgerListing.IMPRESSIONS]
    logs[PerListing.CLICKS - PerListing.PLAN_BID] = 1.0 + memory[LedgerListing.CLICKS]
    logs[PerListing.MATURED_CLICKS - PerListing.PLAN_BID] = 1.0 + _matured(memory)
    logs[PerListing.ORDERS - PerListing.PLAN_BID] = 1.0 + memory[LedgerListing.ORDERS]
    logs[PerListing.CLICK_RATE - PerListing.PLAN_BID] = (
        memory[LedgerListing.CLICKS] + _PRIOR_CLICK_RATE * _PRIOR_IMPRESSIONS
    ) / (memory[LedgerListing.IMPRESSIONS] + _PRIOR_IMPRESSIONS)
    logs[PerListing.RANK - PerListing.PLAN_BID] = max(memory[LedgerListing.RANK], 1e-3)
    daily = max(memory[LedgerListing.UNIT_RATE] * 24.0, _LEAST_LOTS_A_DAY * lot)
    logs[PerListing.STOCK_COVER - PerListing.PLAN_BID] = 1.0 + state[ListingState.STOCK] / daily
    surprise = (memory[LedgerListing.SEEN_FAST] + 0.5) / (memory[LedgerListing.SEEN_SLOW] + 0.5)
    logs[PerListing.SURPRISE - PerListing.PLAN_BID] = surprise / store_surprise
    logs[PerListing.AD_IMPRESSIONS - PerListing.PLAN_BID] = 1.0 + memory[LedgerListing.AD_IMPRESSIONS]
    logs[PerListing.AD_CLICKS - PerListing.PLAN_BID] = 1.0 + memory[LedgerListing.AD_CLICKS]
