"""In which directions of weight space a search goes: all weights one by one, or the few that matter."""

from collections.abc import Mapping

import numpy as np

from merchantgym.envs.engines.layout import FloatArray

from .features import Item, Shop
from .policy import Shape

CHOICES = ("all", "few")

_LEVEL = (
    Shop.ONE,
    Shop.TIME_LEFT,
    Shop.LATE,
    Shop.HOUR_SIN,
    Shop.HOUR_COS,
    Shop.PROMOTION_DAY,
    Shop.DEMAND_SURPRISE,
    Shop.STORE_CONVERSION,
    Shop.PACING_GAP,
    Shop.WIN_SEARCH,
    Shop.WIN_FEED,
    Shop.BASE_DISCOUNT,
    Shop.PROFIT,
)
_DIFFERENCE = (
    Shop.ONE,
    Shop.TIME_LEFT,
    Shop.HOUR_SIN,
    Shop.HOUR_COS,
    Shop.PROMOTION_DAY,
    Shop.WIN_SEARCH,
    Shop.WIN_FEED,
    Shop.PRICE_SEARCH,
    Shop.PRICE_FEED,
)
_DISCOUNT = (
    Shop.ONE,
    Shop.TIME_LEFT,
    Shop.LATE,
    Shop.HOUR_SIN,
    Shop.HOUR_COS,
    Shop.PROMOTION_DAY,
    Shop.DEMAND_SURPRISE,
    Shop.PACING_GAP,
    Shop.STOCK_LEFT,
    Shop.STORE_CONVERSION,
    Shop.UNIT_MARGIN,
)
_LISTING = (
    Item.NEWNESS,
    Item.FEW_REVIEWS,
    Item.FEW_REVIEWS_EARLY,
    Item.STOCK_LEFT,
    Item.LOW_STOCK,
    Item.BASE,
    Item.RANK,
    Item.UNIT_MARGIN,
    Item.CONVERSION,
    Item.WORTH,
)
_OWN = 0.75  # step in listings' own bids that is worth one in all bids
_PRICES = 2.0  # the same in the discount: prices move less of the profit than bids do


def directions_of(choice: str, shape: Shape, standard: FloatArray) -> FloatArray:
    """Directions of search (Shape.weights, D), columns; steps of one length along them are taken to be worth alike.

    `all`: every weight whose input varies. `few`: the level of all bids, the difference of the channels, the discount
    and listings' own bids, each by a handful of inputs: 43 numbers. Noise in what a search has found costs profit with
    the square of their count (each is known the less well, and each costs), so that few that matter earn more than all.
    """
    live = shape.live(standard)
    if choice == "all":
        return np.eye(shape.weights)[:, live]
    columns = [
        *(_column(shape, {head * shape.shop + name: 1.0 for head in (0, 1)}) for name in _LEVEL),
        *(_column(shape, {name: 1.0, shape.shop + name: -1.0}) for name in _DIFFERENCE),
        *(_column(shape, {2 * shape.shop + name: _PRICES}) for name in _DISCOUNT),
        *(_column(shape, {3 * shape.shop + name: _OWN}) for name in _LISTING),
    ]
    return np.stack([column for column in columns if np.isin(np.flatnonzero(column), live).all()], axis=1)


def _column(shape: Shape, steps: Mapping[int, float]) -> FloatArray:
    """One direction: the weights' places and steps."""
    column = np.zeros(shape.weights)
    for place, step in steps.items():
        column[place] = step
    return column
