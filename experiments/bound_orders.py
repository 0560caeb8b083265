"""What an order is worth to the merchant, at every price that may be shown: never less than the truth."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom

from merchantgym.envs.engines.layout import FloatArray, ListingField, SegmentField, StoreField
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.task import PlanField, PlanListing

_NEGLIGIBLE = 1e-13
_ROUNDING = 0.5  # [fen] that a rounded amount may differ from the exact one


@dataclass(frozen=True)
class OrderBook:
    """Worth of orders of n stores, by listing, segment and price shown.

    An order of l minimum quantities in tier i brings l x unit + fixed [CNY]. It may be refused where that does not pay.
    Rounding to whole fen goes in the merchant's favour, so that the worth is convex in the price, whether the price is
    one that was shown or the mean of several.
    """

    unit: FloatArray  # (n, K, S, P, tiers) [CNY per minimum quantity]
    fixed: FloatArray  # (n, K) [CNY per order]
    size: FloatArray  # (n, K) [units] minimum quantity
    edges: NDArray[np.int64]  # (n, tiers + 1) minimum quantities at which a tier begins
    largest: NDArray[np.int64]  # (n, K) minimum quantities that the fullest shelf can serve
    chance: FloatArray  # (n, S, L) of at most l minimum quantities, l = 0 .. L - 1
    mean: FloatArray  # (n, S, L) mean number of them, counting orders of at most l

    def worth(self, goods: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Expected worth of an order where a unit on the shelf is worth `goods` (n, K, Q) [CNY] in Q stretches of time.

        Returns: worth (n, K, S, P, Q) [CNY] and expected units that it takes, of the same shape.
        """
        n, listings, segments, prices, tiers = self.unit.shape
        worth = np.zeros((n, listings, segments, prices, goods.shape[2]))
        lots = np.zeros_like(worth)
        most = np.minimum(self.largest, self.chance.shape[2] - 1)[:, :, None, None, None]
        rows, places = np.arange(n)[:, None, None, None, None], np.arange(segments)[None, None, :, None, None]
        fixed = self.fixed[:, :, None, None, None]
        rent = (goods * self.size[:, :, None])[:, :, None, None, :]
        longest = self.chance.shape[2] - 1
        for tier in range(tiers):
            net = self.unit[..., tier, None] - rent
            low = np.minimum(self.edges[:, tier, None, None, None, None] - 1, most)
            high = np.minimum(self.edges[:, tier + 1, None, None, None, None] - 1, most)
            with np.errstate(divide="ignore", invalid="ignore"):
                turn = np.nan_to_num(-fixed / net, nan=0.0, posinf=longest, neginf=0.0)
            turn = np.floor(np.clip(turn, 0, longest)).astype(np.int64)
            first = np.where(net > 0.0, np.clip(turn, low, high), low)  # an order of more than `first` pays
            last = np.where(net > 0.0, high, np.where(fixed > 0.0, np.clip(turn, low, high), low))
            share = self.chance[rows, places, last] - self.chance[rows, places, first]
            number = self.mean[rows, places, last] - self.mean[rows, places, first]
            worth += np.maximum(number * net + share * fixed, 0.0)
            lots += number
        return worth, lots * self.size[:, :, None, None, None]


