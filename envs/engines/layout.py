"""Where each number of a store lies in the engine's packed arrays.

One row per store; the enumerations name the last axis. A compiled function reads `stores[b, StoreField.FLYWHEEL]` as
a constant offset, Python code reads the same name. Money is in fen (0.01 CNY), held as whole numbers in float64; bids
and anything else not yet booked may have fractions.
"""

from dataclasses import dataclass, fields
from enum import IntEnum, auto
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..market.parameters import CHANNELS, SEGMENTS

N_CHANNELS = len(CHANNELS)
N_SEGMENTS = len(SEGMENTS)
MOST_LISTINGS = 64
"""Listings that a store can have."""
REFUND_DAYS = 28
"""Length of the ring of days on which returns fall due; a return comes at most 27 days after its order."""

FloatArray = NDArray[np.float64]


class Field(IntEnum):
    """An axis of named numbers, counted from 0."""

    @staticmethod
    def _generate_next_value_(name: str, start: int, count: int, last_values: list[int]) -> int:
        return count


class StoreField(Field):
    """Constants of a store that do not depend on a listing; never shown to an executor."""

    START_HOUR = auto()  # hour of the week at which the run starts
    HOURS = auto()  # length of the run [h]
    DEMAND_PERSISTENCE = auto()
    DEMAND_SD = auto()
    DEMAND_STATIONARY_SD = auto()
    SEEN_1 = auto()  # coefficients of the auction's closed form
    SEEN_2 = auto()
    SEEN_3 = auto()
    ASKED_1 = auto()
    ASKED_2 = auto()
    ASKED_3 = auto()
    LOG_RHO = auto()
    RIVAL_SWING = auto()
    RIVAL_PEAK_HOUR = auto()
    RIVAL_PERSISTENCE = auto()
    RIVAL_NOISE_SD = auto()
    REACTION_RATE = auto()
    REACTION_STRENGTH = auto()
    REACTION_REFERENCE = auto()
    RIVAL_PROMOTION_SHIFT = auto()
    PROMOTION_UPLIFT = auto()
    ENTRY_HOUR = auto()  # hour of the run at which a further rival enters
    ENTRY_SHIFT = auto()  # [ln]
    RESERVE = auto()  # [CNY per click]
    CLICK_PRICE_EFFECT = auto()
    CLICK_REVIEW_EFFECT = auto()
    CLICK_HYPE_EFFECT = auto()
    REVIEW_ELASTICITY = auto()
    RATING_ELASTICITY = auto()
    REFERENCE_RATING = auto()
    CONVERSION_HYPE_EFFECT = auto()
    SHARE_SAME_HOUR = auto()
    SHARE_WITHIN_DAY = auto()
    DAY_HAZARD = auto()  # per hour
    SLOW_HAZARD = auto()  # per hour
    ATTRIBUTION_HOURS = auto()
    LOT_DISPERSION = auto()
    TIER_LOTS_1 = auto()
    TIER_LOTS_2 = auto()
    TIER_DISCOUNT_1 = auto()
    TIER_DISCOUNT_2 = auto()
    COMMISSION_RATE = auto()
    RETURN_HAZARD = auto()  # per day
    SALVAGE_SHARE = auto()
    RETURN_HANDLING = auto()  # [fen]
    COMPLAINT_SHARE = auto()
    REVIEW_RATE = auto()
    REVIEW_HAZARD = auto()  # per day
    RATING_PRIOR_COUNT = auto()
    LEAD_TIME = auto()  # [h]
    FLYWHEEL = auto()
    RANK_DECAY = auto()
    RANK_CLICK_WEIGHT = auto()
    RANK_REFERENCE = auto()
    RANK_BASE = auto()
    NEW_BOOST = auto()
    NEW_FADE = auto()  # [h]
    RANK_RATING_EXPONENT = auto()
    SHOCK_ONSET = auto()  # [h of the run]
    SHOCK_RISE = auto()  # [h]
    SHOCK_DECAY = auto()  # [h]


class ChannelField(Field):
    """Constants of a channel of a store."""

    VOLUME = auto()  # requests per mean hour
    RIVAL_SD = auto()
    CLICK = auto()  # log-odds
    ORGANIC_RIVALS = auto()


class SegmentField(Field):
    """Constants of a buyer segment of a store."""

    SHARE = auto()
    CONVERSION = auto()  # log-odds
    SENSITIVITY = auto()
    EXTRA_LOTS = auto()
    RIVAL_SEARCH = auto()  # base log mean of the top rival score, by channel
    RIVAL_FEED = auto()


class ListingField(Field):
    """Constants of a listing; never shown to an executor, but for cost and minimum order."""

    COST = auto()  # [fen per unit]
    MINIMUM_ORDER = auto()
    REFERENCE_PRICE = auto()  # [fen per unit]
    APPEAL = auto()  # log-odds of a click
    RELEVANCE = auto()  # log-odds of an order
    ELASTICITY = auto()
    HYPE = auto()
    QUALITY = auto()  # the platform's ad quality score
    RETURN_PROBABILITY = auto()
    STAR_PROBABILITY = auto()
    REORDER_POINT = auto()  # [units], negative: never
    REORDER_QUANTITY = auto()  # [units]
    START_AGE = auto()  # [h]


class CellField(Field):
    """Constants of a listing and segment."""

    MATCH = auto()  # share of the segment's requests for which the listing is found
    AFFINITY = auto()  # log-odds of a click
    SHOCK = auto()  # height of the outside event


class StoreState(Field):
    """What changes in a store from hour to hour, beyond its listings."""

    HOUR = auto()  # hours of the run done
    DEMAND = auto()  # AR(1), log
    BUDGET_TOTAL = auto()  # [fen]
    BUDGET_DAILY = auto()  # [fen]
    SPENT = auto()  # [fen]
    SPENT_TODAY = auto()  # [fen]
    SERVED_SHARE = auto()  # share of the last hour for which a budget was left


