"""The compiled part of the bound: hour by hour, the most that any offer can add to profit and to the store's future.

One file, because a compiled function does not notice a change in another file of this folder.
"""

from typing import Any

from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    N_SEGMENTS,
    REFUND_DAYS,
    CellField,
    ChannelField,
    Due,
    Field,
    ListingField,
    ListingState,
    Pending,
    SegmentField,
    StoreField,
)
from merchantgym.envs.market.click import click_appeal, click_probability
from merchantgym.envs.market.compiled import entry, procedure
from merchantgym.envs.market.conversion import chance_within, conversion_appeal, conversion_probability
from merchantgym.envs.market.fulfilment import mean_rating
from merchantgym.envs.market.rank import organic_exposure, rank_score

FEN = 0.01
"""[CNY] A click is charged at most so much less than its price."""
MEMORIES = 10
"""Ranks looked at for each listing and hour."""
_STEPS = (0.0, 0.0, 0.0, 0.0, 1.3, 1.7, 3.0, 8.0, 40.0, 170.0)


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


@procedure
def best_rating(reviews: float, store: Any, state: Any) -> float:
    """Rating shown if every review from now on has five stars [stars]."""
    new = reviews - state[ListingState.REVIEWS]
    rating: float = mean_rating(
        state[ListingState.STAR_SUM] + 5.0 * new,
        reviews,
        store[StoreField.REFERENCE_RATING],
        store[StoreField.RATING_PRIOR_COUNT],
    )
    return rating


@procedure
def weigh_clicks(
    k: int, p: int, reviews: float, rating: float, store: Any, channel: Any, segment: Any, listing: Any, cell: Any,
    requests: Any, advantage: Any, worth: Any, click_worth: float, weight: Any, value: Any,
) -> None:  # fmt: skip
    """Clicks of the hour if everyone saw the listing, `weight` (C, S), and what a click is worth, `value` (S,)."""
    row = listing[k]
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
            segment[s, SegmentField.SENSITIVITY],
            advantage[k, p],
            segment[s, SegmentField.CONVERSION],
        )
        value[s] = conversion * worth[k, s, p] + click_worth
        for c in range(N_CHANNELS):
            click = click_probability(appeal, cell[k, s, CellField.AFFINITY], channel[c, ChannelField.CLICK])
            weight[c, s] = requests[k, c, s] * click


@procedure
def rank_of(bare: float, memory: float, rating: float, store: Any) -> float:
    """Rank, from that of a listing without sales."""
    rank: float = rank_score(
        memory,
        store[StoreField.RANK_REFERENCE],
        bare,
        0.0,
        0.0,
        rating,
        store[StoreField.REFERENCE_RATING],
        store[StoreField.RANK_RATING_EXPONENT],
    )
    return rank


@procedure
def best_bid(
    found: float, cost: float, limit: float, bids: int, scale: float, weight: Any, value: Any, seen: Any, paid: Any,
    line: Any,
) -> Any:  # fmt: skip
    """Most that bids in one channel can earn in the hour over no bid, and the place of the best on the grid, or -1.

    Args:
        found: chance of being found without an ad.
        cost: what a CNY of charges costs: the merchant's share and the shadow price of the budget.
        limit: [CNY] worth of a click beyond which the click that empties a purse must be counted apart.
        line: scratch (G,).
    """
    for g in range(bids):
        line[g] = 0.0
    beyond = 0.0
    for s in range(N_SEGMENTS):
        gain = weight[s] * ((1.0 - found) * value[s] + cost * FEN)
        loss = weight[s] * cost * scale
        beyond += weight[s] * max(value[s] + cost * FEN - limit, 0.0)
        for g in range(bids):
            line[g] += gain * seen[s, g] - loss * paid[s, g]
    best = 0.0
    place = -1
    for g in range(bids):
        if line[g] > best:
            best = line[g]
            place = g
    return best + (beyond if bids > 0 else 0.0), place


