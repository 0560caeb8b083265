"""What an evolved policy looks at: few numbers, on one scale, the same for every listing.

They are chosen from the observation and the base actor's action, and completed by what few weights cannot form
themselves: a square, products, rates that are shrunk, and surprises. A surprise is what a signal shows now less its own
decayed mean; the means are all that a policy remembers. Where the base shows what it thinks, that can be seen too.
Every input is standardised with mean and spread of a pilot run and clipped, so that one step length of a search fits
all weights.
"""

from typing import Any

import numpy as np

from merchantgym.envs.engines.layout import N_CHANNELS, Field, FloatArray
from merchantgym.envs.market.compiled import formula, stage
from merchantgym.envs.market.numeric import exponential, logarithm
from merchantgym.envs.observation import N_GLOBAL, N_LISTING, Global, PerListing

LAST_PARTS = 7.0  # the plan's last seventh is late
PRIOR_CLICKS = 100.0  # with so many clicks at the shop's own rate a listing's conversion is shrunk


class Shop(Field):
    """Inputs about the shop, before the surprises."""

    ONE = 0  # 1: its weight is a constant
    HOUR_SIN = 1  # up to `WEEK_COS`: the observation's
    HOUR_COS = 2
    HOUR_SIN_2 = 3
    HOUR_COS_2 = 4
    WEEK_SIN = 5
    WEEK_COS = 6
    TIME_LEFT = 7
    TIME_LEFT_SQUARED = 8
    PROMOTION_DAY = 9
    BUDGET_LEFT = 10
    PACING_GAP = 11  # budget left less traffic left
    AD_RETURN = 12
    STORE_CONVERSION = 13
    DEMAND_SURPRISE = 14
    WIN_SEARCH = 15
    WIN_FEED = 16
    PRICE_SEARCH = 17
    PRICE_FEED = 18
    BUDGET_SIZE = 19
    WORTH = 20  # mean over the advertised listings
    LOW_STOCK = 21  # mean over all listings
    BASE_SEARCH = 22  # base action of the channels and of the discount
    BASE_FEED = 23
    BASE_DISCOUNT = 24
    LATE = 25  # rises from 0 to 1 over the last seventh of the plan
    TRAFFIC_NEXT = 26
    PROFIT = 27
    SPEND_RATE = 28
    UNIT_MARGIN = 29  # mean over the advertised listings
    STOCK_LEFT = 30  # mean over all listings


class Item(Field):
    """Inputs about a listing, before the surprises."""

    RANK = 0
    RATING = 1
    FEW_REVIEWS = 2
    FEW_REVIEWS_EARLY = 3  # times the share of time left
    NEWNESS = 4
    UNIT_MARGIN = 5
    PRICE_GAP = 6
    PLAN_BID = 7
    CLICK_RATE = 8
    CONVERSION = 9  # ln of orders per matured click over the shop's, shrunk to 0 by 100 clicks
    WORTH = 10  # ln of the expected margin of a click over the plan's bid
    WORTH_EARLY = 11  # times the share of time left
    WORTH_SCARCE = 12  # times budget left less traffic left
    STOCK_LEFT = 13
    LOW_STOCK = 14  # 1 / (1 + days the stock lasts)
    INCOMING = 15
    SPEND_SHARE = 16
    SURPRISE = 17
    SOLD = 18
    HERO = 19  # up to `CLEAR`: the roles
    GROWTH = 20
    TEST = 21
    CLEAR = 22
    BASE = 23  # base action of the listing
    BASE_EARLY = 24  # times the share of time left
    BASE_SQUARED = 25
    RANK_EARLY = 26  # times the share of time left
    STOCK_EARLY = 27  # stock left, times the share of time left
    ORDER_VALUE = 28
    MATURED_CLICKS = 29
    CAP_LEFT = 30


SHOP_SIGNALS = (Global.PACING_GAP, Global.SPEND_RATE, Global.DEMAND_SURPRISE)
"""Whose surprises are inputs about the shop, one for every half-life."""
ITEM_SIGNALS = (Item.CONVERSION, Item.RANK, Item.CLICK_RATE)
"""Whose surprises are inputs about a listing."""

N_SHOP, N_ITEM, N_SIGNALS = len(Shop), len(Item), len(SHOP_SIGNALS)
LIMIT = 5.0
"""[sd] Standardised inputs are clipped here."""

_SHOP_SIGNALS = np.array(SHOP_SIGNALS)
_ITEM_SIGNALS = np.array(ITEM_SIGNALS)


@formula
def shop_inputs(traces: int) -> int:
    """Number of inputs about the shop, with so many half-lives."""
    return N_SHOP + N_SIGNALS * traces


@formula
def item_inputs(traces: int) -> int:
    """Number of inputs about a listing."""
    return N_ITEM + N_SIGNALS * traces


