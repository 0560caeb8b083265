"""Which gains a trial tries: a function of (seed, controller, place of the trial, trials before it), never of a clock.

So a search that was killed and goes on tries what it would have tried.
"""

from collections.abc import Mapping
from math import exp, log
from typing import Any
from zlib import crc32

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

NEAR_START = 16  # trials around the gains in place, before the estimator has enough to go by
KEPT = 0.6  # probability that such a trial leaves a gain where it is


class KeyedSampler(BaseSampler):
    """First a few gains at a time away from those in place, then a tree-structured Parzen estimator of all jointly.

    Source: Bergstra et al. 2011, "Algorithms for hyper-parameter optimization"; Falkner et al. 2018, "BOHB"
    (multivariate kernels).
    """

    def __init__(self, space: Mapping[str, FloatDistribution], start: Mapping[str, float], seed: int, name: str):
        self._space, self._start, self._key = dict(space), dict(start), (seed, crc32(name.encode()))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All gains, at every trial."""
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of all gains."""
        lost = sum(other.state == TrialState.FAIL for other in study.get_trials(deepcopy=False))
        place = trial.number - lost
        if place <= NEAR_START:
            return self._near_start(np.random.default_rng([*self._key, place]))
        seed = int(np.random.default_rng([*self._key, place]).integers(2**32))
        estimator = TPESampler(multivariate=True, constant_liar=True, n_startup_trials=1, seed=seed)
        return estimator.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Not used: `sample_relative` knows every gain."""
        raise KeyError(f"{param_name} is not among the gains under search")

    def _near_start(self, rng: np.random.Generator) -> dict[str, float]:
        return {
            gain: self._start[gain] if rng.random() < KEPT else _anywhere(where, rng)
            for gain, where in self._space.items()
        }


def _anywhere(where: FloatDistribution, rng: np.random.Generator) -> float:
    """Uniform over the range, or over its logarithm."""
    if where.log:
        return min(max(exp(rng.uniform(log(where.low), log(where.high))), where.low), where.high)
    return float(rng.uniform(where.low, where.high))
