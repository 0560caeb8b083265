"""Opening a shop: a week of history before the plan, so that every plan takes over a running shop.

The week is simulated by the same engine, with a little advertising at the platform's suggested bid. From it come the
organic rank, clicks that have not ordered yet, returns under way, the market's state, and the report that a planner
reads. Stock and reviews are then set to what the store's data say for the eve of the plan.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .back_office import BackOffice
from .engines.layout import (
    N_CHANNELS,
    N_SEGMENTS,
    REFUND_DAYS,
    ChannelState,
    FloatArray,
    ListingField,
    ListingState,
    Report,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from .engines.streams import keyed_generator
from .fleet import Fleet, StoreSet, fen
from .market.parameters import Market
from .plan import GOALS, MAX_PROMOTIONS, ROLES, PlanArrays
from .store import HOURS_PER_DAY, NEVER, Store, pack_stores, quality_scores
from .task import LedgerListing, PlanField, PlanListing, TaskArrays

HISTORY_DAYS = 7
HISTORY_AD_SHARE = 0.25
"""Share of the plan's daily money that the shop spent on advertising in the week before."""
_HISTORY_SEED = 0x5EED
_SUGGESTION_NOISE = 0.15


@dataclass(frozen=True)
class OpenStores:
    """Stores on the eve of their plans."""

    stores: tuple[Store, ...]
    start: StoreSet
    offices: tuple[BackOffice, ...]

    def __len__(self) -> int:
        return len(self.stores)

    @property
    def listing_ids(self) -> tuple[tuple[str, ...], ...]:
        """Ids of every store's listings, in order."""
        return tuple(office.listing_id for office in self.offices)


def open_stores(stores: Sequence[Store], keys: Sequence[int], *, threads: int = 1) -> OpenStores:
    """Simulate each store's last week and take stock.

    Args:
        stores: with the same number of listings.
        keys: one whole number a store; a store with the same key has the same history in any company.
        threads: at most so many at once.
    """
    arrays = pack_stores(stores)
    suggested = np.stack([_suggested_bids(store, key) for store, key in zip(stores, keys, strict=True)])
    eve = StoreSet(_before(arrays), _first_state(stores, keys), _blank_task(stores, arrays))
    fleet = Fleet(eve, len(stores), threads=threads)
    rows = np.arange(len(stores))
    fleet.reset(
        _history_plans(stores, suggested),
        rows,
        np.full(len(stores), _HISTORY_SEED),
        keys=np.asarray(keys, dtype=np.int64),
    )
    idle = np.zeros_like(fleet.task.action)
    for _ in range(HISTORY_DAYS * HOURS_PER_DAY):
        fleet.step(idle)
    report = fleet.state.total.copy()
    offices = tuple(_back_office(store, suggested[i], report[i]) for i, store in enumerate(stores))
    start = StoreSet(arrays, _eve_of_plan(stores, fleet.state), fleet.task.copy())
    return OpenStores(tuple(stores), start, offices)


def _suggested_bids(store: Store, key: int) -> FloatArray:
    """The platform's suggestion per listing [CNY per click]: about the bid that meets the median rival, with noise."""
    market = store.market
    level = float(np.mean(np.log(market.rival_level) + store.rival_shift))
    level += float(np.dot(market.segment_share, market.rival_segment_shift))
    noise = keyed_generator(_HISTORY_SEED, key).normal(0.0, _SUGGESTION_NOISE, len(store.listings))
    bids: FloatArray = np.maximum(np.exp(level + noise) / quality_scores(store), market.reserve_price)
    return np.round(bids, 2)


def _before(arrays: StoreArrays) -> StoreArrays:
    """The same stores a week earlier: no promotion day, outside event or new rival yet, listings a week younger."""
    hours = HISTORY_DAYS * HOURS_PER_DAY
    store = arrays.store.copy()
    store[:, StoreField.SHOCK_ONSET] = NEVER
    store[:, StoreField.ENTRY_HOUR] = NEVER
    listing = arrays.listing.copy()
    listing[:, :, ListingField.START_AGE] = np.maximum(listing[:, :, ListingField.START_AGE] - hours, 0.0)
    return replace(arrays, store=store, listing=listing, calendar=np.zeros((arrays.stores, hours + HOURS_PER_DAY)))


