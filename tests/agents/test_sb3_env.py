"""The stores as a Stable-Baselines3 VecEnv, and in the hands of a base controller."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from merchantgym.agents.residual import ResidualVecEnv
from merchantgym.agents.sb3_env import FleetVecEnv
from merchantgym.controllers import make_controller
from merchantgym.envs.observation import observation_size
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.rollout import rollout

from ..worlds import plans_for

DAYS = 2
HOURS = 24 * DAYS


def short_plans(stores: OpenStores) -> Any:
    return plans_for(stores, days=np.full(len(stores), DAYS))


def env(stores: OpenStores, slots: int = 8, **options: Any) -> FleetVecEnv:
    """Stores with plans of two days."""
    return FleetVecEnv(stores, short_plans(stores), slots, **{"seed": 3, "stagger": 0, **options})


def actions(slots: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (slots, 11))


def play(world: Any, hours: int, act: Any = actions) -> tuple[list[np.ndarray], list[np.ndarray], list[Any]]:
    """Observations, rewards and what the ends said, of so many hours after a reset."""
    seen, rewards, ends = [world.reset()], [], []
    for hour in range(hours):
        observation, reward, dones, infos = world.step(act(world.num_envs, hour))
        seen.append(observation)
        rewards.append(reward)
        ends += [(hour, slot, infos[slot]) for slot in np.flatnonzero(dones)]
        assert all(bool(info) == bool(done) for info, done in zip(infos, dones, strict=True))
    return seen, rewards, ends


def test_the_same_seed_plays_the_same_and_another_does_not(headline: OpenStores) -> None:
    one, two, other = (play(env(headline, seed=seed), HOURS + 5) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one[0], two[0], strict=True))
    assert not np.array_equal(one[0][0], other[0][0])


def test_an_ended_plan_says_what_it_earned_and_the_next_starts_at_once(headline: OpenStores) -> None:
    seen, rewards, ends = play(env(headline), HOURS)
    assert [slot for _, slot, _ in ends] == list(range(8))
    for hour, slot, info in ends:
        assert hour == HOURS - 1
        assert info["episode"]["l"] == HOURS
        assert info["episode"]["r"] == pytest.approx(float(np.sum([row[slot] for row in rewards])), rel=1e-4, abs=1e-3)
        assert info["episode"]["profit"] == pytest.approx(10.0 * info["episode"]["r"])  # a reward of 1 is 10 CNY
        assert info["TimeLimit.truncated"] is False
        assert not np.array_equal(info["terminal_observation"], seen[-1][slot])
        assert np.isfinite(info["terminal_observation"]).all()


def test_what_was_handed_out_does_not_change_later(headline: OpenStores) -> None:
    world = env(headline)
    first = world.reset()
    kept = first.copy()
    world.step(actions(8))
    assert np.array_equal(first, kept)


def test_every_store_is_played_once_before_any_comes_again(headline: OpenStores) -> None:
    _, _, ends = play(env(headline), 4 * HOURS)
    assert sorted(info["store"] for _, _, info in ends) == list(range(32))


def test_twins_meet_the_same_chance(headline: OpenStores) -> None:
    def alike(slots: int, hour: int) -> np.ndarray:
        return np.repeat(actions(slots // 2, hour), 2, axis=0)

    seen, rewards, _ = play(env(headline, twins=2), HOURS + 3, alike)
    assert all(np.array_equal(row[::2], row[1::2]) for row in (*seen, *rewards))
    assert not np.array_equal(seen[0][0], seen[0][2])


def test_staggered_plans_do_not_end_together(headline: OpenStores) -> None:
    _, _, ends = play(env(headline, stagger=1), HOURS)
    assert len({hour for hour, _, _ in ends}) == 8
    _, _, coarse = play(env(headline, stagger=12), HOURS)
    assert {(hour + 1) % 12 for hour, _, _ in coarse} == {0}


def test_a_snapshot_goes_on_as_if_nothing_had_happened(headline: OpenStores) -> None:
    def world() -> ResidualVecEnv:
        stores = env(headline, twins=2, stagger=4)
        return ResidualVecEnv(stores, make_controller("value_pid"), 0.5, hold=4)

    first = world()
    play(first, 7)
    saved = first.snapshot()
    second = world()
    second.reset()
    assert np.array_equal(second.restore(saved), first._look())
    first.restore(saved)
    for hour in range(HOURS // 4 + 2):
        mine, theirs = first.step(actions(8, hour)), second.step(actions(8, hour))
        assert all(np.array_equal(a, b) for a, b in zip(mine[:3], theirs[:3], strict=True))


@pytest.mark.parametrize("hold", [1, 6])
def test_without_corrections_the_base_controller_earns_what_it_earns_alone(headline: OpenStores, hold: int) -> None:
    stores, base = env(headline, 32), make_controller("value_pid")
    _, _, ends = play(ResidualVecEnv(stores, base, 0.5, hold=hold), HOURS // hold, lambda n, _: np.zeros((n, 11)))
    assert len(ends) == 32
    chance = {info["store"]: int(stores._chance[slot]) for _, slot, info in ends}
    assert len(chance) == 32
    seeds = env(headline, 32)
    seeds.reset()
    for _, slot, info in ends[:4]:
        alone = rollout(base, headline, short_plans(headline), int(seeds._chance[slot]))
        assert info["episode"]["profit"] == pytest.approx(alone.profit[info["store"]], rel=1e-9, abs=1e-6)


def test_the_last_observation_of_a_corrected_plan_is_complete(headline: OpenStores) -> None:
    world = ResidualVecEnv(env(headline), make_controller("pid"), 0.5, hold=24)
    _, _, ends = play(world, DAYS)
    assert world.observation_space.shape == (observation_size(8) + 11,)
    assert all(info["terminal_observation"].shape == world.observation_space.shape for _, _, info in ends)


def test_ppo_monitor_normalisation_and_evaluation_of_sb3_work_on_it(headline: OpenStores) -> None:
    world = VecNormalize(VecMonitor(env(headline, stagger=6)))
    model = PPO("MlpPolicy", world, n_steps=HOURS, batch_size=8 * HOURS, n_epochs=1, seed=0, device="cpu")
    model.learn(2 * 8 * HOURS)
    assert model.ep_info_buffer is not None
    assert len(model.ep_info_buffer) > 0
    rewards, lengths = evaluate_policy(model, env(headline), n_eval_episodes=8, return_episode_rewards=True, warn=False)
    assert lengths == [HOURS] * 8
    assert np.isfinite(rewards).all()


def test_a_nan_action_is_refused_by_name(headline: OpenStores) -> None:
    world = env(headline)
    world.reset()
    wrong = actions(8)
    wrong[2, 10] = np.nan
    with pytest.raises(ValueError, match=r"action\[2\]\.discount\(=nan\)"):
        world.step(wrong)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"slots": 6, "twins": 4}, r"slots\(=6\) must be >= 1 and a multiple of twins\(=4\)"),
        ({"slots": 0}, r"slots\(=0\)"),
        ({"stagger": -1}, r"stagger\(=-1\) must be >= 0"),
    ],
)
def test_impossible_arguments_are_refused(headline: OpenStores, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        env(headline, **options)


@pytest.mark.parametrize(("hold", "scale", "name"), [(5, 0.5, "hold"), (0, 0.5, "hold"), (4, 0.0, "scale")])
def test_impossible_corrections_are_refused(headline: OpenStores, hold: int, scale: float, name: str) -> None:
    with pytest.raises(ValueError, match=name):
        ResidualVecEnv(env(headline), make_controller("pid"), scale, hold=hold)


def test_slots_share_their_attributes(headline: OpenStores) -> None:
    world = env(headline)
    assert world.get_attr("twins", [0, 3]) == [1, 1]
    assert world.env_method("get_attr", "twins", indices=[1]) == [[1] * 8]
    assert world.env_is_wrapped(gymnasium.Wrapper) == [False] * 8
    assert world.seed(9) == [9] * 8
    assert not world.has_attr("nothing_of_the_kind")
    with pytest.raises(ValueError, match=r"indices\(=\[0\]\) must name all 8 slots"):
        world.set_attr("twins", 2, [0])
