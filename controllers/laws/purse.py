"""A campaign's money against its traffic: the plan's purse, and a day's own purse inside it."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array

PurseMemory: TypeAlias = tuple[Array, ...]
"""(passed, spent, dawn, money), (n,) each: shares of traffic passed and of budget spent at the last step; share of
traffic passed when the day began, and what was left of the day's money then."""

LEAST = 1e-6  # [share] keeps divisions finite when no traffic is left


@dataclass(frozen=True)
class DayPurse:
    """A day's own budget inside the plan's, as it stands."""

    money_left: Array  # (n,) left to spend today, as a share of the plan's budget
    traffic_left: Array  # (n,) share of the day's expected traffic still to come; 1 only as a day begins


@dataclass(frozen=True)
class Today:
    """A day's purse against the day's own even course; its traffic shows once the day's first hour has passed."""

    begins: Array  # (n,) True in a day's first hour, of which nothing is known yet
    empty: Array  # (n,) True where no money is left today
    left: Array  # (n,) share of the plan's traffic still to come today
    gap: Array  # (n,) money left today less what the day's course would have left, as a share of the plan's budget
    speed: Array  # (n,) money left today over traffic left today: the even speed that would use it up
    ease: (
        Array  # (n,) <= 1: what the day's cap allows of the plan's own speed, or of the slower one that it needs by now
    )


@dataclass(frozen=True)
class Progress:
    """What one step has brought. Shares of the plan's traffic and budget, shape (n,)."""

    moved: Array  # traffic passed since the last step; 0 where a new plan has begun
    used: Array  # money spent since the last step; 0 where a new plan has begun
    left: Array  # traffic left
    speed: Array  # money left over traffic left: the even speed of spending that would use it up
    today: Today | None

    def within_day(self, speed: Array, xp: Any = np) -> Array:
        """A speed of spending, or the slower one that lasts through today where that is known, shape (n,)."""
        if self.today is None:
            return speed
        return xp.where(self.today.begins, speed, xp.minimum(speed, self.today.speed))

    def error(self, error: Array, xp: Any = np) -> Array:
        """The more cautious of the plan's `error` and today's gap [share of budget], shape (n,)."""
        if self.today is None:
            return error
        return xp.where(self.today.begins, error, xp.minimum(error, self.today.gap))


def open_purse(n: int) -> PurseMemory:
    """Memory of n campaigns before their first step."""
    return np.zeros(n), np.zeros(n), np.zeros(n), np.zeros(n)


def progress(
    memory: PurseMemory, passed: Array, spent: Array, day: DayPurse | None, xp: Any = np
) -> tuple[Progress, PurseMemory]:
    """What the step since `memory` has brought.

    A day's course is even over the day's traffic, at the speed that the plan's remaining money needs or, where the
    day's cap forbids that, at the slower one which makes the day's money last. On a promotion day, whose traffic grows
    while its cap does not, the course is therefore the cap's, and a morning that follows it shows no gap.

    Args:
        memory: from `open_purse` or the step before.
        passed: share of the plan's expected traffic passed, shape (n,).
        spent: share of the plan's budget spent, shape (n,).
        day: daily budgets, if there are any.
        xp: numpy or torch, as the arrays are.
    """
    before, had, dawn, money = memory
    left = xp.clip(1.0 - passed, LEAST, None)
    speed = xp.clip(1.0 - spent, 0.0, None) / left
    today = None
    if day is not None:
        begins = day.traffic_left >= 1.0
        dawn = xp.where(begins, passed, dawn)
        money = xp.where(begins, day.money_left, money)
        today = _today(day, begins, passed - dawn, money, speed, xp)
    moved = xp.clip(passed - before, 0.0, None)
    used = xp.clip(spent - had, 0.0, None)
    return Progress(moved, used, left, speed, today), (passed, spent, dawn, money)


def _today(day: DayPurse, begins: Array, passed: Array, money: Array, speed: Array, xp: Any) -> Today:
    """Where the day stands, given the share of the plan's traffic passed in it and its money when it began."""
    whole = xp.clip(passed / xp.clip(1.0 - day.traffic_left, LEAST, None), 0.0, 1.0)
    left = whole * day.traffic_left
    usual = xp.clip(speed, None, 1.0) * whole
    return Today(
        begins=begins,
        empty=day.money_left <= 0.0,
        left=left,
        gap=day.money_left - xp.minimum(money, speed * whole) * day.traffic_left,
        speed=day.money_left / xp.clip(left, LEAST, None),
        ease=(xp.minimum(money, usual) + LEAST) / (usual + LEAST),
    )


def fastest(wished: Array, left: Array, stride: Array, settle: float, xp: Any = np) -> Array:
    """A gain on an error, divided by the traffic left, but never so large that it is answered in less than `settle`.

    Args:
        wished: gain [1 / share of budget] when all of the traffic is left.
        left: share of the plan's traffic in which the error can be mended.
        stride: most of the plan's traffic that one period may hold, as a share.
        settle: fastest correction [busiest periods].
        xp: numpy or torch, as the arrays are.
    """
    return xp.minimum(wished / xp.clip(left, LEAST, None), 1.0 / (settle * xp.clip(stride, LEAST, None)))