def _first_state(stores: Sequence[Store], keys: Sequence[int]) -> StateArrays:
    """State a week before the plan: stock and reviews as on the eve, rank as the listing's age and reviews suggest."""
    state = StateArrays.zeros(len(stores), len(stores[0].listings))
    state.listing[:, :, ListingState.MEMORY] = np.stack(
        [first_memory(store.listings.reviews, store.market) for store in stores]
    )
    _set_shelves(stores, state)
    for row, store, key in zip(state.store, stores, keys, strict=True):
        market = store.market
        deviation = market.demand_sd / np.sqrt(1.0 - market.demand_persistence**2)
        row[StoreState.DEMAND] = keyed_generator(_HISTORY_SEED + 1, key).normal(0.0, deviation)
    return state


def first_memory(reviews: FloatArray, market: Market) -> FloatArray:
    """What the platform remembers of a listing a week before the plan [order equivalents per hour], shape (K,)."""
    memory: FloatArray = market.rank_reference * np.minimum(reviews / 60.0, 2.0)
    return memory


def _set_shelves(stores: Sequence[Store], state: StateArrays) -> None:
    """Stock, reviews and stars as the store's data say."""
    rows = state.listing
    reviews = np.stack([store.listings.reviews for store in stores])
    rating = np.stack([store.listings.rating for store in stores])
    stock = np.stack([store.listings.stock for store in stores])
    lots = np.stack([store.listings.minimum_order for store in stores])
    rows[:, :, ListingState.STOCK] = stock
    rows[:, :, ListingState.LISTED] = stock >= lots
    rows[:, :, ListingState.INCOMING] = 0.0
    rows[:, :, ListingState.REFUSED] = 0.0
    rows[:, :, ListingState.REVIEWS] = reviews
    rows[:, :, ListingState.STAR_SUM] = np.where(reviews > 0, rating * reviews, 0.0)


def _blank_task(stores: Sequence[Store], arrays: StoreArrays) -> TaskArrays:
    task = TaskArrays.zeros(arrays.stores, arrays.listings, (HISTORY_DAYS + 1) * HOURS_PER_DAY)
    task.plan_listing[:, :, PlanListing.MARKET_PRICE] = fen(np.stack([store.listings.market_price for store in stores]))
    task.ledger_listing[:, :, LedgerListing.SOLD] = np.stack([store.listings.reviews > 0 for store in stores])
    for plan, listings, store in zip(task.plan, task.plan_listing, stores, strict=True):
        _write_hosting(store, plan, listings)
    return task


def _write_hosting(store: Store, plan: FloatArray, listings: FloatArray) -> None:
    """The terms a store is hosted under, into its rows of `task.plan` and `task.plan_listing`."""
    hosting = store.hosting
    plan[PlanField.PRICE_FIXED] = hosting.price_control == "merchant"
    plan[PlanField.PLATFORM_SELLS] = hosting.platform_sells
    plan[PlanField.AD_SHARE] = hosting.ad_share
    plan[PlanField.AD_OUTSIDE] = hosting.ad_receiver == "outside"
    plan[PlanField.PAYMENT_FEE] = hosting.payment_fee
    plan[PlanField.SUBSCRIPTION] = fen(hosting.subscription)
    plan[PlanField.ORDER_LOGISTICS] = fen(hosting.order_logistics)
    plan[PlanField.UNIT_LOGISTICS] = fen(hosting.unit_logistics)
    plan[PlanField.LOGISTICS_SHARE] = hosting.logistics_share
    plan[PlanField.RETURN_SHARE] = hosting.return_share
    if hosting.supply_markup is not None:
        listings[:, PlanListing.SUPPLY_PRICE] = fen(store.listings.cost * (1.0 + hosting.supply_markup))


