"""The one loop: chunks, threads and traces change no result, everyone meets the same market, and sums add up."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from merchantgym.envs import fleet as fleets
from merchantgym.envs import rollout as rollouts
from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.engines.layout import ChannelState, Report, StoreState
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import observation_size
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import Plan, PlanArrays, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.reward import PROFIT_TERMS, Term, reward_from_mapping
from merchantgym.envs.rollout import Episodes, rollout
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.store_env import ManagedStoreEnv
from merchantgym.envs.trace import Trace

N, K, SEED = 5, 8, 13
CLICKS = [
    *(Report.AD_CLICKS_SEARCH, Report.AD_CLICKS_FEED),
    *(Report.ORGANIC_CLICKS_SEARCH, Report.ORGANIC_CLICKS_FEED),
]
VIEWS = [
    *(Report.AD_IMPRESSIONS_SEARCH, Report.AD_IMPRESSIONS_FEED),
    *(Report.ORGANIC_IMPRESSIONS_SEARCH, Report.ORGANIC_IMPRESSIONS_FEED),
]
DAYS = (2, 14, 1, 3, 5)


@dataclass(frozen=True)
class Wave:
    """Bids that swing from hour to hour and with what is seen, store by store; remembers how often it was asked."""

    strength: float = 0.7
    name: str = "wave"
    kind: Kind = "controller"

    def init(self, plans: PlanArrays, n: int) -> Memory:
        assert plans.bid.shape[0] == n
        return (np.zeros((n, 1)), plans.budget_total[:, None].copy())

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        asked, budget = memory
        assert observation.dtype == np.float32
        assert observation.shape == (len(asked), observation_size(K))
        wave = np.sin(asked + np.arange(2 + K + 1) + budget) * observation[:, 10:11]
        return self.strength * wave.astype(np.float64), (asked + 1.0, budget)


@pytest.fixture(scope="module")
def opened() -> OpenStores:
    return Population(load_scenario("headline")).open("train", N)


@pytest.fixture(scope="module")
def plans(opened: OpenStores) -> list[Plan]:
    return [platform_plan(office) for office in opened.offices]


@pytest.fixture(scope="module")
def mixed(plans: list[Plan]) -> list[Plan]:
    """Plans of different lengths."""
    return [plan.model_copy(update={"days": days}) for plan, days in zip(plans, DAYS, strict=True)]


@pytest.fixture(scope="module")
def run(opened: OpenStores, plans: list[Plan]) -> Episodes:
    return rollout(Wave(), opened, plans, SEED, trace=True)


def same(one: Episodes, other: Episodes) -> None:
    """Equal to the last bit, traces included."""
    for field in fields(Episodes):
        if field.name != "trace":
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)
    assert (one.trace is None) == (other.trace is None)
    if one.trace is not None and other.trace is not None:
        for name, values in vars(one.trace).items():
            np.testing.assert_array_equal(values, getattr(other.trace, name), err_msg=name)


def test_the_same_call_gives_the_same_episodes(opened: OpenStores, plans: list[Plan], run: Episodes) -> None:
    same(run, rollout(Wave(), opened, plans, SEED, trace=True))
    assert (rollout(Wave(), opened, plans, SEED + 1).profit != run.profit).all()


def test_packed_plans_do_as_well(opened: OpenStores, plans: list[Plan], run: Episodes) -> None:
    same(run, rollout(Wave(), opened, pack_plans(plans, opened.listing_ids), SEED, trace=True))


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_chunks_change_nothing(
    opened: OpenStores, mixed: list[Plan], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = rollout(Wave(), opened, mixed, SEED, trace=True)
    bare = rollout(Wave(), opened, mixed, SEED)
    monkeypatch.setattr(rollouts, "CHUNK", chunk)
    same(whole, rollout(Wave(), opened, mixed, SEED, trace=True))
    same(bare, rollout(Wave(), opened, mixed, SEED))


def test_threads_change_nothing(opened: OpenStores, mixed: list[Plan], monkeypatch: pytest.MonkeyPatch) -> None:
    serial = rollout(Wave(), opened, mixed, SEED, trace=True)
    made = []
    monkeypatch.setattr(fleets, "_ROWS_PER_THREAD", 1)
    monkeypatch.setattr(fleets.os, "cpu_count", lambda: 4)
    pool = fleets.ThreadPoolExecutor
    monkeypatch.setattr(fleets, "ThreadPoolExecutor", lambda workers: made.append(workers) or pool(workers))
    same(serial, rollout(Wave(), opened, mixed, SEED, trace=True, threads=3))
    assert made == [3]


@pytest.mark.parametrize("chunk", [2, 1024])
def test_progress_rises_to_the_whole(
    opened: OpenStores, mixed: list[Plan], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollouts, "CHUNK", chunk)
    for trace in (False, True):
        told: list[tuple[int, int]] = []
        rollout(
            Wave(), opened, mixed, SEED, trace=trace, progress=lambda done, work, told=told: told.append((done, work))
        )
        done = [each for each, _ in told]
        assert {work for _, work in told} == {24 * sum(DAYS)}
        assert done == sorted(done)
        assert done[0] == min(chunk, N)
        assert done[-1] == 24 * sum(DAYS)


def test_episodes_are_what_the_environment_plays(opened: OpenStores, plans: list[Plan], run: Episodes) -> None:
    env = ManagedStoreEnv(stores=N)
    actor = Wave()
    for i, plan in enumerate(plans):
        observation, info = env.reset(options={"store": i, "run_seed": SEED, "plan": plan})
        assert info["store"] == opened.offices[i].store
        memory = actor.init(pack_plans([plan], [opened.listing_ids[i]]), 1)
        earned, over, told = 0.0, False, []
        while not over:
            action, memory = actor.act(observation[None], memory)
            observation, reward, over, _, terms = env.step(action[0])
            earned += reward
            told.append(terms)

        def total(name: str, told: list[dict[str, float]] = told) -> float:
            return sum(terms[name] for terms in told)

        assert run.reward[i] == pytest.approx(earned, rel=1e-12)
        assert run.profit[i] == pytest.approx(total("profit"), rel=1e-12)
        assert run.spend[i] == pytest.approx(-total("ad_spend"), rel=1e-12)
        assert run.gmv[i] == pytest.approx(total("gmv"), rel=1e-12)
        assert run.orders[i] == total("orders")
        assert run.broke_zero[i] == total("first_sales")
        for term in Term:
            assert run.terms[i, term] == pytest.approx(total(term.name.lower()), rel=1e-12, abs=1e-9)


def test_totals_are_the_money_and_the_counts(run: Episodes) -> None:
    spend = run.totals[:, :, [Report.SPEND_SEARCH, Report.SPEND_FEED]].sum(axis=(1, 2)) / 100
    np.testing.assert_allclose(run.spend, spend)
    np.testing.assert_allclose(run.gmv, run.totals[:, :, Report.REVENUE].sum(axis=1) / 100)
    np.testing.assert_allclose(run.attributed_gmv, run.totals[:, :, Report.AD_REVENUE].sum(axis=1) / 100)
    orders = [Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW]
    np.testing.assert_array_equal(run.orders, run.totals[:, :, orders].sum(axis=(1, 2)))
    assert len(run) == N


def test_a_missed_roi_floor_and_lost_money_are_counted(opened: OpenStores, plans: list[Plan]) -> None:
    plain = rollout(Wave(), opened, plans, SEED)
    reached = plain.attributed_gmv / plain.spend
    floors = np.where(np.arange(N) % 2, 1.01, 0.99) * reached
    packed = pack_plans(plans, opened.listing_ids)
    held = rollout(Wave(), opened, PlanArrays(**{**vars(packed), "roi_floor": floors}), SEED)
    np.testing.assert_array_equal(held.profit, plain.profit)
    np.testing.assert_array_equal(held.violation, np.arange(N) % 2)
    np.testing.assert_allclose(
        held.terms[:, Term.ROI_SHORTFALL], np.minimum(plain.attributed_gmv - floors * plain.spend, 0)
    )
    np.testing.assert_array_equal(held.lost_money, held.profit < 0)
    given_away = PlanArrays(**{**vars(packed), "price": 0.3 * packed.price, "allow_below_cost": np.ones(N, dtype=bool)})
    lost = rollout(Wave(), opened, given_away, SEED)
    assert (lost.profit < 0).any()
    np.testing.assert_array_equal(lost.lost_money, lost.profit < 0)


def test_no_floor_cannot_be_missed(opened: OpenStores, plans: list[Plan]) -> None:
    packed = pack_plans(plans, opened.listing_ids)
    free = PlanArrays(**{**vars(packed), "roi_floor": np.zeros(N)})
    assert (rollout(Wave(), opened, free, SEED).violation == 0.0).all()


def test_a_short_plan_beside_long_ones_is_the_short_plan_alone(opened: OpenStores, mixed: list[Plan]) -> None:
    together = rollout(Wave(), opened, mixed, SEED)
    for i in (0, 2, 4):
        days = [plan.model_copy(update={"days": DAYS[i]}) for plan in mixed]
        alone = rollout(Wave(), opened, days, SEED)
        for name in ("reward", "profit", "terms", "totals"):
            np.testing.assert_array_equal(getattr(together, name)[i], getattr(alone, name)[i], err_msg=name)


def test_actors_meet_the_same_market(opened: OpenStores, plans: list[Plan]) -> None:
    """Demand and the rivals' moods take one path a seed, whatever is done; another seed, another path."""
    met: list[list[NDArray[np.float64]]] = []

    def look(fleet: Fleet) -> None:
        noise = fleet.state.channel[:, :, ChannelState.RIVAL_NOISE]
        met[-1].append(np.concatenate([fleet.state.store[:, [StoreState.DEMAND]], noise], axis=1))

    profits = []
    for strength, seed in ((0.0, SEED), (1.0, SEED), (0.0, SEED + 1)):
        met.append([])
        profits.append(rollout(Wave(strength), opened, plans, seed, on_hour=look).profit)
    still, waving, elsewhere = (np.stack(path) for path in met)
    assert still.shape == (336, N, 3)
    np.testing.assert_array_equal(still, waving)
    assert (profits[0] != profits[1]).all()
    assert (still[0] != elsewhere[0]).all()


