"""What the bound knows: the truth of every hour of every store, along the very path that chance takes.

Demand and the rivals' noise follow (seed, key) whatever is decided, so they are read off a run of the engine. What
rivals do in answer to us is relaxed to the least they can do.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.action import write_offer
from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    CellField,
    ChannelField,
    ChannelState,
    FloatArray,
    ListingField,
    Offer,
    SegmentField,
    StoreField,
    StoreState,
)
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.market.auction import SLOTS, ad_exposure, rival_price
from merchantgym.envs.market.calendar import promotion_uplift, shock
from merchantgym.envs.market.click import price_advantage
from merchantgym.envs.market.parameters import HOURS_PER_WEEK
from merchantgym.envs.market.rank import newness
from merchantgym.envs.market.rivals import lognormal_mean, rival_log_mean, rival_reaction
from merchantgym.envs.market.traffic import demand_multiplier, request_rate
from merchantgym.envs.plan import MAX_PROMOTIONS
from merchantgym.envs.store import HOURS_PER_DAY
from merchantgym.envs.task import PlanField, PlanListing

Whole = NDArray[np.int64]

_POSITIONS = np.concatenate([np.arange(-4.6, -2.0, 0.3), np.arange(-2.0, 2.0, 0.06), np.arange(2.0, 4.4, 0.3)])
"""Bids looked at, as places among the rivals' scores [standard deviations]."""
_BETWEEN = np.arange(1, 16) / 16.0  # places between two bids at which the curvature is looked at
_SAFETY = 1.05
_CLOSED = 60.0  # [ln] shift of a segment for which the plan never bids


@dataclass(frozen=True)
class World:
    """n stores over H hours: K listings, C channels, S segments, P prices, G bids. Money in CNY."""

    fleet: Fleet  # the stores under their plans, on the eve
    hours: Whole  # (n,)
    requests: FloatArray  # (n, H, K, C, S) expected, that suit a listing
    scale: FloatArray  # (n, H, K, C) rivals' level over the listing's quality
    bids: Whole  # (n, H, K, C) how many of the G bids are allowed; 0: not advertised
    rank: FloatArray  # (n, H, K) rank of a listing without sales, at the reference rating
    midnight: FloatArray  # (n, H) 1 where a day begins
    day: Whole  # (n, H) midnights passed
    window: Whole  # (n, H) index of the first of the hour's P / windows prices
    price: FloatArray  # (n, K, P) [fen], rising within a window
    advantage: FloatArray  # (n, K, P) log of reference over price
    kink: Whole  # (n, K, P) 1 where the floor under the price lies between this price and the next
    seen: FloatArray  # (n, C, S, G) exposure at each bid, no less than on the chords between them
    paid: FloatArray  # (n, C, S, G) exposure x price at a level of 1, no more than on the chords
    spread: FloatArray  # (n,) largest ratio of two segments' prices at one bid


def read_world(fleet: Fleet, prices: int) -> World:
    """Run the fleet, just reset, to the end of its plans and write down what no decision changes.

    Args: prices: how many discounts are looked at, >= 2.
    """
    eve, task = fleet.state.copy(), fleet.task.copy()
    hours = fleet.task.plan[:, PlanField.HOURS].astype(np.int64)
    demand, noise = _weather(fleet, int(hours.max()))
    for name in ("store", "channel", "listing", "pending", "refunds", "audience", "hour", "total"):
        getattr(fleet.state, name)[:] = getattr(eve, name)
    for name in ("plan", "plan_listing", "schedule", "ledger", "ledger_listing", "action"):
        getattr(fleet.task, name)[:] = getattr(task, name)
    clock = np.arange(int(hours.max()))
    start = fleet.arrays.store[:, StoreField.START_HOUR].astype(np.int64)[:, None]
    week = (start + clock) % HOURS_PER_WEEK
    level = _levels(fleet, week, noise)
    quality = fleet.arrays.listing[:, :, ListingField.QUALITY]
    log_scale = level[:, :, None, :] - np.log(quality)[:, None, :, None]  # (n, H, K, C)
    price, kink, window, caps = _offers(fleet, len(clock), prices)
    shift = _shifts(fleet)
    seen, paid, spread, grid = _auctions(fleet, shift)
    return World(
        fleet=fleet,
        hours=hours,
        requests=_requests(fleet, week, demand),
        scale=np.exp(log_scale),
        bids=_allowed_bids(caps, log_scale, grid),
        rank=_bare_rank(fleet, clock),
        midnight=(week % HOURS_PER_DAY == 0).astype(np.float64),
        day=(start % HOURS_PER_DAY + clock) // HOURS_PER_DAY,
        window=window,
        price=price,
        advantage=price_advantage(price, fleet.arrays.listing[:, :, ListingField.REFERENCE_PRICE, None]),
        kink=kink,
        seen=seen,
        paid=paid,
        spread=spread,
    )


