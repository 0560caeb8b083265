"""What a plan is likely to bring: clicks, spend, orders and profit in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Forecast, Quantiles

from .estimates import Array, Estimates
from .gains import RuleGains

NORMAL = NormalDist()
TAIL = NORMAL.inv_cdf(0.95)  # [sd] from the median to the 95 % point


@dataclass(frozen=True)
class Offer:
    """The numbers of a plan that its forecast rests on; arrays have shape (K,)."""

    bid: Array  # [CNY/click], 0 = not advertised
    price: Array  # [CNY/unit]
    cap: Array  # [CNY] the most that a listing may spend
    budget: float  # [CNY]
    discount: float  # [share of price] on platform promotion days


@dataclass(frozen=True)
class Outlook:
    """The middle of the forecast, and the forecast."""

    clicks: float  # [count] paid
    spend: float  # [CNY]
    orders: float  # [count] from paid and organic clicks of the plan
    forecast: Forecast


def effective_days(office: BackOffice, gains: RuleGains) -> float:
    """Days of the plan in ordinary days, a promotion day counting for its traffic [days]."""
    return office.days + promotion_days(office) * (gains.traffic.promotion_uplift - 1.0)


def promotion_days(office: BackOffice) -> int:
    """Platform promotion days inside the plan [days]."""
    return sum(0 <= day < office.days for day in set(office.promotion_days))


def paid_clicks(bid: Array, office: BackOffice, beliefs: Estimates, gains: RuleGains) -> tuple[Array, Array]:
    """Clicks of the whole plan and the price of each at these bids, budgets aside.

    The top rival bid is taken as lognormal around the suggested bid, so clicks grow with Phi(z) and the price
    per click with Phi(z - sigma) / Phi(z), z = ln(bid / suggested) / sigma. The price is scaled to last week's
    report, which was made at the suggested bid; clicks are those of the report or, as its money ran out every
    day, the usual multiple of the organic ones.

    Args:
        bid: [CNY/click], shape (K,); 0 buys nothing.
    Returns: clicks [count] and price [CNY/click], both of shape (K,).
    """
    sigma = gains.traffic.rival_spread
    z = np.log(np.maximum(bid, 1e-9) / office.suggested_bid) / sigma
    won, paid = 2.0 * _normal_cdf(z), _normal_cdf(z - sigma) / NORMAL.cdf(-sigma)
    growth = np.divide(paid, won, out=np.zeros_like(paid), where=won > 0.0)
    clicks = beliefs.paid_per_day * effective_days(office, gains) * won
    price = np.minimum(beliefs.click_price * office.suggested_bid * growth, bid)
    return np.where(bid > 0.0, clicks, 0.0), price


def look_ahead(office: BackOffice, beliefs: Estimates, gains: RuleGains, offer: Offer) -> Outlook:
    """Forecast a plan.

    Orders are clicks x conversion x the share that comes in time; units end at `refill` times the stock at hand;
    a move of price acts on conversion with the mean published elasticity, a promotion is counted for what it
    gives away only. Spend and GMV are lognormal around that, profit (the merchant's) is normal; the spread comes from
    demand, from the uncertain conversion and from the count and size of orders.
    """
    clicks, spend = _bought(office, beliefs, gains, offer)
    days = effective_days(office, gains)
    organic = beliefs.organic_per_day * days
    conversion = beliefs.conversion_rate * (offer.price / office.price) ** -gains.prices.elasticity
    wished = (clicks + organic) * conversion * beliefs.matured_plan * beliefs.order_units
    stock = gains.money.refill * office.stock
    units = np.minimum(wished, stock)
    orders = float((units / beliefs.order_units).sum())
    promoted = promotion_days(office) * gains.traffic.promotion_uplift / days
    price = offer.price * (1.0 - offer.discount * promoted)
    gmv = float((units * price * beliefs.realised_price).sum())
    margin = float((units * beliefs.merchant_margin(price, office.cost)).sum())
    own_spend = spend * office.hosting.ad_share
    profit = margin - own_spend - office.hosting.subscription * office.days
    demand = gains.traffic.demand_spread
    count = math.exp(gains.orders.spread**2) / max(orders, 1.0)
    spread = math.sqrt(demand**2 + 1.0 / beliefs.store_orders + count)
    reach = TAIL * math.hypot(margin * spread, own_spend * demand)
    return Outlook(
        clicks=float(clicks.sum()),
        spend=spend,
        orders=orders,
        forecast=Forecast(
            spend=_lognormal(spend, demand, most=offer.budget),
            gmv=_lognormal(gmv, spread),
            profit=_quantiles(profit - reach, profit, profit + reach),
        ),
    )


def _bought(office: BackOffice, beliefs: Estimates, gains: RuleGains, offer: Offer) -> tuple[Array, float]:
    """Paid clicks (K,) and their cost [CNY] within the caps and the budget."""
    clicks, price = paid_clicks(offer.bid, office, beliefs, gains)
    cost = clicks * price
    wanted = np.minimum(cost, offer.cap)
    share = np.divide(wanted, cost, out=np.zeros_like(cost), where=cost > 0.0)
    total = float(wanted.sum())
    within = min(1.0, offer.budget / total) if total > 0.0 else 1.0
    return clicks * share * within, total * within


def _lognormal(middle: float, spread: float, most: float = math.inf) -> Quantiles:
    factor = math.exp(TAIL * spread)
    return _quantiles(middle / factor, middle, min(middle * factor, most))


def _quantiles(low: float, mid: float, high: float) -> Quantiles:
    """To the fen."""
    return Quantiles(low=round(min(low, mid), 2), mid=round(mid, 2), high=round(max(mid, high), 2))


def _normal_cdf(values: Array) -> Array:
    return np.array([NORMAL.cdf(value) for value in values.tolist()], dtype=np.float64)