class ChannelState(Field):
    """What changes in a channel."""

    RIVAL_NOISE = auto()  # AR(1), log
    REACTION = auto()  # rivals' answer, log
    CAP = auto()  # [fen] of the plan budget
    SPENT = auto()  # [fen]
    WIN_SHARE = auto()  # of the last hour


class ListingState(Field):
    """What changes in a listing."""

    STOCK = auto()  # [units]
    INCOMING = auto()  # [units]
    ARRIVAL_HOUR = auto()  # hour of the run at which they arrive
    LISTED = auto()  # 1 or 0
    MEMORY = auto()  # of the organic rank
    RANK = auto()  # of the last hour
    STAR_SUM = auto()
    REVIEWS = auto()
    PENDING_REVIEWS = auto()  # orders that will be reviewed
    REFUSED = auto()  # 1 if an order beyond stock was refused in the last hour
    CAP = auto()  # [fen] of the plan budget
    SPENT = auto()  # [fen]


class Pending(Field):
    """Converting clicks that have not ordered yet, per listing and segment."""

    DAY_AD = auto()  # will order within about a day
    DAY_ORGANIC = auto()
    SLOW_AD = auto()
    SLOW_ORGANIC = auto()
    DAY_PRICE = auto()  # [fen per unit] mean list price that the waiting buyers saw when they clicked
    SLOW_PRICE = auto()


class Offer(Field):
    """What an executor decided for a listing for the coming hour."""

    BID_SEARCH = auto()  # [CNY per click], 0: no advertisement
    BID_FEED = auto()
    PRICE = auto()  # [fen per unit]


class Report(Field):
    """What happened to a listing in an hour, or in the run so far. Counts, and money in fen."""

    AD_IMPRESSIONS_SEARCH = auto()
    AD_IMPRESSIONS_FEED = auto()
    ORGANIC_IMPRESSIONS_SEARCH = auto()
    ORGANIC_IMPRESSIONS_FEED = auto()
    AD_CLICKS_SEARCH = auto()
    AD_CLICKS_FEED = auto()
    ORGANIC_CLICKS_SEARCH = auto()
    ORGANIC_CLICKS_FEED = auto()
    SPEND_SEARCH = auto()
    SPEND_FEED = auto()
    ORDERS_SAME_HOUR = auto()
    ORDERS_WITHIN_DAY = auto()
    ORDERS_SLOW = auto()
    AD_ORDERS = auto()  # of the three above, those that an ad click led to
    UNITS = auto()
    REVENUE = auto()
    AD_REVENUE = auto()
    GOODS_COST = auto()
    COMMISSION = auto()
    RETURNS = auto()
    REFUNDS = auto()
    COMMISSION_BACK = auto()
    SALVAGE = auto()
    HANDLING = auto()
    REFUSED = auto()  # orders beyond stock
    COMPLAINTS = auto()
    REVIEWS = auto()


class Due(Field):
    """What falls due on a day of the ring of returns."""

    RETURNS = auto()
    REFUNDS = auto()
    COMMISSION_BACK = auto()
    SALVAGE = auto()


@dataclass(frozen=True)
class StoreArrays:
    """Constants of B stores with K listings each: everything an engine must be told, and an executor must not."""

    store: FloatArray  # (B, StoreField)
    channel: FloatArray  # (B, C, ChannelField)
    segment: FloatArray  # (B, S, SegmentField)
    listing: FloatArray  # (B, K, ListingField)
    cell: FloatArray  # (B, K, S, CellField)
    calendar: FloatArray  # (B, H) 1 on platform promotion days; H >= hours of the longest run
    weekly: FloatArray  # (168,) traffic by hour of the week

    @property
    def stores(self) -> int:
        """B."""
        return int(self.store.shape[0])

    @property
    def listings(self) -> int:
        """K."""
        return int(self.listing.shape[1])


@dataclass(frozen=True)
class StateArrays:
    """State of B stores; the engine changes it in place."""

    store: FloatArray  # (B, StoreState)
    channel: FloatArray  # (B, C, ChannelState)
    listing: FloatArray  # (B, K, ListingState)
    pending: FloatArray  # (B, K, S, Pending)
    refunds: FloatArray  # (B, K, REFUND_DAYS, Due)
    audience: FloatArray  # (B, S) bid multiplier of the plan by segment
    hour: FloatArray  # (B, K, Report) of the last hour
    total: FloatArray  # (B, K, Report) of the run so far

    @classmethod
    def zeros(cls, stores: int, listings: int) -> Self:
        """Blank state of B stores with K listings."""
        return cls(
            store=np.zeros((stores, len(StoreState))),
            channel=np.zeros((stores, N_CHANNELS, len(ChannelState))),
            listing=np.zeros((stores, listings, len(ListingState))),
            pending=np.zeros((stores, listings, N_SEGMENTS, len(Pending))),
            audience=np.ones((stores, N_SEGMENTS)),
            refunds=np.zeros((stores, listings, REFUND_DAYS, len(Due))),
            hour=np.zeros((stores, listings, len(Report))),
            total=np.zeros((stores, listings, len(Report))),
        )

    def copy(self) -> Self:
        """A copy that shares nothing."""
        return type(self)(**{field.name: getattr(self, field.name).copy() for field in fields(self)})

    def assign(self, rows: NDArray[np.intp] | slice, source: Self, source_rows: NDArray[np.intp] | slice) -> None:
        """Overwrite some stores' state with that of stores of another set."""
        for field in fields(self):
            getattr(self, field.name)[rows] = getattr(source, field.name)[source_rows]