def _weather(fleet: Fleet, hours: int) -> tuple[FloatArray, FloatArray]:
    """Log demand (n, H) and the rivals' noise (n, H, C) in force during each hour."""
    demand = np.zeros((fleet.slots, hours))
    noise = np.zeros((fleet.slots, hours, N_CHANNELS))
    idle = np.zeros_like(fleet.task.action)
    for hour in range(hours):
        fleet.step(idle)
        demand[:, hour] = fleet.state.store[:, StoreState.DEMAND]
        noise[:, hour] = fleet.state.channel[:, :, ChannelState.RIVAL_NOISE]
    return demand, noise


def _requests(fleet: Fleet, week: Whole, log_demand: FloatArray) -> FloatArray:
    arrays, store = fleet.arrays, fleet.arrays.store[:, None, :]
    hours = np.arange(week.shape[1])
    uplift = promotion_uplift(arrays.calendar[:, : len(hours)], store[..., StoreField.PROMOTION_UPLIFT])
    demand = demand_multiplier(log_demand, store[..., StoreField.DEMAND_STATIONARY_SD])
    event = shock(
        hours.astype(np.float64)[None],
        store[..., StoreField.SHOCK_ONSET],
        store[..., StoreField.SHOCK_RISE],
        store[..., StoreField.SHOCK_DECAY],
    )
    arriving = request_rate(
        arrays.channel[:, None, :, None, ChannelField.VOLUME],
        arrays.segment[:, None, None, :, SegmentField.SHARE],
        arrays.weekly[week][:, :, None, None],
        uplift[:, :, None, None],
        demand[:, :, None, None],
    )
    match, height = arrays.cell[..., CellField.MATCH], arrays.cell[..., CellField.SHOCK]
    suiting = match[:, None] * (1.0 + event[:, :, None, None] * height[:, None])  # (n, H, K, S)
    requests: FloatArray = np.ascontiguousarray(arriving[:, :, None] * suiting[:, :, :, None, :])
    return requests


def _levels(fleet: Fleet, week: Whole, noise: FloatArray) -> FloatArray:
    """Log mean of the top rival's score in the first segment (n, H, C), if rivals answer as little as they can."""
    arrays, store = fleet.arrays, fleet.arrays.store[:, None, None, :]
    hours = np.arange(week.shape[1])
    answer = np.zeros_like(noise)
    state = fleet.state.channel[:, :, ChannelState.REACTION].copy()
    constants = arrays.store[:, None, :]
    timid = np.where(constants[..., StoreField.REACTION_STRENGTH] >= 0.0, 0.0, 1.0)  # win share that makes them so
    for hour in hours:
        answer[:, hour] = state
        state = rival_reaction(
            state,
            timid,
            constants[..., StoreField.REACTION_REFERENCE],
            constants[..., StoreField.REACTION_RATE],
            constants[..., StoreField.REACTION_STRENGTH],
        )
    base = arrays.segment[:, 0, SegmentField.RIVAL_SEARCH : SegmentField.RIVAL_SEARCH + N_CHANNELS]
    entered = hours[None, :, None] >= store[..., 0, StoreField.ENTRY_HOUR][..., None]
    promotion = arrays.calendar[:, : len(hours), None] * store[..., StoreField.RIVAL_PROMOTION_SHIFT]
    level: FloatArray = rival_log_mean(
        base[:, None, :],
        store[..., StoreField.RIVAL_SWING],
        (week % HOURS_PER_DAY).astype(np.float64)[:, :, None],
        store[..., StoreField.RIVAL_PEAK_HOUR],
        noise,
        np.where(entered, store[..., StoreField.ENTRY_SHIFT], 0.0),
        promotion,
        answer,
    )
    return level


