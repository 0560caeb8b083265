"""What every actor of this floor promises."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import merchantgym.conf
from merchantgym.controllers import CONTROLLERS, RandomActions, Trim, controller_gains, make_controller
from merchantgym.controllers.feedback import Feedback, Responds
from merchantgym.envs.actor import Actor, Memory
from merchantgym.envs.observation import Global, action_size
from merchantgym.envs.task import LOG_CHANNEL, LOG_DISCOUNT, PAUSED

from .observations import K, any_observation, one_plan, plain_observation, some_plans, within_bounds

FEEDBACK = tuple(name for name in CONTROLLERS if make_controller(name).kind == "controller")
RESPONSIVE = tuple(name for name in CONTROLLERS if isinstance(make_controller(name), Feedback))
CONF = Path(next(iter(merchantgym.conf.__path__))) / "controller"
BUSY = {"weight": 0.8, "youth": 0.3, "scarcity": 0.6, "centre": 0.5}
BUSY_LAWS = {"hero": 0.1, "clear": -0.2, "start": 0.7, "goal": 1.0, "alpha": 0.9, "beta": 1.1, "roi_derivative": 0.02}
BUSY_PACING = {"channel_offset": 0.1, "hour_sin": 0.2, "hour_cos": -0.1, "discount": 0.03, "front": 0.4, "bias": 0.1}


def busy(name: str) -> Actor:
    """A controller with every mechanism switched on."""
    known = controller_gains(name)
    return make_controller(name, {k: v for k, v in {**BUSY, **BUSY_LAWS, **BUSY_PACING}.items() if k in known})


def run(actor: Actor, plans: Any, observations: list[NDArray[np.float32]]) -> tuple[NDArray[np.float64], Memory]:
    memory, actions = actor.init(plans, len(plans.days)), []
    for observation in observations:
        action, memory = actor.act(observation, memory)
        actions.append(action)
    return np.stack(actions), memory


@pytest.mark.parametrize("name", CONTROLLERS)
def test_act_is_pure(name: str) -> None:
    actor, n = busy(name), 5
    observation = within_bounds(n, 1)
    memory = run(actor, some_plans(n), [within_bounds(n, 2)])[1]
    seen, remembered = observation.copy(), tuple(part.copy() for part in memory)
    first, second = actor.act(observation, memory), actor.act(observation, memory)
    np.testing.assert_array_equal(first[0], second[0])
    for left, right in zip(first[1], second[1], strict=True):
        np.testing.assert_array_equal(left, right)
    np.testing.assert_array_equal(observation, seen)
    for left, right in zip(memory, remembered, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_shapes_and_kinds_of_numbers(name: str) -> None:
    actor, n = make_controller(name), 4
    assert actor.name == name
    action, memory = actor.act(within_bounds(n, 0), actor.init(some_plans(n), n))
    assert action.shape == (n, action_size(K))
    assert action.dtype == np.float64
    assert all(part.shape[0] == n and part.dtype == np.float64 for part in memory)


@pytest.mark.parametrize("name", CONTROLLERS)
def test_a_batch_is_the_stores_one_by_one(name: str) -> None:
    actor, n = busy(name), 4
    plans, observations = some_plans(n), [within_bounds(n, seed) for seed in range(6)]
    together, _ = run(actor, plans, observations)
    for row in range(n):
        alone, _ = run(actor, one_plan(plans, row), [each[row : row + 1] for each in observations])
        np.testing.assert_array_equal(alone[:, 0], together[:, row])


@pytest.mark.parametrize("name", CONTROLLERS)
def test_one_plan_may_be_shared(name: str) -> None:
    actor = make_controller(name)
    action, _ = actor.act(within_bounds(3, 0), actor.init(some_plans(1), 3))
    assert action.shape == (3, action_size(K))


@pytest.mark.parametrize("name", FEEDBACK)
@settings(max_examples=40, deadline=None)
@given(
    observations=st.lists(any_observation(), min_size=1, max_size=4),
    days=st.sampled_from([1, 14, 90]),
    daily=st.sampled_from([0.01, 1.0]),
)
def test_any_observation_gives_a_finite_action(
    name: str, observations: list[NDArray[np.float32]], days: int, daily: float
) -> None:
    with np.errstate(all="raise", under="ignore"):
        actions, memory = run(busy(name), some_plans(1, days, daily), observations)
    assert np.isfinite(actions).all()
    assert np.abs(actions).max() <= 1.0
    assert all(np.isfinite(part).all() for part in memory)


@pytest.mark.parametrize("name", RESPONSIVE)
def test_torch_agrees_with_numpy(name: str) -> None:
    actor, n = busy(name), 32
    assert isinstance(actor, Responds)
    memory = actor.init(some_plans(n), n)
    mirror = tuple(torch.from_numpy(part.copy()) for part in memory)
    for seed in range(8):
        observation = within_bounds(n, seed).astype(np.float64)
        action, memory = actor.respond(observation, memory)
        tensor, mirror = actor.respond(torch.from_numpy(observation), mirror, torch)
        np.testing.assert_allclose(tensor.numpy(), action, rtol=0, atol=1e-12)
        for left, right in zip(mirror, memory, strict=True):
            np.testing.assert_allclose(left.numpy(), right, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [name for name in CONTROLLERS if name != "random"])
def test_starts_at_the_plan(name: str) -> None:
    """Where there is nothing to correct yet the plan is carried out, but for what the floor on the return adds."""
    actor = make_controller(name)
    action, _ = actor.act(plain_observation(), actor.init(some_plans(1), 1))
    np.testing.assert_allclose(action, 0.0, atol=1e-9)
    action, _ = actor.act(
        plain_observation(unit_margin=0.3), actor.init(replace(some_plans(1), roi_floor=np.full(1, 3.0)), 1)
    )
    assert np.abs(action).max() * LOG_CHANNEL < 0.1


def test_value_pid_without_its_gains_is_the_pid() -> None:
    plans, observations = some_plans(6), [within_bounds(6, seed) for seed in range(5)]
    flat, _ = run(make_controller("value_pid", {"weight": 0.0, "scarcity": 0.0}), plans, observations)
    np.testing.assert_array_equal(flat, run(make_controller("pid"), plans, observations)[0])


def test_trim_reaches_its_places() -> None:
    actor = make_controller("pid", {"channel_offset": 0.2, "discount": 0.05, "hour_cos": 0.1})
    action, _ = actor.act(plain_observation(hour_cos=1.0), actor.init(some_plans(1), 1))
    np.testing.assert_allclose(action[0, :2] * LOG_CHANNEL, [0.3, -0.1], atol=1e-12)
    np.testing.assert_allclose(action[0, -1] * LOG_DISCOUNT, 0.05, atol=1e-12)


def test_a_low_bid_is_no_pause() -> None:
    """A listing's lowest action takes its advertisement off: no law's bid may do that by being low."""
    shift, level = np.array([[-5.0, 0.0, 5.0]]), np.zeros(1)
    action = Trim().action(level, shift, np)
    assert action[0, 2] > PAUSED
    np.testing.assert_allclose(action[0, 2:5], [-1.0, 0.0, 1.0], atol=1e-5)
    paused = Trim().action(level, shift, np, paused=np.array([[False, True, False]]))
    assert paused[0, 3] == PAUSED < paused[0, 2]


def test_granted_days_are_paced_one_by_one() -> None:
    """Money that earlier days did not spend is lost where each day has its own grant: no reason to bid more."""
    actor = make_controller("pid")
    later = plain_observation(traffic_passed=0.5, budget_left=0.8, time_left=0.5)
    granted, _ = actor.act(later, actor.init(some_plans(1, 14, 1.0 / 14.0), 1))
    purse, _ = actor.act(later, actor.init(some_plans(1, 14, 0.5), 1))
    assert granted[0, 0] == 0.0
    assert purse[0, 0] > 0.5


def test_an_empty_day_stops_pushing() -> None:
    """Too little of the day's money left: bids fall although the plan as a whole is behind."""
    actor = make_controller("pid")
    memory = actor.init(some_plans(1, 14, 0.08), 1)
    dawn = plain_observation(traffic_passed=0.50, budget_left=0.6, time_left=0.5)
    _, memory = actor.act(dawn, memory)
    noon = plain_observation(
        traffic_passed=0.53, budget_left=0.53, time_left=0.46, day_budget_left=0.1, day_traffic_left=0.6
    )
    action, _ = actor.act(noon, memory)
    assert noon[0, Global.TRAFFIC_PASSED] > 1.0 - noon[0, Global.BUDGET_LEFT]
    assert action[0, 0] < -0.2


