"""Filters for many stores at once: a linear Gaussian state, and a test whether it has jumped."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .beliefs import NONE, Change
from .engines.layout import FloatArray

_FURTHEST = 4.0  # [ln] a surprise beyond it counts as this much


_ADAPTING = 1.0 / 60.0  # [1 per observation] how fast the size of the process noise is learned
_OUTLIER = 6.0  # a squared standardised surprise beyond it counts as this much in that
_UNREST = 0.7  # [ln] by which the process noise's variance may exceed its usual size, or fall short of it
_PATIENCE = 12.0  # [h] after which a supposed jump without an alarm is given up: both hypotheses say the same by then


class Tracks(NamedTuple):
    """Three hypotheses about the same state of d components: nothing happened, it jumped some hours ago, it jumps now.

    The second is the best of the third's of the last hours: a likelihood-ratio test over onsets with one candidate.
    """

    mean: FloatArray  # (n, 3, d)
    cov: FloatArray  # (n, 3, d, d)
    page: FloatArray  # (n, Page)
    unrest: FloatArray  # (n,) ln of the process noise over its usual size, learned


class Page(IntEnum):
    """What is remembered of jumps."""

    EVIDENCE = 0  # log-likelihood ratio of the second hypothesis
    SUPPOSED = 1  # [h] its jump
    BASE = 2  # level before it
    FRESH = 3  # log-likelihood ratio of the third
    FRESH_BASE = 4
    NOTICED = 5  # [h] of the last alarm
    ONSET = 6  # [h]
    SIZE = 7


def start_tracks(mean: FloatArray, cov: FloatArray) -> Tracks:
    """All hypotheses at the prior, no alarm yet. Args: mean (n, d); cov (n, d, d)."""
    page = np.zeros((len(mean), len(Page)))
    page[:, [Page.NOTICED, Page.ONSET]] = NONE
    return Tracks(np.stack([mean] * 3, axis=1), np.stack([cov] * 3, axis=1), page, np.zeros(len(mean)))


def predict(
    tracks: Tracks,
    persistence: FloatArray,
    noise: FloatArray,
    jump: FloatArray,
    level: FloatArray,
) -> Tracks:
    """One hour on; by the third hypothesis it jumps now.

    Args:
        persistence: (d,) share of each component that stays.
        noise: (d,) [variance] that each gains.
        jump: (d, d) [covariance] of a jump.
        level: (d,) what a unit of each component adds to the level whose jump is measured.
    """
    mean = tracks.mean * persistence
    cov = tracks.cov * (persistence[:, None] * persistence)
    cov += np.diag(noise) * np.exp(tracks.unrest)[:, None, None, None]
    mean[:, 2] = mean[:, 0]
    cov[:, 2] = cov[:, 0] + jump
    page = tracks.page.copy()
    page[:, Page.FRESH] = 0.0
    page[:, Page.FRESH_BASE] = tracks.mean[:, 0] @ level
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
    """What an observation tells of the state under each hypothesis, of the hypotheses, and of the noise's size.

    Sources: Kalman 1960; Willsky and Jones 1976 for the jumps; Mehra 1970 for noise learned from surprises.

    Args:
        row: (n, 3, d) change of the observation per unit of each component.
        surprise: (n, 3) observation less its prediction.
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
    page[:, Page.EVIDENCE] += score[:, 1] - score[:, 0]
    page[:, Page.FRESH] += score[:, 2] - score[:, 0]
    mean = tracks.mean + gain * surprise[..., None]
    learned = tracks.unrest + _ADAPTING * known * (np.minimum(squared[:, 0], _OUTLIER) - 1.0)
    unrest = np.clip(learned, -_UNREST if calmer else 0.0, _UNREST)
    return Tracks(mean, tracks.cov - gain[..., None] * told[..., None, :], page, unrest)


def decide(tracks: Tracks, threshold: float, level: FloatArray, hour: FloatArray) -> Tracks:
    """The better of both jumps stays; where its evidence passes the threshold, it is believed from now on.

    Args:
        threshold: [log-likelihood ratio].
        level: (d,) as in `predict`.
        hour: (n,) [h] now.
    """
    mean, cov, page = tracks.mean.copy(), tracks.cov.copy(), tracks.page.copy()
    late = hour - page[:, Page.SUPPOSED] >= _PATIENCE
    newer = late | (page[:, Page.FRESH] > page[:, Page.EVIDENCE])
    mean[newer, 1], cov[newer, 1] = mean[newer, 2], cov[newer, 2]
    page[newer, Page.EVIDENCE] = page[newer, Page.FRESH]
    page[newer, Page.SUPPOSED] = hour[newer]
    page[newer, Page.BASE] = page[newer, Page.FRESH_BASE]
    raised = page[:, Page.EVIDENCE] > threshold
    mean[raised, 0], cov[raised, 0] = mean[raised, 1], cov[raised, 1]
    page[raised, Page.NOTICED] = hour[raised]
    page[raised, Page.ONSET] = page[raised, Page.SUPPOSED]
    page[raised, Page.SIZE] = mean[raised, 1] @ level - page[raised, Page.BASE]
    page[raised, Page.EVIDENCE] = 0.0
    return Tracks(mean, cov, page, tracks.unrest)


def change(tracks: Tracks, hour: FloatArray, lasting: float) -> Change:
    """The last jump noticed; its alarm stays on for `lasting` hours."""
    page = tracks.page
    on = (page[:, Page.NOTICED] >= 0.0) & (hour - page[:, Page.NOTICED] < lasting)
    return Change(
        alarm=on.astype(np.float64),
        evidence=np.maximum(page[:, Page.EVIDENCE], 0.0),
        onset=page[:, Page.ONSET].copy(),
        noticed=page[:, Page.NOTICED].copy(),
        size=page[:, Page.SIZE].copy(),
    )
