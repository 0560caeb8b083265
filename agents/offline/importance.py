"""Values of one way to act from what another did, by ratios of densities: weighted importance sampling, doubly robust.

Episodes stand in rows, decisions in columns; an episode that is over keeps its weight, earns nothing and is worth
nothing. Weights are normalised in every column, so they may be known up to a factor of the column.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import FloatArray


def table(values: FloatArray, row: NDArray[np.int64], column: NDArray[np.int64]) -> FloatArray:
    """Values (m,) of decisions as (rows, columns), 0 where there is none."""
    laid = np.zeros((int(row.max()) + 1, int(column.max()) + 1))
    laid[row, column] = values
    return laid


def weights(log_ratio: FloatArray) -> FloatArray:
    """Product of the ratios so far (n, T) up to a factor of the column, from logarithms of single ratios (n, T).

    Raises: ValueError: a ratio that is not a number, as where the density of what was done is not known.
    """
    total = np.cumsum(log_ratio, axis=1)
    if not np.isfinite(total).all():
        row, column = np.argwhere(~np.isfinite(total))[0]
        raise ValueError(f"log_ratio[{row}, {column}](={log_ratio[row, column]}) must be finite: was there noise?")
    scaled: FloatArray = np.exp(total - total.max(axis=0))
    return scaled


def effective_episodes(weight: FloatArray) -> float:
    """How many equally weighted episodes say as much as these with the weights (n,): (sum w)^2 / sum w^2."""
    return float(weight.sum() ** 2 / (weight**2).sum())


def weighted_importance(weight: FloatArray, reward: FloatArray, counts: FloatArray) -> FloatArray:
    """Value by per-decision weighted importance sampling.

    Args:
        weight: (n, T) from `weights`.
        reward: (n, T).
        counts: (m, n) how often each episode is drawn in each of m resamples.
    Returns: (m,) in units of the reward.
    Source: Precup, Sutton and Singh 2000, "Eligibility traces for off-policy policy evaluation", section 3.
    """
    whole: FloatArray = ((counts @ (weight * reward)) / (counts @ weight)).sum(axis=1)
    return whole


def doubly_robust(
    weight: FloatArray, reward: FloatArray, action_value: FloatArray, state_value: FloatArray, counts: FloatArray
) -> FloatArray:
    """Value by the weighted doubly robust estimator: a model of values, corrected where it was wrong.

    Args:
        weight, reward, counts: as `weighted_importance`.
        action_value: (n, T) modelled value of what was done, best from other episodes than these.
        state_value: (n, T) modelled value of the state under the way that is judged.
    Returns: (m,) in units of the reward.
    Source: Thomas and Brunskill 2016, "Data-efficient off-policy policy evaluation", section 4.
    """
    before = np.concatenate((np.ones((len(weight), 1)), weight[:, :-1]), axis=1)
    corrected = (counts @ (weight * (reward - action_value))) / (counts @ weight)
    whole: FloatArray = (corrected + (counts @ (before * state_value)) / (counts @ before)).sum(axis=1)
    return whole


def resamples(group: NDArray[Any], count: int, rng: np.random.Generator) -> FloatArray:
    """How often each episode is drawn, (1 + count, n): first each once, then groups with replacement.

    Args:
        group: (n,) episodes of the same group share their luck, as those of one store do.
    """
    _, member = np.unique(group, return_inverse=True)
    size = int(member.max()) + 1
    drawn = rng.multinomial(size, np.full(size, 1.0 / size), size=count)
    counts: FloatArray = np.concatenate((np.ones((1, len(member))), drawn[:, member].astype(np.float64)))
    return counts
