"""Value-based bids: bid on each listing what a click on it is worth, as far as its own counts tell."""

from dataclasses import dataclass
from math import inf, log
from typing import Any

import numpy as np

from .arrays import Array
from .gains import check_gains, gain

_LEAST_VALUE = 1e-4  # [CNY per click] what a worthless click counts as, so that its log exists
_EVEN_SHARE = 0.02  # [share of budget] weight of a listing that has not spent yet


@dataclass(frozen=True)
class Shelf:
    """What is known of the listings of n stores in plain units; shapes (n, K), or (n, 1) where the store has one."""

    order_margin: Array  # [CNY] gross margin of a mean order
    orders: Array  # [count]
    matured_clicks: Array  # [count] clicks weighted by the share of their orders that is due by now
    store_rate: Array  # (n, 1) [orders per matured click] of the whole shop
    bid: Array  # [ln CNY per click] the plan's
    active: Array  # 1 where advertised, else 0
    spend_share: Array  # share of the plan's budget spent on it
    cover: Array  # [days] the stock lasts at the recent rate of sale
    days_left: Array  # (n, 1) [days] of the plan
    incoming: Array  # 1 where goods are on the way, else 0
    youth: Array  # 1 / sqrt(1 + reviews), times the share of the plan's time left


@dataclass(frozen=True)
class ConversionLaw:
    """Orders per click of a listing: (orders + n0 * store's rate) / (matured clicks + n0).

    The mean of a beta-binomial whose prior is worth n0 clicks at the store's own rate. Clicks whose orders are not due
    yet count only in part, or young listings and busy days would look worse than they are.

    Source: Morris 1983, "Parametric empirical Bayes inference" (shrinkage); Chapelle 2014, "Modeling delayed feedback
    in display advertising" (immature conversions).
    """

    prior_clicks: float = gain(250.0, "clicks: n0", (30.0, 2000.0), log=True, allowed=(1.0, inf))

    def __post_init__(self) -> None:
        check_gains(self)

    def conversion(self, orders: Array, matured_clicks: Array, store_rate: Array) -> Array:
        """Expected orders per click, shrunk to the store's rate."""
        return (orders + self.prior_clicks * store_rate) / (matured_clicks + self.prior_clicks)


@dataclass(frozen=True)
class ValueLaw(ConversionLaw):
    """Log bid shift of a listing: weight * (ln(value per click / plan's bid) + shading), less what scarcity takes.

    Value per click = gross margin of an order x conversion, estimated as `ConversionLaw` does.

    Where the budget binds, bids should be in proportion to values and pacing finds the factor; so `centre` takes the
    spend-weighted mean shift of the store away. With centre 0 the level is the law's own, and shading sets it.
    Where stock will not last the plan and nothing is on the way, an advertised sale displaces one that was coming.

    Source: Perlich et al. 2012, "Bid optimizing and inventory scoring in targeted online advertising" (bids in
    proportion to value).
    """

    weight: float = gain(0.5, "power of value per click over bid; 0 = the plan's bids", (0.0, 1.2), allowed=(0.0, inf))
    shading: float = gain(-0.4, "ln bid over value per click; matters where centre < 1", (-1.5, 0.5))
    centre: float = gain(1.0, "share of the store's mean shift taken away", (0.0, 1.0), allowed=(0.0, 1.0))
    scarcity: float = gain(0.5, "share of the bid taken where stock ends at once", (0.0, 0.95), allowed=(0.0, 0.99))
    youth: float = gain(0.0, "ln bid for a listing without reviews at the plan's start", (-0.5, 1.0))
    limit: float = gain(1.0, "ln bid: largest shift", (0.2, log(4.0)), allowed=(0.0, inf))

    def shift(self, shelf: Shelf, xp: Any = np) -> Array:
        """Log bid shift of each listing [ln], shape (n, K), in [-limit, limit]; 0 where not advertised."""
        conversion = self.conversion(shelf.orders, shelf.matured_clicks, shelf.store_rate)
        value = xp.clip(shelf.order_margin * conversion, _LEAST_VALUE, None)
        gap = xp.log(value) - shelf.bid + self.shading
        share = shelf.active * (shelf.spend_share + _EVEN_SHARE)
        mean = (share * gap).sum(1) / xp.clip(share.sum(1), _EVEN_SHARE, None)
        shift = self.weight * (gap - self.centre * mean[:, None]) + self.youth * shelf.youth
        shift = shift + xp.log1p(-self.scarcity * self._short(shelf, xp))
        return shelf.active * xp.clip(shift, -self.limit, self.limit)

    def _short(self, shelf: Shelf, xp: Any) -> Array:
        """Share of the time left for which there will be no stock, 0 where goods are on the way."""
        lasting = shelf.cover / xp.clip(shelf.days_left, 1.0 / 24.0, None)
        return (1.0 - xp.clip(lasting, 0.0, 1.0)) * (1.0 - shelf.incoming)
