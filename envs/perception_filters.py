"""Filters for many stores at once: a linear Gaussian state, and a test whether it has jumped."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .beliefs import NONE, Change
from .engines.layout import FloatArray

_FURTHEST = 4.0  # [ln] a surprise beyond it counts as this much


_ADAPTING = 1.0 / 60.0  # [1 per observation] how fast the size of the process noise is learned
_OUTLIER = 6.0  # a squared standardised surprise beyond it counts as this much in that
_UNREST = 0.7  # [ln] by which the process noise's variance may exceed its usual size, or fall short of it
_FAINT = 0.5  # [log-likelihood ratio] evidence up to this is not worth keeping the supposed hour for
_PATIENCE = 12.0  # [h] after which a supposed jump without an alarm is given up: both hypotheses say the same by then


class Tracks(NamedTuple):
    """Two hypotheses about the same state of d components: nothing happened, and it jumped at some hour."""

    mean: FloatArray  # (n, 2, d)
    cov: FloatArray  # (n, 2, d, d)
    page: FloatArray  # (n, 6) log-likelihood ratio, supposed hour, level before it; last alarm: noticed, onset, size
    unrest: FloatArray  # (n,) ln of the process noise over its usual size, learned


def start_tracks(mean: FloatArray, cov: FloatArray) -> Tracks:
    """Both hypotheses at the prior, no alarm yet. Args: mean (n, d); cov (n, d, d)."""
    page = np.tile([0.0, 0.0, 0.0, NONE, NONE, 0.0], (len(mean), 1))
    return Tracks(np.stack([mean, mean], axis=1), np.stack([cov, cov], axis=1), page, np.zeros(len(mean)))


def predict(
    tracks: Tracks,
    persistence: FloatArray,
    noise: FloatArray,
    jump: FloatArray,
    level: FloatArray,
    hour: FloatArray,
) -> Tracks:
    """One hour on; where the evidence for a jump has gone or stalled, the second hypothesis becomes: it jumps now.

    Args:
        persistence: (d,) share of each component that stays.
        noise: (d,) [variance] that each gains.
        jump: (d, d) [covariance] of a jump.
        level: (d,) what a unit of each component adds to the level whose jump is measured.
        hour: (n,) [h] now.
    """
    mean = tracks.mean * persistence
    cov = (
        tracks.cov * (persistence[:, None] * persistence) + np.diag(noise) * np.exp(tracks.unrest)[:, None, None, None]
    )
    fresh = (tracks.page[:, 0] <= _FAINT) | (hour - tracks.page[:, 1] >= _PATIENCE)
    mean[fresh, 1] = mean[fresh, 0]
    cov[fresh, 1] = cov[fresh, 0] + jump
    page = tracks.page.copy()
    page[fresh, 0] = 0.0
    page[fresh, 1] = hour[fresh]
    page[fresh, 2] = tracks.mean[fresh, 0] @ level
    return Tracks(mean, cov, page, tracks.unrest)


def correct(
    tracks: Tracks,
    row: FloatArray,
    surprise: FloatArray,
    variance: FloatArray,
    known: NDArray[np.bool_],
    *,
    calmer: bool = True,
) -> Tracks:
    """What an observation tells of the state under either hypothesis, of the hypotheses, and of the noise's size.

    Sources: Kalman 1960; Page 1954 for the evidence; Mehra 1970 for noise learned from surprises.

    Args:
        row: (n, 2, d) change of the observation per unit of each component.
        surprise: (n, 2) observation less its prediction.
        variance: (n,) of the observation's noise.
        known: (n,) where there is an observation.
        calmer: whether the noise may be learned to be less than usual; not where part of it is no noise but error.
    """
    told = (tracks.cov @ row[..., None])[..., 0]
    spread = (row * told).sum(axis=2) + variance[:, None]
    surprise = np.clip(surprise, -_FURTHEST, _FURTHEST)
    gain = np.where(known[:, None, None], told / spread[..., None], 0.0)
    squared = surprise**2 / spread
    score = np.where(known[:, None], -0.5 * (np.log(spread) + squared), 0.0)
    page = tracks.page.copy()
    page[:, 0] = np.maximum(page[:, 0] + score[:, 1] - score[:, 0], 0.0)
    mean = tracks.mean + gain * surprise[..., None]
    learned = tracks.unrest + _ADAPTING * known * (np.minimum(squared[:, 0], _OUTLIER) - 1.0)
    unrest = np.clip(learned, -_UNREST if calmer else 0.0, _UNREST)
    return Tracks(mean, tracks.cov - gain[..., None] * told[..., None, :], page, unrest)


def decide(tracks: Tracks, threshold: float, level: FloatArray, hour: FloatArray) -> Tracks:
    """Where the evidence passes the threshold: it jumped, and the second hypothesis is believed from now on.

    Args:
        threshold: [log-likelihood ratio].
        level: (d,) as in `predict`.
        hour: (n,) [h] now.
    """
    raised = tracks.page[:, 0] > threshold
    mean, cov, page = tracks.mean.copy(), tracks.cov.copy(), tracks.page.copy()
    mean[raised, 0] = mean[raised, 1]
    cov[raised, 0] = cov[raised, 1]
    page[raised, 3] = hour[raised]
    page[raised, 4] = page[raised, 1]
    page[raised, 5] = mean[raised, 1] @ level - page[raised, 2]
    page[raised, 0] = 0.0
    return Tracks(mean, cov, page, tracks.unrest)


def change(tracks: Tracks, hour: FloatArray, lasting: float) -> Change:
    """The last jump noticed; its alarm stays on for `lasting` hours."""
    page = tracks.page
    on = (page[:, 3] >= 0.0) & (hour - page[:, 3] < lasting)
    return Change(
        alarm=on.astype(np.float64),
        evidence=page[:, 0].copy(),
        onset=page[:, 4].copy(),
        noticed=page[:, 3].copy(),
        size=page[:, 5].copy(),
    )
