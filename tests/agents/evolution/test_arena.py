"""Episodes without Python are those of the rollout, to the last bit."""

import numpy as np
import pytest

from merchantgym.agents.evolution.actor import EvolvedActor
from merchantgym.agents.evolution.arena import Arena
from merchantgym.agents.evolution.policy import Shape
from merchantgym.controllers import make_controller
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import Population
from merchantgym.envs.reward import RewardWeights, reward_from_mapping
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario

from ...worlds import Floats, plans_for

SHAPE = Shape(half_lives=(24.0,), hidden=1)
RNG = np.random.default_rng(0)
STANDARD = np.stack([RNG.normal(size=SHAPE.shop + SHAPE.item), RNG.uniform(0.2, 1.0, SHAPE.shop + SHAPE.item)])
WEIGHTS = RNG.normal(0.0, 0.05, (3, SHAPE.weights))


GMV = reward_from_mapping({"scale": 50.0, "weights": {"every": {"gmv": 1.0, "ad_spend": 1.0}}})


def by_rollout(
    base: str, stores: OpenStores, plans: PlanArrays, rows: Floats, seed: int, reward: RewardWeights | None = None
) -> Floats:
    """Returns (C, S) of the same candidates by the loop that everything else goes through."""
    actors = [EvolvedActor(make_controller(base), SHAPE, weights, STANDARD) for weights in WEIGHTS]
    return np.stack([rollout(each, stores, plans, seed, reward=reward).reward for each in actors])[:, rows]


@pytest.mark.parametrize("base", ["open_loop", "value_pid"])
@pytest.mark.parametrize(("threads", "rows"), [(1, 1024), (1, 5), (2, 192)])
def test_returns_are_the_rollouts_bit_for_bit(headline: OpenStores, base: str, threads: int, rows: int) -> None:
    days = 1 + np.arange(len(headline)) % 3  # plans that end at different times
    plans = plans_for(headline, days=days)
    arena = Arena(make_controller(base), SHAPE, STANDARD, 1.0, headline, plans, threads=threads, rows=rows)
    stores = np.tile(np.array([4, 0, 9, 31]), 16)[: 64 if threads > 1 else 4]
    earned = arena.returns(WEIGHTS, stores, np.full(len(stores), 7))
    np.testing.assert_array_equal(earned, by_rollout(base, headline, plans, stores, 7))


@pytest.mark.parametrize("listings", [1, 5])
def test_any_number_of_listings_any_reward_and_the_whole_plan(listings: int) -> None:
    scenario = load_scenario("headline").model_copy(update={"listings": listings})
    stores = Population(scenario).open("train", 2)
    plans = plans_for(stores)
    arena = Arena(make_controller("open_loop"), SHAPE, STANDARD, 1.0, stores, plans, reward=GMV)
    earned = arena.returns(WEIGHTS, np.arange(2), np.full(2, 3))
    np.testing.assert_array_equal(earned, by_rollout("open_loop", stores, plans, np.arange(2), 3, GMV))


def test_candidates_share_the_chance_of_a_store(headline: OpenStores) -> None:
    plans = plans_for(headline, days=np.full(32, 1))
    arena = Arena(make_controller("open_loop"), SHAPE, STANDARD, 1.0, headline, plans)
    twice = arena.returns(WEIGHTS[[0, 0]], np.array([3, 3]), np.array([1, 2]))
    np.testing.assert_array_equal(twice[0], twice[1])
    assert twice[0, 0] != twice[0, 1]


def test_what_the_base_thinks_is_the_same_in_a_search_and_in_a_rollout(headline: OpenStores) -> None:
    shape = Shape(half_lives=(24.0,), insight=(2, 3))
    weights = np.random.default_rng(1).normal(0.0, 0.02, shape.weights)
    plans = plans_for(headline, days=np.full(len(headline), 2))
    standard = np.ones((2, shape.inputs))
    base = make_controller("mpc")
    arena = Arena(base, shape, standard, 1.0, headline, plans)
    earned = arena.returns(weights[None, :], np.array([4, 9]), np.full(2, 7))
    whole = rollout(EvolvedActor(base, shape, weights, standard), headline, plans, 7).reward
    np.testing.assert_array_equal(earned[0], whole[[4, 9]])
