"""What is hidden in a store, and the signs of it that its back office shows, as rows of numbers.

Signs are functions of a `BackOffice` alone. Traits are what a `Store` holds beyond it, on scales on which they are
about linear in the signs: log-odds and logarithms. `twin` learns from reference stores which traits go with them.
"""

from dataclasses import replace
from enum import IntEnum

import numpy as np

from .back_office import BackOffice
from .engines.layout import N_CHANNELS, FloatArray
from .kinds import driver_of
from .market.conversion import conversion_appeal
from .market.numeric import logistic
from .market.parameters import Market
from .market.rank import newness
from .store import STAGES, Store

_COUNTS = ("impressions", "ad_impressions", "clicks", "ad_clicks", "orders", "units", "gmv", "ad_spend")
_CONVERSION_WEIGHT = 8.0  # [orders] a listing's own prior: sd 0.35 of its log-odds, see population
_SHOP_WEIGHT = 4.0  # [orders] a shop's: sd 0.5
_CLICK_WEIGHT = 10.0  # [clicks] a listing's: sd 0.3


class ListingTrait(IntEnum):
    """Hidden numbers of a listing."""

    APPEAL = 0  # [log-odds]
    RELEVANCE = 1  # [log-odds]
    HYPE = 2
    CARE = 3  # [log-odds]
    REFERENCE = 4  # [ln] reference price over price
    REACH = 5  # [ln] share of all requests that it suits x crowd


class ShopTrait(IntEnum):
    """Hidden numbers of a shop."""

    CROWD = 0  # [ln] requests over the market's mean
    RIVALS_SEARCH = 1  # [ln] rivals' level over the market's
    RIVALS_FEED = 2
    ORGANIC_SEARCH = 3  # [ln] organic rivals over the market's
    ORGANIC_FEED = 4


def listing_traits(store: Store) -> FloatArray:
    """Shape (K, ListingTrait)."""
    listings, market = store.listings, store.market
    columns = (
        listings.appeal,
        listings.relevance,
        listings.hype,
        listings.care,
        np.log(listings.reference_price / listings.price),
        np.log(listings.match @ np.asarray(market.segment_share)) + _crowd(store),
    )
    return np.stack(columns, axis=1)


def shop_traits(store: Store) -> FloatArray:
    """Shape (ShopTrait,)."""
    organic = np.log(store.organic_rivals / np.asarray(store.market.organic_rivals))
    return np.concatenate(([_crowd(store)], store.rival_shift, organic))


def a_week(office: BackOffice) -> BackOffice:
    """The back office with its history's counts as a week would have brought them."""
    share = 7.0 / office.history_days
    return replace(office, history_days=7, **{name: share * getattr(office, name) for name in _COUNTS})


def _crowd(store: Store) -> float:
    usual = np.asarray(store.market.channel_volume) * store.hosting.traffic
    return float(np.log(store.volume / usual).sum()) / N_CHANNELS


def listing_signs(office: BackOffice, market: Market) -> FloatArray:
    """What a week's back office says of each listing, shape (K, signs); nan where it does not know."""
    usual_clicks = logistic(market.click_log_odds) * office.impressions
    image = np.clip(office.image_score, 0.02, 0.98)
    cold = office.reviews == 0.0
    columns = (
        np.log(office.quality_score),
        np.log(image / (1.0 - image)),
        office.title_score,
        np.where(cold, market.reference_rating, office.rating),
        cold.astype(np.float64),
        np.log1p(office.reviews),
        newness(office.age_days * 24.0, market.new_fade_hours),
        np.log1p(office.impressions - office.ad_impressions),
        np.log1p(office.ad_impressions),
        np.log1p(office.ad_clicks),
        np.log((office.clicks + _CLICK_WEIGHT) / (usual_clicks + _CLICK_WEIGHT)),
        np.log((office.orders + _CONVERSION_WEIGHT) / (_usual_orders(office, market) + _CONVERSION_WEIGHT)),
        np.log(office.market_price / office.price),
    )
    return np.stack(columns, axis=1)


def shop_signs(office: BackOffice, market: Market) -> FloatArray:
    """What a week's back office says of the shop as a whole, shape (signs,).

    Few means over listings are among them: over many listings they hardly vary in a population, so that a shop of
    another kind would lie far outside of it.
    """
    driver = driver_of(office.driver)
    asked = np.log(office.suggested_bid * office.quality_score)
    price = (office.ad_spend.sum() + 0.5 * office.suggested_bid.mean()) / (office.ad_clicks.sum() + 1.0)
    usual = float(_usual_orders(office, market).sum())
    signs = (
        *(float(office.stage == stage) for stage in STAGES[1:]),
        driver.appeal,
        driver.relevance,
        driver.care,
        np.log(office.budget / office.days),
        asked.mean(),
        np.log(price / office.suggested_bid.mean()),
        np.log((office.ad_spend.sum() + 1.0) / (office.budget / office.days)),
        np.log1p(office.ad_impressions.sum()),
        np.log1p((office.impressions - office.ad_impressions).sum()),
        np.log1p(office.ad_clicks.sum()),
        np.log((office.orders.sum() + _SHOP_WEIGHT) / (usual + _SHOP_WEIGHT)),
    )
    means = (np.log(office.quality_score).mean(), (office.reviews == 0.0).mean(), np.log1p(office.reviews).mean())
    return np.array((*signs, *means))


def likeness(office: BackOffice) -> FloatArray:
    """How much a back office knows, and of what kind of shop, shape (4,): what shops are compared by."""
    return np.array(
        [
            np.log1p(office.orders.sum()),
            np.log1p(office.clicks.sum()),
            np.log1p(office.reviews).mean(),
            (office.reviews == 0.0).mean(),
        ]
    )


def _usual_orders(office: BackOffice, market: Market) -> FloatArray:
    """Orders that the week's clicks would bring in time from a listing of ordinary relevance, shape (K,)."""
    rating = np.where(office.reviews > 0.0, office.rating, market.reference_rating)
    odds = conversion_appeal(
        market.conversion_log_odds,
        0.0,
        0.0,
        rating,
        market.reference_rating,
        market.rating_elasticity,
        office.reviews,
        market.review_elasticity,
    )
    in_time = market.delay_shares[0] + market.delay_shares[1] + 0.5 * market.delay_shares[2]
    orders: FloatArray = office.clicks * logistic(odds) * in_time
    return orders
