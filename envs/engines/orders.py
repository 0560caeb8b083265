"""Orders and what follows from them: stock, money, returns, reviews. One store at a time, rows as in `layout`."""

from typing import Any

import numpy as np

from ..market.compiled import procedure, stage
from ..market.conversion import chance_within
from ..market.fulfilment import commission, needs_reorder, salvage, tier_price, units_ordered
from .layout import (
    N_SEGMENTS,
    REFUND_DAYS,
    Due,
    ListingField,
    ListingState,
    Pending,
    Report,
    SegmentField,
    StoreField,
)
from .streams import Purpose, binomial, geometric_days, negative_binomial, uniforms


@procedure
def place_order(
    seed: Any,
    key: Any,
    hour: int,
    purpose: int,
    entity: int,
    day: int,
    delay_class: int,
    from_ad: bool,
    store: Any,
    segment: Any,
    listing: Any,
    price: float,
    state: Any,
    refunds: Any,
    report: Any,
) -> None:
    """One buyer orders: quantity, tier price, stock, commission, and whether the goods come back or a review follows.

    Args:
        day: midnights passed since the run began, the ring index of returns counts from it.
        delay_class: 0 same hour, 1 within about a day, 2 slow.
        price: list price that the buyer was shown [fen per unit].
        segment, listing, state, refunds, report: rows of the buyer's segment and of the listing.
    An order beyond stock is refused; the listing leaves the shop in the next hour.
    """
    u_lots, u_return, u_delay, u_review = uniforms(seed, key, hour, purpose, entity, 0)
    lots = 1.0 + negative_binomial(segment[SegmentField.EXTRA_LOTS], store[StoreField.LOT_DISPERSION], u_lots)
    units = units_ordered(listing[ListingField.MINIMUM_ORDER], lots - 1.0)
    if units > state[ListingState.STOCK]:
        report[Report.REFUSED] += 1.0
        state[ListingState.REFUSED] = 1.0
        return
    unit_price = tier_price(
        price,
        lots,
        store[StoreField.TIER_LOTS_1],
        store[StoreField.TIER_LOTS_2],
        store[StoreField.TIER_DISCOUNT_1],
        store[StoreField.TIER_DISCOUNT_2],
    )
    revenue = units * unit_price
    goods = units * listing[ListingField.COST]
    fee = commission(revenue, store[StoreField.COMMISSION_RATE])
    state[ListingState.STOCK] -= units
    report[Report.ORDERS_SAME_HOUR + delay_class] += 1.0
    report[Report.UNITS] += units
    report[Report.REVENUE] += revenue
    report[Report.GOODS_COST] += goods
    report[Report.COMMISSION] += fee
    if from_ad:
        report[Report.AD_ORDERS] += 1.0
        report[Report.AD_REVENUE] += revenue
    if u_return < listing[ListingField.RETURN_PROBABILITY]:
        slot = (day + geometric_days(store[StoreField.RETURN_HAZARD], u_delay, REFUND_DAYS - 1)) % REFUND_DAYS
        refunds[slot, Due.RETURNS] += 1.0
        refunds[slot, Due.REFUNDS] += revenue
        refunds[slot, Due.COMMISSION_BACK] += fee
        refunds[slot, Due.SALVAGE] += salvage(goods, store[StoreField.SALVAGE_SHARE])
    elif u_review < store[StoreField.REVIEW_RATE]:
        state[ListingState.PENDING_REVIEWS] += 1.0


@stage
def wait_to_order(pending: Any, slow: int, from_ad: bool, price: float) -> None:
    """A converting click joins those that will order later; `pending` is the row of its listing and segment."""
    count = pending[Pending.DAY_AD + 2 * slow] + pending[Pending.DAY_ORGANIC + 2 * slow] + 1.0
    pending[(Pending.DAY_AD if from_ad else Pending.DAY_ORGANIC) + 2 * slow] += 1.0
    pending[Pending.DAY_PRICE + slow] += (price - pending[Pending.DAY_PRICE + slow]) / count


@procedure
def mature_orders(
    seed: Any,
    key: Any,
    hour: int,
    day: int,
    closing: bool,
    store: Any,
    segment: Any,
    listing: Any,
    state: Any,
    pending: Any,
    refunds: Any,
    report: Any,
) -> None:
    """Clicks of earlier hours that order now, before this hour's visitors.

    Whether a waiting click came from an ad is drawn only once it orders, so that a click which another bid would have
    turned from organic to paid keeps its order. A buyer pays the price shown at the click, not today's; those of one
    segment who wait together pay the mean of theirs. So nobody gains by raising prices on buyers who have decided.
    With `closing`, all that will still order within the attribution window do: the run-off of the plan.
    """
    day_hazard = store[StoreField.DAY_HAZARD]
    slow_hazard = store[StoreField.SLOW_HAZARD]
    purpose = Purpose.MATURING
    order_purpose = Purpose.MATURED_ORDER
    if closing:
        window = store[StoreField.ATTRIBUTION_HOURS]
        day_hazard = chance_within(day_hazard, window)
        slow_hazard = chance_within(slow_hazard, window)
        purpose = Purpose.CLOSING
        order_purpose = Purpose.CLOSING_ORDER
    for k in range(listing.shape[0]):
        for s in range(N_SEGMENTS):
            for slow in range(2):
                ad = pending[k, s, Pending.DAY_AD + 2 * slow]
                waiting = ad + pending[k, s, Pending.DAY_ORGANIC + 2 * slow]
                if waiting == 0.0:
                    continue
                entity = (k * N_SEGMENTS + s) * 2 + slow
                hazard = slow_hazard if slow else day_hazard
                ripe = binomial(int(waiting), hazard, seed, key, hour, purpose, entity)
                for j in range(ripe):
                    order = entity * 4096 + j
                    from_ad = uniforms(seed, key, hour, order_purpose, order, 1)[0] * waiting < ad
                    waiting -= 1.0
                    if from_ad:
                        ad -= 1.0
                    place_order(
                        seed,
                        key,
                        hour,
                        order_purpose,
                        order,
                        day,
                        1 + slow,
                        from_ad,
                        store,
                        segment[s],
                        listing[k],
                        pending[k, s, Pending.DAY_PRICE + slow],
                        state[k],
                        refunds[k],
                        report[k],
                    )
                pending[k, s, Pending.DAY_AD + 2 * slow] = ad
                pending[k, s, Pending.DAY_ORGANIC + 2 * slow] = waiting - ad
                if waiting == 0.0:
                    pending[k, s, Pending.DAY_PRICE + slow] = 0.0


