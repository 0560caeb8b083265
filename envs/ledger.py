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
_LOW, _HIGH = bounds(1)
_GLOBAL_LOW, _GLOBAL_HIGH = _LOW[:N_GLOBAL].copy(), _HIGH[:N_GLOBAL].copy()
_LISTING_LOW, _LISTING_HIGH = _LOW[N_GLOBAL:].copy(), _HIGH[N_GLOBAL:].copy()


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
def _put(out: Any, index: int, value: float) -> None:
    out[index] = min(max(value, _GLOBAL_LOW[index]), _GLOBAL_HIGH[index])


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
    _put(out, Global.HOUR_SIN, np.sin(day_angle))
    _put(out, Global.HOUR_COS, np.cos(day_angle))
    _put(out, Global.HOUR_SIN_2, np.sin(2.0 * day_angle))
    _put(out, Global.HOUR_COS_2, np.cos(2.0 * day_angle))
    _put(out, Global.WEEK_SIN, np.sin(week_angle))
    _put(out, Global.WEEK_COS, np.cos(week_angle))
    _put(out, Global.TIME_LEFT, 1.0 - hour / hours)
    _put(out, Global.TRAFFIC_PASSED, passed)
    _put(out, Global.TRAFFIC_NEXT, (schedule[coming + 1] - schedule[coming]) * hours)
    _put(out, Global.PROMOTION_DAY, calendar[coming])
    _put(out, Global.BUDGET_LEFT, 1.0 - spent / budget)
    _put(out, Global.PACING_GAP, passed - spent / budget)
    _put(out, Global.DAY_BUDGET_LEFT, day_left / plan[PlanField.BUDGET_DAILY])
    _put(
        out,
        Global.DAY_TRAFFIC_LEFT,
        _day_traffic_left(coming, hours, start, schedule),
    )
    _put(out, Global.SERVED_SHARE, store_state[StoreState.SERVED_SHARE])
    _write_money(hour, report, total, plan, schedule, out)
    _put(out, Global.PROFIT, profit * 100.0 / budget)
    _put(out, Global.PROGRESS, progress)
    _put(out, Global.BUDGET_SIZE, logarithm(budget / 100.0 / (hours / 24.0)) - 3.0)
    store_surprise = (ledger[Ledger.ORGANIC_FAST] + 0.5) / (ledger[Ledger.ORGANIC_SLOW] + 0.5)
    expected = (ledger[Ledger.TRAFFIC_FAST] + 0.01) / (ledger[Ledger.TRAFFIC_SLOW] + 0.01)
    _put(out, Global.DEMAND_SURPRISE, logarithm(store_surprise / expected))
    for c in range(N_CHANNELS):
        price = ledger[Ledger.PRICE_SEARCH + c]
        _put(out, Global.WIN_SEARCH + c, ledger[Ledger.WIN_SEARCH + c])
        _put(
            out,
            Global.PRICE_SEARCH + c,
            logarithm(price / 100.0) if price > 0.0 else 0.0,
        )
        _put(out, Global.LAST_SEARCH + c, action[c])
    _put(out, Global.LAST_DISCOUNT, action[N_CHANNELS + listing.shape[0]])
    for goal in range(5):
        out[Global.GOAL_PROFIT + goal] = 1.0 if plan[PlanField.GOAL] == goal else 0.0
    orders = 0.0
    matured = 0.0
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
    _put(out, Global.STORE_CONVERSION, logarithm(conversion))


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
        rate = logarithm(1.0 + last / max(target, 1.0))
    _put(out, Global.SPEND_RATE, rate)
    _put(out, Global.AD_RETURN, logarithm(1.0 + attributed / max(spend, 100.0)))
    gap = 0.0
    if plan[PlanField.ROI_FLOOR] > 0.0 and spend > 0.0:
        gap = logarithm(max(attributed / spend, 1e-3) / plan[PlanField.ROI_FLOOR])
    _put(out, Global.ROI_GAP, gap)


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
    block = out[at : at + N_LISTING]
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
    # From here on the logarithm is taken below, of all at once.
    block[PerListing.PLAN_BID] = bid if bid > 0.0 else 1.0
    block[PerListing.PRICE] = price / 100.0
    block[PerListing.PRICE_GAP] = price / plan_listing[PlanListing.MARKET_PRICE]
    block[PerListing.ORDER_VALUE] = 1.0 + max(margin, 0.0) / 100.0 * units
    block[PerListing.IMPRESSIONS] = 1.0 + memory[LedgerListing.IMPRESSIONS]
    block[PerListing.CLICKS] = 1.0 + memory[LedgerListing.CLICKS]
    block[PerListing.MATURED_CLICKS] = 1.0 + _matured(memory)
    block[PerListing.ORDERS] = 1.0 + memory[LedgerListing.ORDERS]
    block[PerListing.CLICK_RATE] = (memory[LedgerListing.CLICKS] + _PRIOR_CLICK_RATE * _PRIOR_IMPRESSIONS) / (
        memory[LedgerListing.IMPRESSIONS] + _PRIOR_IMPRESSIONS
    )
    block[PerListing.RANK] = max(memory[LedgerListing.RANK], 1e-3)
    daily = max(memory[LedgerListing.UNIT_RATE] * 24.0, _LEAST_LOTS_A_DAY * lot)
    block[PerListing.STOCK_COVER] = 1.0 + state[ListingState.STOCK] / daily
    surprise = (memory[LedgerListing.SEEN_FAST] + 0.5) / (memory[LedgerListing.SEEN_SLOW] + 0.5)
    block[PerListing.SURPRISE] = surprise / store_surprise
    for j in range(PerListing.PLAN_BID, N_LISTING):
        block[j] = logarithm(float(block[j]))
    for j in range(N_LISTING):
        block[j] = min(max(block[j], _LISTING_LOW[j]), _LISTING_HIGH[j])
