"""A residual actor: equal to any base before training, and never the one that takes an advertisement off."""

from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from merchantgym.agents.inputs import Inputs, layout_of
from merchantgym.agents.policy import Correction
from merchantgym.agents.residual import ResidualActor, corrected
from merchantgym.controllers import CONTROLLERS, GUARDED, make_controller
from merchantgym.envs.actor import Memory
from merchantgym.envs.engines.layout import N_CHANNELS
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.task import PAUSED

from ..worlds import plans_for
from .networks import Remembering, frozen

WORLDS = (("headline", 8), ("tight_budget", 1), ("stockout", 4), ("promotion", 16))
STORES, HOURS = 3, 30


@cache
def watched(scenario: str, listings: int) -> tuple[PlanArrays, list[NDArray[np.float32]]]:
    """Plans of some stores, and what was observed of them while something happened."""
    world = load_scenario(scenario).model_copy(update={"listings": listings})
    stores = Population(world).open("train", STORES)
    plans, fleet, actor = plans_for(stores), Fleet(stores.start, STORES), make_controller("smart_pacing")
    observation = fleet.reset(plans, np.arange(STORES), np.full(STORES, 5))
    memory, seen = actor.init(plans, STORES), []
    for _ in range(HOURS):
        seen.append(observation.copy())
        action, memory = actor.act(observation, memory)
        observation = fleet.step(action)
    return plans, seen


def acts(actor: Any, plans: PlanArrays, seen: list[NDArray[np.float32]]) -> tuple[NDArray[np.float64], Memory]:
    memory, actions = actor.init(plans, STORES), []
    for observation in seen:
        action, memory = actor.act(observation, memory)
        actions.append(action)
    return np.stack(actions), memory


@pytest.mark.parametrize(("scenario", "listings"), WORLDS)
@pytest.mark.parametrize("name", [*CONTROLLERS, *GUARDED])
def test_untrained_it_is_its_base_bit_for_bit(name: str, scenario: str, listings: int) -> None:
    plans, seen = watched(scenario, listings)
    base = make_controller(name)
    wanted, memory = acts(base, plans, seen)
    for network in (Correction(8), Remembering(8)):
        actor = ResidualActor(base, frozen(network), 1.0)
        got, after = acts(actor, plans, seen)
        np.testing.assert_array_equal(got, wanted)
        for left, right in zip(after[: len(memory)], memory, strict=True):
            np.testing.assert_array_equal(left, right)
        assert len(after) == len(memory) + 2 * isinstance(network, Remembering)


@pytest.mark.parametrize("name", ["throttle", "guard:random"])
def test_a_trained_one_leaves_paused_listings_paused_and_pauses_no_other(name: str) -> None:
    plans, seen = watched("headline", 8)
    base = make_controller(name)
    plain, _ = acts(base, plans, seen)
    moved, _ = acts(ResidualActor(base, frozen(Correction(8), 2.0), 2.0), plans, seen)
    ads = slice(N_CHANNELS, -1)
    off = plain[..., ads] == PAUSED
    assert name != "throttle" or off.any()
    assert (moved != plain).any()
    np.testing.assert_array_equal(moved[..., ads] == PAUSED, off)


NUMBERS = st.floats(-1.0, 1.0) | st.sampled_from([-1.0, 1.0, np.nextafter(-1.0, 0.0), -1.0 + 1e-9])


@given(
    base=arrays(np.float64, (2, 6), elements=NUMBERS),
    correction=arrays(np.float64, (2, 6), elements=NUMBERS),
    scale=st.floats(0.0, 2.0),
)
def test_a_correction_of_any_action(base: NDArray[Any], correction: NDArray[Any], scale: float) -> None:
    action = corrected(base, correction, scale)
    ads = slice(N_CHANNELS, -1)
    np.testing.assert_array_equal(corrected(base, 0.0 * correction, scale), base)
    np.testing.assert_array_equal(action[:, ads] == PAUSED, base[:, ads] == PAUSED)
    assert np.abs(action).max() <= 1.0
    assert (np.abs(action - base) <= scale * np.abs(correction) + 1e-12).all()
    mirror = corrected(torch.from_numpy(base), torch.from_numpy(correction), scale, torch)
    np.testing.assert_array_equal(mirror.numpy(), action)


def test_a_network_remembers_from_hour_to_hour() -> None:
    plans, seen = watched("headline", 8)
    actor = ResidualActor(make_controller("pid"), frozen(Remembering(8), 0.3), 1.0)
    _, memory = acts(actor, plans, seen[:5])
    assert [part.shape for part in memory[-2:]] == [(STORES, 3), (STORES, 8, 2)]
    assert all(part.dtype == np.float64 for part in memory)
    fresh = (*memory[:-2], *actor.init(plans, STORES)[-2:])
    assert (actor.act(seen[5], memory)[0] != actor.act(seen[5], fresh)[0]).any()


@pytest.mark.parametrize(("scenario", "listings"), WORLDS)
def test_every_input_at_once_for_any_number_of_listings(scenario: str, listings: int) -> None:
    """The same weights: what a network is made of does not depend on how many listings there are."""
    plans, seen = watched(scenario, listings)
    base, inputs = make_controller("mpc"), Inputs(beliefs=True, insight=True)
    network = frozen(Correction(8, layout_of(inputs, base)), 0.3)
    actor = ResidualActor(base, network, 0.5, inputs=inputs)
    moved, memory = acts(actor, plans, seen)
    assert np.isfinite(moved).all()
    assert (moved != acts(base, plans, seen)[0]).any()
    untrained = ResidualActor(base, frozen(Correction(8, layout_of(inputs, base))), 0.5, inputs=inputs)
    np.testing.assert_array_equal(acts(untrained, plans, seen)[0], acts(base, plans, seen)[0])
    assert all(part.dtype == np.float64 and len(part) == STORES for part in memory)
