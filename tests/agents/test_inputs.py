"""Inputs of a correcting network: what is switched on is there, by name and in its place."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from merchantgym.agents.inputs import OBSERVED, Inputs, layout_of
from merchantgym.agents.sight import Sight
from merchantgym.controllers import make_controller
from merchantgym.envs.beliefs import feature_names as belief_names
from merchantgym.envs.observation import feature_names
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.perception import Perception
from merchantgym.envs.rollout import rollout

from ..worlds import plans_for

MPC = make_controller("mpc")
SWITCHES = st.builds(Inputs, st.booleans(), st.booleans(), st.booleans())


@given(inputs=SWITCHES, listings=st.integers(1, 20))
def test_every_number_has_its_name(inputs: Inputs, listings: int) -> None:
    layout = layout_of(inputs, MPC)
    names = layout.names(listings)
    assert len(names) == len(set(names)) == layout.size(listings)
    assert layout.listings_of(len(names)) == listings
    shop, items = layout.split(torch.arange(float(len(names)))[None])
    assert [names[int(i)] for i in shop[0]] == list(layout.shop_names)
    for k in range(listings):
        assert [names[int(i)] for i in items[0, k]] == [f"listing_{k}.{name}" for name in layout.item_names]


def test_by_default_it_is_the_observation_and_the_base_action() -> None:
    names = OBSERVED.names(2)
    assert names[: len(feature_names(2))] == feature_names(2)
    rest = names[len(feature_names(2)) :]
    assert rest == (
        *("base_channel_search", "base_channel_feed", "listing_0.base_action", "listing_1.base_action"),
        "base_discount",
    )
    assert layout_of(Inputs(), MPC) == OBSERVED


def test_what_is_seen_stands_under_its_name(headline: OpenStores) -> None:
    """Beliefs are those of perception on the same observations; insight is the controller's own."""
    sight = Sight(MPC, Inputs(beliefs=True, insight=True))
    plans, n = plans_for(headline), len(headline)
    names = sight.layout.names(8)
    perception = Perception()
    memory, alone, beliefs = sight.init(plans, n), MPC.init(plans, n), perception.init(plans, n)
    observations: list[Any] = []
    rollout(MPC, headline, plans, 1, on_hour=lambda fleet: observations.append(fleet.observation.copy()))
    for observation in observations[:6]:
        action, seen, memory = sight.look(observation, memory)
        wanted, alone = MPC.act(observation, alone)
        believed, beliefs = perception.update(observation, beliefs)
        by_name = dict(zip(names, seen.T, strict=True))
        np.testing.assert_array_equal(action, wanted)
        np.testing.assert_array_equal(by_name["base_discount"], wanted[:, -1].astype(np.float32))
        np.testing.assert_array_equal(by_name["listing_3.base_action"], wanted[:, 5].astype(np.float32))
        features = dict(zip(belief_names(8), believed.features().T, strict=True))
        for name in ("demand_mean", "regime_days", "listing_0.lift_sd", "listing_7.surge_days"):
            shown = by_name[f"listing_{name[8]}.belief_{name[10:]}" if "." in name else f"belief_{name}"]
            np.testing.assert_array_equal(shown, features[name].astype(np.float32))
        spare = np.stack([by_name[f"listing_{k}.insight_spare"] for k in range(8)])
        assert ((spare >= 0.0) & (spare <= 1.0)).all()
        assert (by_name["insight_price_of_money"] >= 0.0).all()
        assert np.isfinite(seen).all()


def test_impossible_inputs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"agent.inputs has no entry 'smell'; it has: beliefs, insight, base_action"):
        Inputs.of({"smell": True})
    with pytest.raises(ValueError, match=r"agent.inputs.beliefs\(='yes'\) must be true or false"):
        Inputs.of({"beliefs": "yes"})
    with pytest.raises(ValueError, match=r"agent.inputs.insight\(=True\) needs .* shows insight, not 'pid'"):
        Sight(make_controller("pid"), Inputs(insight=True))
    with pytest.raises(ValueError, match=r"policy input length\(=100\) must be 39 \+ 31 x listings"):
        OBSERVED.listings_of(100)
