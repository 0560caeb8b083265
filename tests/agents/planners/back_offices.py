"""Random back offices for property tests, and small edits of one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from merchantgym.envs.back_office import BackOffice

CATEGORIES = ("storage", "kitchen", "cleaning")


@st.composite
def back_offices(draw: st.DrawFn, listings: st.SearchStrategy[int] | None = None) -> BackOffice:
    """Any back office that the contract allows, odd ones included: no traffic, no stock, price under cost."""
    count = draw(listings if listings is not None else st.integers(1, 10))
    days, history_days = draw(st.integers(1, 30)), draw(st.integers(1, 14))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    price = rng.uniform(3, 80, count).round(2)
    cost = (price * rng.uniform(0.3, draw(st.sampled_from([0.8, 1.05])), count)).round(2)
    minimum_order = rng.integers(1, 100, count).astype(float)
    traffic = draw(st.sampled_from([0.0, 20.0, 500.0, 20000.0]))
    impressions = rng.poisson(rng.uniform(0, traffic, count)).astype(float)
    clicks = rng.binomial(impressions.astype(int), rng.uniform(0.005, 0.12, count)).astype(float)
    ad_clicks = rng.binomial(clicks.astype(int), 0.3).astype(float)
    orders = rng.binomial(clicks.astype(int), rng.uniform(0, 0.05, count)).astype(float)
    units = orders * minimum_order * rng.integers(1, 5, count)
    suggested = rng.uniform(0.05, 3, count).round(2)
    reviews = rng.choice([0, 0, 3, 50, 2000], count).astype(float)
    return BackOffice(
        store="store-1",
        stage=draw(st.sampled_from(["new", "advanced", "mature"])),
        driver=draw(st.sampled_from(["supply_chain", "operation", "brand"])),
        start_hour=draw(st.integers(0, 167)),
        days=days,
        budget=draw(st.sampled_from([0.01, 30.0, 840.0, 12345.67])),
        renewing=draw(st.booleans()),
        roi_floor=draw(st.sampled_from([0.0, 0.0, 1.5, 6.0])),
        promotion_days=tuple(draw(st.lists(st.integers(0, 35), max_size=8, unique=True))),
        listing_id=tuple(f"L-{k + 1:02d}" for k in range(count)),
        title=tuple(f"listing {k + 1}" for k in range(count)),
        category=tuple(CATEGORIES[k % 3] for k in range(count)),
        cost=cost,
        price=price,
        minimum_order=minimum_order,
        stock=rng.choice([0, 20, 300, 20000], count).astype(float),
        rating=rng.uniform(1, 5, count),
        reviews=reviews,
        age_days=rng.choice([1, 40, 400], count).astype(float),
        image_score=np.where(rng.random(count) < 0.3, np.nan, rng.random(count)),
        title_score=np.where(rng.random(count) < 0.3, np.nan, rng.random(count)),
        market_price=price * rng.uniform(0.6, 1.6, count),
        suggested_bid=suggested,
        quality_score=rng.uniform(0.5, 1.5, count),
        history_days=history_days,
        impressions=impressions,
        ad_impressions=np.floor(0.5 * impressions),
        clicks=clicks,
        ad_clicks=ad_clicks,
        orders=orders,
        units=units,
        gmv=units * price * rng.uniform(0.85, 1.0, count),
        ad_spend=ad_clicks * suggested * rng.uniform(0.3, 0.9, count),
    )


def with_listing(office: BackOffice, k: int, **values: float) -> BackOffice:
    """The same back office with some figures of listing k changed."""
    changes: dict[str, Any] = {}
    for name, value in values.items():
        changes[name] = getattr(office, name).copy()
        changes[name][k] = value
    return replace(office, **changes)


def with_twin(office: BackOffice) -> BackOffice:
    """The same back office with the first listing twice: the copy comes last, under an id of its own."""
    changes: dict[str, Any] = {
        "listing_id": (*office.listing_id, "twin"),
        "title": (*office.title, office.title[0]),
        "category": (*office.category, office.category[0]),
    }
    for name, value in vars(office).items():
        if isinstance(value, np.ndarray):
            changes[name] = np.append(value, value[0])
    return replace(office, **changes)