def test_random_actions_are_even_and_seeded() -> None:
    n, hours = 200, 20
    observations = [within_bounds(n, 0)] * hours
    actions, _ = run(RandomActions(seed=3), some_plans(n), observations)
    assert abs(actions.mean()) < 0.01
    assert abs(np.abs(actions).mean() - 0.5) < 0.01
    flat = actions.reshape(hours * n, -1)
    assert np.abs(np.corrcoef(flat.T) - np.eye(flat.shape[1])).max() < 0.06
    assert len(np.unique(actions)) == actions.size
    other, _ = run(RandomActions(seed=4), some_plans(n), observations)
    assert abs(np.corrcoef(actions.ravel(), other.ravel())[0, 1]) < 0.02
    assert RandomActions(scale=0.0).act(observations[0], RandomActions().init(some_plans(n), n))[0].any() == np.False_


def test_kinds() -> None:
    kinds = {name: make_controller(name).kind for name in CONTROLLERS}
    assert {name for name, kind in kinds.items() if kind == "plan"} == {"open_loop", "random"}
    assert set(kinds.values()) == {"plan", "controller"}


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match=r"controller\(='pdi'\) is unknown; allowed: open_loop, random, constant"):
        make_controller("pdi")
    with pytest.raises(ValueError, match=r"gains\.gian\(=1\.0\) is no gain of controller 'pid'; allowed: prop"):
        make_controller("pid", {"gian": 1.0})
    with pytest.raises(ValueError, match=r"gains\.weight\(=1\.0\) .* 'open_loop'; allowed: none"):
        make_controller("open_loop", {"weight": 1.0})


