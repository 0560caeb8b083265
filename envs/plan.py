"""The Plan: what planners write and executors receive. Impossible plans are refused with the field named."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, WithJsonSchema, model_validator

from .back_office import BackOffice
from .faults import fault_line
from .market.parameters import CHANNELS, SEGMENTS

Goal = Literal["profit", "gmv", "buyers", "break_zero", "clear_stock"]
Role = Literal["hero", "growth", "test", "clear", "paused"]
GOALS: tuple[str, ...] = get_args(Goal)
ROLES: tuple[str, ...] = get_args(Role)
MAX_PROMOTIONS = 4  # [windows] in one plan
SLACK = 1e-9  # [relative] forgiven where two floats are compared


class PlanError(ValueError):
    """A plan that cannot be carried out; one line per fault: field(=value) and what is allowed."""


def _table(keys: Sequence[str], top: float) -> WithJsonSchema:
    """JSON schema of an object that has exactly these keys, each a number in [0, top]."""
    number = {"type": "number", "minimum": 0, "maximum": top}
    return WithJsonSchema(
        {
            "type": "object",
            "properties": dict.fromkeys(keys, number),
            "required": list(keys),
            "additionalProperties": False,
        }
    )


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ListingPlan(_Part):
    """What is done with one listing. Paused: it stays in the shop at `price`, its bid is 0 in effect."""

    listing_id: str = Field(min_length=1)
    role: Role
    budget_share: float = Field(ge=0, le=1)  # hard cap on its share of the plan's budget, 1 = no cap
    bid: float = Field(ge=0)  # [CNY/click]
    price: float = Field(gt=0)  # [CNY/unit]


class Promotion(_Part):
    """A window in which every active listing is sold at a discount; hours count from the plan's start."""

    start_hour: int = Field(ge=0)  # [hours]
    end_hour: int  # [hours], the first hour after the window
    discount: float = Field(gt=0, le=0.5)  # [share of the price]

    @model_validator(mode="after")
    def _ends_after_start(self) -> Self:
        if self.end_hour <= self.start_hour:
            raise ValueError(f"end_hour(={self.end_hour}) must be > start_hour(={self.start_hour})")
        return self


class Quantiles(_Part):
    """The 5 %, 50 % and 95 % points of an uncertain quantity, in its own unit."""

    low: float
    mid: float
    high: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low <= self.mid <= self.high:
            raise ValueError(f"low(={self.low}) <= mid(={self.mid}) <= high(={self.high}) must hold")
        return self


class Forecast(_Part):
    """What the planner expects of the whole plan [CNY]."""

    spend: Quantiles
    gmv: Quantiles
    profit: Quantiles


class Plan(_Part):
    """An operating plan of one store: goal, time, audience, items, price and marketing money."""

    version: Literal["1"] = "1"
    store: str = Field(min_length=1)
    planner: str = Field(min_length=1)
    goal: Goal
    target: float = Field(ge=0)  # in units of the goal: CNY, buyers, listings or units; 0 = none stated
    start_hour: int = Field(ge=0, le=167)  # [hour of the week, 0 = Monday 00h]
    days: int = Field(ge=1, le=90)
    audience: Annotated[dict[str, Annotated[float, Field(ge=0, le=3)]], _table(SEGMENTS, 3)]  # bid multiplier
    listings: tuple[ListingPlan, ...] = Field(min_length=1)
    channel_split: Annotated[dict[str, Annotated[float, Field(ge=0, le=1)]], _table(CHANNELS, 1)]
    # channel_split is a hard cap on each channel's share of the plan's budget, 1 = no cap
    budget_total: float = Field(gt=0)  # [CNY]; less than a fen counts as one
    budget_daily: float = Field(gt=0)  # [CNY]
    roi_floor: float = Field(ge=0)  # [attributed GMV / ad spend], 0 = none
    promotions: tuple[Promotion, ...] = Field(default=(), max_length=MAX_PROMOTIONS)
    allow_below_cost: bool = False
    rationale: str
    forecast: Forecast | None = None

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        faults = [*self._table_faults(), *self._listing_faults(), *self._promotion_faults()]
        if self.budget_daily > self.budget_total * (1 + SLACK):
            faults.append(f"budget_daily(={self.budget_daily}) must be <= budget_total(={self.budget_total})")
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _table_faults(self) -> Iterable[str]:
        yield from _key_faults("audience", self.audience, SEGMENTS, "segment")
        yield from _key_faults("channel_split", self.channel_split, CHANNELS, "channel")
        if sum(self.channel_split.values()) < 1 - SLACK:
            shares = ", ".join(f"{channel} {share}" for channel, share in self.channel_split.items())
            yield f"channel_split(={shares}) must sum to >= 1, or the budget could not be spent"

    def _listing_faults(self) -> Iterable[str]:
        first: dict[str, int] = {}
        for index, item in enumerate(self.listings):
            if first.setdefault(item.listing_id, index) != index:
                yield (
                    f"listings[{index}].listing_id(={item.listing_id!r}) must appear once only; "
                    f"listings[{first[item.listing_id]}] has it"
                )

    def _promotion_faults(self) -> Iterable[str]:
        last = 24 * self.days
        for index, promotion in enumerate(self.promotions):
            if promotion.end_hour > last:
                yield f"promotions[{index}].end_hour(={promotion.end_hour}) must be <= {last}, the plan's end"
            for other in self.promotions[:index]:
                if promotion.start_hour < other.end_hour and other.start_hour < promotion.end_hour:
                    yield (
                        f"promotions[{index}].start_hour(={promotion.start_hour}) must lie outside the other"
                        f" windows; it overlaps hours {other.start_hour} to {other.end_hour}"
                    )