@procedure
def value_conversions(
    first: int, prices: int, stretch: int, store: Any, listing: Any, orders: Any, slack: Any, pool: Any, shadow: Any,
    worth: Any,
) -> None:  # fmt: skip
    """What a click that converts in this hour is worth, `worth` (K, S, prices), from the hours that follow."""
    now, day = store[StoreField.SHARE_SAME_HOUR], store[StoreField.SHARE_WITHIN_DAY]
    slow = 1.0 - now - day
    fresh = 1.0 - store[StoreField.RANK_DECAY]
    for k in range(worth.shape[0]):
        row = shadow[k]
        returned = listing[k, ListingField.RETURN_PROBABILITY]
        row[Shadow.ORDER] = fresh * row[Shadow.MEMORY]
        row[Shadow.ORDER] += (1.0 - returned) * store[StoreField.REVIEW_RATE] * row[Shadow.PENDING_REVIEW]
        row[Shadow.ORDER] += returned * store[StoreField.COMPLAINT_SHARE] * row[Shadow.PENDING_COMPLAINT]
        row[Shadow.CLICK] = fresh * store[StoreField.RANK_CLICK_WEIGHT] * row[Shadow.MEMORY]
        future = now * row[Shadow.ORDER] + day * row[Shadow.DAY] + slow * row[Shadow.SLOW]
        for s in range(N_SEGMENTS):
            for p in range(prices):
                j = first + p
                worth[k, s, p] = now * orders[k, s, j, stretch] + day * pool[0, k, s, j] + slow * pool[1, k, s, j]
                worth[k, s, p] += future + slack[k, s, j]


@procedure
def close_books(last: int, store: Any, orders: Any, pool: Any, shadow: Any) -> None:
    """Values after the last hour: those who wait may order within the attribution window; nothing else counts."""
    shadow[:] = 0.0
    window = store[StoreField.ATTRIBUTION_HOURS]
    for k in range(orders.shape[0]):
        for s in range(N_SEGMENTS):
            for j in range(orders.shape[2]):
                pool[0, k, s, j] = chance_within(store[StoreField.DAY_HAZARD], window) * orders[k, s, j, last]
                pool[1, k, s, j] = chance_within(store[StoreField.SLOW_HAZARD], window) * orders[k, s, j, last]


@procedure
def step_back(
    stretch: int, midnight: float, store: Any, orders: Any, slope: Any, pool: Any, shadow: Any
) -> None:  # fmt: skip
    """Values at the start of the hour from those at its end; `slope` (K, 2): what memory and reviews earn in it."""
    day, slow = store[StoreField.DAY_HAZARD], store[StoreField.SLOW_HAZARD]
    for k in range(orders.shape[0]):
        row = shadow[k]
        for s in range(N_SEGMENTS):
            for j in range(orders.shape[2]):
                pool[0, k, s, j] += day * (orders[k, s, j, stretch] - pool[0, k, s, j])
                pool[1, k, s, j] += slow * (orders[k, s, j, stretch] - pool[1, k, s, j])
        row[Shadow.DAY] += day * (row[Shadow.ORDER] - row[Shadow.DAY])
        row[Shadow.SLOW] += slow * (row[Shadow.ORDER] - row[Shadow.SLOW])
        row[Shadow.MEMORY] = slope[k, 0] + store[StoreField.RANK_DECAY] * row[Shadow.MEMORY]
        row[Shadow.REVIEW] += slope[k, 1]
        if midnight > 0.0:
            seen, back = store[StoreField.REVIEW_HAZARD], store[StoreField.RETURN_HAZARD]
            row[Shadow.PENDING_REVIEW] += seen * (row[Shadow.REVIEW] - row[Shadow.PENDING_REVIEW])
            row[Shadow.PENDING_COMPLAINT] += back * (row[Shadow.REVIEW] - row[Shadow.PENDING_COMPLAINT])


@procedure
def value_of_eve(state: Any, pending: Any, pool: Any, shadow: Any) -> float:
    """What the store's state on the eve is worth: its memory, reviews, and buyers who wait."""
    total = 0.0
    prices = pool.shape[3] - 2  # the last two are those that the waiting saw
    for k in range(state.shape[0]):
        row = shadow[k]
        total += row[Shadow.MEMORY] * state[k, ListingState.MEMORY]
        total += row[Shadow.REVIEW] * state[k, ListingState.REVIEWS]
        total += row[Shadow.PENDING_REVIEW] * state[k, ListingState.PENDING_REVIEWS]
        for s in range(N_SEGMENTS):
            for slow in range(2):
                waiting = pending[k, s, Pending.DAY_AD + 2 * slow] + pending[k, s, Pending.DAY_ORGANIC + 2 * slow]
                total += waiting * (pool[slow, k, s, prices + slow] + row[Shadow.DAY + slow])
    return total


