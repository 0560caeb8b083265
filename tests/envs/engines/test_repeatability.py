"""The same seed gives the same hours in any company and on any threads; and chance does not depend on decisions."""

from dataclasses import fields, replace
from itertools import pairwise

import numpy as np
import pytest

from merchantgym.envs.engines.layout import ChannelState, Report, StateArrays, StoreState
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.population import Population
from merchantgym.envs.reward import PROFIT_TERMS
from merchantgym.envs.scenario import load_scenario

from ...worlds import Floats, copies, flat_offer, plan_row, plans_for, run_engine, set_money

HOURS = 30


def start(opened: OpenStores, stores: Floats, seeds: Floats, threads: int = 1) -> Fleet:
    fleet = Fleet(opened.start, len(stores), threads=threads)
    fleet.reset(plan_row(plans_for(opened), stores), stores, seeds)
    return fleet


def random_actions(slots: int, listings: int, hours: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (hours, slots, 2 + listings + 1))


def run(fleet: Fleet, actions: Floats) -> Fleet:
    for action in actions:
        fleet.step(action)
    return fleet


def content(fleet: Fleet, rows: object = slice(None)) -> dict[str, Floats]:
    """Everything that a run leaves behind."""
    parts = {field.name: getattr(fleet.state, field.name)[rows] for field in fields(StateArrays)}
    parts |= {f"task.{name}": getattr(fleet.task, name)[rows] for name in ("ledger", "ledger_listing")}
    parts |= {name: getattr(fleet, name)[rows] for name in ("score", "reward", "observation", "offer")}
    return {name: values.copy() for name, values in parts.items()}


def assert_same(a: dict[str, Floats], b: dict[str, Floats]) -> None:
    """Bit for bit."""
    for name, values in a.items():
        assert values.tobytes() == b[name].tobytes(), name


def test_twins_are_identical_and_strangers_are_not(headline: OpenStores) -> None:
    stores, actions = np.arange(8), random_actions(8, 8, HOURS)
    first = content(run(start(headline, stores, np.full(8, 5)), actions))
    assert_same(first, content(run(start(headline, stores, np.full(8, 5)), actions)))
    other = content(run(start(headline, stores, np.full(8, 6)), actions))
    assert (first["total"] != other["total"]).any(axis=(1, 2)).all()
    assert first["total"].sum() > 0.0


def test_stores_at_once_equal_the_same_stores_one_by_one(headline: OpenStores) -> None:
    stores = np.array([3, 0, 7, 3, 31, 12])
    seeds = np.array([1, 1, 2, 9, 2**31, 0])
    actions = random_actions(6, 8, HOURS)
    together = run(start(headline, stores, seeds), actions)
    for row in range(6):
        alone = run(start(headline, stores[[row]], seeds[[row]]), actions[:, [row]])
        assert_same(content(together, [row]), content(alone))


