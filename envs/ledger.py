"""The back office's bookkeeping in compiled form: it remembers the hours and writes the observation."""

from typing import Any

import numpy as np

from .engines.layout import (
    N_CHANNELS,
    ChannelState,
    ListingField,
    ListingState,
    Report,
    StoreField,
    StoreState,
)
from .engines.rates import shown_rating
from .market.compiled import procedure
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
_LOW, _HIGH = (array.astype(np.float64) for array in bounds(1))


@procedure
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


@procedure
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


@procedure
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
    memory[LedgerListing.IMPRESSIONS] += row[Report.AD_IMPRESSIONS_SEARCH] + row[Report.AD_IMPRESSIONS_FEED] + organic
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


@procedure
def _put(out: Any, index: int, limits: int, value: float) -> None:
    out[index] = min(max(value, _LOW[limits]), _HIGH[limits])


@procedure
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
    out: Any,
) -> None:
    """Write one store's observation (O,) float32 of the state before its next hour. Arguments are the store's rows."""
    hour = int(store_state[StoreState.HOUR])
    hours = int(plan[PlanField.HOURS])
    start = int(store[StoreField.START_HOUR])
    coming = min(hour, hours - 1)
    week = start + coming
    day_angle = 2.0 * np.pi * (week % 24) / 24.0
    week_angle = 2.0 * np.pi * (week % 168) / 168.0
    budget = plan[PlanField.BUDGET_TOTAL]
    spent = store_state[StoreState.SPENT]
    day_left = min(plan[PlanField.BUDGET_DAILY] - _spent_today(week, store_state), budget - spent)
    passed = schedule[hour]
    _put(out, Global.HOUR_SIN, Global.HOUR_SIN, np.sin(day_angle))
    _put(out, Global.HOUR_COS, Global.HOUR_COS, np.cos(day_angle))
    _put(out, Global.HOUR_SIN_2, Global.HOUR_SIN_2, np.sin(2.0 * day_angle))
    _put(out, Global.HOUR_COS_2, Global.HOUR_COS_2, np.cos(2.0 * day_angle))
    _put(out, Global.WEEK_SIN, Global.WEEK_SIN, np.sin(week_angle))
    _put(out, Global.WEEK_COS, Global.WEEK_COS, np.cos(week_angle))
    _put(out, Global.TIME_LEFT, Global.TIME_LEFT, 1.0 - hour / hours)
    _put(out, Global.TRAFFIC_PASSED, Global.TRAFFIC_PASSED, passed)
    _put(out, Global.TRAFFIC_NEXT, Global.TRAFFIC_NEXT, (schedule[coming + 1] - schedule[coming]) * hours)
    _put(out, Global.PROMOTION_DAY, Global.PROMOTION_DAY, calendar[coming])
    _put(out, Global.BUDGET_LEFT, Global.BUDGET_LEFT, 1.0 - spent / budget)
    _put(out, Global.PACING_GAP, Global.PACING_GAP, passed - spent / budget)
    _put(out, Global.DAY_BUDGET_LEFT, Global.DAY_BUDGET_LEFT, day_left / plan[PlanField.BUDGET_DAILY])
    _put(
        out,
        Global.DAY_TRAFFIC_LEFT,
        Global.DAY_TRAFFIC_LEFT,
        _day_traffic_left(coming, hours, start, schedule),
    )
    _put(out, Global.SERVED_SHARE, Global.SERVED_SHARE, store_state[StoreState.SERVED_SHARE])
    _write_money(hour, report, total, plan, schedule, out)
    _put(out, Global.PROFIT, Global.PROFIT, profit * 100.0 / budget)
    _put(out, Global.PROGRESS, Global.PROGRESS, progress)
    _put(out, Global.BUDGET_SIZE, Global.BUDGET_SIZE, np.log(budget / 100.0 / (hours / 24.0)) - 3.0)
    surprise = np.log((ledger[Ledger.ORGANIC_FAST] + 0.5) / (ledger[Ledger.ORGANIC_SLOW] + 0.5))
    surprise -= np.log((ledger[Ledger.TRAFFIC_FAST] + 0.01) / (ledger[Ledger.TRAFFIC_SLOW] + 0.01))
    _put(out, Global.DEMAND_SURPRISE, Global.DEMAND_SURPRISE, surprise)
    for c in range(N_CHANNELS):
        price = ledger[Ledger.PRICE_SEARCH + c]
        _put(out, Global.WIN_SEARCH + c, Global.WIN_SEARCH + c, ledger[Ledger.WIN_SEARCH + c])
        _put(
            out,
            Global.PRICE_SEARCH + c,
            Global.PRICE_SEARCH + c,
            np.log(price / 100.0) if price > 0.0 else 0.0,
        )
        _put(out, Global.LAST_SEARCH + c, Global.LAST_SEARCH + c, action[c])
    _put(out, Global.LAST_DISCOUNT, Global.LAST_DISCOUNT, action[N_CHANNELS + listing.shape[0]])
    for goal in range(5):
        out[Global.GOAL_PROFIT + goal] = 1.0 if plan[PlanField.GOAL] == goal else 0.0
    orders = 0.0
    matured = 0.0
    store_surprise = np.log((ledger[Ledger.ORGANIC_FAST] + 0.5) / (ledger[Ledger.ORGANIC_SLOW] + 0.5))
    for k in range(listing.shape[0]):
        orders += ledger_listing[k, LedgerListing.ORDERS]
        matured += _matured(ledger_listing[k])
        _write_listing(
            N_GLOBAL + k * N_LISTING,
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
            out,
        )
    conversion = (orders + _PRIOR_CONVERSION * _PRIOR_CONVERSION_CLICKS) / (matured + _PRIOR_CONVERSION_CLICKS)
    _put(out, Global.STORE_CONVERSION, Global.STORE_CONVERSION, np.log(conversion))


