"""Compiled: the best bids of one hour for one listing, and how much they would earn."""

from typing import Any

from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    N_SEGMENTS,
    CellField,
    ChannelField,
    ListingField,
    ListingState,
    SegmentField,
    StoreField,
)
from merchantgym.envs.market.click import click_appeal, click_probability
from merchantgym.envs.market.compiled import procedure
from merchantgym.envs.market.conversion import conversion_appeal, conversion_probability
from merchantgym.envs.market.fulfilment import mean_rating
from merchantgym.envs.market.rank import found_probability, organic_exposure, rank_score

from .bound_desk import Hours, Path, Room, Shadow, Shop

FEN = 0.01
"""[CNY] A click is charged at most so much less than its price."""


@procedure
def best_rating(reviews: float, store: Any, state: Any) -> float:
    """Rating shown if every review from now on has five stars."""
    stars = state[ListingState.STAR_SUM] + 5.0 * (reviews - state[ListingState.REVIEWS])
    rating: float = mean_rating(
        stars, reviews, store[StoreField.REFERENCE_RATING], store[StoreField.RATING_PRIOR_COUNT]
    )
    return rating


@procedure
def chance_found(bare: float, memory: float, rating: float, store: Any, channel: Any) -> float:
    """Chance of being found without an ad in the channel of that row; `bare`: rank of a listing without sales."""
    unit, stars = store[StoreField.RANK_REFERENCE], store[StoreField.REFERENCE_RATING]
    rank = rank_score(memory, unit, bare, 0.0, 0.0, rating, stars, store[StoreField.RANK_RATING_EXPONENT])
    chance: float = organic_exposure(rank, store[StoreField.FLYWHEEL], channel[ChannelField.ORGANIC_RIVALS])
    return chance


@procedure
def weigh_clicks(
    k: int, p: int, reviews: float, rating: float, requests: Any, advantage: Any, worth: Any, click: float, shop: Shop,
    room: Room,
) -> None:  # fmt: skip
    """Clicks of the hour if everyone saw the listing, `room.weight`, and what a click is worth, `room.value`.

    Args:
        p: place of the price in `advantage` (K, P) and `worth` (K, S, P) [CNY per converting click].
        requests: (K, C, S) of the hour.
        click: what a click is worth that does not convert [CNY].
    """
    store, row = shop.store, shop.listing[k]
    appeal = click_appeal(
        row[ListingField.APPEAL],
        row[ListingField.HYPE],
        store[StoreField.CLICK_HYPE_EFFECT],
        advantage[k, p],
        store[StoreField.CLICK_PRICE_EFFECT],
        reviews,
        store[StoreField.CLICK_REVIEW_EFFECT],
    )
    relevance = conversion_appeal(
        row[ListingField.RELEVANCE],
        row[ListingField.HYPE],
        store[StoreField.CONVERSION_HYPE_EFFECT],
        rating,
        store[StoreField.REFERENCE_RATING],
        store[StoreField.RATING_ELASTICITY],
        reviews,
        store[StoreField.REVIEW_ELASTICITY],
    )
    for s in range(N_SEGMENTS):
        conversion = conversion_probability(
            relevance,
            row[ListingField.ELASTICITY],
            shop.segment[s, SegmentField.SENSITIVITY],
            advantage[k, p],
            shop.segment[s, SegmentField.CONVERSION],
        )
        room.value[s] = conversion * worth[k, s, p] + click
        for c in range(N_CHANNELS):
            chance = click_probability(appeal, shop.cell[k, s, CellField.AFFINITY], shop.channel[c, ChannelField.CLICK])
            room.weight[c, s] = requests[k, c, s] * chance


@procedure
def best_bid(
    found: float, cost: float, limit: float, bids: int, scale: float, weight: Any, value: Any, seen: Any, paid: Any,
    line: Any,
) -> Any:  # fmt: skip
    """Most that a bid in one channel earns in the hour over no bid, and the place of the best on the grid, or -1.

    Args:
        found: chance of being found without an ad.
        cost: of a CNY of charges.
        limit: [CNY] worth of a click from which the one that empties a purse is counted apart.
        bids: how many of the grid are allowed.
        scale: rivals' level over the listing's quality.
        weight, value: (S,) as from `weigh_clicks`; seen, paid: (S, G); line: scratch (G,).
    """
    line[:bids] = 0.0
    apart = 0.0
    for s in range(N_SEGMENTS):
        worth = (1.0 - found) * value[s] + cost * FEN
        gain, loss = weight[s] * worth, weight[s] * cost * scale
        apart += weight[s] * max(worth - limit, 0.0)
        for g in range(bids):
            line[g] += gain * seen[s, g] - loss * paid[s, g]
    best, place = 0.0, -1
    for g in range(bids):
        if line[g] > best:
            best, place = line[g], g
    return max(best, apart) if bids > 0 else 0.0, place


