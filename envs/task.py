"""Between an executor and the engine: the plan in force, and the ledger from which the back office reports."""

from dataclasses import dataclass, fields
from typing import Self

import numpy as np

from .engines.layout import N_CHANNELS, Field, FloatArray
from .plan import MAX_PROMOTIONS

LOG_CHANNEL = float(np.log(4.0))
"""A channel action of 1 multiplies the channel's bids by 4, -1 divides them by 4."""
LOG_LISTING = float(np.log(4.0))
"""The same for a listing's action, above its lowest."""
PAUSED = -1.0
"""A listing's action that takes its advertisement off for the hour; all above it divides the bid by less than 4."""
LOG_DISCOUNT = float(np.log(1.25))
"""A discount action of 1 divides every price by 1.25 (20 % off), -1 multiplies it by 1.25."""


def action_size(listings: int) -> int:
    """Length of an action: one number per channel, one per listing, one discount."""
    return N_CHANNELS + listings + 1


class PlanField(Field):
    """The plan of a store and the terms it is hosted under, beyond its listings. Money in fen."""

    BUDGET_TOTAL = 0
    BUDGET_DAILY = 1
    ROI_FLOOR = 2
    GOAL = 3  # index in plan.GOALS
    TARGET = 4  # [units of the goal]
    HOURS = 5
    BELOW_COST = 6  # 1 if prices under cost are allowed
    PRICE_FIXED = 7  # 1 if the merchant keeps its price; from here on: the store's hosting terms, see `hosting`
    PLATFORM_SELLS = 8  # 1 if the platform buys at the supply price and sells on its own account
    AD_SHARE = 9  # the merchant's share
    AD_OUTSIDE = 10  # 1 if ad money leaves the account of merchant and platform
    PAYMENT_FEE = 11  # share of revenue
    SUBSCRIPTION = 12  # [fen per day]
    ORDER_LOGISTICS = 13  # [fen per order]
    UNIT_LOGISTICS = 14  # [fen per unit]
    LOGISTICS_SHARE = 15  # the merchant's share
    RETURN_SHARE = 16  # the merchant's share
    PROMOTIONS = 17  # first of MAX_PROMOTIONS x (start hour, end hour, discount)


PLAN_WIDTH = PlanField.PROMOTIONS + 3 * MAX_PROMOTIONS


class PlanListing(Field):
    """The plan of a listing."""

    BID = 0  # [CNY per click]
    PRICE = 1  # [fen per unit]
    ROLE = 2  # index in plan.ROLES
    ACTIVE = 3  # 1 if advertised
    MARKET_PRICE = 4  # [fen per unit] level of comparable goods that the platform shows
    START_STOCK = 5  # [units]
    SUPPLY_PRICE = 6  # [fen per unit] what the platform pays the merchant where it sells on its own account, else 0


class Ledger(Field):
    """The back office's memory of a store."""

    ORGANIC_FAST = 0  # moving averages of organic impressions and of expected traffic
    ORGANIC_SLOW = 1
    TRAFFIC_FAST = 2
    TRAFFIC_SLOW = 3
    WIN_SUM_SEARCH = 4  # today's sum of hourly win shares
    WIN_SUM_FEED = 5
    WIN_SEARCH = 6  # yesterday's mean win share
    WIN_FEED = 7
    PRICE_SEARCH = 8  # moving average of the price per click [fen]
    PRICE_FEED = 9
    HOURS_TODAY = 10


class LedgerListing(Field):
    """The back office's memory of a listing, last week's history included."""

    CLICKS = 0
    AD_CLICKS = 1
    ORDERS = 2
    UNITS = 3
    IMPRESSIONS = 4
    IMMATURE_DAY = 5  # expected share of clicks whose orders within a day are still to come
    IMMATURE_SLOW = 6
    RANK = 7  # as reported at midnight
    RATING = 8  # as reported at midnight
    SEEN_FAST = 9  # moving averages of organic impressions
    SEEN_SLOW = 10
    UNIT_RATE = 11  # moving average of units sold per hour
    SOLD = 12  # 1 once the listing has ever sold
    AD_IMPRESSIONS = 13


@dataclass(frozen=True)
class TaskArrays:
    """Plan and ledger of B stores; the ledger changes in place."""

    plan: FloatArray  # (B, PLAN_WIDTH)
    plan_listing: FloatArray  # (B, K, PlanListing)
    schedule: FloatArray  # (B, H + 1) share of the plan's expected traffic passed by the start of each hour
    ledger: FloatArray  # (B, Ledger)
    ledger_listing: FloatArray  # (B, K, LedgerListing)
    action: FloatArray  # (B, A) last action

    @classmethod
    def zeros(cls, stores: int, listings: int, hours: int) -> Self:
        """Blank plans and ledgers for plans of at most `hours`."""
        return cls(
            plan=np.zeros((stores, PLAN_WIDTH)),
            plan_listing=np.zeros((stores, listings, len(PlanListing))),
            schedule=np.ones((stores, hours + 1)),
            ledger=np.zeros((stores, len(Ledger))),
            ledger_listing=np.zeros((stores, listings, len(LedgerListing))),
            action=np.zeros((stores, action_size(listings))),
        )

    def copy(self) -> Self:
        """A copy that shares nothing."""
        return type(self)(**{field.name: getattr(self, field.name).copy() for field in fields(self)})
