"""Compiled: the most an hour can earn whatever the store's memories and reviews, less what they are owed.

What a listing earns at fixed bids is linear in its chance of being found; the best over bids is convex in it, so it
lies below its chords; and the chance is concave in the memory, so that a chord plus the bend above it is enough.
"""

from typing import Any

from merchantgym.envs.engines.layout import N_CHANNELS, N_SEGMENTS, ListingState, StoreField
from merchantgym.envs.market.compiled import procedure

from .bound_bids import best_bid, best_rating, chance_found, weigh_clicks
from .bound_desk import MEMORIES, Hours, Path, Room, Shadow, Shop, Terms

_BEYOND = (1.3, 1.7, 3.0, 8.0, 40.0, 170.0)
_NOTHING = -1e300
_MIDDLE = MEMORIES - 1 - len(_BEYOND)
_LAST = MEMORIES - 1


@procedure
def look_at_memories(bare: float, least: float, reference: float, rating: float, shop: Shop, room: Room) -> None:
    """A grid of memories from `least` up through the reference, at place `_MIDDLE`, and the chances of being found."""
    unit = shop.store[StoreField.RANK_REFERENCE]
    grid, found, bend = room.memories, room.found, room.bend
    lowest = bare + least / unit
    middle = max(bare + reference / unit, 1.0001 * lowest)
    grid[0], grid[1], grid[2], grid[_MIDDLE] = lowest, max(middle / 1.7, lowest), max(middle / 1.3, lowest), middle
    for i in range(_MIDDLE + 1, MEMORIES):
        grid[i] = middle * _BEYOND[i - _MIDDLE - 1]
    for c in range(N_CHANNELS):
        for i in range(MEMORIES):
            found[c, i] = chance_found(grid[i], 0.0, rating, shop.store, shop.channel[c])
        for i in range(MEMORIES - 1):
            low, high = grid[i], grid[i + 1]
            bend[c, i] = 0.0
            if high > low:
                at = (low * high) ** 0.5
                here = chance_found(at, 0.0, rating, shop.store, shop.channel[c])
                rise = (found[c, i + 1] - found[c, i]) / (high - low)
                turn = abs(shop.store[StoreField.FLYWHEEL] * here * (1.0 - here) / at - rise)
                bend[c, i] = max(here - found[c, i] - rise * (at - low) + turn * max(at - low, high - at), 0.0)
    for i in range(MEMORIES):
        grid[i] = (grid[i] - bare) * unit


@procedure
def certify_listing(t: int, k: int, cost: float, limit: float, owed: float, hours: Hours, room: Room) -> float:
    """Most the listing can earn at one price and number of reviews with any memory, each unit of which is `owed`."""
    earned, found = room.earned, room.found
    for c in range(N_CHANNELS):
        clicks = 0.0
        for s in range(N_SEGMENTS):
            clicks += room.weight[c, s] * room.value[s]
        earned[c, 3] = clicks
        for i in range(3):
            chance = found[c, 0 if i == 0 else (_MIDDLE if i == 1 else _LAST)]
            most, _ = best_bid(
                chance, cost, limit, hours.bids[t, k, c], hours.scale[t, k, c], room.weight[c], room.value,
                hours.seen[c], hours.paid[c], room.line,
            )  # fmt: skip
            earned[c, i] = clicks * chance + most
    best, before = _NOTHING, 0.0
    for i in range(MEMORIES):
        here, over = -owed * room.memories[i], 0.0
        upper = 1 if i <= _MIDDLE else 2
        first, last = (0, _MIDDLE) if i <= _MIDDLE else (_MIDDLE, _LAST)
        for c in range(N_CHANNELS):
            width = found[c, last] - found[c, first]
            part = (found[c, i] - found[c, first]) / width if width > 0.0 else 1.0
            here += earned[c, upper - 1] + part * (earned[c, upper] - earned[c, upper - 1])
            over += earned[c, 3] * room.bend[c, i - 1] if i > 0 else 0.0
        if i > 0:
            best = max(best, max(before, here) + over)
        before = here
    return max(best, beyond_grid(owed, room))


@procedure
def beyond_grid(owed: float, room: Room) -> float:
    """The same for memories beyond the grid, where the chance of being found rises ever more slowly."""
    total, rise = -owed * room.memories[_LAST], -owed
    width = room.memories[_LAST] - room.memories[_LAST - 1]
    for c in range(N_CHANNELS):
        total += room.earned[c, 2] + room.earned[c, 3] * (1.0 - room.found[c, _LAST])
        rise += room.earned[c, 3] * (room.found[c, _LAST] - room.found[c, _LAST - 1]) / width
    return total if rise > 0.0 else _NOTHING


@procedure
def certify_hour(
    t: int, first: int, cost: float, limit: Any, shop: Shop, hours: Hours, terms: Terms, path: Path, room: Room
) -> float:  # fmt: skip
    """The most the whole shop can earn in the hour at any one discount, less what its memories and reviews are owed.

    Prices between two of the grid are covered by `Terms.slack`, numbers of reviews between two by `Terms.lift`.
    """
    prices, listings = room.reward.shape[1], room.reward.shape[0]
    advantage, reward = hours.advantage[:, first:], room.reward
    reward[:] = _NOTHING
    for k in range(listings):
        least = shop.store[StoreField.RANK_DECAY] ** t * shop.state[k, ListingState.MEMORY]
        for i in range(terms.counts.shape[1]):
            reviews = terms.counts[k, i]
            if i > 0 and reviews <= terms.counts[k, i - 1]:
                break
            rating = best_rating(reviews, shop.store, shop.state[k])
            look_at_memories(hours.rank[t, k], least, path.memory[t, k], rating, shop, room)
            for p in range(prices):
                click = room.shadow[k, Shadow.CLICK]
                weigh_clicks(k, p, reviews, rating, hours.requests[t], advantage, room.worth, click, shop, room)
                for s in range(N_SEGMENTS):
                    room.value[s] *= terms.lift[k, i]
                most = certify_listing(t, k, cost, limit[k], path.slopes[t, k, 0], hours, room)
                reward[k, p] = max(reward[k, p], most - path.slopes[t, k, 1] * reviews)
        for p in range(prices - 1):
            if hours.kink[k, first + p] > 0:
                reward[k, p] = max(reward[k, p], reward[k, p + 1])
                reward[k, p + 1] = reward[k, p]
    best = _NOTHING
    for p in range(prices):
        total = 0.0
        for k in range(listings):
            total += reward[k, p]
        best = max(best, total)
    return best
