"""What each stage of the planning desk hands to the next, and the trace that holds them all."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import BaseModel, ConfigDict

from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.forecast import TAIL, Outlook
from merchantgym.envs.plan import Forecast, Plan, Role


class _Stage(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Pick(_Stage):
    """Whether a listing is to be advertised, as what, and why."""

    listing_id: str
    role: Role
    advertised: bool
    why: str  # in words, with figures of the brief
    figures: dict[str, str]  # name under which the brief has a figure -> the figure


class Picked(_Stage):
    """Stage 1: what is in and what is out."""

    goal_why: str
    listings: tuple[Pick, ...]


class Candidate(_Stage):
    """A plan that an author proposes."""

    plan: Plan
    author: str
    repairs: tuple[str, ...] = ()  # what had to be mended before it was a plan
    notes: tuple[str, ...] = ()  # what the author says of it, in words
    evidence: tuple[str, ...] = ()  # names of figures of the brief that it rests on; none: those of the pick


class Dropped(_Stage):
    """A proposal that the store cannot carry out."""

    author: str
    why: str


class Designed(_Stage):
    """Stage 2: the candidates; the rule plan is number 0."""

    candidates: tuple[Candidate, ...]
    dropped: tuple[Dropped, ...]


class Advantage(_Stage):
    """Profit over candidate 0 on the same believed stores and under the same chance [CNY]."""

    mean: float
    error: float  # standard error of the mean
    low: float  # 5 % and 95 % points over the believed stores
    high: float

    @classmethod
    def of(cls, outlook: Outlook, base: Outlook) -> Self:
        """Args: outlook, base: of the same draws."""
        gain: FloatArray = outlook.profit - base.profit
        low, high = np.quantile(gain, [TAIL, 1.0 - TAIL]).tolist()
        error = float(gain.std(ddof=1)) / len(gain) ** 0.5 if len(gain) > 1 else 0.0
        return cls(mean=_fen(float(gain.mean())), error=_fen(error), low=_fen(low), high=_fen(high))

    def clears(self, margin: float) -> bool:
        """Whether the mean is over 0 by more than `margin` standard errors."""
        return self.mean > 0.0 and self.mean > margin * self.error


class Estimate(_Stage):
    """What one plan may bring, in short. Money in CNY."""

    forecast: Forecast
    mean_profit: float
    loss: float  # the merchant loses no more in 95 % of cases
    loss_probability: float
    advantage: Advantage

    @classmethod
    def of(cls, outlook: Outlook, base: Outlook) -> Self:
        """Args: outlook: of the plan. base: of candidate 0, on the same draws."""
        return cls(
            forecast=outlook.forecast,
            mean_profit=_fen(float(outlook.profit.mean())),
            loss=_fen(outlook.loss),
            loss_probability=outlook.loss_probability,
            advantage=Advantage.of(outlook, base),
        )


class Estimated(_Stage):
    """Stage 3: every candidate as designed, on the same believed stores."""

    draws: int
    seed: int
    estimates: tuple[Estimate, ...]


class Cap(_Stage):
    """A candidate's money, cut until its loss is within the limit."""

    scale: float  # of its budget; 1: as designed, 0: refused
    reason: str
    estimate: Estimate  # with that budget


class Capped(_Stage):
    """Stage 4: what each candidate may spend."""

    limit: float  # [CNY] the most that may be lost in 95 % of cases
    caps: tuple[Cap, ...]


class Chosen(_Stage):
    """Stage 5: the best by the believed stores it was chosen on."""

    index: int
    margin: float  # [standard errors] by which a rival had to lead
    why: str


class Confirmed(_Stage):
    """Stage 6: the chosen plan on believed stores that had no part in the choice; its figures are the plan's."""

    index: int  # 0 where the lead of the chosen one did not last
    draws: int
    seed: int
    estimate: Estimate
    why: str


class Trace(_Stage):
    """How a plan came about."""

    store: str
    judge: str  # the executor that the forecasts were made with
    picked: Picked
    designed: Designed
    estimated: Estimated
    capped: Capped
    chosen: Chosen
    confirmed: Confirmed
    evidence: dict[str, str]  # figures of the brief that the plan rests on
    plan: Plan  # with forecast and rationale

    @property
    def author(self) -> str:
        """Who wrote the plan."""
        return self.designed.candidates[self.confirmed.index].author

    def to_json(self) -> str:
        """The whole trace, indented; `Trace.model_validate_json` reads it."""
        return self.model_dump_json(indent=1)


def _fen(value: float) -> float:
    return round(value, 2)
