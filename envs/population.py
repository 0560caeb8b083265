"""Populations of stores: train, validation and test, each store a pure function of (seed, split, number)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy.special import expit

from .catalogue import Catalogue
from .engines.layout import N_CHANNELS, N_SEGMENTS
from .engines.streams import keyed_generator
from .kinds import STAGE, draw_kind, driver_of
from .market.parameters import Market, reference_market
from .opening import OpenStores, open_stores
from .scenario import Scenario
from .store import HOURS_PER_DAY, NEVER, FloatArray, Listings, Store

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)
_SPLIT_STRIDE = 10_000_000  # stores a split can have before keys would meet

_CATEGORIES = ("kitchen", "storage", "stationery", "toys", "garden", "textiles", "tools", "accessories")
_GOODS = ("box", "set", "rack", "bottle", "bag", "lamp", "mat", "holder", "basket", "tray")
_LOT_SIZES = np.array([1, 2, 5, 10, 20, 50, 100, 200])


@dataclass(frozen=True)
class Population:
    """All stores of a scenario in a market. The numbers of the three splits never meet."""

    scenario: Scenario
    seed: int = 0
    base_market: Market | None = None

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"population_seed(={self.seed}) must be >= 0")

    @property
    def market(self) -> Market:
        """The base market with the scenario's overrides."""
        return self.scenario.market(self.base_market or reference_market())

    def store(self, split: Split, number: int) -> Store:
        """The store of that number; the same whatever else was drawn.

        Raises: ValueError: an unknown split, or a number outside 0 .. 9,999,999.
        """
        if split not in SPLITS:
            raise ValueError(f"split(={split!r}) must be one of: {', '.join(SPLITS)}")
        if not 0 <= number < _SPLIT_STRIDE:
            raise ValueError(f"number(={number}) of a store must be in [0, {_SPLIT_STRIDE})")
        rng = keyed_generator(self.seed, SPLITS.index(split), number)
        return draw_store(f"{split}-{number:05d}", self.scenario, self.market, rng)

    def open(self, split: Split, count: int, *, first: int = 0, threads: int = 1) -> OpenStores:
        """Stores first .. first + count - 1 of a split on the eve of their plans, see `opening`."""
        return open_together([self], split, [count], first=first, threads=threads)

    def key(self, split: Split, number: int) -> int:
        """What a store's history is keyed by."""
        return (self.seed * len(SPLITS) + SPLITS.index(split)) * _SPLIT_STRIDE + number


def open_together(
    populations: Sequence[Population], split: Split, counts: Sequence[int], *, first: int = 0, threads: int = 1
) -> OpenStores:
    """Stores first .. first + count - 1 of each population, one population after another, see `opening`.

    Raises: ValueError: a count below 1, or populations whose stores have different numbers of listings.
    """
    stores, keys = [], []
    for population, count in zip(populations, counts, strict=True):
        if count < 1:
            raise ValueError(f"stores(={count}) must be >= 1")
        if population.scenario.listings != populations[0].scenario.listings:
            raise ValueError(
                f"scenario {population.scenario.name}: listings(={population.scenario.listings}) must be "
                f"{populations[0].scenario.listings}, as in {populations[0].scenario.name}"
            )
        stores += [population.store(split, first + i) for i in range(count)]
        keys += [population.key(split, first + i) for i in range(count)]
    return open_stores(stores, keys, threads=threads)


def _rounded(values: Any, decimals: int) -> FloatArray:
    """Values rounded as a merchant would write them."""
    rounded: FloatArray = np.round(values, decimals)
    return rounded


def draw_store(name: str, scenario: Scenario, market: Market, rng: Generator) -> Store:
    """One store of a scenario. Distributions are assumptions, see `conf/scenario` and `kinds`."""
    stage, driver = draw_kind(scenario, rng)
    market = replace(market, lead_time_hours=driver_of(driver).lead_hours)
    shop = rng.normal(0.0, 1.0, 2)  # what the shop's listings share: clicks, orders
    listings = _draw_listings(stage, driver, shop, scenario, market, rng)
    return _place_store(name, stage, driver, listings, scenario, market, rng)


