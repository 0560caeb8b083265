"""Rates of rare events, shrunk: each listing toward its shop, the shop toward what is published."""

from dataclasses import dataclass

import numpy as np

from .beliefs import Estimate
from .engines.layout import FloatArray
from .market.click import click_appeal, click_probability
from .market.conversion import chance_within, conversion_appeal, conversion_probability, hourly_hazard
from .market.parameters import Market
from .perception_settings import require_positive


@dataclass(frozen=True)
class RateLaw:
    """Gamma-Poisson law of a rate in two storeys: shop around the published rate, listing around the shop.

    Source: Morris 1983, "Parametric empirical Bayes inference"; Agarwal et al. 2010 for click rates in a hierarchy.
    """

    store_spread: float  # [sd of ln] between shops, about what is published
    listing_spread: float  # [sd of ln] between the listings of a shop, what is known of them allowed for
    drift: float  # [sd of ln] that the rate itself moves about its mean of the last weeks
    half_life: float  # [h] in which old counts lose half their weight
    level: float = 0.0  # [ln] of the mean listing's rate over the published one

    def __post_init__(self) -> None:
        require_positive(self, "store_spread", "listing_spread", "half_life")

    @property
    def keep(self) -> float:
        """Share of a count that is left an hour later."""
        return float(0.5 ** (1.0 / self.half_life))


@dataclass(frozen=True)
class Proof:
    """What buyers see of listings, (n, K) each."""

    reviews: FloatArray  # count
    rating: FloatArray  # [stars]
    price_gap: FloatArray  # [ln] of the price over comparable goods


def click_prior(proof: Proof, market: Market, law: RateLaw) -> FloatArray:
    """(n, K) clicks per impression before a listing was seen."""
    appeal = click_appeal(
        market.click_log_odds + law.level,
        0.0,
        0.0,
        -proof.price_gap,
        market.click_price_effect,
        proof.reviews,
        market.click_review_effect,
    )
    rate: FloatArray = click_probability(appeal, 0.0, 0.0)
    return rate


def order_prior(proof: Proof, market: Market, law: RateLaw) -> FloatArray:
    """(n, K) orders per click at the plan's price before a listing was seen."""
    appeal = conversion_appeal(
        market.conversion_log_odds + law.level,
        0.0,
        0.0,
        proof.rating,
        market.reference_rating,
        market.rating_elasticity,
        proof.reviews,
        market.review_elasticity,
    )
    rate: FloatArray = conversion_probability(appeal, market.price_elasticity, 1.0, -proof.price_gap, 0.0)
    return rate


def matured_share(hours: int, market: Market) -> float:
    """Share of the orders of clicks spread evenly over so many hours that have come by their end."""
    waited = np.arange(hours, dtype=np.float64)
    prompt, day, slow = market.delay_shares
    in_a_day = chance_within(hourly_hazard(market.day_delay_hours), waited)
    later = chance_within(hourly_hazard(market.slow_delay_hours), waited)
    return float(np.mean(prompt + day * in_a_day + slow * later))


def shrunk_rate(events: FloatArray, exposure: FloatArray, expected: FloatArray, law: RateLaw) -> Estimate:
    """Belief about the rate of each listing.

    Args:
        events: (n, K) count.
        exposure: (n, K) trials, those whose outcome is not due yet left out.
        expected: (n, K) events per trial before anything was seen.
    Returns: (n, K) ln of events per trial.
    """
    promised = exposure * expected  # events that the published rate would have brought
    weight = law.store_spread**-2
    all_events, all_promised = events.sum(axis=1), promised.sum(axis=1)
    spread = (promised**2).sum(axis=1) / np.maximum(all_promised, 1e-9) ** 2  # 1 over the listings that count
    # A shop's total tells of the shop only as far as its listings differ from each other at random.
    own = 1.0 / (1.0 / np.maximum(all_promised, 1e-9) + law.listing_spread**2 * spread)
    scale = own / np.maximum(all_promised, 1e-9)
    shop_shape = weight + scale * all_events
    shop = shop_shape / (weight + own)
    own_weight = law.listing_spread**-2
    shape = own_weight + events
    mean = expected * shop[:, None] * shape / (own_weight + promised * shop[:, None])
    inherited = own_weight / (own_weight + promised * shop[:, None])
    shop_variance = _log_variance(shop_shape)[:, None] * inherited**2
    variance = _log_variance(shape) + shop_variance + law.drift**2
    bias = 0.5 * (_log_variance(shape) + shop_variance)  # a gamma's log lies that much below the log of its mean
    return Estimate(np.log(mean) - bias, np.sqrt(variance))


def _log_variance(shape: FloatArray) -> FloatArray:
    """Variance of the log of a gamma variate: the trigamma function's series, to 2 % from shape 1 on."""
    variance: FloatArray = 1.0 / shape + 0.5 / shape**2 + 1.0 / (6.0 * shape**3)
    return variance
