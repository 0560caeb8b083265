"""The vector environment: every slot is a single environment, and autoreset is the one that Gymnasium documents."""

import re
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from gymnasium.wrappers.vector import ClipReward, NormalizeObservation, RecordEpisodeStatistics
from numpy.typing import NDArray

import merchantgym.envs  # noqa: F401  registers the environment
from merchantgym.envs import fleet as fleets
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Plan
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.reward import Term
from merchantgym.envs.store_env import ManagedStoreEnv
from merchantgym.envs.vector_env import ManagedStoreVectorEnv

ID = "merchantgym/ManagedStore-v0"
N, STORES = 3, 4
TERMS = [*(term.name.lower() for term in Term), "profit"]


def one_or_two_days(office: BackOffice) -> Plan:
    """Short plans of different lengths, so that slots start anew at different hours."""
    days = 1 + int(office.store[-1]) % 2
    return platform_plan(office).model_copy(update={"days": days})


SHORT: dict[str, Any] = {"stores": STORES, "planner": one_or_two_days}


def made(num_envs: int = N, **options: Any) -> ManagedStoreVectorEnv:
    env = gym.make_vec(ID, num_envs=num_envs, **{**SHORT, **options}).unwrapped
    assert isinstance(env, ManagedStoreVectorEnv)
    return env


def drawn_actions(hours: int, slots: int = N, seed: int = 0) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-1, 1, (hours, slots, 11))


def test_gym_make_vec_steps_all_slots_in_one_call() -> None:
    env = made()
    assert env.num_envs == N
    assert env.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP
    seen, info = env.reset(seed=0)
    assert seen.dtype == np.float32
    assert env.observation_space.contains(seen)
    assert env.observation_space.shape == (N, *(env.single_observation_space.shape or ()))
    assert env.action_space.shape == (N, *(env.single_action_space.shape or ()))
    assert all(name.startswith("train-") for name in info["store"])
    seen, reward, terminated, truncated, info = env.step(env.action_space.sample())
    assert env.observation_space.contains(seen)
    assert reward.shape == terminated.shape == truncated.shape == (N,)
    assert terminated.dtype == truncated.dtype == np.bool_
    for name in TERMS:
        assert info[name].shape == (N,)
        assert info[f"_{name}"].all()
    env.close()


def test_slots_are_single_environments_in_gymnasiums_own_vector_environment() -> None:
    """Bit for bit, rewards, ends, autoresets and infos included, over several plans in every slot."""
    ours: VectorEnv[Any, Any, Any] = made()
    theirs = gym.make_vec(ID, num_envs=N, vectorization_mode="sync", **SHORT)
    assert isinstance(theirs, SyncVectorEnv)
    np.testing.assert_array_equal(ours.reset(seed=5)[0], theirs.reset(seed=5)[0])
    ends = np.zeros(N)
    for action in drawn_actions(150):
        mine, other = ours.step(action), theirs.step(action)
        for one, two in zip(mine[:4], other[:4], strict=True):
            np.testing.assert_array_equal(one, two)
        for name in (*TERMS, "store", "run_seed"):
            known = other[4].get(f"_{name}", np.zeros(N, dtype=bool))
            np.testing.assert_array_equal(mine[4].get(f"_{name}", np.zeros(N, dtype=bool)), known, err_msg=name)
            if known.any():
                np.testing.assert_array_equal(mine[4][name][known], other[4][name][known], err_msg=name)
        ends += mine[2]
    assert (ends >= 3).all()
    theirs.close()


def test_a_slot_plays_what_a_single_environment_with_its_seed_plays() -> None:
    env = made(planner=None)
    seen, info = env.reset(seed=40)
    actions = drawn_actions(336)
    singles = [ManagedStoreEnv(stores=STORES) for _ in range(N)]
    for i, single in enumerate(singles):
        alone, alone_info = single.reset(seed=40 + i)
        np.testing.assert_array_equal(seen[i], alone)
        assert info["store"][i] == alone_info["store"]
        assert info["run_seed"][i] == alone_info["run_seed"]
    for action in actions:
        seen, reward, terminated, _, _ = env.step(action)
        for i, single in enumerate(singles):
            alone, earned, over, _, _ = single.step(action[i])
            np.testing.assert_array_equal(seen[i], alone)
            assert reward[i] == earned
            assert terminated[i] == over
    assert terminated.all()


