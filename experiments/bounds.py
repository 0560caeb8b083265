"""An upper bound on the expected profit of a store that no executor of its plan can exceed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    N_SEGMENTS,
    ChannelState,
    Due,
    FloatArray,
    ListingField,
    ListingState,
    Pending,
    StateArrays,
    StoreField,
)
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import subset
from merchantgym.envs.task import PlanField, PlanListing

from . import bound_hours
from .bound_orders import mean_revenue, order_book
from .bound_world import World, read_world

Progress = Any


@dataclass(frozen=True)
class Bound:
    """Upper bounds of n stores [CNY]."""

    value: FloatArray  # (n,)
    budget_price: FloatArray  # (n, D)
    parts: dict[str, FloatArray]


def upper_bound(opened: OpenStores, plans: PlanArrays, seed: int, *, keys: NDArray[np.int64] | None = None, prices: int = 21, rounds: int = 10) -> Bound:
    n = len(opened)
    fleet = Fleet(opened.start, n)
    numbers = np.arange(n) if keys is None else keys
    fleet.reset(plans, np.arange(n), np.full(n, seed, dtype=np.int64), keys=numbers)
    world = read_world(fleet, prices)
    return Search(world, prices).run(rounds)


class Search:
    def __init__(self, world: World, prices: int) -> None:
        self.w, self.prices = world, prices
        f = self.f = world.fleet
        n, K = f.slots, f.listings
        H = world.midnight.shape[1]
        self.n, self.K, self.H = n, K, H
        self.D = int(world.day.max()) + 1
        self.share = f.task.plan[:, PlanField.AD_SHARE]
        self.total = f.task.plan[:, PlanField.BUDGET_TOTAL] / 100
        self.daily = f.task.plan[:, PlanField.BUDGET_DAILY] / 100
        self.Q = 8
        wide = -(-H // (self.Q - 1))
        self.stretch = np.minimum(np.arange(H) // wide, self.Q - 2)[None].repeat(n, 0).astype(np.int64)
        ends = np.minimum((np.arange(self.Q - 1) + 1) * wide, H) - 1
        self.supply = supply(f, world.hours, ends)
        waiting = f.state.pending[..., [Pending.DAY_PRICE, Pending.SLOW_PRICE]]
        shown = np.concatenate([np.repeat(world.price[:, :, None, :], N_SEGMENTS, axis=2), waiting], axis=3)
        self.book = order_book(f, shown)
        self.nu = np.zeros((n, K, self.Q))
        self.slack = slack(f, world, prices)
        m0, n0 = f.state.listing[:, :, ListingState.MEMORY], f.state.listing[:, :, ListingState.REVIEWS]
        self.memory = np.repeat(m0[:, None], H, axis=1).copy()
        self.reviews = np.repeat(n0[:, None], H, axis=1).copy()
        self.slopes = np.zeros((n, H, K, 2))
        self.price_at = np.zeros((n, H), dtype=np.int64)
        self.place = np.zeros((n, H, K, N_CHANNELS), dtype=np.int64)
        self.value_at = np.zeros((n, 2))
        self.earned_at = np.zeros((n, H))
        self.top = np.zeros((n, self.D))
        self.limit = np.full((n, self.D), 1e300)
        self.spend = np.zeros((n, self.D))
        self.sold = np.zeros((n, K, self.Q))
        self.margin = np.maximum(self.book.unit[..., : world.price.shape[2], 0].max(axis=(2, 3)) / self.book.size, 0.01)
        self.counts, self.lift = review_grid(f)

    def sweep(self, certify, cost, stride=1):
        w, f, a = self.w, self.f, self.f.arrays
        K, P, S, C = self.K, self.prices, N_SEGMENTS, N_CHANNELS
        bound_hours.sweep(0, self.n, certify, P, stride, w.hours, a.store, a.channel, a.segment, a.listing, a.cell,
            f.state.listing, f.state.pending, f.state.refunds, w.requests, w.scale, w.bids, w.rank, w.midnight, w.day, w.window,
            w.advantage, w.kink, w.seen, w.paid, self.orders, self.slack, self.stretch, cost, self.limit, self.counts, self.lift,
            self.memory, self.reviews, self.slopes, self.price_at, self.place, self.value_at, self.earned_at, self.top,
            np.zeros((2, K, S, self.orders.shape[3])), np.zeros((K, S, P)), np.zeros((K, 8)), np.zeros((C, S)), np.zeros(S),
            np.zeros(w.seen.shape[3]), np.zeros((K, P)), np.zeros(bound_hours.MEMORIES), np.zeros((C, bound_hours.MEMORIES)), np.zeros((C, bound_hours.MEMORIES)), np.zeros((C, 4)))

    def follow(self):
        w, f, a = self.w, self.f, self.f.arrays
        K, S, C = self.K, N_SEGMENTS, N_CHANNELS
        bound_hours.follow(0, self.n, w.hours, a.store, a.channel, a.segment, a.listing, a.cell, f.state.listing, f.state.pending,
            f.state.refunds, w.requests, w.scale, w.rank, w.midnight, w.day, self.stretch, w.advantage, self.units, w.seen, w.paid,
            self.price_at, self.place, self.memory, self.reviews, self.spend, self.sold, np.zeros((2, K, S)), np.zeros((K, 4)),
            np.ones((K, S, w.price.shape[2])), np.zeros((C, S)), np.zeros(S))

    def goods(self):
        sigma = np.cumsum(self.nu[..., ::-1], axis=2)[..., ::-1]
        self.orders, self.units = self.book.worth(sigma)

    def price_goods(self):
        used = np.cumsum(self.sold, axis=2)
        over = (used - self.supply) / np.maximum(used, self.supply)
        self.over = over
        self.nu = np.clip(self.nu + self.step * self.margin[..., None] * over, 0, None)

    def run(self, rounds):
        self.step = 0.3
        f_total = self.share * 1.2 + 0.1
        f_day = np.repeat(self.share[:, None], self.D, axis=1)
        floor = np.maximum(self.share, 1e-3)
        for r in range(rounds):
            self.step = 0.1 / (1 + r / 6)
            cost = np.maximum(np.maximum(f_total[:, None], f_day), floor[:, None])
            self.top[:] = 0
            self.goods()
            self.sweep(False, cost, stride=4)
            self.follow()
            self.price_goods()
            ratio = self.spend.sum(axis=1) / self.total
            f_total = np.maximum(f_total * np.clip(ratio, 0.02, 50) ** 0.35, floor)
            f_day = np.maximum(f_day * np.clip(self.spend / self.daily[:, None], 0.02, 50) ** 0.35, floor[:, None])
        cost = np.maximum(f_total[:, None], f_day)
        self.goods()
        self.limit = 1.15 * self.top + cost * 0.01
        self.sweep(False, cost, stride=4)
        self.quick = self.value_at.sum(axis=1)
        self.sweep(True, cost)
        lam = f_total - self.share
        lam_d = cost - f_total[:, None]
        days = np.arange(self.D)[None] < np.ceil(self.w.hours / 24)[:, None]
        money = lam * self.total + (lam_d * days).sum(axis=1) * self.daily
        kappa = self.limit * self.w.spread[:, None] * days
        plan, st = self.f.task.plan, self.f.state
        renew = plan[:, PlanField.BUDGET_DAILY] < plan[:, PlanField.BUDGET_TOTAL]
        whole = (plan[:, PlanField.BUDGET_DAILY] * days.sum(axis=1) > plan[:, PlanField.BUDGET_TOTAL]) | ~renew
        tight_c = (st.channel[:, :, ChannelState.CAP] < plan[:, PlanField.BUDGET_TOTAL, None]).sum(axis=1)
        tight_k = ((st.listing[:, :, ListingState.CAP] < plan[:, PlanField.BUDGET_TOTAL, None]) & (self.f.task.plan_listing[:, :, PlanListing.ACTIVE] > 0)).sum(axis=1)
        purse = np.where(renew, kappa.sum(axis=1), 0) + kappa.max(axis=1) * (whole + tight_c + tight_k)
        ring = settled(self.f)
        fixed = -plan[:, PlanField.SUBSCRIPTION] * (plan[:, PlanField.HOURS] // 24) / 100
        shelf = (self.nu * self.supply).sum(axis=(1, 2))
        value = self.value_at.sum(axis=1) + shelf + money + purse + ring + fixed
        return Bound(value, cost, dict(shelf=shelf, hours=self.value_at[:, 0].copy(), eve=self.value_at[:, 1].copy(), money=money, purse=purse, ring=ring, quick=self.quick - self.value_at.sum(axis=1), purses=whole + tight_c + tight_k))


def supply(f, hours, ends):
    st, li = f.state.listing, f.arrays.listing
    lead = np.maximum(np.floor(f.arrays.store[:, StoreField.LEAD_TIME]), 1.0)[:, None, None]
    lot = np.where(li[:, :, ListingField.REORDER_POINT] >= 0, np.maximum(li[:, :, ListingField.REORDER_QUANTITY], 0), 0.0)[:, :, None]
    first = np.where(st[:, :, ListingState.INCOMING] > 0, st[:, :, ListingState.ARRIVAL_HOUR], 0.0)[:, :, None]
    base = st[:, :, ListingState.STOCK, None]
    coming = st[:, :, ListingState.INCOMING, None]
    t = np.minimum(ends[None, None, :], hours[:, None, None] - 1)
    arrived = np.where(t >= first, np.floor((t - first) / lead), 0)
    early = base + coming * (t >= first) + lot * arrived
    late = base + coming + lot * (arrived[..., -1:] + 1)
    return np.concatenate([early, late], axis=2)


def settled(f: Fleet) -> FloatArray:
    due = f.state.refunds.sum(axis=2)
    plan, goods = f.task.plan, f.task.plan_listing
    credit = np.where(plan[:, PlanField.PLATFORM_SELLS, None] > 0, due[..., Due.REFUNDS] * goods[..., PlanListing.SUPPLY_PRICE] / goods[..., PlanListing.PRICE], due[..., Due.REFUNDS])
    beyond = due[..., Due.RETURNS] * f.arrays.store[:, StoreField.RETURN_HANDLING, None] - due[..., Due.SALVAGE]
    return (due[..., Due.COMMISSION_BACK] - plan[:, PlanField.RETURN_SHARE, None] * (credit + beyond)).sum(axis=1) / 100


def slack(f: Fleet, w: World, prices: int) -> FloatArray:
    from merchantgym.envs.engines.layout import SegmentField
    steps = np.log(w.price)
    width = np.zeros_like(steps)
    gap = np.diff(steps, axis=2)
    gap = np.where(gap > 0, gap, 0)
    gap[:, :, prices - 1 :: prices] = 0
    width[:, :, :-1] = gap
    width[:, :, 1:] = np.maximum(width[:, :, 1:], gap)
    beta = -f.arrays.listing[:, :, ListingField.ELASTICITY][:, :, None] * f.arrays.segment[:, None, :, SegmentField.SENSITIVITY] + f.arrays.store[:, StoreField.CLICK_PRICE_EFFECT, None, None]
    rev = mean_revenue(f, w.price)
    wd = width[:, :, None]
    b = beta[..., None]
    eps = np.where(wd > 0, 0.5 / w.price[:, :, None], 0.0)
    return np.ascontiguousarray(rev * np.exp((b + 1) * wd) * (2 * b * wd**2 / 8 + np.maximum(b * 0.5, 1.0) * eps))


def review_grid(f: Fleet):
    st = f.state.listing
    n0 = st[:, :, ListingState.REVIEWS]
    mo = f.arrays.listing[:, :, ListingField.MINIMUM_ORDER]
    days = f.task.plan[:, PlanField.HOURS, None] / 24
    supply = st[:, :, ListingState.STOCK] + st[:, :, ListingState.INCOMING]
    re = np.where(f.arrays.listing[:, :, ListingField.REORDER_POINT] >= 0, f.arrays.listing[:, :, ListingField.REORDER_QUANTITY], 0)
    lead = np.maximum(np.floor(f.arrays.store[:, StoreField.LEAD_TIME, None]), 1)
    supply = supply + re * (np.ceil(days * 24 / lead) + 1)
    most = n0 + st[:, :, ListingState.PENDING_REVIEWS] + f.state.refunds[..., Due.RETURNS].sum(axis=2) + np.floor(supply / mo)
    out = [n0]
    step = 1.0
    for i in range(1, 14):
        ratio = 0.25 if i < 8 else 1.0
        nxt = np.minimum(out[-1] + np.maximum(1.0, np.floor(ratio * (1 + out[-1]))), most)
        out.append(nxt)
    out[-1] = most
    counts = np.stack(out, axis=2)
    lift = np.ones_like(counts)
    store = f.arrays.store
    g = store[:, StoreField.FLYWHEEL] * store[:, StoreField.RANK_RATING_EXPONENT] + store[:, StoreField.RATING_ELASTICITY]
    kappa = store[:, StoreField.REVIEW_ELASTICITY] + store[:, StoreField.CLICK_REVIEW_EFFECT]
    def phi(x):
        prior = store[:, StoreField.RATING_PRIOR_COUNT][:, None]
        r = (st[:, :, ListingState.STAR_SUM] + 5 * (x - n0) + store[:, StoreField.REFERENCE_RATING][:, None] * prior) / (x + prior)
        return (1 + x) ** kappa[:, None] * r ** g[:, None]
    for i in range(13):
        lo, hi = counts[:, :, i], counts[:, :, i + 1]
        worst = np.zeros_like(lo)
        for u in np.linspace(0, 1, 17)[1:-1]:
            x = lo + u * (hi - lo)
            ok = hi - lo > 1
            ch = phi(lo) * (1 - u) + phi(hi) * u
            worst = np.maximum(worst, np.where(ok, phi(x) / ch - 1, 0))
        lift[:, :, i] = np.maximum(lift[:, :, i], 1 + 1.25 * worst)
        lift[:, :, i + 1] = np.maximum(lift[:, :, i + 1], 1 + 1.25 * worst)
    return counts, lift
