"""A store as the simulator knows it, truth included, and its packed form for the engines."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from .engines.layout import (
    N_CHANNELS,
    N_SEGMENTS,
    CellField,
    ChannelField,
    ListingField,
    SegmentField,
    StoreArrays,
    StoreField,
)
from .market.auction import quality_score, slot_steps
from .market.conversion import hourly_hazard
from .market.fulfilment import quantity_dispersion, return_probability, star_probability
from .market.parameters import HOURS_PER_WEEK, Market
from .market.rank import memory_decay
from .market.traffic import match_after_hype, stationary_sd

STAGES = ("new", "advanced", "mature")
DRIVERS = ("supply_chain", "operation", "brand")
DRIVER_MIXES = tuple("+".join(mix) for count in (1, 2, 3) for mix in combinations(DRIVERS, count))
"""What a shop may be strong at: one driver, or several such as "supply_chain+brand"."""
HOURS_PER_DAY = 24
NEVER = 1e9
"""An hour that no run reaches."""

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Listings:
    """The K listings of a store: what the merchant knows of them, then what only the simulator knows."""

    listing_id: tuple[str, ...]
    title: tuple[str, ...]
    category: tuple[str, ...]
    cost: FloatArray  # (K,) [CNY per unit]
    price: FloatArray  # (K,) [CNY per unit] before any plan
    minimum_order: FloatArray  # (K,) [units]
    stock: FloatArray  # (K,) [units] on hand
    rating: FloatArray  # (K,) [stars]
    reviews: FloatArray  # (K,)
    age_days: FloatArray  # (K,)
    image_score: FloatArray  # (K,) 0..1, nan unknown
    title_score: FloatArray  # (K,) 0..1, nan unknown
    market_price: FloatArray  # (K,) [CNY per unit] price level the platform shows for comparable goods
    # truth
    reference_price: FloatArray  # (K,) [CNY per unit] price at which buyers find it neither cheap nor dear
    appeal: FloatArray  # (K,) log-odds of a click against the market's mean
    relevance: FloatArray  # (K,) log-odds of an order against the market's mean
    elasticity: FloatArray  # (K,) of conversion to price, negative
    hype: FloatArray  # (K,) 0 honest .. 1
    care: FloatArray  # (K,) product quality, log-odds against the mean
    reorder_point: FloatArray  # (K,) [units], negative: never reordered
    reorder_quantity: FloatArray  # (K,) [units]
    match: FloatArray  # (K, S) share of the segment's requests; each segment's sum is at most 1
    affinity: FloatArray  # (K, S) log-odds of a click
    shock: FloatArray  # (K, S) height of the outside event

    def __len__(self) -> int:
        return len(self.listing_id)


@dataclass(frozen=True)
class Store:
    """One store, its merchant's means, and the world it meets in the days to come."""

    name: str
    stage: str  # of STAGES
    driver: str  # of DRIVER_MIXES
    listings: Listings
    market: Market
    volume: FloatArray  # (C,) requests per mean hour in the store's categories
    rival_shift: FloatArray  # (C,) [ln] level of this store's rivals against the market's
    organic_rivals: FloatArray  # (C,)
    start_hour: int  # hour of the week at which the plan starts
    days: int  # the plan may run
    budget: float  # [CNY] marketing money for the whole plan
    renewing: bool  # the budget is granted afresh each day
    roi_floor: float  # attributed GMV per ad spend, 0 none
    promotion_days: tuple[int, ...]  # days of the plan, from 0, that are platform promotion days
    shock_onset: float = NEVER  # [h] of the plan
    shock_rise: float = 6.0  # [h]
    shock_decay: float = 48.0  # [h]
    entry_hour: float = NEVER  # [h] of the plan at which a further rival enters
    entry_shift: float = 0.0  # [ln]
    history_days: int = 7

    def __post_init__(self) -> None:
        totals = self.listings.match.sum(axis=0)
        if (self.listings.match < 0.0).any() or (totals > 1.0 + 1e-9).any():
            raise ValueError(f"store {self.name!r}: match(sums {totals}) must be >= 0 and sum to at most 1 per segment")
        if not 0 <= self.start_hour < HOURS_PER_WEEK:
            raise ValueError(f"store {self.name!r}: start_hour(={self.start_hour}) must be in [0, 167]")
        if self.days < 1 or self.budget <= 0.0:
            raise ValueError(f"store {self.name!r}: days(={self.days}) and budget(={self.budget}) must be positive")

    @property
    def hours(self) -> int:
        """Length of the plan."""
        return self.days * HOURS_PER_DAY


