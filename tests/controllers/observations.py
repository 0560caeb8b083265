"""Plans and observations to feed controllers with."""

from dataclasses import fields
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from merchantgym.envs.observation import N_GLOBAL, N_LISTING, Global, PerListing, bounds
from merchantgym.envs.plan import PlanArrays

K = 3


def some_plans(n: int, days: int = 14, daily: float = 0.15, seed: int = 0) -> PlanArrays:
    """n plans of K listings that differ in their bids; `daily` is the daily budget as a share of the whole."""
    rng = np.random.default_rng(seed)
    total = np.full(n, 840.0)
    return PlanArrays(
        audience=np.ones((n, 4)),
        bid=rng.uniform(0.3, 2.0, (n, K)),
        price=rng.uniform(10.0, 60.0, (n, K)),
        cap_listing=np.repeat(total[:, None], K, 1),
        role=np.zeros((n, K), dtype=np.int64),
        cap_channel=np.repeat(total[:, None], 2, 1),
        budget_total=total,
        budget_daily=daily * total,
        roi_floor=np.zeros(n),
        goal=np.zeros(n, dtype=np.int64),
        target=np.zeros(n),
        start_hour=np.zeros(n, dtype=np.int64),
        days=np.full(n, days),
        promotion=np.zeros((n, 4, 3)),
        allow_below_cost=np.zeros(n, dtype=np.bool_),
    )


def one_plan(plans: PlanArrays, row: int) -> PlanArrays:
    """The plan of one row, as a batch of one."""
    return PlanArrays(**{field.name: getattr(plans, field.name)[row : row + 1] for field in fields(plans)})


def within_bounds(n: int, seed: int) -> NDArray[np.float32]:
    """n observations drawn evenly from the documented ranges, flags as 0 or 1."""
    low, high = bounds(K)
    drawn = np.random.default_rng(seed).uniform(low, high, (n, len(low))).astype(np.float32)
    for k in range(K):
        for flag in (PerListing.ACTIVE, PerListing.LISTED, PerListing.INCOMING, PerListing.SOLD):
            place = N_GLOBAL + k * N_LISTING + flag
            drawn[:, place] = drawn[:, place] > 0.5
    return np.clip(drawn, low, high)


@st.composite
def any_observation(draw: st.DrawFn) -> NDArray[np.float32]:
    """Any observation within the documented ranges, corners included; shape (1, O)."""
    low, high = bounds(K)
    edge = draw(st.sampled_from(["even", "low", "high", "corners"]))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    even = rng.uniform(low, high).astype(np.float32)
    corner = np.where(rng.random(len(low)) < 0.5, low, high)
    mixed = np.where(rng.random(len(low)) < 0.5, corner, even)
    picked = {"even": even, "low": low, "high": high, "corners": mixed}[edge]
    return np.clip(picked, low, high)[None]


def plain_observation(**features: Any) -> NDArray[np.float32]:
    """An observation of one store at its plan's start with every listing advertised; `features` replace numbers by
    name, of the store or of each listing (a number, or K of them)."""
    shop = np.zeros(N_GLOBAL)
    listings = np.zeros((K, N_LISTING))
    start = {
        "time_left": 1.0,
        "traffic_next": 1.0,
        "budget_size": np.log(60.0) - 3.0,
        "budget_left": 1.0,
        "day_budget_left": 1.0,
        "day_traffic_left": 1.0,
        "store_conversion": np.log(0.012),
        "active": 1.0,
        "listed": 1.0,
        "order_value": np.log1p(50.0),
        "matured_clicks": np.log1p(200.0),
        "orders": np.log1p(2.0),
        "stock_cover": 8.0,
    }
    for name, value in {**start, **features}.items():
        if name.upper() in Global.__members__:
            shop[Global[name.upper()]] = value
        else:
            listings[:, PerListing[name.upper()]] = value
    return np.concatenate((shop, listings.ravel()))[None].astype(np.float32)
