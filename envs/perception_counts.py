"""An observation read back into plain units: counts, prices and bids, whose scales invert exactly."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engines.layout import FloatArray
from .observation import Global, ObservationView, PerListing
from .task import LOG_CHANNEL, LOG_DISCOUNT, LOG_LISTING, PAUSED

COUNTS = (
    PerListing.IMPRESSIONS,
    PerListing.AD_IMPRESSIONS,
    PerListing.CLICKS,
    PerListing.AD_CLICKS,
    PerListing.ORDERS,
    PerListing.MATURED_CLICKS,
)
"""Cumulative counts, in the order of the last axis of `Reading.counts`; the last is no whole number."""


@dataclass(frozen=True)
class Reading:
    """One observation of n stores in plain units."""

    time_left: FloatArray  # (n,) share of the plan
    traffic: FloatArray  # (n,) expected traffic of the coming hour over the plan's mean hour
    promotion_day: FloatArray  # (n,) 1 if the coming hour is on one
    own_promotion: FloatArray  # (n,) discount of the plan's own promotion in the coming hour
    served: FloatArray  # (n,) share of the hour that has passed for which there was money
    markdown: FloatArray  # (n,) [ln] by which the last action lowered prices
    price: FloatArray  # (n, C) [CNY] 12-hour mean price per click, 0 before the first
    counts: FloatArray  # (n, K, COUNTS) so far, last week's history included
    bid: FloatArray  # (n, C, K) [CNY per click] in the hour that has passed, audience aside; 0 where not advertised
    active: FloatArray  # (n, K) 1 where the plan advertises
    listed: FloatArray  # (n, K) 1 where in the shop
    rank: FloatArray  # (n, K) organic rank as of midnight
    reviews: FloatArray  # (n, K)
    rating: FloatArray  # (n, K) [stars]
    price_gap: FloatArray  # (n, K) [ln] of the plan's price over comparable goods


def read(observation: NDArray[Any]) -> Reading:
    """The observation (n, O) in plain units; counts are whole up to about 3e5, beyond it to the last digit shown."""
    view = ObservationView(np.asarray(observation, dtype=np.float64))
    counts = np.stack([np.expm1(view[name]) for name in COUNTS], axis=2)
    counts[..., :-1] = np.rint(counts[..., :-1])
    counts[..., 1] = np.minimum(counts[..., 1], counts[..., 0])
    counts[..., 3] = np.minimum(counts[..., 3], counts[..., 2])
    logs = np.stack([view[Global.PRICE_SEARCH], view[Global.PRICE_FEED]], axis=1)
    return Reading(
        time_left=view[Global.TIME_LEFT],
        traffic=np.maximum(view[Global.TRAFFIC_NEXT], 0.0),
        promotion_day=view[Global.PROMOTION_DAY],
        own_promotion=view[Global.OWN_PROMOTION],
        served=view[Global.SERVED_SHARE],
        markdown=LOG_DISCOUNT * view[Global.LAST_DISCOUNT],
        price=np.where(logs == 0.0, 0.0, np.exp(logs)),
        counts=counts,
        bid=_bids(view),
        active=view[PerListing.ACTIVE],
        listed=view[PerListing.LISTED],
        rank=np.exp(view[PerListing.RANK]),
        reviews=1.0 / np.maximum(view[PerListing.FEW_REVIEWS], 1e-3) ** 2 - 1.0,
        rating=4.0 + view[PerListing.RATING],
        price_gap=view[PerListing.PRICE_GAP],
    )


def _bids(view: ObservationView) -> FloatArray:
    """The plan's bids with the last action's corrections; shape (n, C, K)."""
    wish = view[PerListing.LAST_ACTION]
    own = np.where((view[PerListing.ACTIVE] > 0.0) & (wish > PAUSED), np.exp(view[PerListing.PLAN_BID]), 0.0)
    own = own * np.exp(LOG_LISTING * wish)
    channel = np.stack([view[Global.LAST_SEARCH], view[Global.LAST_FEED]], axis=1)
    bids: FloatArray = own[:, None, :] * np.exp(LOG_CHANNEL * channel)[:, :, None]
    return bids
