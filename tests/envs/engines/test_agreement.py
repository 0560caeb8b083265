"""The compiled engine and the numpy oracle are one law: means, variances, distributions, in calm and in trouble.

Both start from the same states, a few hundred copies of each of eight stores. Seeds are fixed. The thresholds are
those of a thousand comparisons at 1 % together (Bonferroni); the last tests show that a bias of 1 % would be seen.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from merchantgym.envs.engines.layout import (
    CellField,
    ChannelField,
    ChannelState,
    Due,
    ListingField,
    ListingState,
    Offer,
    Pending,
    Report,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from merchantgym.envs.opening import OpenStores

from ...oracle import hour_rates, oracle_hour
from ...worlds import Floats, copies, flat_offer, plans_for, run_engine, set_money

STORES = 8
LEAST = 1e-5
"""p-value under which a comparison fails: 0.01 over about a thousand comparisons."""
MOST = float(stats.norm.isf(LEAST / 2.0))
MOST_OF_VARIANCE = 5.5
"""The same for variances, whose estimates have heavier tails than the normal at these sizes."""


@dataclass(frozen=True)
class World:
    """Copies of a few stores, ready to run. Row b is a copy of store b // copies."""

    arrays: StoreArrays
    state: StateArrays
    offer: Floats
    hours: int


@pytest.fixture(scope="module")
def midway(headline: OpenStores) -> World:
    """Eight stores after 30 hours of ample advertising: orders, reviews and returns are under way, many of each."""
    rows = np.arange(STORES)
    arrays, state = copies(headline.start.arrays, headline.start.state, rows)
    arrays.listing[:, :, ListingField.RELEVANCE] += 1.0
    arrays.listing[:, :, ListingField.RETURN_PROBABILITY] = 0.3
    set_money(state)
    plans = plans_for(headline)
    offer = flat_offer(STORES, plans.bid[rows], plans.price[rows] * 100.0)
    run_engine(arrays, state, offer, 30, seed=4)
    return World(arrays, state, offer, 1)


def multiply(world: World, times: int, hours: int) -> World:
    """So many copies of each store, with ample money."""
    rows = np.repeat(np.arange(STORES), times)
    arrays, state = copies(world.arrays, world.state, rows)
    set_money(state)
    return World(arrays, state, world.offer[rows], hours)


def calm(midway: World) -> World:
    return multiply(midway, 200, 26)


def short_of_money(midway: World) -> World:
    """One hour's money for three hours: a quarter of the stores each by total, day, channel and listing."""
    world = multiply(midway, 800, 3)
    state, offer = world.state, world.offer
    spend = expected_spend(world)  # (B, C, K) [fen]
    kind = np.arange(STORES).repeat(800) % 4
    total, channel, listing = spend.sum(axis=(1, 2)), spend.sum(axis=2), spend.sum(axis=1)
    left = {
        StoreState.BUDGET_TOTAL: StoreState.SPENT,
        StoreState.BUDGET_DAILY: StoreState.SPENT_TODAY,
    }
    for number, (purse, spent) in enumerate(left.items()):
        rows = kind == number
        state.store[rows, purse] = np.round(0.9 * total + state.store[:, spent])[rows]
    rows = kind == 2
    caps = np.round(channel * [0.6, 1.1] + state.channel[:, :, ChannelState.SPENT])
    state.channel[rows, :, ChannelState.CAP] = caps[rows]
    rows = kind == 3
    caps = np.round(listing * np.linspace(0.0, 1.2, listing.shape[1]) + state.listing[:, :, ListingState.SPENT])
    state.listing[rows, :, ListingState.CAP] = caps[rows]
    assert offer[:, :, Offer.BID_SEARCH].min() > 0.0
    return world


def out_of_stock(midway: World) -> World:
    world = multiply(midway, 200, 26)
    now, lot = world.state.listing, world.arrays.listing[:, :, ListingField.MINIMUM_ORDER]
    now[:, :, ListingState.STOCK] = lot * (np.arange(lot.shape[1]) % 4)
    now[:, ::2, ListingState.INCOMING] = 3.0 * lot[:, ::2]
    now[:, ::2, ListingState.ARRIVAL_HOUR] = 40.0
    world.arrays.store[:, StoreField.LEAD_TIME] = 7.0
    return world


