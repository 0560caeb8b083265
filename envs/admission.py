"""Before a plan starts: is its loss, as forecast from the back office alone, within what the merchant can bear?"""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, isfinite, sqrt

from .actor import Actor
from .back_office import BackOffice
from .forecast import Outlook, outlooks
from .market.parameters import Market
from .plan import Plan, check_plan
from .scenario import Scenario
from .twin import believed_stores

LEAST_SCALE = 0.02
"""Share of a plan's money: with less it is no longer that plan."""
_HALVINGS = 6  # of the logarithm between a budget that is too large and one that is not


@dataclass(frozen=True, eq=False)
class Admission:
    """What the guard says of a plan."""

    plan: Plan | None  # to be carried out, with its forecast; None: refused
    outlook: Outlook  # of `plan`; of the smallest budget tried where it is refused
    scale: float  # budget over that of the plan as proposed; 0 where it is refused
    reason: str  # in words, with the figures

    @property
    def accepted(self) -> bool:
        """True unless the plan is refused."""
        return self.plan is not None


def admit(
    plan: Plan,
    office: BackOffice,
    actor: Actor,
    limit: float,
    scenario: Scenario,
    seed: int,
    *,
    draws: int = 256,
    market: Market | None = None,
    threads: int = 1,
) -> Admission:
    """Accept a plan, cut its budget until its 95 % loss is within the limit, or refuse it.

    Only money is cut, the whole plan's and the day's by one factor: listings, bids and prices stay as planned, so a
    loss that comes from prices under cost is refused, not mended. What is accepted is forecast as it stands.

    Args:
        plan, office: the plan as proposed, and the shop's back office.
        actor: who would execute it; guarded, if it will run guarded.
        limit: [CNY] what the merchant may lose, >= 0.
        scenario, seed, draws, market, threads: see `forecast.forecasts`.
    Raises: ValueError: an impossible limit. PlanError: a plan that the shop cannot carry out.
    """
    check_limit(limit)
    check_plan(plan, office)
    twin = believed_stores([office], scenario, draws, seed, market=market, threads=threads)

    def look(tried: Plan) -> Outlook:
        return outlooks(actor, [tried], twin, seed, threads=threads)[0]

    return cut_to_limit(plan, look(plan), limit, look)


def check_limit(limit: float) -> None:
    """Raises: ValueError: no amount that a merchant can name as the most it may lose."""
    if not (isfinite(limit) and limit >= 0.0):
        raise ValueError(f"limit(={limit}) must be finite and >= 0 [CNY]")


def cut_to_limit(plan: Plan, whole: Outlook, limit: float, look: Callable[[Plan], Outlook]) -> Admission:
    """The same where the forecast is at hand.

    Args:
        whole: outlook of the plan as proposed.
        limit: [CNY] as in `admit`.
        look: the outlook of the plan with less money, on the same draws.
    """
    if whole.loss <= limit:
        return Admission(with_share(plan, 1.0, whole), whole, 1.0, f"{_stated(whole)}, within the {_limit(limit)}.")
    little = look(with_share(plan, LEAST_SCALE))
    if little.loss > limit:
        return Admission(None, little, 0.0, _refusal(plan, whole, little, limit))
    scale, found = _largest(plan, little, limit, look)
    cut = with_share(plan, scale, found)
    reason = (
        f"With {plan.budget_total:.2f} CNY {_stated(whole)}, over the {_limit(limit)}. "
        f"The budget is cut to {scale:.0%}: with {cut.budget_total:.2f} CNY {_stated(found)}."
    )
    return Admission(cut, found, scale, reason)


def _largest(plan: Plan, little: Outlook, limit: float, look: Callable[[Plan], Outlook]) -> tuple[float, Outlook]:
    """The largest scale found by bisection whose loss is within the limit, and its outlook."""
    low, high, found = LEAST_SCALE, 1.0, little
    for _ in range(_HALVINGS):
        scale = sqrt(low * high)
        outlook = look(with_share(plan, scale))
        if outlook.loss <= limit:
            low, found = scale, outlook
        else:
            high = scale
    return low, found


def with_share(plan: Plan, scale: float, outlook: Outlook | None = None) -> Plan:
    """The plan with that share of its money, rounded down to the fen, and with its forecast if there is one."""
    changes: dict[str, object] = {} if outlook is None else {"forecast": outlook.forecast}
    if scale < 1.0:
        changes["budget_total"] = total = max(floor(100.0 * scale * plan.budget_total) / 100.0, 0.01)
        changes["budget_daily"] = min(max(floor(100.0 * scale * plan.budget_daily) / 100.0, 0.01), total)
    return plan.model_copy(update=changes)


def _stated(outlook: Outlook) -> str:
    return f"the plan loses at most {outlook.loss:.2f} CNY in 95 % of cases, anything in {outlook.loss_probability:.0%}"


def _limit(limit: float) -> str:
    return f"limit of {limit:.2f} CNY"


def _refusal(plan: Plan, whole: Outlook, little: Outlook, limit: float) -> str:
    return (
        f"Refused: with {plan.budget_total:.2f} CNY {_stated(whole)}, over the {_limit(limit)}, and even with "
        f"{LEAST_SCALE:.0%} of the money {_stated(little)}. The loss does not come from advertising: look at prices, "
        "costs and fees."
    )
