"""The search for the least bound: prices of money and goods, and the course around which curves become lines.

Any prices and any course give a bound, so the search may stop at any time. It alternates: decisions that are best at
the prices in force, where these lead in expectation, and a step of each price toward where its constraint just holds.
"""

from dataclasses import dataclass

import numpy as np

from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    N_SEGMENTS,
    REFUND_DAYS,
    ChannelState,
    FloatArray,
    ListingField,
    ListingState,
    Pending,
    SegmentField,
    StoreField,
)
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.store import HOURS_PER_DAY
from merchantgym.envs.task import PlanField, PlanListing

from . import bound_hours
from .bound_bids import FEN
from .bound_desk import Hours, Path, Shop, Terms, new_room
from .bound_orders import mean_revenue, order_book
from .bound_reviews import review_counts
from .bound_shelves import STRETCHES, Shelves, read_shelves
from .bound_world import World

_MONEY_STEP = 0.35  # change of the log price of money per log of spend over budget: spend falls by about its cube
_GOODS_STEP = 0.8  # change of the price of goods, in margins, per share of demand beyond supply
_STRIDE = 4  # of the prices, only every so many are tried during the search
_LEAST_COST = 1e-3  # [CNY] of a CNY of charges, where the merchant pays none and money is ample
_LONGEST_RETURN = REFUND_DAYS - 1  # [days]
_ABOVE = 1.1  # margin over the limit needed at the decisions found, for the click that empties a purse


@dataclass
class Prices:
    """What is searched for, for n stores over D days."""

    total: FloatArray  # (n,) cost of a CNY of charges to the plan's budget, the merchant's share included
    day: FloatArray  # (n, D) the same for the budget of a day; the larger of the two is in force
    goods: FloatArray  # (n, K, I) [CNY per unit] for every run of stretches, see `Shelves`

    @property
    def cost(self) -> FloatArray:
        """(n, D) cost of a CNY of charges in force."""
        return np.maximum(self.total[:, None], self.day)


