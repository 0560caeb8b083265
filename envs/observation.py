"""The observation: what a merchant's back office shows, as named features on fixed, documented scales.

One global block, then one block per listing, so that a policy can share its weights over listings. Nothing here is a
true parameter of the market: counts and money are those that happened, rank and rating are as reported at midnight,
win shares are yesterday's, and orders are seen when they are placed, which for a click of today may be next week.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engines.layout import Field
from .task import action_size

OBSERVATION_VERSION = "2"


class Global(Field):
    """Features of the store."""

    HOUR_SIN = 0
    HOUR_COS = 1
    HOUR_SIN_2 = 2
    HOUR_COS_2 = 3
    WEEK_SIN = 4
    WEEK_COS = 5
    TIME_LEFT = 6
    TRAFFIC_PASSED = 7
    TRAFFIC_NEXT = 8
    PROMOTION_DAY = 9
    BUDGET_LEFT = 10
    PACING_GAP = 11
    DAY_BUDGET_LEFT = 12
    DAY_TRAFFIC_LEFT = 13
    SERVED_SHARE = 14
    SPEND_RATE = 15
    AD_RETURN = 16
    ROI_GAP = 17
    PROFIT = 18
    BUDGET_SIZE = 19
    STORE_CONVERSION = 20
    DEMAND_SURPRISE = 21
    WIN_SEARCH = 22
    WIN_FEED = 23
    PRICE_SEARCH = 24
    PRICE_FEED = 25
    LAST_SEARCH = 26
    LAST_FEED = 27
    LAST_DISCOUNT = 28
    PROGRESS = 29
    GOAL_PROFIT = 30
    GOAL_GMV = 31
    GOAL_BUYERS = 32
    GOAL_BREAK_ZERO = 33
    GOAL_CLEAR_STOCK = 34
    OWN_PROMOTION = 35


class PerListing(Field):
    """Features of a listing; from `PLAN_BID` on they are logarithms."""

    ACTIVE = 0
    LISTED = 1
    HERO = 2
    GROWTH = 3
    TEST = 4
    CLEAR = 5
    UNIT_MARGIN = 6
    SPEND_SHARE = 7
    CAP_LEFT = 8
    RATING = 9
    FEW_REVIEWS = 10
    NEWNESS = 11
    STOCK_LEFT = 12
    INCOMING = 13
    SOLD = 14
    LAST_ACTION = 15
    PLAN_BID = 16
    PRICE = 17
    PRICE_GAP = 18
    ORDER_VALUE = 19
    IMPRESSIONS = 20
    CLICKS = 21
    MATURED_CLICKS = 22
    ORDERS = 23
    CLICK_RATE = 24
    RANK = 25
    STOCK_COVER = 26
    SURPRISE = 27
    AD_IMPRESSIONS = 28
    AD_CLICKS = 29


@dataclass(frozen=True)
class Feature:
    """A feature's documented range and meaning."""

    name: str
    low: float
    high: float
    meaning: str


