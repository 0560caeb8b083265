"""What a way to act would earn, from a record of another: three estimators and their bootstrap over stores.

They judge corrections of the base actor that was recorded, decided as often as in the record.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import FloatArray

from .dataset import Decisions
from .explorer import Way
from .fitted import FeatureScale, fit_values
from .importance import doubly_robust, effective_episodes, resamples, table, weighted_importance, weights

METHODS = {
    "is": "per-decision weighted importance sampling",
    "fqe": "fitted Q evaluation",
    "dr": "weighted doubly robust",
}
"""Estimators by name."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What a way to act would earn an episode by each of `METHODS`; row 0 is the estimate, the others resamples."""

    values: Mapping[str, FloatArray]  # (1 + resamples,) [CNY]
    effective: float  # how many episodes of its own the record is worth to importance sampling


@dataclass(frozen=True)
class Estimate:
    """A number and the ends of its 95 % interval [CNY an episode]."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, resampled: FloatArray) -> "Estimate":
        """Of an estimate and its resamples (1 + m,): percentile interval."""
        low, high = np.quantile(resampled[1:], (0.025, 0.975))
        return cls(float(resampled[0]), float(low), float(high))


def draws(decisions: Decisions, count: int, rng: np.random.Generator) -> FloatArray:
    """Resamples (1 + count, episodes) of stores; the same for all ways makes their differences sharp."""
    first = decisions.step == 0
    return resamples(decisions.store[first], count, rng)


def judge(decisions: Decisions, way: Way, counts: FloatArray) -> Judged:
    """What a way to act would earn.

    Args:
        decisions: of the record, with the density of every correction.
        way: corrections of the same base actor.
        counts: (1 + m, episodes) from `draws`.
    Raises: ValueError: corrections without a density, in the record or in the way.
    """
    row = np.cumsum(decisions.step == 0) - 1
    mean = way.mean(decisions.observation, decisions.base)
    ratio = way.log_density(decisions.observation, decisions.base, decisions.correction) - decisions.log_density
    weight = weights(table(ratio, row, decisions.step))
    reward = table(decisions.reward, row, decisions.step)
    model = _Model.of(decisions, mean, way.sd, row)
    even = decisions.store % 2 == 0
    done, expected = np.zeros(len(decisions)), np.zeros(len(decisions))
    for fold in (even, ~even):  # values of the doubly robust estimator come from other stores than they correct
        fitted = model.fit(np.where(fold, 0.0, 1.0))
        done[fold], expected[fold] = model.features[fold] @ fitted, model.expected[fold] @ fitted
    values = {
        "is": weighted_importance(weight, reward, counts),
        "fqe": np.array([model.value(count) for count in counts]),
        "dr": doubly_robust(
            weight, reward, table(done, row, decisions.step), table(expected, row, decisions.step), counts
        ),
    }
    return Judged(values, effective_episodes(weight[:, -1]))


@dataclass(frozen=True, eq=False)
class _Model:
    """Regression of values for one way to act."""

    decisions: Decisions
    row: NDArray[np.int64]  # (m,) of the episode
    features: FloatArray  # (m, F) of what was done
    expected: FloatArray  # (m, F) of what the way would do

    @classmethod
    def of(cls, decisions: Decisions, mean: FloatArray, sd: float, row: NDArray[np.int64]) -> "_Model":
        seen, base, done = decisions.observation, decisions.base, decisions.correction
        scale = FeatureScale.of(seen, base)
        state = scale.state(seen, base)
        return cls(
            decisions,
            row,
            scale.features(state, seen, done, done**2),
            scale.features(state, seen, mean, mean**2 + sd**2),
        )

    def fit(self, weight: FloatArray) -> FloatArray:
        return fit_values(self.features, self.expected, self.decisions.reward, self.decisions.done, weight)

    def value(self, count: FloatArray) -> float:
        """Mean value of the episodes' first states, each counted so often."""
        first = self.decisions.step == 0
        return float(np.average(self.expected[first] @ self.fit(count[self.row]), weights=count))