def _history_plans(stores: Sequence[Store], suggested: FloatArray) -> PlanArrays:
    """A little advertising on every listing at the suggested bid, day by day."""
    n, listings = suggested.shape
    daily = np.array([HISTORY_AD_SHARE * store.budget / store.days for store in stores])
    total = daily * HISTORY_DAYS
    return PlanArrays(
        audience=np.ones((n, N_SEGMENTS)),
        bid=suggested,
        price=np.stack([store.listings.price for store in stores]),
        cap_listing=np.repeat(total[:, None], listings, axis=1),
        role=np.full((n, listings), ROLES.index("growth")),
        cap_channel=np.repeat(total[:, None], N_CHANNELS, axis=1),
        budget_total=total,
        budget_daily=daily,
        roi_floor=np.zeros(n),
        goal=np.full(n, GOALS.index("profit")),
        target=np.zeros(n),
        start_hour=np.array([store.start_hour for store in stores]),
        days=np.full(n, HISTORY_DAYS + 1),  # the books are not closed at the end of the week
        promotion=np.zeros((n, MAX_PROMOTIONS, 3)),
        allow_below_cost=np.ones(n, dtype=np.bool_),
    )


def _eve_of_plan(stores: Sequence[Store], week: StateArrays) -> StateArrays:
    """State at the start of the plan: the week's memory, new counters, the store's own stock and reviews."""
    state = week.copy()
    state.store[:, StoreState.HOUR] = 0.0
    state.store[:, StoreState.SPENT] = 0.0
    state.store[:, StoreState.SPENT_TODAY] = 0.0
    state.store[:, StoreState.SERVED_SHARE] = 1.0
    state.channel[:, :, ChannelState.SPENT] = 0.0
    state.listing[:, :, ListingState.SPENT] = 0.0
    state.hour[:] = 0.0
    state.total[:] = 0.0
    state.refunds[:] = np.roll(week.refunds, -HISTORY_DAYS % REFUND_DAYS, axis=2)
    _set_shelves(stores, state)
    return state


def _back_office(store: Store, suggested: FloatArray, report: FloatArray) -> BackOffice:
    """What the merchant sees, from the store's public data and the week's report (K, Report)."""
    listings = store.listings

    def total(*names: Report) -> FloatArray:
        summed: FloatArray = report[:, [int(name) for name in names]].sum(axis=1)
        return summed

    ad_clicks = total(Report.AD_CLICKS_SEARCH, Report.AD_CLICKS_FEED)
    ad_impressions = total(Report.AD_IMPRESSIONS_SEARCH, Report.AD_IMPRESSIONS_FEED)
    organic_impressions = total(Report.ORGANIC_IMPRESSIONS_SEARCH, Report.ORGANIC_IMPRESSIONS_FEED)
    return BackOffice(
        store=store.name,
        stage=store.stage,
        driver=store.driver,
        start_hour=store.start_hour,
        days=store.days,
        budget=store.budget,
        renewing=store.renewing,
        roi_floor=store.roi_floor,
        promotion_days=store.promotion_days,
        listing_id=listings.listing_id,
        title=listings.title,
        category=listings.category,
        cost=listings.cost,
        price=listings.price,
        minimum_order=listings.minimum_order,
        stock=listings.stock,
        rating=listings.rating,
        reviews=listings.reviews,
        age_days=listings.age_days,
        image_score=listings.image_score,
        title_score=listings.title_score,
        market_price=listings.market_price,
        suggested_bid=suggested,
        quality_score=quality_scores(store),
        history_days=HISTORY_DAYS,
        impressions=ad_impressions + organic_impressions,
        ad_impressions=ad_impressions,
        clicks=ad_clicks + total(Report.ORGANIC_CLICKS_SEARCH, Report.ORGANIC_CLICKS_FEED),
        ad_clicks=ad_clicks,
        orders=total(Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW),
        units=total(Report.UNITS),
        gmv=total(Report.REVENUE) / 100.0,
        ad_spend=total(Report.SPEND_SEARCH, Report.SPEND_FEED) / 100.0,
        hosting=store.hosting,
    )
