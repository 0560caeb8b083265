"""What a language model answers: few whole numbers and words from short lists, and the plan that they make.

Small models keep to a list better than to a range, so money and prices are percentages of what the brief shows, in
whole numbers. What breaks a rule of the shop is repaired, and every repair is named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.faults import fault_line
from merchantgym.envs.market.parameters import CHANNELS, SEGMENTS
from merchantgym.envs.plan import GOALS, ROLES, Goal, ListingPlan, Plan, Promotion, Role

from ..promotions import promotion_windows

Weight = Literal["less", "same", "more"]
_WEIGHTS: Mapping[str, float] = {"less": 0.5, "same": 1.0, "more": 1.5}
_MOST_BID, _MOST_MOVE, _MOST_OFF = 300, 20, 50  # [%]
_PEAK = 1.5  # of an even share of the budget: what one day may spend out of one purse
_LONGEST_RATIONALE = 1200  # [characters]
_MOST_EVIDENCE = 12


class ReplyError(ValueError):
    """An answer that is no reply; one line a fault."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ListingReply(_Part):
    """What is done with one listing."""

    role: Role
    bid_percent: int = Field(ge=0, le=_MOST_BID)  # of the platform's suggested bid
    price_percent: int = Field(ge=-_MOST_MOVE, le=_MOST_MOVE)  # change of the price
    cap_percent: int = Field(ge=1, le=100)  # most of the budget, 100 = no cap


class Reply(_Part):
    """A plan as a model writes it."""

    goal: Goal
    days: int = Field(ge=1, le=90)
    budget_percent: int = Field(ge=5, le=100)  # of the merchant's marketing money
    feed_percent: int = Field(ge=0, le=100)  # most of the budget that feed may take, 100 = no cap
    audience: dict[str, Weight]  # bid by buyer segment
    promotion_percent: int = Field(ge=0, le=_MOST_OFF)  # off on the platform's promotion days, 0 = none
    listings: dict[str, ListingReply]  # by its id
    evidence: tuple[str, ...] = Field(default=(), max_length=_MOST_EVIDENCE)  # names of figures of the brief
    rationale: str = Field(default="", max_length=_LONGEST_RATIONALE)


@dataclass(frozen=True)
class Repair:
    """A change that made a reply's plan possible."""

    field: str
    asked: str
    done: str
    why: str

    def __str__(self) -> str:
        return f"{self.field}: {self.asked} became {self.done}, {self.why}"


def parse_reply(text: str) -> Reply:
    """Read an answer. Raises: ReplyError: one line a fault, with the field, its value and what is allowed."""
    try:
        return Reply.model_validate_json(text)
    except ValidationError as error:
        raise ReplyError("\n".join(fault_line(fault, "reply") for fault in error.errors())) from None


