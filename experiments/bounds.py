"""An upper bound on the expected profit of a store that no executor of its plan can exceed.

What is bounded: the merchant's expected profit over clicks, orders and returns, along the one path of demand and
rivals' noise that (seed, key) fixes, of anyone who knows the store's truth and that whole path and moves bids and the
shop's discount as `action` allows. A single run may exceed it by luck with clicks; a mean over runs may not, beyond
its own error.

Proof. Write V_t for the future's worth at the start of hour t, for the closing of the books

    V_t = sum over listings of  m_t x memory + r_t x reviews + (reviews and complaints under way)
          + sum over buyers who wait of what their orders will bring  +  price of money x money left
          + price of goods x goods that may still be sold,

all prices non-negative. Suppose that for every state that can be reached and every action

    E[profit of hour t + V_{t+1}] <= V_t + a_t.                                                        (1)

Summed over the hours, E[profit] <= V_0 + a_0 + ... + a_{H-1}, whatever the policy; that sum is the bound. Prices are
free to choose (`bound_search`); a_t is the least number for which (1) holds, found in `bound_certify` as a maximum over
actions and states. V is a sum over listings, so that this maximum is one over the discount of a sum over listings and
channels. It is bounded from above; what happens between two points of a grid of bids or review counts is covered by
their curvature, measured at inner points and taken with a safety factor, which is the one place without a proof:

- Money. What is charged stays within the budgets, so that (price x budget) is at least what charges earn at that price.
  Caps of channels and listings are dropped. The click that empties a purse is charged only what is left in it: V holds
  a bonus while a purse is not empty and loses it at that click. At bids so high that a charge might cost more than the
  bonus, every segment's click costs at least the bonus over the largest ratio of two segments' prices at one bid, and
  the hour is granted what clicks are worth beyond that (`bound_bids.best_bid`). A click is charged at least its price
  less a fen.
- Bids. Any bid up to the highest an executor may place, for every listing and channel by itself. Exposure and cost
  are moved by their curvature so that nothing between two bids of the grid does better (`bound_world`).
- Discount. Clicks, conversion and the worth of an order, convex in the price, lie below their chords plus a second
  derivative's worth and half a fen for rounding (`bound_search.price_slack`).
- Orders. Any may be refused, none can exceed the fullest shelf, rounding to fen goes in the merchant's favour
  (`bound_orders`). A refused order is still granted what an accepted one does for rank and reviews. Buyers who wait
  together pay the mean of their prices; the worth being convex in the price, that is at most what each brings alone.
- Goods. In any run of hours no more is sold than the fullest shelf and one delivery a lead time (`bound_shelves`).
- Rank. The chance of being found is concave in the memory while the flywheel is at most 1, and what an hour earns is
  convex in that chance. Memory is never less than what is left of the eve's (`bound_certify`).
- Reviews. All from none to as many as goods allow (`bound_reviews`), each of five stars.
- Rivals answer as if we never won: the lowest path of their reaction.

Sources: Lagrangian relaxation of weakly coupled problems and affine values, Adelman and Mersereau 2008; perfect
information with a penalty, Brown, Smith and Sun 2010; the price of a budget, Balseiro and Gur 2019.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import Due, FloatArray, StoreField
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import subset
from merchantgym.envs.task import PlanField, PlanListing

from .bound_search import Search
from .bound_world import read_world

Progress = Callable[[int, int], None]
"""Called with (stores done, stores in all)."""

_DISCOUNTS = 21
_ROUNDS = 24
_CHUNK = 16  # stores worked on at once


@dataclass(frozen=True)
class Bound:
    """Upper bounds on the expected profit of n stores over D days. Money in CNY."""

    value: FloatArray  # (n,) that no executor of the plan can exceed in expectation
    money_price: FloatArray  # (n, D) worth of one more CNY of budget on each day
    goods_price: FloatArray  # (n, K, Q) [CNY per unit] worth of one more unit on the shelf, by stretch of time
    parts: dict[str, FloatArray]  # (n,) each: where the bound comes from; their sum is `value`

    def __len__(self) -> int:
        return int(self.value.shape[0])


def upper_bound(
    opened: OpenStores,
    plans: PlanArrays,
    seed: int,
    *,
    keys: NDArray[np.int64] | None = None,
    threads: int = 1,
    effort: float = 1.0,
    progress: Progress | None = None,
) -> Bound:
    """Bound the profit of every store under its plan, along the path that chance takes for (seed, key).

    Args:
        opened: n stores.
        plans: one plan a store; an executor moves bids and the discount around it as `action` allows.
        seed, keys: as in `rollout`, so that bound and executors meet the same demand and rivals.
        threads: at most so many at once.
        effort: rounds of the search as a multiple of the usual; any effort gives a bound, more a lower one.
        progress: called after every few stores.
    Raises: ValueError: the number of plans or keys is not the number of stores, an effort or number of threads that is
        not positive, or a market whose rank exponent exceeds 1.
    """
    count = len(opened)
    _check(opened, plans, keys, threads, effort)
    numbers = np.arange(count) if keys is None else keys
    chunks = [np.arange(first, min(first + _CHUNK, count)) for first in range(0, count, _CHUNK)]

    def of_chunk(rows: NDArray[np.int64]) -> Bound:
        fleet = Fleet(opened.start, len(rows))
        fleet.reset(subset(plans, rows), rows, np.full(len(rows), seed, dtype=np.int64), keys=numbers[rows])
        return _bound(fleet, max(1, round(_ROUNDS * effort)))

    parts: list[Bound] = []
    with ThreadPoolExecutor(threads) as pool:
        for part in pool.map(of_chunk, chunks):
            parts.append(part)
            if progress is not None:
                progress(sum(map(len, parts)), count)
    return _joined(parts)


def share_of_bound(profit: FloatArray, bound: FloatArray, floor: FloatArray | None = None) -> FloatArray:
    """Profit as a share of what was possible, (profit - floor) / (bound - floor), elementwise.

    Args:
        profit, bound: [CNY] of the same stores; means over stores or seeds are meant, since one run may exceed by luck
            what none can exceed in expectation.
        floor: [CNY] what the stores earn anyway, such as their profit without advertising; 0 by default.
    Returns: at most 1 in expectation; nan where the bound does not exceed the floor.
    """
    least = np.zeros_like(bound) if floor is None else floor
    room = bound - least
    share: FloatArray = np.where(room > 0.0, (profit - least) / np.where(room > 0.0, room, 1.0), np.nan)
    return share


def _bound(fleet: Fleet, rounds: int) -> Bound:
    search = Search(read_world(fleet, _DISCOUNTS), _DISCOUNTS)
    search.run(rounds)
    parts = search.certify() | {"before": settled_before(fleet), "rounding": rounding(fleet)}
    plan = fleet.task.plan
    parts["subscription"] = -plan[:, PlanField.SUBSCRIPTION] * np.floor(plan[:, PlanField.HOURS] / 24.0) / 100.0
    return Bound(
        value=np.sum(list(parts.values()), axis=0),
        money_price=search.prices.cost - plan[:, PlanField.AD_SHARE, None],
        goods_price=search.prices.goods @ search.shelves.runs,
        parts=parts,
    )


def settled_before(fleet: Fleet) -> FloatArray:
    """Profit from goods that are on their way back when the plan starts, (n,) [CNY]: mostly a loss."""
    due = fleet.state.refunds.sum(axis=2)
    plan, goods = fleet.task.plan, fleet.task.plan_listing
    credit = due[..., Due.REFUNDS]
    supplied = credit * goods[..., PlanListing.SUPPLY_PRICE] / goods[..., PlanListing.PRICE]
    credit = np.where(plan[:, PlanField.PLATFORM_SELLS, None] > 0.0, supplied, credit)
    handling = due[..., Due.RETURNS] * fleet.arrays.store[:, StoreField.RETURN_HANDLING, None]
    lost = plan[:, PlanField.RETURN_SHARE, None] * (credit + handling - due[..., Due.SALVAGE])
    settled: FloatArray = (due[..., Due.COMMISSION_BACK] - lost).sum(axis=1) / 100.0
    return settled


def rounding(fleet: Fleet) -> FloatArray:
    """Most that rounding the merchant's part of an hour's costs to whole fen can save it, (n,) [CNY]."""
    plan = fleet.task.plan
    shares = plan[:, [PlanField.AD_SHARE, PlanField.LOGISTICS_SHARE, PlanField.RETURN_SHARE, PlanField.PAYMENT_FEE]]
    broken = (shares % 1.0 > 0.0).sum(axis=1)
    broken = np.maximum(broken, (plan[:, PlanField.PLATFORM_SELLS] > 0.0) & (plan[:, PlanField.RETURN_SHARE] > 0.0))
    saved: FloatArray = 0.005 * broken * plan[:, PlanField.HOURS]
    return saved


def _check(opened: OpenStores, plans: PlanArrays, keys: NDArray[np.int64] | None, threads: int, effort: float) -> None:
    count = len(opened)
    if plans.bid.shape[0] != count:
        raise ValueError(f"plans(={plans.bid.shape[0]}) must be as many as stores(={count})")
    if keys is not None and keys.shape != (count,):
        raise ValueError(f"keys(shape={keys.shape}) must be {(count,)}, one a store")
    if threads < 1:
        raise ValueError(f"threads(={threads}) must be >= 1")
    if not effort > 0.0:
        raise ValueError(f"effort(={effort}) must be > 0")
    if (flywheel := float(opened.start.arrays.store[:, StoreField.FLYWHEEL].max())) > 1.0:
        raise ValueError(f"market.flywheel(={flywheel}) must be <= 1 for a bound: the rank's pull must be concave")


def _joined(parts: list[Bound]) -> Bound:
    longest = max(part.money_price.shape[1] for part in parts)
    wide = [np.pad(part.money_price, ((0, 0), (0, longest - part.money_price.shape[1]))) for part in parts]
    return Bound(
        value=np.concatenate([part.value for part in parts]),
        money_price=np.concatenate(wide),
        goods_price=np.concatenate([part.goods_price for part in parts]),
        parts={name: np.concatenate([part.parts[name] for part in parts]) for name in parts[0].parts},
    )
