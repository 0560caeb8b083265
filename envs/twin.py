"""The digital twin of a shop: stores as they may well be, given what its back office shows and nothing more.

The distribution of stores is public (`population`, `conf/scenario`), the store is not. Reference stores drawn from that
distribution are opened as any store is, so that their truth and their back offices are both known; from them one
learns, by linear regression, which hidden traits go with which signs (`traits`). For a shop at hand:

1. The reference shops most like it in what their back offices know are the donors; `draws` of them are drawn.
2. Each draw takes what the regression expects of the shop's traits, plus what it missed of the donor's, listing by
   listing (those with as many reviews stand for each other): so uncertainty keeps its size and its company.
3. What the week's signs do not tell of, such as elasticity and what is to happen, is the donor's own.
4. The believed store lives through its week (`opening`). Then the counts that the merchant saw replace its own.

For stores of the population the 5-95 % range of a forecast holds the truth in nine cases of ten; for a shop that is
unlike all of them, such as a catalogue with four times the listings, in about eight.

Source: Beaumont, Zhang and Balding 2002, "Approximate Bayesian computation in population genetics" (acceptance of the
nearest, then regression adjustment).
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .back_office import BackOffice
from .engines.layout import FloatArray, ListingState
from .engines.streams import keyed_generator
from .kinds import driver_of
from .market.parameters import Market, reference_market
from .market.rank import memory_decay, remember
from .opening import OpenStores, first_memory, open_stores
from .population import ordinary_sales, reorder_point, reorder_quantity
from .reference import REFERENCE_SEED, all_signs, reference
from .scenario import Scenario
from .store import HOURS_PER_DAY, NEVER, Listings, Store
from .task import LedgerListing
from .traits import ListingTrait, ShopTrait, a_week, likeness, shop_signs

_DONORS = 256
_KEYS = 0xB0000000  # the first of the twins' keys: far from those of true stores, so that none shares its chance
_ALL_SUITED = 0.98  # the most that the match of all listings may sum to


def believed_stores(
    offices: Sequence[BackOffice],
    scenario: Scenario,
    draws: int,
    seed: int,
    *,
    market: Market | None = None,
    threads: int = 1,
) -> OpenStores:
    """Stores as they may be behind some back offices, on the eve of their plans.

    Args:
        offices: n of them, with the same number of listings.
        scenario: the population that they are taken to come from.
        draws: believed stores for each office.
        seed: of the beliefs, >= 0; an office's are the same alone and among others.
        market: base market, the reference market by default.
        threads: at most so many at once.
    Returns: n x draws stores, those of the first office first; their back offices are those given.
    Raises: ValueError: no office, no draws, a negative seed, or offices with different numbers of listings.
    """
    if draws < 1:
        raise ValueError(f"draws(={draws}) must be >= 1")
    if seed < 0:
        raise ValueError(f"seed(={seed}) must be >= 0")
    counts = {len(office.listing_id) for office in offices}
    if len(counts) != 1:
        raise ValueError(f"offices(={len(offices)} of them) have {sorted(counts)} listings; all need equally many")
    base = market or reference_market()
    stores: list[Store] = []
    for office in offices:
        stores += _believed(office, _fitting(scenario, office), base, draws, seed)
    opened = open_stores(stores, twin_keys(len(offices), draws), threads=threads)
    shown = tuple(office for office in offices for _ in range(draws))
    for row, office in enumerate(shown):
        _take_over(office, opened, row)
    return OpenStores(opened.stores, opened.start, shown)


def twin_keys(offices: int, draws: int) -> list[int]:
    """Keys of the chance that believed stores meet: the same for every office, and no true store's."""
    return [_KEYS + draw for draw in range(draws)] * offices


def _fitting(scenario: Scenario, office: BackOffice) -> Scenario:
    """The scenario with the shop's number of listings and its hosting model."""
    count = len(office.listing_id)
    struck = scenario.shock_listings
    return scenario.model_copy(
        update={
            "listings": count,
            "hosting": office.hosting,
            "shock_listings": None if struck is None else min(struck, count),
        }
    )


def _believed(office: BackOffice, scenario: Scenario, base: Market, draws: int, seed: int) -> list[Store]:
    """Draws of the store behind one back office."""
    known, market, office = reference(scenario, base), scenario.market(base), a_week(office)
    rng = keyed_generator(REFERENCE_SEED, seed)
    far = np.linalg.norm((known.likeness - likeness(office)) / (known.likeness.std(axis=0) + 1e-9), axis=1)
    nearest = np.argsort(far, kind="stable")[:_DONORS]
    donors = rng.permutation(np.resize(rng.permutation(nearest), max(draws, len(nearest))))[:draws]
    expected = known.listing.expect(all_signs(office, market))
    shop = known.shop.expect(shop_signs(office, market)[None])[0]
    count = len(office.listing_id)
    missed = known.listing.missed.reshape(len(known.stores), count, -1)
    by_reviews = np.argsort(np.argsort(office.reviews, kind="stable"))
    stores = []
    for donor in donors.tolist():
        twins = np.argsort(known.reviews[donor], kind="stable")[by_reviews]
        traits = expected + missed[donor, twins]
        stores.append(
            _store(office, known.stores[donor], twins, traits, shop + known.shop.missed[donor], scenario, market)
        )
    return stores


