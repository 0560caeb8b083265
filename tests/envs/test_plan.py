import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.market.parameters import CHANNELS, SEGMENTS
from merchantgym.envs.plan import (
    GOALS,
    MAX_PROMOTIONS,
    ROLES,
    ListingPlan,
    Plan,
    PlanError,
    Promotion,
    check_plan,
    pack_plans,
    parse_plan,
)

IDS = ("L-01", "L-02", "L-03")


def mapping(**changes: Any) -> dict[str, Any]:
    """A sound plan for `office()` as a mapping, with some fields changed."""
    listings = [{"listing_id": own, "role": "growth", "budget_share": 0.5, "bid": 0.6, "price": 20.0} for own in IDS]
    return {
        "store": "shop",
        "planner": "test",
        "goal": "profit",
        "target": 100.0,
        "start_hour": 8,
        "days": 14,
        "audience": dict.fromkeys(SEGMENTS, 1.0),
        "listings": listings,
        "channel_split": dict.fromkeys(CHANNELS, 1.0),
        "budget_total": 700.0,
        "budget_daily": 100.0,
        "roi_floor": 0.0,
        "promotions": [{"start_hour": 24, "end_hour": 48, "discount": 0.1}],
        "rationale": "because",
        "forecast": {
            "spend": {"low": 1.0, "mid": 2.0, "high": 3.0},
            "gmv": {"low": 1.0, "mid": 2.0, "high": 3.0},
            "profit": {"low": -1.0, "mid": 0.0, "high": 1.0},
        },
        **changes,
    }