@procedure
def place_bids(
    t: int, k: int, first: int, place: int, cost: float, limit: Any, shop: Shop, hours: Hours, path: Path, room: Room
) -> None:  # fmt: skip
    """Note the best bids at the reference, the limit they need, and what memory and reviews would earn with them."""
    store, state = shop.store, shop.state[k]
    reviews, memory, bare = path.reviews[t, k], path.memory[t, k], hours.rank[t, k]
    rating = best_rating(reviews, store, state)
    click = room.shadow[k, Shadow.CLICK]
    weigh_clicks(
        k, place, reviews, rating, hours.requests[t], hours.advantage[:, first:], room.worth, click, shop, room
    )
    unit = store[StoreField.RANK_REFERENCE]
    stars = (5.0 - rating) / ((reviews + store[StoreField.RATING_PRIOR_COUNT]) * rating)  # growth of the rating
    social = store[StoreField.CLICK_REVIEW_EFFECT] / (1.0 + reviews)
    trust = store[StoreField.REVIEW_ELASTICITY] / (1.0 + reviews) + store[StoreField.RATING_ELASTICITY] * stars
    by_memory, by_review = 0.0, 0.0
    for c in range(N_CHANNELS):
        chance = chance_found(bare, memory, rating, store, shop.channel[c])
        scale = hours.scale[t, k, c]
        most, g = best_bid(
            chance, cost, limit[k], hours.bids[t, k, c], scale, room.weight[c], room.value, hours.seen[c],
            hours.paid[c], room.line,
        )  # fmt: skip
        path.bid[t, k, c] = g
        if hours.bids[t, k, c] > 0:
            needed = least_limit(cost, chance, most, room.weight[c], room.value)
            path.top[hours.day[t], k] = max(path.top[hours.day[t], k], needed)
        climb = store[StoreField.FLYWHEEL] * chance * (1.0 - chance)  # of the chance per unit of log rank
        for s in range(N_SEGMENTS):
            weight, value = room.weight[c, s], room.value[s]
            shown = hours.seen[c, s, g] if g >= 0 else 0.0
            charged = cost * (scale * hours.paid[c, s, g] - FEN * shown) if g >= 0 else 0.0
            reached = found_probability(shown, chance)
            hidden = weight * (1.0 - shown) * value * climb
            by_memory += hidden / (unit * bare + memory)
            by_review += weight * ((reached * value - charged) * social + reached * (value - click) * trust)
            by_review += hidden * store[StoreField.RANK_RATING_EXPONENT] * stars
    path.slopes[t, k, 0], path.slopes[t, k, 1] = by_memory, by_review


@procedure
def least_limit(cost: float, found: float, most: float, weight: Any, value: Any) -> float:
    """Limit, see `best_bid`, from which nothing need be counted apart where bids earn `most` in a channel."""
    highest, clicks = 0.0, 1e-12
    for s in range(N_SEGMENTS):
        highest = max(highest, (1.0 - found) * value[s] + cost * FEN)
        clicks += weight[s]
    return highest - most / clicks


@procedure
def try_price(
    t: int, k: int, first: int, place: int, cost: float, limit: Any, shop: Shop, hours: Hours, path: Path, room: Room
) -> float:  # fmt: skip
    """What a listing earns in the hour at one price and the best bids, at the reference memory and reviews."""
    reviews = path.reviews[t, k]
    rating = best_rating(reviews, shop.store, shop.state[k])
    click = room.shadow[k, Shadow.CLICK]
    weigh_clicks(
        k, place, reviews, rating, hours.requests[t], hours.advantage[:, first:], room.worth, click, shop, room
    )
    total = 0.0
    for c in range(N_CHANNELS):
        chance = chance_found(hours.rank[t, k], path.memory[t, k], rating, shop.store, shop.channel[c])
        most, _ = best_bid(
            chance, cost, limit[k], hours.bids[t, k, c], hours.scale[t, k, c], room.weight[c], room.value,
            hours.seen[c], hours.paid[c], room.line,
        )  # fmt: skip
        total += most
        for s in range(N_SEGMENTS):
            total += room.weight[c, s] * room.value[s] * chance
    return total