def trace_width(traces: int, listings: int) -> int:
    """Length of a store's memory: 1 once it has begun, then a mean for every half-life, listing and signal."""
    return 1 + traces * N_SIGNALS * (1 + listings)


def no_standard(inputs: int) -> FloatArray:
    """Means 0 and inverse spreads 1, shape (2, inputs): inputs as they are."""
    return np.stack([np.zeros(inputs), np.ones(inputs)])


@stage
def write_inputs(
    observation: Any,
    base: Any,
    thought: Any,
    trace: Any,
    keep: Any,
    standard: Any,
    limit: float,
    shop: Any,
    items: Any,
) -> None:
    """Write one store's standardised inputs and let its memory take in what they show.

    Args:
        observation: (O,). base: (A,), the base actor's action.
        thought: (F + K * G,), what the base actor thinks of the shop and of each listing; (0,) where it is not shown.
        trace: (trace_width,), zeros at first; changed in place.
        keep: (T,) share of a mean that is kept for the next hour.
        standard: (2, shop + item inputs), means and inverse spreads.
        limit: [sd] where inputs are clipped.
        shop: (shop inputs + F,), written. items: (item inputs + G, K), written.
    """
    _write_shop(observation, base, shop)
    _write_items(observation, base, items)
    worth, margin, advertised, low_stock, stock = 0.0, 0.0, 0.0, 0.0, 0.0
    listings = items.shape[1]
    for k in range(listings):
        active = observation[N_GLOBAL + k * N_LISTING + PerListing.ACTIVE]
        worth += active * items[Item.WORTH, k]
        margin += active * items[Item.UNIT_MARGIN, k]
        advertised += active
        low_stock += items[Item.LOW_STOCK, k]
        stock += items[Item.STOCK_LEFT, k]
    shop[Shop.WORTH] = worth / max(advertised, 1.0)
    shop[Shop.UNIT_MARGIN] = margin / max(advertised, 1.0)
    shop[Shop.LOW_STOCK] = low_stock / listings
    shop[Shop.STOCK_LEFT] = stock / listings
    _write_surprises(observation, trace, keep, shop, items)
    _write_thought(thought, shop, items, shop_inputs(keep.shape[0]), item_inputs(keep.shape[0]))
    count = shop.shape[0]
    for i in range(count):
        shop[i] = min(max((shop[i] - standard[0, i]) * standard[1, i], -limit), limit)
    for i in range(items.shape[0]):
        mean, inverse = standard[0, count + i], standard[1, count + i]
        for k in range(listings):
            items[i, k] = min(max((items[i, k] - mean) * inverse, -limit), limit)


@stage
def _write_shop(observation: Any, base: Any, shop: Any) -> None:
    shop[Shop.ONE] = 1.0
    for j in range(Shop.WEEK_COS - Shop.HOUR_SIN + 1):
        shop[Shop.HOUR_SIN + j] = observation[Global.HOUR_SIN + j]
    time_left = np.float64(observation[Global.TIME_LEFT])
    shop[Shop.TIME_LEFT] = time_left
    shop[Shop.TIME_LEFT_SQUARED] = time_left * time_left
    shop[Shop.LATE] = max(1.0 - LAST_PARTS * time_left, 0.0)
    shop[Shop.TRAFFIC_NEXT] = observation[Global.TRAFFIC_NEXT]
    shop[Shop.PROFIT] = observation[Global.PROFIT]
    shop[Shop.SPEND_RATE] = observation[Global.SPEND_RATE]
    shop[Shop.PROMOTION_DAY] = observation[Global.PROMOTION_DAY]
    shop[Shop.BUDGET_LEFT] = observation[Global.BUDGET_LEFT]
    shop[Shop.PACING_GAP] = observation[Global.PACING_GAP]
    shop[Shop.AD_RETURN] = observation[Global.AD_RETURN]
    shop[Shop.STORE_CONVERSION] = observation[Global.STORE_CONVERSION]
    shop[Shop.DEMAND_SURPRISE] = observation[Global.DEMAND_SURPRISE]
    for c in range(N_CHANNELS):
        shop[Shop.WIN_SEARCH + c] = observation[Global.WIN_SEARCH + c]
        shop[Shop.PRICE_SEARCH + c] = observation[Global.PRICE_SEARCH + c]
        shop[Shop.BASE_SEARCH + c] = base[c]
    shop[Shop.BUDGET_SIZE] = observation[Global.BUDGET_SIZE]
    shop[Shop.BASE_DISCOUNT] = base[base.shape[0] - 1]