_GLOBAL_RANGES: Mapping[Global, tuple[float, float, str]] = {
    Global.HOUR_SIN: (-1, 1, "sine of the hour of the day to come"),
    Global.HOUR_COS: (-1, 1, "cosine of the hour of the day"),
    Global.HOUR_SIN_2: (-1, 1, "second harmonic, sine"),
    Global.HOUR_COS_2: (-1, 1, "second harmonic, cosine"),
    Global.WEEK_SIN: (-1, 1, "sine of the hour of the week"),
    Global.WEEK_COS: (-1, 1, "cosine of the hour of the week"),
    Global.TIME_LEFT: (0, 1, "share of the plan's hours left"),
    Global.TRAFFIC_PASSED: (
        0,
        1,
        "share of the plan's expected traffic passed: the published weekly curve and promotion days",
    ),
    Global.TRAFFIC_NEXT: (0, 10, "expected traffic of the coming hour over the plan's mean hour"),
    Global.PROMOTION_DAY: (0, 1, "1 on a platform promotion day"),
    Global.BUDGET_LEFT: (0, 1, "share of the plan's budget left"),
    Global.PACING_GAP: (
        -1,
        1,
        "share of traffic passed less share of budget spent; positive: behind the target",
    ),
    Global.DAY_BUDGET_LEFT: (0, 1, "share of the daily budget left, at most what the plan's budget allows"),
    Global.DAY_TRAFFIC_LEFT: (0, 1, "share of the day's expected traffic still to come"),
    Global.SERVED_SHARE: (0, 1, "share of the last hour for which there was money"),
    Global.SPEND_RATE: (
        0,
        5,
        "ln(1 + last hour's spend over the spend that its traffic share of the budget would be)",
    ),
    Global.AD_RETURN: (0, 5, "ln(1 + attributed GMV per ad spend so far)"),
    Global.ROI_GAP: (-5, 5, "attributed GMV per ad spend over the plan's floor, ln; 0 without a floor"),
    Global.PROFIT: (-5, 20, "profit so far over the plan's budget"),
    Global.BUDGET_SIZE: (-2, 10, "ln(budget per day in CNY) - 3"),
    Global.STORE_CONVERSION: (
        -8,
        0,
        "ln of orders per matured click of the whole shop, shrunk to 1.2 % by 200 clicks",
    ),
    Global.DEMAND_SURPRISE: (
        -3,
        3,
        "organic views against expected traffic: 6-hour mean over 72-hour mean, ln",
    ),
    Global.WIN_SEARCH: (0, 1, "yesterday's share of suitable search requests that saw our ads"),
    Global.WIN_FEED: (0, 1, "the same in the feed"),
    Global.PRICE_SEARCH: (
        -5,
        5,
        "ln of the mean price per click in search [CNY], 12-hour mean; 0 before the first",
    ),
    Global.PRICE_FEED: (-5, 5, "the same in the feed"),
    Global.LAST_SEARCH: (-1, 1, "last action of the search channel"),
    Global.LAST_FEED: (-1, 1, "last action of the feed"),
    Global.LAST_DISCOUNT: (-1, 1, "last discount action"),
    Global.PROGRESS: (0, 5, "reached share of the plan's target; 0 without one"),
    Global.GOAL_PROFIT: (0, 1, "1 if the plan's goal is profit"),
    Global.GOAL_GMV: (0, 1, "1 if it is GMV"),
    Global.GOAL_BUYERS: (0, 1, "1 if it is buyers"),
    Global.GOAL_BREAK_ZERO: (0, 1, "1 if it is first sales of new listings"),
    Global.GOAL_CLEAR_STOCK: (0, 1, "1 if it is clearing stock"),
    Global.OWN_PROMOTION: (0, 0.5, "discount of the plan's own promotion in the coming hour, share of the price"),
}

_LISTING_RANGES: Mapping[PerListing, tuple[float, float, str]] = {
    PerListing.ACTIVE: (0, 1, "1 if the plan advertises it"),
    PerListing.LISTED: (0, 1, "1 if it is in the shop"),
    PerListing.HERO: (0, 1, "1 if its role is hero"),
    PerListing.GROWTH: (0, 1, "1 if its role is growth"),
    PerListing.TEST: (0, 1, "1 if its role is test"),
    PerListing.CLEAR: (0, 1, "1 if its role is clear"),
    PerListing.PLAN_BID: (-5, 5, "ln of the plan's bid [CNY per click]; 0 where not advertised"),
    PerListing.PRICE: (-3, 10, "ln of the plan's price, before promotions and corrections [CNY per unit]"),
    PerListing.PRICE_GAP: (
        -2,
        2,
        "ln of the price over the level of comparable goods that the platform shows",
    ),
    PerListing.UNIT_MARGIN: (-2, 1, "gross margin of a unit over its price"),
    PerListing.ORDER_VALUE: (
        0,
        12,
        "ln(1 + gross margin of a mean order in CNY); units per order shrunk to 2.2 minimum orders",
    ),
    PerListing.IMPRESSIONS: (0, 16, "ln(1 + impressions, last week's history included)"),
    PerListing.CLICKS: (0, 14, "ln(1 + clicks), history included"),
    PerListing.AD_IMPRESSIONS: (0, 16, "ln(1 + those of the impressions that were paid for)"),
    PerListing.AD_CLICKS: (0, 14, "ln(1 + those of the clicks that were paid for)"),
    PerListing.MATURED_CLICKS: (
        0,
        14,
        "ln(1 + clicks weighted by the share of their orders due by now, published delay curve)",
    ),
    PerListing.ORDERS: (0, 12, "ln(1 + orders), history included"),
    PerListing.CLICK_RATE: (-8, 0, "ln of clicks per impression, shrunk to 3.8 % by 200 impressions"),
    PerListing.SPEND_SHARE: (0, 1, "its spend over the plan's budget"),
    PerListing.CAP_LEFT: (0, 1, "share of its own cap left"),
    PerListing.RANK: (-5, 5, "ln of the organic rank as of midnight, 0 is ordinary"),
    PerListing.RATING: (-4, 1, "rating as of midnight less 4 stars"),
    PerListing.FEW_REVIEWS: (0, 1, "1 / sqrt(1 + reviews)"),
    PerListing.NEWNESS: (0, 1, "exp(-age / 10 days)"),
    PerListing.STOCK_LEFT: (0, 5, "stock over the stock at the plan's start"),
    PerListing.STOCK_COVER: (0, 8, "ln(1 + days the stock lasts at the recent rate of sale)"),
    PerListing.INCOMING: (0, 1, "1 if goods are on the way"),
    PerListing.SOLD: (0, 1, "1 once it has ever sold"),
    PerListing.SURPRISE: (
        -3,
        3,
        "its organic views: 6-hour mean over 72-hour mean, against the whole shop's, ln",
    ),
    PerListing.LAST_ACTION: (-1, 1, "last action of the listing"),
}

