"""One store's back office at one moment, as plain numbers: what `watch` draws."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    FloatArray,
    ListingState,
    Offer,
    Report,
    StoreField,
    StoreState,
)
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.market.parameters import CHANNELS, HOURS_PER_WEEK
from merchantgym.envs.observation import Global
from merchantgym.envs.plan import ROLES
from merchantgym.envs.reward import PROFIT_TERMS, Term
from merchantgym.envs.store import HOURS_PER_DAY
from merchantgym.envs.task import LOG_CHANNEL, LOG_DISCOUNT, Ledger, LedgerListing, PlanField, PlanListing

from .true_market import MarketReader, TrueMarket


@dataclass(frozen=True)
class Counts:
    """A funnel and its money over some hours. Money in CNY."""

    ad_impressions: float = 0.0
    organic_impressions: float = 0.0
    ad_clicks: float = 0.0
    organic_clicks: float = 0.0
    ad_orders: float = 0.0
    organic_orders: float = 0.0
    units: float = 0.0
    spend: float = 0.0
    gmv: float = 0.0
    attributed_gmv: float = 0.0
    profit: float = 0.0

    @property
    def impressions(self) -> float:
        """Ad and organic."""
        return self.ad_impressions + self.organic_impressions

    @property
    def clicks(self) -> float:
        """Ad and organic."""
        return self.ad_clicks + self.organic_clicks

    @property
    def orders(self) -> float:
        """From ads and organic."""
        return self.ad_orders + self.organic_orders

    def plus(self, other: "Counts") -> "Counts":
        """The sums."""
        return Counts(**{name: value + getattr(other, name) for name, value in vars(self).items()})


@dataclass(frozen=True)
class ChannelRow:
    """A channel of the platform."""

    name: str
    multiplier: float  # of the plan's bids, as the executor has set it
    win_share: float  # yesterday's
    click_price: float  # [CNY] mean of the last clicks, 0 before the first


@dataclass(frozen=True)
class ListingRow:
    """A listing as the back office shows it."""

    listing_id: str
    role: str
    bids: tuple[float, ...]  # [CNY per click] by channel, 0: not advertised
    price: float  # [CNY per unit]
    stock: float  # [units]
    listed: bool
    rank: float  # as of midnight
    rating: float  # as of midnight
    spend: float  # [CNY] so far
    orders: float  # so far


@dataclass(frozen=True)
class Snapshot:
    """A store after some hours of its plan. Money in CNY."""

    store: str
    strength: str  # stage and driver
    scenario: str
    planner: str
    executor: str
    hour: int  # done
    hours: int  # of the plan
    hour_of_week: int  # of the hour that has just passed
    promotion: bool  # it belonged to a platform promotion day
    run: Counts  # so far
    days: tuple[Counts, ...]  # every day so far, the last being today
    budget: float
    daily_budget: float
    target: float  # share of the plan's expected traffic that has passed
    roi_floor: float  # 0: none
    served: float  # share of the last hour for which there was money
    surprise: float  # organic views of late over what the calendar let expect
    price_factor: float  # of the plan's prices, as the executor has set it
    channels: tuple[ChannelRow, ...]
    listings: tuple[ListingRow, ...]
    truth: TrueMarket | None = None  # of this store alone

    @property
    def today(self) -> Counts:
        """Since midnight."""
        return self.days[-1]

    @property
    def day(self) -> int:
        """Day of the plan, from 1."""
        return len(self.days)

    @property
    def spent_share(self) -> float:
        """Of the plan's budget."""
        return self.run.spend / self.budget

    @property
    def roi(self) -> float:
        """Attributed GMV per ad spend; 0 before the first fen."""
        return self.run.attributed_gmv / self.run.spend if self.run.spend > 0.0 else 0.0


