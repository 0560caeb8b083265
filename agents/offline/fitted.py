"""Fitted Q evaluation: the value of a way to act from a regression of rewards and the values that follow.

The regression is linear over features that say what a decision moves (corrections and their squares, alone and with
the time and money left) and what a store is worth whatever is decided. So expectations over a normal way to act are
exact, the fit takes milliseconds, and an interval by refitting resamples is affordable.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import N_CHANNELS, FloatArray
from merchantgym.envs.observation import Global, ObservationView

PENALTY = 1e-6  # of squared standardised weights, per decision
_WITH = (Global.TIME_LEFT, Global.BUDGET_LEFT, Global.PACING_GAP)  # what a correction's effect may depend on
_LIMIT = 5.0  # [sd] standardised state features are clipped here


@dataclass(frozen=True, eq=False)
class FeatureScale:
    """Mean and spread of the state features of a sample."""

    mean: FloatArray
    sd: FloatArray

    @classmethod
    def of(cls, observation: NDArray[Any], base: FloatArray) -> "FeatureScale":
        """Of observations (m, O) and base actions (m, A)."""
        raw = _state(observation, base)
        sd = raw.std(axis=0)
        return cls(raw.mean(axis=0), np.where(sd > 1e-9, sd, 1.0))

    def state(self, observation: NDArray[Any], base: FloatArray) -> FloatArray:
        """What a store is worth whatever is decided: features (m, F), alone and times the time left, and 1."""
        scaled = np.clip((_state(observation, base) - self.mean) / self.sd, -_LIMIT, _LIMIT)
        left = ObservationView(observation)[Global.TIME_LEFT][:, None]
        return np.concatenate((np.ones_like(left), left, scaled, left * scaled), axis=1, dtype=np.float64)

    def features(
        self, state: FloatArray, observation: NDArray[Any], mean: FloatArray, square: FloatArray
    ) -> FloatArray:
        """Features of states and decisions (m, F), expected over what is decided.

        Args:
            state: (m, .) from `state`.
            mean, square: (m, A) first and second moment of the correction; of a known one itself and its square.
        """
        view = ObservationView(observation)
        first, second = _pooled(mean), _pooled(square)
        mixed = [first * view[name][:, None] for name in _WITH]
        return np.concatenate((state, first, second, *mixed), axis=1)


def _state(observation: NDArray[Any], base: FloatArray) -> FloatArray:
    """Shop features, means over listings, base action; as it comes."""
    view = ObservationView(observation)
    return np.concatenate((view.shop, view.listings.mean(axis=1), _pooled(base)), axis=1, dtype=np.float64)


def _pooled(action: FloatArray) -> FloatArray:
    """Channels, mean over listings, discount."""
    middle = action[:, N_CHANNELS:-1].mean(axis=1, keepdims=True)
    return np.concatenate((action[:, :N_CHANNELS], middle, action[:, -1:]), axis=1)


def fit_values(
    features: FloatArray,
    expected: FloatArray,
    reward: FloatArray,
    done: NDArray[np.bool_],
    weight: FloatArray,
    penalty: float = PENALTY,
) -> FloatArray:
    """Weights (F,) of the value of deciding something now and going on the way that is judged; no discounting.

    Fitted Q evaluation (Le, Voloshin and Yue 2019) regresses rewards and fitted values that follow, again and again; of
    a linear regression the end of that is known, and solved for at once.

    Args:
        features: (m, F) of what was done, the decisions of an episode in order.
        expected: (m, F) of the same states under the way that is judged.
        reward: (m,) until the next decision.
        done: (m,) the episode is over then.
        weight: (m,) how often each counts.
    Source: Lagoudakis and Parr 2003, "Least-squares policy iteration", section 5.
    """
    after = np.zeros_like(expected)
    after[:-1] = expected[1:]
    after[done] = 0.0
    weighed = features * weight[:, None]
    gram = weighed.T @ (features - after) + penalty * weight.sum() * np.eye(features.shape[1])
    found: FloatArray = np.linalg.solve(gram, weighed.T @ reward)
    return found