@procedure
def due_complaints(day: int, store: Any, refunds: Any, shadow: Any) -> float:
    """What the complaints are worth that goods sent back before the plan may bring this midnight."""
    total = 0.0
    for k in range(shadow.shape[0]):
        returns = refunds[k, day % REFUND_DAYS, Due.RETURNS]
        total += store[StoreField.COMPLAINT_SHARE] * returns * shadow[k, Shadow.REVIEW]
    return total


@procedure
def look_at_memories(
    bare: float, least: float, reference: float, rating: float, store: Any, channel: Any, memories: Any, found: Any,
    bend: Any,
) -> int:  # fmt: skip
    """A grid of memories from `least` up through `reference`, and the chances of being found, `found` (C, M).

    `bend` (C, M): how far the chance rises above the chord to the next memory. Returns: place of the reference.
    """
    unit, flywheel = store[StoreField.RANK_REFERENCE], store[StoreField.FLYWHEEL]
    lowest = bare + least / unit
    middle = max(bare + max(reference, least) / unit, 1.0001 * lowest)
    memories[0] = lowest
    memories[1] = max(middle / 1.7, lowest)
    memories[2] = max(middle / 1.3, lowest)
    memories[3] = middle
    for i in range(4, MEMORIES):
        memories[i] = middle * _STEPS[i]
    for c in range(N_CHANNELS):
        rivals = channel[c, ChannelField.ORGANIC_RIVALS]
        for i in range(MEMORIES):
            rank = rank_of(memories[i], 0.0, rating, store)
            found[c, i] = organic_exposure(rank, flywheel, rivals)
        for i in range(MEMORIES - 1):
            bend[c, i] = 0.0
            width = memories[i + 1] - memories[i]
            if width > 0.0:
                at = (memories[i] * memories[i + 1]) ** 0.5
                here = organic_exposure(rank_of(at, 0.0, rating, store), flywheel, rivals)
                rise = (found[c, i + 1] - found[c, i]) / width
                slope = flywheel * here * (1.0 - here) / at - rise
                above = here - found[c, i] - rise * (at - memories[i])
                bend[c, i] = max(above + abs(slope) * max(at - memories[i], memories[i + 1] - at), 0.0)
    for i in range(MEMORIES):
        memories[i] = (memories[i] - bare) * unit
    return 3


@procedure
def certify_listing(
    k: int, p: int, cost: float, limit: float, bids: Any, scale: Any, slope: Any, seen: Any, paid: Any, weight: Any,
    value: Any, memories: Any, found: Any, bend: Any, middle: int, line: Any, earned: Any,
) -> float:  # fmt: skip
    """Most that the listing can earn in the hour at one price and number of reviews, less what its memory is owed.

    What it earns is convex in the chance of being found (a maximum of lines), which is concave in the memory.
    `earned` (C, 4): scratch.
    """
    last = MEMORIES - 1
    for c in range(N_CHANNELS):
        all_clicks = 0.0
        for s in range(N_SEGMENTS):
            all_clicks += weight[c, s] * value[s]
        for i in range(3):
            place = 0 if i == 0 else (middle if i == 1 else last)
            chance = found[c, place]
            most, _ = best_bid(chance, cost, limit, bids[k, c], scale[k, c], weight[c], value, seen[c], paid[c], line)
            earned[c, i] = all_clicks * chance + most
        earned[c, 3] = all_clicks
    best = -1e300
    before = 0.0
    for i in range(MEMORIES):
        here = 0.0
        for c in range(N_CHANNELS):
            a, b = (0, middle) if i <= middle else (middle, last)
            width = found[c, b] - found[c, a]
            part = (found[c, i] - found[c, a]) / width if width > 0.0 else 1.0
            low, high = (earned[c, 0], earned[c, 1]) if i <= middle else (earned[c, 1], earned[c, 2])
            here += low + part * (high - low)
        here -= slope[k, 0] * memories[i]
        over = 0.0
        if i > 0:
            for c in range(N_CHANNELS):
                over += earned[c, 3] * bend[c, i - 1]
            best = max(best, max(before, here) + over)
        before = here
    return max(best, beyond_memory(slope[k, 0], memories, found, earned))