def quality_scores(store: Store) -> FloatArray:
    """The platform's ad quality score of each listing, shape (K,)."""
    market = store.market
    score: FloatArray = quality_score(
        store.listings.appeal,
        store.listings.relevance,
        market.quality_appeal_weight,
        market.quality_relevance_weight,
    )
    return score


def pack_stores(stores: Sequence[Store]) -> StoreArrays:
    """Constants of several stores with the same number of listings, as the engines read them.

    Raises: ValueError: no store, or stores with different numbers of listings or different traffic curves.
    """
    if not stores:
        raise ValueError("stores(=[]) must hold at least one store")
    counts = {len(store.listings) for store in stores}
    if len(counts) > 1:
        raise ValueError(f"stores have {sorted(counts)} listings; stores run together must have equally many")
    if len({store.market.weekly_traffic for store in stores}) > 1:
        raise ValueError("stores run together must share market.weekly_traffic")
    return StoreArrays(
        store=np.stack([_store_row(store) for store in stores]),
        channel=np.stack([_channel_rows(store) for store in stores]),
        segment=np.stack([_segment_rows(store) for store in stores]),
        listing=np.stack([_listing_rows(store) for store in stores]),
        cell=np.stack([_cell_rows(store) for store in stores]),
        calendar=_calendar_rows(stores),
        weekly=np.asarray(stores[0].market.weekly_traffic),
    )


def _row(values: dict[StoreField, float]) -> FloatArray:
    row = np.full(len(StoreField), np.nan)
    for field, value in values.items():
        row[field] = value
    if np.isnan(row).any():
        raise ValueError(f"no value for {[StoreField(int(i)).name for i in np.flatnonzero(np.isnan(row))]}")
    return row


def _store_row(store: Store) -> FloatArray:
    market, field = store.market, StoreField
    seen, asked = slot_steps(market.slot_exposure, market.rival_ratio)
    return _row(
        {
            field.START_HOUR: store.start_hour,
            field.HOURS: store.hours,
            field.DEMAND_PERSISTENCE: market.demand_persistence,
            field.DEMAND_SD: market.demand_sd,
            field.DEMAND_STATIONARY_SD: stationary_sd(market.demand_persistence, market.demand_sd),
            field.SEEN_1: seen[0],
            field.SEEN_2: seen[1],
            field.SEEN_3: seen[2],
            field.ASKED_1: asked[0],
            field.ASKED_2: asked[1],
            field.ASKED_3: asked[2],
            field.LOG_RHO: np.log(market.rival_ratio),
            field.RIVAL_SWING: market.rival_swing,
            field.RIVAL_PEAK_HOUR: market.rival_peak_hour,
            field.RIVAL_PERSISTENCE: market.rival_persistence,
            field.RIVAL_NOISE_SD: market.rival_noise_sd,
            field.REACTION_RATE: market.rival_reaction_rate,
            field.REACTION_STRENGTH: market.rival_reaction_strength,
            field.REACTION_REFERENCE: market.rival_reference_share,
            field.RIVAL_PROMOTION_SHIFT: market.rival_promotion_shift,
            field.PROMOTION_UPLIFT: market.promotion_uplift,
            field.ENTRY_HOUR: store.entry_hour,
            field.ENTRY_SHIFT: store.entry_shift,
            field.RESERVE: market.reserve_price,
            field.CLICK_PRICE_EFFECT: market.click_price_effect,
            field.CLICK_REVIEW_EFFECT: market.click_review_effect,
            field.CLICK_HYPE_EFFECT: market.click_hype_effect,
            field.REVIEW_ELASTICITY: market.review_elasticity,
            field.RATING_ELASTICITY: market.rating_elasticity,
            field.REFERENCE_RATING: market.reference_rating,
            field.CONVERSION_HYPE_EFFECT: market.conversion_hype_effect,
            field.SHARE_SAME_HOUR: market.delay_shares[0],
            field.SHARE_WITHIN_DAY: market.delay_shares[1],
            field.DAY_HAZARD: hourly_hazard(market.day_delay_hours),
            field.SLOW_HAZARD: hourly_hazard(market.slow_delay_hours),
            field.ATTRIBUTION_HOURS: market.attribution_days * HOURS_PER_DAY,
            field.LOT_DISPERSION: quantity_dispersion(market.buyer_log_sd),
            field.TIER_LOTS_1: market.tier_lots[0],
            field.TIER_LOTS_2: market.tier_lots[1],
            field.TIER_DISCOUNT_1: market.tier_discount[0],
            field.TIER_DISCOUNT_2: market.tier_discount[1],
            field.COMMISSION_RATE: market.commission_rate,
            field.RETURN_HAZARD: hourly_hazard(market.return_delay_days),
            field.SALVAGE_SHARE: market.salvage_share,
            field.RETURN_HANDLING: round(100 * market.return_handling),
            field.COMPLAINT_SHARE: market.complaint_share,
            field.REVIEW_RATE: market.review_rate,
            field.REVIEW_HAZARD: hourly_hazard(market.review_delay_days),
            field.RATING_PRIOR_COUNT: market.rating_prior_count,
            field.LEAD_TIME: market.lead_time_hours,
            field.FLYWHEEL: market.flywheel,
            field.RANK_DECAY: memory_decay(market.rank_half_life_hours),
            field.RANK_CLICK_WEIGHT: market.rank_click_weight,
            field.RANK_REFERENCE: market.rank_reference,
            field.RANK_BASE: market.rank_base,
            field.NEW_BOOST: market.new_boost,
            field.NEW_FADE: market.new_fade_hours,
            field.RANK_RATING_EXPONENT: market.rank_rating_exponent,
            field.SHOCK_ONSET: store.shock_onset,
            field.SHOCK_RISE: store.shock_rise,
            field.SHOCK_DECAY: store.shock_decay,
        }
    )