@procedure
def _spent_today(week: int, store_state: Any) -> float:
    """Spent on the day of the coming hour: nothing yet if that hour begins a day."""
    today: float = 0.0 if week % 24 == 0 else store_state[StoreState.SPENT_TODAY]
    return today


@procedure
def _day_traffic_left(hour: int, hours: int, start: int, schedule: Any) -> float:
    """Share of the day's expected traffic that is still to come, the coming hour included."""
    of_day = (start + hour) % 24
    first = max(hour - of_day, 0)
    last = min(hour - of_day + 24, hours)
    left: float = (schedule[last] - schedule[hour]) / max(schedule[last] - schedule[first], 1e-12)
    return left


@procedure
def _matured(memory: Any) -> float:
    """Clicks whose orders are due by now, in expectation."""
    clicks: float = memory[LedgerListing.CLICKS]
    clicks -= memory[LedgerListing.IMMATURE_DAY] + memory[LedgerListing.IMMATURE_SLOW]
    return max(clicks, 0.0)


@procedure
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
        rate = np.log1p(last / max(target, 1.0))
    _put(out, Global.SPEND_RATE, Global.SPEND_RATE, rate)
    _put(out, Global.AD_RETURN, Global.AD_RETURN, np.log1p(attributed / max(spend, 100.0)))
    gap = 0.0
    if plan[PlanField.ROI_FLOOR] > 0.0 and spend > 0.0:
        gap = np.log(max(attributed / spend, 1e-3) / plan[PlanField.ROI_FLOOR])
    _put(out, Global.ROI_GAP, Global.ROI_GAP, gap)