def test_weights_of_the_reward_change_the_reward_alone(opened: OpenStores, plans: list[Plan]) -> None:
    config = {"scale": 4.0, "weights": {"every": {"orders": 2.0}}}
    plain = rollout(Wave(), opened, plans, SEED)
    other = rollout(Wave(), opened, plans, SEED, reward=reward_from_mapping(config))
    np.testing.assert_allclose(plain.reward, plain.profit / 10)
    np.testing.assert_allclose(other.reward, other.orders / 2)
    np.testing.assert_array_equal(other.totals, plain.totals)


def test_a_trace_adds_up_to_the_episode(run: Episodes) -> None:
    trace = run.trace
    assert trace is not None
    for name in ("spend", "gmv", "profit", "orders"):
        np.testing.assert_allclose(getattr(trace, name).sum(axis=0), getattr(run, name), rtol=1e-12, err_msg=name)
    for series, columns in ((trace.clicks, CLICKS), (trace.impressions, VIEWS)):
        assert series.shape == (336, N, 2)
        np.testing.assert_array_equal(series.sum(axis=0)[:, 0], run.totals[:, :, columns[:2]].sum(axis=(1, 2)))
        np.testing.assert_array_equal(series.sum(axis=0)[:, 1], run.totals[:, :, columns[2:]].sum(axis=(1, 2)))