def test_the_step_after_an_end_starts_the_next_plan_and_ignores_the_action() -> None:
    env, twin = made(), made()
    env.reset(seed=1)
    twin.reset(seed=1)
    actions = drawn_actions(60)
    over = np.zeros(N, dtype=bool)
    restarts = 0
    for action in actions:
        other = action.copy()
        other[over] = np.nan  # even this
        seen, reward, terminated, truncated, info = env.step(other)
        expected = twin.step(action)
        np.testing.assert_array_equal(seen, expected[0])
        np.testing.assert_array_equal(reward, expected[1])
        assert (reward[over] == 0.0).all()
        assert not terminated[over].any()
        assert not truncated.any()
        np.testing.assert_array_equal(info["_profit"], ~over)
        if over.any():
            np.testing.assert_array_equal(info["_store"], over)
            time_left = seen[:, 6]
            assert (time_left[over] == 1.0).all()
        restarts += int(over.sum())
        over = terminated
    assert restarts >= N


def test_whole_episodes_are_counted_by_gymnasiums_wrapper() -> None:
    counted = RecordEpisodeStatistics(gym.make_vec(ID, num_envs=N, **SHORT))
    counted.reset(seed=2)
    earned, lengths = np.zeros(N), np.zeros(N)
    over = np.zeros(N, dtype=bool)
    episodes = 0
    for action in drawn_actions(120):
        _, reward, terminated, _, info = counted.step(action)
        earned, lengths = np.where(over, 0.0, earned + reward), np.where(over, 0, lengths + 1)
        over = terminated
        for i in np.flatnonzero(terminated):
            assert info["_episode"][i]
            assert info["episode"]["r"][i] == pytest.approx(earned[i])
            assert info["episode"]["l"][i] == lengths[i]
            assert lengths[i] in (24, 48)
            episodes += 1
    assert episodes >= 2 * N


def test_other_wrappers_work_too() -> None:
    env = NormalizeObservation(ClipReward(gym.make_vec(ID, num_envs=N, **SHORT), -0.1, 0.1))
    env.reset(seed=0)
    for action in drawn_actions(60):
        seen, reward, *_ = env.step(action)
        assert np.isfinite(seen).all()
        assert (abs(reward) <= 0.1).all()


def test_same_seed_twins_are_identical_and_other_seeds_are_not() -> None:
    one, other, third = made(), made(), made()
    for env, seed in ((one, 3), (other, 3), (third, 4)):
        env.reset(seed=seed)
    differs = False
    for action in drawn_actions(60):
        first, second, different = one.step(action), other.step(action), third.step(action)
        for x, y in zip(first[:4], second[:4], strict=True):
            np.testing.assert_array_equal(x, y)
        differs |= bool((first[1] != different[1]).any())
    assert differs


def test_without_a_seed_every_environment_goes_its_own_way() -> None:
    assert (made().reset()[1]["run_seed"] != made().reset()[1]["run_seed"]).all()


def test_a_reset_without_a_seed_carries_on_drawing() -> None:
    env = made()
    first = env.reset(seed=3)[1]["run_seed"]
    second = env.reset()[1]["run_seed"]
    assert (first != second).all()
    env.reset(seed=3)
    np.testing.assert_array_equal(env.reset()[1]["run_seed"], second)


def test_seeds_can_be_given_one_by_one() -> None:
    env = made()
    together, _ = env.reset(seed=20)
    one_by_one, _ = env.reset(seed=[22, 21, 20])
    np.testing.assert_array_equal(one_by_one, together[::-1])
    with pytest.raises(ValueError, match=r"seed has 2 entries, needs 3"):
        env.reset(seed=[1, 2])