@pytest.mark.parametrize(
    ("gain", "value", "allowed"),
    [
        ("filter", 0.0, r"filter\(=0.0\) must lie in \[0.001, 1\]"),
        ("low", 0.1, r"low\(=0.1\) must lie in \[-inf, 0\]"),
        ("bias", float("nan"), r"bias\(=nan\) must be a finite number"),
        ("proportional", "4", r"proportional\(='4'\) must be a finite number"),
        ("scarcity", 1.0, r"scarcity\(=1.0\) must lie in \[0, 0.99\]"),
    ],
)
def test_impossible_gains_are_refused(gain: str, value: Any, allowed: str) -> None:
    with pytest.raises(ValueError, match=allowed):
        make_controller("value_pid", {gain: value})


def test_a_seed_is_whole() -> None:
    with pytest.raises(ValueError, match=r"seed\(=0.5\) must be a whole number"):
        make_controller("random", {"seed": 0.5})


@pytest.mark.parametrize("name", CONTROLLERS)
def test_each_has_a_config_with_all_its_gains(name: str) -> None:
    config = yaml.safe_load((CONF / f"{name}.yaml").read_text())
    assert set(config) == {"name", "gains"}
    assert config["name"] == name
    assert list(config["gains"]) == list(controller_gains(name))
    make_controller(name, config["gains"])


def test_every_config_is_a_controller_that_every_verb_gets() -> None:
    """Registry, conf/controller and the list that the verbs include name the same controllers, and the guard."""
    names = (*CONTROLLERS, "guard")
    listed = yaml.safe_load((CONF.parent / "controllers.yaml").read_text())["defaults"]
    assert listed == [{f"controller@controllers.{name}": name} for name in names]
    assert {path.stem for path in CONF.glob("*.yaml")} == set(names)


@pytest.mark.parametrize("name", FEEDBACK)
def test_search_ranges_are_allowed(name: str) -> None:
    for gain, known in controller_gains(name).items():
        low, high = known.search
        assert low < high or gain == "seed", gain
        assert not known.log or low > 0.0, gain
        for value in known.search:
            make_controller(name, {gain: value})