@pytest.mark.parametrize("threads", [2, 4])
def test_threads_change_nothing(headline: OpenStores, monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    stores, actions = np.arange(256) % 32, random_actions(256, 8, HOURS)
    serial = run(start(headline, stores, np.arange(256)), actions)
    parallel = run(start(headline, stores, np.arange(256), threads), actions)
    assert_same(content(serial), content(parallel))


def test_what_one_store_does_is_nothing_to_the_others(headline: OpenStores) -> None:
    stores, actions = np.arange(8), random_actions(8, 8, HOURS)
    other = actions.copy()
    other[:, 3] = -other[:, 3]
    first, second = (run(start(headline, stores, np.full(8, 5)), a) for a in (actions, other))
    assert (first.state.total[3] != second.state.total[3]).any()
    rest = np.flatnonzero(stores != 3)
    assert_same(content(first, rest), content(second, rest))


def test_a_slot_that_starts_anew_disturbs_nobody_and_forgets_everything(headline: OpenStores) -> None:
    stores, actions = np.arange(8), random_actions(8, 8, 2 * HOURS)
    fleet = run(start(headline, stores, np.full(8, 5)), actions[:HOURS])
    slots = np.array([1, 6])
    fleet.reset(plan_row(plans_for(headline), [20, 21]), np.array([20, 21]), np.array([3, 4]), rows=slots)
    run(fleet, actions[HOURS:])
    undisturbed = run(start(headline, stores, np.full(8, 5)), actions)
    rest = np.setdiff1d(stores, slots)
    assert_same(content(fleet, rest), content(undisturbed, rest))
    fresh = run(start(headline, np.array([20, 21]), np.array([3, 4])), actions[HOURS:, slots])
    assert_same(content(fleet, slots), content(fresh))


def test_two_fleets_meet_the_same_chance_under_the_same_keys(headline: OpenStores) -> None:
    """Keys, not places, decide: the second half of the key may be handed in."""
    plans, actions = plan_row(plans_for(headline), [4, 4]), random_actions(1, 8, HOURS).repeat(2, axis=1)
    fleet = Fleet(headline.start, 2)
    fleet.reset(plans, np.array([4, 4]), np.array([1, 1]), keys=np.array([77, 77]))
    run(fleet, actions)
    assert_same(content(fleet, [0]), content(fleet, [1]))
    fleet.reset(plans, np.array([4, 4]), np.array([1, 1]), keys=np.array([77, 78]))
    run(fleet, actions)
    assert (fleet.state.total[0] != fleet.state.total[1]).any()


def test_the_market_moves_as_it_will(headline: OpenStores) -> None:
    """Demand and the rivals' noise are the same after any decisions."""
    stores = np.arange(8)
    low = run(start(headline, stores, np.full(8, 5)), -np.ones((HOURS, 8, 11)))
    high = run(start(headline, stores, np.full(8, 5)), np.ones((HOURS, 8, 11)))
    for fleet in (low, high):
        assert (fleet.state.store[:, StoreState.DEMAND] != 0.0).all()
    assert (low.state.store[:, StoreState.DEMAND] == high.state.store[:, StoreState.DEMAND]).all()
    noise = np.s_[:, :, ChannelState.RIVAL_NOISE]
    assert (low.state.channel[noise] == high.state.channel[noise]).all()


def test_visitors_are_the_same_whatever_is_bid(headline: OpenStores) -> None:
    """In one and the same hour a higher bid turns visitors into ad clicks; it takes no click from a listing.

    So it is store by store, not only on average: a latent click is there or not before any bid is looked at.
    """
    arrays, state = copies(headline.start.arrays, headline.start.state, np.arange(32))
    set_money(state)
    plans = plans_for(headline)
    seen = []
    for factor in (0.0, 0.5, 1.0, 1.03, 2.0, 1e3):
        now = state.copy()
        run_engine(arrays, now, flat_offer(32, factor * plans.bid, plans.price * 100.0), 1)
        ads = now.hour[:, :, Report.AD_CLICKS_SEARCH : Report.AD_CLICKS_FEED + 1]
        organic = now.hour[:, :, Report.ORGANIC_CLICKS_SEARCH : Report.ORGANIC_CLICKS_FEED + 1]
        seen.append((ads, ads + organic))
    assert seen[0][0].sum() == 0.0
    for (ads, clicks), (more_ads, more_clicks) in pairwise(seen):
        assert (more_ads >= ads).all()
        assert (more_clicks >= clicks).all()
    assert (seen[3][1] - seen[2][1]).sum() < 0.03 * seen[2][1].sum()


def test_paired_comparisons_are_sharp() -> None:
    """Variance of the difference that 3 % higher bids make in a week: with other chance over with the same."""
    opened = Population(load_scenario("headline")).open("train", 8)
    twins = 24
    rows, seeds = np.tile(np.arange(8), twins), np.repeat(np.arange(twins), 8)
    plans = plan_row(plans_for(opened), rows)
    idle = np.zeros((7 * 24, 8 * twins, 11))

    def results(factor: float, seed: int) -> dict[str, Floats]:
        fleet = Fleet(opened.start, 8 * twins)
        fleet.reset(replace(plans, bid=factor * plans.bid), rows, seed + seeds)
        run(fleet, idle)
        clicks = fleet.state.total[:, :, Report.AD_CLICKS_SEARCH : Report.ORGANIC_CLICKS_FEED + 1].sum(axis=(1, 2))
        return {
            "clicks": clicks,
            "spend": fleet.state.store[:, StoreState.SPENT].copy(),
            "profit": fleet.score[:, [int(term) for term in PROFIT_TERMS]].sum(axis=1),
        }

    base, same, other = results(1.0, 100), results(1.03, 100), results(1.03, 900)
    for name, least in (("clicks", 100.0), ("spend", 50.0), ("profit", 10.0)):
        spread = [(found[name] - base[name]).reshape(twins, 8).var(axis=0, ddof=1).sum() for found in (other, same)]
        assert spread[0] / spread[1] > least, name
