"""Compiled: back through all hours of a store's plan with what the future is worth, and forward to where that leads."""

from typing import Any

from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    N_SEGMENTS,
    REFUND_DAYS,
    Due,
    ListingField,
    ListingState,
    Pending,
    StoreField,
)
from merchantgym.envs.market.compiled import entry, procedure
from merchantgym.envs.market.conversion import chance_within
from merchantgym.envs.market.rank import found_probability, remember

from .bound_bids import FEN, best_rating, chance_found, place_bids, try_price, weigh_clicks
from .bound_certify import certify_hour
from .bound_desk import Hours, Path, Room, Shop, Terms
from .bound_values import close_books, step_back, value_conversions, value_of_eve


@procedure
def try_hour(
    t: int, first: int, stride: int, cost: float, limit: Any, shop: Shop, hours: Hours, path: Path, room: Room
) -> float:  # fmt: skip
    """The best discount and bids at the reference, noted in `path`; what they earn, less what the state is owed."""
    best, chosen = -1e300, 0
    listings = room.reward.shape[0]
    for p in range(0, room.reward.shape[1], stride):
        total = 0.0
        for k in range(listings):
            total += try_price(t, k, first, p, cost, limit, shop, hours, path, room)
        if total > best:
            best, chosen = total, p
    path.price[t] = first + chosen
    for k in range(listings):
        place_bids(t, k, first, chosen, cost, limit, shop, hours, path, room)
        best -= path.slopes[t, k, 0] * path.memory[t, k] + path.slopes[t, k, 1] * path.reviews[t, k]
    return best


@procedure
def back_through(
    certify: bool, length: int, stride: int, shop: Shop, hours: Hours, terms: Terms, path: Path, room: Room
) -> float:  # fmt: skip
    """Sum over the hours of what each can earn beyond what the state is owed, plus what the eve is worth."""
    total = 0.0
    close_books(shop, terms, room)
    for back in range(length):
        t = length - 1 - back
        first, stretch, day = hours.window[t], hours.stretch[t], hours.day[t]
        value_conversions(first, stretch, shop, terms, room)
        if certify:
            total += certify_hour(t, first, terms.cost[day], terms.limit[day], shop, hours, terms, path, room)
        else:
            total += try_hour(t, first, stride, terms.cost[day], terms.limit[day], shop, hours, path, room)
        total += step_back(stretch, hours.midnight[t], day, shop, terms, path.slopes[t], room)
    return total + value_of_eve(shop, room)


@procedure
def receive_reviews(day: int, shop: Shop, flow: Any) -> None:
    """Reviews and complaints that appear at a midnight, in expectation; `flow` (K, 4) as in `run_forward`."""
    store = shop.store
    for k in range(flow.shape[0]):
        ripe = store[StoreField.REVIEW_HAZARD] * flow[k, 2]
        back = store[StoreField.RETURN_HAZARD] * flow[k, 3]
        due = store[StoreField.COMPLAINT_SHARE] * shop.refunds[k, day % REFUND_DAYS, Due.RETURNS]
        flow[k, 1] += ripe + back + due
        flow[k, 2] -= ripe
        flow[k, 3] -= back


@procedure
def clicks_of(t: int, k: int, s: int, rating: float, shop: Shop, hours: Hours, path: Path, room: Room) -> Any:
    """Expected clicks of a segment and what those on ads are charged [CNY], at the bids noted."""
    clicks, charged = 0.0, 0.0
    for c in range(N_CHANNELS):
        g, weight = path.bid[t, k, c], room.weight[c, s]
        chance = chance_found(hours.rank[t, k], room.flow[k, 0], rating, shop.store, shop.channel[c])
        shown = hours.seen[c, s, g] if g >= 0 else 0.0
        clicks += weight * found_probability(shown, chance)
        if g >= 0:
            charged += max(weight * (hours.scale[t, k, c] * hours.paid[c, s, g] - FEN * shown), 0.0)
    return clicks, charged