def _key_faults(field: str, table: Mapping[str, float], allowed: Sequence[str], noun: str) -> Iterable[str]:
    """Faults of a table that must have exactly the `allowed` keys."""
    known = ", ".join(allowed)
    for key in table:
        if key not in allowed:
            yield f"{field}.{key} is no known {noun}; allowed: {known}"
    for key in allowed:
        if key not in table:
            yield f"{field}.{key} is missing; a number is needed for each {noun}: {known}"


def parse_plan(source: str | bytes | Mapping[str, Any]) -> Plan:
    """Read a plan from JSON text or from a mapping.

    Raises: PlanError: one line per fault, each with the field's path, its value and what is allowed.
    """
    try:
        if isinstance(source, (str, bytes)):
            return Plan.model_validate_json(source)
        return Plan.model_validate(dict(source))
    except ValidationError as error:
        raise PlanError("\n".join(fault_line(fault, "plan") for fault in error.errors())) from None


def check_plan(plan: Plan, back_office: BackOffice) -> None:
    """Refuse a plan that this store cannot carry out.

    The plan's own rules are checked again, since a plan made with `model_copy` has skipped them.
    Raises: PlanError: one line per fault, each with the field, its value and what is allowed.
    """
    parse_plan(plan.model_dump(warnings=False))
    faults = [
        *_time_faults(plan, back_office),
        *_money_faults(plan, back_office),
        *_item_faults(plan, back_office),
        *_price_faults(plan, back_office),
        *_hosting_faults(plan, back_office),
    ]
    if faults:
        raise PlanError("\n".join(faults))


def _time_faults(plan: Plan, office: BackOffice) -> Iterable[str]:
    if plan.store != office.store:
        yield f"store(={plan.store!r}) must be {office.store!r}, the store of this back office"
    if plan.start_hour != office.start_hour:
        yield f"start_hour(={plan.start_hour}) must be {office.start_hour}, when this store's plan starts"
    if plan.days > office.days:
        yield f"days(={plan.days}) must be <= {office.days}, the days the plan may run"


def _money_faults(plan: Plan, office: BackOffice) -> Iterable[str]:
    if plan.budget_total > office.budget * (1 + SLACK):
        yield f"budget_total(={plan.budget_total}) must be <= {office.budget}, the store's money [CNY]"
    grant = office.budget / office.days
    if office.renewing and plan.budget_daily > grant * (1 + SLACK):
        yield f"budget_daily(={plan.budget_daily}) must be <= {grant}, what a day is granted [CNY]"
    if plan.roi_floor < office.roi_floor * (1 - SLACK):
        yield f"roi_floor(={plan.roi_floor}) must be >= {office.roi_floor}, which the merchant insists on"


def _item_faults(plan: Plan, office: BackOffice) -> Iterable[str]:
    known = ", ".join(office.listing_id)
    for index, item in enumerate(plan.listings):
        if item.listing_id not in office.listing_id:
            yield f"listings[{index}].listing_id(={item.listing_id!r}) is not in the store; known: {known}"
    planned = {item.listing_id for item in plan.listings}
    for listing_id in office.listing_id:
        if listing_id not in planned:
            yield f"listings lacks {listing_id!r}; every listing must appear once (paused if not advertised)"


def _price_faults(plan: Plan, office: BackOffice) -> Iterable[str]:
    if plan.allow_below_cost:
        return
    cost = dict(zip(office.listing_id, office.cost.tolist(), strict=True))
    deepest = max((promotion.discount for promotion in plan.promotions), default=0.0)
    for index, item in enumerate(plan.listings):
        discount = 0.0 if item.role == "paused" else deepest
        lowest, floor = item.price * (1 - discount), cost.get(item.listing_id, 0.0)
        if lowest < floor * (1 - SLACK):
            less = f" less the promotion of {discount:.0%} is {lowest:.2f} and" if discount else ""
            yield (
                f"listings[{index}].price(={item.price}) of {item.listing_id!r}{less} must be >= its cost"
                f" {floor} [CNY], unless allow_below_cost is true"
            )


