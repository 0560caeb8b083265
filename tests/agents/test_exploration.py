"""Noise that persists: its spread, its memory, exact probabilities; and the price of a shortfall to the ROI floor."""

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given
from hypothesis import strategies as st
from stable_baselines3.common.vec_env import VecEnv

from merchantgym.agents.exploration import TrailVecEnv
from merchantgym.agents.floor import FloorTerms, FloorVecEnv
from merchantgym.agents.inputs import OBSERVED
from merchantgym.agents.pilot import against_twins
from merchantgym.agents.policy import ListingPolicy
from merchantgym.envs.task import action_size

K = 3
A = action_size(K)
SLOTS = 400


class Shops(VecEnv):
    """Stores that show noise; those of `ending` end every third step with a shortfall."""

    def __init__(self, slots: int = SLOTS, shortfall: float = 0.0) -> None:
        seen = spaces.Box(-10.0, 10.0, (OBSERVED.size(K),), dtype=np.float32)
        super().__init__(slots, seen, spaces.Box(-1.0, 1.0, (A,), dtype=np.float32))
        self.chance, self.hour, self.shortfall = np.random.default_rng(0), 0, shortfall

    def _look(self) -> np.ndarray:
        return self.chance.normal(size=(self.num_envs, OBSERVED.size(K))).astype(np.float32)

    def reset(self) -> np.ndarray:
        return self._look()

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self):  # type: ignore[no-untyped-def]
        self.hour += 1
        dones = np.full(self.num_envs, self.hour % 3 == 0)
        last = {"terminal_observation": np.zeros(OBSERVED.size(K)), "episode": {"shortfall": self.shortfall}}
        infos = [dict(last) if done else {} for done in dones]
        return self._look(), np.ones(self.num_envs, dtype=np.float32), dones, infos

    def close(self) -> None: ...
    def get_attr(self, attr_name, indices=None):
        return [None] * self.num_envs  # type: ignore[no-untyped-def]

    def set_attr(self, attr_name, value, indices=None): ...  # type: ignore[no-untyped-def]
    def env_method(self, method_name, *args, indices=None, **kwargs): ...  # type: ignore[no-untyped-def]
    def env_is_wrapped(self, wrapper_class, indices=None):
        return [False]  # type: ignore[no-untyped-def]

    def snapshot(self) -> dict[str, np.ndarray]:
        return {"hour": np.array(self.hour)}

    def restore(self, snapshot: dict[str, np.ndarray]) -> np.ndarray:
        self.hour = int(snapshot["hour"])
        return np.zeros((self.num_envs, OBSERVED.size(K)), dtype=np.float32)


def policy(persistence: float, world: VecEnv) -> ListingPolicy:
    made = ListingPolicy(
        world.observation_space, world.action_space, lambda _: 1e-3, width=8, log_std_init=-1.0, persistence=persistence
    )
    torch.manual_seed(0)
    for weight in made.heads.parameters():
        weight.data.normal_(0.0, 0.05)
    return made


def test_noise_keeps_its_spread_remembers_and_forgets_with_a_plan() -> None:
    world = TrailVecEnv(Shops(), 0.8)
    teacher = policy(0.8, world)
    world.mean_of = lambda: teacher.mean
    seen, noise = world.reset(), []
    for _ in range(3):
        with torch.no_grad():
            action, _, _ = teacher(torch.from_numpy(seen))
        noise.append((action - teacher.mean).numpy())
        seen, _, dones, infos = world.step(action.numpy())
    spread = np.exp(-1.0)
    own = spread * np.sqrt(1.0 - 0.8**2)
    assert noise[0].std() == pytest.approx(own, rel=0.05)
    assert noise[2].std() == pytest.approx(own * np.sqrt(1.0 + 0.8**2 + 0.8**4), rel=0.05)
    assert np.corrcoef(noise[1].ravel(), noise[0].ravel())[0, 1] == pytest.approx(0.8 / np.sqrt(1.64), abs=0.05)
    innovation = noise[2] - 0.8 * noise[1]
    assert abs(np.corrcoef(innovation.ravel(), noise[1].ravel())[0, 1]) < 0.05
    assert dones.all()
    assert not seen[:, -A:].any(), "a new plan starts without a trail"
    assert infos[0]["terminal_observation"].shape == world.observation_space.shape


def test_the_probability_of_an_action_is_that_of_its_innovation() -> None:
    world = TrailVecEnv(Shops(5), 0.6)
    teacher = policy(0.6, world)
    seen = torch.from_numpy(world.reset())
    seen[:, -A:] = 0.3
    with torch.no_grad():
        action, value, told = teacher(seen)
        again, wanted, _ = teacher.evaluate_actions(seen, action)
        mean = teacher.mean
    exact = torch.distributions.Normal(mean + 0.3, np.exp(-1.0) * 0.8).log_prob(action).sum(1)
    torch.testing.assert_close(told, exact)
    torch.testing.assert_close(wanted, exact)
    torch.testing.assert_close(again, value)
    assert torch.equal(teacher.predict_values(seen), value), "what is worth a state does not depend on the trail"


@given(st.lists(st.floats(-1e3, 1e3), min_size=4, max_size=4), st.floats(-1e3, 1e3))
def test_a_reward_against_twins_follows_the_own_and_not_what_all_share(rewards: list[float], shared: float) -> None:
    rows = np.array(rewards)
    relative = against_twins(rows, 4)
    assert relative.sum() == pytest.approx(0.0, abs=1e-6)
    np.testing.assert_allclose(against_twins(rows + shared, 4), relative, atol=1e-6)
    more = rows.copy()
    more[0] += 1.0
    assert against_twins(more, 4)[0] - relative[0] == pytest.approx(1.0, abs=1e-6)


def test_the_price_of_a_shortfall_rises_until_it_is_allowed_and_falls_again() -> None:
    shops = Shops(4, shortfall=30.0)
    world = FloorVecEnv(shops, FloorTerms(limit=10.0, proportional=0.01, integral=0.02, highest=1.0), reward_scale=10.0)
    world.reset()

    def plan() -> np.ndarray:
        rewards = np.stack([world.step(np.zeros((4, A)))[1] for _ in range(3)])
        world.adjust()
        return rewards

    assert (plan() == 1.0).all(), "nothing is paid at first"
    assert world.price == pytest.approx(0.01 * 20.0 + 0.02 * 20.0)
    paid = plan()
    np.testing.assert_allclose(paid[2], 1.0 - 0.6 * 30.0 / 10.0, rtol=1e-6)
    assert (paid[:2] == 1.0).all()
    assert world.price == pytest.approx(1.0), "never beyond the highest"
    shops.shortfall = 0.0
    prices = []
    for _ in range(8):
        plan()
        prices.append(world.price)
    assert prices == sorted(prices, reverse=True)
    assert prices[-1] == 0.0
    world.adjust()
    assert world.price == 0.0, "without a plan that ended the price stays"


def test_trail_and_price_are_restored() -> None:
    terms = FloorTerms(1.0, 0.1, 0.1, 5.0)
    worlds = [TrailVecEnv(FloorVecEnv(Shops(4, shortfall=7.0), terms, 10.0), 0.5) for _ in range(2)]
    for world in worlds:
        world.mean_of = lambda: torch.zeros(4, A)
    worlds[0].reset()
    for _ in range(4):
        worlds[0].step(np.full((4, A), 0.5, dtype=np.float32))
        worlds[0].venv.adjust()
    seen = worlds[1].restore(worlds[0].snapshot())
    assert (seen[:, -A:] == 0.25).all()
    assert worlds[1].venv.price == worlds[0].venv.price > 0.0