def test_a_trace_shows_what_was_decided(opened: OpenStores, plans: list[Plan], run: Episodes) -> None:
    trace = run.trace
    assert trace is not None
    starts = np.array([plan.start_hour for plan in plans])
    np.testing.assert_array_equal(trace.hour_of_week, (starts + np.arange(336)[:, None]) % 168)
    np.testing.assert_allclose(trace.budget, [round(plan.budget_total, 2) for plan in plans])
    assert (trace.target[-1] == 1.0).all()
    assert (np.diff(trace.target, axis=0) > 0).all()
    assert ((trace.win_share >= 0) & (trace.win_share <= 1)).all()
    assert (trace.stock >= 0).all()
    assert trace.stock.shape == (336, N, K)
    first = 0.7 * np.sin(np.arange(2 + K + 1) + np.array([plan.budget_total for plan in plans])[:, None])
    ratio = 4 ** first[:, :2].mean(axis=1) * 4 ** first[:, 2 : 2 + K].mean(axis=1)
    np.testing.assert_allclose(trace.bid_ratio[0], ratio, rtol=1e-6)
    np.testing.assert_allclose(trace.discount[0], first[:, -1], rtol=1e-6)


def test_bids_of_paused_listings_do_not_count_in_a_trace(opened: OpenStores, plans: list[Plan]) -> None:
    def paused(plan: Plan) -> Plan:
        kept = [each.model_copy(update={"role": "paused"}) for each in plan.listings[:-1]]
        return plan.model_copy(update={"listings": (*kept, plan.listings[-1]), "days": 1})

    trace = rollout(Wave(), opened, [paused(plan) for plan in plans], SEED, trace=True).trace
    assert trace is not None
    first = 0.7 * np.sin(np.arange(2 + K + 1) + np.array([plan.budget_total for plan in plans])[:, None])
    np.testing.assert_allclose(trace.bid_ratio[0], 4 ** (first[:, :2].mean(axis=1) + first[:, 1 + K]), rtol=1e-6)