def _place_store(
    name: str, stage: str, driver: str, listings: Listings, scenario: Scenario, market: Market, rng: Generator
) -> Store:
    """Give listings their place in the market: traffic, rivals, money, calendar, and what will happen."""
    crowd = rng.normal(0.0, scenario.volume_spread)
    volume = np.asarray(market.channel_volume) * np.exp(crowd - 0.5 * scenario.volume_spread**2)
    volume *= scenario.hosting.traffic
    spread = scenario.budget_spread * rng.normal()
    budget = scenario.budget_per_day * STAGE[stage].wallet * float(np.exp(spread + 0.5 * crowd)) * scenario.days
    hours = scenario.days * HOURS_PER_DAY
    shocked = rng.random() < scenario.shock_probability
    onset = float(rng.uniform(*scenario.shock_window)) * hours
    size = float(rng.uniform(*scenario.shock_size))
    hit = _draw_hit(len(listings), scenario.shock_listings, rng)
    keen = rng.uniform(0.3, 1.0, N_SEGMENTS)
    entered = rng.random() < scenario.entry_probability
    entry = float(rng.uniform(*scenario.entry_window)) * hours
    shift = float(rng.uniform(*scenario.entry_shift))
    days = scenario.promotion_on
    if days is None:
        days = tuple(rng.choice(scenario.days, scenario.promotion_days, replace=False).tolist())
    return Store(
        name=name,
        stage=stage,
        driver=driver,
        listings=replace(listings, shock=size * hit[:, None] * keen if shocked else 0.0 * listings.match),
        market=market,
        volume=volume,
        rival_shift=rng.normal(0.0, scenario.rival_spread) + rng.normal(0.0, 0.1, N_CHANNELS),
        organic_rivals=np.asarray(market.organic_rivals) * np.exp(rng.normal(0.0, 0.2, N_CHANNELS)),
        start_hour=int(rng.integers(7)) * HOURS_PER_DAY,
        days=scenario.days,
        budget=round(budget, 2),
        renewing=scenario.renewing,
        roi_floor=scenario.roi_floor,
        promotion_days=tuple(sorted(days)),
        shock_onset=onset if shocked else NEVER,
        shock_rise=float(rng.uniform(3.0, 12.0)),
        shock_decay=float(rng.uniform(24.0, 96.0)),
        entry_hour=entry if entered else NEVER,
        entry_shift=shift if entered else 0.0,
        hosting=scenario.hosting,
    )


def _draw_hit(listings: int, count: int | None, rng: Generator) -> NDArray[np.bool_]:
    """Which listings an outside event lifts: `count` of them, or one and each other with probability 0.3."""
    chance = rng.random(listings)
    sure = rng.integers(listings)
    if count is not None:
        chosen: NDArray[np.bool_] = np.argsort(np.argsort(chance)) < count
        return chosen
    hit: NDArray[np.bool_] = chance < 0.3
    hit[sure] = True
    return hit


