"""The explorer: its base where it has no spread, chance that belongs to the store, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchantgym.agents.offline.explorer import Explorer, Way
from merchantgym.controllers import make_controller
from merchantgym.envs.rollout import rollout

from ...worlds import opened, plans_for

KEYS = np.arange(32)


@pytest.mark.parametrize("name", ["open_loop", "value_pid", "mpc", "throttle", "guard:pid"])
def test_without_spread_it_is_its_base_bit_for_bit(name: str) -> None:
    stores, base = opened("headline"), make_controller(name)
    plans = plans_for(stores)
    explorer = Explorer(base, Way("still"), 24, 1, KEYS)
    np.testing.assert_array_equal(
        rollout(explorer, stores, plans, seed=2).totals, rollout(base, stores, plans, seed=2).totals
    )


@given(st.sampled_from([1, 4, 24]), st.integers(0, 2**31))
def test_a_stores_chance_is_its_own_in_any_company(hold: int, seed: int) -> None:
    stores = opened("headline")
    plans = plans_for(stores)
    rng = np.random.default_rng(0)
    seen = rng.normal(size=(5, 32, stores.start.listings * 30 + 36)).astype(np.float32)
    rows = rng.permutation(32)[:7]
    moves = []
    for chosen in (KEYS, rows):
        explorer = Explorer(make_controller("open_loop"), Way("noise", sd=0.3), hold, seed, chosen)
        memory, actions = explorer.init(plans, len(chosen)), []
        for observation in seen:
            action, memory = explorer.act(observation[chosen], memory)
            actions.append(action)
        moves.append(np.array(actions))
    np.testing.assert_array_equal(moves[0][:, rows], moves[1])


def test_a_mean_that_looks_at_the_store_is_followed() -> None:
    stores = opened("headline")
    way = Way("by rank", lambda observation, base: base + observation[:, :1].astype(np.float64), sd=0.0)
    explorer = Explorer(make_controller("open_loop"), way, 1, 0, KEYS)
    seen = np.zeros((32, stores.start.listings * 30 + 36), dtype=np.float32)
    seen[:, 0] = np.linspace(-2.0, 0.9, 32)
    action, _ = explorer.act(seen, explorer.init(plans_for(stores), 32))
    np.testing.assert_allclose(action[:, 0], np.clip(seen[:, 0], -1.0, 1.0))


def test_what_is_impossible_is_refused() -> None:
    base = make_controller("open_loop")
    with pytest.raises(ValueError, match=r"hold\(=7\) must be a divisor of 24"):
        Explorer(base, Way("noise", sd=0.1), 7, 0, KEYS)
    with pytest.raises(ValueError, match=r"noise.sd\(=-1\) must be in \[0, 2\]"):
        Way("noise", sd=-1)
    with pytest.raises(ValueError, match=r"n\(=5\) must be 32, the stores whose keys were given"):
        Explorer(base, Way("noise"), 24, 0, KEYS).init(plans_for(opened("headline")), 5)
