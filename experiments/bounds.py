"""An upper bound on the expected profit of a store that no executor of its plan can exceed."""

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
    for number in range(rounds):
        search.improve(number)
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