def _draw_listings(
    stage: str, driver: str, shop: FloatArray, scenario: Scenario, market: Market, rng: Generator
) -> Listings:
    count = scenario.listings
    cold = rng.random(count) < max(STAGE[stage].cold, scenario.cold_share)
    care = driver_of(driver).care + rng.normal(0.0, 0.3, count)
    hype = np.where(rng.random(count) < scenario.hype_share, rng.uniform(0.3, 1.0, count), 0.0)
    price = _rounded(np.clip(18.0 * np.exp(rng.normal(0.0, 0.6, count)), 3.0, 120.0), 2)
    margin = np.clip(rng.normal(driver_of(driver).margin, 0.06, count), 0.15, 0.7)
    lot_value = 70.0 * np.exp(rng.normal(0.0, 0.35, count))
    minimum_order = _LOT_SIZES[np.abs(np.log(lot_value / price)[:, None] - np.log(_LOT_SIZES)).argmin(axis=1)].astype(
        float
    )
    reviews = np.where(cold, 0.0, np.floor(1.0 + STAGE[stage].reviews * np.exp(rng.normal(0.0, 0.8, count))))
    stars = 1.0 + 4.0 * expit(market.star_log_odds + care - market.star_hype_effect * hype)
    rating = np.clip(stars + rng.normal(0.0, 0.6, count) / np.sqrt(reviews + 1.0), 1.0, 5.0)
    age = np.where(cold, rng.uniform(0.0, 25.0, count), rng.uniform(60.0, 900.0, count))
    appeal = driver_of(driver).appeal + 0.15 * shop[0] + rng.normal(0.0, 0.3, count)
    relevance = driver_of(driver).relevance + scenario.conversion_spread * shop[1] + rng.normal(0.0, 0.35, count)
    return _finish_listings(
        ids=tuple(f"L{k + 1:02d}" for k in range(count)),
        titles=tuple(f"{rng.choice(_CATEGORIES)} {rng.choice(_GOODS)} {k + 1}" for k in range(count)),
        categories=tuple(str(rng.choice(_CATEGORIES)) for _ in range(count)),
        cost=_rounded(price * (1.0 - margin), 2),
        price=price,
        minimum_order=minimum_order,
        stock=None,
        rating=_rounded(rating, 2),
        reviews=reviews,
        age_days=np.floor(age),
        image_score=_rounded(expit(1.5 * appeal + rng.normal(0.0, 0.6, count)), 2),
        title_score=_rounded(np.clip(0.85 - 0.5 * hype + rng.normal(0.0, 0.12, count), 0.0, 1.0), 2),
        appeal=appeal,
        relevance=relevance,
        hype=hype,
        care=care,
        driver=driver,
        scenario=scenario,
        market=market,
        rng=rng,
    )


def _finish_listings(
    *,
    ids: tuple[str, ...],
    titles: tuple[str, ...],
    categories: tuple[str, ...],
    cost: FloatArray,
    price: FloatArray,
    minimum_order: FloatArray,
    stock: FloatArray | None,
    rating: FloatArray,
    reviews: FloatArray,
    age_days: FloatArray,
    image_score: FloatArray,
    title_score: FloatArray,
    appeal: FloatArray,
    relevance: FloatArray,
    hype: FloatArray,
    care: FloatArray,
    driver: str,
    scenario: Scenario,
    market: Market,
    rng: Generator,
) -> Listings:
    """Draw what neither a catalogue nor a stage settles: match, affinity, elasticity, reference price, stock."""
    count = len(ids)
    reference = price * np.exp(rng.normal(0.02, 0.10, count))
    low, high = market.price_elasticity_range
    elasticity = rng.triangular(low, market.price_elasticity, high, count)
    size = rng.gamma(3.0, 1.0, count)[:, None] * np.exp(rng.normal(0.0, 0.35, (count, N_SEGMENTS)))
    match = size / size.sum(axis=0) * rng.uniform(*scenario.coverage, N_SEGMENTS)
    daily = ordinary_sales(match, minimum_order, market)
    cover = rng.uniform(*scenario.stock_days, count) * driver_of(driver).stock * np.exp(rng.normal(0.0, 0.3, count))
    shelf = np.ceil(np.maximum(cover * daily, 2.0 * minimum_order) / minimum_order) * minimum_order
    return Listings(
        listing_id=ids,
        title=titles,
        category=categories,
        cost=cost,
        price=price,
        minimum_order=minimum_order,
        stock=shelf if stock is None else stock,
        rating=rating,
        reviews=reviews,
        age_days=age_days,
        image_score=image_score,
        title_score=title_score,
        market_price=_rounded(np.maximum(reference * np.exp(rng.normal(0.0, 0.06, count)), 0.01), 2),
        reference_price=reference,
        appeal=appeal,
        relevance=relevance,
        elasticity=elasticity,
        hype=hype,
        care=care,
        reorder_point=reorder_point(daily, scenario),
        reorder_quantity=reorder_quantity(daily, minimum_order),
        match=match,
        affinity=rng.normal(0.0, 0.15, (count, N_SEGMENTS)),
        shock=np.zeros((count, N_SEGMENTS)),
    )