@procedure
def _write_listing(
    at: int,
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
    out: Any,
) -> None:
    """One listing's block of the observation, from its rows, at position `at`."""
    price = plan_listing[PlanListing.PRICE]
    margin = price - listing[ListingField.COST]
    lot = listing[ListingField.MINIMUM_ORDER]
    units = (memory[LedgerListing.UNITS] + _PRIOR_ORDERS * _PRIOR_LOTS * lot) / (
        memory[LedgerListing.ORDERS] + _PRIOR_ORDERS
    )
    role = int(plan_listing[PlanListing.ROLE])
    bid = plan_listing[PlanListing.BID] * plan_listing[PlanListing.ACTIVE]
    spend = state[ListingState.SPENT]
    rate = memory[LedgerListing.UNIT_RATE] * 24.0
    click_rate = (memory[LedgerListing.CLICKS] + _PRIOR_CLICK_RATE * _PRIOR_IMPRESSIONS) / (
        memory[LedgerListing.IMPRESSIONS] + _PRIOR_IMPRESSIONS
    )
    surprise = np.log((memory[LedgerListing.SEEN_FAST] + 0.5) / (memory[LedgerListing.SEEN_SLOW] + 0.5))
    limit = N_GLOBAL
    out[at + PerListing.ACTIVE] = plan_listing[PlanListing.ACTIVE]
    out[at + PerListing.LISTED] = state[ListingState.LISTED]
    for j in range(4):
        out[at + PerListing.HERO + j] = 1.0 if role == j else 0.0
    _put(out, at + PerListing.PLAN_BID, limit + PerListing.PLAN_BID, np.log(bid) if bid > 0.0 else 0.0)
    _put(out, at + PerListing.PRICE, limit + PerListing.PRICE, np.log(price / 100.0))
    _put(
        out,
        at + PerListing.PRICE_GAP,
        limit + PerListing.PRICE_GAP,
        np.log(price / plan_listing[PlanListing.MARKET_PRICE]),
    )
    _put(out, at + PerListing.UNIT_MARGIN, limit + PerListing.UNIT_MARGIN, margin / price)
    _put(
        out,
        at + PerListing.ORDER_VALUE,
        limit + PerListing.ORDER_VALUE,
        np.log1p(max(margin, 0.0) / 100.0 * units),
    )
    _put(
        out,
        at + PerListing.IMPRESSIONS,
        limit + PerListing.IMPRESSIONS,
        np.log1p(memory[LedgerListing.IMPRESSIONS]),
    )
    _put(out, at + PerListing.CLICKS, limit + PerListing.CLICKS, np.log1p(memory[LedgerListing.CLICKS]))
    _put(out, at + PerListing.MATURED_CLICKS, limit + PerListing.MATURED_CLICKS, np.log1p(_matured(memory)))
    _put(out, at + PerListing.ORDERS, limit + PerListing.ORDERS, np.log1p(memory[LedgerListing.ORDERS]))
    _put(out, at + PerListing.CLICK_RATE, limit + PerListing.CLICK_RATE, np.log(click_rate))
    _put(out, at + PerListing.SPEND_SHARE, limit + PerListing.SPEND_SHARE, spend / budget)
    _put(
        out,
        at + PerListing.CAP_LEFT,
        limit + PerListing.CAP_LEFT,
        1.0 - spend / max(state[ListingState.CAP], 1.0),
    )
    _put(out, at + PerListing.RANK, limit + PerListing.RANK, np.log(max(memory[LedgerListing.RANK], 1e-3)))
    _put(out, at + PerListing.RATING, limit + PerListing.RATING, memory[LedgerListing.RATING] - 4.0)
    _put(
        out,
        at + PerListing.FEW_REVIEWS,
        limit + PerListing.FEW_REVIEWS,
        1.0 / np.sqrt(1.0 + state[ListingState.REVIEWS]),
    )
    age = listing[ListingField.START_AGE] + hour
    _put(out, at + PerListing.NEWNESS, limit + PerListing.NEWNESS, newness(age, 240.0))
    start_stock = max(plan_listing[PlanListing.START_STOCK], lot)
    _put(
        out,
        at + PerListing.STOCK_LEFT,
        limit + PerListing.STOCK_LEFT,
        state[ListingState.STOCK] / start_stock,
    )
    cover = state[ListingState.STOCK] / max(rate, 0.05 * lot)
    _put(out, at + PerListing.STOCK_COVER, limit + PerListing.STOCK_COVER, np.log1p(cover))
    out[at + PerListing.INCOMING] = 1.0 if state[ListingState.INCOMING] > 0.0 else 0.0
    out[at + PerListing.SOLD] = memory[LedgerListing.SOLD]
    _put(out, at + PerListing.SURPRISE, limit + PerListing.SURPRISE, surprise - store_surprise)
    _put(out, at + PerListing.LAST_ACTION, limit + PerListing.LAST_ACTION, last_action)