GLOBAL_FEATURES = tuple(Feature(f.name.lower(), *_GLOBAL_RANGES[f]) for f in Global)
LISTING_FEATURES = tuple(Feature(f.name.lower(), *_LISTING_RANGES[f]) for f in PerListing)
N_GLOBAL = len(GLOBAL_FEATURES)
N_LISTING = len(LISTING_FEATURES)


def observation_size(listings: int) -> int:
    """Length of an observation."""
    return N_GLOBAL + listings * N_LISTING


def listings_in(size: int) -> int:
    """Number of listings in an observation of the given length.

    Raises: ValueError: no whole number of listings fits.
    """
    listings, rest = divmod(size - N_GLOBAL, N_LISTING)
    if rest or listings < 1:
        raise ValueError(f"observation length(={size}) must be {N_GLOBAL} + {N_LISTING} x listings")
    return listings


def feature_names(listings: int) -> tuple[str, ...]:
    """Names of an observation's numbers, in order."""
    return (
        *(feature.name for feature in GLOBAL_FEATURES),
        *(f"listing_{k}.{feature.name}" for k in range(listings) for feature in LISTING_FEATURES),
    )


def bounds(listings: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Documented range of every number of an observation: (low, high), float32."""
    features = GLOBAL_FEATURES + LISTING_FEATURES * listings
    return (
        np.array([feature.low for feature in features], dtype=np.float32),
        np.array([feature.high for feature in features], dtype=np.float32),
    )


def budget_size(budget: Any, days: Any) -> NDArray[np.float64]:
    """What `Global.BUDGET_SIZE` shows of a plan's budget [CNY] and its length [days], elementwise."""
    shown = GLOBAL_FEATURES[Global.BUDGET_SIZE]
    return np.asarray(np.clip(np.log(budget / days) - 3.0, shown.low, shown.high))


@dataclass(frozen=True)
class ObservationView:
    """Named access to a batch of observations, without copying.

    `view[Global.BUDGET_LEFT]` has shape (n,), `view[PerListing.CLICKS]` has shape (n, K). Works on numpy arrays and on
    torch tensors alike.
    """

    observation: Any  # (n, O)

    def __getitem__(self, feature: Global | PerListing) -> Any:
        if isinstance(feature, Global):
            return self.observation[:, int(feature)]
        return self.listings[:, :, int(feature)]

    @property
    def shop(self) -> Any:
        """The global block, shape (n, N_GLOBAL)."""
        return self.observation[:, :N_GLOBAL]

    @property
    def listings(self) -> Any:
        """The listings' blocks, shape (n, K, N_LISTING)."""
        count = listings_in(int(self.observation.shape[1]))
        return self.observation[:, N_GLOBAL:].reshape(-1, count, N_LISTING)


__all__ = [
    "GLOBAL_FEATURES",
    "LISTING_FEATURES",
    "N_GLOBAL",
    "N_LISTING",
    "OBSERVATION_VERSION",
    "Feature",
    "Global",
    "ObservationView",
    "PerListing",
    "action_size",
    "bounds",
    "budget_size",
    "feature_names",
    "listings_in",
    "observation_size",
]
