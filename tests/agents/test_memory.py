"""A network that remembers: the same in training and execution, held between decisions, exported."""

from pathlib import Path

import numpy as np
import pytest
import torch

from merchantgym.agents.bundle import export_bundle, load_bundle
from merchantgym.agents.inputs import OBSERVED
from merchantgym.agents.memory import RecurrentCorrection
from merchantgym.agents.residual import ResidualActor
from merchantgym.controllers import make_controller
from merchantgym.envs.rollout import rollout
from merchantgym.envs.task import action_size

from .lessons import BASE, world

UNITS, HOLD = 5, 4


def remembering() -> RecurrentCorrection:
    """A network whose memory matters."""
    made = RecurrentCorrection(8, UNITS, HOLD)
    chance = torch.Generator().manual_seed(0)
    for weight in made.parameters():
        weight.data.normal_(0.0, 0.3, generator=chance)
    return made.eval().requires_grad_(False)


def inputs(rows: int, listings: int, seed: int) -> torch.Tensor:
    chance = np.random.default_rng(seed)
    return torch.from_numpy(chance.normal(size=(rows, OBSERVED.size(listings))).astype(np.float32))


@pytest.mark.parametrize("listings", [1, 8])
def test_memory_moves_once_a_decision_as_in_training(listings: int) -> None:
    network, memory = remembering(), remembering().begin(2, listings)
    state = torch.zeros(1, 2, UNITS), torch.zeros(1, 2, UNITS)
    for hour in range(3 * HOLD):
        rows = inputs(2, listings, hour)
        action, *after = network(rows, *memory)
        if hour % HOLD == 0:
            context, encoded = network.net.encoder(*network.scaling(rows))
            out, state = network.net.lstm(context[None], state)
            wanted = network.net.heads(context, out[0], encoded).clamp(-1.0, 1.0)
        torch.testing.assert_close(action, wanted)
        torch.testing.assert_close(after[3], state[0][0])
        memory = tuple(after)
    assert action.shape == (2, action_size(listings))


def test_what_was_seen_before_changes_what_is_done_now() -> None:
    network = remembering()
    now = inputs(1, 4, 0)
    acts = []
    for seed in (1, 2):
        memory = network.begin(1, 4)
        for hour in range(HOLD):
            _, *after = network(inputs(1, 4, seed + 10 * hour), *memory)
            memory = tuple(after)
        acts.append(network(now, *memory)[0])
    assert not torch.equal(*acts)


def test_it_is_exported_with_its_memory(tmp_path: Path) -> None:
    actor = ResidualActor(make_controller(BASE), remembering(), 0.5, "recurrent_ppo")
    stores, plans = world()
    parity = export_bundle(
        actor, tmp_path / "bundle", stores, plans,
        seed=4, observations=1000, tolerance=1e-5, scenario="headline", scenario_hash="0", scores={},
    )  # fmt: skip
    assert parity.largest < 1e-5
    original, exported = (rollout(each, stores, plans, seed=9) for each in (actor, load_bundle(tmp_path / "bundle")))
    np.testing.assert_allclose(original.profit, exported.profit, atol=0.1)  # a spend may round to the next fen
