"""Stores whose observations are looked at, and a run of them with all that was truly counted."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import (
    Report,
)
from merchantgym.envs.fleet import Fleet, StoreSet
from merchantgym.envs.observation import (
    Global,
    ObservationView,
    PerListing,
)
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import GOALS, Plan, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.reward import Term
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.task import action_size

N, K, HOURS = 4, 8, 336
SCENARIOS = ("headline", "steady")
AD_CLICKS = [Report.AD_CLICKS_SEARCH, Report.AD_CLICKS_FEED]
CLICKS = [*AD_CLICKS, Report.ORGANIC_CLICKS_SEARCH, Report.ORGANIC_CLICKS_FEED]
ORGANIC_VIEWS = [Report.ORGANIC_IMPRESSIONS_SEARCH, Report.ORGANIC_IMPRESSIONS_FEED]
AD_VIEWS = [Report.AD_IMPRESSIONS_SEARCH, Report.AD_IMPRESSIONS_FEED]
VIEWS = [*AD_VIEWS, *ORGANIC_VIEWS]
ORDERS = [Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW]
SPENT = [Report.SPEND_SEARCH, Report.SPEND_FEED]
GOAL_FEATURES = [
    Global.GOAL_PROFIT,
    Global.GOAL_GMV,
    Global.GOAL_BUYERS,
    Global.GOAL_BREAK_ZERO,
    Global.GOAL_CLEAR_STOCK,
]
ROLE_FEATURES = [PerListing.HERO, PerListing.GROWTH, PerListing.TEST, PerListing.CLEAR]


@cache
def world(scenario: str) -> OpenStores:
    return Population(load_scenario(scenario)).open("train", N)


def drawn_actions(seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-1, 1, (HOURS, N, action_size(K)))


def start(opened: OpenStores, plans: list[Plan], source: StoreSet | None = None) -> Fleet:
    fleet = Fleet(source or opened.start, N)
    fleet.reset(pack_plans(plans, opened.listing_ids), np.arange(N), np.full(N, 3))
    return fleet


@dataclass(frozen=True)
class Run:
    """A run of N stores under wild actions, with what was really counted, hour by hour; reports in fen."""

    opened: OpenStores
    plans: list[Plan]
    fleet: Fleet
    actions: NDArray[np.float64]  # (H, N, A)
    seen: NDArray[np.float64]  # (H + 1, N, O): before hour h stands at h
    report: NDArray[np.float64]  # (H, N, K, Report)
    terms: NDArray[np.float64]  # (H, N, Term)
    channel: NDArray[np.float64]  # (H, N, C, ChannelState)
    listing: NDArray[np.float64]  # (H, N, K, ListingState)

    def __getitem__(self, feature: Global | PerListing) -> NDArray[np.float64]:
        """(H + 1, N) or (H + 1, N, K)."""
        return np.stack([ObservationView(row)[feature] for row in self.seen])

    def so_far(self, *names: Report) -> NDArray[np.float64]:
        """Counts by listing up to the hour before, (H + 1, N, K)."""
        sums = self.report[:, :, :, list(names)].sum(axis=3).cumsum(axis=0)
        return np.concatenate([np.zeros_like(sums[:1]), sums])

    def history(self, name: str) -> NDArray[np.float64]:
        """A column of the offices' report of the last week, (N, K)."""
        return np.stack([getattr(office, name) for office in self.opened.offices])

    def money(self, name: str) -> NDArray[np.float64]:
        """An amount of every plan, (N,)."""
        return np.array([getattr(plan, name) for plan in self.plans])

    @property
    def spend(self) -> NDArray[np.float64]:
        """[CNY] in each hour, (H, N)."""
        return -self.terms[:, :, Term.AD_SPEND]

    @property
    def spent(self) -> NDArray[np.float64]:
        """[CNY] up to the hour before, (H + 1, N)."""
        return np.concatenate([np.zeros((1, N)), self.spend.cumsum(axis=0)])

    @property
    def clock(self) -> NDArray[np.int64]:
        """Hour of the week of each hour, (H, N)."""
        return np.array([plan.start_hour for plan in self.plans]) + np.arange(HOURS)[:, None]


@cache
def wild_run() -> Run:
    """Under plans of every goal and role; not to be changed in place."""
    opened = world("headline")
    plans = []
    for i, office in enumerate(opened.offices):
        plan = platform_plan(office)
        roles = ["hero", "growth", "test", "clear", "paused", "growth", "growth", "growth"]
        listings = tuple(
            listing.model_copy(update={"role": role, "budget_share": 0.2, "price": round(1.1 * listing.price, 2)})
            for listing, role in zip(plan.listings, roles, strict=True)
        )
        changes = {"goal": GOALS[i + 1], "target": 40.0, "roi_floor": float(i), "listings": listings}
        plans.append(plan.model_copy(update=changes))
    fleet = start(opened, plans)
    actions = drawn_actions(11)
    rows: list[tuple[NDArray[Any], ...]] = []
    seen = [fleet.observation.astype(float)]
    for action in actions:
        seen.append(fleet.step(action).astype(float))
        state = fleet.state
        rows.append(tuple(each.copy() for each in (state.hour, fleet.terms, state.channel, state.listing)))
    return Run(opened, plans, fleet, actions, np.stack(seen), *(np.stack(each) for each in zip(*rows, strict=True)))


def close(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one, other, rtol=3e-6, atol=3e-6)
