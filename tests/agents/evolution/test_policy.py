"""An evolved policy: its base before training, its documented formula after it, the same for every listing."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchantgym.agents.evolution.actor import EvolvedActor
from merchantgym.agents.evolution.features import LIMIT, SHOP_SIGNALS, Item, Shop, no_standard, trace_width
from merchantgym.agents.evolution.policy import Shape, stacked_inputs, standard_of
from merchantgym.controllers import make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import (
    Global,
    ObservationView,
    PerListing,
    action_size,
    bounds,
    listings_in,
    observation_size,
)
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario

from ...worlds import Floats, plan_row, plans_for

SHAPE = Shape(half_lives=(6.0, 48.0), hidden=2)
NUMBERS = np.random.default_rng(0)
STANDARD = np.stack([NUMBERS.normal(size=SHAPE.shop + SHAPE.item), NUMBERS.uniform(0.2, 2.0, SHAPE.shop + SHAPE.item)])
NOTHING = np.zeros((32, 0))  # what a base thinks that does not show it
WEIGHTS = NUMBERS.normal(0.0, 0.1, SHAPE.weights)


def actor(base: Actor, weights: Floats = WEIGHTS, scale: float = 0.7) -> EvolvedActor:
    return EvolvedActor(base, SHAPE, weights, STANDARD, scale)


def seen(stores: OpenStores, hours: int = 30) -> np.ndarray:
    """What is seen of all stores some hours into their plans."""
    fleet = Fleet(stores.start, len(stores))
    fleet.reset(plans_for(stores), np.arange(len(stores)), np.arange(len(stores)))
    for hour in range(hours):
        fleet.step(np.random.default_rng(hour).uniform(-0.3, 0.3, fleet.task.action.shape))
    return fleet.observation.copy()


class Fixed:
    """Always the same action for a store."""

    name, kind = "fixed", "controller"

    def __init__(self, action: Floats) -> None:
        self.action = action

    def init(self, plans: PlanArrays, n: int) -> Any:
        return ()

    def act(self, observation: Any, memory: Any) -> Any:
        return self.action, memory


def reference(observation: Any, base: Floats, memory: dict[str, Floats], scale: float) -> Floats:
    """The action by the formulas in the docstrings, in plain numpy; `memory` is changed in place."""
    view = ObservationView(observation.astype(np.float64))
    n, K = len(base), listings_in(observation.shape[1])
    gap, left = view[Global.PACING_GAP], view[Global.TIME_LEFT]
    prior = 100.0 * np.exp(view[Global.STORE_CONVERSION])[:, None]
    rate = (np.expm1(view[PerListing.ORDERS]) + prior) / (np.expm1(view[PerListing.MATURED_CLICKS]) + 100.0)
    conversion = np.log(rate) - view[Global.STORE_CONVERSION][:, None]
    worth = view[PerListing.ORDER_VALUE] + np.log(rate) - view[PerListing.PLAN_BID]
    stock = np.exp(-view[PerListing.STOCK_COVER])
    plain = {item.name: view[PerListing[item.name]] for item in Item if item.name in PerListing.__members__}
    items = plain | {
        "FEW_REVIEWS_EARLY": view[PerListing.FEW_REVIEWS] * left[:, None],
        "CONVERSION": conversion,
        "WORTH": worth,
        "WORTH_EARLY": worth * left[:, None],
        "WORTH_SCARCE": worth * gap[:, None],
        "LOW_STOCK": stock,
        "BASE": base[:, 2 : 2 + K],
        "BASE_EARLY": base[:, 2 : 2 + K] * left[:, None],
        "BASE_SQUARED": base[:, 2 : 2 + K] ** 2,
        "RANK_EARLY": view[PerListing.RANK] * left[:, None],
        "STOCK_EARLY": view[PerListing.STOCK_LEFT] * left[:, None],
    }
    active = view[PerListing.ACTIVE]
    shop = {name.name: view[Global[name.name]] for name in Shop if name.name in Global.__members__} | {
        "ONE": np.ones(n),
        "TIME_LEFT_SQUARED": left**2,
        "WORTH": (active * worth).sum(axis=1) / np.maximum(active.sum(axis=1), 1.0),
        "UNIT_MARGIN": (active * view[PerListing.UNIT_MARGIN]).sum(axis=1) / np.maximum(active.sum(axis=1), 1.0),
        "LOW_STOCK": stock.mean(axis=1),
        "STOCK_LEFT": view[PerListing.STOCK_LEFT].mean(axis=1),
        "LATE": np.maximum(1.0 - 7.0 * left, 0.0),
        "BASE_SEARCH": base[:, 0],
        "BASE_FEED": base[:, 1],
        "BASE_DISCOUNT": base[:, 2 + K],
    }
    X = np.stack([items[item.name] for item in Item], axis=2)
    G = np.stack([shop[item.name] for item in Shop], axis=1)
    signals = np.stack([view[signal] for signal in SHOP_SIGNALS], axis=1)
    own = np.stack([conversion, view[PerListing.RANK], view[PerListing.CLICK_RATE]], axis=2)
    for half_life in SHAPE.half_lives:
        for values, block in ((signals, "shop"), (own, "item")):
            key = f"{block} {half_life}"
            mean = memory.get(key, values)
            surprise = values - mean
            memory[key] = mean + (1.0 - 0.5 ** (1.0 / half_life)) * surprise
            if block == "shop":
                G = np.concatenate((G, surprise), axis=1)
            else:
                X = np.concatenate((X, surprise), axis=2)
    count = SHAPE.shop
    G = np.clip((G - STANDARD[0, :count]) * STANDARD[1, :count], -LIMIT, LIMIT)
    X = np.clip((X - STANDARD[0, count:]) * STANDARD[1, count:], -LIMIT, LIMIT)
    heads, own_weights, rest = np.split(WEIGHTS, [3 * count, 3 * count + SHAPE.item])
    whole, each = G @ heads.reshape(3, count).T, X @ own_weights
    for unit in rest.reshape(SHAPE.hidden, -1):
        hidden = np.tanh(X @ unit[: SHAPE.item] + (G @ unit[SHAPE.item : -4])[:, None])
        whole, each = whole + hidden.mean(axis=1, keepdims=True) * unit[-4:-1], each + unit[-1] * hidden
    correction = np.concatenate((whole[:, :2], each, whole[:, 2:]), axis=1)
    return np.clip(base + scale * correction, -1.0, 1.0)


@pytest.mark.parametrize("listings", [1, 3, 8])
@pytest.mark.parametrize("base", ["open_loop", "value_pid"])
def test_a_policy_at_its_start_is_its_base_bit_for_bit(base: str, listings: int) -> None:
    scenario = load_scenario("headline").model_copy(update={"listings": listings})
    stores = Population(scenario).open("train", 3)
    plans = plans_for(stores, days=np.full(3, 2))
    start = actor(make_controller(base), SHAPE.start(np.random.default_rng(1)))
    with_policy, alone = (rollout(each, stores, plans, seed=2) for each in (start, start.base))
    np.testing.assert_array_equal(with_policy.totals, alone.totals)


def test_an_action_is_what_the_formulas_say(headline: OpenStores) -> None:
    n = len(headline)
    base = np.random.default_rng(5).uniform(-0.9, 0.9, (n, action_size(8)))
    policy = actor(Fixed(base))
    memory, numpy_memory = policy.init(plans_for(headline), n), {}
    for hours in (0, 5, 30, 31):
        observation = seen(headline, hours)
        action, memory = policy.act(observation, memory)
        np.testing.assert_allclose(action, reference(observation, base, numpy_memory, 0.7), atol=1e-7)
    assert np.ptp(action, axis=0).min() > 0.1


def test_listings_may_stand_in_any_order(headline: OpenStores) -> None:
    observation = seen(headline)
    view = ObservationView(observation)
    order = np.random.default_rng(2).permutation(8)
    mixed = np.concatenate((view.shop, view.listings[:, order].reshape(len(headline), -1)), axis=1)
    policy = actor(make_controller("open_loop"))
    memory = policy.init(plans_for(headline), len(headline))
    whole, again = policy.act(observation, memory)[0], policy.act(mixed, memory)[0]
    np.testing.assert_allclose(again[:, 2:10], whole[:, 2:10][:, order], atol=1e-12)
    np.testing.assert_allclose(again[:, [0, 1, 10]], whole[:, [0, 1, 10]], atol=1e-12)


def test_a_store_does_not_depend_on_its_company_and_nothing_handed_in_changes(headline: OpenStores) -> None:
    observation, rows = seen(headline), np.array([7, 2])
    policy = actor(make_controller("value_pid"))
    plans = plans_for(headline)
    memory = policy.init(plans, len(headline))
    _, memory = policy.act(seen(headline, 5), memory)
    kept = [part.copy() for part in memory]
    observation.flags.writeable = False
    action, after = policy.act(observation, memory)
    few = policy.act(observation[rows], tuple(part[rows] for part in memory))
    np.testing.assert_array_equal(few[0], action[rows])
    np.testing.assert_array_equal(few[1][-1], after[-1][rows])
    for part, before in zip(memory, kept, strict=True):
        np.testing.assert_array_equal(part, before)
    assert policy.init(plan_row(plans, rows), 2)[-1].shape == (2, trace_width(2, 8))


def test_a_paused_listing_stays_paused_and_actions_stay_in_range(headline: OpenStores) -> None:
    base = np.zeros((len(headline), action_size(8)))
    base[:, 4] = -1.0
    policy = actor(Fixed(base), 50.0 * WEIGHTS)
    action, _ = policy.act(seen(headline), policy.init(plans_for(headline), len(headline)))
    assert (action[:, 4] == -1.0).all()
    assert np.abs(action).max() == 1.0


@given(st.integers(0, 2**32 - 1), st.integers(1, 9))
def test_any_documented_observation_gives_a_finite_action(seed: int, listings: int) -> None:
    low, high = bounds(listings)
    rng = np.random.default_rng(seed)
    ends = rng.integers(0, 3, (4, observation_size(listings)))
    observation = np.select([ends == 0, ends == 1], [low, high], rng.uniform(low, high)).astype(np.float32)
    policy = actor(Fixed(rng.uniform(-1.0, 1.0, (4, action_size(listings)))))
    memory = (np.zeros((4, trace_width(2, listings))),)
    for _ in range(2):
        action, memory = policy.act(observation, memory)
        assert np.abs(action).max() <= 1.0
        assert np.isfinite(memory[-1]).all()


def test_a_surprise_is_nothing_at_first_and_halves_in_a_half_life(headline: OpenStores) -> None:
    shape = Shape(half_lives=(6.0,))
    observation = seen(headline)
    base, trace = np.zeros((len(headline), action_size(8))), np.zeros((len(headline), trace_width(1, 8)))
    gaps = []
    for hour in range(8):
        observation[:, Global.PACING_GAP] = 0.0 if hour == 0 else 0.4
        shop, _ = stacked_inputs(shape, observation, base, NOTHING, trace, no_standard(shape.inputs), np.inf)
        gaps.append(shop[0, len(Shop)])
    assert gaps[0] == 0.0
    assert gaps[1] == pytest.approx(0.4)
    assert gaps[7] == pytest.approx(0.2)


def test_what_does_not_vary_is_never_looked_at(headline: OpenStores) -> None:
    observation = seen(headline)
    base, trace = np.zeros((len(headline), action_size(8))), np.zeros((len(headline), trace_width(2, 8)))
    sample = stacked_inputs(SHAPE, observation, base, NOTHING, trace, no_standard(SHAPE.inputs), np.inf)
    standard = standard_of([sample])
    shop, items = stacked_inputs(SHAPE, observation, base, NOTHING, 0.0 * trace, standard, np.inf)
    assert standard[1, Shop.BASE_SEARCH] == standard[1, SHAPE.shop + Item.BASE] == 0.0
    np.testing.assert_allclose(shop[:, Shop.WIN_FEED].std(), 1.0)
    np.testing.assert_allclose(items[:, :, Item.WORTH].mean(), 0.0, atol=1e-9)
    live = SHAPE.live(standard)
    dead = np.setdiff1d(np.arange(SHAPE.weights), live)
    assert {0, SHAPE.shop, 2 * SHAPE.shop} <= set(live.tolist())  # the constants
    assert {Shop.BASE_SEARCH + SHAPE.shop, 3 * SHAPE.shop + Item.BASE} <= set(dead.tolist())
    policy = EvolvedActor(Fixed(base), SHAPE, WEIGHTS, standard)
    other = WEIGHTS.copy()
    other[dead] += 1.0
    memory = policy.init(plans_for(headline), len(headline))
    np.testing.assert_array_equal(
        policy.act(observation, memory)[0],
        EvolvedActor(Fixed(base), SHAPE, other, standard).act(observation, memory)[0],
    )


def test_what_the_base_thinks_is_seen(headline: OpenStores) -> None:
    shape = Shape((24.0,), insight=(2, 3))
    base = make_controller("mpc")
    standard = no_standard(shape.inputs)
    plans, n = plans_for(headline), len(headline)
    observation = seen(headline)
    own, memory = base.act(observation, base.init(plans, n))
    shop, items = base.insight(memory)
    for place, expected in (*((shape.shop - 2 + i, shop[:, i]) for i in range(2)),):
        weights = np.zeros(shape.weights)
        weights[place] = 1e-3
        policy = EvolvedActor(base, shape, weights, standard)
        action, _ = policy.act(observation, policy.init(plans, n))
        np.testing.assert_allclose(action[:, 0] - own[:, 0], 1e-3 * np.clip(expected, -LIMIT, LIMIT), atol=1e-9)
    bids = own[:, 2:-1]
    free = (bids > -0.9) & (bids < 0.9)
    assert free.any()
    for i in range(3):
        weights = np.zeros(shape.weights)
        weights[-3 + i] = 1e-3
        policy = EvolvedActor(base, shape, weights, standard)
        action, _ = policy.act(observation, policy.init(plans, n))
        expected = 1e-3 * np.clip(items[:, :, i], -LIMIT, LIMIT)
        np.testing.assert_allclose((action[:, 2:-1] - bids)[free], expected[free], atol=1e-9)


def test_weights_of_their_own_are_the_shared_ones_where_all_are_the_same(headline: OpenStores) -> None:
    shared = Shape((24.0,), hidden=2)
    apart = Shape((24.0,), hidden=2, apart=8)
    weights = np.random.default_rng(3).normal(0.0, 0.05, shared.weights)
    at = 3 * shared.shop
    repeated = np.concatenate((weights[:at], np.tile(weights[at : at + shared.item], 8), weights[at + shared.item :]))
    base, standard, plans = make_controller("open_loop"), no_standard(shared.inputs), plans_for(headline)
    one = EvolvedActor(base, shared, weights, standard)
    own = EvolvedActor(base, apart, repeated, standard)
    expected, _ = one.act(seen(headline), one.init(plans, len(headline)))
    action, _ = own.act(seen(headline), own.init(plans, len(headline)))
    np.testing.assert_allclose(action, expected, atol=1e-12)
    repeated[at + 5 * shared.item + Item.RATING] += 0.01  # of the sixth listing alone
    changed, _ = EvolvedActor(base, apart, repeated, standard).act(seen(headline), own.init(plans, len(headline)))
    assert set(np.flatnonzero((changed != action).any(axis=0))) <= {2 + 5}
    assert (changed[:, 7] != action[:, 7]).any()
    few = Population(load_scenario("headline").model_copy(update={"listings": 3})).open("train", 2)
    with pytest.raises(ValueError, match=r"listings\(=3\) must be 8"):
        own.init(plans_for(few), 2)


@pytest.mark.parametrize(
    ("weights", "message"), [(WEIGHTS[1:], "weights"), (np.full(SHAPE.weights, np.nan), "weights")]
)
def test_weights_that_are_none_are_named(weights: Floats, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        actor(make_controller("open_loop"), weights)
