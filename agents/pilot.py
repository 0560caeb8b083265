"""A pilot run before training: the scale of what a policy sees, and of what it earns."""

from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.streams import keyed_generator

from .policy import Standard
from .residual import ResidualVecEnv

_PILOT = 77  # what a keyed generator is asked for: the corrections of the pilot run
_DAYS = 14


def pilot(env: ResidualVecEnv, seed: int, *, log_std: float, gamma: float, twins: int = 1) -> tuple[Standard, float]:
    """A fortnight of random corrections.

    Args:
        env: is reset and run.
        seed: of the corrections.
        log_std: [ln] their spread.
        gamma: discount per correction.
        twins: slots in a row against whose mean a reward is taken; 1: rewards as they are.
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
        rewards.append(against_twins(reward, twins))
        ends.append(done)
    value, returns = np.zeros(env.num_envs), []
    for reward, done in zip(reversed(rewards), reversed(ends), strict=True):
        value = reward + gamma * value * (1.0 - done)
        returns.append(value)
    return Standard.of(np.concatenate(seen), env.sight.layout), max(float(np.std(returns)), 1e-6)


def against_twins(rewards: NDArray[Any], twins: int) -> NDArray[Any]:
    """Rewards (slots,) less the mean of the other slots of the same store and chance; as they are without twins."""
    if twins == 1:
        return rewards
    groups = rewards.reshape(-1, twins)
    others = (groups.sum(axis=1, keepdims=True) - groups) / (twins - 1)
    relative: NDArray[Any] = (groups - others).reshape(-1)
    return relative