def _store(
    office: BackOffice,
    donor: Store,
    twins: NDArray[np.intp],
    traits: FloatArray,
    shop: FloatArray,
    scenario: Scenario,
    market: Market,
) -> Store:
    """The store with these traits and, where they say nothing, the donor's.

    Args:
        twins: (K,) the donor's listing that stands for each of the office's.
        traits: (K, ListingTrait). shop: (ShopTrait,).
    """
    market = replace(market, lead_time_hours=driver_of(office.driver).lead_hours)
    match, crowd = _matched(donor.listings.match[twins], traits[:, ListingTrait.REACH], shop[ShopTrait.CROWD], market)
    stretch = office.days / donor.days
    rivals = shop[ShopTrait.RIVALS_SEARCH : ShopTrait.RIVALS_FEED + 1]
    organic = shop[ShopTrait.ORGANIC_SEARCH : ShopTrait.ORGANIC_FEED + 1]
    return replace(
        donor,
        name=office.store,
        stage=office.stage,
        driver=office.driver,
        listings=_listings(office, donor.listings, twins, traits, match, scenario, market),
        market=market,
        volume=np.asarray(market.channel_volume) * office.hosting.traffic * np.exp(crowd),
        rival_shift=rivals,
        organic_rivals=np.asarray(market.organic_rivals) * np.exp(organic),
        start_hour=office.start_hour,
        days=office.days,
        budget=office.budget,
        renewing=office.renewing,
        roi_floor=office.roi_floor,
        promotion_days=office.promotion_days,
        shock_onset=donor.shock_onset if donor.shock_onset >= NEVER else donor.shock_onset * stretch,
        entry_hour=donor.entry_hour if donor.entry_hour >= NEVER else donor.entry_hour * stretch,
        hosting=office.hosting,
    )


def _matched(pattern: FloatArray, reach: FloatArray, crowd: float, market: Market) -> tuple[FloatArray, float]:
    """Match (K, S) and log crowd with the given reach, each listing's buyers being made up as in `pattern`."""
    match = pattern * (np.exp(reach - crowd) / (pattern @ np.asarray(market.segment_share)))[:, None]
    excess = max(float(match.sum(axis=0).max()) / _ALL_SUITED, 1.0)
    return match / excess, crowd + float(np.log(excess))


def _listings(
    office: BackOffice,
    donor: Listings,
    twins: NDArray[np.intp],
    traits: FloatArray,
    match: FloatArray,
    scenario: Scenario,
    market: Market,
) -> Listings:
    relevance = traits[:, ListingTrait.RELEVANCE]
    daily = ordinary_sales(match, office.minimum_order, market)
    return Listings(
        listing_id=office.listing_id,
        title=office.title,
        category=office.category,
        cost=office.cost,
        price=office.price,
        minimum_order=office.minimum_order,
        stock=office.stock,
        rating=office.rating,
        reviews=office.reviews,
        age_days=office.age_days,
        image_score=office.image_score,
        title_score=office.title_score,
        market_price=office.market_price,
        reference_price=office.price * np.exp(traits[:, ListingTrait.REFERENCE]),
        appeal=_appeal_shown(office.quality_score, relevance, traits[:, ListingTrait.APPEAL], market),
        relevance=relevance,
        elasticity=donor.elasticity[twins],
        hype=np.clip(traits[:, ListingTrait.HYPE], 0.0, 1.0),
        care=traits[:, ListingTrait.CARE],
        reorder_point=reorder_point(daily, scenario),
        reorder_quantity=reorder_quantity(daily, office.minimum_order),
        match=match,
        affinity=donor.affinity[twins],
        shock=donor.shock[twins],
    )


def _appeal_shown(quality: FloatArray, relevance: FloatArray, appeal: FloatArray, market: Market) -> FloatArray:
    """The appeal that with this relevance gives the quality score shown, which hides nothing else, shape (K,)."""
    weight = market.quality_appeal_weight
    return (np.log(quality) - market.quality_relevance_weight * relevance) / weight if weight > 0.0 else appeal


def _take_over(office: BackOffice, opened: OpenStores, row: int) -> None:
    """Put what the merchant saw in the place of what the believed store's own week brought."""
    market = opened.stores[row].market
    hours = office.history_days * HOURS_PER_DAY
    kept = memory_decay(market.rank_half_life_hours) ** hours
    listing = opened.start.state.listing[row]
    listing[:, ListingState.MEMORY] = remember(
        first_memory(office.reviews, market),
        kept,
        office.orders / hours,
        office.clicks / hours,
        market.rank_click_weight,
    )
    ledger = opened.start.task.ledger_listing[row]
    waiting = office.clicks / np.maximum(ledger[:, LedgerListing.CLICKS], 1.0)
    ledger[:, LedgerListing.IMMATURE_DAY] *= waiting
    ledger[:, LedgerListing.IMMATURE_SLOW] *= waiting
    ledger[:, LedgerListing.CLICKS] = office.clicks
    ledger[:, LedgerListing.AD_CLICKS] = office.ad_clicks
    ledger[:, LedgerListing.ORDERS] = office.orders
    ledger[:, LedgerListing.UNITS] = office.units
    ledger[:, LedgerListing.IMPRESSIONS] = office.impressions
    ledger[:, LedgerListing.AD_IMPRESSIONS] = office.ad_impressions
    ledger[:, LedgerListing.UNIT_RATE] = office.units / hours
    ledger[:, LedgerListing.SOLD] = (office.reviews > 0.0) | (office.orders > 0.0)
