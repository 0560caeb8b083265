"""The event engine behind the environments and the rollout."""

import re
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

import merchantgym.envs  # noqa: F401  registers the environment
from merchantgym.controllers import make_controller
from merchantgym.envs.engines.event_trace import EventTrace
from merchantgym.envs.engines.layout import StoreState
from merchantgym.envs.event_fleet import EventFleet
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.store_env import ManagedStoreEnv

from ..worlds import plan_row, plans_for

ID = "merchantgym/ManagedStore-v0"
SMALL = load_scenario("steady").model_copy(update={"listings": 2, "days": 1})


def made(**options: Any) -> ManagedStoreEnv:
    env = gym.make(ID, **{"scenario": SMALL, "stores": 2, "engine": "event", **options}).unwrapped
    assert isinstance(env, ManagedStoreEnv)
    return env


def test_gymnasiums_checker_is_content_without_a_warning() -> None:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check_env(made())
    assert [str(warning.message) for warning in told] == []


def test_an_episode_is_one_plan_and_twins_are_identical() -> None:
    env, twin = made(), made()
    first, info = env.reset(seed=3)
    again, info_again = twin.reset(seed=3)
    np.testing.assert_array_equal(first, again)
    assert info == info_again
    env.action_space.seed(0)
    for hour in range(1, 25):
        action = env.action_space.sample()
        (seen, reward, over, *_, terms), twins = env.step(action), twin.step(action)
        np.testing.assert_array_equal(seen, twins[0])
        assert (reward, terms) == (twins[1], twins[4])
        assert env.observation_space.contains(seen)
        assert over is (hour == 24)
        assert terms["ad_spend"] <= 0.0 <= terms["gmv"]


def test_what_happened_in_an_episode_can_be_read() -> None:
    trace = EventTrace()
    env = made(event_trace=trace)
    env.reset(seed=1, options={"store": 1})
    env.step(np.zeros(5))
    first = list(trace.rows)
    env.step(np.zeros(5))
    assert {row.store for row in trace.rows} == {1}
    assert sum(row.money for row in trace.rows if row.event == "ad_click") > 0.0
    env.reset(seed=1, options={"store": 1})
    assert {row.event for row in trace.rows} <= {"carried_over"}
    env.step(np.zeros(5))
    assert trace.rows == first


def test_a_trace_needs_events() -> None:
    with pytest.raises(ValueError, match=re.escape("engine(='hour') must be 'event' for an event_trace")):
        made(engine="hour", event_trace=EventTrace())
    with pytest.raises(ValueError, match=re.escape("engine(='minute') must be one of: hour, event")):
        made(engine="minute")


def test_a_vector_environment_plays_what_single_ones_play() -> None:
    together = gym.make_vec(ID, num_envs=2, scenario=SMALL, stores=2, engine="event")
    alone = [made(), made()]
    seen, _ = together.reset(seed=5)
    for i, env in enumerate(alone):
        np.testing.assert_array_equal(seen[i], env.reset(seed=5 + i)[0])
    for _ in range(4):
        seen, reward, *_ = together.step(np.zeros((2, 5)))
        for i, env in enumerate(alone):
            own = env.step(np.zeros(5))
            np.testing.assert_array_equal(seen[i], own[0])
            assert reward[i] == own[1]


def fleets(stores: OpenStores, slots: int) -> tuple[EventFleet, Fleet]:
    rows = np.arange(slots)
    both = EventFleet(stores.start, slots), Fleet(stores.start, slots)
    for fleet in both:
        fleet.reset(plan_row(plans_for(stores), rows), rows, np.full(slots, 7))
    return both


def test_the_first_observation_and_the_offers_are_those_of_the_hour_engine(steady: OpenStores) -> None:
    event, hour = fleets(steady, 2)
    np.testing.assert_array_equal(event.observation, hour.observation)
    action = np.random.default_rng(0).uniform(-1.0, 1.0, (2, 2 + event.listings + 1))
    event.step(action)
    hour.step(action)
    np.testing.assert_array_equal(event.offer, hour.offer)
    np.testing.assert_array_equal(event.task.action, hour.task.action)
    assert (event.state.store[:, StoreState.HOUR] == 1.0).all()
    assert (event.observation != hour.observation).any()


def test_a_slot_started_anew_forgets_its_store_and_one_whose_plan_is_over_stands_still(steady: OpenStores) -> None:
    rows, idle = np.arange(2), np.zeros((2, 2 + steady.start.listings + 1))
    fleet = EventFleet(steady.start, 2)
    fleet.step(idle)  # before any plan
    assert fleet.reward.sum() == 0.0
    plans = plan_row(plans_for(steady), rows)
    plans.days[:] = 1
    fleet.reset(plans, rows, np.full(2, 7))
    for _ in range(24):
        fleet.step(idle)
    assert fleet.done.all()
    final = fleet.state.copy()
    fleet.step(idle)
    assert fleet.state.total.tobytes() == final.total.tobytes()
    assert fleet.reward.tolist() == [0.0, 0.0]
    fleet.reset(plan_row(plans, [0]), np.array([0]), np.array([7]), rows=np.array([1]), keys=np.array([0]))
    for _ in range(24):
        fleet.step(idle)
    assert fleet.state.total[1].tobytes() == final.total[0].tobytes()


def test_a_rollout_runs_in_either_engine_with_like_results(steady: OpenStores) -> None:
    plans = plans_for(steady)
    plans.days[:] = 1
    actor = make_controller("open_loop")
    event, hour = (rollout(actor, steady, plans, 3, engine=engine) for engine in ("event", "hour"))
    for name in ("spend", "gmv"):
        a, b = getattr(event, name), getattr(hour, name)
        assert a.sum() > 0.0
        z = (a - b).mean() / (a - b).std(ddof=1) * np.sqrt(len(a))
        assert abs(z) < 4.0, name
    with pytest.raises(ValueError, match=re.escape("engine(='day') must be one of: hour, event")):
        rollout(actor, steady, plans, 3, engine="day")