@stage
def _write_items(observation: Any, base: Any, items: Any) -> None:
    shop_conversion = np.float64(observation[Global.STORE_CONVERSION])
    time_left = np.float64(observation[Global.TIME_LEFT])
    gap = np.float64(observation[Global.PACING_GAP])
    prior = PRIOR_CLICKS * exponential(shop_conversion)
    for k in range(items.shape[1]):
        seen = observation[N_GLOBAL + k * N_LISTING : N_GLOBAL + (k + 1) * N_LISTING]
        items[Item.CONVERSION, k] = seen[PerListing.ORDERS]
        items[Item.WORTH, k] = seen[PerListing.MATURED_CLICKS]
        items[Item.LOW_STOCK, k] = seen[PerListing.STOCK_COVER]
        items[Item.RANK, k] = seen[PerListing.RANK]
        items[Item.RATING, k] = seen[PerListing.RATING]
        items[Item.FEW_REVIEWS, k] = seen[PerListing.FEW_REVIEWS]
        items[Item.FEW_REVIEWS_EARLY, k] = seen[PerListing.FEW_REVIEWS] * time_left
        items[Item.NEWNESS, k] = seen[PerListing.NEWNESS]
        items[Item.UNIT_MARGIN, k] = seen[PerListing.UNIT_MARGIN]
        items[Item.PRICE_GAP, k] = seen[PerListing.PRICE_GAP]
        items[Item.PLAN_BID, k] = seen[PerListing.PLAN_BID]
        items[Item.CLICK_RATE, k] = seen[PerListing.CLICK_RATE]
        items[Item.STOCK_LEFT, k] = seen[PerListing.STOCK_LEFT]
        items[Item.INCOMING, k] = seen[PerListing.INCOMING]
        items[Item.SPEND_SHARE, k] = seen[PerListing.SPEND_SHARE]
        items[Item.SURPRISE, k] = seen[PerListing.SURPRISE]
        items[Item.SOLD, k] = seen[PerListing.SOLD]
        for j in range(4):
            items[Item.HERO + j, k] = seen[PerListing.HERO + j]
        items[Item.WORTH_EARLY, k] = seen[PerListing.ORDER_VALUE]
        items[Item.BASE, k] = base[N_CHANNELS + k]
        items[Item.BASE_EARLY, k] = base[N_CHANNELS + k] * time_left
        items[Item.BASE_SQUARED, k] = base[N_CHANNELS + k] * base[N_CHANNELS + k]
        items[Item.RANK_EARLY, k] = seen[PerListing.RANK] * time_left
        items[Item.STOCK_EARLY, k] = seen[PerListing.STOCK_LEFT] * time_left
        items[Item.ORDER_VALUE, k] = seen[PerListing.ORDER_VALUE]
        items[Item.MATURED_CLICKS, k] = seen[PerListing.MATURED_CLICKS]
        items[Item.CAP_LEFT, k] = seen[PerListing.CAP_LEFT]
    for k in range(items.shape[1]):  # counts from their logarithms, and back: rows of numbers, for vector instructions
        orders = exponential(items[Item.CONVERSION, k]) - 1.0 + prior
        clicks = exponential(items[Item.WORTH, k]) - 1.0 + PRIOR_CLICKS
        items[Item.CONVERSION, k] = logarithm(orders / clicks) - shop_conversion
        items[Item.LOW_STOCK, k] = exponential(-items[Item.LOW_STOCK, k])
        worth = items[Item.WORTH_EARLY, k] + shop_conversion + items[Item.CONVERSION, k] - items[Item.PLAN_BID, k]
        items[Item.WORTH, k] = worth
        items[Item.WORTH_EARLY, k] = worth * time_left
        items[Item.WORTH_SCARCE, k] = worth * gap


@stage
def _write_surprises(observation: Any, trace: Any, keep: Any, shop: Any, items: Any) -> None:
    begun = trace[0]
    trace[0] = 1.0
    at = 1
    for t in range(keep.shape[0]):
        for j in range(N_SIGNALS):
            value = np.float64(observation[_SHOP_SIGNALS[j]])
            surprise = (value - trace[at]) * begun
            trace[at] = value - keep[t] * surprise
            shop[N_SHOP + t * N_SIGNALS + j] = surprise
            at += 1
        for j in range(N_SIGNALS):
            source, row = _ITEM_SIGNALS[j], N_ITEM + t * N_SIGNALS + j
            for k in range(items.shape[1]):
                surprise = (items[source, k] - trace[at + k]) * begun
                trace[at + k] = items[source, k] - keep[t] * surprise
                items[row, k] = surprise
            at += items.shape[1]


@stage
def _write_thought(thought: Any, shop: Any, items: Any, first: int, first_item: int) -> None:
    about_shop, about_item = shop.shape[0] - first, items.shape[0] - first_item
    for i in range(about_shop):
        shop[first + i] = thought[i]
    for k in range(items.shape[1]):
        for i in range(about_item):
            items[first_item + i, k] = thought[about_shop + k * about_item + i]