def shocked(midway: World) -> World:
    """An outside event on half of the listings, and a further rival."""
    world = multiply(midway, 150, 12)
    shop = world.arrays.store
    shop[:, StoreField.SHOCK_ONSET] = 31.5
    shop[:, StoreField.ENTRY_HOUR], shop[:, StoreField.ENTRY_SHIFT] = 35.0, 0.7
    world.arrays.cell[:, ::2, :, CellField.SHOCK] = 5.0
    return world


def promoted(midway: World) -> World:
    """A promotion day, and prices a fifth lower than those who wait have seen."""
    world = multiply(midway, 100, 10)
    world.arrays.calendar[:, 33:36] = 1.0
    world.offer[:, :, Offer.PRICE] = np.round(0.8 * world.offer[:, :, Offer.PRICE])
    return world


def closing(midway: World) -> World:
    """The last three hours of a plan, and its run-off."""
    world = multiply(midway, 500, 3)
    world.arrays.store[:, StoreField.HOURS] = 33.0
    return world


SITUATIONS: dict[str, Callable[[World], World]] = {
    function.__name__: function for function in (calm, short_of_money, out_of_stock, shocked, promoted, closing)
}


def expected_spend(world: World) -> Floats:
    """Expected spend of the coming hour without any limit, (B, C, K) [fen]."""
    hour = world.state.store[:, StoreState.HOUR].astype(int)
    week = (world.arrays.store[:, StoreField.START_HOUR].astype(int) + hour) % 168
    rates = hour_rates(hour, week, world.arrays, world.state, world.offer)
    spend: Floats = (rates.requests * rates.click * rates.exposure * rates.price * 100.0).sum(axis=2)
    return spend


def by_engine(world: World, seed: int = 1) -> dict[str, Floats]:
    state = world.state.copy()
    run_engine(world.arrays, state, world.offer, world.hours, seed=seed)
    return outcome(world, state)


def by_oracle(world: World, seed: int = 1) -> dict[str, Floats]:
    state, rng = world.state.copy(), np.random.default_rng(seed)
    for _ in range(world.hours):
        oracle_hour(rng, world.arrays, state, world.offer)
    return outcome(world, state)


def outcome(world: World, state: StateArrays) -> dict[str, Floats]:
    """Numbers of every row, by name: reports summed over listings and weighted by their place, and the state left."""
    report = state.total - world.state.total
    place = np.arange(report.shape[1])
    found = {column.name: report[:, :, column].sum(axis=1) for column in Report}
    found |= {f"{column.name} by place": report[:, :, column] @ place for column in Report}
    for field in (
        ListingState.STOCK,
        ListingState.INCOMING,
        ListingState.LISTED,
        ListingState.MEMORY,
        ListingState.RANK,
    ):
        found[field.name] = state.listing[:, :, field] @ (place + 1)
    for field in (ListingState.STAR_SUM, ListingState.REVIEWS, ListingState.PENDING_REVIEWS, ListingState.SPENT):
        found[f"left {field.name}"] = state.listing[:, :, field].sum(axis=1)
    for pool in Pending:
        found[f"pending {pool.name}"] = state.pending[:, :, :, pool].sum(axis=(1, 2))
        found[f"pending {pool.name} by segment"] = state.pending[:, :, :, pool].sum(axis=1) @ np.arange(4)
    assert ((state.pending[..., Pending.DAY_PRICE :] > 0.0) == (_waiting(state) > 0.0)).all()
    for due in Due:
        found[f"due {due.name}"] = state.refunds[:, :, :, due].sum(axis=(1, 2))
    found["due days"] = state.refunds[:, :, :, Due.RETURNS].sum(axis=1) @ np.arange(28)
    for field in (StoreState.DEMAND, StoreState.SPENT, StoreState.SPENT_TODAY, StoreState.SERVED_SHARE):
        found[f"store {field.name}"] = state.store[:, field]
    for field in ChannelState:
        found[f"channel {field.name}"] = state.channel[:, :, field] @ [1.0, 2.0]
    return found


