"""What the back office shows: in its documented range, right by hand, not ahead of its time, and no true parameter."""

from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import (
    ChannelState,
    ListingField,
    ListingState,
    Report,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from merchantgym.envs.fleet import Fleet, StoreSet
from merchantgym.envs.observation import (
    GLOBAL_FEATURES,
    LISTING_FEATURES,
    Global,
    ObservationView,
    PerListing,
    bounds,
    feature_names,
    listings_in,
    observation_size,
)
from merchantgym.envs.opening import OpenStores, open_stores
from merchantgym.envs.plan import GOALS, ROLES, Plan, Promotion, check_plan, pack_plans
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


@pytest.fixture(scope="module")
def opened() -> OpenStores:
    return world("headline")


def drawn_actions(seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).uniform(-1, 1, (HOURS, N, action_size(K)))


def start(opened: OpenStores, plans: list[Plan], source: StoreSet | None = None) -> Fleet:
    fleet = Fleet(source or opened.start, N)
    fleet.reset(pack_plans(plans, opened.listing_ids), np.arange(N), np.full(N, 3))
    return fleet


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


# The run that is checked by hand ------------------------------------------------------------------------------


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


@pytest.fixture(scope="module")
def run(opened: OpenStores) -> Run:
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


def test_the_clock(run: Run) -> None:
    for h in (0, 5, 23, 24, 200):
        angle = 2 * np.pi * (run.clock[h] % 24) / 24
        close(run[Global.HOUR_SIN][h], np.sin(angle))
        close(run[Global.HOUR_COS][h], np.cos(angle))
        close(run[Global.HOUR_COS_2][h], np.cos(2 * angle))
        close(run[Global.WEEK_SIN][h], np.sin(2 * np.pi * (run.clock[h] % 168) / 168))
        close(run[Global.TIME_LEFT][h], 1 - h / HOURS)
    assert (run[Global.TIME_LEFT][-1] == 0.0).all()


def test_traffic_passed_starts_at_none_and_ends_at_all(run: Run) -> None:
    passed = run[Global.TRAFFIC_PASSED]
    assert (passed[0] == 0.0).all()
    assert (passed[-1] == 1.0).all()
    assert (np.diff(passed, axis=0) > 0.0).all()
    close(run[Global.TRAFFIC_NEXT][:-1] / HOURS, np.diff(passed, axis=0))
    for i, office in enumerate(run.opened.offices):
        on = np.isin(np.arange(HOURS) // 24, office.promotion_days)
        np.testing.assert_array_equal(run[Global.PROMOTION_DAY][:-1, i], on)


def test_the_days_traffic_runs_out_at_midnight(run: Run) -> None:
    left, passed = run[Global.DAY_TRAFFIC_LEFT][:-1], run[Global.TRAFFIC_PASSED]
    assert (left[::24] == 1.0).all()
    for h in (7, 100, 335):
        midnight = h - h % 24
        day = passed[midnight + 24] - passed[midnight]
        np.testing.assert_allclose(left[h], (passed[midnight + 24] - passed[h]) / day, rtol=1e-3)


def test_the_budget(run: Run) -> None:
    total, daily = run.money("budget_total"), np.round(run.money("budget_daily"), 2)  # purses hold whole fen
    close(run[Global.BUDGET_LEFT], 1 - run.spent / total)
    close(run[Global.PACING_GAP], run[Global.TRAFFIC_PASSED] - run.spent / total)
    today = np.zeros((HOURS + 1, N))
    for h in range(1, HOURS):
        today[h] = run.spend[h - h % 24 : h].sum(axis=0)
    today[HOURS] = run.spend[-24:].sum(axis=0)
    left = np.minimum(daily - today, total - run.spent) / daily
    close(run[Global.DAY_BUDGET_LEFT], left)
    assert left.min() < 1e-9  # the day's money ran out at times
    close(run[Global.BUDGET_SIZE], np.tile(np.log(total / 14) - 3, (HOURS + 1, 1)))


def test_spend_against_its_target(run: Run) -> None:
    target = np.diff(run[Global.TRAFFIC_PASSED], axis=0) * run.money("budget_total")
    np.testing.assert_allclose(run[Global.SPEND_RATE][1:], np.log1p(run.spend / target), rtol=2e-3, atol=1e-4)
    assert (run[Global.SPEND_RATE][0] == 0.0).all()


def test_an_hour_without_money_was_not_served(run: Run) -> None:
    served = run[Global.SERVED_SHARE]
    broke = run[Global.DAY_BUDGET_LEFT][:-1] == 0.0
    assert broke.any()
    assert (served[1:][broke] == 0.0).all()
    rich = run[Global.DAY_BUDGET_LEFT][1:] > 0.0
    rich[23::24] = False  # at midnight there is a new day's money
    assert (served[1:][rich] == 1.0).all()
    assert ((served > 0.0) & (served < 1.0)).any()


def test_what_advertising_returned(run: Run) -> None:
    attributed = run.so_far(Report.AD_REVENUE).sum(axis=2) / 100
    close(run[Global.AD_RETURN], np.log1p(attributed / np.maximum(run.spent, 1.0)))
    floor = run.money("roi_floor")
    assert (run[Global.ROI_GAP][:, floor == 0.0] == 0.0).all()
    enough = run.spent[-1] > 0
    assert enough.all()
    expected = np.log(attributed[-1][floor > 0] / run.spent[-1][floor > 0] / floor[floor > 0])
    close(run[Global.ROI_GAP][-1][floor > 0], expected)


def test_profit_and_progress_to_the_goal(run: Run) -> None:
    terms = run.terms.cumsum(axis=0)
    names = [Term.GROSS_MARGIN, Term.COMMISSION, Term.RETURNS, Term.AD_SPEND]
    profit = terms[:, :, names].sum(axis=2)
    close(run[Global.PROFIT][1:], np.clip(profit / run.money("budget_total"), -5, 20))
    units = run.so_far(Report.UNITS).sum(axis=2)[1:]
    reached = {
        "gmv": terms[:, :, Term.GMV],
        "buyers": terms[:, :, Term.ORDERS],
        "break_zero": terms[:, :, Term.FIRST_SALES],
        "clear_stock": units,
    }
    for i, plan in enumerate(run.plans):
        close(run[Global.PROGRESS][1:, i], np.clip(reached[plan.goal][:, i] / plan.target, 0, 5))
        shown = [run[feature][50, i] for feature in GOAL_FEATURES]
        assert shown == [float(goal == plan.goal) for goal in GOALS]


def test_last_actions_are_those_given(run: Run) -> None:
    close(run[Global.LAST_SEARCH][1:], run.actions[:, :, 0])
    close(run[Global.LAST_FEED][1:], run.actions[:, :, 1])
    close(run[PerListing.LAST_ACTION][1:], run.actions[:, :, 2:-1])
    close(run[Global.LAST_DISCOUNT][1:], run.actions[:, :, -1])
    for feature in (Global.LAST_SEARCH, Global.LAST_FEED, Global.LAST_DISCOUNT, PerListing.LAST_ACTION):
        assert (run[feature][0] == 0.0).all()


def test_the_plans_own_promotion_is_announced_with_its_hour(opened: OpenStores) -> None:
    windows = (Promotion(start_hour=2, end_hour=4, discount=0.1), Promotion(start_hour=5, end_hour=6, discount=0.3))
    plans = [platform_plan(office) for office in opened.offices]
    plans[1] = plans[1].model_copy(update={"promotions": windows, "allow_below_cost": True})
    fleet = start(opened, plans)
    shown = [fleet.observation.copy()] + [fleet.step(np.zeros((N, action_size(K)))).copy() for _ in range(6)]
    seen = np.stack([ObservationView(each)[Global.OWN_PROMOTION] for each in shown])
    close(seen[:, 1], [0.0, 0.0, 0.1, 0.1, 0.0, 0.3, 0.0])
    assert (seen[:, [0, 2, 3]] == 0.0).all()


def test_counts_carry_on_from_last_weeks_report(run: Run) -> None:
    close(run[PerListing.IMPRESSIONS], np.log1p(run.history("impressions") + run.so_far(*VIEWS)))
    close(run[PerListing.CLICKS], np.log1p(run.history("clicks") + run.so_far(*CLICKS)))
    close(run[PerListing.ORDERS], np.log1p(run.history("orders") + run.so_far(*ORDERS)))
    close(run[PerListing.AD_IMPRESSIONS], np.log1p(run.history("ad_impressions") + run.so_far(*AD_VIEWS)))
    close(run[PerListing.AD_CLICKS], np.log1p(run.history("ad_clicks") + run.so_far(*AD_CLICKS)))
    views, clicks = run.history("impressions") + run.so_far(*VIEWS), run.history("clicks") + run.so_far(*CLICKS)
    close(run[PerListing.CLICK_RATE], np.log((clicks + 0.038 * 200) / (views + 200)))


def test_clicks_mature_as_the_published_delays_say(run: Run) -> None:
    clicks, matured = np.expm1(run[PerListing.CLICKS]), np.expm1(run[PerListing.MATURED_CLICKS])
    assert (matured <= clicks + 1e-3).all()
    for i, store in enumerate(run.opened.stores):
        market = store.market
        same_hour, within_day = market.delay_shares[:2]
        slow = 1 - same_hour - within_day
        age = np.arange(HOURS)[::-1]  # at the end of the plan, of the clicks of each hour
        due = 1 - within_day * (1 - 1 / market.day_delay_hours) ** age - slow * (1 - 1 / market.slow_delay_hours) ** age
        hourly = run.report[:, i][:, :, CLICKS].sum(axis=2)
        waiting_before = (clicks - matured)[0, i]  # of last week's clicks
        least = (hourly * due[:, None]).sum(axis=0) + run.history("clicks")[i] - waiting_before
        most = (hourly * due[:, None]).sum(axis=0) + run.history("clicks")[i]
        assert (matured[-1, i] >= least - 0.01 - 1e-4 * most).all()
        assert (matured[-1, i] <= most + 0.01 + 1e-4 * most).all()


def test_the_shops_conversion_is_shrunk_to_the_markets(run: Run) -> None:
    orders = np.expm1(run[PerListing.ORDERS]).sum(axis=2)
    matured = np.expm1(run[PerListing.MATURED_CLICKS]).sum(axis=2)
    expected = np.log((orders + 0.012 * 200) / (matured + 200))
    np.testing.assert_allclose(run[Global.STORE_CONVERSION], expected, atol=1e-4)


def test_a_listings_money(run: Run) -> None:
    spent = run.so_far(*SPENT) / 100
    close(run[PerListing.SPEND_SHARE], spent / run.money("budget_total")[:, None])
    close(run[PerListing.CAP_LEFT], 1 - spent / np.round(0.2 * run.money("budget_total"), 2)[:, None])
    for i, (plan, office) in enumerate(zip(run.plans, run.opened.offices, strict=True)):
        price = np.array([listing.price for listing in plan.listings])
        close(run[PerListing.PRICE][9, i], np.log(price))
        close(run[PerListing.PRICE_GAP][9, i], np.log(price / office.market_price))
        close(run[PerListing.UNIT_MARGIN][9, i], 1 - office.cost / price)
        active = np.array([listing.role != "paused" for listing in plan.listings])
        bid = np.array([listing.bid for listing in plan.listings])
        np.testing.assert_array_equal(run[PerListing.ACTIVE][9, i], active)
        close(run[PerListing.PLAN_BID][9, i], np.where(active, np.log(bid), 0.0))
        roles = np.array([listing.role for listing in plan.listings])
        for feature, role in zip(ROLE_FEATURES, ROLES[:4], strict=True):
            np.testing.assert_array_equal(run[feature][9, i], roles == role)


def test_a_mean_orders_margin_is_shrunk_to_a_few_lots(run: Run) -> None:
    orders = run.history("orders") + run.so_far(*ORDERS)
    units = run.history("units") + run.so_far(Report.UNITS)
    lots = run.history("minimum_order")
    price = np.array([[listing.price for listing in plan.listings] for plan in run.plans])
    mean = (units + 3 * 2.2 * lots) / (orders + 3)
    close(run[PerListing.ORDER_VALUE], np.log1p((price - run.history("cost")) * mean))


def test_the_shelf(run: Run) -> None:
    stock = np.concatenate([run.history("stock")[None], run.listing[:, :, :, ListingState.STOCK]])
    close(run[PerListing.STOCK_LEFT], np.clip(stock / run.history("stock"), 0, 5))
    np.testing.assert_array_equal(run[PerListing.LISTED][1:], run.listing[:, :, :, ListingState.LISTED])
    np.testing.assert_array_equal(run[PerListing.INCOMING][1:], run.listing[:, :, :, ListingState.INCOMING] > 0)
    assert (run[PerListing.LISTED] == 0.0).any()
    assert (run[PerListing.INCOMING] == 1.0).any()
    cover = run[PerListing.STOCK_COVER]
    assert (cover[stock == 0.0] == 0.0).all()
    grown = (np.diff(stock, axis=0) > 0.0) & (run.report[:, :, :, Report.UNITS] == 0.0)
    assert (np.diff(cover, axis=0)[grown] > 0.0).all()  # goods arrived: they last longer


def test_first_sales_and_reviews(run: Run) -> None:
    sold = run[PerListing.SOLD]
    ever = (run.history("reviews") > 0) | (run.history("orders") > 0) | (run.so_far(*ORDERS) > 0)
    np.testing.assert_array_equal(sold, ever)
    assert (sold[0] == 0.0).any()
    close(run[PerListing.FEW_REVIEWS][0], 1 / np.sqrt(1 + run.history("reviews")))
    close(run[PerListing.FEW_REVIEWS][1:], 1 / np.sqrt(1 + run.listing[:, :, :, ListingState.REVIEWS]))
    close(run[PerListing.NEWNESS][48], np.exp(-(run.history("age_days") + 2) / 10))


def test_rank_rating_and_win_share_are_reported_once_a_day(run: Run) -> None:
    for feature in (PerListing.RANK, PerListing.RATING, Global.WIN_SEARCH, Global.WIN_FEED):
        values = run[feature]
        change = (np.diff(values, axis=0) != 0.0).reshape(HOURS, -1).any(axis=1)
        assert set(np.flatnonzero(change) % 24) == {0}, feature  # in the first hour of a day
        assert change.sum() >= 8, feature


def test_win_share_is_yesterdays_mean(run: Run) -> None:
    shares = run.channel[:, :, :, ChannelState.WIN_SHARE]
    for day in (1, 5, 13):
        yesterday = shares[24 * (day - 1) : 24 * day].mean(axis=0)
        close(run[Global.WIN_SEARCH][24 * day + 3], yesterday[:, 0])
        close(run[Global.WIN_FEED][24 * day + 3], yesterday[:, 1])


def test_the_price_of_a_click_follows_what_was_paid(run: Run) -> None:
    for c, feature in enumerate((Global.PRICE_SEARCH, Global.PRICE_FEED)):
        shown = np.exp(run[feature])
        clicks = run.report[:, :, :, AD_CLICKS[c]].sum(axis=2)
        paid = run.report[:, :, :, SPENT[c]].sum(axis=2) / 100
        for i in range(N):
            mean = shown[0, i]
            for h in range(HOURS):
                if clicks[h, i] > 0:
                    mean += (1 - np.exp(-1 / 12)) * (paid[h, i] / clicks[h, i] - mean)
                assert abs(shown[h + 1, i] / mean - 1) < 1e-4


def test_surprise_rises_when_more_of_our_goods_are_seen_than_the_hour_explains(run: Run) -> None:
    """The features follow from organic views by their stated means; the ledger brings the averages of last week."""
    fast, slow = 1 - np.exp(-1 / 6), 1 - np.exp(-1 / 72)
    organic = run.report[:, :, :, ORGANIC_VIEWS].sum(axis=3)
    surprise, own = run[Global.DEMAND_SURPRISE], run[PerListing.SURPRISE]
    ledger = run.opened.start.task
    for i, store in enumerate(run.opened.stores):
        views_fast, views_slow, traffic_fast, traffic_slow = ledger.ledger[i, :4]
        each_fast, each_slow = ledger.ledger_listing[i, :, 9], ledger.ledger_listing[i, :, 10]
        for h in range(HOURS):
            uplift = store.market.promotion_uplift if h // 24 in store.promotion_days else 1.0
            traffic = store.market.weekly_traffic[(store.start_hour + h) % 168] * uplift
            views_fast += fast * (organic[h, i].sum() - views_fast)
            views_slow += slow * (organic[h, i].sum() - views_slow)
            traffic_fast += fast * (traffic - traffic_fast)
            traffic_slow += slow * (traffic - traffic_slow)
            each_fast = each_fast + fast * (organic[h, i] - each_fast)
            each_slow = each_slow + slow * (organic[h, i] - each_slow)
            shop = np.log((views_fast + 0.5) / (views_slow + 0.5))
            hour = np.log((traffic_fast + 0.01) / (traffic_slow + 0.01))
            assert abs(surprise[h + 1, i] - np.clip(shop - hour, -3, 3)) < 1e-3
            expected = np.clip(np.log((each_fast + 0.5) / (each_slow + 0.5)) - shop, -3, 3)
            assert np.abs(own[h + 1, i] - expected).max() < 1e-3


def test_a_plan_may_start_in_the_middle_of_a_day(opened: OpenStores) -> None:
    """Its first day is the rest of that day, with a whole day's money of its own."""
    shops = open_stores([replace(store, start_hour=24 * i + 9) for i, store in enumerate(opened.stores)], range(N))
    plans = [platform_plan(office) for office in shops.offices]
    fleet = Fleet(shops.start, N)
    fleet.reset(pack_plans(plans, shops.listing_ids), np.arange(N), np.full(N, 3))
    daily = np.round([plan.budget_daily for plan in plans], 2)
    spent_today = np.zeros(N)
    eager = np.ones((N, action_size(K)))
    for hour in range(40):
        view = ObservationView(fleet.observation)
        close(view[Global.HOUR_SIN], np.sin(2 * np.pi * ((9 + hour) % 24) / 24))
        spent_today *= (9 + hour) % 24 > 0
        close(view[Global.DAY_BUDGET_LEFT], 1 - spent_today / daily)
        day_begins = hour == 0 or (9 + hour) % 24 == 0
        assert ((view[Global.DAY_TRAFFIC_LEFT] == 1.0) == day_begins).all()
        fleet.step(eager)
        spent_today -= fleet.terms[:, Term.AD_SPEND]
    assert (fleet.score[:, Term.AD_SPEND] < -1.5 * daily).any()  # the second day had money of its own


# No true parameter -----------------------------------------------------------------------------------------------

# What a merchant may know; everything else in the engine's arrays is secret, whatever is added later included.
KNOWN: dict[str, set[Any]] = {
    "store": {StoreField.START_HOUR, StoreField.HOURS, StoreField.PROMOTION_UPLIFT},
    "channel": set(),
    "segment": set(),
    "listing": {ListingField.COST, ListingField.MINIMUM_ORDER, ListingField.START_AGE},
    "cell": set(),
}
KNOWN_STATE: dict[str, set[Any]] = {
    "store": set(StoreState) - {StoreState.DEMAND},
    "channel": {ChannelState.CAP, ChannelState.SPENT},
    "listing": {
        ListingState.STOCK,
        ListingState.INCOMING,
        ListingState.LISTED,
        ListingState.REVIEWS,
        ListingState.CAP,
        ListingState.SPENT,
    },
    "pending": set(),
    "refunds": set(),
}


def other_truth(source: StoreSet) -> StoreSet:
    """The same shops with the same past and another truth: what has had no effect yet."""
    arrays = {name: _disguised(getattr(source.arrays, name), 0.9, 0.0, known) for name, known in KNOWN.items()}
    state = {name: _disguised(getattr(source.state, name), 1.0, 0.37, known) for name, known in KNOWN_STATE.items()}
    return replace(source, arrays=replace(source.arrays, **arrays), state=replace(source.state, **state))


def _disguised(values: NDArray[np.float64], factor: float, shift: float, known: set[Any]) -> NDArray[np.float64]:
    """Everything changed but the known columns."""
    changed = factor * values + shift
    changed[..., list(known)] = values[..., list(known)]
    return changed


def test_truth_that_has_had_no_effect_yet_cannot_be_seen(opened: OpenStores) -> None:
    plans = [platform_plan(office) for office in opened.offices]
    fleet, other = start(opened, plans), start(opened, plans, other_truth(opened.start))
    np.testing.assert_array_equal(fleet.observation, other.observation)
    for action in drawn_actions(1)[:48]:
        fleet.step(action)
        other.step(action)
    assert (fleet.observation != other.observation).any()  # else the truth would not matter


def test_what_a_merchant_knows_can_be_seen(opened: OpenStores) -> None:
    """The complement: nothing was hidden above that must show."""
    plans = [platform_plan(office) for office in opened.offices]
    seen = start(opened, plans).observation.copy()
    listing = opened.start.arrays.listing.copy()
    listing[:, :, ListingField.COST] *= 0.9
    dearer = replace(opened.start, arrays=replace(opened.start.arrays, listing=listing))
    changed = np.flatnonzero((start(opened, plans, dearer).observation != seen).any(axis=0))
    names = {feature_names(K)[j].partition(".")[2] for j in changed}
    assert names == {"unit_margin", "order_value"}


def test_every_array_of_the_engine_is_sorted_into_known_and_secret() -> None:
    assert {field.name for field in fields(StoreArrays)} == {*KNOWN, "calendar", "weekly"}  # both published
    assert {field.name for field in fields(StateArrays)} == {*KNOWN_STATE, "audience", "hour", "total"}  # plan, reports