@procedure
def run_forward(
    length: int, shop: Shop, hours: Hours, units: Any, path: Path, spend: Any, sold: Any, room: Room
) -> None:  # fmt: skip
    """Where the decisions noted lead in expectation: `spend` (D,) [CNY], units `sold` (K, Q), and half way to it the
    references in `path`. `units` (K, S, P + 2, Q): that an order takes.

    `room.flow` (K, 4): memory, reviews, reviews and complaints under way.
    """
    store, flow, waiting = shop.store, room.flow, room.waiting
    now, soon = store[StoreField.SHARE_SAME_HOUR], store[StoreField.SHARE_WITHIN_DAY]
    spend[:] = 0.0
    sold[:] = 0.0
    _start(shop, room)
    for t in range(length):
        p, q = path.price[t], hours.stretch[t]
        if hours.midnight[t] > 0.0:
            receive_reviews(hours.day[t], shop, flow)
        for k in range(flow.shape[0]):
            path.memory[t, k] += 0.5 * (flow[k, 0] - path.memory[t, k])
            path.reviews[t, k] += 0.5 * (flow[k, 1] - path.reviews[t, k])
            rating = best_rating(flow[k, 1], store, shop.state[k])
            weigh_clicks(k, p, flow[k, 1], rating, hours.requests[t], hours.advantage, room.ones, 0.0, shop, room)
            orders, clicks = 0.0, 0.0
            for s in range(N_SEGMENTS):
                clicked, charged = clicks_of(t, k, s, rating, shop, hours, path, room)
                converted = clicked * room.value[s]
                ripe_day = store[StoreField.DAY_HAZARD] * waiting[0, k, s]
                ripe_slow = store[StoreField.SLOW_HAZARD] * waiting[1, k, s]
                waiting[0, k, s] += soon * converted - ripe_day
                waiting[1, k, s] += (1.0 - now - soon) * converted - ripe_slow
                ordered = now * converted + ripe_day + ripe_slow
                sold[k, q] += ordered * units[k, s, p, q]
                orders += ordered
                clicks += clicked
                spend[hours.day[t]] += charged
            returned = shop.listing[k, ListingField.RETURN_PROBABILITY]
            flow[k, 0] = remember(
                flow[k, 0], store[StoreField.RANK_DECAY], orders, clicks, store[StoreField.RANK_CLICK_WEIGHT]
            )
            flow[k, 2] += orders * (1.0 - returned) * store[StoreField.REVIEW_RATE]
            flow[k, 3] += orders * returned * store[StoreField.COMPLAINT_SHARE]
    _finish(path.price[length - 1], shop, units, sold, room)


@procedure
def _start(shop: Shop, room: Room) -> None:
    for k in range(room.flow.shape[0]):
        state, pending = shop.state[k], shop.pending[k]
        room.flow[k, 0], room.flow[k, 1] = state[ListingState.MEMORY], state[ListingState.REVIEWS]
        room.flow[k, 2], room.flow[k, 3] = state[ListingState.PENDING_REVIEWS], 0.0
        for s in range(N_SEGMENTS):
            room.waiting[0, k, s] = pending[s, Pending.DAY_AD] + pending[s, Pending.DAY_ORGANIC]
            room.waiting[1, k, s] = pending[s, Pending.SLOW_AD] + pending[s, Pending.SLOW_ORGANIC]


@procedure
def _finish(p: int, shop: Shop, units: Any, sold: Any, room: Room) -> None:
    """Those who still order when the books are closed."""
    window = shop.store[StoreField.ATTRIBUTION_HOURS]
    day = chance_within(shop.store[StoreField.DAY_HAZARD], window)
    slow = chance_within(shop.store[StoreField.SLOW_HAZARD], window)
    last = sold.shape[1] - 1
    for k in range(sold.shape[0]):
        for s in range(N_SEGMENTS):
            late = day * room.waiting[0, k, s] + slow * room.waiting[1, k, s]
            sold[k, last] += late * units[k, s, p, last]


@procedure
def _shop(b: int, shops: Shop) -> Any:
    return Shop(
        shops.store[b], shops.channel[b], shops.segment[b], shops.listing[b], shops.cell[b], shops.state[b],
        shops.pending[b], shops.refunds[b],
    )  # fmt: skip


@procedure
def _hours(b: int, hours: Hours) -> Any:
    return Hours(
        hours.requests[b], hours.scale[b], hours.bids[b], hours.rank[b], hours.midnight[b], hours.day[b],
        hours.window[b], hours.stretch[b], hours.advantage[b], hours.kink[b], hours.seen[b], hours.paid[b],
    )  # fmt: skip


@procedure
def _terms(b: int, terms: Terms) -> Any:
    return Terms(
        terms.orders[b], terms.slack[b], terms.cost[b], terms.limit[b], terms.counts[b], terms.lift[b]
    )  # fmt: skip


@procedure
def _path(b: int, path: Path) -> Any:
    return Path(path.memory[b], path.reviews[b], path.slopes[b], path.price[b], path.bid[b], path.top[b])


@entry
def sweep(
    certify: bool, length: Any, stride: int, shops: Shop, hours: Hours, terms: Terms, paths: Path, room: Room,
    value: Any,
) -> None:  # fmt: skip
    """One way back through the hours of all stores; `value` (n,) takes `back_through`'s results.

    Without `certify`: decisions at the references, at every `stride`-th price, and the slopes; the result is then an
    estimate. With it: a bound for the slopes given.
    """
    for b in range(length.shape[0]):
        shop, path = _shop(b, shops), _path(b, paths)
        value[b] = back_through(certify, length[b], stride, shop, _hours(b, hours), _terms(b, terms), path, room)


@entry
def follow(
    length: Any, shops: Shop, hours: Hours, units: Any, paths: Path, spend: Any, sold: Any, room: Room
) -> None:  # fmt: skip
    """`run_forward` for all stores."""
    for b in range(length.shape[0]):
        run_forward(length[b], _shop(b, shops), _hours(b, hours), units[b], _path(b, paths), spend[b], sold[b], room)