class Search:
    """Bounds of the n stores of a world, improved step by step."""

    def __init__(self, world: World, discounts: int) -> None:
        """Args: discounts: that an hour has, as in `read_world`."""
        fleet = world.fleet
        n, listings = fleet.slots, fleet.listings
        length, days = world.midnight.shape[1], int(world.day.max()) + 1
        self.world, self.shelves = world, read_shelves(fleet, world.hours)
        self._book = order_book(fleet, _prices_shown(world), self.shelves.fullest)
        self._counts, self._lift = review_counts(fleet, self.shelves.supply[:, :, STRETCHES - 1])
        self._slack = price_slack(world, discounts)
        first = self._book.unit[..., : world.price.shape[2], 0].max(axis=(2, 3))
        self._margin = np.maximum(first / self._book.size, FEN)  # (n, K) [CNY per unit]
        self._floor = np.maximum(fleet.task.plan[:, PlanField.AD_SHARE], _LEAST_COST)
        self.prices = Prices(
            total=1.2 * fleet.task.plan[:, PlanField.AD_SHARE] + 0.1,
            day=np.repeat(self._floor[:, None], days, axis=1),
            goods=np.zeros_like(self.shelves.supply),
        )
        state = fleet.state.listing
        self.path = Path(
            memory=np.repeat(state[:, None, :, ListingState.MEMORY], length, axis=1).copy(),
            reviews=np.repeat(state[:, None, :, ListingState.REVIEWS], length, axis=1).copy(),
            slopes=np.zeros((n, length, listings, 2)),
            price=np.zeros((n, length), dtype=np.int64),
            bid=np.full((n, length, listings, N_CHANNELS), -1, dtype=np.int64),
            top=np.zeros((n, days, listings)),
        )
        self.spend, self.sold = np.zeros((n, days)), np.zeros((n, listings, STRETCHES))
        self._limit = np.full((n, days, listings), np.inf)
        self._days = np.arange(days) <= world.day[np.arange(n), world.hours - 1][:, None]
        self._least = np.full(n, np.inf)
        prices, path = self.prices, self.path
        self._kept = tuple(part.copy() for part in (prices.total, prices.day, prices.goods, path.memory, path.reviews))
        self._room = new_room(listings, discounts, world.price.shape[2], world.seen.shape[3])
        self._shops, self._hours = _shops(fleet), _hours(world, self.shelves)

    def run(self, rounds: int) -> None:
        """Search, then go back to where the bound promised to be least in the second half of the rounds."""
        for number in range(rounds):
            self.improve(number, keep=2 * number >= rounds)
        prices, (total, day, goods, memory, reviews) = self.prices, self._kept
        prices.total, prices.day, prices.goods = total, day, goods
        self.path.memory[:], self.path.reviews[:] = memory, reviews

    def improve(self, number: int, keep: bool) -> None:
        """One round: decisions, where they lead, and a step of the prices, smaller in rounds of a higher `number`."""
        promised = self._sweep(False) + self._money() + self._goods()
        prices = self.prices
        if keep:
            here = (prices.total, prices.day, prices.goods, self.path.memory, self.path.reviews)
            better = promised < self._least
            self._least = np.where(better, promised, self._least)
            for kept, now in zip(self._kept, here, strict=True):
                kept[better] = now[better]
        fleet = self.world.fleet
        bound_hours.follow(
            self.world.hours, self._shops, self._hours, self._units, self.path, self.spend, self.sold, self._room
        )
        plan = fleet.task.plan / 100.0
        total = _stepped(prices.total, self.spend.sum(axis=1) / plan[:, PlanField.BUDGET_TOTAL])
        prices.total = np.maximum(total, self._floor)
        day = _stepped(prices.day, self.spend / plan[:, PlanField.BUDGET_DAILY, None])
        prices.day = np.maximum(day, self._floor[:, None])
        wanted = self.sold @ self.shelves.runs.T
        over = (wanted - self.shelves.supply) / np.maximum(np.maximum(wanted, self.shelves.supply), 1e-9)
        many = np.maximum((over > 0.0).sum(axis=2, keepdims=True), 1)
        step = _GOODS_STEP / (1.0 + number / 6.0) * self._margin[..., None]
        prices.goods = np.maximum(prices.goods + step * np.where(over > 0.0, over / many, over / STRETCHES), 0.0)

    def certify(self) -> dict[str, FloatArray]:
        """Parts of the bound at the prices and slopes in force [CNY], each (n,): their sum is the bound."""
        self._sweep(False)
        world = self.world
        self._limit = _ABOVE * self.path.top
        hours = self._sweep(True)
        bonus = self._limit * world.spread[:, None, None] * self._days[:, :, None]
        return {
            "hours": hours,
            "money": self._money(),
            "goods": self._goods(),
            "last_click": last_clicks(world.fleet, bonus),
        }

    def _money(self) -> FloatArray:
        """(n,) worth of the budgets at their prices."""
        plan, prices = self.world.fleet.task.plan / 100.0, self.prices
        share = self.world.fleet.task.plan[:, PlanField.AD_SHARE]
        by_day = ((prices.cost - prices.total[:, None]) * self._days).sum(axis=1)
        worth: FloatArray = (prices.total - share) * plan[:, PlanField.BUDGET_TOTAL]
        worth += by_day * plan[:, PlanField.BUDGET_DAILY]
        return worth

    def _goods(self) -> FloatArray:
        """(n,) worth of all that can be sold at its prices."""
        worth: FloatArray = (self.prices.goods * self.shelves.supply).sum(axis=(1, 2))
        return worth

    def _sweep(self, certify: bool) -> FloatArray:
        orders, self._units = self._book.worth(self.prices.goods @ self.shelves.runs)
        terms = Terms(orders, self._slack, self.prices.cost, self._limit, self._counts, self._lift)
        value = np.zeros(len(orders))
        self.path.top[:] = 0.0 if not certify else self.path.top
        bound_hours.sweep(
            certify, self.world.hours, _STRIDE, self._shops, self._hours, terms, self.path, self._room, value
        )
        return value


