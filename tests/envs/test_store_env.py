"""`merchantgym/ManagedStore-v0` as a user meets it: what Gymnasium and SB3 demand, and what its options promise."""

import re
import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from numpy.typing import NDArray
from stable_baselines3.common.env_checker import check_env as check_env_for_sb3

import merchantgym.envs  # noqa: F401  registers the environment
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Plan, PlanError
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.reward import Term, reward_from_mapping
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.store_env import ManagedStoreEnv

ID = "merchantgym/ManagedStore-v0"
HOURS = 336
TERMS = [term.name.lower() for term in Term]


def made(**options: Any) -> ManagedStoreEnv:
    env = gym.make(ID, **{"stores": 3, **options}).unwrapped
    assert isinstance(env, ManagedStoreEnv)
    return env


def short_plan(office: BackOffice) -> Plan:
    """Two days instead of fourteen."""
    return platform_plan(office).model_copy(update={"days": 2})


def drawn_actions(env: gym.Env[Any, Any], seed: int, hours: int = HOURS) -> list[NDArray[np.float64]]:
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(hours)]


def play(env: gym.Env[Any, Any], actions: list[NDArray[np.float64]]) -> list[tuple[Any, ...]]:
    """Steps until the plan is over."""
    steps = []
    for action in actions:
        steps.append(env.step(action))
        if steps[-1][2]:
            break
    return steps


def same(one: list[tuple[Any, ...]], other: list[tuple[Any, ...]]) -> None:
    assert len(one) == len(other)
    for (seen, *rest), (expected, *others) in zip(one, other, strict=True):
        np.testing.assert_array_equal(seen, expected)
        assert rest == others


@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
def test_gymnasiums_checker_is_content_without_a_warning(render_mode: str | None) -> None:
    env = made(render_mode=render_mode, planner=short_plan)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check_env(env)
    assert [str(warning.message) for warning in told] == []


@pytest.mark.parametrize("render_mode", [None, "rgb_array"])
def test_sb3s_checker_is_content_but_for_the_type_of_actions(render_mode: str | None) -> None:
    """SB3 prefers float32 actions. Ours are float64, in which the compiled step works; float32 is taken as well."""
    env = made(render_mode=render_mode, planner=short_plan)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        check_env_for_sb3(env)
    assert [str(warning.message) for warning in told] == [
        "Your action space has dtype float64, we recommend using np.float32 to avoid cast errors."
    ]
    env.reset(seed=0)
    env.step(np.zeros(env.action_space.shape or (), dtype=np.float32))  # type: ignore[arg-type]


def test_gym_make_wraps_it_with_gymnasiums_own_checks() -> None:
    env = gym.make(ID, stores=2)
    _, info = env.reset(seed=0)
    assert info["store"].startswith("train-")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        play(env, drawn_actions(env, 0, 30))
    env.close()


def test_same_seed_twins_are_identical_for_a_whole_plan() -> None:
    one, other = made(), made()
    start, info = one.reset(seed=9)
    start_again, info_again = other.reset(seed=9)
    np.testing.assert_array_equal(start, start_again)
    assert info == info_again
    actions = drawn_actions(one, 1)
    steps = play(one, actions)
    same(steps, play(other, actions))
    np.testing.assert_array_equal(one.reset()[0], other.reset()[0])  # and so is the next plan
    one.reset(seed=9)
    same(steps, play(one, actions))  # and the same again in one environment


def test_seeds_play_different_stores_and_chance() -> None:
    env = made()
    infos = [env.reset(seed=seed)[1] for seed in range(20)]
    assert {info["store"] for info in infos} == {"train-00000", "train-00001", "train-00002"}
    assert len({info["run_seed"] for info in infos}) == 20


def test_without_a_seed_every_environment_goes_its_own_way() -> None:
    assert made().reset()[1]["run_seed"] != made().reset()[1]["run_seed"]


