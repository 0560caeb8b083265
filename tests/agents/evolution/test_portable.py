"""An evolved policy on torch acts as the compiled one does, input by input and over whole episodes."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.agents.evolution.actor import EvolvedActor
from merchantgym.agents.evolution.features import Item, Shop, trace_width
from merchantgym.agents.evolution.policy import Shape, stacked_inputs
from merchantgym.agents.evolution.portable import PortablePolicy, begin_trace, input_names
from merchantgym.controllers import make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import action_size, bounds
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario

from ...worlds import Floats, plans_for

SHAPES = [Shape(half_lives, hidden) for half_lives in ((), (24.0,), (6.0, 48.0)) for hidden in (0, 3)]


class Scripted:
    """Actions from outside."""

    name, kind = "scripted", "controller"
    action: Floats

    def init(self, plans: PlanArrays, n: int) -> Any:
        return ()

    def act(self, observation: Any, memory: Any) -> Any:
        return self.action, memory


def policy(base: Actor, shape: Shape, seed: int) -> EvolvedActor:
    rng = np.random.default_rng(seed)
    standard = np.stack([rng.normal(size=shape.shop + shape.item), rng.uniform(0.1, 2.0, shape.shop + shape.item)])
    return EvolvedActor(base, shape, rng.normal(0.0, 0.1, shape.weights), standard, 0.7)


class Twin:
    """The same policy on torch."""

    def __init__(self, actor: EvolvedActor, n: int, listings: int) -> None:
        self.module = PortablePolicy(actor)
        self.trace = tuple(torch.from_numpy(part) for part in begin_trace(actor.shape, n, listings))

    def act(self, observation: Any, base: Floats) -> Floats:
        with torch.inference_mode():
            seen = torch.from_numpy(np.asarray(observation, dtype=np.float64))
            action, self.trace = self.module(seen, torch.from_numpy(np.array(base)), (), self.trace)
        return action.numpy()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from(SHAPES), st.integers(1, 9))
def test_it_acts_as_the_compiled_policy_on_any_observation(seed: int, shape: Shape, listings: int) -> None:
    rng, base = np.random.default_rng(seed), Scripted()
    low, high = bounds(listings)
    actor = policy(base, shape, seed)
    twin, memory = Twin(actor, 4, listings), (np.zeros((4, trace_width(shape.traces, listings))),)
    for _ in range(5):
        observation = rng.uniform(low, high, (4, len(low))).astype(np.float32)
        base.action = rng.choice([-1.0, 0.0, *rng.uniform(-1.0, 1.0, 3)], (4, action_size(listings)))
        action, memory = actor.act(observation, memory)
        np.testing.assert_allclose(twin.act(observation, base.action), action, rtol=0.0, atol=1e-7)


@pytest.mark.parametrize(
    ("shape", "listings"), [*((shape, k) for shape in SHAPES for k in (4, 8)), (Shape(apart=4), 4)], ids=str
)
def test_it_acts_as_the_compiled_policy_over_an_episode(shape: Shape, listings: int) -> None:
    scenario = load_scenario("headline").model_copy(update={"listings": listings})
    stores = Population(scenario).open("train", 3)
    plans = plans_for(stores)
    actor = policy(make_controller("value_pid"), shape, 3)
    fleet, rows = Fleet(stores.start, 3), np.arange(3)
    fleet.reset(plans, rows, rows)
    twin, memory = Twin(actor, 3, listings), actor.init(plans, 3)
    while not fleet.done.all():
        base, _ = actor.base.act(fleet.observation, memory[:-1])
        action, memory = actor.act(fleet.observation, memory)
        np.testing.assert_allclose(twin.act(fleet.observation, base), action, rtol=0.0, atol=1e-8)
        fleet.step(action)


@pytest.mark.parametrize("half_lives", [(), (24.0,), (6.0, 48.0)])
def test_every_input_is_the_compiled_one(half_lives: tuple[float, ...]) -> None:
    listings, n, shape = 3, 200, Shape(half_lives)
    inputs = shape.shop + shape.item
    standard = np.stack([np.zeros(inputs), np.full(inputs, 0.01)])  # nothing is clipped
    actor = EvolvedActor(Scripted(), shape, np.zeros(shape.weights), standard)
    twin, trace = Twin(actor, n, listings), np.zeros((n, trace_width(shape.traces, listings)))
    rng, (low, high) = np.random.default_rng(8), bounds(listings)
    for _ in range(3):
        observation = rng.uniform(low, high, (n, len(low))).astype(np.float32)
        base = rng.uniform(-1.0, 1.0, (n, action_size(listings)))
        shop, items = stacked_inputs(shape, observation, base, np.zeros((n, 0)), trace, standard, 5.0)
        seen = torch.from_numpy(observation.astype(np.float64))
        on_torch, of_items, twin.trace = twin.module.inputs(seen, torch.from_numpy(base), (), twin.trace)
    names = input_names(actor.base, shape, listings)
    assert len(set(names)) == len(names) == shape.shop + listings * shape.item
    assert names[Shop.LATE] == "late"
    assert names[shape.shop + shape.item + Item.WORTH] == "listing_1.worth"
    whole = np.concatenate((shop, items.reshape(n, -1)), axis=1)
    again = np.concatenate((on_torch.numpy(), of_items.permute(0, 2, 1).reshape(n, -1).numpy()), axis=1)
    for name, one, other in zip(names, whole.T, again.T, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-8, atol=1e-11, err_msg=name)
        assert np.ptp(one) > 0.0 or name == "one", name