@procedure
def beyond_memory(slope: float, memories: Any, found: Any, earned: Any) -> float:
    """The same for memories beyond the grid, where the chance of being found rises ever more slowly."""
    last = MEMORIES - 1
    total = 0.0
    rise = 0.0
    width = memories[last] - memories[last - 1]
    for c in range(N_CHANNELS):
        total += earned[c, 2] + earned[c, 3] * (1.0 - found[c, last])
        rise += earned[c, 3] * (found[c, last] - found[c, last - 1]) / width
    if rise <= slope:
        return -1e300
    return total - slope * memories[last]


@procedure
def certify_hour(
    t: int, first: int, prices: int, reviewed: bool, cost: float, limit: float, store: Any, channel: Any, segment: Any,
    listing: Any, cell: Any, state: Any, requests: Any, advantage: Any, kink: Any, bids: Any, scale: Any, bare: Any,
    least: float, memory: Any, counts: Any, lift: Any, slope: Any, seen: Any, paid: Any, worth: Any, shadow: Any,
    room: Any,
) -> float:  # fmt: skip
    """The most the whole shop can earn in the hour at any one discount, less what its memories and reviews are owed."""
    weight, value, line, reward, memories, found, bend, earned = room
    for k in range(listing.shape[0]):
        floor = least * state[k, ListingState.MEMORY]
        for p in range(prices):
            reward[k, p] = -1e300
        for i in range(counts.shape[1] if reviewed else 1):
            reviews = counts[k, i]
            if i > 0 and reviews <= counts[k, i - 1]:
                break
            rating = best_rating(reviews, store, state[k])
            middle = look_at_memories(
                bare[k], floor, memory[k], rating, store, channel, memories, found, bend
            )
            for p in range(prices):
                weigh_clicks(
                    k, p, reviews, rating, store, channel, segment, listing, cell, requests, advantage[:, first:],
                    worth, shadow[k, Shadow.CLICK], weight, value,
                )  # fmt: skip
                for s in range(N_SEGMENTS):
                    value[s] *= lift[k, i]
                most = certify_listing(
                    k, p, cost, limit, bids, scale, slope, seen, paid, weight, value, memories, found, bend, middle,
                    line, earned,
                )  # fmt: skip
                reward[k, p] = max(reward[k, p], most - slope[k, 1] * reviews)
        for p in range(prices - 1):
            if kink[k, first + p] > 0:
                reward[k, p] = max(reward[k, p], reward[k, p + 1])
                reward[k, p + 1] = reward[k, p]
    best = -1e300
    for p in range(prices):
        total = 0.0
        for k in range(listing.shape[0]):
            total += reward[k, p]
        best = max(best, total)
    return best


@procedure
def try_hour(
    t: int, first: int, prices: int, stride: int, cost: float, limit: float, store: Any, channel: Any, segment: Any,
    listing: Any, cell: Any, state: Any, requests: Any, advantage: Any, bids: Any, scale: Any, bare: Any, memory: Any,
    reviews: Any, seen: Any, paid: Any, worth: Any, shadow: Any, room: Any,
) -> Any:  # fmt: skip
    """The best discount at the reference state, as a place among the prices, and what the shop earns at it."""
    weight, value, line, reward, memories, found, bend, earned = room
    best, place = -1e300, 0
    for p in range(0, prices, stride):
        total = 0.0
        for k in range(listing.shape[0]):
            rating = best_rating(reviews[k], store, state[k])
            weigh_clicks(
                k, p, reviews[k], rating, store, channel, segment, listing, cell, requests, advantage[:, first:], worth,
                shadow[k, Shadow.CLICK], weight, value,
            )  # fmt: skip
            rank = rank_of(bare[k], memory[k], rating, store)
            for c in range(N_CHANNELS):
                chance = organic_exposure(rank, store[StoreField.FLYWHEEL], channel[c, ChannelField.ORGANIC_RIVALS])
                most, _ = best_bid(
                    chance, cost, limit, bids[k, c], scale[k, c], weight[c], value, seen[c], paid[c], line
                )
                total += most
                for s in range(N_SEGMENTS):
                    total += weight[c, s] * value[s] * chance
        if total > best:
            best, place = total, p
    return best, place


