"""Orders of B stores and what follows from them: stock, money, returns, reviews."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import (
    REFUND_DAYS,
    Due,
    ListingField,
    ListingState,
    Pending,
    Report,
    SegmentField,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)

from .rates import Floats, Rows


@dataclass(frozen=True)
class Orders:
    """Buyers about to order, in the order in which they come; all of shape (n,)."""

    store: Rows
    listing: Rows
    segment: Rows
    delay: Rows  # 0 same hour, 1 within about a day, 2 slow
    from_ad: NDArray[np.bool_]
    price: Floats  # [fen per unit] shown at the click


def place_orders(rng: Generator, day: Rows, arrays: StoreArrays, state: StateArrays, orders: Orders) -> None:
    """Quantity, stock, price tier, commission, and whether an order comes back or is reviewed."""
    store, listing = orders.store, orders.listing
    shop, goods = arrays.store[store], arrays.listing[store, listing]
    mean = arrays.segment[store, orders.segment, SegmentField.EXTRA_LOTS]
    size = shop[:, StoreField.LOT_DISPERSION]
    lots = 1.0 + rng.negative_binomial(size, size / (size + mean))
    units = lots * goods[:, ListingField.MINIMUM_ORDER]
    sold = _within_stock(store, listing, units, state)
    refused = (store[~sold], listing[~sold])
    np.add.at(state.hour, (*refused, Report.REFUSED), 1.0)
    state.listing[(*refused, ListingState.REFUSED)] = 1.0

    store, listing, lots, units, shop, goods = (a[sold] for a in (store, listing, lots, units, shop, goods))
    delay, from_ad, price = orders.delay[sold], orders.from_ad[sold], orders.price[sold]
    tier = np.where(
        lots >= shop[:, StoreField.TIER_LOTS_2],
        shop[:, StoreField.TIER_DISCOUNT_2],
        np.where(lots >= shop[:, StoreField.TIER_LOTS_1], shop[:, StoreField.TIER_DISCOUNT_1], 0.0),
    )
    unit_price = np.maximum(np.floor(price * (1.0 - tier) + 0.5), 1.0)
    revenue = units * unit_price
    cost = units * goods[:, ListingField.COST]
    fee = np.floor(revenue * shop[:, StoreField.COMMISSION_RATE] + 0.5)
    book: Any = {
        Report.UNITS: units,
        Report.REVENUE: revenue,
        Report.GOODS_COST: cost,
        Report.COMMISSION: fee,
        Report.AD_ORDERS: from_ad,
        Report.AD_REVENUE: revenue * from_ad,
    }
    for column, values in book.items():
        np.add.at(state.hour, (store, listing, column), values)
    np.add.at(state.hour, (store, listing, Report.ORDERS_SAME_HOUR + delay), 1.0)

    back = rng.random(store.size) < goods[:, ListingField.RETURN_PROBABILITY]
    days = np.minimum(rng.geometric(shop[:, StoreField.RETURN_HAZARD]), REFUND_DAYS - 1)
    salvage = np.floor(cost * shop[:, StoreField.SALVAGE_SHARE] + 0.5)
    due = np.stack([np.ones_like(revenue), revenue, fee, salvage], axis=1)  # in the order of Due
    np.add.at(state.refunds, (store[back], listing[back], (day[store] + days)[back] % REFUND_DAYS), due[back])
    review = ~back & (rng.random(store.size) < shop[:, StoreField.REVIEW_RATE])
    np.add.at(state.listing, (store[review], listing[review], ListingState.PENDING_REVIEWS), 1.0)


def _within_stock(store: Rows, listing: Rows, units: Floats, state: StateArrays) -> NDArray[np.bool_]:
    """Take orders from the shelf, one after another where it cannot hold them all; True for those that are served."""
    stock = state.listing[:, :, ListingState.STOCK]
    wanted = np.zeros_like(stock)
    np.add.at(wanted, (store, listing), units)
    sold = (wanted <= stock)[store, listing]
    np.subtract.at(stock, (store[sold], listing[sold]), units[sold])
    for i in np.flatnonzero(~sold):
        if units[i] <= stock[store[i], listing[i]]:
            stock[store[i], listing[i]] -= units[i]
            sold[i] = True
    return sold


def wait_to_order(
    state: StateArrays,
    store: Rows,
    listing: Rows,
    segment: Rows,
    slow: NDArray[np.bool_],
    ad: NDArray[np.bool_],
    price: Floats,
) -> None:
    """Converting clicks join those that will order later; those who wait together pay their clicks' mean price."""
    pending = state.pending
    group, place = np.unique(np.stack([store, listing, segment, slow]), axis=1, return_inverse=True)
    at = tuple(group[:3])
    before = pending[(*at, Pending.DAY_AD + 2 * group[3])] + pending[(*at, Pending.DAY_ORGANIC + 2 * group[3])]
    paid = before * pending[(*at, Pending.DAY_PRICE + group[3])] + np.bincount(place, price, len(before))
    pending[(*at, Pending.DAY_PRICE + group[3])] = paid / (before + np.bincount(place, minlength=len(before)))
    np.add.at(pending, (store, listing, segment, np.where(slow, Pending.SLOW_AD, Pending.DAY_AD) + ~ad), 1.0)


