"""A controller corrected by constants: what they move, what they leave alone, and which of them can matter."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from merchantgym.controllers import make_controller
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.observation import Global, observation_size
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.rollout import rollout
from merchantgym.envs.task import PAUSED
from merchantgym.experiments.studies.constants import LATE, Bench, CorrectedActor, constant_names

from ...worlds import opened, plan_row, plans_for


class Fixed:
    """Acts as it is told, whatever happens."""

    name, kind = "fixed", "controller"

    def __init__(self, action: FloatArray) -> None:
        self.action = action

    def init(self, plans: Any, n: int) -> Any:
        return ()

    def act(self, observation: Any, memory: Any) -> Any:
        return self.action, memory


def corrected(base: FloatArray, constants: FloatArray, time_left: float) -> FloatArray:
    """The action of stores whose base acts as it is told."""
    listings = base.shape[1] - 3
    observation = np.zeros((len(base), observation_size(listings)), dtype=np.float32)
    observation[:, Global.TIME_LEFT] = time_left
    action, _ = CorrectedActor(Fixed(base), constants).act(observation, ())  # type: ignore[arg-type]
    return action


def bench(base: str = "pid", stores: int = 4, days: int = 2) -> Bench:
    world = opened("headline")
    plans = replace(plans_for(world), days=np.full(len(world), days))
    return Bench(make_controller(base), world, plan_row(plans, np.arange(len(world))))


def test_zeros_are_the_base_to_the_last_bit(headline: OpenStores) -> None:
    ring = bench("value_pid")
    stores = np.arange(4)
    alone = rollout(ring.base, headline, ring.plans, seed=9)
    names = constant_names(headline.start.listings)
    profit = ring.profit(np.zeros((4, len(names))), stores, np.full(4, 9))
    assert profit.tolist() == alone.profit[:4].tolist()
    other = ring.profit(np.full((4, len(names)), 0.1), stores, np.full(4, 9))
    assert (other != profit).all()


def test_a_store_under_two_sets_of_constants_is_each_of_them_alone() -> None:
    ring, rng = bench(), np.random.default_rng(5)
    stores, seeds = np.array([2, 0, 2]), np.array([4, 5, 6])
    constants = rng.uniform(-0.3, 0.3, (3, len(constant_names(ring.opened.start.listings))))
    together = ring.profit(constants, stores, seeds)
    for i in range(3):
        alone = CorrectedActor(ring.base, np.repeat(constants[i : i + 1], ring.stores, axis=0))
        assert rollout(alone, ring.opened, ring.plans, int(seeds[i])).profit[stores[i]] == together[i]


@given(
    base=arrays(np.float64, (2, 6), elements=st.floats(-1.0, 1.0)),
    constants=arrays(np.float64, (2, 9), elements=st.floats(-2.0, 2.0)),
    left=st.floats(0.0, 1.0),
)
def test_any_correction_is_an_action_and_wakes_no_listing(base: FloatArray, constants: FloatArray, left: float) -> None:
    paused = base[:, 2:-1] <= PAUSED
    action = corrected(base, constants, left)
    assert (np.abs(action) <= 1.0).all()
    assert (action[:, 2:-1][paused] == PAUSED).all()
    assert np.array_equal(corrected(base, np.zeros((2, 9)), left), base)


def test_every_constant_moves_what_it_is_called_after() -> None:
    names = constant_names(3)
    base = np.zeros((1, 6))
    moved = {}
    for place, name in enumerate(names):
        constants = np.zeros((1, len(names)))
        constants[0, place] = 0.2
        moved[name] = [corrected(base, constants, left)[0].round(3).tolist() for left in (1.0, 0.5, 0.5 * LATE)]
    early, middle, late = moved["bids_trend"]
    assert early == [0.0, 0.0, -0.2, -0.2, -0.2, 0.0]
    assert middle == [0.0] * 6
    assert late == [0.0, 0.0, 0.17, 0.17, 0.17, 0.0]
    assert moved["discount_trend"] == [[*[0.0] * 5, value] for value in (-0.2, 0.0, 0.17)]
    assert moved["discount_late"] == [[*[0.0] * 5, value] for value in (0.0, 0.0, 0.2)]
    for place, name in enumerate(names[:6]):
        assert moved[name] == [np.where(np.arange(6) == place, 0.2, 0.0).tolist()] * 3


def test_what_cannot_matter_is_not_live() -> None:
    ring = bench(days=1)
    bids = ring.plans.bid.copy()
    bids[0, 2] = 0.0
    bids[1] = 0.0
    idle = replace(ring, plans=replace(ring.plans, bid=bids))
    live = idle.live
    names = constant_names(bids.shape[1])
    assert live[2:].all()
    assert [names[j] for j in np.flatnonzero(~live[0])] == ["listing_2"]
    assert [name for name, one in zip(names, live[1], strict=True) if one] == [
        "discount",
        "discount_trend",
        "discount_late",
    ]
    constants = np.where(live, 0.0, 0.5)
    seeds = np.full(2, 3)
    with_them = idle.profit(constants[:2], np.arange(2), seeds)
    assert with_them.tolist() == idle.profit(np.zeros_like(constants[:2]), np.arange(2), seeds).tolist()


def test_constants_of_other_stores_are_refused() -> None:
    ring = bench()
    with pytest.raises(ValueError, match=r"constants\(shape=\(3, 14\)\) must be \(4, 14\)"):
        CorrectedActor(ring.base, np.zeros((3, 14))).init(ring.plans, 4)
    with pytest.raises(ValueError, match="finite"):
        CorrectedActor(ring.base, np.full((3, 14), np.nan))