@procedure
def slopes_of_hour(
    k: int, p: int, cost: float, limit: float, store: Any, channel: Any, state: Any, bids: Any, scale: Any, bare: float,
    memory: float, reviews: float, seen: Any, paid: Any, weight: Any, value: Any, click_worth: float, line: Any,
    place: Any, slope: Any,
) -> None:  # fmt: skip
    """At the best bids, their `place` (C,), what one more in memory and one more review would earn, `slope` (2,)."""
    rating = best_rating(reviews, store, state)
    rank = rank_of(bare, memory, rating, store)
    flywheel, unit = store[StoreField.FLYWHEEL], store[StoreField.RANK_REFERENCE]
    stars = (5.0 - rating) / ((reviews + store[StoreField.RATING_PRIOR_COUNT]) * rating)  # growth of the rating
    social = store[StoreField.CLICK_REVIEW_EFFECT] / (1.0 + reviews)
    trust = store[StoreField.REVIEW_ELASTICITY] / (1.0 + reviews) + store[StoreField.RATING_ELASTICITY] * stars
    slope[0] = 0.0
    slope[1] = 0.0
    for c in range(N_CHANNELS):
        chance = organic_exposure(rank, flywheel, channel[c, ChannelField.ORGANIC_RIVALS])
        _, g = best_bid(chance, cost, limit, bids[k, c], scale[k, c], weight[c], value, seen[c], paid[c], line)
        place[c] = g
        climb = flywheel * chance * (1.0 - chance)  # of the chance per unit of log rank
        for s in range(N_SEGMENTS):
            shown = seen[c, s, g] if g >= 0 else 0.0
            charged = cost * (scale[k, c] * paid[c, s, g] - FEN * shown) if g >= 0 else 0.0
            reached = shown + (1.0 - shown) * chance
            hidden = weight[c, s] * (1.0 - shown) * value[s] * climb
            slope[0] += hidden / (unit * (bare + memory / unit))
            slope[1] += weight[c, s] * (reached * value[s] - charged) * social
            slope[1] += weight[c, s] * reached * (value[s] - click_worth) * trust
            slope[1] += hidden * store[StoreField.RANK_RATING_EXPONENT] * stars