def test_an_episode_is_one_plan_in_the_spaces_it_names() -> None:
    env = made()
    observation, _ = env.reset(seed=4)
    assert env.observation_space.contains(observation)
    steps = play(env, drawn_actions(env, 2, 400))
    assert len(steps) == HOURS
    for hour, (seen, reward, terminated, truncated, info) in enumerate(steps, start=1):
        assert env.observation_space.contains(seen)
        assert isinstance(reward, float)
        assert terminated is (hour == HOURS)
        assert truncated is False
        assert set(info) == {*TERMS, "profit"}


def test_the_terms_in_info_are_the_profit_and_the_reward() -> None:
    env = made()
    env.reset(seed=5)
    for _, reward, _, _, info in play(env, drawn_actions(env, 3)):
        profit = info["gross_margin"] + info["commission"] + info["returns"] + info["ad_spend"]
        assert info["profit"] == pytest.approx(profit, abs=1e-9)
        assert reward == pytest.approx(profit / 10, abs=1e-9)
        assert info["ad_spend"] <= 0.0 <= info["gmv"]


def test_other_weights_give_another_reward_for_the_same_run() -> None:
    config = {"scale": 2.0, "weights": {"every": {"orders": 3.0, "gmv": 0.5}}}
    plain, own = made(), made(reward=reward_from_mapping(config))
    plain.reset(seed=6)
    own.reset(seed=6)
    actions = drawn_actions(plain, 4, 60)
    for (seen, *_, terms), (other, reward, *_, info) in zip(play(plain, actions), play(own, actions), strict=True):
        np.testing.assert_array_equal(seen, other)
        assert info == terms
        assert reward == pytest.approx((3.0 * info["orders"] + 0.5 * info["gmv"]) / 2.0)


def test_what_was_returned_stays_as_it_was() -> None:
    env = made()
    first, _ = env.reset(seed=7)
    copy = first.copy()
    second = env.step(np.ones(env.action_space.shape or ()))[0]
    np.testing.assert_array_equal(first, copy)
    second[:] = 99.0
    env.reset(seed=7)
    assert env.step(np.ones(env.action_space.shape or ()))[0].max() < 99.0


def test_a_store_a_run_and_a_plan_can_be_chosen() -> None:
    env = made()
    _, info = env.reset(options={"store": 2, "run_seed": 11})
    assert info == {"store": "train-00002", "run_seed": 11}
    actions = drawn_actions(env, 5)
    steps = play(env, actions)
    env.reset(seed=1, options={"store": np.int64(2), "run_seed": 11})
    same(steps, play(env, actions))
    env.reset(options={"store": 2, "run_seed": 12})
    assert [step[1] for step in play(env, actions)] != [step[1] for step in steps]
    plan = short_plan(env._stage.opened.offices[2])
    env.reset(options={"store": 2, "run_seed": 11, "plan": plan})
    assert len(play(env, actions)) == 48
    env.reset(options={"store": 2, "run_seed": 11})
    same(steps, play(env, actions))  # the plan was for that episode only


def test_a_planner_writes_the_plans() -> None:
    env = made(planner=short_plan)
    env.reset(seed=0)
    assert len(play(env, drawn_actions(env, 6))) == 48


def test_a_scenario_can_be_ones_own() -> None:
    small = load_scenario("steady").model_copy(update={"listings": 3, "days": 1})
    env = made(scenario=small, split="validation", population_seed=2)
    assert env.action_space.shape == (2 + 3 + 1,)
    _, info = env.reset(seed=0)
    assert info["store"].startswith("validation-")
    assert len(play(env, drawn_actions(env, 7))) == 24