def _waiting(state: StateArrays) -> Floats:
    """Waiting clicks of both origins, (B, K, S, kind of delay)."""
    counts = state.pending[..., : Pending.DAY_PRICE]
    return counts.reshape(*counts.shape[:3], 2, 2).sum(axis=-1)


def of_stores(values: Floats) -> Floats:
    """(stores, copies)."""
    return values.reshape(STORES, -1)


def z_of_means(ours: Floats, theirs: Floats) -> float:
    """Standard score of the difference of means, store by store."""
    a, b = of_stores(ours), of_stores(theirs)
    variance = a.var(axis=1, ddof=1) / a.shape[1] + b.var(axis=1, ddof=1) / b.shape[1]
    difference = float((a.mean(axis=1) - b.mean(axis=1)).sum())
    if variance.sum() == 0.0:
        assert difference == pytest.approx(0.0, abs=1e-9)
        return 0.0
    return difference / float(np.sqrt(variance.sum()))


def z_of_variances(ours: Floats, theirs: Floats) -> float:
    centre = (of_stores(ours).mean(axis=1) + of_stores(theirs).mean(axis=1))[:, None] / 2.0
    return z_of_means(((of_stores(ours) - centre) ** 2).ravel(), ((of_stores(theirs) - centre) ** 2).ravel())


def same_distribution(ours: Floats, theirs: Floats) -> float:
    """p-value: chi-square over at most 30 values or bins of equal weight, Kolmogorov-Smirnov beyond."""
    both = np.concatenate([ours, theirs])
    values = np.unique(both)
    if len(values) > 30:
        return float(stats.ks_2samp(ours, theirs, method="asymp").pvalue)
    counts = np.array([[np.sum(side == value) for value in values] for side in (ours, theirs)])
    kept = counts[:, counts.sum(axis=0) >= 16]
    if kept.shape[1] < 2:
        return 1.0
    return float(stats.chi2_contingency(kept).pvalue)


DISTRIBUTIONS = (
    *("AD_IMPRESSIONS_SEARCH", "AD_IMPRESSIONS_FEED", "ORGANIC_IMPRESSIONS_SEARCH", "ORGANIC_IMPRESSIONS_FEED"),
    *("AD_CLICKS_SEARCH", "AD_CLICKS_FEED", "ORGANIC_CLICKS_SEARCH", "ORGANIC_CLICKS_FEED"),
    *("SPEND_SEARCH", "SPEND_FEED", "ORDERS_SAME_HOUR", "ORDERS_WITHIN_DAY", "ORDERS_SLOW", "AD_ORDERS"),
    *("UNITS", "REVENUE", "RETURNS", "REFUNDS", "REFUSED", "REVIEWS", "STOCK", "LISTED", "store SERVED_SHARE"),
)


@pytest.fixture(scope="module", params=SITUATIONS)
def pair(request: pytest.FixtureRequest, midway: World) -> tuple[str, dict[str, Floats], dict[str, Floats]]:
    """A situation's name, its outcome by the engine, and by the oracle."""
    world = SITUATIONS[request.param](midway)
    return request.param, by_engine(world), by_oracle(world)


Pair = tuple[str, dict[str, Floats], dict[str, Floats]]


def test_means_agree(pair: Pair) -> None:
    _, ours, theirs = pair
    scores = {name: z_of_means(ours[name], theirs[name]) for name in ours}
    assert {name: z for name, z in scores.items() if abs(z) > MOST} == {}
    assert 0.4 < np.std([z for z in scores.values() if z != 0.0]) < 1.6  # they are scores, if correlated ones


def test_variances_agree(pair: Pair) -> None:
    _, ours, theirs = pair
    scores = {name: z_of_variances(ours[name], theirs[name]) for name in ours}
    assert {name: z for name, z in scores.items() if abs(z) > MOST_OF_VARIANCE} == {}


def test_distributions_agree(pair: Pair) -> None:
    _, ours, theirs = pair
    chances = {name: same_distribution(ours[name], theirs[name]) for name in DISTRIBUTIONS}
    assert {name: p for name, p in chances.items() if p < LEAST} == {}


