"""What an order is worth to the merchant, at every price that may be shown: never less than the truth."""

import numpy as np
from scipy.stats import nbinom

from merchantgym.envs.engines.layout import FloatArray, ListingField, SegmentField, StoreField
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.task import PlanField, PlanListing

_NEGLIGIBLE = 1e-12
_ROUNDING = 0.5  # [fen] that a rounded amount may differ from the exact one


def worth_of_orders(fleet: Fleet, price: FloatArray, unit_value: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Expected profit of an order by listing, segment and price shown, if every order that does not pay may be refused.

    Rounding to whole fen goes in the merchant's favour, so that the worth is convex in the price, whether the price
    was one that was shown or the mean of several.

    Args:
        price: (n, K, P) or (n, K, S, P) list prices [fen per unit].
        unit_value: (n, K, Q) [CNY per unit] what goods on the shelf are worth, in each of Q stretches of time.
    Returns: worth (n, K, S, P, Q) [CNY per order] and the units it takes (n, K, S, P, Q) in expectation.
    """
    segments = fleet.arrays.segment.shape[1]
    if price.ndim == 3:
        price = np.repeat(price[:, :, None, :], segments, axis=2)
    worth = np.zeros((*price.shape, unit_value.shape[2]))
    units = np.zeros_like(worth)
    for row in range(price.shape[0]):
        chance, lots = _lots(fleet, row)
        for tier, first, last in _tiers(fleet, row, lots):
            for lot in range(first, last):
                gain = _gain(fleet, row, price[row], lots[lot], tier) / 100.0  # (K, S, P)
                size = fleet.arrays.listing[row, :, ListingField.MINIMUM_ORDER] * lots[lot]  # (K,)
                net = gain[..., None] - (unit_value[row] * size[:, None])[:, None, None, :]
                share = chance[None, :, lot, None, None]
                worth[row] += share * np.maximum(net, 0.0)
                units[row] += share * (net > 0.0) * size[:, None, None, None]
    return worth, units


def net_revenue(fleet: Fleet, price: FloatArray) -> FloatArray:
    """Most that an order's worth changes per unit of log price, (n, K, S, P) [CNY]: its mean revenue."""
    n, segments = fleet.slots, fleet.arrays.segment.shape[1]
    extra = fleet.arrays.segment[:, :, SegmentField.EXTRA_LOTS]  # (n, S)
    size = fleet.arrays.listing[:, :, ListingField.MINIMUM_ORDER]
    lots: FloatArray = (1.0 + extra)[:, None, :, None] * np.ones((n, 1, segments, 1))
    revenue: FloatArray = size[:, :, None, None] * lots * price[:, :, None, :] / 100.0
    return revenue


def _lots(fleet: Fleet, row: int) -> tuple[FloatArray, FloatArray]:
    """Chance (S, L) of every number of minimum quantities (L,)."""
    size = fleet.arrays.store[row, StoreField.LOT_DISPERSION]
    mean = fleet.arrays.segment[row, :, SegmentField.EXTRA_LOTS]
    law = nbinom(size, size / (size + mean[:, None]))
    longest = int(law.isf(_NEGLIGIBLE).max()) + 2
    extra = np.arange(longest)
    return law.pmf(extra[None, :]), 1.0 + extra


def _tiers(fleet: Fleet, row: int, lots: FloatArray) -> list[tuple[float, int, int]]:
    """(discount, first, last + 1) of each price tier among the numbers of lots."""
    store = fleet.arrays.store[row]
    one = int(np.searchsorted(lots, store[StoreField.TIER_LOTS_1]))
    two = int(np.searchsorted(lots, store[StoreField.TIER_LOTS_2]))
    return [
        (0.0, 0, one),
        (store[StoreField.TIER_DISCOUNT_1], one, two),
        (store[StoreField.TIER_DISCOUNT_2], two, len(lots)),
    ]


def _gain(fleet: Fleet, row: int, price: FloatArray, lots: float, discount: float) -> FloatArray:
    """Merchant's expected profit [fen] of an accepted order of so many lots, (K, S, P); its terms are `reward`'s."""
    plan, goods, store = fleet.task.plan[row], fleet.task.plan_listing[row], fleet.arrays.store[row]
    listing = fleet.arrays.listing[row]

    def of_listing(column: FloatArray) -> FloatArray:
        return column[:, None, None]

    units = of_listing(listing[:, ListingField.MINIMUM_ORDER]) * lots
    revenue = units * np.maximum(price * (1.0 - discount) + _ROUNDING, 1.0)
    cost = units * of_listing(listing[:, ListingField.COST])
    returned = of_listing(listing[:, ListingField.RETURN_PROBABILITY])
    income, credit = revenue, revenue
    if plan[PlanField.PLATFORM_SELLS] > 0.0:
        supply = of_listing(goods[:, PlanListing.SUPPLY_PRICE])
        income = units * supply
        credit = units * np.maximum(price * (1.0 - discount) - _ROUNDING, 1.0) * supply
        credit = credit / of_listing(goods[:, PlanListing.PRICE])
    fee = store[StoreField.COMMISSION_RATE] * revenue - _ROUNDING
    carriage = plan[PlanField.ORDER_LOGISTICS] + units * plan[PlanField.UNIT_LOGISTICS]
    salvage = store[StoreField.SALVAGE_SHARE] * cost + _ROUNDING
    lost = plan[PlanField.RETURN_SHARE] * (credit + store[StoreField.RETURN_HANDLING] - salvage)
    gain: FloatArray = income - cost - fee * (1.0 - returned) - returned * lost
    gain = gain - plan[PlanField.LOGISTICS_SHARE] * carriage - plan[PlanField.PAYMENT_FEE] * revenue
    return gain