def test_population_seeds_make_other_stores() -> None:
    one, other = made(), made(population_seed=1)
    chosen = {"store": 0, "run_seed": 0}
    assert (one.reset(options=chosen)[0] != other.reset(options=chosen)[0]).any()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shop": 1}, "options has no entry 'shop'; allowed: store, plan, run_seed"),
        ({"store": 3}, "options.store(=3) must be a whole number in [0, 3)"),
        ({"store": -1}, "options.store(=-1) must be a whole number in [0, 3)"),
        ({"store": 1.5}, "options.store(=1.5) must be a whole number in [0, 3)"),
        ({"store": "first"}, "options.store(='first') must be a whole number"),
        ({"run_seed": 2**32}, "options.run_seed(=4294967296) must be a whole number in [0, 4294967296)"),
        ({"run_seed": None}, "options.run_seed(=None) must be a whole number"),
        ({"plan": {"days": 3}}, "options.plan(={'days': 3}) must be a Plan"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        made().reset(options=options)


def test_a_plan_for_another_store_is_refused_and_the_run_goes_on() -> None:
    env = made()
    env.reset(seed=0, options={"store": 0})
    foreign = platform_plan(env._stage.opened.offices[1])
    with pytest.raises(PlanError, match=r"store\(='train-00001'\) must be 'train-00000'"):
        env.reset(options={"store": 0, "plan": foreign})
    env.step(np.zeros(env.action_space.shape or ()))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenario": "easy"}, "scenario(='easy') must be one of: cold_start, "),
        ({"split": "trian"}, "split(='trian') must be one of: train, validation, test"),
        ({"engine": "minute"}, "engine(='minute') must be one of: "),
        ({"stores": 0}, "stores(=0) must be >= 1"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        gym.make(ID, **{"stores": 2, **arguments})


def test_an_unknown_render_mode_is_named() -> None:
    with pytest.raises(ValueError, match=re.escape("render_mode(='ascii') must be one of: ['rgb_array'] or None")):
        ManagedStoreEnv(stores=1, render_mode="ascii")


def test_an_impossible_plan_is_refused_before_anything_is_played() -> None:
    with pytest.raises(PlanError, match=r"budget_total\(=1000000000.0\) must be <= "):
        made(planner=lambda office: platform_plan(office).model_copy(update={"budget_total": 1e9}))


@pytest.mark.parametrize("entry", [np.nan, np.inf])
def test_an_action_that_is_not_finite_is_refused_by_name_and_the_run_goes_on(entry: float) -> None:
    env, twin = made(), made()
    for each in (env, twin):
        each.reset(seed=0)
    action = np.zeros(11)
    action[4] = entry
    with pytest.raises(ValueError, match=rf"listing_2\(={entry}\) must be a finite number in \[-1, 1\]"):
        env.step(action)
    same([env.step(np.zeros(11))], [twin.step(np.zeros(11))])


def test_an_action_of_a_wrong_shape_is_refused_with_both_shapes() -> None:
    env = made()
    env.reset(seed=0)
    with pytest.raises(ValueError, match=re.escape("action has shape (1, 7), needs (1, 11)")):
        env.step(np.zeros(7))


def test_stepping_needs_a_plan_that_runs() -> None:
    env = made(planner=short_plan)
    with pytest.raises(ResetNeeded, match="before reset"):
        env.step(np.zeros(11))
    env.reset(seed=0)
    play(env, drawn_actions(env, 0))
    with pytest.raises(ResetNeeded, match="after the plan's last hour"):
        env.step(np.zeros(11))
    env.reset()
    env.step(np.zeros(11))


def test_pictures_show_the_run_so_far() -> None:
    env = made(render_mode="rgb_array")
    frames = [env.render()]
    env.reset(seed=0)
    frames.append(env.render())
    for _ in range(3):
        env.step(np.zeros(11))
    frames.append(env.render())
    env.reset(seed=0)
    frames.append(env.render())
    for frame in frames:
        assert frame is not None
        assert frame.dtype == np.uint8
        assert frame.shape == (750, 1200, 3)
    assert (frames[2] != frames[1]).any()
    np.testing.assert_array_equal(frames[3], frames[1])  # a new plan starts with an empty picture
    assert made().render() is None
