"""The guard: around any executor, it ends advertising where the merchant's limit is reached or ads do not pay."""

from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor, Kind, Memory
from merchantgym.envs.engines.layout import N_CHANNELS
from merchantgym.envs.observation import Global, ObservationView, PerListing, budget_size
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.task import LOG_LISTING, PAUSED

from .laws import BreakerLaw, check_gains, gain
from .laws.breaker import OPEN, PROBING
from .readings import budget_now

Floats = NDArray[np.float64]

_ROUNDING = 1e-5  # [share of a loss] that the observation's single precision may hide
_BARELY_ON = -1.0 + 1e-9  # the lowest action of a listing that still advertises
_EVEN_SHARE = 0.02  # [share of budget] weight of a listing that has not spent yet
_LEAST_MARGIN = 0.05  # [share of price] taken for listings that leave less
_LEAST_ORDER = 1.0  # [CNY]


@dataclass(frozen=True)
class LossLimit:
    """How much a merchant is ready to lose, and what counts as lost before it is booked."""

    limit_share: float = gain(0.2, "share of the plan's budget that may be lost", (0.2, 0.2), allowed=(0.0, 4.9))
    return_cost: float = gain(0.03, "share of recent revenue that returns will cost", (0.0, 0.1), allowed=(0.0, 1.0))
    return_delay: float = gain(120.0, "h, mean delay of returns", (120.0, 120.0), allowed=(1.0, inf))
    fees: float = gain(0.09, "share of revenue: commission and returns", (0.09, 0.09), allowed=(0.0, 0.9))

    def __post_init__(self) -> None:
        check_gains(self)


@dataclass(frozen=True, eq=False)
class Guard:
    """Executes a plan as `executor` does, within limits.

    - **Hard stop.** In every hour that begins with a loss so far of at least the limit, no listing is advertised and no
      price is below the plan's. The loss so far is the merchant's booked loss and a provision for returns that are
      under way. So advertising takes the loss beyond the limit by at most one hour's spend. What no stop can undo may
      still follow: returns beyond the provision, and orders that leave less than commission and returns take.
    - **Breaker** (`BreakerLaw`): ads pause where their return is surely below the plan's ROI floor or, where it has
      none, below what the margins need; then they probe with reduced bids.
    - Otherwise the executor's action passes through, bit for bit. It always sees what really happened.

    Args:
        executor: any actor.
        limit: [CNY] what each store's merchant may lose, one number or (n,); None: `terms.limit_share` of the budget.
    """

    executor: Actor
    terms: LossLimit = field(default_factory=LossLimit)
    breaker: BreakerLaw = field(default_factory=BreakerLaw)
    limit: float | Floats | None = None

    def __post_init__(self) -> None:
        if self.limit is not None and not (np.isfinite(self.limit) & (np.asarray(self.limit) >= 0.0)).all():
            raise ValueError(f"limit(={self.limit}) must be finite and >= 0 [CNY]")

    @property
    def name(self) -> str:
        """guard:<executor>."""
        return f"guard:{self.executor.name}"

    @property
    def kind(self) -> Kind:
        """A guarded plan has feedback."""
        return "learned" if self.executor.kind == "learned" else "controller"

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(days, budget, limit, floor, orders, returns, *breaker, *executor's): length of the plan; CNY; the plan's ROI
        floor; orders so far in all, -1 before the first hour; recent revenue that may still come back [CNY].

        Raises: ValueError: `limit` is neither one number nor one a store.
        """
        budget = np.broadcast_to(plans.budget_total, (n,)).copy()
        limit = self.terms.limit_share * budget if self.limit is None else np.asarray(self.limit, dtype=np.float64)
        if limit.shape not in ((), (n,)):
            raise ValueError(f"limit(shape={limit.shape}) must be one number or {(n,)}, one a store")
        own = (
            np.broadcast_to(plans.days.astype(np.float64), (n,)).copy(),
            budget,
            np.broadcast_to(limit, (n,)).copy(),
            np.broadcast_to(plans.roi_floor, (n,)).astype(np.float64),
            np.full(n, -1.0),
            np.zeros(n),
        )
        return *own, *self.breaker.init(n), *self.executor.init(plans, n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """As `Actor.act`."""
        days, at_first, limit, floor, orders, returns, *rest = memory
        law, inner = tuple(rest[: self.breaker.SIZE]), tuple(rest[self.breaker.SIZE :])
        wish, inner = self.executor.act(observation, inner)
        view = ObservationView(np.asarray(observation, dtype=np.float64))
        budget = budget_now(view, days, at_first, budget_size(at_first, days))
        order_value, margin = _mean_order(view)
        orders, returns = self._returns(view, orders, returns, order_value)
        loss = self.terms.return_cost * returns - view[Global.PROFIT] * budget
        spent = (1.0 - view[Global.BUDGET_LEFT]) * budget
        phase, law = self.breaker.step(
            law,
            spent=spent,
            returned=np.expm1(view[Global.AD_RETURN]) * np.maximum(spent, 1.0),
            floor=np.where(floor > 0.0, floor, 1.0 / np.maximum(margin - self.terms.fees, _LEAST_MARGIN)),
            order_value=order_value,
        )
        stopped = loss >= limit * (1.0 - _ROUNDING)
        action = self._restrained(np.asarray(wish, dtype=np.float64), phase, stopped)
        return action, (days, at_first, limit, floor, orders, returns, *law, *inner)

    def _restrained(self, wish: Floats, phase: Floats, stopped: NDArray[np.bool_]) -> Floats:
        """The executor's action (n, A), or what is left of it."""
        ads = slice(N_CHANNELS, wish.shape[1] - 1)
        action = wish.copy()
        lower = np.maximum(wish[:, ads] - self.breaker.probe / LOG_LISTING, _BARELY_ON)
        lower = np.where(wish[:, ads] <= PAUSED, PAUSED, lower)
        action[:, ads] = np.where((phase == PROBING)[:, None], lower, action[:, ads])
        action[:, ads] = np.where(((phase == OPEN) | stopped)[:, None], PAUSED, action[:, ads])
        action[:, -1] = np.where(stopped, np.minimum(wish[:, -1], 0.0), wish[:, -1])
        return action

    def _returns(
        self, view: ObservationView, orders: Floats, returns: Floats, order_value: Floats
    ) -> tuple[Floats, Floats]:
        """(orders so far, recent revenue that may still come back)."""
        now = np.expm1(view[PerListing.ORDERS]).sum(axis=1)
        gained = np.where(orders < 0.0, 0.0, np.maximum(now - orders, 0.0))
        return now, returns * (1.0 - 1.0 / self.terms.return_delay) + gained * order_value


def _mean_order(view: ObservationView) -> tuple[Floats, Floats]:
    """Revenue of a mean order [CNY] and gross margin over price, weighted by what listings spent; (n,) each."""
    weight = view[PerListing.ACTIVE] * (view[PerListing.SPEND_SHARE] + _EVEN_SHARE) + 1e-9
    weight /= weight.sum(axis=1, keepdims=True)
    margin = np.maximum(view[PerListing.UNIT_MARGIN], _LEAST_MARGIN)
    value = np.expm1(view[PerListing.ORDER_VALUE]) / margin
    return np.maximum((weight * value).sum(axis=1), _LEAST_ORDER), (weight * margin).sum(axis=1)