@procedure
def run_forward(
    hours: int, store: Any, channel: Any, segment: Any, listing: Any, cell: Any, state: Any, pending: Any, refunds: Any,
    requests: Any, scale: Any, bare: Any, midnight: Any, day: Any, stretch: Any, advantage: Any, units: Any, seen: Any,
    paid: Any, price_at: Any, place: Any, memory: Any, reviews: Any, spend: Any, sold: Any, waiting: Any, flow: Any,
    ones: Any, weight: Any, value: Any,
) -> None:  # fmt: skip
    """Where the decisions found lead in expectation: memories and reviews (H, K), spend (D,) by day, units sold (K, Q).

    waiting (2, K, S), flow (K, 4), ones (K, S, P): scratch.
    """
    keep = store[StoreField.RANK_DECAY]
    now, soon = store[StoreField.SHARE_SAME_HOUR], store[StoreField.SHARE_WITHIN_DAY]
    window = store[StoreField.ATTRIBUTION_HOURS]
    spend[:] = 0.0
    sold[:] = 0.0
    for k in range(listing.shape[0]):
        flow[k, 0], flow[k, 1] = state[k, ListingState.MEMORY], state[k, ListingState.REVIEWS]
        flow[k, 2], flow[k, 3] = state[k, ListingState.PENDING_REVIEWS], 0.0
        for s in range(N_SEGMENTS):
            for slow in range(2):
                waiting[slow, k, s] = pending[k, s, Pending.DAY_AD + 2 * slow]
                waiting[slow, k, s] += pending[k, s, Pending.DAY_ORGANIC + 2 * slow]
    for t in range(hours):
        q, p = stretch[t], price_at[t]
        for k in range(listing.shape[0]):
            if midnight[t] > 0.0:
                ripe = store[StoreField.REVIEW_HAZARD] * flow[k, 2]
                sent = store[StoreField.RETURN_HAZARD] * flow[k, 3]
                due = store[StoreField.COMPLAINT_SHARE] * refunds[k, day[t] % REFUND_DAYS, Due.RETURNS]
                flow[k, 1] += ripe + sent + due
                flow[k, 2] -= ripe
                flow[k, 3] -= sent
            memory[t, k] += 0.5 * (flow[k, 0] - memory[t, k])
            reviews[t, k] += 0.5 * (flow[k, 1] - reviews[t, k])
            rating = best_rating(flow[k, 1], store, state[k])
            weigh_clicks(
                k, p, flow[k, 1], rating, store, channel, segment, listing, cell, requests[t], advantage, ones, 0.0,
                weight, value,
            )  # fmt: skip
            rank = rank_of(bare[t, k], flow[k, 0], rating, store)
            orders, clicks = 0.0, 0.0
            for s in range(N_SEGMENTS):
                clicked = 0.0
                for c in range(N_CHANNELS):
                    chance = organic_exposure(rank, store[StoreField.FLYWHEEL], channel[c, ChannelField.ORGANIC_RIVALS])
                    g = place[t, k, c]
                    shown = seen[c, s, g] if g >= 0 else 0.0
                    clicked += weight[c, s] * (shown + (1.0 - shown) * chance)
                    if g >= 0:
                        spend[day[t]] += max(weight[c, s] * (scale[t, k, c] * paid[c, s, g] - FEN * shown), 0.0)
                converted = clicked * value[s]
                ordered = now * converted
                for slow in range(2):
                    hazard = store[StoreField.SLOW_HAZARD] if slow else store[StoreField.DAY_HAZARD]
                    ripe = hazard * waiting[slow, k, s]
                    ordered += ripe
                    waiting[slow, k, s] += (1.0 - now - soon if slow else soon) * converted - ripe
                sold[k, q] += ordered * units[k, s, p, q]
                orders += ordered
                clicks += clicked
            returned = listing[k, ListingField.RETURN_PROBABILITY]
            flow[k, 0] = keep * flow[k, 0] + (1.0 - keep) * (orders + store[StoreField.RANK_CLICK_WEIGHT] * clicks)
            flow[k, 2] += orders * (1.0 - returned) * store[StoreField.REVIEW_RATE]
            flow[k, 3] += orders * returned * store[StoreField.COMPLAINT_SHARE]
    last = sold.shape[1] - 1
    for k in range(listing.shape[0]):
        for s in range(N_SEGMENTS):
            late = chance_within(store[StoreField.DAY_HAZARD], window) * waiting[0, k, s]
            late += chance_within(store[StoreField.SLOW_HAZARD], window) * waiting[1, k, s]
            sold[k, last] += late * units[k, s, price_at[hours - 1], last]


