"""The numbers of reviews at which the bound looks, and what covers those between."""

import numpy as np

from merchantgym.envs.engines.layout import Due, FloatArray, ListingField, ListingState, StoreField
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.market.fulfilment import mean_rating

_FINE = 8  # of the numbers lie close to each other
_CLOSE, _WIDE = 0.25, 1.0  # growth from one to the next
_BETWEEN = np.linspace(0.0, 1.0, 17)[1:-1]
_SAFETY = 1.25


def review_counts(fleet: Fleet, supply: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Rising numbers of reviews from those of the eve to the most there can be, and a factor on conversion for each.

    Clicks, conversion and the chance of being found are concave in the number of reviews; the factor is by how much
    their product may exceed the chord between neighbours, where these are not consecutive.

    Args: supply: (n, K) [units] that can be sold in all.
    Returns: counts and factors, both (n, K, N).
    """
    state = fleet.state.listing
    first = state[:, :, ListingState.REVIEWS]
    orders = np.floor(supply / fleet.arrays.listing[:, :, ListingField.MINIMUM_ORDER])
    store = fleet.arrays.store[:, None, :]
    silent = (store[..., StoreField.REVIEW_RATE] == 0.0) & (store[..., StoreField.COMPLAINT_SHARE] == 0.0)
    most = first + state[:, :, ListingState.PENDING_REVIEWS] + fleet.state.refunds[..., Due.RETURNS].sum(axis=2)
    most = most + np.where(silent, 0.0, orders)
    counts = [first]
    while (counts[-1] < most).any():
        growth = _CLOSE if len(counts) < _FINE else _WIDE
        counts.append(np.minimum(counts[-1] + np.maximum(1.0, np.floor(growth * (1.0 + counts[-1]))), most))
    grid = np.stack(counts, axis=2)
    factor = np.ones_like(grid)
    for i in range(grid.shape[2] - 1):
        low, high = grid[:, :, i], grid[:, :, i + 1]
        excess = np.zeros_like(low)
        for part in _BETWEEN:
            chord = (1.0 - part) * _pull(fleet, low) + part * _pull(fleet, high)
            excess = np.maximum(excess, _pull(fleet, low + part * (high - low)) / chord - 1.0)
        lift = 1.0 + _SAFETY * np.where(high - low > 1.0, excess, 0.0)
        factor[:, :, i] = np.maximum(factor[:, :, i], lift)
        factor[:, :, i + 1] = np.maximum(factor[:, :, i + 1], lift)
    return grid, factor


def _pull(fleet: Fleet, reviews: FloatArray) -> FloatArray:
    """Clicks x conversion x organic exposure of a listing with so many reviews, as a power law, up to a constant."""
    state, store = fleet.state.listing, fleet.arrays.store[:, None, :]
    stars = state[:, :, ListingState.STAR_SUM] + 5.0 * (reviews - state[:, :, ListingState.REVIEWS])
    rating = mean_rating(
        stars, reviews, store[..., StoreField.REFERENCE_RATING], store[..., StoreField.RATING_PRIOR_COUNT]
    )
    by_rating = store[..., StoreField.FLYWHEEL] * store[..., StoreField.RANK_RATING_EXPONENT]
    by_rating = by_rating + store[..., StoreField.RATING_ELASTICITY]
    by_number = store[..., StoreField.REVIEW_ELASTICITY] + store[..., StoreField.CLICK_REVIEW_EFFECT]
    pull: FloatArray = (1.0 + reviews) ** by_number * rating**by_rating
    return pull
