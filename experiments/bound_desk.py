"""What the bound's compiled code is handed: named rows of arrays. Money in CNY, time in hours of the plan."""

from typing import Any, NamedTuple

import numpy as np

from merchantgym.envs.engines.layout import N_CHANNELS, N_SEGMENTS, Field

MEMORIES = 10
"""Ranks looked at for each listing and hour."""


class Shop(NamedTuple):
    """One store on the eve of its plan: rows of `StoreArrays` and `StateArrays`; with an axis more, all stores."""

    store: Any
    channel: Any
    segment: Any
    listing: Any
    cell: Any
    state: Any
    pending: Any
    refunds: Any


class Hours(NamedTuple):
    """One store's market hour by hour, see `bound_world.World`; with an axis more, all stores'."""

    requests: Any  # (H, K, C, S)
    scale: Any  # (H, K, C)
    bids: Any  # (H, K, C)
    rank: Any  # (H, K)
    midnight: Any  # (H,)
    day: Any  # (H,)
    window: Any  # (H,)
    stretch: Any  # (H,)
    advantage: Any  # (K, P)
    kink: Any  # (K, P)
    seen: Any  # (C, S, G)
    paid: Any  # (C, S, G)


class Terms(NamedTuple):
    """Values in force for one store; with an axis more, for all."""

    orders: Any  # (K, S, P + 2, Q) worth of an order; the last two prices are those that the waiting saw
    slack: Any  # (K, S, P) what a price between two of the grid may add to a conversion
    cost: Any  # (D,) of a CNY of charges: the merchant's share and the shadow price of money
    limit: Any  # (D, K) worth of a click from which the one that empties a purse is counted apart
    counts: Any  # (K, N) numbers of reviews looked at, rising from those of the eve to the most there can be
    lift: Any  # (K, N) factor on conversion that covers the numbers between


class Path(NamedTuple):
    """One store's course under the decisions found, in expectation; with an axis more, all stores'."""

    memory: Any  # (H, K) reference of the rank's memory
    reviews: Any  # (H, K) reference of the number of reviews
    slopes: Any  # (H, K, 2) what one more in memory, and one more review, earn within the hour
    price: Any  # (H,) place among the P prices
    bid: Any  # (H, K, C) place among the G bids, -1: none
    top: Any  # (D, K) limit, see `bound_bids.best_bid`, that was needed


class Shadow(Field):
    """What one more of something is worth to the hours that follow [CNY]: a row per listing."""

    MEMORY = 0  # order equivalents per hour in the rank's memory
    REVIEW = 1
    PENDING_REVIEW = 2  # an order that will be reviewed
    PENDING_COMPLAINT = 3  # a return that may become a complaint
    DAY = 4  # a converting click that waits, for what its order does to rank and reviews
    SLOW = 5
    ORDER = 6  # an order, for the same
    CLICK = 7


class Room(NamedTuple):
    """Scratch of one thread."""

    pool: Any  # (2, K, S, P + 2) worth of a converting click that waits, by delay
    worth: Any  # (K, S, prices of an hour) of a converting click
    shadow: Any  # (K, Shadow)
    weight: Any  # (C, S) clicks of the hour if everyone saw the listing
    value: Any  # (S,) worth of a click
    line: Any  # (G,)
    reward: Any  # (K, prices of an hour)
    memories: Any  # (MEMORIES,)
    found: Any  # (C, MEMORIES)
    bend: Any  # (C, MEMORIES)
    earned: Any  # (C, 4)
    waiting: Any  # (2, K, S)
    flow: Any  # (K, 4)
    ones: Any  # (K, S, P)


def new_room(listings: int, prices: int, all_prices: int, bids: int) -> Room:
    """Scratch for stores of K listings, P = `all_prices` of which an hour has `prices`, and G = `bids`."""
    segments = (listings, N_SEGMENTS)
    return Room(
        pool=np.zeros((2, *segments, all_prices + 2)),
        worth=np.zeros((*segments, prices)),
        shadow=np.zeros((listings, len(Shadow))),
        weight=np.zeros((N_CHANNELS, N_SEGMENTS)),
        value=np.zeros(N_SEGMENTS),
        line=np.zeros(bids),
        reward=np.zeros((listings, prices)),
        memories=np.zeros(MEMORIES),
        found=np.zeros((N_CHANNELS, MEMORIES)),
        bend=np.zeros((N_CHANNELS, MEMORIES)),
        earned=np.zeros((N_CHANNELS, 4)),
        waiting=np.zeros((2, *segments)),
        flow=np.zeros((listings, 4)),
        ones=np.ones((*segments, all_prices)),
    )
