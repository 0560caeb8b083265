"""What a click is worth: margin x conversion as far as counts and reviews tell, and what a sale changes later."""

from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from .arrays import Array
from .gains import check_gains, gain

_STARS = 0.417  # elasticity of sales to the rating
_TILT = 4.0  # [ln] most that reviews, rating and price together may set an item apart
_LEAST_MARGIN = 0.02  # share of the price
_RANK_MEMORY = 138.0  # [h] mean age of what a rank remembers: half-life 96 h
_PROBIT = 1.702  # logistic(1.702 z) is within 0.01 of the normal distribution function of z


@dataclass(frozen=True)
class Goods:
    """What is known of K items of n campaigns; shapes (n, K), or (n, 1) where the campaign has one."""

    order_margin: Array  # [CNY] gross margin of a mean order at the usual price
    margin_share: Array  # of the usual price
    orders: Array  # [count]
    matured_clicks: Array  # [count] clicks weighted by the share of their orders that is due by now
    early_clicks: Array  # [count] those of the clicks that came before the campaign
    raised: Array  # (n, 1) ln(usual price / price before the campaign)
    sale: Array  # (n, 1) ln(price of the coming hour / usual price)
    reviews: Array  # [count]
    stars: Array  # ln(rating / an ordinary one)
    price_gap: Array  # ln(price / that of comparable goods)
    found: Array  # chance that a buyer who does not see the ad finds it anyway
    organic_share: Array  # of its clicks
    clicks_left: Array  # [count] expected until the campaign ends, paid or not
    clicks_due: Array  # [count] expected before new goods could arrive
    stock: Array  # [orders] on the shelf
    hours_left: Array  # (n, 1) [h]


@dataclass(frozen=True)
class WorthLaw:
    """Value of a paid click [CNY] = net margin of an order x conversion x what such an order adds.

    - Conversion is gamma-Poisson at two levels. What sets an item apart beforehand are published elasticities, of
      sales to reviews, rating and price. The campaign's own rate multiplies all of them and rests on all its orders;
      an item's own orders count beside a prior worth `item_orders`. Clicks of before the campaign count for what they
      would have brought at the price of today.
    - The net margin is the gross one less the share of revenue that commission and returns take.
    - Of the buyers an ad brings, the share `found` would have come by themselves.
    - An order lifts the organic rank, whose memory fades: `flywheel` x organic share x what of the memory falls into
      the campaign. And one order in four leaves a review: `review` / (1 + reviews) of all orders still to come.
    - An order takes goods from the shelf: it counts only with the chance that, until new goods arrive, nobody else
      would have bought them (the newsvendor's critical ratio). This is what a unit of stock is worth.
    - `optimism` values an item so many posterior standard deviations above its mean: what is little known is worth
      trying while there is time to profit from knowing it; below 0 it guards against the winner's curse.

    Source: Morris 1983, "Parametric empirical Bayes inference"; You, Vadakkepatt and Joshi 2015 (elasticities of sales
    to reviews 0.236 and rating 0.417); Bijmolt, van Heerde and Pieters 2005 (price elasticity -2.62); Chapelle 2014
    (delayed orders); Arrow, Harris and Marschak 1951, "Optimal inventory policy".
    """

    item_orders: float = gain(6.0, "orders: weight of an item's prior", (2.0, 40.0), log=True, allowed=(0.1, inf))
    shop_orders: float = gain(4.0, "orders: weight of the shop's prior", (1.0, 20.0), log=True, allowed=(0.1, inf))
    conversion: float = gain(0.007, "orders per click without reviews", (0.003, 0.02), log=True, allowed=(1e-5, 1.0))
    proof: float = gain(0.236, "elasticity of conversion to 1 + reviews", (0.0, 0.4), allowed=(0.0, 1.0))
    elasticity: float = gain(2.62, "of conversion to the price, its sign turned", (1.5, 4.0), allowed=(0.0, 10.0))
    charges: float = gain(0.1, "share of revenue: commission and returns", (0.0, 0.25), allowed=(0.0, 0.9))
    flywheel: float = gain(0.5, "orders later per order, were all clicks organic", (0.0, 2.0), allowed=(0.0, inf))
    review: float = gain(0.04, "lift of orders per order without reviews", (0.0, 0.2), allowed=(0.0, inf))
    lumps: float = gain(4.0, "variance of demand over its mean", (0.5, 10.0), log=True, allowed=(0.01, inf))
    optimism: float = gain(0.0, "posterior standard deviations", (-1.0, 1.0), allowed=(-1.0, inf))

    def __post_init__(self) -> None:
        check_gains(self)

    def conversions(self, goods: Goods, xp: Any = np) -> Array:
        """Expected orders per click at the usual price, shape (n, K)."""
        tilt = self.proof * xp.log1p(goods.reviews) + _STARS * goods.stars - self.elasticity * goods.price_gap
        prior = self.conversion * xp.exp(xp.clip(tilt, -_TILT, _TILT))
        early = xp.minimum(goods.early_clicks, goods.matured_clicks)
        clicks = goods.matured_clicks + early * xp.expm1(self.elasticity * goods.raised)
        expected = (clicks * prior).sum(axis=1, keepdims=True)
        prior = prior * (goods.orders.sum(axis=1, keepdims=True) + self.shop_orders) / (expected + self.shop_orders)
        return prior * (goods.orders + self.item_orders) / (clicks * prior + self.item_orders)

    def spare(self, goods: Goods, conversion: Array, xp: Any = np) -> Array:
        """Chance that one more order takes goods that nobody else would have bought, shape (n, K)."""
        due = goods.clicks_due * conversion
        room = (goods.stock - 0.5 - due) / xp.sqrt(self.lumps * due + 0.25)
        return 1.0 / (1.0 + xp.exp(-_PROBIT * xp.clip(room, -8.0, 8.0)))

    def value(self, goods: Goods, conversion: Array, spare: Array, xp: Any = np) -> Array:
        """Value of a paid click [CNY], shape (n, K), >= 0, from `conversions` and `spare`."""
        share = xp.clip(goods.margin_share, _LEAST_MARGIN, None)
        revenue = xp.exp(goods.sale)  # over that at the usual price
        margin = goods.order_margin * xp.clip(1.0 + (xp.expm1(goods.sale) - self.charges * revenue) / share, 0.0, None)
        now = margin * conversion * xp.exp(-self.elasticity * goods.sale)
        hope = xp.clip(1.0 + self.optimism / xp.sqrt(goods.orders + self.item_orders), 0.0, None)
        later = self.flywheel * goods.organic_share * -xp.expm1(-goods.hours_left / _RANK_MEMORY)
        later = later + self.review * goods.clicks_left * conversion / (1.0 + goods.reviews)
        return now * hope * (1.0 + later) * (1.0 - goods.found) * spare