@dataclass
class Observer:
    """Takes a snapshot of the first slot of a fleet after every hour, and hands it on.

    It is the hook `on_hour` of `rollout`. `last` is the newest snapshot, None before the first hour.
    """

    office: BackOffice
    scenario: str
    planner: str
    executor: str
    show: Callable[[Snapshot], None]
    market: MarketReader | None = None  # reveals the truth
    last: Snapshot | None = None

    def __call__(self, fleet: Fleet) -> None:
        """An hour has passed."""
        self.last = self._snapshot(fleet)
        self.show(self.last)

    def _snapshot(self, fleet: Fleet) -> Snapshot:
        plan, ledger, state = fleet.task.plan[0], fleet.task.ledger[0], fleet.state.store[0]
        hour = int(state[StoreState.HOUR])
        start = int(fleet.arrays.store[0, StoreField.START_HOUR])
        days = self._days(counts(fleet), (start % HOURS_PER_DAY + hour - 1) // HOURS_PER_DAY)
        action = fleet.task.action[0]
        return Snapshot(
            store=self.office.store,
            strength=f"{self.office.stage}, {self.office.driver.replace('_', ' ')}",
            scenario=self.scenario,
            planner=self.planner,
            executor=self.executor,
            hour=hour,
            hours=int(plan[PlanField.HOURS]),
            hour_of_week=(start + hour - 1) % HOURS_PER_WEEK,
            promotion=bool(fleet.arrays.calendar[0, hour - 1]),
            run=_sum_so_far(fleet),
            days=days,
            budget=plan[PlanField.BUDGET_TOTAL] / 100.0,
            daily_budget=plan[PlanField.BUDGET_DAILY] / 100.0,
            target=float(fleet.task.schedule[0, hour]),
            roi_floor=float(plan[PlanField.ROI_FLOOR]),
            served=float(state[StoreState.SERVED_SHARE]),
            surprise=float(np.exp(fleet.observation[0, Global.DEMAND_SURPRISE])),
            price_factor=float(np.exp(-LOG_DISCOUNT * action[-1])),
            channels=tuple(
                ChannelRow(
                    name=name,
                    multiplier=float(np.exp(LOG_CHANNEL * action[c])),
                    win_share=float(ledger[Ledger.WIN_SEARCH + c]),
                    click_price=float(ledger[Ledger.PRICE_SEARCH + c]) / 100.0,
                )
                for c, name in enumerate(CHANNELS)
            ),
            listings=tuple(_listing(fleet, k, name) for k, name in enumerate(self.office.listing_id)),
            truth=None if self.market is None else self.market.read(fleet),
        )

    def _days(self, hour: Counts, day: int) -> tuple[Counts, ...]:
        """The days so far with one more hour of day number `day`, from 0."""
        before = self.last.days if self.last is not None else ()
        if len(before) <= day:
            return (*before, hour)
        return (*before[:-1], before[-1].plus(hour))


def counts(fleet: Fleet) -> Counts:
    """The hour that has just passed in the first slot."""
    return _counts(fleet.state.hour[0].sum(axis=0), fleet.terms[0])


def _sum_so_far(fleet: Fleet) -> Counts:
    return _counts(fleet.state.total[0].sum(axis=0), fleet.score[0])


def _counts(report: FloatArray, terms: FloatArray) -> Counts:
    """From a report summed over listings and the terms of the same hours."""
    ad_orders, orders = float(report[Report.AD_ORDERS]), float(terms[Term.ORDERS])
    return Counts(
        ad_impressions=float(report[Report.AD_IMPRESSIONS_SEARCH] + report[Report.AD_IMPRESSIONS_FEED]),
        organic_impressions=float(report[Report.ORGANIC_IMPRESSIONS_SEARCH] + report[Report.ORGANIC_IMPRESSIONS_FEED]),
        ad_clicks=float(report[Report.AD_CLICKS_SEARCH] + report[Report.AD_CLICKS_FEED]),
        organic_clicks=float(report[Report.ORGANIC_CLICKS_SEARCH] + report[Report.ORGANIC_CLICKS_FEED]),
        ad_orders=ad_orders,
        organic_orders=orders - ad_orders,
        units=float(report[Report.UNITS]),
        spend=float(report[Report.SPEND_SEARCH] + report[Report.SPEND_FEED]) / 100.0,
        gmv=float(terms[Term.GMV]),
        attributed_gmv=float(report[Report.AD_REVENUE]) / 100.0,
        profit=float(sum(terms[term] for term in PROFIT_TERMS)),
    )


def _listing(fleet: Fleet, k: int, listing_id: str) -> ListingRow:
    state, memory, total = fleet.state.listing[0, k], fleet.task.ledger_listing[0, k], fleet.state.total[0, k]
    offer = fleet.offer[0, k]
    orders = total[Report.ORDERS_SAME_HOUR] + total[Report.ORDERS_WITHIN_DAY] + total[Report.ORDERS_SLOW]
    return ListingRow(
        listing_id=listing_id,
        role=ROLES[int(fleet.task.plan_listing[0, k, PlanListing.ROLE])],
        bids=tuple(float(bid) for bid in offer[Offer.BID_SEARCH : Offer.BID_SEARCH + N_CHANNELS]),
        price=float(offer[Offer.PRICE]) / 100.0,
        stock=float(state[ListingState.STOCK]),
        listed=bool(state[ListingState.LISTED]),
        rank=float(memory[LedgerListing.RANK]),
        rating=float(memory[LedgerListing.RATING]),
        spend=float(state[ListingState.SPENT]) / 100.0,
        orders=float(orders),
    )
