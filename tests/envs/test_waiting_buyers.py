"""Buyers who wait pay the price that they saw: raising prices on those who have decided earns nothing."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.engines.layout import Pending
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import Global, ObservationView
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import rollout
from merchantgym.envs.task import PlanListing, action_size

from ..worlds import plans_for


@dataclass(frozen=True)
class LastHour:
    """The plan as written, but for its last hour, in which every price rises by a quarter."""

    name: ClassVar[str] = "last_hour"
    kind: ClassVar[Kind] = "plan"

    rise: float

    def init(self, plans: PlanArrays, n: int) -> Memory:
        return ()

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        action = np.zeros((len(observation), action_size(8)))
        action[:, -1] = np.where(ObservationView(observation)[Global.TIME_LEFT] < 1.5 / 336, -self.rise, 0.0)
        return action, memory


def test_a_price_rise_in_the_last_hour_earns_next_to_nothing(headline: OpenStores) -> None:
    plans = plans_for(headline)
    plain, dear = (rollout(LastHour(rise), headline, plans, seed=5).profit for rise in (0.0, 1.0))
    assert abs((dear - plain).mean()) < 0.005 * plain.mean()


def test_waiting_buyers_remember_what_they_saw(headline: OpenStores) -> None:
    plans = plans_for(headline)
    fleet = Fleet(headline.start, len(headline))
    rows = np.arange(len(headline))
    fleet.reset(plans, rows, np.zeros(len(rows), dtype=np.int64))
    history = fleet.state.pending[..., Pending.DAY_PRICE :].copy()
    shown = fleet.task.plan_listing[:, :, PlanListing.PRICE]
    for _ in range(30):
        fleet.step(np.zeros((len(rows), action_size(8))))
    counts = fleet.state.pending[..., : Pending.DAY_PRICE].reshape(*history.shape[:3], 2, 2).sum(axis=-1)
    price = fleet.state.pending[..., Pending.DAY_PRICE :]
    assert (price[counts == 0.0] == 0.0).all()
    listed = np.broadcast_to(shown[:, :, None, None], price.shape)
    new = (counts > 0.0) & (history == 0.0)
    np.testing.assert_allclose(price[new], listed[new], rtol=1e-12)
