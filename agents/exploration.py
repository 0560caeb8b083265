"""Exploration that pays: against twins, and persistent.

White noise on decisions hardly moves what a store earns, because half of all orders come days after their click and
the next decision undoes the last. A first-order autoregressive noise with share r of the last noise carried over,

    action = mean + trail + noise,   trail = r x (last action - last mean),   noise ~ N(0, (1 - r^2) sd^2),

has the same spread sd, and stays an ordinary policy over a state that the trail belongs to: the log probability of an
action is that of its noise given the trail, so likelihood ratios are exact.
Source: Korenkevych, Mahmood, Vasan and Bergstra 2019, "Autoregressive policies for continuous control".
"""

from collections.abc import Callable
from math import log1p
from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.distributions import DiagGaussianDistribution, Distribution
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from torch import Tensor

from merchantgym.envs.engines.layout import N_CHANNELS

from .sb3_env import Snapshot


class TwinBuffer(RolloutBuffer):
    """Advantages are taken against the mean of the twins: same store, same chance, other decisions."""

    twins = 1
    reward_scale = 1.0

    def compute_returns_and_advantage(self, last_values: Tensor, dones: NDArray[Any]) -> None:
        """As SB3's, on rewards in units of the pilot's spread of returns."""
        self.rewards /= self.reward_scale
        super().compute_returns_and_advantage(last_values, dones)
        if self.twins > 1:
            groups = self.advantages.reshape(self.buffer_size, -1, self.twins)
            self.advantages = (groups - groups.mean(axis=2, keepdims=True)).reshape(self.buffer_size, -1)


def spread_over(three: Tensor, actions: int) -> Tensor:
    """One number each for channels, listings and the discount, spread over the numbers of an action: (actions,)."""
    channel, listing, discount = three
    return torch.cat((channel.expand(N_CHANNELS), listing.expand(actions - N_CHANNELS - 1), discount.expand(1)))


def explore(dist: Any, mean: Tensor, log_std: Tensor, trail: Tensor | None, persistence: float) -> Distribution:
    """Distribution of actions (n, A) around their mean.

    Args:
        dist: of SB3, is set and returned.
        log_std: [ln] spread of channels, listings and discount, shape (3,).
        trail: what is left of the last noise (n, A); None: white noise.
        persistence: share of it carried over.
    """
    spread = spread_over(log_std, mean.shape[1])
    if trail is not None:
        mean, spread = mean + trail, spread + 0.5 * log1p(-(persistence**2))
    return cast(DiagGaussianDistribution, dist).proba_distribution(mean, spread)


def split_trail(obs: Tensor, action_space: spaces.Space[Any], persistence: float) -> tuple[Tensor, Tensor | None]:
    """Policy inputs, and the trail of the last noise that follows them where noise persists."""
    if not persistence:
        return obs, None
    assert action_space.shape is not None
    size = action_space.shape[0]
    return obs[:, :-size], obs[:, -size:]


class TrailVecEnv(VecEnvWrapper):
    """Observations are followed by the trail of the last noise; a new plan starts without."""

    def __init__(self, venv: Any, persistence: float) -> None:
        """Take over `venv`, a `ResidualVecEnv` or what wraps one."""
        self.persistence = persistence
        self.mean_of: Callable[[], Tensor] | None = None
        """Gives the means (slots, A) of the actions that were drawn last; to be set before the first step."""
        assert venv.action_space.shape is not None
        self.trail = np.zeros((venv.num_envs, *venv.action_space.shape), dtype=np.float32)
        far = np.full(venv.action_space.shape, 2.0, dtype=np.float32)
        low, high = (
            np.concatenate((venv.observation_space.low, -far)),
            np.concatenate((venv.observation_space.high, far)),
        )
        super().__init__(venv, observation_space=spaces.Box(low, high, dtype=np.float32))

    def reset(self) -> NDArray[np.float32]:
        """As the stores' `reset`, without a trail."""
        self.trail[:] = 0.0
        return self._with_trail(self.venv.reset())

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the actions of the coming hours."""
        assert self.mean_of is not None
        self.trail = np.float32(self.persistence) * (actions - self.mean_of().detach().numpy())
        self.venv.step_async(actions)

    def step_wait(self) -> VecEnvStepReturn:
        """Run the hours."""
        seen, rewards, dones, infos = self.venv.step_wait()
        for slot in np.flatnonzero(dones):
            last = infos[slot]["terminal_observation"]
            infos[slot]["terminal_observation"] = np.concatenate((last, self.trail[slot]))
        self.trail[dones] = 0.0
        return self._with_trail(seen), rewards, dones, infos

    def _with_trail(self, seen: Any) -> NDArray[np.float32]:
        return np.concatenate((seen, self.trail), axis=1, dtype=np.float32)

    def snapshot(self) -> Snapshot:
        """All that is needed to go on from here."""
        return {"trail": self.trail.copy(), **cast(Any, self.venv).snapshot()}

    def restore(self, snapshot: Snapshot) -> NDArray[np.float32]:
        """Go on from a snapshot. Returns what was last handed out."""
        self.trail = snapshot["trail"].copy()
        return self._with_trail(cast(Any, self.venv).restore(snapshot))
