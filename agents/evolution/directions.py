"""In which directions of weight space to search: such that steps of one length move actions alike."""

import numpy as np

from merchantgym.envs.engines.layout import FloatArray

from .features import LIMIT
from .policy import Sample, Shape, standardised

_LEAST_SHARE = 0.1  # of a mean input's variance: what hardly varies is not blown up to one
_DIFFERENCE, _DISCOUNT = 1.5, 2.5
"""Steps in the difference of the channels, and in the discount, that move profit as much as a step in all bids: roots
of ratios of curvatures, measured around predictive control in the headline scenario."""


def plain_directions(shape: Shape, standard: FloatArray) -> FloatArray:
    """One direction for each weight whose input varies at all, shape (Shape.weights, D)."""
    return np.eye(shape.weights)[:, shape.live(standard)]


def even_directions(shape: Shape, standard: FloatArray, sample: Sample) -> FloatArray:
    """Directions (Shape.weights, D) of a linear policy that move actions alike and independently of each other.

    Inputs that say the same, as rank, clicks and orders do, would otherwise add up to large steps in what they share
    and small ones in what tells them apart. So directions are the principal ones of the inputs of the pilot run, scaled
    to spread 1; the channels move together, or against each other.
    """
    shop, items = standardised(sample, standard, LIMIT)
    of_shop, of_item = _spread_evenly(shop), _spread_evenly(items)
    none = np.zeros_like(of_shop)
    heads = [
        np.concatenate((of_shop, of_shop, none)),
        _DIFFERENCE * np.concatenate((of_shop, -of_shop, none)),
        _DISCOUNT * np.concatenate((none, none, of_shop)),
    ]
    directions = np.zeros((shape.weights, 3 * of_shop.shape[1] + of_item.shape[1]))
    directions[: 3 * shape.shop, : 3 * of_shop.shape[1]] = np.concatenate(heads, axis=1)
    directions[3 * shape.shop :, 3 * of_shop.shape[1] :] = of_item
    return directions


def _spread_evenly(inputs: FloatArray) -> FloatArray:
    """Combinations (I, J) of the inputs (n, I) that are uncorrelated, with spread 1 or a little less."""
    lives = np.flatnonzero(np.abs(inputs).max(axis=0) > 0.0)
    second = inputs[:, lives].T @ inputs[:, lives] / len(inputs)
    variance, axes = np.linalg.eigh(second)
    combinations = np.zeros((inputs.shape[1], len(lives)))
    combinations[lives] = axes / np.sqrt(np.maximum(variance, 0.0) + _LEAST_SHARE)
    return combinations
