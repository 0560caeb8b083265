"""What the back office shows: finite, in its documented range, every feature with a name of its own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.envs.observation import (
    GLOBAL_FEATURES,
    LISTING_FEATURES,
    Global,
    bounds,
    feature_names,
    listings_in,
    observation_size,
)
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import GOALS, ROLES, Plan, Promotion, check_plan
from merchantgym.envs.platform_plan import platform_plan

from .observed import SCENARIOS, K, N, drawn_actions, start, world


def odd_plan(opened: OpenStores, number: int, rng: np.random.Generator) -> Plan:
    """A plan as odd as a planner may write it: bids and prices of any size, short, tiny, or with caps of zero."""
    office = opened.offices[number]
    base = platform_plan(office)
    total = float(rng.choice([0.3, 0.1 * office.budget, office.budget]))
    listings = tuple(
        listing.model_copy(
            update={
                "role": str(rng.choice(ROLES)),
                "budget_share": float(rng.choice([0.0, 0.3, 1.0])),
                "bid": float(rng.choice([0.0, 1e-6, listing.bid, 1e3])),
                "price": float(rng.choice([0.01, 0.5 * listing.price, listing.price, 1e5])),
            }
        )
        for listing in base.listings
    )
    changes = {
        "goal": str(rng.choice(GOALS)),
        "target": float(rng.choice([0.0, 1e-6, 1.0, 1e9])),
        "days": int(rng.integers(1, office.days + 1)),
        "listings": listings,
        "budget_total": total,
        "budget_daily": total / (office.days if office.renewing else int(rng.integers(1, 31))),
        "roi_floor": max(office.roi_floor, float(rng.choice([0.0, 1e-6, 3.0, 1e6]))),
        "promotions": (Promotion(start_hour=0, end_hour=5, discount=0.5),) if rng.random() < 0.5 else (),
        "allow_below_cost": True,
    }
    plan = base.model_copy(update=changes)
    check_plan(plan, office)
    return plan


@pytest.mark.parametrize("scenario", SCENARIOS)
@settings(max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), extreme=st.booleans())
def test_whatever_happens_every_number_is_finite_and_in_its_documented_range(
    scenario: str, seed: int, extreme: bool
) -> None:
    opened, rng = world(scenario), np.random.default_rng(seed)
    fleet = start(opened, [odd_plan(opened, i, rng) for i in range(N)])
    low, high = bounds(K)
    names = feature_names(K)
    actions = drawn_actions(seed)
    for action in [None, *(np.sign(actions) if extreme else actions)]:
        seen = fleet.observation if action is None else fleet.step(action)
        wrong = ~(np.isfinite(seen) & (seen >= low) & (seen <= high))
        assert not wrong.any(), [(names[j], seen[i, j]) for i, j in np.argwhere(wrong)]


def test_features_are_named_once_and_their_ranges_make_sense() -> None:
    names = feature_names(2)
    assert len(set(names)) == len(names) == observation_size(2)
    assert names[: len(GLOBAL_FEATURES)] == tuple(feature.name.lower() for feature in Global)
    assert "listing_1.orders" in names
    low, high = bounds(2)
    assert low.dtype == high.dtype == np.float32
    assert (low < high).all()
    for feature in GLOBAL_FEATURES + LISTING_FEATURES:
        assert feature.meaning.strip()


def test_an_observations_length_tells_its_listings() -> None:
    assert listings_in(observation_size(13)) == 13
    with pytest.raises(ValueError, match=r"observation length\(=100\) must be 36 \+ 30 x listings"):
        listings_in(100)
    with pytest.raises(ValueError, match="observation length"):
        listings_in(len(GLOBAL_FEATURES))
