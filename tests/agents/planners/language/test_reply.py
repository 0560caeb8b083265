"""Replies of a model: whatever keeps to the schema becomes a plan that the shop can carry out; the rest is named."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchantgym.agents.planners.language.reply import (
    ListingReply,
    Reply,
    ReplyError,
    parse_reply,
    plan_of,
    reply_schema,
)
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.hosting import load_hosting
from merchantgym.envs.market.parameters import SEGMENTS
from merchantgym.envs.plan import GOALS, ROLES, check_plan
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario

from ..back_offices import back_offices


@pytest.fixture(scope="module")
def office() -> BackOffice:
    scenario = load_scenario("headline").model_copy(update={"listings": 3})
    return Population(scenario).open("train", 1).offices[0]


def reply(**changes: object) -> Reply:
    listing = {"role": "growth", "bid_percent": 80, "price_percent": 0, "cap_percent": 100}
    whole = {
        "goal": "profit",
        "days": 14,
        "budget_percent": 60,
        "feed_percent": 40,
        "audience": dict.fromkeys(SEGMENTS, "same"),
        "promotion_percent": 0,
        "listings": {f"L0{k}": listing for k in (1, 2, 3)},
        "evidence": ["L01.stock"],
        "rationale": "Because.",
    }
    return parse_reply(json.dumps(whole | changes))


listing_replies = st.builds(
    ListingReply,
    role=st.sampled_from(ROLES),
    bid_percent=st.integers(0, 300),
    price_percent=st.integers(-20, 20),
    cap_percent=st.integers(1, 100),
)
replies = st.builds(
    Reply,
    goal=st.sampled_from(GOALS),
    days=st.integers(1, 90),
    budget_percent=st.integers(5, 100),
    feed_percent=st.integers(0, 100),
    audience=st.dictionaries(st.sampled_from([*SEGMENTS, "nobody"]), st.sampled_from(["less", "same", "more"])),
    promotion_percent=st.integers(0, 50),
    listings=st.dictionaries(st.sampled_from([f"L-{k:02d}" for k in range(1, 12)]), listing_replies),
)


@given(back_offices(), replies, st.sampled_from(["marketplace", "own_shop", "semi_managed", "fully_managed"]))
def test_any_reply_makes_a_plan_that_the_shop_can_carry_out(office: BackOffice, answer: Reply, hosting: str) -> None:
    office = replace(office, hosting=load_hosting(hosting))
    plan, repairs = plan_of(answer, office, "llm")
    check_plan(plan, office)
    paused = [item for item in plan.listings if item.listing_id not in answer.listings]
    assert all(item.role == "paused" for item in paused)
    assert all(repair.why for repair in repairs)


def test_a_reply_is_taken_at_its_word(office: BackOffice) -> None:
    plan, repairs = plan_of(reply(audience={**dict.fromkeys(SEGMENTS, "same"), "sourcing": "less"}), office, "llm")
    assert repairs == ()
    assert plan.budget_total == pytest.approx(0.6 * office.budget, abs=0.01)
    assert [item.bid for item in plan.listings] == pytest.approx(0.8 * office.suggested_bid, abs=5e-4)
    assert [item.price for item in plan.listings] == pytest.approx(office.price)
    assert plan.channel_split["feed"] == 0.4
    assert plan.audience["sourcing"] == 0.5
    assert plan.rationale == "Because."


def test_repairs_are_named(office: BackOffice) -> None:
    deep = {"L01": {"role": "hero", "bid_percent": 100, "price_percent": -20, "cap_percent": 10}}
    dear = replace(office, cost=0.95 * office.price, promotion_days=(2, 3, 7))
    plan, repairs = plan_of(reply(days=90, listings=deep, promotion_percent=50), dear, "llm")
    told = [str(repair) for repair in repairs]
    assert told[0] == "listings.L02: nothing became paused, nothing was said of it"
    assert any(line.startswith("days: 90 became 14") for line in told)
    assert any(line.startswith("listings.L01.price") and line.endswith("its cost") for line in told)
    assert any(line.startswith("promotion_percent: 50 % became 0 %") for line in told)
    assert plan.promotions == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no JSON", "reply is not JSON"),
        ('{"goal": "profit"}', "listings is missing"),
        (json.dumps(json.loads(reply().model_dump_json()) | {"goal": "fame"}), r"goal\(='fame'\) must be"),
        (json.dumps(json.loads(reply().model_dump_json()) | {"mood": 1}), r"mood\(=1\) is not a field of a reply"),
    ],
)
def test_what_is_no_reply_is_refused_with_the_field_named(text: str, message: str) -> None:
    with pytest.raises(ReplyError, match=message):
        parse_reply(text)


def test_the_schema_names_every_listing_once_and_bounds_every_number(office: BackOffice) -> None:
    schema = reply_schema(office)
    items = schema["properties"]["listings"]
    assert items["required"] == list(items["properties"]) == list(office.listing_id)
    assert set(schema["required"]) == set(Reply.model_fields)
    assert schema["properties"]["days"] == {"type": "integer", "minimum": 1, "maximum": office.days}
