"""Which gains a trial tries: a function of (seed, controller, place of the trial, trials before it), never of a clock.

So a search that was killed and goes on tries what it would have tried.
"""

from collections.abc import Mapping
from math import exp, inf, log
from typing import Any
from zlib import crc32

import numpy as np
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

NEAR_BEST = 16  # first trials, all near the best so far; of later ones every other
MOVED = 3.0  # gains that such a trial moves, on average
STEP = 0.2  # standard deviation of a move, as a share of the range


class KeyedSampler(BaseSampler):
    """Moves a few gains of the best trial so far; in turn, a tree-structured Parzen estimator sets all jointly.

    The first is at home where there are many gains and few trials, the second sees what gains do together.

    Source: Tolson and Shoemaker 2007, "Dynamically dimensioned search algorithm"; Bergstra et al. 2011, "Algorithms
    for hyper-parameter optimization"; Falkner et al. 2018, "BOHB" (multivariate kernels).
    """

    def __init__(self, space: Mapping[str, FloatDistribution], seed: int, name: str) -> None:
        self._space, self._key = dict(space), (seed, crc32(name.encode()))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All gains, at every trial."""
        return dict(self._space)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of all gains."""
        trials = study.get_trials(deepcopy=False)
        place = trial.number - sum(other.state == TrialState.FAIL for other in trials)
        rng = np.random.default_rng([*self._key, place])
        best = max(trials, key=lambda other: (score_of(other), -other.number))
        if best.value is not None and (place <= NEAR_BEST or place % 2 == 0):
            return self._near(best.params, rng)
        estimator = TPESampler(multivariate=True, n_startup_trials=1, seed=int(rng.integers(2**32)))
        return estimator.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> float:
        """Anywhere: before anything is known, or where another process has yet to end the first trial."""
        where = self._space[param_name]
        rng = np.random.default_rng([*self._key, trial.number, crc32(param_name.encode())])
        return _value(where, rng.random())

    def _near(self, best: Mapping[str, float], rng: np.random.Generator) -> dict[str, float]:
        """The best with some gains moved, at least one."""
        count = len(self._space)
        moved = rng.random(count) < MOVED / count
        moved[rng.integers(count)] = True
        steps = rng.normal(0.0, STEP, count)
        found = {}
        for (gain, where), move, step in zip(self._space.items(), moved, steps, strict=True):
            found[gain] = _value(where, _reflected(_place(where, best[gain]) + step)) if move else best[gain]
        return found


def score_of(trial: FrozenTrial) -> float:
    """Mean uplift of a trial as a share; -inf where it did not meet all stores."""
    return float(trial.value) if trial.state == TrialState.COMPLETE and trial.value is not None else -inf


def _place(where: FloatDistribution, value: float) -> float:
    """Where in its range a value lies, 0..1."""
    low, high, at = (log(x) if where.log else x for x in (where.low, where.high, value))
    return (at - low) / (high - low)


def _value(where: FloatDistribution, place: float) -> float:
    """The value at a place of its range."""
    if where.log:
        found = exp(log(where.low) + place * (log(where.high) - log(where.low)))
    else:
        found = where.low + place * (where.high - where.low)
    return min(max(found, where.low), where.high)


def _reflected(place: float) -> float:
    """Thrown back at the ends of the range."""
    folded = abs(place) % 2.0
    return 2.0 - folded if folded > 1.0 else folded
