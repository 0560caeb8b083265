"""What the simulator costs a learner: PPO on managed stores against PPO on an environment that does nothing."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from merchantgym.agents.sb3_env import FleetVecEnv
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays

_SLOTS = 256
_BATCH = 4096
_STEPS = 64 * _SLOTS


class TrivialVecEnv(VecEnv):
    """Same spaces and slots, no world: observations of zeros, rewards of zero."""

    render_mode: str | None = None

    def __init__(self, slots: int, observation_space: spaces.Space[Any], action_space: spaces.Space[Any]) -> None:
        super().__init__(slots, observation_space, action_space)
        assert observation_space.shape is not None
        self._observation = np.zeros((slots, *observation_space.shape), dtype=np.float32)
        self._infos: list[dict[str, Any]] = [{} for _ in range(slots)]

    def reset(self) -> NDArray[np.float32]:
        """Zeros."""
        return self._observation

    def step_async(self, actions: NDArray[Any]) -> None:
        """Nothing to do."""

    def step_wait(self) -> VecEnvStepReturn:
        """Zeros."""
        nothing = np.zeros(self.num_envs, dtype=np.float32)
        return self._observation, nothing, np.zeros(self.num_envs, dtype=np.bool_), self._infos

    def close(self) -> None:
        """Nothing to do."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The attribute of this object, once per slot asked for."""
        return [getattr(self, attr_name)] * len(list(self._get_indices(indices)))

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Sets it on this object."""
        setattr(self, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """There is none to call."""
        raise AttributeError(f"the trivial environment has no method {method_name!r}")

    def env_is_wrapped(self, wrapper_class: type[Any], indices: VecEnvIndices = None) -> Sequence[bool]:  # type: ignore[override]
        """Never."""
        return [False] * len(list(self._get_indices(indices)))


def share_of_trivial(opened: OpenStores, plans: PlanArrays) -> float:
    """PPO frames per CPU second on managed stores over those on the trivial environment (256 slots, batch 4096)."""
    torch.set_num_threads(1)
    stores = FleetVecEnv(opened, plans, _SLOTS, seed=0, stagger=0)
    trivial = TrivialVecEnv(_SLOTS, stores.observation_space, stores.action_space)
    rounds = [(_train(stores), _train(trivial)) for _ in range(4)]
    return min(idle for _, idle in rounds) / min(managed for managed, _ in rounds)


def _train(env: VecEnv) -> float:
    """CPU seconds of two updates."""
    model = PPO("MlpPolicy", env, n_steps=_STEPS // _SLOTS, batch_size=_BATCH, n_epochs=4, seed=0, device="cpu")
    start = time.process_time()
    model.learn(2 * _STEPS)
    return time.process_time() - start
