"""Many stores at once: every slot is its own world, chance is keyed by seed and store, and no purse is overdrawn."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from merchantgym.envs import fleet as fleets
from merchantgym.envs.engines.layout import ChannelState, Report, StoreState
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.market.parameters import CHANNELS, SEGMENTS
from merchantgym.envs.observation import Global, ObservationView
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import GOALS, ROLES, Plan, PlanArrays, Promotion, check_plan, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import subset
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.task import action_size

N, K, HOURS = 5, 8, 336
SPENT = [Report.SPEND_SEARCH, Report.SPEND_FEED]
Played = dict[str, NDArray[Any]]


@cache
def world() -> OpenStores:
    return Population(load_scenario("headline")).open("train", N)


@pytest.fixture(scope="module")
def opened() -> OpenStores:
    return world()


@pytest.fixture(scope="module")
def plans(opened: OpenStores) -> PlanArrays:
    return pack_plans([platform_plan(office) for office in opened.offices], opened.listing_ids)


def drawn_actions(seed: int, hours: int = HOURS, slots: int = N) -> NDArray[np.float64]:
    """Wild actions (hours, slots, A)."""
    return np.random.default_rng(seed).uniform(-1, 1, (hours, slots, action_size(K)))


def test_a_budget_cut_binds_from_the_next_hour_and_shows_at_once(opened: OpenStores, plans: PlanArrays) -> None:
    fleet = Fleet(opened.start, N)
    fleet.reset(plans, np.arange(N), np.full(N, 3))
    loud = np.ones((N, action_size(K)))
    for _ in range(48):
        fleet.step(loud)
    spent = fleet.state.store[:, StoreState.SPENT].copy()
    assert (spent > 0.0).all()
    fleet.amend_budget(np.array([1, 3]), spent[[1, 3]] / 100 + np.array([0.5, 100.0]))
    left = ObservationView(fleet.observation)[Global.BUDGET_LEFT]
    np.testing.assert_allclose(left[[1, 3]], [50 / (spent[1] + 50), 10_000 / (spent[3] + 10_000)], rtol=1e-5)
    for _ in range(HOURS - 48):
        fleet.step(loud)
    final = fleet.state.store[:, StoreState.SPENT] - spent
    assert final[1] == 50.0
    assert 0.0 < final[3] <= 10_000.0
    assert final[0] > 10_000.0
    with pytest.raises(ValueError, match=r"budget\(min=0.0\) must be > 0"):
        fleet.amend_budget(np.array([0]), np.array([0.0]))


def play(fleet: Fleet, actions: NDArray[np.float64]) -> Played:
    """Everything a fleet shows, hour by hour, axis 1 being the slots; and its truth at the end."""
    rows: dict[str, list[NDArray[Any]]] = {}
    for action in actions:
        observation = fleet.step(action)
        seen = {
            "observation": observation,
            "reward": fleet.reward,
            "done": fleet.done,
            "terms": fleet.terms,
            "score": fleet.score,
            "offer": fleet.offer,
            "report": fleet.state.hour,
        }
        for name, values in seen.items():
            rows.setdefault(name, []).append(values.copy())
    return {name: np.stack(values) for name, values in rows.items()}


def same(one: Played, other: Played) -> None:
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def start(opened: OpenStores, plans: PlanArrays, seed: int = 7, **options: Any) -> Fleet:
    fleet = Fleet(opened.start, N, **options)
    fleet.reset(plans, np.arange(N), np.full(N, seed))
    return fleet


def test_same_seed_twins_are_identical_for_a_whole_plan(opened: OpenStores, plans: PlanArrays) -> None:
    actions = drawn_actions(0)
    same(play(start(opened, plans), actions), play(start(opened, plans), actions))


def test_stores_at_once_are_the_stores_one_by_one_bit_for_bit(opened: OpenStores, plans: PlanArrays) -> None:
    actions = drawn_actions(1)
    together = play(start(opened, plans), actions)
    for i in range(N):
        alone = Fleet(opened.start, 1)
        alone.reset(subset(plans, slice(i, i + 1)), np.array([i]), np.array([7]))
        same(play(alone, actions[:, i : i + 1]), {name: values[:, i : i + 1] for name, values in together.items()})


def test_threads_change_nothing(opened: OpenStores, plans: PlanArrays, monkeypatch: pytest.MonkeyPatch) -> None:
    actions = drawn_actions(2, hours=72)
    serial = play(start(opened, plans), actions)
    monkeypatch.setattr(fleets, "_ROWS_PER_THREAD", 1)
    monkeypatch.setattr(fleets.os, "cpu_count", lambda: 3)
    threaded = start(opened, plans, threads=3)
    assert len(threaded._parts) == 3  # else nothing would be tested here
    same(play(threaded, actions), serial)


def test_a_slot_does_not_matter_but_store_and_seed_do(opened: OpenStores, plans: PlanArrays) -> None:
    stores, seeds = np.array([3, 3, 3, 1]), np.array([5, 5, 6, 5])
    fleet = Fleet(opened.start, 4)
    fleet.reset(subset(plans, stores), stores, seeds)
    seen = play(fleet, np.repeat(drawn_actions(3, slots=1), 4, axis=1))
    for name in ("observation", "reward", "report"):
        np.testing.assert_array_equal(seen[name][:, 0], seen[name][:, 1])
    assert (seen["report"][:, 0] != seen["report"][:, 2]).any()
    assert (seen["report"][:, 0] != seen["report"][:, 3]).any()


def test_whatever_is_decided_the_market_takes_the_same_path(opened: OpenStores, plans: PlanArrays) -> None:
    def paths(actions: NDArray[np.float64], planned: PlanArrays) -> tuple[list[Any], float]:
        fleet = start(opened, planned)
        met = []
        for action in actions:
            fleet.step(action)
            met.append((fleet.state.store[:, StoreState.DEMAND], fleet.state.channel[:, :, ChannelState.RIVAL_NOISE]))
            met[-1] = tuple(each.copy() for each in met[-1])
        return met, float(fleet.score.sum())

    calm, scored = paths(np.zeros((HOURS, N, action_size(K))), plans)
    wild, other = paths(drawn_actions(4), replace(plans, bid=3 * plans.bid, price=1.3 * plans.price))
    assert scored != other
    for one, two in zip(calm, wild, strict=True):
        np.testing.assert_array_equal(one[0], two[0])
        np.testing.assert_array_equal(one[1], two[1])
    assert np.std([each[0] for each in calm]) > 0.05


def test_resetting_some_slots_leaves_the_others_alone(opened: OpenStores, plans: PlanArrays) -> None:
    actions = drawn_actions(5, hours=60)
    fleet, undisturbed = start(opened, plans), start(opened, plans)
    play(fleet, actions[:30])
    before = fleet.observation.copy()
    rows = np.array([3, 1])
    after = fleet.reset(subset(plans, np.array([0, 2])), np.array([0, 2]), np.array([8, 9]), rows=rows)
    kept = [0, 2, 4]
    np.testing.assert_array_equal(after[kept], before[kept])
    restarted = start(opened, plans).observation
    np.testing.assert_array_equal(after[rows], restarted[[0, 2]])
    assert (fleet.score[rows] == 0.0).all()
    seen = play(fleet, actions[30:])
    play(undisturbed, actions[:30])
    expected = play(undisturbed, actions[30:])
    for name in ("observation", "reward", "terms", "score"):
        np.testing.assert_array_equal(seen[name][:, kept], expected[name][:, kept])


def test_a_store_whose_plan_is_over_stands_still(opened: OpenStores, plans: PlanArrays) -> None:
    days = np.array([1, 2, 14, 1, 3])
    fleet = start(opened, replace(plans, days=days))
    seen = play(fleet, drawn_actions(6, hours=80))
    for i in range(N):
        end = 24 * days[i]
        np.testing.assert_array_equal(seen["done"][:, i], np.arange(1, 81) >= end)
        for name in ("observation", "score"):
            assert (seen[name][end:, i] == seen[name][min(end, 80) - 1, i]).all()
        for name in ("reward", "terms"):
            assert (seen[name][end:, i] == 0.0).all()
            assert (seen[name][: min(end, 80), i] != 0.0).any()


def test_a_slot_plays_again_after_its_plan_is_over(opened: OpenStores, plans: PlanArrays) -> None:
    one_day = replace(plans, days=np.full(N, 1))
    fleet = start(opened, one_day)
    actions = drawn_actions(7, hours=24)
    first = play(fleet, actions)
    assert fleet.done.all()
    fleet.reset(one_day, np.arange(N), np.full(N, 7))
    assert not fleet.done.any()
    same(play(fleet, actions), first)


def test_the_books_of_a_short_plan_are_closed_with_it(opened: OpenStores, plans: PlanArrays) -> None:
    """Whoever waits to order does so in the last hour, whether the plan is short or long."""
    for days in (1, 14):
        fleet = start(opened, replace(plans, days=np.full(N, days)))
        play(fleet, np.zeros((24 * days, N, action_size(K))))
        assert fleet.done.all()
        assert (fleet.state.pending == 0.0).all()
        assert (fleet.state.refunds == 0.0).all()


def test_the_target_is_the_published_traffic(opened: OpenStores, plans: PlanArrays) -> None:
    days = np.array([14, 7, 1, 10, 14])
    fleet = start(opened, replace(plans, days=days))
    schedule = fleet.task.schedule
    for i, store in enumerate(opened.stores):
        clock = np.arange(24 * days[i])
        traffic = np.asarray(store.market.weekly_traffic)[(store.start_hour + clock) % 168]
        traffic = traffic * np.where(np.isin(clock // 24, store.promotion_days), store.market.promotion_uplift, 1.0)
        expected = np.concatenate([[0.0], np.cumsum(traffic) / traffic.sum()])
        np.testing.assert_allclose(schedule[i, : len(expected)], expected, atol=1e-12)
        assert schedule[i, 0] == 0.0
        assert (schedule[i, len(clock) :] == 1.0).all()


def any_plan(opened: OpenStores, number: int, rng: np.random.Generator) -> Plan:
    """A plan within what the store allows, odd ones included."""
    office = opened.offices[number]
    base = platform_plan(office)
    days = int(rng.integers(1, office.days + 1))
    total = office.budget * float(rng.choice([0.001, 0.1, 1.0]))
    edges = sorted({0, *rng.integers(0, 24 * days, 3).tolist(), 24 * days})
    windows = tuple(
        Promotion(start_hour=first, end_hour=last, discount=float(rng.uniform(0.01, 0.5)))
        for first, last in zip(edges[:-1:2], edges[1::2], strict=False)
    )
    listings = tuple(
        listing.model_copy(
            update={
                "role": str(rng.choice(ROLES)),
                "budget_share": float(rng.choice([0.0, 0.02, 0.5, 1.0])),
                "bid": float(rng.choice([0.0, 0.01, 1.0, 5.0])) * listing.bid,
                "price": float(rng.choice([0.3, 1.0, 1.5])) * listing.price,
            }
        )
        for listing in base.listings
    )
    split = rng.choice([(1.0, 1.0), (0.3, 0.7), (1.0, 0.0), (0.6, 0.9)]).tolist()
    changes = {
        "goal": str(rng.choice(GOALS)),
        "days": days,
        "audience": {segment: float(rng.choice([0.0, 1.0, 3.0])) for segment in SEGMENTS},
        "listings": listings,
        "channel_split": dict(zip(CHANNELS, split, strict=True)),
        "budget_total": total,
        "budget_daily": total * float(rng.choice([0.05, 0.3, 1.0])),
        "roi_floor": office.roi_floor + float(rng.choice([0.0, 4.0])),
        "promotions": windows,
        "allow_below_cost": True,
    }
    plan = base.model_copy(update=changes)
    check_plan(plan, office)
    return plan


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), greed=st.sampled_from([0.1, 1.0]))
def test_no_plan_and_no_actions_overspend_any_purse(seed: int, greed: float) -> None:
    opened, rng = world(), np.random.default_rng(seed)
    written = [any_plan(opened, i, rng) for i in range(N)]
    packed = pack_plans(written, opened.listing_ids)
    actions = drawn_actions(seed)
    actions[:, :, : 2 + K] = np.abs(actions[:, :, : 2 + K]) ** greed
    seen = play(start(opened, packed), actions)
    spend = seen["report"][:, :, :, SPENT]  # [fen] (H, N, K, C)
    for i, plan in enumerate(written):
        paid = spend[: 24 * plan.days, i]  # of a store whose plan is over, nothing counts
        assert paid.min() >= 0.0
        assert paid.sum() <= 100 * plan.budget_total + 0.5  # purses hold whole fen
        day = (plan.start_hour % 24 + np.arange(len(paid))) // 24
        assert np.bincount(day, weights=paid.sum(axis=(1, 2))).max() <= 100 * plan.budget_daily + 0.5
        assert (paid.sum(axis=(0, 2)) <= 100 * packed.cap_listing[i] + 0.5).all()
        assert (paid.sum(axis=(0, 1)) <= 100 * packed.cap_channel[i] + 0.5).all()


def test_what_cannot_be_is_refused(opened: OpenStores, plans: PlanArrays) -> None:
    with pytest.raises(ValueError, match=r"slots\(=0\) must be >= 1"):
        Fleet(opened.start, 0)
    with pytest.raises(ValueError, match=r"threads\(=0\) must be >= 1"):
        Fleet(opened.start, 1, threads=0)
    with pytest.raises(ValueError, match=r"plan.days\(=15\) must be at most 14"):
        start(opened, replace(plans, days=np.full(N, 15)))
    with pytest.raises(ValueError, match=r"action has shape \(4, 11\), needs \(5, 11\)"):
        start(opened, plans).step(np.zeros((4, 11)))
