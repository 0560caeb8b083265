"""An author without any model: fixed, named changes of the rule plan. What choice by simulation alone is worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import ListingPlan, Plan

from ..rules.rule import RulePlanner, decide
from .stages import Candidate

_PROVEN = ("hero", "growth", "clear")


@dataclass(frozen=True)
class _Change:
    """What is done to the rule plan."""

    about: str
    make: Callable[[Plan, BackOffice], Plan]


def _bids(factor: float) -> Callable[[Plan, BackOffice], Plan]:
    def make(plan: Plan, office: BackOffice) -> Plan:
        return _items(plan, lambda item: {"bid": round(factor * item.bid, 3)})

    return make


def _prices(factor: float) -> Callable[[Plan, BackOffice], Plan]:
    """Prices of what is advertised, none under cost or lower than it is there already."""

    def make(plan: Plan, office: BackOffice) -> Plan:
        if office.hosting.price_control == "merchant":
            return plan
        deepest = max((promotion.discount for promotion in plan.promotions), default=0.0)
        cost = dict(zip(office.listing_id, office.cost.tolist(), strict=True))

        def moved(item: ListingPlan) -> dict[str, object]:
            least = min(item.price, -(-100.0 * cost[item.listing_id] / (1.0 - deepest) // 1) / 100.0)
            return {} if item.role == "paused" else {"price": max(round(factor * item.price, 2), least)}

        return _items(plan, moved)

    return make


def _budget(factor: float) -> Callable[[Plan, BackOffice], Plan]:
    def make(plan: Plan, office: BackOffice) -> Plan:
        total = max(round(factor * plan.budget_total, 2), 0.01)
        return plan.model_copy(
            update={"budget_total": total, "budget_daily": min(max(round(factor * plan.budget_daily, 2), 0.01), total)}
        )

    return make


def _own_prices(plan: Plan, office: BackOffice) -> Plan:
    price = dict(zip(office.listing_id, office.price.tolist(), strict=True))
    deepest = max((promotion.discount for promotion in plan.promotions), default=0.0)
    cost = dict(zip(office.listing_id, office.cost.tolist(), strict=True))
    return _items(
        plan,
        lambda item: (
            {"price": price[item.listing_id]}
            if price[item.listing_id] * (1.0 - deepest) >= cost[item.listing_id]
            else {}
        ),
    )


def _no_promotion(plan: Plan, office: BackOffice) -> Plan:
    return plan.model_copy(update={"promotions": ()})


def _proven_only(plan: Plan, office: BackOffice) -> Plan:
    """Without the listings that are only tested, if there are others."""
    if not any(item.role in _PROVEN for item in plan.listings):
        return plan
    return _items(plan, lambda item: {"role": "paused", "bid": 0.0} if item.role == "test" else {})


def _search_only(plan: Plan, office: BackOffice) -> Plan:
    return plan.model_copy(update={"channel_split": {**plan.channel_split, "feed": 0.0, "search": 1.0}})


def _items(plan: Plan, change: Callable[[ListingPlan], Mapping[str, object]]) -> Plan:
    """The plan with its listings changed."""
    return plan.model_copy(
        update={"listings": tuple(item.model_copy(update=dict(change(item))) for item in plan.listings)}
    )


VARIANTS: Mapping[str, _Change] = {
    "lower bids": _Change("every bid 30 % lower", _bids(0.7)),
    "higher bids": _Change("every bid 40 % higher", _bids(1.4)),
    "lower prices": _Change("every advertised price 5 % lower", _prices(0.95)),
    "higher prices": _Change("every advertised price 6 % higher", _prices(1.06)),
    "own prices": _Change("the merchant's own prices", _own_prices),
    "half budget": _Change("half of the money", _budget(0.5)),
    "no promotion": _Change("no discount on promotion days", _no_promotion),
    "proven only": _Change("nothing spent on listings without sales", _proven_only),
    "search only": _Change("nothing spent on feed", _search_only),
}
"""The changes, by name."""


def variants(offices: Sequence[BackOffice]) -> list[list[Candidate]]:
    """Every variant that differs from the rule plan, for each office."""
    return [_variants_of(office) for office in offices]


def _variants_of(office: BackOffice) -> list[Candidate]:
    planner = RulePlanner()
    base, decisions = planner.plan(office), decide(office, planner.gains)
    made = []
    for name, change in VARIANTS.items():
        plan = change.make(base, office)
        if plan != base:
            about = f"the rule plan with {change.about}"
            why = f"The goal is {plan.goal}: {decisions.why}. This is {about}."
            plan = plan.model_copy(update={"planner": name, "forecast": None, "rationale": why})
            made.append(Candidate(plan=plan, author=name, notes=(about,)))
    return made