def order_book(fleet: Fleet, price: FloatArray, fullest: FloatArray) -> OrderBook:
    """The orders of a fleet's stores at list prices (n, K, S, P) [fen]; the terms are those of `reward.Term`.

    Args: fullest: (n, K) [units] that a shelf can hold at most; an order of more is always refused.
    """
    plan, goods, store, listing = fleet.task.plan, fleet.task.plan_listing, fleet.arrays.store, fleet.arrays.listing
    size, cost = listing[:, :, ListingField.MINIMUM_ORDER], listing[:, :, ListingField.COST]
    returned = listing[:, :, ListingField.RETURN_PROBABILITY]
    share = {name: plan[:, name, None] for name in (PlanField.RETURN_SHARE, PlanField.LOGISTICS_SHARE)}
    sells = plan[:, PlanField.PLATFORM_SELLS, None] > 0.0
    fee = store[:, StoreField.COMMISSION_RATE, None] * (1.0 - returned) + plan[:, PlanField.PAYMENT_FEE, None]
    kept = np.where(sells, 0.0, 1.0) - fee  # of revenue
    supply = np.where(sells, goods[:, :, PlanListing.SUPPLY_PRICE], 0.0)
    credited = np.where(sells, supply / goods[:, :, PlanListing.PRICE], 1.0) * share[PlanField.RETURN_SHARE] * returned
    saved = store[:, StoreField.SALVAGE_SHARE, None] * share[PlanField.RETURN_SHARE] * returned
    carriage = share[PlanField.LOGISTICS_SHARE] * plan[:, PlanField.UNIT_LOGISTICS, None]
    per_unit = supply - cost * (1.0 - saved) - carriage  # [fen]
    discount = np.stack(
        [np.zeros(fleet.slots), store[:, StoreField.TIER_DISCOUNT_1], store[:, StoreField.TIER_DISCOUNT_2]], axis=1
    )
    shown = price[..., None] * (1.0 - discount[:, None, None, None, :])  # (n, K, S, P, tiers)
    wide = (slice(None), slice(None), None, None, None)
    paid = np.maximum(shown + _ROUNDING, 1.0) * np.maximum(kept, 0.0)[wide]
    paid += np.maximum(shown - _ROUNDING, 1.0) * np.minimum(kept, 0.0)[wide]
    paid -= np.maximum(shown - _ROUNDING, 1.0) * credited[wide]
    paid -= np.where(sells, 0.0, 2.0 * _ROUNDING * credited)[wide]  # refund and revenue are one rounded amount
    handling = share[PlanField.RETURN_SHARE] * returned * (store[:, StoreField.RETURN_HANDLING, None] - _ROUNDING)
    fixed = _ROUNDING - handling - share[PlanField.LOGISTICS_SHARE] * plan[:, PlanField.ORDER_LOGISTICS, None]
    chance, mean = _lots(fleet)
    return OrderBook(
        unit=(paid + per_unit[wide]) * size[wide] / 100.0,
        fixed=fixed / 100.0,
        size=size,
        largest=np.floor(np.minimum(fullest / size, 1e9)).astype(np.int64),
        edges=_edges(fleet, chance.shape[2]),
        chance=chance,
        mean=mean,
    )


def mean_revenue(fleet: Fleet, price: FloatArray) -> FloatArray:
    """Mean revenue of an order at list prices (n, K, P) [fen], (n, K, S, P) [CNY]."""
    lots = 1.0 + fleet.arrays.segment[:, :, SegmentField.EXTRA_LOTS]
    size = fleet.arrays.listing[:, :, ListingField.MINIMUM_ORDER]
    revenue: FloatArray = size[:, :, None, None] * lots[:, None, :, None] * price[:, :, None, :] / 100.0
    return revenue


def _lots(fleet: Fleet) -> tuple[FloatArray, FloatArray]:
    """Distribution function of the number of minimum quantities ordered (n, S, L), and its partial means."""
    size = fleet.arrays.store[:, StoreField.LOT_DISPERSION, None]
    extra = fleet.arrays.segment[:, :, SegmentField.EXTRA_LOTS]
    law = nbinom(size, size / (size + extra))
    longest = int(np.max(law.isf(_NEGLIGIBLE))) + 2
    lots = np.arange(1, longest + 1)
    mass = nbinom(size[..., None], (size / (size + extra))[..., None]).pmf(lots - 1)
    none = np.zeros((*extra.shape, 1))
    chance = np.concatenate([none, np.cumsum(mass, axis=2)], axis=2)
    return chance, np.concatenate([none, np.cumsum(mass * lots, axis=2)], axis=2)


def _edges(fleet: Fleet, longest: int) -> NDArray[np.int64]:
    """First number of minimum quantities of each price tier (n, 3 + 1), and one beyond the last number."""
    store = fleet.arrays.store
    tiers = [np.ceil(store[:, name]) for name in (StoreField.TIER_LOTS_1, StoreField.TIER_LOTS_2)]
    edges = np.stack([np.ones(fleet.slots), *tiers, np.full(fleet.slots, 1e9)], axis=1)
    return np.asarray(np.clip(edges, 1, longest), dtype=np.int64)
