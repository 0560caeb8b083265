"""A fleet whose stores run in the event engine: slower, visit by visit, under the same law."""

import numpy as np
from numpy.typing import NDArray

from .action import write_offer
from .engines.event import EventStore
from .engines.event_trace import EventTrace
from .engines.layout import StoreState
from .fleet import Fleet, Rows, StoreSet
from .plan import PlanArrays
from .reward import RewardWeights
from .step import settle, stand_still
from .task import PlanField

ENGINES = ("hour", "event")


class EventFleet(Fleet):
    """As `Fleet`, one slot after another: the event engine is the market; offer, ledger and reward are the same."""

    def __init__(
        self,
        source: StoreSet,
        slots: int,
        *,
        reward: RewardWeights | None = None,
        trace: EventTrace | None = None,
    ) -> None:
        """Args: trace: takes down every event of all slots. Others: see `Fleet`."""
        super().__init__(source, slots, reward=reward)
        self._trace = trace
        self._stores: list[EventStore | None] = [None] * slots

    def reset(
        self,
        plans: PlanArrays,
        stores: NDArray[np.int64],
        seeds: NDArray[np.int64],
        rows: Rows | None = None,
        keys: NDArray[np.int64] | None = None,
    ) -> NDArray[np.float32]:
        """See `Fleet.reset`."""
        observation = super().reset(plans, stores, seeds, rows, keys)
        for slot in range(self.slots) if rows is None else rows.tolist():
            seed, key = int(self._seeds[slot]), int(self._keys[slot])
            self._stores[slot] = EventStore(self.arrays, self.state, slot, seed, key, trace=self._trace)
        return observation

    def _manage(self, first: int, last: int) -> None:
        for slot in range(first, last):
            self._manage_one(slot)

    def _manage_one(self, b: int) -> None:
        """One managed hour of one slot: offer, market, ledger, reward, observation."""
        arrays, state, task = self.arrays, self.state, self.task
        hour, store = int(state.store[b, StoreState.HOUR]), self._stores[b]
        if store is None or hour >= task.plan[b, PlanField.HOURS]:
            stand_still(b, state.channel, state.hour, self.terms, self.reward)
            return
        write_offer(hour, task.action[b], task.plan[b], task.plan_listing[b], arrays.listing[b], self.offer[b])
        store.run_hour(self.offer[b])
        settle(
            b,
            hour,
            arrays.calendar,
            arrays.weekly,
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
            self._weights,
            self.terms,
            self.score,
            self.reward,
            self.done,
            self.observation,
        )


def check_engine(engine: str, trace: EventTrace | None = None) -> None:
    """Raises: ValueError: an unknown engine, or a trace of an engine that has no events."""
    if engine not in ENGINES:
        raise ValueError(f"engine(={engine!r}) must be one of: {', '.join(ENGINES)}")
    if trace is not None and engine != "event":
        raise ValueError(f"engine(={engine!r}) must be 'event' for an event_trace: no other engine has single events")


def open_fleet(
    engine: str,
    source: StoreSet,
    slots: int,
    *,
    reward: RewardWeights | None = None,
    threads: int = 1,
    trace: EventTrace | None = None,
) -> Fleet:
    """A fleet of the named engine.

    Args:
        engine: "hour", compiled, or "event", SimPy.
        source, slots, reward: see `Fleet`.
        threads: at most so many share the stores of the hour engine; the event engine runs in one.
        trace: takes down every event of the event engine.
    Raises: ValueError: see `check_engine` and `Fleet`.
    """
    check_engine(engine, trace)
    if engine == "event":
        return EventFleet(source, slots, reward=reward, trace=trace)
    return Fleet(source, slots, reward=reward, threads=threads)