def _hosting_faults(plan: Plan, office: BackOffice) -> Iterable[str]:
    """Where the merchant keeps the price, a plan may not name another."""
    if office.hosting.price_control != "merchant":
        return
    why = f"under {office.hosting.name} hosting the merchant sets the price"
    price = dict(zip(office.listing_id, office.price.tolist(), strict=True))
    for index, item in enumerate(plan.listings):
        if abs(item.price - price.get(item.listing_id, item.price)) > SLACK * item.price:
            yield f"listings[{index}].price(={item.price}) must be {price[item.listing_id]} [CNY]: {why}"
    if plan.promotions:
        yield f"promotions(={len(plan.promotions)} of them) must be none: {why}"


@dataclass(frozen=True)
class PlanArrays:
    """n plans as arrays: K listings, S = len(SEGMENTS), C = len(CHANNELS), money in CNY."""

    audience: NDArray[np.float64]  # (n, S) bid multiplier
    bid: NDArray[np.float64]  # (n, K) [CNY/click], 0 where paused
    price: NDArray[np.float64]  # (n, K) [CNY/unit]
    cap_listing: NDArray[np.float64]  # (n, K) [CNY] the most a listing may spend in the plan
    role: NDArray[np.int64]  # (n, K) index in ROLES
    cap_channel: NDArray[np.float64]  # (n, C) [CNY] the most a channel may spend in the plan
    budget_total: NDArray[np.float64]  # (n,) [CNY]
    budget_daily: NDArray[np.float64]  # (n,) [CNY]
    roi_floor: NDArray[np.float64]  # (n,) [attributed GMV / ad spend], 0 = none
    goal: NDArray[np.int64]  # (n,) index in GOALS
    target: NDArray[np.float64]  # (n,) in units of the goal
    start_hour: NDArray[np.int64]  # (n,) [hour of the week]
    days: NDArray[np.int64]  # (n,)
    promotion: NDArray[np.float64]  # (n, MAX_PROMOTIONS, 3) start_hour, end_hour, discount; 0 where unused
    allow_below_cost: NDArray[np.bool_]  # (n,)


def pack_plans(plans: Sequence[Plan], listing_ids: Sequence[Sequence[str]]) -> PlanArrays:
    """Lay plans out as arrays, listings in the order of `listing_ids` (one sequence of K ids per plan).

    Raises: PlanError: a plan lacks a listing or has one more, the stores differ in K, or there is no plan.
    """
    if not plans or len(plans) != len(listing_ids):
        raise PlanError(f"plans(={len(plans)} of them) must be >= 1 and as many as listing_ids({len(listing_ids)})")
    rows = [_in_order(plan, ids, len(listing_ids[0])) for plan, ids in zip(plans, listing_ids, strict=True)]
    total = np.array([plan.budget_total for plan in plans])
    shares = np.array([[item.budget_share for item in row] for row in rows])
    split = np.array([[plan.channel_split[channel] for channel in CHANNELS] for plan in plans])
    promotion = np.zeros((len(plans), MAX_PROMOTIONS, 3))
    for index, plan in enumerate(plans):
        for slot, window in enumerate(plan.promotions):
            promotion[index, slot] = window.start_hour, window.end_hour, window.discount
    return PlanArrays(
        audience=np.array([[plan.audience[segment] for segment in SEGMENTS] for plan in plans]),
        bid=np.array([[0.0 if item.role == "paused" else item.bid for item in row] for row in rows]),
        price=np.array([[item.price for item in row] for row in rows]),
        cap_listing=shares * total[:, None],
        role=np.array([[ROLES.index(item.role) for item in row] for row in rows], dtype=np.int64),
        cap_channel=split * total[:, None],
        budget_total=total,
        budget_daily=np.array([plan.budget_daily for plan in plans]),
        roi_floor=np.array([plan.roi_floor for plan in plans]),
        goal=np.array([GOALS.index(plan.goal) for plan in plans], dtype=np.int64),
        target=np.array([plan.target for plan in plans]),
        start_hour=np.array([plan.start_hour for plan in plans], dtype=np.int64),
        days=np.array([plan.days for plan in plans], dtype=np.int64),
        promotion=promotion,
        allow_below_cost=np.array([plan.allow_below_cost for plan in plans], dtype=np.bool_),
    )


def join_plans(parts: Sequence[PlanArrays]) -> PlanArrays:
    """Packed plans one part after another; all with the same number of listings."""
    return PlanArrays(
        **{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(PlanArrays)}
    )


def _in_order(plan: Plan, ids: Sequence[str], count: int) -> list[ListingPlan]:
    """The plan's listings in the order of `ids`."""
    items = {item.listing_id: item for item in plan.listings}
    if len(ids) != count:
        raise PlanError(f"listing_ids of {plan.store!r}(={len(ids)} of them) must be {count}, as the first plan's")
    if set(items) != set(ids):
        raise PlanError(f"listings of {plan.store!r}(={', '.join(items)}) must be {', '.join(ids)}")
    return [items[listing_id] for listing_id in ids]
