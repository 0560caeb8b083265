"""From observations to what the plan's money has brought: returns against the floor, and prices and worth of clicks."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from merchantgym.envs.market.parameters import reference_market
from merchantgym.envs.observation import Global, ObservationView, PerListing
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.store import HOURS_PER_DAY

from .laws import Array, Returns, Shelf
from .readings import TERMS

AccountMemory: TypeAlias = tuple[Array, ...]
"""(budget, floor, begun, clicks, immature, paid): of n plans the budget [CNY] and the floor on the return, (n,) each;
1 once the first observation was read, and the clicks in it, all (n,) and those not due yet (n,), and paid (n, K)."""
ACCOUNT = slice(TERMS, TERMS + 6)
"""Where it lies in an actor's memory: after the plan's terms, before what its law remembers."""

_LEAST_MARGIN = 0.02  # [share of the price] below it, a margin tells nothing of the price
_TRUST = 0.05  # [share of budget] spend, at the floor's return, that the measured return is weighed against
_PRICED = 5.0  # [clicks] at the plan's bid, that a listing's measured price is weighed against


@dataclass(frozen=True)
class Account:
    """What the money of n plans has brought so far."""

    returns: Returns
    worth: Array  # (n, K) [attributed GMV per paid click, CNY]
    price: Array  # (n, K) [CNY per paid click]

    def affordable(self, bid: Array, xp: Any = np) -> Array:
        """Bid at which a click's worth just meets the floor, over the plan's bid [ln CNY] (n, K); at most 20."""
        floor = xp.where(self.returns.floor > 0.0, self.returns.floor, 1.0)[:, None]
        return xp.clip(self.worth / (floor * xp.exp(bid)), 0.05, 20.0)

    def excess(self, xp: Any = np) -> Array:
        """A listing's projected return over the floor, less 1, (n, K); without a floor nothing falls short of it."""
        floor = self.returns.floor[:, None]
        ratio = self.worth / (self.price * xp.where(floor > 0.0, floor, 1.0))
        return xp.where(floor > 0.0, ratio - 1.0, 1.0)


def open_account(plans: PlanArrays, n: int) -> AccountMemory:
    """Memory of n plans before their first observation."""
    zero = np.zeros(n)
    budget, floor = (np.broadcast_to(part, (n,)).astype(np.float64) for part in (plans.budget_total, plans.roi_floor))
    return budget, floor, zero, zero.copy(), zero.copy(), np.zeros((n, plans.bid.shape[1]))


def read_account(
    view: ObservationView, shelf: Shelf, conversion: Array, days: Array, memory: AccountMemory, xp: Any = np
) -> tuple[Account, AccountMemory]:
    """What the plan's money has brought, and the new memory.

    The share of the plan's orders that is due: all clicks since the plan began, less those that are not due now, but
    for what is left of the ones that were not due when it began; these fade with the slow part of the published delay
    curve. Paid clicks are taken to be as old as all others.

    What a paid click is worth in GMV is the listing's expected GMV of an order times its conversion, all scaled so that
    the sum agrees with the attributed GMV that was booked.

    Args:
        view: of n stores.
        shelf: of the same observation.
        conversion: expected orders per click, shape (n, K).
        days: length of each plan [days], shape (n,).
        memory: from `open_account` or the observation before.
        xp: numpy or torch, as the observation is.
    """
    budget, floor, begun, clicks_then, immature_then, paid_then = memory
    clicks = xp.expm1(view[PerListing.CLICKS]).sum(1)
    immature = clicks - shelf.matured_clicks.sum(1)
    paid = xp.expm1(view[PerListing.AD_CLICKS])
    known = begun > 0.0
    clicks_then, immature_then = xp.where(known, clicks_then, clicks), xp.where(known, immature_then, immature)
    paid_then = xp.where(known[:, None], paid_then, paid)
    hours = (1.0 - view[Global.TIME_LEFT]) * days * HOURS_PER_DAY
    waiting = immature - immature_then * xp.exp(-hours / reference_market().slow_delay_hours)
    since = xp.clip(clicks - clicks_then, 0.0, None)
    spent = 1.0 - view[Global.BUDGET_LEFT]
    earned = xp.expm1(view[Global.AD_RETURN]) * spent
    due = 1.0 - xp.clip(waiting / (since + 1.0), 0.0, 1.0)
    bought = xp.clip(paid - paid_then, 0.0, None)
    margin = xp.clip(view[PerListing.UNIT_MARGIN], _LEAST_MARGIN, None)
    worth = shelf.order_margin / margin * conversion
    expected = (bought * worth).sum(1) / budget * due
    prior = _TRUST * xp.where(floor > 0.0, floor, 1.0)
    scale = (earned + prior) / (expected + prior)
    bid = xp.exp(shelf.bid)
    price = (shelf.spend_share * budget[:, None] + _PRICED * bid) / (bought + _PRICED)
    account = Account(Returns(floor, spent, earned, due), worth * scale[:, None], price)
    return account, (budget, floor, 0.0 * begun + 1.0, clicks_then, immature_then, paid_then)