@stage
def settle_returns(store: Any, due: Any, report: Any) -> None:
    """Book what falls due on one day of the ring for one listing, and clear it."""
    returns = due[Due.RETURNS]
    report[Report.RETURNS] += returns
    report[Report.REFUNDS] += due[Due.REFUNDS]
    report[Report.COMMISSION_BACK] += due[Due.COMMISSION_BACK]
    report[Report.SALVAGE] += due[Due.SALVAGE]
    report[Report.HANDLING] += returns * store[StoreField.RETURN_HANDLING]
    due[:] = 0.0


@stage
def midnight(
    seed: Any, key: Any, hour: int, day: int, store: Any, listing: Any, state: Any, refunds: Any, report: Any
) -> None:
    """What happens as a day begins: returns arrive, complaints and reviews appear, listings with goods come back."""
    slot = day % REFUND_DAYS
    for k in range(listing.shape[0]):
        now = state[k]
        returns = int(refunds[k, slot, Due.RETURNS])
        settle_returns(store, refunds[k, slot], report[k])
        if returns > 0:
            complaints = binomial(returns, store[StoreField.COMPLAINT_SHARE], seed, key, hour, Purpose.COMPLAINTS, k)
            report[k, Report.COMPLAINTS] += complaints
            now[ListingState.REVIEWS] += complaints
            now[ListingState.STAR_SUM] += complaints
        waiting = int(now[ListingState.PENDING_REVIEWS])
        if waiting > 0:
            reviews = binomial(waiting, store[StoreField.REVIEW_HAZARD], seed, key, hour, Purpose.REVIEWS, k)
            steps = binomial(4 * reviews, listing[k, ListingField.STAR_PROBABILITY], seed, key, hour, Purpose.STARS, k)
            report[k, Report.REVIEWS] += reviews
            now[ListingState.PENDING_REVIEWS] -= reviews
            now[ListingState.REVIEWS] += reviews
            now[ListingState.STAR_SUM] += reviews + steps
        if now[ListingState.STOCK] >= listing[k, ListingField.MINIMUM_ORDER]:
            now[ListingState.LISTED] = 1.0


@stage
def receive_goods(hour: int, state: Any) -> None:
    """Replenishments that arrive at the start of this hour; their listings are in the shop again."""
    for k in range(state.shape[0]):
        if state[k, ListingState.INCOMING] > 0.0 and state[k, ListingState.ARRIVAL_HOUR] <= hour:
            state[k, ListingState.STOCK] += state[k, ListingState.INCOMING]
            state[k, ListingState.INCOMING] = 0.0
            state[k, ListingState.LISTED] = 1.0


@stage
def end_of_hour_stock(hour: int, store: Any, listing: Any, state: Any) -> None:
    """Take listings that refused an order out of the shop, and reorder where goods run low."""
    for k in range(state.shape[0]):
        if state[k, ListingState.REFUSED] > 0.0:
            state[k, ListingState.LISTED] = 0.0
            state[k, ListingState.REFUSED] = 0.0
        low = needs_reorder(
            state[k, ListingState.STOCK],
            state[k, ListingState.INCOMING],
            listing[k, ListingField.REORDER_POINT],
        )
        if low and listing[k, ListingField.REORDER_QUANTITY] > 0.0 and state[k, ListingState.INCOMING] == 0.0:
            state[k, ListingState.INCOMING] = listing[k, ListingField.REORDER_QUANTITY]
            state[k, ListingState.ARRIVAL_HOUR] = hour + np.floor(store[StoreField.LEAD_TIME])


@procedure
def close_run(
    seed: Any,
    key: Any,
    hour: int,
    day: int,
    store: Any,
    segment: Any,
    listing: Any,
    state: Any,
    pending: Any,
    refunds: Any,
    report: Any,
) -> None:
    """Close the books after the last hour: goods on the way arrive, waiting clicks order within the attribution window,
    and every return still under way is booked. Nobody gains by acting as if there were no tomorrow."""
    for k in range(listing.shape[0]):
        state[k, ListingState.STOCK] += state[k, ListingState.INCOMING]
        state[k, ListingState.INCOMING] = 0.0
    mature_orders(seed, key, hour, day, True, store, segment, listing, state, pending, refunds, report)
    for k in range(listing.shape[0]):
        for slot in range(REFUND_DAYS):
            settle_returns(store, refunds[k, slot], report[k])