def changed(path: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """The sound plan with the value at a path replaced, or removed if the value is None."""
    plan = mapping()
    inside: Any = plan
    for step in path[:-1]:
        inside = inside[step]
    if value is None:
        del inside[path[-1]]
    else:
        inside[path[-1]] = value
    return plan


def office(**changes: Any) -> BackOffice:
    """The back office of a shop of three listings that cost 10 CNY a unit."""
    ones = np.ones(len(IDS))
    arrays = {
        name: ones
        for name, kind in BackOffice.__annotations__.items()
        if "NDArray" in str(kind) and name not in ("cost", "price")
    }
    return BackOffice(
        **{
            **arrays,
            "store": "shop",
            "stage": "mature",
            "driver": "brand",
            "start_hour": 8,
            "days": 14,
            "budget": 700.0,
            "renewing": False,
            "roi_floor": 0.0,
            "promotion_days": (),
            "listing_id": IDS,
            "title": IDS,
            "category": IDS,
            "cost": 10 * ones,
            "price": 20 * ones,
            "history_days": 7,
            **changes,
        }
    )


def amount(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any plan for three listings."""
    days = draw(st.integers(1, 90))
    edges = sorted(draw(st.sets(st.integers(0, 24 * days), max_size=2 * MAX_PROMOTIONS)))
    windows = list(zip(edges[::2], edges[1::2], strict=False))
    total = draw(amount(0.01, 1e6))
    return Plan(
        store=draw(st.text(min_size=1)),
        planner="any",
        goal=draw(st.sampled_from(GOALS)),  # type: ignore[arg-type]
        target=draw(amount(0, 1e9)),
        start_hour=draw(st.integers(0, 167)),
        days=days,
        audience={segment: draw(amount(0, 3)) for segment in SEGMENTS},
        listings=tuple(
            ListingPlan(
                listing_id=own,
                role=draw(st.sampled_from(ROLES)),  # type: ignore[arg-type]
                budget_share=draw(amount(0, 1)),
                bid=draw(amount(0, 100)),
                price=draw(amount(0.01, 1e5)),
            )
            for own in draw(st.permutations(IDS))
        ),
        channel_split={CHANNELS[0]: 1.0, CHANNELS[1]: draw(amount(0, 1))},
        budget_total=total,
        budget_daily=total * draw(amount(0.01, 1)),
        roi_floor=draw(amount(0, 50)),
        promotions=tuple(
            Promotion(start_hour=start, end_hour=end, discount=draw(amount(0.01, 0.5))) for start, end in windows
        ),
        allow_below_cost=draw(st.booleans()),
        rationale=draw(st.text()),
    )


@given(plans())
@settings(deadline=None)
def test_a_plan_survives_json(plan: Plan) -> None:
    assert parse_plan(plan.model_dump_json()) == plan
    assert parse_plan(json.loads(plan.model_dump_json())) == plan
    assert parse_plan(plan.model_dump()) == plan


@given(st.lists(plans(), min_size=1, max_size=4), st.permutations(IDS))
@settings(deadline=None)
def test_packed_numbers_stand_in_their_places(many: list[Plan], order: list[str]) -> None:
    packed = pack_plans(many, [order] * len(many))
    assert packed.audience.shape == (len(many), len(SEGMENTS))
    assert packed.promotion.shape == (len(many), MAX_PROMOTIONS, 3)
    for i, plan in enumerate(many):
        items = {item.listing_id: item for item in plan.listings}
        for k, own in enumerate(order):
            assert packed.bid[i, k] == (0.0 if items[own].role == "paused" else items[own].bid)
            assert packed.price[i, k] == items[own].price
            assert packed.cap_listing[i, k] == items[own].budget_share * plan.budget_total
            assert ROLES[packed.role[i, k]] == items[own].role
        for s, segment in enumerate(SEGMENTS):
            assert packed.audience[i, s] == plan.audience[segment]
        for c, channel in enumerate(CHANNELS):
            assert packed.cap_channel[i, c] == plan.channel_split[channel] * plan.budget_total
        for slot in range(MAX_PROMOTIONS):
            window = plan.promotions[slot] if slot < len(plan.promotions) else None
            expected = (window.start_hour, window.end_hour, window.discount) if window else (0, 0, 0)
            assert tuple(packed.promotion[i, slot]) == expected
        for name in ("budget_total", "budget_daily", "roi_floor", "target", "start_hour", "days"):
            assert getattr(packed, name)[i] == getattr(plan, name)
        assert GOALS[packed.goal[i]] == plan.goal
        assert packed.allow_below_cost[i] == plan.allow_below_cost


def test_packing_refuses_stores_that_do_not_fit() -> None:
    plan = parse_plan(mapping())
    with pytest.raises(PlanError, match=r"plans\(=0 of them\) must be >= 1"):
        pack_plans([], [])
    with pytest.raises(PlanError, match=r"listings of 'shop'\(=L-01, L-02, L-03\) must be L-01, L-02, L-04"):
        pack_plans([plan], [["L-01", "L-02", "L-04"]])
    with pytest.raises(PlanError, match=r"listing_ids of 'shop'\(=2 of them\) must be 3"):
        pack_plans([plan, plan], [IDS, IDS[:2]])


FAULTS: list[tuple[tuple[str | int, ...], Any, str]] = [
    (("version",), "2", "version(='2') must be '1'"),
    (("store",), "", "store(='') must have"),
    (("store",), None, "store is missing"),
    (("goal",), "fame", "goal(='fame') must be 'profit', 'gmv', 'buyers', 'break_zero' or 'clear_stock'"),
    (("target",), -1, "target(=-1) must be greater than or equal to 0"),
    (("start_hour",), 168, "start_hour(=168) must be less than or equal to 167"),
    (("days",), 0, "days(=0) must be greater than or equal to 1"),
    (("days",), 91, "days(=91) must be less than or equal to 90"),
    (("audience", "micro"), 3.5, "audience.micro(=3.5) must be less than or equal to 3"),
    (("audience", "micro"), None, "audience.micro is missing; a number is needed for each segment: micro"),
    (("audience", "whales"), 1, "audience.whales is no known segment; allowed: micro, retailer"),
    (("listings",), [], "listings(=[]) must"),
    (("listings", 1, "listing_id"), "L-01", "listings[1].listing_id(='L-01') must appear once only"),
    (("listings", 2, "role"), "star", "listings[2].role(='star') must be 'hero', 'growth'"),
    (("listings", 2, "budget_share"), 1.4, "listings[2].budget_share(=1.4) must be less than or equal to 1"),
    (("listings", 0, "bid"), -0.1, "listings[0].bid(=-0.1) must be greater than or equal to 0"),
    (("listings", 0, "bid"), math.nan, "listings[0].bid(=nan) must be a finite number"),
    (("listings", 0, "price"), 0, "listings[0].price(=0) must be greater than 0"),
    (("listings", 0, "price"), "dear", "listings[0].price(='dear') must be a valid number"),
    (("listings", 0, "colour"), "red", "listings[0].colour(='red') is not a field of a plan"),
    (("channel_split", "feed"), -1, "channel_split.feed(=-1) must be greater than or equal to 0"),
    (("channel_split", "radio"), 1, "channel_split.radio is no known channel; allowed: search, feed"),
    (
        ("channel_split",),
        {"search": 0.4, "feed": 0.3},
        "channel_split(=search 0.4, feed 0.3) must sum to >= 1",
    ),
    (("budget_total",), 0, "budget_total(=0) must be greater than 0"),
    (("budget_total",), math.inf, "budget_total(=inf) must be a finite number"),
    (("budget_daily",), 800.0, "budget_daily(=800.0) must be <= budget_total(=700.0)"),
    (("roi_floor",), -2, "roi_floor(=-2) must be greater than or equal to 0"),
    (("promotions", 0, "end_hour"), 20, "promotions[0].end_hour(=20) must be > start_hour(=24)"),
    (("promotions", 0, "end_hour"), 337, "promotions[0].end_hour(=337) must be <= 336, the plan's end"),
    (("promotions", 0, "discount"), 0.6, "promotions[0].discount(=0.6) must be less than or equal to 0.5"),
    (
        ("promotions",),
        [{"start_hour": a, "end_hour": a + 5, "discount": 0.1} for a in (0, 3)],
        "promotions[1].start_hour(=3) must lie outside the other windows; it overlaps hours 0 to 5",
    ),
    (
        ("promotions",),
        [{"start_hour": 9 * a, "end_hour": 9 * a + 5, "discount": 0.1} for a in range(5)],
        "must have at most 4 items",
    ),
    (("forecast", "gmv", "low"), 9, "forecast.gmv.low(=9.0) <= mid(=2.0) <= high(=3.0) must hold"),
    (("surprise",), 1, "surprise(=1) is not a field of a plan"),
]


@pytest.mark.parametrize(("path", "value", "message"), FAULTS)
def test_each_wrong_field_is_named(path: tuple[str | int, ...], value: Any, message: str) -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(changed(path, value))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_each_fault_has_its_line() -> None:
    with pytest.raises(PlanError) as caught:
        parse_plan(mapping(days=0, budget_total=-1))
    assert [line.split("(")[0] for line in str(caught.value).splitlines()] == ["days", "budget_total"]


@pytest.mark.parametrize("text", ["{", "[]", "3", '"plan"'])
def test_what_is_no_plan_at_all_is_refused(text: str) -> None:
    with pytest.raises(PlanError, match=r"^plan"):
        parse_plan(text)


def test_the_schema_names_every_segment_and_channel() -> None:
    schema = Plan.model_json_schema()["properties"]
    assert schema["audience"]["required"] == list(SEGMENTS)
    assert schema["channel_split"]["additionalProperties"] is False


def test_a_sound_plan_passes() -> None:
    check_plan(parse_plan(mapping()), office())


LISTING = {"role": "test", "budget_share": 1.0, "bid": 1.0, "price": 20.0}


@pytest.mark.parametrize(
    ("changes", "seen", "message"),
    [
        ({"store": "other"}, {}, "store(='other') must be 'shop'"),
        ({"start_hour": 0}, {}, "start_hour(=0) must be 8"),
        ({"days": 15}, {}, "days(=15) must be <= 14"),
        ({"budget_total": 701.0}, {}, "budget_total(=701.0) must be <= 700.0"),
        ({}, {"renewing": True}, "budget_daily(=100.0) must be <= 50.0, what a day is granted"),
        ({}, {"roi_floor": 2.0}, "roi_floor(=0.0) must be >= 2.0, which the merchant insists on"),
        (
            {"listings": [{"listing_id": own, **LISTING} for own in (*IDS, "L-09")]},
            {},
            "listings[3].listing_id(='L-09') is not in the store; known: L-01, L-02, L-03",
        ),
        (
            {"listings": [{"listing_id": own, **LISTING} for own in IDS[:2]]},
            {},
            "listings lacks 'L-03'; every listing must appear once",
        ),
        (
            {},
            {"cost": np.array([10.0, 21.0, 10.0])},
            "listings[1].price(=20.0) of 'L-02' less the promotion of 10% is 18.00 and must be >= its cost",
        ),
        (
            {"promotions": []},
            {"cost": np.array([10.0, 10.0, 20.5])},
            "listings[2].price(=20.0) of 'L-03' must be >= its cost 20.5 [CNY], unless",
        ),
    ],
)
def test_what_a_store_cannot_carry_out_is_refused(changes: dict[str, Any], seen: dict[str, Any], message: str) -> None:
    with pytest.raises(PlanError) as caught:
        check_plan(parse_plan(mapping(**changes)), office(**seen))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_price_under_cost_is_allowed_where_the_plan_says_so() -> None:
    check_plan(parse_plan(mapping(allow_below_cost=True)), replace(office(), cost=np.full(3, 30.0)))


def test_a_promotion_does_not_touch_a_paused_listing() -> None:
    plan = changed(("listings", 1, "role"), "paused")
    check_plan(parse_plan(plan), office(cost=np.array([10.0, 19.0, 10.0])))


def test_a_plan_changed_by_copy_is_checked_again() -> None:
    plan = parse_plan(mapping()).model_copy(update={"days": -3})
    with pytest.raises(PlanError, match=r"days\(=-3\) must be greater than or equal to 1"):
        check_plan(plan, office())
