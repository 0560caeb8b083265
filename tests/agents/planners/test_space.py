"""Plans as vectors: whatever the vector, the store can carry the plan out."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.agents.planners import PlatformDefaultPlanner, RandomPlanner, RulePlanner
from merchantgym.agents.planners.space import LIMIT, PlanSpace, coordinate_names
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Plan, PlanArrays, check_plan, pack_plans

from .back_offices import back_offices

BASES = [PlatformDefaultPlanner(), RulePlanner()]


@st.composite
def spaces(draw: st.DrawFn) -> PlanSpace:
    office = draw(back_offices())
    return PlanSpace(office, draw(st.sampled_from(BASES)).plan(office))


def drawn(space: PlanSpace, seed: int, spread: float) -> np.ndarray:
    return spread * np.random.default_rng(seed).standard_normal(len(space.names))


def same(one: PlanArrays, other: PlanArrays) -> None:
    for field in fields(PlanArrays):
        np.testing.assert_allclose(getattr(one, field.name), getattr(other, field.name), rtol=1e-9, err_msg=field.name)


@settings(max_examples=60, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1), st.sampled_from([0.3, 1.0, 3.0, 30.0]))
def test_every_vector_is_a_plan_that_the_store_can_carry_out(space: PlanSpace, seed: int, spread: float) -> None:
    x = drawn(space, seed, spread)
    plan = space.plan(x, "drawn")
    check_plan(plan, space.office)
    same(space.arrays(x[None]), pack_plans([plan], [space.office.listing_id]))


@settings(max_examples=30, deadline=None)
@given(spaces())
def test_zero_is_the_base_plan(space: PlanSpace) -> None:
    nothing = np.zeros(len(space.names))
    plan = space.plan(nothing, "zero")
    assert plan == space.base.model_copy(update={"planner": "zero", "forecast": None})
    same(space.arrays(nothing[None]), pack_plans([space.base], [space.office.listing_id]))


@settings(max_examples=30, deadline=None)
@given(spaces(), st.integers(0, 2**32 - 1))
def test_a_coordinate_that_is_not_live_changes_nothing(space: PlanSpace, seed: int) -> None:
    x = drawn(space, seed, 1.0)
    same(space.arrays(x[None]), space.arrays((x * space.live)[None]))


@settings(max_examples=30, deadline=None)
@given(spaces(), st.sampled_from(["bids", "prices", "budget", "daily", "feed", "promotion"]))
def test_more_is_never_less(space: PlanSpace, name: str) -> None:
    x = np.zeros((9, len(space.names)))
    x[:, space.names.index(name)] = np.linspace(-LIMIT, LIMIT, 9)
    rows = space.arrays(x)
    told = {
        "bids": rows.bid,
        "prices": rows.price,
        "budget": rows.budget_total,
        "daily": rows.budget_daily,
        "feed": rows.cap_channel,
        "promotion": rows.promotion[:, :, 2],
    }[name]
    away = np.abs(x[:, space.names.index(name)]) > 0.0  # at 0 the base stands, which may lie outside what is searched
    assert (np.diff(told[away], axis=0) >= -1e-9).all()


def test_the_names_are_those_of_the_numbers() -> None:
    assert coordinate_names(2)[:4] == ("bid.1", "bid.2", "price.1", "price.2")
    assert len(coordinate_names(8)) == 2 * 8 + 10


@given(back_offices())
@settings(max_examples=20, deadline=None)
def test_a_random_plan_is_the_stores_own(office: BackOffice) -> None:
    plan = RandomPlanner().plan(office)
    check_plan(plan, office)
    assert plan == RandomPlanner().plan(office)
    other = RandomPlanner(seed=1).plan(office)
    assert bids(plan) != bids(other)


def bids(plan: Plan) -> list[float]:
    return [item.bid for item in plan.listings]


@pytest.mark.parametrize("awake", [False, True])
def test_a_paused_listing_wakes_where_its_coordinate_says_so(awake: bool) -> None:
    from merchantgym.envs.population import Population
    from merchantgym.envs.scenario import load_scenario

    office = Population(load_scenario("headline")).open("validation", 1).offices[0]
    base = PlatformDefaultPlanner().plan(office)
    listings = (replace_role(base, 0), *base.listings[1:])
    space = PlanSpace(office, base.model_copy(update={"listings": listings}))
    x = np.zeros(len(space.names))
    x[0] = 2.0 if awake else 0.5
    first = space.plan(x, "p").listings[0]
    assert first.role == ("test" if awake else "paused")
    assert first.bid == (pytest.approx(office.suggested_bid[0]) if awake else 0.0)
    assert replace(space).live.all()


def replace_role(plan: Plan, k: int):  # type: ignore[no-untyped-def]
    return plan.listings[k].model_copy(update={"role": "paused", "bid": 0.0})