def test_the_situation_is_what_it_says(pair: Pair) -> None:
    name, ours, _ = pair
    if name == "calm":
        assert (ours["store SERVED_SHARE"] == 1.0).all()
        assert ours["RETURNS"].sum() > 500
        assert ours["REVIEWS"].sum() > 500
    if name == "short_of_money":
        total = of_stores(ours["store SERVED_SHARE"])[::4]  # of the third hour, when there is little left
        assert (total < 1.0).all()
        assert 0.2 < of_stores(ours["AD_CLICKS_SEARCH"]).mean() < 100.0
    if name == "out_of_stock":
        assert ours["REFUSED"].sum() > 1000
    if name == "closing":
        assert (ours["due RETURNS"] == 0.0).all()
        assert ours["ORDERS_SLOW"].mean() > 5.0


def busy(midway: World, copies_of_each: int) -> World:
    """One hour with many clicks, so that small biases show."""
    world = multiply(midway, copies_of_each, 1)
    world.arrays.channel[:, :, ChannelField.VOLUME] *= 6.0
    world.arrays.store[:, [StoreField.DEMAND_SD, StoreField.RIVAL_NOISE_SD]] = 0.01
    return world


def clicks(found: dict[str, Floats]) -> Floats:
    return found["AD_CLICKS_SEARCH"] + found["AD_CLICKS_FEED"]


def test_one_percent_more_clicks_would_be_seen(midway: World) -> None:
    world = busy(midway, 1500)
    theirs = by_oracle(world)
    assert abs(z_of_means(clicks(by_engine(world)), clicks(theirs))) < MOST
    cell = world.arrays.cell.copy()
    cell[:, :, :, CellField.MATCH] *= 1.01
    wrong = by_engine(replace(world, arrays=replace(world.arrays, cell=cell)))
    assert z_of_means(clicks(wrong), clicks(theirs)) > MOST


def poor(midway: World, copies_of_each: int) -> World:
    """One busy hour with money for 40 % of it."""
    world = busy(midway, copies_of_each)
    left = np.round(0.4 * expected_spend(world).sum(axis=(1, 2)))
    world.state.store[:, StoreState.BUDGET_TOTAL] = world.state.store[:, StoreState.SPENT] + left
    return world


def test_one_percent_more_clicks_would_be_seen_where_money_runs_out(midway: World) -> None:
    world = poor(midway, 1000)
    theirs = by_oracle(world)
    assert abs(z_of_means(clicks(by_engine(world)), clicks(theirs))) < MOST
    richer = world.state.copy()
    left = richer.store[:, StoreState.BUDGET_TOTAL] - richer.store[:, StoreState.SPENT]
    richer.store[:, StoreState.BUDGET_TOTAL] += np.round(0.01 * left)
    wrong = by_engine(replace(world, state=richer))
    assert z_of_means(clicks(wrong), clicks(theirs)) > MOST


def test_scaling_the_hour_after_the_fact_is_wrong_and_seen(midway: World) -> None:
    """The tempting short cut: serve the hour as if money were no object, then scale clicks by the share it paid for."""
    world = poor(midway, 1000)
    ample = world.state.copy()
    set_money(ample)
    unlimited = by_engine(replace(world, state=ample))
    spend = unlimited["SPEND_SEARCH"] + unlimited["SPEND_FEED"]
    left = world.state.store[:, StoreState.BUDGET_TOTAL] - world.state.store[:, StoreState.SPENT]
    scaled = clicks(unlimited) * np.minimum(1.0, left / spend)
    theirs = clicks(by_oracle(world))
    assert abs(z_of_means(scaled, theirs)) > MOST
    assert 0.001 < abs(scaled.mean() / theirs.mean() - 1.0) < 0.1


def test_the_oracle_leaves_the_constants_alone(midway: World) -> None:
    world = multiply(midway, 2, 1)
    before: Any = {
        name: getattr(world.arrays, name).copy() for name in ("store", "channel", "listing", "cell", "calendar")
    }
    offer = world.offer.copy()
    by_oracle(world)
    assert (world.offer == offer).all()
    for name, values in before.items():
        assert (getattr(world.arrays, name) == values).all()