def _bare_rank(fleet: Fleet, clock: Whole) -> FloatArray:
    store = fleet.arrays.store[:, None, None, :]
    age = fleet.arrays.listing[:, None, :, ListingField.START_AGE] + clock[None, :, None]
    rank: FloatArray = store[..., StoreField.RANK_BASE] + store[..., StoreField.NEW_BOOST] * newness(
        age, store[..., StoreField.NEW_FADE]
    )
    return rank


def _offers(fleet: Fleet, hours: int, prices: int) -> tuple[FloatArray, Whole, Whole, FloatArray]:
    """What an executor may offer, as `action.write_offer` says.

    Returns: price (n, K, P) [fen], kink, window (n, H), and the highest bids (n, K, C) [CNY].
    """
    n, listings = fleet.slots, fleet.listings
    discounts = np.linspace(1.0, -1.0, prices)
    window = np.zeros((n, hours), dtype=np.int64)
    price = np.zeros((n, listings, (MAX_PROMOTIONS + 1) * prices))
    caps = np.zeros((n, listings, N_CHANNELS))
    offer = np.zeros((listings, len(Offer)))
    action = np.ones(fleet.task.action.shape[1])
    used = 1
    for row in range(n):
        plan, goods, listing = fleet.task.plan[row], fleet.task.plan_listing[row], fleet.arrays.listing[row]
        windows = plan[PlanField.PROMOTIONS :].reshape(MAX_PROMOTIONS, 3)
        for index in range(MAX_PROMOTIONS + 1):
            hour = -1 if index == 0 else int(windows[index - 1, 0])
            if index > 0:
                if windows[index - 1, 1] <= windows[index - 1, 0]:
                    continue
                window[row, hour : int(windows[index - 1, 1])] = index * prices
                used = max(used, index + 1)
            for place, discount in enumerate(discounts):
                action[-1] = discount
                write_offer(hour, action, plan, goods, listing, offer)
                price[row, :, index * prices + place] = offer[:, Offer.PRICE]
        caps[row] = offer[:, Offer.BID_SEARCH : Offer.BID_SEARCH + N_CHANNELS]
    price = np.maximum(price[:, :, : used * prices], 1.0)
    same = np.zeros(price.shape, dtype=np.int64)
    floor = np.minimum(fleet.arrays.listing[:, :, ListingField.COST], fleet.task.plan_listing[:, :, PlanListing.PRICE])
    at_floor = (price == floor[:, :, None]) & (fleet.task.plan[:, PlanField.BELOW_COST] == 0.0)[:, None, None]
    same[:, :, :-1] = at_floor[:, :, :-1] & (price[:, :, 1:] > price[:, :, :-1])
    return price, same, window, caps


def _shifts(fleet: Fleet) -> FloatArray:
    """How much harder a segment is to win than the first, at the plan's bids for it (n, C, S) [ln]."""
    base = fleet.arrays.segment[:, :, SegmentField.RIVAL_SEARCH : SegmentField.RIVAL_SEARCH + N_CHANNELS]
    wish = fleet.state.audience
    wished = np.where(wish > 0.0, np.log(np.where(wish > 0.0, wish, 1.0)), -_CLOSED)
    shift: FloatArray = (base - base[:, :1]).transpose(0, 2, 1) - wished[:, None, :]
    return shift


