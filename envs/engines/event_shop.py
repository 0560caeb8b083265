"""What every process of the event engine works on: one store's rows of the arrays, its clock, its chance, its trace."""

from collections.abc import Generator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import simpy
from simpy.events import EventPriority

from .event_trace import EventTrace, Happening
from .layout import StateArrays, StoreArrays, StoreField

HOURS_PER_DAY = 24
Story = Generator[simpy.Event, Any, None]
"""A SimPy process."""


class Delay(IntEnum):
    """How long a buyer who will order takes to do so; counted as in `Report.ORDERS_SAME_HOUR + delay`."""

    SAME_HOUR = 0
    WITHIN_DAY = 1
    SLOW = 2


class Turn(IntEnum):
    """What comes first of that which happens as an hour begins."""

    GOODS = 1  # arrive from the factory
    RETURNS = 2  # arrive from buyers, who may complain
    REVIEWS = 3  # appear
    MIDNIGHT = 4  # listings with goods come back, the day's purse is filled
    MARKET = 5  # demand and rivals take their hourly step
    ORDERS = 6  # of buyers who waited
    DOORS = 7  # the hour's rates are fixed, visitors come


@dataclass(slots=True)
class Buyer:
    """Somebody who clicked a listing. The channel is -1 where the state at the start no longer knew it."""

    number: int
    channel: int
    segment: int
    listing: int
    from_ad: bool
    delay: Delay = Delay.SAME_HOUR


class HourStart(simpy.Event):
    """The beginning of an hour, at a given turn of what happens then."""

    def __init__(self, env: simpy.Environment, hour: float, turn: Turn, place: int = 0) -> None:
        """Args: hour: of the run, not in the past. place: order within the turn, in [0, 2^48)."""
        super().__init__(env)
        self._ok = True
        self._value = None
        env.schedule(self, EventPriority(turn << 48 | place), hour - env.now)


class Shop:
    """One store. The arrays below are views of its rows: what a process changes stands in the state at once."""

    def __init__(
        self,
        arrays: StoreArrays,
        state: StateArrays,
        row: int,
        env: simpy.Environment,
        chance: np.random.Generator,
        key: int,
        trace: EventTrace | None,
    ) -> None:
        """Args: key: number of the store in the trace. Others: see `event.EventStore`."""
        self.constants = arrays.store[row]  # (StoreField,)
        self.segments = arrays.segment[row]  # (S, SegmentField)
        self.listings = arrays.listing[row]  # (K, ListingField)
        self.money = state.store[row]  # (StoreState,)
        self.channel = state.channel[row]  # (C, ChannelState)
        self.goods = state.listing[row]  # (K, ListingState)
        self.pending = state.pending[row]  # (K, S, Pending)
        self.refunds = state.refunds[row]  # (K, REFUND_DAYS, Due)
        self.report = state.hour[row]  # (K, Report)
        self.env = env
        self.chance = chance
        self.key = key
        self.trace = trace
        self._offset = int(self.constants[StoreField.START_HOUR]) % HOURS_PER_DAY
        self._buyers = 0

    @property
    def today(self) -> int:
        """Midnights passed since the day on which the run began."""
        return (self._offset + int(self.env.now)) // HOURS_PER_DAY

    @property
    def next_midnight(self) -> int:
        """The first day whose beginning is not in the past."""
        return -((-self._offset - int(self.env.now)) // HOURS_PER_DAY)

    def begin_of(self, day: int) -> int:
        """Hour of the run at which a day begins."""
        return day * HOURS_PER_DAY - self._offset

    def at(self, hour: float, turn: Turn, place: int = 0) -> HourStart:
        """An event at the beginning of an hour."""
        return HourStart(self.env, hour, turn, place)

    def number_buyers(self, count: int) -> int:
        """Take numbers for so many buyers. Returns the first."""
        first = self._buyers
        self._buyers += count
        return first

    def note(self, event: Happening, buyer: Buyer | None = None, **details: Any) -> None:
        """Take an event down, if there is a trace; details as in `EventTrace.add`."""
        if self.trace is None:
            return
        if buyer is not None:
            details |= {"buyer": buyer.number, "channel": buyer.channel, "segment": buyer.segment}
            details["listing"] = buyer.listing
        self.trace.add(self.key, self.env.now, event, **details)
