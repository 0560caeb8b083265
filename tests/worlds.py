"""Small worlds for tests: plans for open stores, many copies of one store, and the engine in one call."""

from dataclasses import fields, replace
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import N_CHANNELS, N_SEGMENTS, StateArrays, StoreArrays
from merchantgym.envs.market.parameters import reference_market
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import GOALS, MAX_PROMOTIONS, ROLES, PlanArrays
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.store import Listings, Store
from merchantgym.experiments.agreement_worlds import PLENTY, copies, flat_offer, run_hours, set_money

__all__ = [
    "PLENTY", "Floats", "copies", "flat_offer", "opened", "plain_store", "plan_row", "plans_for", "run_engine",
    "set_money",
]  # fmt: skip

Floats = NDArray[np.float64]


@cache
def opened(scenario: str) -> OpenStores:
    """32 stores of a scenario on the eve of their plans, opened once. Not to be changed in place.

    Tests under hypothesis call this: of the fixture of the same stores it would print every number on a failure.
    """
    return Population(load_scenario(scenario)).open("train", 32)


def plans_for(stores: OpenStores, **changes: Any) -> PlanArrays:
    """The suggested bid and the shop's own price on every listing, all the merchant's money; fields may be replaced."""
    offices = stores.offices
    n, K = len(offices), len(offices[0].listing_id)
    budget = np.array([office.budget for office in offices])
    days = np.array([office.days for office in offices])
    renewing = np.array([office.renewing for office in offices])
    plans = PlanArrays(
        audience=np.ones((n, N_SEGMENTS)),
        bid=np.stack([office.suggested_bid for office in offices]),
        price=np.stack([office.price for office in offices]),
        cap_listing=np.repeat(budget[:, None], K, axis=1),
        role=np.full((n, K), ROLES.index("growth")),
        cap_channel=np.repeat(budget[:, None], N_CHANNELS, axis=1),
        budget_total=budget,
        budget_daily=np.where(renewing, budget / days, budget),
        roi_floor=np.zeros(n),
        goal=np.full(n, GOALS.index("profit")),
        target=np.zeros(n),
        start_hour=np.array([office.start_hour for office in offices]),
        days=days,
        promotion=np.zeros((n, MAX_PROMOTIONS, 3)),
        allow_below_cost=np.zeros(n, dtype=np.bool_),
    )
    return replace(plans, **changes)


def plan_row(plans: PlanArrays, rows: Any) -> PlanArrays:
    """Some of the plans."""
    return PlanArrays(**{field.name: getattr(plans, field.name)[rows] for field in fields(plans)})


def run_engine(
    arrays: StoreArrays, state: StateArrays, offer: Floats, hours: int, seed: int = 1, keys: Any = None
) -> StateArrays:
    """Run all stores for some hours under a fixed offer, in place; returns the state."""
    run_hours(arrays, state, offer, hours, seed, keys)
    return state


def plain_store(listings: int = 4, **changes: Any) -> Store:
    """A store of ordinary listings in the reference market; fields of `Store` may be replaced."""
    ones = np.ones(listings)
    goods = Listings(
        listing_id=tuple(f"L{k + 1:02d}" for k in range(listings)),
        title=("box",) * listings,
        category=("kitchen",) * listings,
        cost=10.0 * ones,
        price=20.0 * ones,
        minimum_order=5.0 * ones,
        stock=1e9 * ones,
        rating=4.6 * ones,
        reviews=50.0 * ones,
        age_days=300.0 * ones,
        image_score=np.nan * ones,
        title_score=np.nan * ones,
        market_price=20.0 * ones,
        reference_price=20.0 * ones,
        appeal=np.linspace(-0.3, 0.3, listings),
        relevance=np.linspace(0.3, -0.3, listings),
        elasticity=-2.62 * ones,
        hype=0.0 * ones,
        care=0.0 * ones,
        reorder_point=-ones,
        reorder_quantity=0.0 * ones,
        match=np.full((listings, N_SEGMENTS), 0.8 / listings),
        affinity=np.zeros((listings, N_SEGMENTS)),
        shock=np.zeros((listings, N_SEGMENTS)),
    )
    market = reference_market()
    values: dict[str, Any] = {
        "name": "plain",
        "stage": "advanced",
        "driver": "operation",
        "listings": goods,
        "market": market,
        "volume": np.asarray(market.channel_volume),
        "rival_shift": np.zeros(N_CHANNELS),
        "organic_rivals": np.asarray(market.organic_rivals),
        "start_hour": 0,
        "days": 14,
        "budget": 1260.0,
        "renewing": False,
        "roi_floor": 0.0,
        "promotion_days": (),
    }
    return Store(**(values | changes))