def _stepped(cost: FloatArray, used: FloatArray) -> FloatArray:
    """A cost of charges moved toward where the share `used` of a budget is 1."""
    moved: FloatArray = cost * np.clip(used, 0.02, 50.0) ** _MONEY_STEP
    return moved


def last_clicks(fleet: Fleet, bonus: FloatArray) -> FloatArray:
    """What the clicks may save that empty a purse and are charged only what is left in it, (n,) [CNY].

    A purse that cannot run out before another does is not counted.
    Args: bonus: (n, D, K) of such a click by day and listing.
    """
    plan, state = fleet.task.plan, fleet.state
    total, daily = plan[:, PlanField.BUDGET_TOTAL], plan[:, PlanField.BUDGET_DAILY]
    days = (bonus.max(axis=2) > 0.0).sum(axis=1)
    highest = bonus.max(axis=(1, 2))
    by_day = np.where(daily < total, bonus.max(axis=2).sum(axis=1), 0.0)
    whole = np.where((daily >= total) | (daily * days > total), highest, 0.0)
    channels = (state.channel[:, :, ChannelState.CAP] < total[:, None]).sum(axis=1)
    capped = (state.listing[:, :, ListingState.CAP] < total[:, None]) & (
        fleet.task.plan_listing[:, :, PlanListing.ACTIVE] > 0.0
    )
    saved: FloatArray = by_day + whole + channels * highest + (capped * bonus.max(axis=1)).sum(axis=1)
    return saved


def price_slack(world: World, discounts: int) -> FloatArray:
    """How much more a conversion may be worth at a price between two of the grid than on the chord (n, K, S, P) [CNY].

    Worth times conversion times clicks has a second derivative in the log price of at least -2 b x revenue, b the
    elasticity of clicks and conversion; rounding to the fen moves a price by half a fen.
    """
    fleet, log_price = world.fleet, np.log(world.price)
    gap = np.maximum(np.diff(log_price, axis=2), 0.0)
    gap[:, :, discounts - 1 :: discounts] = 0.0  # from one window's prices to the next
    width = np.zeros_like(log_price)
    width[:, :, :-1] = gap
    width[:, :, 1:] = np.maximum(width[:, :, 1:], gap)
    wide = width[:, :, None, :]
    sensitivity = fleet.arrays.segment[:, None, :, SegmentField.SENSITIVITY]
    bend = -fleet.arrays.listing[:, :, None, ListingField.ELASTICITY] * sensitivity
    bend = (bend + fleet.arrays.store[:, StoreField.CLICK_PRICE_EFFECT, None, None])[..., None]
    rounding = np.where(wide > 0.0, 0.5 / world.price[:, :, None, :], 0.0)
    slack = mean_revenue(fleet, world.price) * np.exp((bend + 1.0) * wide)
    slack = slack * (bend * wide**2 / 4.0 + np.maximum(bend / 2.0, 1.0) * rounding)
    return np.ascontiguousarray(slack)


def _prices_shown(world: World) -> FloatArray:
    """List prices (n, K, S, P + 2) [fen]: those of the grid, and the two that waiting buyers saw."""
    waiting = world.fleet.state.pending[..., [Pending.DAY_PRICE, Pending.SLOW_PRICE]]
    return np.concatenate([np.repeat(world.price[:, :, None, :], N_SEGMENTS, axis=2), waiting], axis=3)


def _shops(fleet: Fleet) -> Shop:
    arrays, state = fleet.arrays, fleet.state
    store = arrays.store.copy()
    late = fleet.task.plan[:, PlanField.HOURS] > _LONGEST_RETURN * HOURS_PER_DAY
    store[late, StoreField.RETURN_HAZARD] = 1.0  # the last complaints come sooner than at a fixed hazard: let all
    return Shop(
        store=store,
        channel=arrays.channel,
        segment=arrays.segment,
        listing=arrays.listing,
        cell=arrays.cell,
        state=state.listing,
        pending=state.pending,
        refunds=state.refunds,
    )


def _hours(world: World, shelves: Shelves) -> Hours:
    own = {name: getattr(world, name) for name in Hours._fields if name != "stretch"}
    return Hours(stretch=shelves.stretch, **own)
