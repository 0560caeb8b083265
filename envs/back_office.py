"""What a merchant sees of a shop before a plan starts: all that a planner may read."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .hosting import Hosting, marketplace


@dataclass(frozen=True)
class BackOffice:
    """One store's back office on the eve of a plan; no true parameter of the market is in it.

    K listings; every array is float64 of shape (K,), in the order of `listing_id`. The history is the report
    of the last `history_days` days, with a little advertising at the suggested bid.
    """

    store: str
    stage: str  # new | advanced | mature
    driver: str  # supply_chain | operation | brand: what the shop is strong at; several are joined by "+"
    start_hour: int  # [hour of the week, 0 = Monday 00h] when the plan starts
    days: int  # [days] the plan may run
    budget: float  # [CNY] marketing money for the whole plan
    renewing: bool  # True: budget/days is granted afresh each day, unspent money is lost; False: one purse
    roi_floor: float  # [attributed GMV / ad spend] that the merchant insists on, 0 = none
    promotion_days: tuple[int, ...]  # [days of the plan, 0-based] that are platform promotion days
    listing_id: tuple[str, ...]
    title: tuple[str, ...]
    category: tuple[str, ...]
    cost: NDArray[np.float64]  # [CNY/unit]
    price: NDArray[np.float64]  # [CNY/unit]
    minimum_order: NDArray[np.float64]  # [units]
    stock: NDArray[np.float64]  # [units]
    rating: NDArray[np.float64]  # [1..5]
    reviews: NDArray[np.float64]  # [count]
    age_days: NDArray[np.float64]  # [days] since the listing went live
    image_score: NDArray[np.float64]  # [0..1], nan = unknown
    title_score: NDArray[np.float64]  # [0..1], nan = unknown
    market_price: NDArray[np.float64]  # [CNY/unit] what the platform shows for the category
    suggested_bid: NDArray[np.float64]  # [CNY/click] the platform's suggestion
    quality_score: NDArray[np.float64]  # [1] the platform's ad quality, about 1
    history_days: int  # [days] that the arrays below cover
    impressions: NDArray[np.float64]  # [count] paid and organic
    ad_impressions: NDArray[np.float64]  # [count] the paid ones among `impressions`
    clicks: NDArray[np.float64]  # [count] paid and organic
    ad_clicks: NDArray[np.float64]  # [count] the paid ones among `clicks`
    orders: NDArray[np.float64]  # [count]
    units: NDArray[np.float64]  # [units] in those orders
    gmv: NDArray[np.float64]  # [CNY] paid for those units
    ad_spend: NDArray[np.float64]  # [CNY] paid for `ad_clicks`
    hosting: Hosting = field(default_factory=marketplace)  # the contract: who sets the price, who pays what
