"""Kinds of shops: the stage they have reached x what drives them, one driver or several."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.random import Generator

from .scenario import Scenario
from .store import DRIVER_MIXES, DRIVERS, STAGES


@dataclass(frozen=True)
class Stage:
    """What a shop's stage settles. Assumptions all."""

    reviews: float  # median of a listing that has sold
    cold: float  # share of listings without a sale
    wallet: float  # multiple of the budget


@dataclass(frozen=True)
class Driver:
    """What a shop's strength settles. Assumptions all."""

    margin: float  # gross margin over price, mean
    appeal: float  # log-odds of a click
    relevance: float  # log-odds of an order
    care: float  # log-odds of satisfaction
    stock: float  # multiple of the days on the shelf
    lead_hours: int


STAGE = {
    "new": Stage(reviews=8.0, cold=0.6, wallet=0.75),
    "advanced": Stage(reviews=40.0, cold=0.2, wallet=1.0),
    "mature": Stage(reviews=160.0, cold=0.08, wallet=1.35),
}
_DRIVER = {
    "supply_chain": Driver(margin=0.46, appeal=-0.05, relevance=0.0, care=0.0, stock=1.6, lead_hours=36),
    "operation": Driver(margin=0.40, appeal=0.10, relevance=0.12, care=0.0, stock=0.9, lead_hours=48),
    "brand": Driver(margin=0.44, appeal=0.15, relevance=0.05, care=0.4, stock=0.9, lead_hours=60),
}


@cache
def driver_of(driver: str) -> Driver:
    """The numbers of one of `DRIVER_MIXES`: a shop strong at several things has the best of each.

    Raises: ValueError: an unknown driver.
    """
    if driver not in DRIVER_MIXES:
        raise ValueError(f"driver(={driver!r}) must be one of: {', '.join(DRIVER_MIXES)}")
    parts = [_DRIVER[part] for part in driver.split("+")]
    return Driver(
        margin=max(part.margin for part in parts),
        appeal=max(part.appeal for part in parts),
        relevance=max(part.relevance for part in parts),
        care=max(part.care for part in parts),
        stock=max(part.stock for part in parts),
        lead_hours=min(part.lead_hours for part in parts),
    )


def draw_kind(scenario: Scenario, rng: Generator) -> tuple[str, str]:
    """Stage and driver of a store: from the scenario's mix, or independently from its two margins."""
    if scenario.mix is None:
        return STAGES[rng.choice(3, p=scenario.stage_shares)], DRIVERS[rng.choice(3, p=scenario.driver_shares)]
    weights = np.array([[scenario.mix.get(s, {}).get(d, 0.0) for d in DRIVER_MIXES] for s in STAGES])
    stage = rng.choice(len(STAGES), p=weights.sum(axis=1) / weights.sum())
    driver = rng.choice(len(DRIVER_MIXES), p=weights[stage] / weights[stage].sum())
    return STAGES[stage], DRIVER_MIXES[driver]
