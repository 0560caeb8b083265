"""A short chain whose values are known: the money left rises with the discount, and money left is what is earned."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.agents.offline.dataset import Decisions
from merchantgym.agents.offline.explorer import Mean, Way
from merchantgym.envs.observation import Global, observation_size
from merchantgym.envs.task import action_size

STEPS = 3
CARRIED = 0.5  # of a discount, into the money left
BEHAVIOUR = Way("noise", sd=0.3)


def shift(size: float) -> Mean:
    """A constant correction of the discount."""

    def mean(observation: NDArray[Any], base: NDArray[Any]) -> NDArray[np.float64]:
        moved = np.zeros(base.shape)
        moved[:, -1] = size
        return moved

    return mean


def chain(episodes: int, seed: int, way: Way = BEHAVIOUR, noise: float = 1.0) -> Decisions:
    """Episodes of a way to act: reward = 10 money + 4 e - 6 e^2 + noise, then money += CARRIED e."""
    rng = np.random.default_rng(seed)
    money = rng.uniform(0.3, 0.7, episodes)
    parts = []
    for step in range(STEPS):
        seen = np.zeros((episodes, observation_size(1)), dtype=np.float32)
        seen[:, Global.BUDGET_LEFT], seen[:, Global.TIME_LEFT] = money, 1.0 - step / STEPS
        base = np.zeros((episodes, action_size(1)))
        done = way.mean(seen, base) + way.sd * rng.normal(size=base.shape)
        e = done[:, -1]
        reward = 10.0 * money + 4.0 * e - 6.0 * e**2 + noise * rng.normal(size=episodes)
        parts.append((seen, base, done, way.log_density(seen, base, done), reward))
        money = money + CARRIED * e
    columns = [
        np.stack(values, axis=1).reshape(episodes * STEPS, *values[0].shape[1:]) for values in zip(*parts, strict=True)
    ]
    number, step = np.repeat(np.arange(episodes), STEPS), np.tile(np.arange(STEPS), episodes)
    seen, base, done, density, reward = columns
    return Decisions(number, number, step, seen, base, done, density, reward, step == STEPS - 1)


def true_value(size: float, sd: float) -> float:
    """Of a constant discount with noise, an episode: money starts at 0.5 in the mean."""
    carried = 10.0 * CARRIED * size * sum(range(STEPS))
    return STEPS * (10.0 * 0.5 + 4.0 * size - 6.0 * (size**2 + sd**2)) + carried
