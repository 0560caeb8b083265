"""In which directions of weight space a search goes: all weights one by one, or the few that matter."""

from collections.abc import Mapping, Sequence

import numpy as np

from merchantgym.envs.engines.layout import FloatArray

from .features import N_ITEM, N_SHOP, Item, Shop, item_inputs, shop_inputs
from .policy import Shape

CHOICES = ("all", "few")
HEADS = ("level", "channels", "discount", "listings")
"""Parts of the action that few directions move: all bids, search against feed, prices, bids of single listings."""

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


def directions_of(
    choice: str,
    shape: Shape,
    standard: FloatArray,
    heads: Sequence[str] = HEADS,
    surprises: bool = False,
) -> FloatArray:
    """Directions of search (Shape.weights, D), columns; steps of one length along them are taken to be worth alike.

    `all`: every weight whose input varies. `few`: the level of all bids, the difference of the channels, the discount
    and listings' own bids, each by a handful of inputs: 43 numbers. Noise in what a search has found costs profit with
    the square of their count (each is known the less well, and each costs), so that few that matter earn more than all.

    Args:
        standard: (2, G + L), inverse spread 0 where an input does not vary.
        heads: few: of `HEADS`.
        surprises: few: also by surprises. What the base thinks is always among the inputs of `few` where it is seen.
    """
    live = shape.live(standard)
    if choice == "all":
        return np.eye(shape.weights)[:, live]
    shop, item = _further(shape, surprises)
    steps: dict[str, list[dict[int, float]]] = {
        "level": [{head * shape.shop + name: 1.0 for head in (0, 1)} for name in (*_LEVEL, *shop)],
        "channels": [{name: 1.0, shape.shop + name: -1.0} for name in _DIFFERENCE],
        "discount": [{2 * shape.shop + name: _PRICES} for name in (*_DISCOUNT, *shop)],
        "listings": [
            {3 * shape.shop + place * shape.item + name: _OWN}
            for place in range(max(shape.apart, 1))
            for name in (*_LISTING, *item)
        ],
    }
    columns = [_column(shape, each) for head in heads for each in steps[head]]
    return np.stack([column for column in columns if np.isin(np.flatnonzero(column), live).all()], axis=1)


def _further(shape: Shape, surprises: bool) -> tuple[list[int], list[int]]:
    """Places of further inputs about the shop and about a listing: surprises, and what the base thinks."""
    shop = range(N_SHOP if surprises else shop_inputs(shape.traces), shape.shop)
    item = range(N_ITEM if surprises else item_inputs(shape.traces), shape.item)
    return list(shop), list(item)


def _column(shape: Shape, steps: Mapping[int, float]) -> FloatArray:
    """One direction: the weights' places and steps."""
    column = np.zeros(shape.weights)
    for place, step in steps.items():
        column[place] = step
    return column