def ripe_orders(rng: Generator, arrays: StoreArrays, state: StateArrays, rows: Rows, closing: bool) -> Orders:
    """Clicks of earlier hours that order now; with `closing`, all that will within the attribution window."""
    hazard = arrays.store[rows][:, [StoreField.DAY_HAZARD, StoreField.SLOW_HAZARD]]
    if closing:
        hazard = 1.0 - (1.0 - hazard) ** arrays.store[rows, StoreField.ATTRIBUTION_HOURS, None]
    row, listing, segment, pool = np.nonzero(state.pending[rows][..., : Pending.DAY_PRICE])
    place = (rows[row], listing, segment)
    price = state.pending[(*place, Pending.DAY_PRICE + pool // 2)]
    ripe = rng.binomial(state.pending[(*place, pool)].astype(int), hazard[row, pool // 2])
    state.pending[(*place, pool)] -= ripe
    left = state.pending[(*place, pool)] + state.pending[(*place, pool ^ 1)]  # of both origins
    state.pending[(*place, Pending.DAY_PRICE + pool // 2)] = np.where(left > 0.0, price, 0.0)
    row, listing, segment, pool, price = (np.repeat(a, ripe) for a in (row, listing, segment, pool, price))
    # Those of one segment with one kind of delay come in any order, from ads or not.
    order = np.lexsort((rng.random(row.size), pool // 2, segment, listing, row))
    row, listing, segment, pool, price = (a[order] for a in (row, listing, segment, pool, price))
    return Orders(rows[row], listing, segment, 1 + pool // 2, pool % 2 == 0, price)


def receive_goods(hour: Rows, state: StateArrays) -> None:
    """Goods that arrive now; their listings are in the shop again."""
    now = state.listing
    arrived = (now[:, :, ListingState.INCOMING] > 0.0) & (now[:, :, ListingState.ARRIVAL_HOUR] <= hour[:, None])
    now[:, :, ListingState.STOCK] += np.where(arrived, now[:, :, ListingState.INCOMING], 0.0)
    now[arrived, ListingState.INCOMING] = 0.0
    now[arrived, ListingState.LISTED] = 1.0


def reorder(hour: Rows, arrays: StoreArrays, state: StateArrays) -> None:
    """Listings that refused an order leave the shop; goods that run low are ordered."""
    now, constant = state.listing, arrays.listing
    now[now[:, :, ListingState.REFUSED] > 0.0, ListingState.LISTED] = 0.0
    now[:, :, ListingState.REFUSED] = 0.0
    low = (now[:, :, ListingState.INCOMING] == 0.0) & (constant[:, :, ListingField.REORDER_QUANTITY] > 0.0)
    low &= now[:, :, ListingState.STOCK] <= constant[:, :, ListingField.REORDER_POINT]
    arrival = np.broadcast_to((hour + np.floor(arrays.store[:, StoreField.LEAD_TIME]))[:, None], low.shape)
    now[low, ListingState.INCOMING] = constant[low, ListingField.REORDER_QUANTITY]
    now[low, ListingState.ARRIVAL_HOUR] = arrival[low]


def _settle(rows: Rows, slots: Any, arrays: StoreArrays, state: StateArrays) -> None:
    """Book returns due on some days of the ring."""
    due = state.refunds[rows, :, slots]  # (n, K, Due), one slot a store
    for column, name in zip((Report.RETURNS, Report.REFUNDS, Report.COMMISSION_BACK, Report.SALVAGE), Due, strict=True):
        state.hour[rows, :, column] += due[:, :, name]
    state.hour[rows, :, Report.HANDLING] += (
        due[:, :, Due.RETURNS] * arrays.store[rows, StoreField.RETURN_HANDLING, None]
    )
    state.refunds[rows, :, slots] = 0.0


def midnight(rng: Generator, rows: Rows, day: Rows, arrays: StoreArrays, state: StateArrays) -> None:
    """Returns arrive, complaints and reviews appear, listings with goods come back, the daily purse is refilled."""
    if not rows.size:
        return
    shop, now, report = arrays.store[rows], state.listing[rows], state.hour
    slot = day[rows] % REFUND_DAYS
    returns = state.refunds[rows, :, slot, Due.RETURNS].astype(int)
    _settle(rows, slot, arrays, state)
    complaints = rng.binomial(returns, shop[:, StoreField.COMPLAINT_SHARE, None])
    waiting = now[:, :, ListingState.PENDING_REVIEWS].astype(int)
    reviews = rng.binomial(waiting, shop[:, StoreField.REVIEW_HAZARD, None])
    steps = rng.binomial(4 * reviews, arrays.listing[rows, :, ListingField.STAR_PROBABILITY])
    report[rows, :, Report.COMPLAINTS] += complaints
    report[rows, :, Report.REVIEWS] += reviews
    now[:, :, ListingState.PENDING_REVIEWS] -= reviews
    now[:, :, ListingState.REVIEWS] += complaints + reviews
    now[:, :, ListingState.STAR_SUM] += complaints + reviews + steps
    now[now[:, :, ListingState.STOCK] >= arrays.listing[rows, :, ListingField.MINIMUM_ORDER], ListingState.LISTED] = 1.0
    state.listing[rows] = now
    state.store[rows, StoreState.SPENT_TODAY] = 0.0


def close_books(rng: Generator, rows: Rows, day: Rows, arrays: StoreArrays, state: StateArrays) -> None:
    """After the last hour: goods on the way arrive, late orders are placed, and every return is booked."""
    if not rows.size:
        return
    state.listing[rows, :, ListingState.STOCK] += state.listing[rows, :, ListingState.INCOMING]
    state.listing[rows, :, ListingState.INCOMING] = 0.0
    place_orders(rng, day, arrays, state, ripe_orders(rng, arrays, state, rows, closing=True))
    for slot in range(REFUND_DAYS):
        _settle(rows, np.full(rows.size, slot), arrays, state)
