"""Many managed stores stepped together: the one simulator behind every environment and every rollout."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .action import checked_action
from .engines.desk import new_buffers
from .engines.layout import (
    ChannelState,
    FloatArray,
    ListingState,
    Offer,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from .engines.streams import as_keys
from .market.calendar import promotion_uplift
from .observation import observation_size
from .plan import PlanArrays
from .reward import RewardWeights, Term, profit_reward
from .step import manage, observe
from .store import HOURS_PER_DAY
from .task import PlanField, PlanListing, TaskArrays

_ROWS_PER_THREAD = 64
Rows = NDArray[np.intp]


def fen(cny: Any) -> FloatArray:
    """CNY as whole fen."""
    return np.round(np.asarray(cny, dtype=np.float64) * 100.0)


@dataclass(frozen=True)
class StoreSet:
    """Stores at the start of their plans: constants, state after their history, and what the ledger remembers."""

    arrays: StoreArrays
    state: StateArrays
    task: TaskArrays

    @property
    def stores(self) -> int:
        """Number of stores."""
        return self.arrays.stores

    @property
    def listings(self) -> int:
        """K."""
        return self.arrays.listings


class Fleet:
    """B slots, each running one store of a `StoreSet` under one plan.

    Nothing in a slot depends on the others: B stores at once are the same stores one by one, bit for bit, whatever
    the number of threads. Chance in a slot is keyed by (seed, store), so two fleets that run the same store with the
    same seed meet the same chance whatever they decide.
    """

    def __init__(self, source: StoreSet, slots: int, *, reward: RewardWeights | None = None, threads: int = 1) -> None:
        """Args: source: where stores come from. slots: B. reward: weights, profit by default. threads: at most."""
        if slots < 1:
            raise ValueError(f"slots(={slots}) must be >= 1")
        if threads < 1:
            raise ValueError(f"threads(={threads}) must be >= 1")
        self.source = source
        self.slots = slots
        self.listings = source.listings
        hours = source.arrays.calendar.shape[1]
        rows = np.zeros(slots, dtype=np.intp)
        arrays = source.arrays
        self.arrays = StoreArrays(
            **{
                name: getattr(arrays, name)[rows]
                for name in ("store", "channel", "segment", "listing", "cell", "calendar")
            },
            weekly=arrays.weekly,
        )
        self.state = StateArrays.zeros(slots, self.listings)
        self.task = TaskArrays.zeros(slots, self.listings, hours)
        self.offer = np.zeros((slots, self.listings, len(Offer)))
        self.terms = np.zeros((slots, len(Term)))
        self.score = np.zeros((slots, len(Term)))
        self.reward = np.zeros(slots)
        self.done = np.zeros(slots, dtype=np.bool_)
        self.observation = np.zeros((slots, observation_size(self.listings)), dtype=np.float32)
        self._weights = (reward or profit_reward()).packed()
        self._seeds = np.zeros(slots, dtype=np.uint64)
        self._keys = np.zeros(slots, dtype=np.uint64)
        parts = max(1, min(threads, slots // _ROWS_PER_THREAD, os.cpu_count() or 1))
        edges = np.linspace(0, slots, parts + 1).astype(int)
        self._parts = list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))
        self._desks = [new_buffers(self.listings) for _ in self._parts]
        self._managed = self._everything()
        self._pool = ThreadPoolExecutor(parts) if parts > 1 else None

    def reset(
        self,
        plans: PlanArrays,
        stores: NDArray[np.int64],
        seeds: NDArray[np.int64],
        rows: Rows | None = None,
        keys: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """Start plans in some slots.

        Args:
            plans: n plans, in the order of `rows`.
            stores: (n,) row of each store in the source.
            seeds: (n,) seed of each run; low 32 bits count.
            rows: (n,) slots, all by default.
            keys: (n,) second half of the random key; the row in the source by default.
        Returns: observations (B, O) float32 of all slots; the fleet's own buffer, copy it to keep it.
        """
        slots = np.arange(self.slots) if rows is None else rows
        source = self.source
        for name in ("store", "channel", "segment", "listing", "cell", "calendar"):
            getattr(self.arrays, name)[slots] = getattr(source.arrays, name)[stores]
        self.state.assign(slots, source.state, stores)
        for name in ("ledger", "ledger_listing", "plan", "plan_listing"):
            getattr(self.task, name)[slots] = getattr(source.task, name)[stores]
        self._seeds[slots] = as_keys(np.asarray(seeds))
        self._keys[slots] = as_keys(np.asarray(stores if keys is None else keys))
        self._load(plans, slots)
        self.task.action[slots] = 0.0
        self.score[slots] = 0.0
        self.terms[slots] = 0.0
        self.reward[slots] = 0.0
        self.done[slots] = False
        for first, last in _runs(slots):
            self._observe(first, last)
        return self.observation

    def step(self, action: NDArray[Any]) -> NDArray[np.float32]:
        """Run every slot for one hour; a slot whose plan is over stands still with reward 0.

        Args:
            action: (B, C + K + 1) in [-1, 1], see `action`.
        Returns: observations (B, O); `reward`, `done`, `terms` (B, Term) of the hour and `score` (B, Term) so far
            stand in the fleet's buffers of those names, until the next call.
        Raises: ValueError: a wrong shape or a number that is not finite.
        """
        checked_action(action, self.slots, self.listings, self.task.action)
        if self._pool is None:
            self._manage(0)
        else:
            list(self._pool.map(self._manage, range(len(self._parts))))
        return self.observation

    def play(self, player: Any, *policy: Any) -> None:
        """Hand all slots to a compiled player that decides for itself and steps hour by hour.

        Args:
            player: an entry `player(first, last, *policy, *world)`, called for disjoint stretches of slots at once;
                it may call `step.manage(b, b + 1, *world)`. Its actions must lie in [-1, 1]: they are not checked.
            policy: what it decides by.
        """

        def run(part: int) -> None:
            player(*self._parts[part], *policy, *self._managed, *self._desks[part])

        list((self._pool.map if self._pool else map)(run, range(len(self._parts))))

    def amend_budget(self, rows: Rows, budget: FloatArray) -> None:
        """The merchant changes the money of running plans; what is spent stays spent, a day grants no more than all.

        Args:
            rows: (n,) slots.
            budget: (n,) new budget of the whole plan [CNY], > 0.
        Raises: ValueError: a budget that is not positive and finite.
        """
        if not (np.isfinite(budget) & (budget > 0.0)).all():
            raise ValueError(f"budget(min={np.min(budget)}) must be > 0 and finite [CNY]")
        plan, state = self.task.plan, self.state.store
        plan[rows, PlanField.BUDGET_TOTAL] = np.maximum(fen(budget), 1.0)
        plan[rows, PlanField.BUDGET_DAILY] = np.minimum(
            plan[rows, PlanField.BUDGET_DAILY], plan[rows, PlanField.BUDGET_TOTAL]
        )
        state[rows, StoreState.BUDGET_TOTAL] = plan[rows, PlanField.BUDGET_TOTAL]
        state[rows, StoreState.BUDGET_DAILY] = plan[rows, PlanField.BUDGET_DAILY]
        for first, last in _runs(rows):
            self._observe(first, last)

    def _load(self, plans: PlanArrays, slots: Rows) -> None:
        """Write plans into the packed arrays."""
        hours = plans.days * HOURS_PER_DAY
        if (hours > self.arrays.calendar.shape[1]).any():
            raise ValueError(
                f"plan.days(={int(plans.days.max())}) must be at most {self.arrays.calendar.shape[1] // HOURS_PER_DAY}"
            )
        plan, listing = self.task.plan, self.task.plan_listing
        plan[slots, PlanField.BUDGET_TOTAL] = np.maximum(fen(plans.budget_total), 1.0)
        plan[slots, PlanField.BUDGET_DAILY] = np.maximum(fen(plans.budget_daily), 1.0)
        plan[slots, PlanField.ROI_FLOOR] = plans.roi_floor
        plan[slots, PlanField.GOAL] = plans.goal
        plan[slots, PlanField.TARGET] = plans.target
        plan[slots, PlanField.HOURS] = hours
        plan[slots, PlanField.BELOW_COST] = plans.allow_below_cost
        plan[slots, PlanField.PROMOTIONS :] = plans.promotion.reshape(len(slots), -1)
        listing[slots, :, PlanListing.BID] = plans.bid
        listing[slots, :, PlanListing.PRICE] = np.maximum(fen(plans.price), 1.0)
        listing[slots, :, PlanListing.ROLE] = plans.role
        listing[slots, :, PlanListing.ACTIVE] = plans.bid > 0.0
        listing[slots, :, PlanListing.START_STOCK] = self.state.listing[slots, :, ListingState.STOCK]
        self.arrays.store[slots, StoreField.HOURS] = hours
        self.state.store[slots, StoreState.BUDGET_TOTAL] = plan[slots, PlanField.BUDGET_TOTAL]
        self.state.store[slots, StoreState.BUDGET_DAILY] = plan[slots, PlanField.BUDGET_DAILY]
        self.state.channel[slots, :, ChannelState.CAP] = fen(plans.cap_channel)
        self.state.listing[slots, :, ListingState.CAP] = fen(plans.cap_listing)
        self.state.audience[slots] = plans.audience
        self.task.schedule[slots] = traffic_schedule(self.arrays, slots, hours)

    def _manage(self, part: int) -> None:
        compiled: Any = manage
        compiled(*self._parts[part], *self._managed, *self._desks[part])

    def _everything(self) -> tuple[Any, ...]:
        """The arrays that `manage` works on, in its order; they are changed in place and never replaced."""
        arrays, state, task = self.arrays, self.state, self.task
        return (
            self._seeds,
            self._keys,
            arrays.calendar,
            arrays.weekly,
            arrays.store,
            arrays.channel,
            arrays.segment,
            arrays.listing,
            arrays.cell,
            state.store,
            state.channel,
            state.listing,
            state.pending,
            state.refunds,
            state.audience,
            state.hour,
            state.total,
            self.offer,
            task.plan,
            task.plan_listing,
            task.schedule,
            task.ledger,
            task.ledger_listing,
            task.action,
            self._weights,
            self.terms,
            self.score,
            self.reward,
            self.done,
            self.observation,
        )

    def _observe(self, first: int, last: int) -> None:
        arrays, state, task = self.arrays, self.state, self.task
        observe(
            first,
            last,
            arrays.calendar,
            arrays.store,
            arrays.listing,
            state.store,
            state.channel,
            state.listing,
            state.hour,
            state.total,
            task.plan,
            task.plan_listing,
            task.schedule,
            task.ledger,
            task.ledger_listing,
            task.action,
            self.score,
            self.observation,
            self._desks[0][0],
        )


def _runs(rows: Rows) -> list[tuple[int, int]]:
    """Stretches of consecutive rows as (first, last + 1)."""
    breaks = np.flatnonzero(np.diff(rows) != 1) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(rows, breaks) if len(part)]


def traffic_schedule(arrays: StoreArrays, slots: Rows, hours: NDArray[np.int64]) -> FloatArray:
    """Share of each plan's expected traffic passed by the start of every hour, shape (n, H + 1); 1 after its end.

    What a merchant can know: the published weekly curve and the platform's promotion days.
    """
    start = arrays.store[slots, StoreField.START_HOUR].astype(int)
    longest = arrays.calendar.shape[1]
    clock = np.arange(longest)
    traffic = arrays.weekly[(start[:, None] + clock) % arrays.weekly.size]
    traffic *= promotion_uplift(arrays.calendar[slots], arrays.store[slots, StoreField.PROMOTION_UPLIFT, None])
    traffic[clock >= hours[:, None]] = 0.0
    schedule = np.zeros((len(slots), longest + 1))
    np.cumsum(traffic, axis=1, out=schedule[:, 1:])
    schedule /= schedule[:, -1:]
    return np.minimum(schedule, 1.0)
