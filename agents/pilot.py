"""A pilot run before training: the scale of what a policy sees, and of what it earns."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.streams import keyed_generator

from .policy import Standard
from .residual import ResidualVecEnv

_PILOT = 77  # what a keyed generator is asked for: the corrections of the pilot run
_DAYS = 14


def pilot(env: ResidualVecEnv, seed: int, *, log_std: float, gamma: float) -> tuple[Standard, float]:
    """A fortnight of random corrections.

    Args:
        env: is reset and run.
        seed: of the corrections.
        log_std: [ln] their spread.
        gamma: discount per correction.
    Returns: mean and spread of the inputs; spread of discounted returns [reward].
    """
    rng = keyed_generator(seed, _PILOT)
    seen, rewards, ends = [], [], []
    inputs: NDArray[Any] = env.reset()
    assert env.action_space.shape is not None
    for _ in range(_DAYS * 24 // env.hold):
        seen.append(np.asarray(inputs))
        noise = np.exp(log_std) * rng.normal(size=(env.num_envs, *env.action_space.shape))
        inputs, reward, done, _ = cast(Any, env.step(noise))
        rewards.append(reward)
        ends.append(done)
    value, returns = np.zeros(env.num_envs), []
    for reward, done in zip(reversed(rewards), reversed(ends), strict=True):
        value = reward + gamma * value * (1.0 - done)
        returns.append(value)
    return Standard.of(np.concatenate(seen), env.sight.layout), max(float(np.std(returns)), 1e-6)