def test_after_a_plans_end_its_trace_is_silent(opened: OpenStores, mixed: list[Plan]) -> None:
    rich = [plan.model_copy(update={"budget_daily": plan.budget_total}) for plan in mixed]
    episodes = rollout(Wave(), opened, rich, SEED, trace=True)
    trace = episodes.trace
    assert isinstance(trace, Trace)
    assert trace.win_share[23, 2].min() > 0.0  # there is something to fall silent
    for i, days in enumerate(DAYS):
        for name in ("spend", "gmv", "profit", "orders", "clicks", "impressions", "win_share"):
            values = getattr(trace, name)[:, i]
            assert len(values) == 24 * max(DAYS)
            assert (values[24 * days :] == 0.0).all(), name
        np.testing.assert_array_equal(trace.clicks[:, i].sum(), episodes.totals[i][:, CLICKS].sum())


def test_plans_must_be_as_many_as_stores(opened: OpenStores, plans: list[Plan]) -> None:
    with pytest.raises(ValueError, match=r"plans\(=4\) must be as many as stores\(=5\)"):
        rollout(Wave(), opened, pack_plans(plans[:4], opened.listing_ids[:4]), SEED)
    with pytest.raises(ValueError, match=r"plans\(=4 of them\) must be >= 1 and as many as listing_ids\(5\)"):
        rollout(Wave(), opened, plans[:4], SEED)


@dataclass(frozen=True)
class Broken(Wave):
    """Answers with what no platform could carry out."""

    answer: Any = None

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        return self.answer, memory


def test_an_impossible_action_is_named(opened: OpenStores, plans: list[Plan]) -> None:
    lost = np.zeros((N, 11))
    lost[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"action\[3\]\.channel_search\(=nan\) must be a finite number"):
        rollout(Broken(answer=lost), opened, plans, SEED)
    with pytest.raises(ValueError, match=r"action has shape \(5, 4\), needs \(5, 11\)"):
        rollout(Broken(answer=np.zeros((N, 4))), opened, plans, SEED)


def test_a_store_alone_meets_under_its_number_what_it_meets_among_all(plans: list[Plan], run: Episodes) -> None:
    alone = Population(load_scenario("headline")).open("train", 1, first=3)
    one = rollout(Wave(), alone, plans[3:4], SEED, keys=np.array([3]))
    for field in fields(Episodes):
        if field.name != "trace":
            np.testing.assert_array_equal(getattr(one, field.name)[0], getattr(run, field.name)[3], err_msg=field.name)
    with pytest.raises(ValueError, match=r"keys\(shape=\(2,\)\) must be \(1,\)"):
        rollout(Wave(), alone, plans[3:4], SEED, keys=np.arange(2))


def test_the_fleet_can_be_read_after_every_hour(opened: OpenStores, plans: list[Plan], run: Episodes) -> None:
    profit: list[float] = []
    hours: list[float] = []

    def look(fleet: Fleet) -> None:
        profit.append(float(fleet.score[:, [int(term) for term in PROFIT_TERMS]].sum()))
        hours.append(float(fleet.state.store[0, StoreState.HOUR]))

    watched = rollout(Wave(), opened, plans, SEED, trace=True, on_hour=look)
    same(watched, run)
    assert hours == list(range(1, 14 * 24 + 1))
    assert profit[-1] == pytest.approx(run.profit.sum())
