"""Stage 1: which listings are advertised, as what, and why, with figures of the brief."""

from __future__ import annotations

from collections.abc import Mapping

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Role

from ..language.brief import write_brief
from ..rules.rationale import Decisions
from .stages import Pick, Picked

_QUOTED: Mapping[Role, tuple[str, ...]] = {
    "hero": ("orders", "clicks", "margin"),
    "growth": ("orders", "clicks", "margin"),
    "test": ("orders", "clicks", "reviews"),
    "clear": ("stock", "units", "age_days"),
    "paused": ("stock", "price", "cost", "orders", "clicks"),
}
_WHY: Mapping[Role, str] = {
    "hero": "among the best sellers: {orders} orders from {clicks} clicks at a margin of {margin}",
    "growth": "worth its clicks: {orders} orders from {clicks} clicks at a margin of {margin}",
    "test": "not proven: {orders} orders from {clicks} clicks and {reviews} reviews, so little money",
    "clear": "slow: {stock} units in stock, {units} sold last week, {age_days} days in the shop",
}
_OF_THE_SHOP = ("budget", "days", "orders", "clicks")
_MOST_EVIDENCE = 12


def pick(office: BackOffice, decisions: Decisions) -> Picked:
    """The rule planner's pick, from its decisions."""
    figures = write_brief(office).figures
    picks = []
    for k, listing in enumerate(office.listing_id):
        role = decisions.roles[k]
        told = {name: figures[f"{listing}.{name}"] for name in _QUOTED[role]}
        picks.append(
            Pick(
                listing_id=listing,
                role=role,
                advertised=role != "paused",
                why=decisions.reasons[k] or _WHY[role].format(**told),
                figures={f"{listing}.{name}": value for name, value in told.items()},
            )
        )
    return Picked(goal_why=decisions.why, listings=tuple(picks))


def evidence(office: BackOffice, picked: Picked, named: tuple[str, ...]) -> dict[str, str]:
    """Figures of the brief that a plan rests on: those named, or the shop's and the first of each listing picked.

    Names that the brief does not have are left out.
    """
    figures = write_brief(office).figures
    quoted = [name for name in named if name in figures]
    if not quoted:
        first = [next(iter(one.figures)) for one in picked.listings if one.advertised]
        quoted = [*(f"shop.{name}" for name in _OF_THE_SHOP), *first]
    return {name: figures[name] for name in quoted[:_MOST_EVIDENCE]}
