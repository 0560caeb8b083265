"""Actions are corrections of the plan: zero is the plan as written, and no correction breaks what the plan forbids."""

import re
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from merchantgym.envs.action import action_names, checked_action
from merchantgym.envs.engines.layout import Offer
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import Plan, Promotion, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.task import action_size

K = 8
BIDS = [Offer.BID_SEARCH, Offer.BID_FEED]


@cache
def world() -> OpenStores:
    return Population(load_scenario("headline")).open("train", 3)


@pytest.fixture(scope="module")
def opened() -> OpenStores:
    return world()


@pytest.fixture(scope="module")
def plan(opened: OpenStores) -> Plan:
    return platform_plan(opened.offices[0])


def changed(plan: Plan, listing: int, **fields: Any) -> Plan:
    """The plan with one listing changed."""
    listings = list(plan.listings)
    listings[listing] = listings[listing].model_copy(update=fields)
    return plan.model_copy(update={"listings": tuple(listings)})


def offers(opened: OpenStores, plan: Plan, actions: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the platform is told in each hour (H, K, Offer), the actions (H, A) being taken one after another."""
    fleet = Fleet(opened.start, 1)
    fleet.reset(pack_plans([plan], [opened.offices[0].listing_id]), np.array([0]), np.array([0]))
    told = []
    for action in actions:
        fleet.step(action[None])
        told.append(fleet.offer[0].copy())
    return np.stack(told)


def action(**entries: float) -> NDArray[np.float64]:
    """One action with the named entries, zeros elsewhere."""
    values = np.zeros(action_size(K))
    for name, value in entries.items():
        values[action_names(K).index(name)] = value
    return values


def test_an_action_has_a_name_for_every_number() -> None:
    assert action_names(2) == ("channel_search", "channel_feed", "listing_0", "listing_1", "discount")
    assert len(action_names(K)) == action_size(K) == 11


def test_zero_is_the_plan_as_written_to_the_last_bit(opened: OpenStores, plan: Plan) -> None:
    told = offers(opened, plan, np.zeros((48, action_size(K))))
    for k, listing in enumerate(plan.listings):
        assert (told[:, k][:, BIDS] == listing.bid).all()
        assert (told[:, k, Offer.PRICE] == round(listing.price * 100)).all()


@pytest.mark.parametrize("strength", [-1.0 + 1e-12, -0.3, 0.5, 1.0])
def test_bids_move_by_four_to_the_power_of_the_action(opened: OpenStores, plan: Plan, strength: float) -> None:
    planned = np.array([listing.bid for listing in plan.listings])
    by_search, by_listing, by_both = offers(
        opened,
        plan,
        np.stack(
            [
                action(channel_search=strength),
                action(listing_3=strength),
                action(channel_feed=strength, listing_3=strength),
            ]
        ),
    )
    np.testing.assert_allclose(by_search[:, Offer.BID_SEARCH], planned * 4.0**strength, rtol=1e-12)
    np.testing.assert_array_equal(by_search[:, Offer.BID_FEED], planned)
    alone = np.where(np.arange(K) == 3, 4.0**strength, 1.0)
    np.testing.assert_allclose(by_listing[:, Offer.BID_SEARCH], planned * alone, rtol=1e-12)
    np.testing.assert_allclose(by_listing[:, Offer.BID_FEED], planned * alone, rtol=1e-12)
    np.testing.assert_allclose(by_both[:, Offer.BID_FEED], planned * alone * 4.0**strength, rtol=1e-12)
    for told in (by_search, by_listing, by_both):
        assert (told[:, Offer.PRICE] == [round(listing.price * 100) for listing in plan.listings]).all()


def test_a_listings_lowest_action_takes_its_advertisement_off_for_the_hour(opened: OpenStores, plan: Plan) -> None:
    paused, back, beyond = offers(opened, plan, np.stack([action(listing_3=-1.0), action(), action(listing_3=-9.0)]))
    others = [k for k in range(K) if k != 3]
    for told in (paused, beyond):
        assert (told[3, BIDS] == 0.0).all()
        np.testing.assert_array_equal(told[others], back[others])
        assert told[3, Offer.PRICE] == back[3, Offer.PRICE]
    assert (back[3, BIDS] == plan.listings[3].bid).all()


@pytest.mark.parametrize("strength", [-1.0, -0.25, 0.25])
def test_prices_move_by_a_quarter_at_most(opened: OpenStores, plan: Plan, strength: float) -> None:
    (told,) = offers(opened, plan, action(discount=strength)[None])
    planned = np.array([listing.price for listing in plan.listings])
    assert (abs(told[:, Offer.PRICE] - 100 * planned * 1.25**-strength) <= 0.5).all()  # whole fen
    assert (told[:, BIDS] == np.array([listing.bid for listing in plan.listings])[:, None]).all()


def test_actions_beyond_the_bounds_count_as_the_bounds(opened: OpenStores, plan: Plan) -> None:
    far, near = offers(opened, plan, np.stack([np.full(action_size(K), 7.5), np.ones(action_size(K))]))
    np.testing.assert_array_equal(far, near)


def test_a_paused_listing_is_never_bid_on(opened: OpenStores, plan: Plan) -> None:
    for paused in (changed(plan, 2, role="paused"), changed(plan, 2, bid=0.0)):
        told = offers(opened, paused, np.stack([np.zeros(action_size(K)), np.ones(action_size(K))]))
        assert (told[:, 2][:, BIDS] == 0.0).all()
        assert (told[:, 3][:, BIDS] > 0.0).all()
        assert (told[:, :, Offer.PRICE] > 0.0).all()  # it stays in the shop


def test_a_promotion_holds_from_its_first_hour_to_the_hour_before_its_end(opened: OpenStores, plan: Plan) -> None:
    windows = (
        Promotion(start_hour=2, end_hour=5, discount=0.125),
        Promotion(start_hour=5, end_hour=6, discount=0.0625),
    )
    dear = changed(plan, 0, price=4 * opened.offices[0].cost[0]).model_copy(update={"promotions": windows})
    told = offers(opened, dear, np.tile(action(discount=0.5), (8, 1)))
    full = 4 * opened.offices[0].cost[0] * 100 * 1.25**-0.5  # the executor's discount applies on top
    expected = full * np.array([1, 1, 0.875, 0.875, 0.875, 0.9375, 1, 1])
    assert (abs(told[:, 0, Offer.PRICE] - expected) <= 0.5).all()


def test_a_promotion_is_for_advertised_listings(opened: OpenStores, plan: Plan) -> None:
    window = Promotion(start_hour=0, end_hour=1, discount=0.1)
    partly = changed(plan, 4, role="paused").model_copy(update={"promotions": (window,), "allow_below_cost": True})
    (told,) = offers(opened, partly, np.zeros((1, action_size(K))))
    for k, listing in enumerate(partly.listings):
        assert abs(told[k, Offer.PRICE] - 100 * listing.price * (1.0 if k == 4 else 0.9)) <= 0.5


@settings(max_examples=15)
@given(margins=st.lists(st.floats(0.0, 0.6), min_size=K, max_size=K), seed=st.integers(0, 99))
def test_no_correction_takes_a_price_under_cost(margins: list[float], seed: int) -> None:
    office = world().offices[0]
    plan = platform_plan(office)
    for k, margin in enumerate(margins):
        plan = changed(plan, k, price=float(office.cost[k]) * (1 + margin))
    told = offers(world(), plan, np.random.default_rng(seed).uniform(-1, 1, (24, action_size(K))))
    assert (told[:, :, Offer.PRICE] >= np.round(office.cost * 100)).all()


def test_a_plan_may_sell_under_cost_where_it_says_so(opened: OpenStores, plan: Plan) -> None:
    office = opened.offices[0]
    cheap = changed(plan, 1, price=float(office.cost[1])).model_copy(update={"allow_below_cost": True})
    (told,) = offers(opened, cheap, action(discount=1.0)[None])
    assert abs(told[1, Offer.PRICE] - 80 * office.cost[1]) <= 0.5
    least = changed(plan, 1, price=0.01).model_copy(update={"allow_below_cost": True})
    (told,) = offers(opened, least, action(discount=1.0)[None])
    assert told[1, Offer.PRICE] == 1.0  # one fen: nothing is free


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("column", "name"), [(1, "channel_feed"), (7, "listing_5"), (-1, "discount")])
def test_a_number_that_is_not_finite_is_named(bad: float, column: int, name: str) -> None:
    values = np.zeros((4, action_size(K)))
    values[2, column] = bad
    with pytest.raises(ValueError, match=rf"action\[2\]\.{name}\(={bad}\) must be a finite number in \[-1, 1\]"):
        checked_action(values, 4, K)


@pytest.mark.parametrize("shape", [(4, 10), (3, 11), (11,), (4, 11, 1)])
def test_a_wrong_shape_is_told_with_the_right_one(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=re.escape(f"action has shape {shape}, needs (4, 11)")):
        checked_action(np.zeros(shape), 4, K)


@pytest.mark.parametrize("kind", [np.float32, np.int64, np.bool_])
def test_any_real_type_is_taken(kind: Any) -> None:
    taken = checked_action(np.ones((1, action_size(K)), dtype=kind), 1, K)
    assert taken.dtype == np.float64
    assert (taken == 1.0).all()


def test_the_callers_array_is_left_alone() -> None:
    given = np.full((1, action_size(K)), 3.0)
    checked_action(given, 1, K)[:] = 0.0
    assert (given == 3.0).all()
