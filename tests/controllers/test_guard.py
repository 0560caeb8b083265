"""The guard: whatever the executor does, ads end at the limit; and nothing is touched where nothing is wrong."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import merchantgym.conf
from merchantgym.controllers import (
    CONTROLLERS,
    GUARDED,
    BreakerLaw,
    Guard,
    LossLimit,
    OpenLoop,
    RandomActions,
    controller_gains,
    make_controller,
)
from merchantgym.controllers.laws import gains_of
from merchantgym.envs.actor import Actor, Kind, Memory
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import N_GLOBAL, Global, action_size, listings_in
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.reward import PROFIT_TERMS, Term
from merchantgym.envs.rollout import rollout
from merchantgym.envs.task import LOG_LISTING, PAUSED

from ..worlds import opened, plans_for
from .observations import K, one_plan, plain_observation, some_plans, within_bounds

CONF = Path(next(iter(merchantgym.conf.__path__))) / "controller"
NEVER_TRIPS = BreakerLaw(trip_ratio=0.0)
Floats = NDArray[np.float64]


def observed(**features: Any) -> NDArray[np.float32]:
    """An observation of one of `some_plans`: 840 CNY for 14 days."""
    return plain_observation(budget_size=np.log(840.0 / 14.0) - 3.0, **features)


@dataclass(frozen=True)
class Stubborn:
    """Does the same in every hour: an executor that wastes money with a will."""

    name: ClassVar[str] = "stubborn"
    kind: ClassVar[Kind] = "plan"

    bids: float = 1.0
    discount: float = 1.0

    def init(self, plans: PlanArrays, n: int) -> Memory:
        return ()

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[Floats, Memory]:
        action = np.full((len(observation), action_size(listings_in(observation.shape[1]))), self.bids)
        action[:, -1] = self.discount
        return action, memory


class Books:
    """Hourly accounts of a run, (hours, n), kept from outside."""

    def __init__(self) -> None:
        self.profit: list[Floats] = []
        self.ads: list[Floats] = []
        self.spend: list[Floats] = []
        self.discount: list[Floats] = []

    def __call__(self, fleet: Fleet) -> None:
        self.profit.append(fleet.terms[:, [int(term) for term in PROFIT_TERMS]].sum(axis=1))
        self.ads.append(-fleet.terms[:, Term.AD_SPEND])
        self.spend.append(fleet.state.hour[:, :, 8:10].sum(axis=(1, 2)))
        self.discount.append(fleet.task.action[:, -1].copy())

    def loss_before(self) -> Floats:
        """Booked loss [CNY] as each hour begins."""
        booked = -np.cumsum(self.profit, axis=0)
        return np.vstack((np.zeros(booked.shape[1]), booked[:-1]))


EXECUTORS: dict[str, Actor] = {
    "greedy": Stubborn(),
    "dear": Stubborn(bids=1.0, discount=-1.0),
    "random": RandomActions(),
    "open_loop": OpenLoop(),
    "value_pid": make_controller("value_pid"),
}


@settings(max_examples=12)
@given(
    executor=st.sampled_from(sorted(EXECUTORS)),
    scenario=st.sampled_from(["headline", "steady"]),
    overbid=st.sampled_from([1.0, 2.0, 4.0]),
    share=st.sampled_from([0.0, 0.02, 0.1, 0.3]),
    breaker=st.sampled_from([BreakerLaw(), NEVER_TRIPS]),
    seed=st.integers(0, 2**31),
)
def test_ads_lose_at_most_the_limit_and_an_hour(
    executor: str, scenario: str, overbid: float, share: float, breaker: BreakerLaw, seed: int
) -> None:
    """No hour that begins at the limit spends a fen. So the loss after any hour is at most the limit, that of the last
    hour with ads, and what goods sold and came back have brought since that hour began."""
    stores = opened(scenario)
    plans = plans_for(stores)
    plans = replace(plans, bid=overbid * plans.bid)
    books = Books()
    actor = Guard(EXECUTORS[executor], LossLimit(limit_share=share), breaker)
    episodes = rollout(actor, stores, plans, seed, on_hour=books)
    limit = share * plans.budget_total
    before, spend, ads = books.loss_before(), np.array(books.spend), np.array(books.ads)
    at_limit = before >= limit
    assert (spend[at_limit] == 0.0).all()
    assert (np.array(books.discount)[at_limit] <= 0.0).all()
    hours = np.arange(len(spend))[:, None]
    last = np.where((spend > 0.0).any(axis=0), len(spend) - 1 - np.argmax(spend[::-1] > 0.0, axis=0), 0)
    goods = np.where(hours >= last, np.array(books.profit) + ads, 0.0).sum(axis=0)
    assert (-episodes.profit <= limit + ads.max(axis=0) - goods + 0.01).all()


@pytest.mark.parametrize("name", ["open_loop", "random", "value_pid"])
def test_passes_through_what_is_within_limits(name: str) -> None:
    """A guard that has no reason to act leaves everything as it was, to the last bit."""
    stores, plans = opened("headline"), plans_for(opened("headline"))
    guarded = Guard(make_controller(name), LossLimit(limit_share=4.0), NEVER_TRIPS)
    left, right = rollout(make_controller(name), stores, plans, 3), rollout(guarded, stores, plans, 3)
    np.testing.assert_array_equal(left.totals, right.totals)
    np.testing.assert_array_equal(left.profit, right.profit)


def test_a_guard_saves_money_where_bids_are_far_too_high() -> None:
    stores, plans = opened("headline"), plans_for(opened("headline"))
    plans = replace(plans, bid=4.0 * plans.bid)
    bare = rollout(OpenLoop(), stores, plans, 1).profit
    held = rollout(Guard(OpenLoop(), LossLimit(limit_share=0.1)), stores, plans, 1).profit
    assert held.min() > bare.min()
    assert np.minimum(held, 0.0).mean() > 0.7 * np.minimum(bare, 0.0).mean()
    assert held.mean() > bare.mean()


def losing(step: int, start: float = 0.9) -> NDArray[np.float32]:
    """Hour `step` of a plan that sells at a profit of goods, while ads take 5 % of the budget an hour for nothing."""
    return observed(budget_left=start - 0.05 * step, ad_return=0.0, profit=0.1, unit_margin=0.4)


def phases_of(actor: Guard, hours: int) -> tuple[list[Floats], Memory]:
    memory, actions = actor.init(some_plans(1), 1), []
    for hour in range(hours):
        action, memory = actor.act(losing(min(hour, 18)), memory)
        actions.append(action[0])
    return actions, memory


def test_the_breaker_pauses_and_then_probes() -> None:
    actions, _ = phases_of(Guard(Stubborn(bids=0.2, discount=0.3)), 60)
    listings = np.array(actions)[:, 2:-1]
    np.testing.assert_array_equal(np.array(actions)[:, :2], 0.2)
    np.testing.assert_array_equal(np.array(actions)[:, -1], 0.3)
    trip = int(np.argmax(listings[:, 0] == PAUSED))
    assert 2 < trip < 20
    np.testing.assert_array_equal(listings[:trip], 0.2)
    rest = int(BreakerLaw().cool_down)
    np.testing.assert_array_equal(listings[trip : trip + rest], PAUSED)
    np.testing.assert_allclose(listings[trip + rest], 0.2 - BreakerLaw().probe / LOG_LISTING)


def test_probing_bids_stay_on_and_paused_ones_stay_off() -> None:
    """Lowering a bid must not press the pause button; and what the executor paused is not advertised."""
    for wish, probed in ((-0.9, True), (PAUSED, False)):
        actions, _ = phases_of(Guard(Stubborn(bids=wish, discount=0.0)), 60)
        assert (actions[-1][2:-1] > PAUSED).all() == probed


def test_a_plan_at_its_limit_is_stopped_and_goes_on_once_it_has_recovered() -> None:
    actor = Guard(Stubborn(bids=0.5, discount=0.5), LossLimit(limit_share=0.1, return_cost=0.0), NEVER_TRIPS)
    memory = actor.init(some_plans(1), 1)
    for profit, stopped in ((-0.0999, False), (-0.1, True), (-0.3, True), (-0.05, False)):
        action, memory = actor.act(observed(profit=profit), memory)
        np.testing.assert_array_equal(action[0, 2:-1], PAUSED if stopped else 0.5)
        np.testing.assert_array_equal(action[0, -1], 0.0 if stopped else 0.5)


def test_returns_under_way_count_before_they_are_booked() -> None:
    """Fresh sales at the edge of the limit: with a provision the guard stops, and lets go as no returns come."""
    actor = Guard(OpenLoop(), LossLimit(limit_share=0.1, return_cost=0.1), NEVER_TRIPS)
    memory = actor.init(some_plans(1), 1)
    edge: dict[str, Any] = {"profit": -0.095, "unit_margin": 0.4}
    action, memory = actor.act(observed(orders=np.log1p(2.0), **edge), memory)
    assert (action == 0.0).all()
    action, memory = actor.act(observed(orders=np.log1p(3.0), **edge), memory)
    assert (action[0, 2:-1] == PAUSED).all()
    for _ in range(400):
        action, memory = actor.act(observed(orders=np.log1p(3.0), **edge), memory)
    assert (action == 0.0).all()


def test_limits_may_differ_between_stores() -> None:
    actor = Guard(OpenLoop(), breaker=NEVER_TRIPS, limit=np.array([0.0, 40.0, 400.0]))
    action, _ = actor.act(np.repeat(observed(profit=-0.1), 3, axis=0), actor.init(some_plans(3), 3))
    assert (action[:2, 2:-1] == PAUSED).all()
    assert (action[2] == 0.0).all()
    with pytest.raises(ValueError, match=r"limit\(shape=\(3,\)\) must be one number or \(2,\), one a store"):
        actor.init(some_plans(2), 2)
    with pytest.raises(ValueError, match=r"limit\(=-1.0\) must be finite and >= 0"):
        Guard(OpenLoop(), limit=-1.0)


def test_a_budget_that_the_merchant_changes_leaves_the_limit_where_it_was() -> None:
    """A tenth of 840 CNY stays 84 CNY when the budget becomes 210 CNY."""
    actor = Guard(OpenLoop(), LossLimit(limit_share=0.1), NEVER_TRIPS)
    memory = actor.init(some_plans(1), 1)
    for loss, stopped in ((83.0, False), (85.0, True)):
        cut = plain_observation(budget_size=np.log(210.0 / 14.0) - 3.0, profit=-loss / 210.0)
        action, memory = actor.act(cut, memory)
        np.testing.assert_array_equal(action[0, 2:-1], PAUSED if stopped else 0.0)


@pytest.mark.parametrize("name", ["open_loop", "random", "value_pid"])
def test_a_batch_is_the_stores_one_by_one_and_act_is_pure(name: str) -> None:
    actor, n = make_controller(f"guard:{name}"), 4
    plans, observations = some_plans(n), [within_bounds(n, seed) for seed in range(6)]
    memory, alone = actor.init(plans, n), [actor.init(one_plan(plans, row), 1) for row in range(n)]
    for observation in observations:
        kept = tuple(part.copy() for part in memory)
        action, following = actor.act(observation, memory)
        assert all(np.array_equal(left, right) for left, right in zip(memory, kept, strict=True))
        assert all(part.dtype == np.float64 and len(part) == n for part in following)
        memory = following
        for row in range(n):
            one, alone[row] = actor.act(observation[row : row + 1], alone[row])
            np.testing.assert_array_equal(one[0], action[row])


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32 - 1), edge=st.sampled_from(["low", "high", "even"]))
def test_any_observation_gives_a_possible_action(seed: int, edge: str) -> None:
    observation = within_bounds(3, seed)
    if edge != "even":
        observation[:, :N_GLOBAL] = -5.0 if edge == "low" else 5.0
        observation[:, Global.BUDGET_LEFT] = float(edge == "low")
    actor = make_controller("guard:value_pid")
    action, memory = actor.act(observation, actor.init(some_plans(3), 3))
    action, memory = actor.act(observation, memory)
    assert np.isfinite(action).all()
    assert np.abs(action).max() <= 1.0
    assert all(np.isfinite(part).all() for part in memory)
    assert action.shape == (3, action_size(K))


def test_every_controller_can_be_guarded_by_name() -> None:
    own = [*gains_of(LossLimit), *gains_of(BreakerLaw)]
    config = yaml.safe_load((CONF / "guard.yaml").read_text())["gains"]
    assert list(config) == own
    make_controller("guard:open_loop", config)
    for name in CONTROLLERS:
        actor = make_controller(f"guard:{name}", {"limit_share": 0.05})
        assert isinstance(actor, Guard)
        assert (actor.name, actor.kind, actor.terms.limit_share) == (f"guard:{name}", "controller", 0.05)
        assert not set(own) & set(controller_gains(name)), "a gain must mean one thing"
        assert list(controller_gains(actor.name)) == [*own, *controller_gains(name)]
    assert [f"guard:{name}" for name in CONTROLLERS] == list(GUARDED)
    with pytest.raises(ValueError, match=r"controller\(='guard:pdi'\) is unknown; allowed: open_loop, .* or guard:<"):
        make_controller("guard:pdi")
    with pytest.raises(ValueError, match=r"limit_share\(=5.0\) must lie in \[0, 4.9\]"):
        make_controller("guard:pid", {"limit_share": 5.0})
