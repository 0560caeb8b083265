"""What the back office shows of the shop, by hand: clock, money, returns, progress, market."""

from dataclasses import replace

import numpy as np
import pytest

from merchantgym.envs.engines.layout import (
    ChannelState,
    Report,
)
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import (
    Global,
    ObservationView,
    PerListing,
)
from merchantgym.envs.opening import OpenStores, open_stores
from merchantgym.envs.plan import GOALS, Promotion, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.reward import Term
from merchantgym.envs.task import action_size

from .observed import AD_CLICKS, GOAL_FEATURES, HOURS, SPENT, K, N, Run, close, start, wild_run, world


@pytest.fixture(scope="module")
def opened() -> OpenStores:
    return world("headline")


@pytest.fixture(scope="module")
def run() -> Run:
    return wild_run()


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


def test_the_shops_conversion_is_shrunk_to_the_markets(run: Run) -> None:
    orders = np.expm1(run[PerListing.ORDERS]).sum(axis=2)
    matured = np.expm1(run[PerListing.MATURED_CLICKS]).sum(axis=2)
    expected = np.log((orders + 0.012 * 200) / (matured + 200))
    np.testing.assert_allclose(run[Global.STORE_CONVERSION], expected, atol=1e-4)


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
