"""What last week's report says about each listing, shrunk toward the store and toward published figures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.back_office import BackOffice

from .contract import UnitTerms, deciding_terms, supplier_margin
from .gains import OrderGains, RateGains, RuleGains, TrafficGains

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimates:
    """Beliefs about K listings; arrays have shape (K,)."""

    click_rate: Array  # [clicks/impression]
    conversion_rate: Array  # [orders/click], orders still to come included
    conversion_high: Array  # [orders/click] as far up as is plausible
    store_conversion: float  # [orders/click] of the whole store
    store_orders: float  # [orders] that the store's conversion rests on, prior included
    order_units: Array  # [units] in an order
    realised_price: float  # [share] of the list price that buyers pay after quantity tiers
    clicks_per_day: Array  # [clicks/day] paid and organic, as in the history
    organic_per_day: Array  # [clicks/day] the organic ones
    paid_per_day: Array  # [clicks/day] to be had at the suggested bid if money never ran out
    click_price: float  # [suggested bids] paid per click at the suggested bid
    matured_history: float  # [share] of the orders of the history's clicks that came inside it
    matured_plan: float  # [share] of the orders of the plan's clicks that will be counted
    terms: UnitTerms  # of the party that sets the price
    supplier_margin: Array | None  # [CNY/unit] of a merchant who supplies the platform; None where it sells itself

    @property
    def fees(self) -> float:
        """Commission, fees and returns of the party that sets the price [share of revenue]."""
        return self.terms.fees

    def unit_margin(self, price: Array, cost: Array) -> Array:
        """What a unit leaves to the party that sets the price, ads aside [CNY/unit], shape (K,)."""
        return price * self.realised_price * (1.0 - self.fees) - self._unit_cost(cost)

    def break_even(self, cost: Array) -> Array:
        """The price at which `unit_margin` is 0 [CNY/unit], shape (K,)."""
        return self._unit_cost(cost) / (self.realised_price * (1.0 - self.fees))

    def merchant_margin(self, price: Array, cost: Array) -> Array:
        """What a unit leaves to the merchant, ads aside [CNY/unit], shape (K,)."""
        return self.unit_margin(price, cost) if self.supplier_margin is None else self.supplier_margin

    def _unit_cost(self, cost: Array) -> Array:
        return cost * self.terms.goods + self.terms.carriage


def estimate(office: BackOffice, gains: RuleGains) -> Estimates:
    """Beliefs from the back office by gamma-Poisson shrinkage.

    A prior with a spread s (sd of ln) counts as 1/s^2 events seen. Orders trail their clicks, so a week's
    clicks have shown only `matured_history` of their orders: their number is reduced to that share.
    """
    matured = maturity(office.history_days, gains.rates)
    rates, traffic = gains.rates, gains.traffic
    order_units = _order_units(office, gains.orders)
    store_weight, listing_weight = rates.store_spread**-2, rates.listing_spread**-2
    exposure = office.clicks * matured
    prior = rates.conversion_rate
    store_orders = store_weight + float(office.orders.sum())
    store = prior * store_orders / (store_weight + prior * float(exposure.sum()))
    expected = store * _social_proof(office, rates)
    seen = listing_weight + office.orders
    conversion = expected * seen / (listing_weight + expected * exposure)
    click_rate = _click_rate(office, rates)
    clicks = (office.impressions * click_rate + traffic.listing_clicks) / (office.history_days + 1.0)
    organic = _organic_share(office, traffic)
    weight = traffic.weight
    list_spend = float((office.ad_clicks * office.suggested_bid).sum())
    per_click = float(office.suggested_bid.mean())
    return Estimates(
        click_rate=click_rate,
        conversion_rate=conversion,
        conversion_high=conversion * np.exp(gains.bids.optimism / np.sqrt(seen)),
        store_conversion=store,
        store_orders=store_orders,
        order_units=order_units,
        realised_price=_realised_price(office, gains.orders),
        clicks_per_day=clicks,
        organic_per_day=clicks * organic,
        paid_per_day=clicks * max(1.0 - organic, traffic.paid_per_organic * organic),
        click_price=(float(office.ad_spend.sum()) + traffic.click_price * weight * per_click)
        / (list_spend + weight * per_click),
        matured_history=matured,
        matured_plan=maturity(office.days, rates, rates.window_days),
        terms=deciding_terms(office.hosting, order_units, gains.orders),
        supplier_margin=supplier_margin(office.hosting, office.cost, order_units, gains.orders),
    )


def maturity(days: float, gains: RateGains, after: float = 0.0) -> float:
    """Share of the orders of clicks spread evenly over `days` that have come `after` days later.

    `prompt_share` come at once; the others wait an exponential time of mean m = `slow_days`, which leaves
    m/d exp(-a/m) (1 - exp(-d/m)) of them to come. Source: Chapelle 2014 for the shares and the window; the
    exponential is an assumption.
    """
    ratio = max(days, 1e-9) / gains.slow_days
    waiting = math.exp(-after / gains.slow_days) * -math.expm1(-ratio) / ratio
    return 1.0 - (1.0 - gains.prompt_share) * waiting


def _social_proof(office: BackOffice, gains: RateGains) -> Array:
    """How reviews and rating set a listing apart from its store [1]; 1 on average over the store's clicks."""
    weight = office.clicks + 1.0
    known = office.rating[~np.isnan(office.rating)]
    rating = np.nan_to_num(office.rating, nan=float(known.mean()) if known.size else 1.0)
    proof = (1.0 + office.reviews) ** gains.review_elasticity * rating**gains.rating_elasticity
    return np.asarray(proof * (weight.sum() / (weight * proof).sum()))


def _click_rate(office: BackOffice, gains: RateGains) -> Array:
    """Click-through rate, shrunk toward the store's and that toward the published one [clicks/impression]."""
    weight, prior = gains.click_spread**-2, gains.click_rate
    clicks, impressions = float(office.clicks.sum()), float(office.impressions.sum())
    store = prior * (weight + clicks) / (weight + prior * impressions)
    own: Array = store * (weight + office.clicks) / (weight + store * office.impressions)
    return np.minimum(own, 1.0)


def _organic_share(office: BackOffice, gains: TrafficGains) -> float:
    """Share of the history's clicks that were organic, shrunk toward the usual one."""
    clicks, paid = float(office.clicks.sum()), float(office.ad_clicks.sum())
    return (clicks - paid + gains.organic_share * gains.weight) / (clicks + gains.weight)


def _order_units(office: BackOffice, gains: OrderGains) -> Array:
    """Units of a mean order: a multiple of the minimum order, at most what is in stock [units]."""
    weight = gains.weight
    lots = office.units / office.minimum_order
    store = float(lots.sum() + weight * gains.multiple) / (float(office.orders.sum()) + weight)
    own: Array = office.minimum_order * (lots + weight * store) / (office.orders + weight)
    return np.minimum(own, np.maximum(office.stock, office.minimum_order))


def _realised_price(office: BackOffice, gains: OrderGains) -> float:
    """What buyers paid per unit over the list price, after quantity tiers; shrunk toward 1, at most 1."""
    listed = float((office.units * office.price).sum())
    orders = float(office.orders.sum())
    if listed <= 0.0 or orders <= 0.0:
        return 1.0
    trust = orders / (orders + gains.weight)
    return 1.0 - trust * (1.0 - min(max(float(office.gmv.sum()) / listed, 0.7), 1.0))
