"""Actors that bid by value under a budget and a floor on the return: multivariable PID and dual pacing."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np

from merchantgym.envs.actor import Memory
from merchantgym.envs.observation import ObservationView
from merchantgym.envs.plan import PlanArrays

from .account import ACCOUNT, open_account, read_account
from .feedback import Feedback
from .laws import (
    Array,
    DayPurse,
    Decoupler,
    DualBudgetLaw,
    DualLaw,
    DualReturnLaw,
    MinLaw,
    MinReturnLaw,
    MultivariableLaw,
    PacingLaw,
    Returns,
    RoiLaw,
    ValueLaw,
)
from .readings import TERMS, Terms, amended, read_purse, read_shelf, terms_of
from .trim import Trim


class ConstrainedLaw(Protocol):
    """A law that paces under a budget and a floor; see `MultivariableLaw`."""

    def init(self, n: int) -> Memory:
        """Memory of n campaigns before their first step."""
        ...

    def step(
        self,
        memory: Any,
        passed: Array,
        spent: Array,
        stride: Array,
        shift: Array,
        affordable: Array,
        returns: Returns,
        day: DayPurse | None = None,
        feed_forward: Array = 0.0,
        xp: Any = np,
    ) -> tuple[Array, Array, Memory]:
        """Common log bid multiplier (n,), each item's own (n, K) on top of it, new memory."""
        ...


class _Constrained(Feedback, ABC):
    """What the actors of this module share: readings in, action out. Each has value, trim and a law of its own."""

    value: ValueLaw
    trim: Trim

    @property
    @abstractmethod
    def law(self) -> ConstrainedLaw:
        """The law that paces."""

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(*terms, *account, *law): `Terms`, `AccountMemory`, and the memory of the law."""
        return *terms_of(plans, n), *open_account(plans, n), *self.law.init(n)

    def respond(self, observation: Array, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
        """Action (n, A) and new memory; `xp` is numpy or torch, as the arrays are."""
        view = ObservationView(observation)
        terms = amended(view, Terms(*memory[:TERMS]), xp)
        shelf, purse = read_shelf(view, terms.days, xp), read_purse(view, terms, xp)
        conversion = self.value.conversion(shelf.orders, shelf.matured_clicks, shelf.store_rate)
        account, books = read_account(view, shelf, conversion, terms.days, memory[ACCOUNT], xp)
        level, own, state = self.law.step(
            memory[ACCOUNT.stop :],
            purse.passed,
            purse.spent,
            purse.stride,
            self.value.shift(shelf, xp),
            account.affordable(shelf.bid, xp),
            account.returns,
            purse.day,
            self.trim.feed_forward(view),
            xp,
        )
        return self.trim.action(level, shelf.active * own, xp), (*terms, *books, *state)


@dataclass(frozen=True)
class MultiPid(_Constrained):
    """Value-based bids whose two multipliers, of budget and return, are moved by a decoupled pair of PIDs."""

    name: ClassVar[str] = "multi_pid"

    value: ValueLaw = field(default_factory=ValueLaw)
    pacing: PacingLaw = field(default_factory=PacingLaw)
    roi: RoiLaw = field(default_factory=RoiLaw)
    decoupler: Decoupler = field(default_factory=Decoupler)
    trim: Trim = field(default_factory=Trim)

    @property
    def law(self) -> MultivariableLaw:
        """Two PIDs and their decoupler."""
        return MultivariableLaw(self.pacing, self.roi, self.decoupler)


@dataclass(frozen=True)
class DualPacing(_Constrained):
    """Value-based bids whose two multipliers, of budget and return, descend their dual together."""

    name: ClassVar[str] = "dual_pacing"

    value: ValueLaw = field(default_factory=ValueLaw)
    budget: DualBudgetLaw = field(default_factory=DualBudgetLaw)
    roi: DualReturnLaw = field(default_factory=DualReturnLaw)
    trim: Trim = field(default_factory=Trim)

    @property
    def law(self) -> DualLaw:
        """Dual descent on both constraints."""
        return DualLaw(self.budget, self.roi)


@dataclass(frozen=True)
class MinPacing(_Constrained):
    """Value-based bids, paced for budget and return apart; the lower bid is made."""

    name: ClassVar[str] = "min_pacing"

    value: ValueLaw = field(default_factory=ValueLaw)
    budget: DualBudgetLaw = field(default_factory=DualBudgetLaw)
    roi: MinReturnLaw = field(default_factory=MinReturnLaw)
    trim: Trim = field(default_factory=Trim)

    @property
    def law(self) -> MinLaw:
        """Two loops and the lower of their bids."""
        return MinLaw(self.budget, self.roi)