def _auctions(fleet: Fleet, shift: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Exposure and exposure x price at the bids of the grid, bent so that no bid between two of them does better.

    Between neighbours on the grid the exposure lies at most so much above its chord, and the cost so much below, as
    the curve does; the grid's values are moved by that. Beyond the last bid: all that can be seen, at the last's cost.
    Returns: seen, paid (n, C, S, G), spread (n,), and the grid (n, C, G) [ln of score over the rivals' level].
    """
    sigma = fleet.arrays.channel[:, :, ChannelField.RIVAL_SD]
    open_ = shift < _CLOSED / 2.0
    middle = np.where(open_, shift, 0.0).sum(axis=2) / np.maximum(open_.sum(axis=2), 1)
    grid = middle[..., None] + sigma[..., None] * _POSITIONS  # (n, C, G - 1)
    fine = grid[..., :-1, None] * (1.0 - _BETWEEN) + grid[..., 1:, None] * _BETWEEN  # (n, C, G - 2, B)
    at, cost = _won(fleet, shift, grid)
    shape = (*shift.shape, *fine.shape[2:])
    at_fine, cost_fine = (x.reshape(shape) for x in _won(fleet, shift, fine.reshape(*fine.shape[:2], -1)))
    above = at_fine - (at[..., :-1, None] * (1.0 - _BETWEEN) + at[..., 1:, None] * _BETWEEN)
    below = cost[..., :-1, None] * (1.0 - _BETWEEN) + cost[..., 1:, None] * _BETWEEN - cost_fine
    seen = at + _adjacent(_SAFETY * above.max(axis=-1).clip(0.0))
    paid = np.maximum(cost - _adjacent(_SAFETY * below.max(axis=-1).clip(0.0)), 0.0)
    paid[..., 0] = 0.0
    all_ = fleet.arrays.store[:, StoreField.SEEN_1 : StoreField.SEEN_1 + SLOTS].sum(axis=1)[:, None, None, None]
    seen = np.concatenate([seen, np.broadcast_to(all_, (*seen.shape[:3], 1)) * open_[..., None]], axis=-1)
    paid = np.concatenate([paid, paid[..., -1:]], axis=-1)
    each = np.where(at > 1e-9, cost / np.maximum(at, 1e-9), np.nan)
    with np.errstate(all="ignore"):
        ratio = np.nanmax(each, axis=2) / np.nanmin(each, axis=2)
    spread = np.nan_to_num(np.nanmax(ratio.reshape(len(ratio), -1), axis=1), nan=1.0)
    return np.ascontiguousarray(seen), np.ascontiguousarray(paid), np.maximum(spread, 1.0), grid


def _adjacent(of_interval: FloatArray) -> FloatArray:
    """At each point of a grid the larger of its two intervals' numbers."""
    none = np.zeros((*of_interval.shape[:-1], 1))
    larger: FloatArray = np.maximum(
        np.concatenate([none, of_interval], axis=-1), np.concatenate([of_interval, none], axis=-1)
    )
    return larger


def _won(fleet: Fleet, shift: FloatArray, log_score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Exposure, and exposure x price over the level, (n, C, S, ...), of log scores (n, C, ...) above the level."""
    store = fleet.arrays.store[:, None, None, None, :]
    sigma = fleet.arrays.channel[:, :, ChannelField.RIVAL_SD][:, :, None, None]
    z = (log_score[:, :, None, :] - shift[..., None]) / sigma
    step = -store[..., StoreField.LOG_RHO] / sigma
    exposure = ad_exposure(z, step, *(store[..., StoreField.SEEN_1 + j] for j in range(SLOTS)))
    share = rival_price(z, step, sigma, *(store[..., StoreField.ASKED_1 + j] for j in range(SLOTS)))
    open_ = (shift < _CLOSED / 2.0)[..., None]
    mean = lognormal_mean(np.where(open_, shift[..., None], 0.0), sigma)
    # A wish for a segment multiplies the bid and not the price: the level of its rivals is the shift plus the wish.
    wish = fleet.state.audience[:, None, :, None]
    return np.where(open_, exposure, 0.0), np.where(open_, mean * share * wish, 0.0)


def _allowed_bids(caps: FloatArray, log_scale: FloatArray, grid: FloatArray) -> Whole:
    """How many bids of the grid an executor may need, the first beyond the cap included, (n, H, K, C)."""
    top = np.log(np.maximum(caps, 1e-12))[:, None] - log_scale  # (n, H, K, C)
    count = np.zeros(top.shape, dtype=np.int64)
    for row in range(len(grid)):
        for channel in range(N_CHANNELS):
            count[row, ..., channel] = 1 + np.searchsorted(grid[row, channel], top[row, ..., channel])
    count = np.where(caps[:, None] > 0.0, count, 0)
    return np.where(count > grid.shape[2] - 1, grid.shape[2] + 1, count)
