"""A circuit breaker on the return on ad spend: it stops a campaign that has shown that it does not pay."""

from dataclasses import dataclass
from math import inf
from typing import ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .gains import check_gains, gain

Floats: TypeAlias = NDArray[np.float64]

CLOSED, OPEN, PROBING = 0.0, 1.0, 2.0
"""Phases: ads run as wished; no ads; ads run with reduced bids to see whether they pay again."""

BreakerMemory: TypeAlias = tuple[Floats, ...]
"""(phase, hours in it, spent, returned, waiting within a day, waiting slowly, due, seen), (n,) each. Money: spent and
returned as of the step before; spend whose orders within a day, and slow ones, are still to come; the evidence."""


@dataclass(frozen=True)
class BreakerLaw:
    """Trips where the return on ad spend is surely below the floor, and closes again once it is well above.

    - A return comes late: of an hour's spend only the share is held against the campaign whose orders are due by now
      (`due`, from the published delay curve). So a young campaign is not blamed for orders still to come.
    - Both sides of the return, money due and money seen, are forgotten with `evidence_half_life`, so that what changed
      is noticed, and begin afresh with every probe.
    - Few orders prove little. Money seen over `order_value` x `dispersion` counts as Poisson events of equal weight,
      and (sqrt(events + 1) + z/2)^2 is their upper bound, z = `confidence`. It trips where even that is below
      `trip_ratio` x floor.
    - Open, it waits for `cool_down` hours, then probes with bids lowered by `probe`. It closes where the return, taken
      down by one event, reaches `reset_ratio` x floor, and trips again where it surely falls short. `reset_ratio` >
      `trip_ratio`: between them nothing changes, which with the cool-down keeps it from chattering.

    Source: Nygard 2018, "Release It!", chapter 5 (closed, open, half-open); Chapelle 2014, "Modeling delayed feedback
    in display advertising" (delay); Anscombe 1948, "The transformation of Poisson, binomial and negative-binomial data"
    (square roots of counts have constant spread).
    """

    SIZE: ClassVar[int] = 8
    """Arrays in its memory."""

    trip_ratio: float = gain(0.9, "share of the floor: trips surely below", (0.3, 1.0), allowed=(0.0, inf))
    reset_ratio: float = gain(1.1, "share of the floor: closes above", (0.8, 1.5), allowed=(0.0, inf))
    confidence: float = gain(0.5, "standard errors", (0.0, 2.0), allowed=(0.0, inf))
    cool_down: float = gain(24.0, "h without ads", (6.0, 72.0), log=True, allowed=(1.0, inf))
    probe: float = gain(1.0, "ln bid taken off while probing", (0.0, 1.2), allowed=(0.0, inf))
    evidence_half_life: float = gain(336.0, "h", (24.0, 336.0), log=True, allowed=(1.0, inf))
    dispersion: float = gain(2.0, "1 + squared variation of order values", (2.0, 2.0), allowed=(1.0, inf))
    share_same_hour: float = gain(0.35, "share of orders in the hour of the click", (0.35, 0.35), allowed=(0.0, 1.0))
    share_within_day: float = gain(0.15, "share of orders within about a day", (0.15, 0.15), allowed=(0.0, 1.0))
    day_delay: float = gain(8.0, "h, mean delay of those", (8.0, 8.0), allowed=(1.0, inf))
    slow_delay: float = gain(120.0, "h, mean delay of the rest", (120.0, 120.0), allowed=(1.0, inf))

    def __post_init__(self) -> None:
        check_gains(self)
        if self.reset_ratio <= self.trip_ratio:
            raise ValueError(f"reset_ratio(={self.reset_ratio}) must be > trip_ratio(={self.trip_ratio})")
        if self.share_same_hour + self.share_within_day > 1.0:
            raise ValueError(
                f"share_within_day(={self.share_within_day}) must be <= 1 - share_same_hour(={self.share_same_hour})"
            )

    def init(self, n: int) -> BreakerMemory:
        """Memory of n campaigns before their first hour: closed."""
        return tuple(np.zeros(n) for _ in range(self.SIZE))

    def step(
        self, memory: BreakerMemory, *, spent: Floats, returned: Floats, floor: Floats, order_value: Floats
    ) -> tuple[Floats, BreakerMemory]:
        """Phase of the coming hour.

        Args:
            memory: from `init` or the step an hour before.
            spent, returned: ad spend and the revenue that ad clicks led to, so far [money], shape (n,).
            floor: revenue per ad spend that is asked for, 0 none, shape (n,).
            order_value: revenue of a mean order [money], > 0, shape (n,).
        Returns: phases (n,) of `CLOSED`, `OPEN`, `PROBING`; new memory.
        """
        phase, hours, *_ = memory
        day, slow, due, seen = self._take_in(memory, spent, returned)
        event = order_value * self.dispersion
        surely_low = self.upper(due, seen, event) < self.trip_ratio * floor
        well_above = seen >= self.reset_ratio * floor * due + event
        rested = (phase == OPEN) & (hours >= self.cool_down)
        following = np.where((phase != OPEN) & surely_low, OPEN, phase)
        following = np.where((phase == PROBING) & well_above, CLOSED, following)
        following = np.where(rested, PROBING, following)
        hours = np.where(following == phase, hours + 1.0, 1.0)
        due, seen = np.where(rested, 0.0, due), np.where(rested, 0.0, seen)
        return following, (following, hours, spent, returned, day, slow, due, seen)

    def upper(self, due: Floats, seen: Floats, event: Floats) -> Floats:
        """Upper confidence bound of the return on ad spend, shape (n,); infinite where next to nothing is due yet.

        Args:
            due: spend whose orders are due [money]. seen: revenue it led to. event: revenue that counts as one event.
        """
        bound = (np.sqrt(seen / event + 1.0) + 0.5 * self.confidence) ** 2 * event
        return np.divide(bound, due, out=np.full_like(due, inf), where=due > 1e-9 * event)

    def _take_in(self, memory: BreakerMemory, spent: Floats, returned: Floats) -> BreakerMemory:
        """(waiting within a day, waiting slowly, due, seen) after the hour that has passed."""
        _, _, spent_before, returned_before, day, slow, due, seen = memory
        spend = np.maximum(spent - spent_before, 0.0)
        later = 1.0 - self.share_same_hour - self.share_within_day
        ripe = day / self.day_delay + slow / self.slow_delay + self.share_same_hour * spend
        day = day * (1.0 - 1.0 / self.day_delay) + self.share_within_day * spend
        slow = slow * (1.0 - 1.0 / self.slow_delay) + later * spend
        kept = 0.5 ** (1.0 / self.evidence_half_life)
        gained = np.maximum(returned - returned_before, 0.0)
        return day, slow, kept * due + ripe, kept * seen + gained
