"""The numbers of the rule planner, each with its unit and source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RateGains:
    """Beliefs about clicks and conversions before a store is seen."""

    click_rate: float = 0.036  # [clicks/impression] Taobao, ESMM table 1 (2018)
    click_spread: float = 0.3  # [sd of ln] between listings; assumption
    conversion_rate: float = 0.012  # [orders/click] inside the published 0.4-3 %; assumption for wholesale
    store_spread: float = 0.5  # [sd of ln] of conversion between stores; assumption
    listing_spread: float = 0.35  # [sd of ln] of conversion between the listings of a store; assumption
    review_elasticity: float = 0.236  # [1] You, Vadakkepatt and Joshi 2015, volume
    rating_elasticity: float = 0.417  # [1] the same, valence
    prompt_share: float = 0.5  # [share] of a click's orders that come within a day; Chapelle 2014
    slow_days: float = 5.0  # [days] mean delay of the other orders: 95 % within 15 days; assumption
    window_days: float = 30.0  # [days] after the plan in which its clicks may still order; Chapelle 2014


@dataclass(frozen=True)
class OrderGains:
    """Beliefs about the size of an order and what is kept of its money."""

    multiple: float = 2.2  # [minimum orders] in a mean order; assumption
    weight: float = 5.0  # [orders] that belief is worth; assumption
    spread: float = 0.7  # [sd of ln] of order size; UCI Wholesale customers
    commission: float = 0.05  # [share of revenue]; assumption
    returns: float = 0.04  # [share of revenue] lost to returns; assumption


@dataclass(frozen=True)
class TrafficGains:
    """Beliefs about clicks to be had and their price: for the forecast, and to make the purse last."""

    organic_share: float = 0.7  # [share] of clicks that are organic under a little advertising; assumption
    paid_per_organic: float = 9.0  # [1] paid clicks to be had per organic click at the suggested bid if money
    # never ran out, as a platform knows it from its other shops: median of 512 training stores 9.9 (headline)
    # and 8.3 (steady), sd of ln 0.3; a week with little money shows a sixth of them only
    click_price: float = 0.55  # [suggested bids] paid per click at that bid: truncated lognormal at its median
    weight: float = 20.0  # [clicks] that these two beliefs are worth; assumption
    rival_spread: float = 0.9  # [sd of ln] of the top rival bid; iPinYou 0.84-1.15
    listing_clicks: float = 3.0  # [clicks/day] of a listing without history, worth one day; assumption
    demand_spread: float = 0.45  # [sd of ln] of a plan's demand against last week's; assumption, fits training stores
    promotion_uplift: float = 4.0  # [times] traffic of a promotion day; assumption, range 3..5


@dataclass(frozen=True)
class BidGains:
    """Bids as shares of what a click is worth, and within what range of the platform's suggestion."""

    profit: float = 0.7  # [share] goal profit: a better slot costs more for each click; best of 0.6-1.3 in training
    break_zero: float = 1.0  # [share] first sales are worth more than their margin; assumption
    clear_stock: float = 0.9  # [share] assumption
    floor: float = 0.3  # [suggested bids] the least plausible ad cost
    ceiling: float = 2.5  # [suggested bids]
    optimism: float = 1.28  # [sd] a listing is paused only if it cannot earn this far up (90 % point)


@dataclass(frozen=True)
class RoleGains:
    """When a listing or a store is of which kind."""

    unsold_share: float = 0.5  # [share] of listings never sold that makes break_zero a new shop's goal
    overstock_days: float = 180.0  # [days] of cover, and of age, from which a listing is overstocked
    overstock_share: float = 0.5  # [share] of the stock's cost value that makes clear_stock the goal
    proven_reviews: float = 5.0  # [reviews] under which a listing without a recent order is a test
    hero_orders: float = 2.0  # [orders] that a hero has shown
    hero_share: float = 0.25  # [share] of the proven listings that are heroes


@dataclass(frozen=True)
class PriceGains:
    """How carefully prices move, and what a promotion may give away."""

    elasticity: float = 2.62  # [1] magnitude; Bijmolt, van Heerde and Pieters 2005
    ad_share: float = 0.35  # [share] of the unit margin that advertising takes from a sale
    pull: float = 0.9  # [share] of the way to the best price
    step_up: float = 0.25  # [ln] the largest raise
    step_down: float = 0.05  # [ln] the largest cut
    least_step: float = 0.01  # [ln] smaller moves are not worth a new label
    margin_kept: float = 0.7  # [share] of the unit margin that a cut leaves
    promotion_margin: float = 0.30  # [share of price] mean net margin from which a discount is offered
    promotion_most: float = 0.10  # [share of price]
    promotion_least: float = 0.02  # [share of price] not worth the label below it


@dataclass(frozen=True)
class MoneyGains:
    """Budget, caps and whom to court."""

    test_cap: float = 0.15  # [share of the budget] of a test listing beside proven ones
    stock_slack: float = 4.0  # [times] the stock at hand that ads may try to sell; refills are not visible
    refill: float = 2.0  # [times] the stock at hand that the forecast counts on
    least_budget: float = 0.05  # [share] of the purse asked for when hardly anything can be sold
    peak: float = 2.0  # [mean days] a day may spend out of one purse
    peak_promotion: float = 3.0  # [mean days] the same with promotion days in the plan
    feed_cap: float = 0.6  # [share of the budget] for browsing traffic, which intends less; assumption
    scarce_lots: float = 4.0  # [minimum orders] of stock below which large buyers are courted less
    scarce_weight: float = 0.7  # [bid multiple] for them then


@dataclass(frozen=True)
class RuleGains:
    """What the rule planner believes before it has seen a store, and how boldly it acts."""

    rates: RateGains = RateGains()
    orders: OrderGains = OrderGains()
    traffic: TrafficGains = TrafficGains()
    bids: BidGains = BidGains()
    roles: RoleGains = RoleGains()
    prices: PriceGains = PriceGains()
    money: MoneyGains = MoneyGains()
