"""One managed hour of many stores in one compiled call: offer, market, ledger, reward, observation."""

from typing import Any

from .action import write_offer
from .engines.desk import lay_out
from .engines.hour import store_hour
from .engines.layout import ChannelState, Report, StoreField, StoreState
from .ledger import record_hour, write_observation
from .market.calendar import promotion_uplift
from .market.compiled import entry, fragment, stage
from .reward import Term, weighted, write_terms
from .task import PlanField


@stage
def plan_progress(score: Any, total: Any, plan: Any) -> float:
    """Reached share of the plan's target, from the terms so far; 0 where no target was named."""
    target = plan[PlanField.TARGET]
    if target <= 0.0:
        return 0.0
    goal = int(plan[PlanField.GOAL])
    if goal == 0:
        reached = profit_of(score)
    elif goal == 1:
        reached = score[Term.GMV]
    elif goal == 2:
        reached = score[Term.ORDERS]
    elif goal == 3:
        reached = score[Term.FIRST_SALES]
    else:
        reached = 0.0
        for k in range(total.shape[0]):
            reached += total[k, Report.UNITS]
    share: float = reached / target
    return share


@stage
def profit_of(terms: Any) -> float:
    """The merchant's profit [CNY] in a row of terms."""
    profit: float = terms[Term.GROSS_MARGIN] + terms[Term.COMMISSION] + terms[Term.RETURNS] + terms[Term.AD_SPEND]
    profit += terms[Term.LOGISTICS] + terms[Term.FEES]
    return profit


@entry
def observe(
    first: int,
    last: int,
    calendar: Any,
    store: Any,
    listing: Any,
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
    score: Any,
    observation: Any,
    numbers: Any,
) -> None:
    """Write the observations of stores first..last-1; shapes as in `layout` and `task`, with B rows.

    `numbers`: scratch, see `desk.new_buffers`.
    """
    for b in range(first, last):
        write_observation(
            profit_of(score[b]),
            plan_progress(score[b], total[b], plan[b]),
            store[b],
            listing[b],
            calendar[b],
            store_state[b],
            channel_state[b],
            state[b],
            report[b],
            total[b],
            plan[b],
            plan_listing[b],
            schedule[b],
            ledger[b],
            ledger_listing[b],
            action[b],
            numbers,
            observation[b],
        )


@fragment
def stand_still(b: int, channel_state: Any, report: Any, terms: Any, reward: Any) -> None:
    """An hour of a store whose plan is over."""
    terms[b] = 0.0
    reward[b] = 0.0
    report[b] = 0.0
    channel_state[b, :, ChannelState.WIN_SHARE] = 0.0


@fragment
def settle(
    b: int,
    hour: int,
    calendar: Any,
    weekly: Any,
    store: Any,
    listing: Any,
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
    weights: Any,
    terms: Any,
    score: Any,
    reward: Any,
    done: Any,
    observation: Any,
    scratch: Any,
) -> None:
    """What follows once the market has had its hour in store b: ledger, terms, reward, observation.

    `scratch`: see `ledger.write_observation`.
    """
    hour_of_week = (int(store[b, StoreField.START_HOUR]) + hour) % 168
    traffic = weekly[hour_of_week] * promotion_uplift(calendar[b, hour], store[b, StoreField.PROMOTION_UPLIFT])
    first_sales = record_hour(
        hour_of_week,
        traffic,
        store[b],
        store_state[b],
        channel_state[b],
        state[b],
        report[b],
        ledger[b],
        ledger_listing[b],
    )
    last_hour = hour + 1 >= int(plan[b, PlanField.HOURS])
    write_terms(report[b], total[b], plan[b], plan_listing[b], last_hour, first_sales, terms[b])
    for j in range(terms.shape[1]):
        score[b, j] += terms[b, j]
    reward[b] = weighted(terms[b], weights[int(plan[b, PlanField.GOAL])])
    done[b] = last_hour
    write_observation(
        profit_of(score[b]),
        plan_progress(score[b], total[b], plan[b]),
        store[b],
        listing[b],
        calendar[b],
        store_state[b],
        channel_state[b],
        state[b],
        report[b],
        total[b],
        plan[b],
        plan_listing[b],
        schedule[b],
        ledger[b],
        ledger_listing[b],
        action[b],
        scratch,
        observation[b],
    )


@entry
def manage(
    first: int,
    last: int,
    seeds: Any,
    keys: Any,
    calendar: Any,
    weekly: Any,
    store: Any,
    channel: Any,
    segment: Any,
    listing: Any,
    cell: Any,
    store_state: Any,
    channel_state: Any,
    state: Any,
    pending: Any,
    refunds: Any,
    audience: Any,
    report: Any,
    total: Any,
    offer: Any,
    plan: Any,
    plan_listing: Any,
    schedule: Any,
    ledger: Any,
    ledger_listing: Any,
    action: Any,
    weights: Any,
    terms: Any,
    score: Any,
    reward: Any,
    done: Any,
    observation: Any,
    numbers: Any,
    places: Any,
) -> None:
    """Run stores first..last-1 for one hour under `action`, in place. A store whose plan is over stands still.

    `numbers`, `places`: workspace, see `desk.new_buffers`.
    """
    desk = lay_out(numbers, places, listing.shape[1])
    for b in range(first, last):
        hour = int(store_state[b, StoreState.HOUR])
        if hour >= plan[b, PlanField.HOURS]:
            stand_still(b, channel_state, report, terms, reward)
            continue
        write_offer(hour, action[b], plan[b], plan_listing[b], listing[b], offer[b])
        store_hour(
            seeds[b],
            keys[b],
            calendar[b],
            weekly,
            store[b],
            channel[b],
            segment[b],
            listing[b],
            cell[b],
            store_state[b],
            channel_state[b],
            state[b],
            pending[b],
            refunds[b],
            audience[b],
            report[b],
            total[b],
            offer[b],
            desk,
        )
        settle(
            b,
            hour,
            calendar,
            weekly,
            store,
            listing,
            store_state,
            channel_state,
            state,
            report,
            total,
            plan,
            plan_listing,
            schedule,
            ledger,
            ledger_listing,
            action,
            weights,
            terms,
            score,
            reward,
            done,
            observation,
            desk.slots[0],
        )