def ordinary_sales(match: FloatArray, minimum_order: FloatArray, market: Market) -> FloatArray:
    """Units sold a day at ordinary exposure, shape (K,): a yardstick for stock, not a forecast."""
    requests = 24.0 * sum(market.channel_volume) * (match * np.asarray(market.segment_share)).sum(axis=1)
    lots = 1.0 + float(np.dot(market.segment_share, market.segment_extra_lots))
    daily: FloatArray = requests * 0.25 * 0.038 * 0.012 * lots * minimum_order
    return daily


def reorder_point(daily: FloatArray, scenario: Scenario) -> FloatArray:
    """Stock at which goods are reordered [units], shape (K,); negative: never."""
    return np.ceil(3.0 * daily) if scenario.reorder else np.full(len(daily), -1.0)


def reorder_quantity(daily: FloatArray, minimum_order: FloatArray) -> FloatArray:
    """Units of a reorder, shape (K,): a week's ordinary sales."""
    return np.ceil(np.maximum(7.0 * daily, 2.0 * minimum_order))


def catalogue_store(
    catalogue: Catalogue, scenario: Scenario, market: Market, seed: int, *, driver: str = "supply_chain"
) -> Store:
    """A store from a merchant's catalogue: its goods as given, its market drawn from the scenario.

    What a catalogue cannot say (how well titles match requests, how buyers take to a picture) is drawn around what it
    does say: image and title scores shift appeal and honesty where they are known. The stage follows from reviews.

    Args:
        driver: what the shop is strong at, see `store.DRIVER_MIXES`.
    Raises: ValueError: an unknown driver.
    """
    rng = keyed_generator(seed, len(SPLITS))
    count = len(catalogue.listing_id)
    image = np.where(np.isnan(catalogue.image_score), 0.5, catalogue.image_score)
    title = np.where(np.isnan(catalogue.title_score), 0.75, catalogue.title_score)
    hype = np.clip((0.6 - title) * 2.0 + rng.normal(0.0, 0.05, count), 0.0, 1.0)
    sold = float(np.median(catalogue.reviews))
    stage = "new" if sold < 10 else "advanced" if sold < 100 else "mature"
    market = replace(scenario.market(market), lead_time_hours=driver_of(driver).lead_hours)
    listings = _finish_listings(
        ids=catalogue.listing_id,
        titles=catalogue.title,
        categories=catalogue.category,
        cost=catalogue.cost,
        price=catalogue.price,
        minimum_order=catalogue.minimum_order,
        stock=catalogue.stock,
        rating=np.where(catalogue.reviews > 0, catalogue.rating, market.reference_rating),
        reviews=catalogue.reviews,
        age_days=catalogue.age_days,
        image_score=catalogue.image_score,
        title_score=catalogue.title_score,
        appeal=(image - 0.5) + rng.normal(0.0, 0.25, count),
        relevance=0.5 * (title - 0.75) + rng.normal(0.0, 0.35, count),
        hype=hype,
        care=driver_of(driver).care + rng.normal(0.0, 0.3, count),
        driver=driver,
        scenario=scenario,
        market=market,
        rng=rng,
    )
    return _place_store(catalogue.store, stage, driver, listings, scenario, market, rng)


def open_catalogue(
    catalogue: Catalogue,
    scenario: Scenario,
    base_market: Market | None = None,
    *,
    seed: int = 0,
    copies: int = 1,
) -> OpenStores:
    """The catalogue's store in `copies` different markets of the scenario, on the eve of its plans.

    The goods are the merchant's; traffic, rivals and what will happen are not known beforehand, so a forecast for one
    shop is a forecast over markets.
    """
    market = base_market or reference_market()
    keys = [(seed * len(SPLITS) + 1) * _SPLIT_STRIDE - 1 - i for i in range(copies)]
    stores: Sequence[Store] = [catalogue_store(catalogue, scenario, market, key) for key in keys]
    return open_stores(stores, keys)
