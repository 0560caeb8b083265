"""From observations to what happened in the last hour: cumulative figures of the back office, by difference."""

from typing import Any, NamedTuple

import numpy as np

from merchantgym.envs.observation import Global, ObservationView, PerListing
from merchantgym.envs.task import LOG_CHANNEL, LOG_LISTING

from .laws import Array

_PRIOR_ORDERS = 3.0  # orders of the prior within the feature ORDER_VALUE
_PRIOR_LOTS = 2.2  # minimum orders of each
_LEAST_LOTS_A_DAY = 0.05  # at which STOCK_COVER takes a listing to sell that did not
_SOLD = 0.5  # [units] less is rounding
_MOVED = 1e-5  # [share of the stock at the start] less is rounding
_LEAST = 1e-9


class Counts(NamedTuple):
    """Cumulative figures of n stores with K listings, last week's history included but in `spent`; shapes (n, K)."""

    paid: Array  # clicks
    free: Array  # clicks
    free_views: Array  # impressions
    spent: Array  # [CNY]
    orders: Array
    order_units: Array  # [units] of a mean order
    units: Array  # [units], and those of the prior of the mean order
    shelf: Array  # stock over the stock at the plan's start


def read_counts(view: ObservationView, budget: Array, xp: Any = np) -> Counts:
    """Invert the observation's scales; `budget` is the plan's [CNY], shape (n, 1)."""
    paid = xp.round(xp.expm1(view[PerListing.AD_CLICKS]))
    orders = xp.round(xp.expm1(view[PerListing.ORDERS]))
    views = xp.expm1(view[PerListing.IMPRESSIONS]) - xp.expm1(view[PerListing.AD_IMPRESSIONS])
    unit_margin = xp.clip(xp.exp(view[PerListing.PRICE]) * view[PerListing.UNIT_MARGIN], 0.01, None)
    order_units = xp.expm1(view[PerListing.ORDER_VALUE]) / unit_margin
    return Counts(
        paid=paid,
        free=xp.clip(xp.round(xp.expm1(view[PerListing.CLICKS])) - paid, 0.0, None),
        free_views=xp.clip(xp.round(views), 0.0, None),
        spent=view[PerListing.SPEND_SHARE] * budget,
        orders=orders,
        order_units=order_units,
        units=order_units * (orders + _PRIOR_ORDERS),
        shelf=1.0 * view[PerListing.STOCK_LEFT],
    )


def bids_of_last_hour(view: ObservationView) -> Array:
    """[ln CNY per click], mean of the channels, shape (n, K); the plan's where not advertised."""
    channels = 0.5 * LOG_CHANNEL * (view[Global.LAST_SEARCH] + view[Global.LAST_FEED])
    return view[PerListing.PLAN_BID] + channels[:, None] + LOG_LISTING * view[PerListing.LAST_ACTION]


def first_stock(view: ObservationView, counts: Counts, units_a_day: Array, xp: Any = np) -> Array:
    """Stock at the plan's start [units] as far as one can tell on its eve, shape (n, K).

    The back office says how many days it lasts at the recent rate of sale. What has not sold at all is taken to sell a
    known small number of minimum orders a day; for the rest, `units_a_day` are expected.
    """
    lot = counts.units / (_PRIOR_ORDERS * _PRIOR_LOTS)  # exact where nothing was sold
    rate = xp.where(counts.orders == 0.0, _LEAST_LOTS_A_DAY * lot, units_a_day)
    return xp.expm1(view[PerListing.STOCK_COVER]) * rate / xp.clip(counts.shelf, _MOVED, None)


def stock_after_sale(stock: Array, before: Counts, now: Counts, xp: Any = np) -> Array:
    """Stock at the plan's start [units], shape (n, K): exact once units were sold in an hour without delivery."""
    sold, fall = now.units - before.units, before.shelf - now.shelf
    return xp.where((sold > _SOLD) & (fall > _MOVED), sold / xp.clip(fall, _MOVED, None), stock)