def test_some_slots_can_be_reset_alone() -> None:
    env, twin = made(), made()
    env.reset(seed=6)
    twin.reset(seed=6)
    actions = drawn_actions(10)
    for action in actions[:5]:
        before = env.step(action)[0]
        twin.step(action)
    mask = np.array([False, True, False])
    seen, info = env.reset(seed=30, options={"reset_mask": mask})
    np.testing.assert_array_equal(seen[~mask], before[~mask])
    np.testing.assert_array_equal(info["_store"], mask)
    np.testing.assert_array_equal(seen[1], made().reset(seed=30)[0][1])
    for action in actions[5:]:
        np.testing.assert_array_equal(env.step(action)[0][~mask], twin.step(action)[0][~mask])


def test_a_reset_between_an_end_and_its_autoreset_starts_one_plan_and_not_two() -> None:
    env, fresh = made(), made()
    env.reset(seed=1)
    fresh.reset(seed=8)
    over = np.zeros(N, dtype=bool)
    for action in drawn_actions(48):
        over = env.step(action)[2]
        if over.any():
            break
    assert over.any()
    env.reset(seed=8)
    for action in drawn_actions(20):
        for x, y in zip(env.step(action)[:4], fresh.step(action)[:4], strict=True):
            np.testing.assert_array_equal(x, y)


def test_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleets, "_ROWS_PER_THREAD", 1)
    monkeypatch.setattr(fleets.os, "cpu_count", lambda: N)
    serial, threaded = made(), made(threads=N)
    np.testing.assert_array_equal(serial.reset(seed=0)[0], threaded.reset(seed=0)[0])
    for action in drawn_actions(60):
        for x, y in zip(serial.step(action)[:4], threaded.step(action)[:4], strict=True):
            np.testing.assert_array_equal(x, y)


def test_what_was_returned_stays_as_it_was() -> None:
    env = made()
    env.reset(seed=0)
    actions = drawn_actions(30)
    first = env.step(actions[0])
    kept = [part.copy() for part in first[:4]] + [first[4]["profit"].copy()]
    for action in actions[1:]:
        env.step(action)
    for part, copy in zip([*first[:4], first[4]["profit"]], kept, strict=True):
        np.testing.assert_array_equal(part, copy)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stoer": 1}, "options has no entry 'stoer'; allowed: reset_mask"),
        ({"reset_mask": [True]}, "options.reset_mask(shape=(1,)) must have shape (3,)"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        made().reset(options=options)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scenario": "easy"}, "scenario(='easy') must be one of: cold_start, "),
        ({"split": "trian"}, "split(='trian') must be one of: train, validation, test"),
        ({"engine": "minute"}, "engine(='minute') must be one of: "),
        ({"render_mode": "rgb_array"}, "render_mode(='rgb_array') must be None: render single stores instead"),
        ({"num_envs": 0}, "slots(=0) must be >= 1"),
        ({"threads": 0}, "threads(=0) must be >= 1"),
        ({"stores": 0}, "stores(=0) must be >= 1"),
    ],
)
def test_a_wrong_argument_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        ManagedStoreVectorEnv(**{"num_envs": N, "stores": 2, **arguments})


def test_a_wrong_action_is_named_by_slot_and_entry() -> None:
    env = made()
    env.reset(seed=0)
    action = np.zeros((N, 11))
    action[2, 10] = np.nan
    with pytest.raises(ValueError, match=r"action\[2\]\.discount\(=nan\) must be a finite number in \[-1, 1\]"):
        env.step(action)
    with pytest.raises(ValueError, match=re.escape("action has shape (3, 4), needs (3, 11)")):
        env.step(np.zeros((N, 4)))


def test_stepping_needs_a_reset() -> None:
    with pytest.raises(ResetNeeded):
        made().step(np.zeros((N, 11)))