def reply_schema(office: BackOffice) -> dict[str, Any]:
    """JSON schema of a reply about one shop: every listing once, in order, whole numbers within their bounds."""
    listing = _object(
        {
            "role": {"enum": list(ROLES)},
            "bid_percent": _whole(0, _MOST_BID),
            "price_percent": _whole(-_MOST_MOVE, _MOST_MOVE),
            "cap_percent": _whole(1, 100),
        }
    )
    return _object(
        {
            "goal": {"enum": list(GOALS)},
            "days": _whole(1, office.days),
            "budget_percent": _whole(5, 100),
            "feed_percent": _whole(0, 100),
            "audience": _object({segment: {"enum": list(_WEIGHTS)} for segment in SEGMENTS}),
            "promotion_percent": _whole(0, _MOST_OFF),
            "listings": _object(dict.fromkeys(office.listing_id, listing)),
            "evidence": {"type": "array", "items": {"type": "string"}, "maxItems": _MOST_EVIDENCE},
            "rationale": {"type": "string", "maxLength": _LONGEST_RATIONALE},
        }
    )


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    """An object with exactly these properties, in this order."""
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def _whole(low: int, high: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": low, "maximum": high}


def plan_of(reply: Reply, office: BackOffice, planner: str) -> tuple[Plan, tuple[Repair, ...]]:
    """The plan that a reply makes for a shop, and what had to be repaired.

    Listings that the reply leaves out are paused; those that the shop does not have are dropped. No price goes under
    cost but one that the merchant set there, and none moves where the merchant keeps it.
    """
    repairs: list[Repair] = []
    _note_unknown(reply, office, repairs)
    days = min(reply.days, office.days)
    if days != reply.days:
        repairs.append(Repair("days", f"{reply.days}", f"{days}", "the days the plan may run"))
    total = max(round(office.budget * reply.budget_percent / 100.0, 2), 0.01)
    total = min(total, office.budget)
    items = tuple(_item(reply.listings.get(listing), office, k, repairs) for k, listing in enumerate(office.listing_id))
    promotions = _promotions(reply, office, days, items, repairs)
    feed = reply.feed_percent / 100.0
    plan = Plan(
        store=office.store,
        planner=planner,
        goal=reply.goal,
        target=0.0,
        start_hour=office.start_hour,
        days=days,
        audience={segment: _WEIGHTS[reply.audience.get(segment, "same")] for segment in SEGMENTS},
        listings=items,
        channel_split={channel: feed if channel == "feed" else 1.0 for channel in CHANNELS},
        budget_total=total,
        budget_daily=_daily(office, total, days),
        roi_floor=office.roi_floor,
        promotions=promotions,
        allow_below_cost=bool((office.price < office.cost).any()),
        rationale=reply.rationale,
    )
    return plan, tuple(repairs)


def _note_unknown(reply: Reply, office: BackOffice, repairs: list[Repair]) -> None:
    """Listings that the shop does not have, and those of which nothing was said."""
    for listing, one in reply.listings.items():
        if listing not in office.listing_id:
            repairs.append(Repair(f"listings.{listing}", one.role, "nothing", "the shop has no such listing"))
    for listing in office.listing_id:
        if listing not in reply.listings:
            repairs.append(Repair(f"listings.{listing}", "nothing", "paused", "nothing was said of it"))


def _item(one: ListingReply | None, office: BackOffice, k: int, repairs: list[Repair]) -> ListingPlan:
    """What is done with the k-th listing."""
    listing, price = office.listing_id[k], float(office.price[k])
    if one is None:
        return ListingPlan(listing_id=listing, role="paused", budget_share=1.0, bid=0.0, price=price)
    asked = round(price * (1.0 + one.price_percent / 100.0), 2)
    if office.hosting.price_control == "merchant" and one.price_percent:
        repairs.append(Repair(f"listings.{listing}.price", f"{asked:.2f}", f"{price:.2f}", "the merchant sets it"))
        asked = price
    floor = min(price, float(np.ceil(100.0 * office.cost[k] - 1e-6) / 100.0))
    if asked < floor:
        repairs.append(Repair(f"listings.{listing}.price", f"{asked:.2f}", f"{floor:.2f}", "its cost"))
        asked = floor
    bid = round(float(office.suggested_bid[k]) * one.bid_percent / 100.0, 3)
    return ListingPlan(listing_id=listing, role=one.role, budget_share=one.cap_percent / 100.0, bid=bid, price=asked)


def _daily(office: BackOffice, total: float, days: int) -> float:
    """What one day may spend [CNY]."""
    if office.renewing:
        return min(office.budget / office.days, total)
    return min(total, _PEAK * total / days)


def _promotions(
    reply: Reply, office: BackOffice, days: int, items: Sequence[ListingPlan], repairs: list[Repair]
) -> tuple[Promotion, ...]:
    """A discount on the platform's promotion days, as deep as the thinnest margin of what is advertised allows."""
    if not reply.promotion_percent:
        return ()
    asked = f"{reply.promotion_percent} %"
    if office.hosting.price_control == "merchant":
        repairs.append(Repair("promotion_percent", asked, "0 %", "the merchant sets the prices"))
        return ()
    cost = dict(zip(office.listing_id, office.cost.tolist(), strict=True))
    shown = [1.0 - cost[item.listing_id] / item.price for item in items if item.role != "paused"]
    most = int(np.floor(100.0 * max(min(shown, default=0.0), 0.0)))
    percent = min(reply.promotion_percent, most)
    if percent < reply.promotion_percent:
        repairs.append(Repair("promotion_percent", asked, f"{percent} %", "the thinnest margin"))
    return promotion_windows(replace(office, days=days), percent / 100.0)
