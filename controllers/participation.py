"""Actors that leave the plan's bids alone and leave out hours: throttling and smart pacing.

The platform settles hourly, so a listing takes part in a whole hour or sits it out, with its advertisement paused.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.observation import ObservationView
from merchantgym.envs.plan import PlanArrays

from .account import ACCOUNT, open_account, read_account
from .chance import check_seed, plan_marks, uniforms
from .feedback import Feedback
from .laws import Array, ConversionLaw, Layer, LayersLaw, ThrottleLaw, check_gains, gain
from .readings import TERMS, Terms, amended, read_purse, read_shelf, terms_of
from .trim import Trim


@dataclass(frozen=True)
class Chance:
    """Whose luck decides who takes part."""

    seed: float = gain(0, "whole number", (0, 0), allowed=(0, 2**32 - 1))

    def __post_init__(self) -> None:
        check_gains(self)
        check_seed(self.seed)


@dataclass(frozen=True)
class Throttle:
    """Each listing takes part in an hour with the campaign's pass-through rate.

    LinkedIn throttles each request, so that a rate of one half halves every minute. Here a draw decides on a listing's
    whole hour: the mean is the same, spending scatters more, and a listing that sits out is unseen for an hour. The
    draw is a function of (seed, the store's plan, hour, listing), whichever stores are run beside it.
    """

    name: ClassVar[str] = "throttle"
    kind: ClassVar[Kind] = "controller"

    law: ThrottleLaw = field(default_factory=ThrottleLaw)
    chance: Chance = field(default_factory=Chance)
    trim: Trim = field(default_factory=Trim)

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(*terms, hour, mark, *law): `Terms` and mark of the plan, hours acted so far, memory of the law."""
        return *terms_of(plans, n), np.zeros(n), plan_marks(plans, n), *self.law.init(n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """As `Actor.act`."""
        view = ObservationView(np.asarray(observation, dtype=np.float64))
        terms = amended(view, Terms(*memory[:TERMS]))
        hour, mark, *state = memory[TERMS:]
        purse = read_purse(view, terms)
        rate, now = self.law.step(tuple(state), purse.passed, purse.spent, purse.day)
        drawn = uniforms(self.chance.seed, mark, hour, view.listings.shape[1])
        level = self.law.bias + self.trim.feed_forward(view)
        action: NDArray[np.float64] = self.trim.action(level, 0.0 * drawn, np, paused=drawn >= rate[:, None])
        return action, (*terms, hour + 1.0, mark, *now)


@dataclass(frozen=True)
class SmartPacing(Feedback):
    """Listings are the layers: those that return least margin for their price sit out first."""

    name: ClassVar[str] = "smart_pacing"

    value: ConversionLaw = field(default_factory=ConversionLaw)
    law: LayersLaw = field(default_factory=LayersLaw)
    trim: Trim = field(default_factory=Trim)

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(*terms, *account, *law): `Terms`, `AccountMemory`, and the memory of the law."""
        return *terms_of(plans, n), *open_account(plans, n), *self.law.init(n, plans.bid.shape[1])

    def respond(self, observation: Array, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
        """Action (n, A) and new memory; `xp` is numpy or torch, as the arrays are."""
        view = ObservationView(observation)
        terms = amended(view, Terms(*memory[:TERMS]), xp)
        shelf, purse = read_shelf(view, terms.days, xp), read_purse(view, terms, xp)
        conversion = self.value.conversion(shelf.orders, shelf.matured_clicks, shelf.store_rate)
        account, books = read_account(view, shelf, conversion, terms.days, memory[ACCOUNT], xp)
        layer = Layer(
            spent=shelf.spend_share / purse.part[:, None],
            response=shelf.order_margin * conversion / account.price,
            excess=account.excess(xp),
            active=shelf.active,
        )
        on, state = self.law.step(memory[ACCOUNT.stop :], purse.passed, purse.spent, layer, purse.day, xp)
        level = self.law.bias + self.trim.feed_forward(view)
        return self.trim.action(level, 0.0 * on, xp, paused=on == 0.0), (*terms, *books, *state)