@entry
def sweep(
    first_store: int, last_store: int, certify: bool, prices: int, stride: int, hours: Any, store: Any, channel: Any,
    segment: Any, listing: Any, cell: Any, state: Any, pending: Any, refunds: Any, requests: Any, scale: Any, bids: Any,
    bare: Any, midnight: Any, day: Any, window: Any, advantage: Any, kink: Any, seen: Any, paid: Any, orders: Any,
    slack: Any, stretch: Any, cost: Any, limit: Any, counts: Any, lift: Any, memory: Any, reviews: Any, slopes: Any,
    price_at: Any, place: Any, value_at: Any, earned_at: Any, top: Any, pool: Any, worth: Any, shadow: Any, weight: Any,
    value: Any, line: Any, reward: Any, memories: Any, found: Any, bend: Any, earned: Any,
) -> None:  # fmt: skip
    """One way back through the hours of stores first..last-1.

    Without `certify`: decisions at the reference memories and reviews, and the slopes of what these earn. With it:
    the bound for the slopes given. `value_at` (n, 2): the hours' sum, and what the eve is worth; `earned_at` (n, H);
    `top` (n, D): the most a click was worth at the decisions.
    """
    room = (weight, value, line, reward, memories, found, bend, earned)
    for b in range(first_store, last_store):
        total, eve = 0.0, 0.0
        close_books(orders.shape[4] - 1, store[b], orders[b], pool, shadow)
        dawn = 0
        while dawn < hours[b] and midnight[b, dawn] == 0.0:
            dawn += 1
        keep = store[b, StoreField.RANK_DECAY]
        for back in range(hours[b]):
            t = hours[b] - 1 - back
            first, q, price = window[b, t], stretch[b, t], cost[b, day[b, t]]
            most = limit[b, day[b, t]]
            value_conversions(first, prices, q, store[b], listing[b], orders[b], slack[b], pool, shadow, worth)
            if certify:
                best = certify_hour(
                    t, first, prices, t >= dawn, price, most, store[b], channel[b], segment[b], listing[b], cell[b],
                    state[b], requests[b, t], advantage[b], kink[b], bids[b, t], scale[b, t], bare[b, t], keep**t,
                    memory[b, t], counts[b], lift[b], slopes[b, t], seen[b], paid[b], worth, shadow, room,
                )  # fmt: skip
            else:
                best, p = try_hour(
                    t, first, prices, stride, price, most, store[b], channel[b], segment[b], listing[b], cell[b],
                    state[b], requests[b, t], advantage[b], bids[b, t], scale[b, t], bare[b, t], memory[b, t],
                    reviews[b, t], seen[b], paid[b], worth, shadow, room,
                )  # fmt: skip
                price_at[b, t] = first + p
                for k in range(listing.shape[1]):
                    rating = best_rating(reviews[b, t, k], store[b], state[b, k])
                    weigh_clicks(
                        k, p, reviews[b, t, k], rating, store[b], channel[b], segment[b], listing[b], cell[b],
                        requests[b, t], advantage[b, :, first:], worth, shadow[k, Shadow.CLICK], weight, value,
                    )  # fmt: skip
                    for s in range(N_SEGMENTS):
                        top[b, day[b, t]] = max(top[b, day[b, t]], value[s])
                    slopes_of_hour(
                        k, p, price, most, store[b], channel[b], state[b, k], bids[b, t], scale[b, t], bare[b, t, k],
                        memory[b, t, k], reviews[b, t, k], seen[b], paid[b], weight, value, shadow[k, Shadow.CLICK],
                        line, place[b, t, k], slopes[b, t, k],
                    )  # fmt: skip
                    best -= slopes[b, t, k, 0] * memory[b, t, k] + slopes[b, t, k, 1] * reviews[b, t, k]
            total += best
            earned_at[b, t] = best
            step_back(q, midnight[b, t], store[b], orders[b], slopes[b, t], pool, shadow)
            if midnight[b, t] > 0.0:
                eve += due_complaints(day[b, t], store[b], refunds[b], shadow)
        value_at[b, 0] = total
        value_at[b, 1] = eve + value_of_eve(state[b], pending[b], pool, shadow)


@entry
def follow(
    first_store: int, last_store: int, hours: Any, store: Any, channel: Any, segment: Any, listing: Any, cell: Any,
    state: Any, pending: Any, refunds: Any, requests: Any, scale: Any, bare: Any, midnight: Any, day: Any, stretch: Any,
    advantage: Any, units: Any, seen: Any, paid: Any, price_at: Any, place: Any, memory: Any, reviews: Any, spend: Any,
    sold: Any, waiting: Any, flow: Any, ones: Any, weight: Any, value: Any,
) -> None:  # fmt: skip
    """`run_forward` for stores first..last-1."""
    for b in range(first_store, last_store):
        run_forward(
            hours[b], store[b], channel[b], segment[b], listing[b], cell[b], state[b], pending[b], refunds[b],
            requests[b], scale[b], bare[b], midnight[b], day[b], stretch[b], advantage[b], units[b], seen[b], paid[b],
            price_at[b], place[b], memory[b], reviews[b], spend[b], sold[b], waiting, flow, ones, weight, value,
        )  # fmt: skip
