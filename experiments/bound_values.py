"""Compiled: what clicks, orders, memories and reviews are worth to the hours that follow, step by step backward."""

from typing import Any

from merchantgym.envs.engines.layout import (
    N_SEGMENTS,
    REFUND_DAYS,
    Due,
    ListingField,
    ListingState,
    Pending,
    StoreField,
)
from merchantgym.envs.market.compiled import procedure
from merchantgym.envs.market.conversion import chance_within

from .bound_desk import Room, Shadow, Shop, Terms


@procedure
def close_books(shop: Shop, terms: Terms, room: Room) -> None:
    """Values after the last hour: those who wait may order within the attribution window; nothing else counts."""
    room.shadow[:] = 0.0
    window = shop.store[StoreField.ATTRIBUTION_HOURS]
    day = chance_within(shop.store[StoreField.DAY_HAZARD], window)
    slow = chance_within(shop.store[StoreField.SLOW_HAZARD], window)
    last = terms.orders.shape[3] - 1
    for k in range(terms.orders.shape[0]):
        for s in range(N_SEGMENTS):
            for p in range(terms.orders.shape[2]):
                room.pool[0, k, s, p] = day * terms.orders[k, s, p, last]
                room.pool[1, k, s, p] = slow * terms.orders[k, s, p, last]


@procedure
def value_conversions(first: int, stretch: int, shop: Shop, terms: Terms, room: Room) -> None:
    """What a click that converts in this hour is worth, `room.worth`, at the hour's prices from the place `first` on.

    A refused order is granted what an accepted one does for rank and reviews.
    """
    store, pool = shop.store, room.pool
    now, day = store[StoreField.SHARE_SAME_HOUR], store[StoreField.SHARE_WITHIN_DAY]
    slow = 1.0 - now - day
    fresh = 1.0 - store[StoreField.RANK_DECAY]
    for k in range(room.worth.shape[0]):
        row = room.shadow[k]
        returned = shop.listing[k, ListingField.RETURN_PROBABILITY]
        row[Shadow.ORDER] = fresh * row[Shadow.MEMORY]
        row[Shadow.ORDER] += (1.0 - returned) * store[StoreField.REVIEW_RATE] * row[Shadow.PENDING_REVIEW]
        row[Shadow.ORDER] += returned * store[StoreField.COMPLAINT_SHARE] * row[Shadow.PENDING_COMPLAINT]
        row[Shadow.CLICK] = fresh * store[StoreField.RANK_CLICK_WEIGHT] * row[Shadow.MEMORY]
        future = now * row[Shadow.ORDER] + day * row[Shadow.DAY] + slow * row[Shadow.SLOW]
        for s in range(N_SEGMENTS):
            for place in range(room.worth.shape[2]):
                p = first + place
                worth = now * terms.orders[k, s, p, stretch] + day * pool[0, k, s, p] + slow * pool[1, k, s, p]
                room.worth[k, s, place] = worth + future + terms.slack[k, s, p]


@procedure
def step_back(stretch: int, midnight: float, day: int, shop: Shop, terms: Terms, slopes: Any, room: Room) -> float:
    """Values at the start of an hour of the given day from those at its end; `slopes` (K, 2) as in `Path`.

    Returns: what the complaints are worth that goods sent back before the plan may bring at a midnight.
    """
    store, pool = shop.store, room.pool
    soon, late = store[StoreField.DAY_HAZARD], store[StoreField.SLOW_HAZARD]
    for k in range(terms.orders.shape[0]):
        row = room.shadow[k]
        for s in range(N_SEGMENTS):
            for p in range(terms.orders.shape[2]):
                pool[0, k, s, p] += soon * (terms.orders[k, s, p, stretch] - pool[0, k, s, p])
                pool[1, k, s, p] += late * (terms.orders[k, s, p, stretch] - pool[1, k, s, p])
        row[Shadow.DAY] += soon * (row[Shadow.ORDER] - row[Shadow.DAY])
        row[Shadow.SLOW] += late * (row[Shadow.ORDER] - row[Shadow.SLOW])
        row[Shadow.MEMORY] = slopes[k, 0] + store[StoreField.RANK_DECAY] * row[Shadow.MEMORY]
        row[Shadow.REVIEW] += slopes[k, 1]
    if midnight == 0.0:
        return 0.0
    seen, back = store[StoreField.REVIEW_HAZARD], store[StoreField.RETURN_HAZARD]
    complaints: float = 0.0
    for k in range(terms.orders.shape[0]):
        row = room.shadow[k]
        row[Shadow.PENDING_REVIEW] += seen * (row[Shadow.REVIEW] - row[Shadow.PENDING_REVIEW])
        row[Shadow.PENDING_COMPLAINT] += back * (row[Shadow.REVIEW] - row[Shadow.PENDING_COMPLAINT])
        complaints += shop.refunds[k, day % REFUND_DAYS, Due.RETURNS] * row[Shadow.REVIEW]
    complaints *= store[StoreField.COMPLAINT_SHARE]
    return complaints


@procedure
def value_of_eve(shop: Shop, room: Room) -> float:
    """What the store's state on the eve is worth: its memory, its reviews, and the buyers who wait."""
    total = 0.0
    prices = room.pool.shape[3] - 2
    for k in range(shop.state.shape[0]):
        row, state, pending = room.shadow[k], shop.state[k], shop.pending[k]
        total += row[Shadow.MEMORY] * state[ListingState.MEMORY]
        total += row[Shadow.REVIEW] * state[ListingState.REVIEWS]
        total += row[Shadow.PENDING_REVIEW] * state[ListingState.PENDING_REVIEWS]
        for s in range(N_SEGMENTS):
            for slow in range(2):
                waiting = pending[s, Pending.DAY_AD + 2 * slow] + pending[s, Pending.DAY_ORGANIC + 2 * slow]
                total += waiting * (room.pool[slow, k, s, prices + slow] + row[Shadow.DAY + slow])
    return total