def _channel_rows(store: Store) -> FloatArray:
    rows = np.empty((N_CHANNELS, len(ChannelField)))
    rows[:, ChannelField.VOLUME] = store.volume
    rows[:, ChannelField.RIVAL_SD] = store.market.rival_sd
    rows[:, ChannelField.CLICK] = store.market.channel_click
    rows[:, ChannelField.ORGANIC_RIVALS] = store.organic_rivals
    return rows


def _segment_rows(store: Store) -> FloatArray:
    market = store.market
    levels = np.log(market.rival_level) + store.rival_shift
    rows = np.empty((N_SEGMENTS, len(SegmentField)))
    rows[:, SegmentField.SHARE] = market.segment_share
    rows[:, SegmentField.CONVERSION] = market.segment_conversion
    rows[:, SegmentField.SENSITIVITY] = market.segment_sensitivity
    rows[:, SegmentField.EXTRA_LOTS] = market.segment_extra_lots
    rows[:, SegmentField.RIVAL_SEARCH] = levels[0] + np.asarray(market.rival_segment_shift)
    rows[:, SegmentField.RIVAL_FEED] = levels[1] + np.asarray(market.rival_segment_shift)
    return rows


def _listing_rows(store: Store) -> FloatArray:
    market, listings = store.market, store.listings
    rows = np.empty((len(listings), len(ListingField)))
    rows[:, ListingField.COST] = np.round(listings.cost * 100)
    rows[:, ListingField.MINIMUM_ORDER] = listings.minimum_order
    rows[:, ListingField.REFERENCE_PRICE] = listings.reference_price * 100
    rows[:, ListingField.APPEAL] = market.click_log_odds + listings.appeal
    rows[:, ListingField.RELEVANCE] = market.conversion_log_odds + listings.relevance
    rows[:, ListingField.ELASTICITY] = listings.elasticity
    rows[:, ListingField.HYPE] = listings.hype
    rows[:, ListingField.QUALITY] = quality_scores(store)
    rows[:, ListingField.RETURN_PROBABILITY] = return_probability(
        market.return_log_odds, listings.hype, market.return_hype_effect, listings.care
    )
    rows[:, ListingField.STAR_PROBABILITY] = star_probability(
        market.star_log_odds + listings.care, listings.hype, market.star_hype_effect
    )
    rows[:, ListingField.REORDER_POINT] = listings.reorder_point
    rows[:, ListingField.REORDER_QUANTITY] = listings.reorder_quantity
    rows[:, ListingField.START_AGE] = listings.age_days * HOURS_PER_DAY
    return rows


def _cell_rows(store: Store) -> FloatArray:
    listings = store.listings
    rows = np.empty((len(listings), N_SEGMENTS, len(CellField)))
    rows[:, :, CellField.MATCH] = match_after_hype(listings.match, listings.hype[:, None], store.market.hype_match)
    rows[:, :, CellField.MATCH] /= np.maximum(rows[:, :, CellField.MATCH].sum(axis=0), 1.0)
    rows[:, :, CellField.AFFINITY] = listings.affinity
    rows[:, :, CellField.SHOCK] = listings.shock
    return rows


def _calendar_rows(stores: Sequence[Store]) -> FloatArray:
    """1 in every hour of a promotion day. A plan's day 0 ends at the first midnight."""
    hours = max(store.hours for store in stores)
    rows = np.zeros((len(stores), hours))
    for row, store in zip(rows, stores, strict=True):
        day = (store.start_hour % HOURS_PER_DAY + np.arange(hours)) // HOURS_PER_DAY
        row[np.isin(day, store.promotion_days)] = 1.0
    return rows
