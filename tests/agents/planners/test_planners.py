import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.agents.planners import PLANNERS, RuleGains, RulePlanner, planner_by_name
from merchantgym.agents.planners.rules.estimates import estimate, maturity
from merchantgym.agents.planners.rules.outlook import paid_clicks
from merchantgym.agents.planners.rules.roles import pause_reasons
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Plan, check_plan, parse_plan

from .back_offices import back_offices, with_listing, with_twin

GAINS = RuleGains()


@pytest.fixture
def office() -> BackOffice:
    """A plain shop of four listings that sells every day."""
    ones = np.ones(4)
    return BackOffice(
        store="Yiwu Kitchen",
        stage="advanced",
        driver="operation",
        start_hour=0,
        days=14,
        budget=840.0,
        renewing=False,
        roi_floor=0.0,
        promotion_days=(),
        listing_id=("A", "B", "C", "D"),
        title=("jar", "rack", "board", "box"),
        category=("kitchen",) * 4,
        cost=10.0 * ones,
        price=20.0 * ones,
        minimum_order=5.0 * ones,
        stock=500.0 * ones,
        rating=4.6 * ones,
        reviews=80.0 * ones,
        age_days=300.0 * ones,
        image_score=np.nan * ones,
        title_score=np.nan * ones,
        market_price=20.0 * ones,
        suggested_bid=0.8 * ones,
        quality_score=ones,
        history_days=7,
        impressions=4000.0 * ones,
        ad_impressions=1000.0 * ones,
        clicks=160.0 * ones,
        ad_clicks=40.0 * ones,
        orders=2.0 * ones,
        units=20.0 * ones,
        gmv=400.0 * ones,
        ad_spend=18.0 * ones,
    )


def listing(plan: Plan, listing_id: str) -> tuple[str, float, float, float]:
    item = next(item for item in plan.listings if item.listing_id == listing_id)
    return item.role, item.bid, item.price, item.budget_share


@given(back_offices(), st.sampled_from(sorted(PLANNERS)))
@settings(deadline=None, max_examples=150)
def test_every_plan_is_accepted_and_repeats(store: BackOffice, name: str) -> None:
    planner = planner_by_name(name)
    plan = planner.plan(store)
    check_plan(plan, store)
    assert plan.planner == planner.name == name
    assert plan == planner.plan(store)
    assert parse_plan(plan.model_dump_json()) == plan


@given(back_offices())
@settings(deadline=None, max_examples=150)
def test_rule_bids_stay_within_the_usual_range(store: BackOffice) -> None:
    plan = RulePlanner().plan(store)
    for item, suggested in zip(plan.listings, store.suggested_bid, strict=True):
        if item.role == "paused":
            assert item.bid == 0.0
        else:
            assert item.bid >= GAINS.bids.floor * suggested - 1e-6
            assert item.bid <= GAINS.bids.ceiling * suggested + 1e-6


@given(back_offices())
@settings(deadline=None, max_examples=150)
def test_listings_are_paused_for_a_reason_that_the_rationale_gives(store: BackOffice) -> None:
    beliefs = estimate(store, GAINS)
    reasons = pause_reasons(store, beliefs, GAINS)
    plan = RulePlanner().plan(store)
    paused = [item.listing_id for item in plan.listings if item.role == "paused"]
    assert paused == [own for own, reason in zip(store.listing_id, reasons, strict=True) if reason]
    for listing_id, reason in list(zip(store.listing_id, reasons, strict=True)):
        if listing_id in paused[:6]:
            assert f"{listing_id} ({reason})" in plan.rationale


@given(back_offices(), st.integers(1, 40))
@settings(deadline=None, max_examples=150)
def test_a_listing_with_a_better_history_gets_a_bid_at_least_as_high(store: BackOffice, more: int) -> None:
    """Twins, but for orders of the last one: as many lots each as the largest mean order can have."""
    twins = with_twin(store)
    lots = 10.0 * more * twins.minimum_order[-1]
    better = with_listing(
        twins,
        -1,
        orders=twins.orders[-1] + more,
        units=twins.units[-1] + lots,
        gmv=twins.gmv[-1] + lots * twins.price[-1],
    )
    plan = RulePlanner().plan(better)
    assert plan.listings[-1].bid >= plan.listings[0].bid


@given(back_offices())
@settings(deadline=None, max_examples=150)
def test_prices_move_within_their_steps_and_never_under_cost(store: BackOffice) -> None:
    plan = RulePlanner().plan(store)
    for k, item in enumerate(plan.listings):
        assert item.price >= min(store.cost[k], store.price[k])
        move, rounding = np.log(item.price / store.price[k]), 0.006 / store.price[k]
        assert -GAINS.prices.step_down - rounding <= move <= GAINS.prices.step_up + rounding
        if item.role == "paused":
            assert item.price == store.price[k]


@given(back_offices())
@settings(deadline=None, max_examples=150)
def test_forecast_is_ordered_and_within_the_budget(store: BackOffice) -> None:
    plan = RulePlanner().plan(store)
    assert plan.forecast is not None
    for part in (plan.forecast.spend, plan.forecast.gmv, plan.forecast.profit):
        assert part.low <= part.mid <= part.high
    assert plan.forecast.spend.high <= plan.budget_total + 0.005
    assert plan.forecast.gmv.low >= 0.0


@given(back_offices())
@settings(deadline=None, max_examples=100)
def test_rationale_quotes_the_figures(store: BackOffice) -> None:
    plan = RulePlanner().plan(store)
    assert plan.forecast is not None
    figures = {
        plan.goal,
        f"{store.clicks.sum():.0f} clicks",
        f"{store.orders.sum():.0f} orders",
        f"{plan.budget_total:.2f} CNY",
        f"{plan.budget_daily:.2f} CNY",
        f"profit of {plan.forecast.profit.mid:.2f} CNY",
        *(f"{p.discount:.0%}" for p in plan.promotions),
    }
    assert all(figure in plan.rationale for figure in figures)
    assert len(re.findall(r"\. [A-Z]", plan.rationale)) >= 3


def test_default_planner_is_the_console_as_it_comes(office: BackOffice) -> None:
    plan = planner_by_name("default").plan(office)
    assert [item.bid for item in plan.listings] == office.suggested_bid.tolist()
    assert [item.price for item in plan.listings] == office.price.tolist()
    assert {item.budget_share for item in plan.listings} == {1.0}
    assert (plan.budget_total, plan.budget_daily, plan.goal) == (840.0, 60.0, "profit")


def test_unknown_planner_is_named() -> None:
    with pytest.raises(ValueError, match=r"planner\(='oracle'\) must be one of default, "):
        planner_by_name("oracle")


def test_half_of_the_orders_come_at_once_and_the_rest_over_weeks() -> None:
    assert maturity(0, GAINS.rates) == pytest.approx(0.5)
    assert maturity(1e-6, GAINS.rates) == pytest.approx(0.5)
    assert maturity(5, GAINS.rates) == pytest.approx(0.5 + 0.5 * np.exp(-1))
    assert maturity(0, GAINS.rates, after=5) == pytest.approx(1 - 0.5 * np.exp(-1))
    assert maturity(1e6, GAINS.rates) == pytest.approx(1.0, abs=1e-4)


def test_late_orders_are_corrected_for(office: BackOffice) -> None:
    rich = replace(office, clicks=1e6 * np.ones(4), orders=1e4 * np.ones(4), impressions=1e8 * np.ones(4))
    beliefs = estimate(rich, GAINS)
    assert beliefs.conversion_rate == pytest.approx(0.01 / maturity(7, GAINS.rates), rel=0.01)


def test_without_history_the_published_figures_hold(office: BackOffice) -> None:
    none = np.zeros(4)
    empty = replace(
        office,
        impressions=none,
        clicks=none,
        ad_clicks=none,
        orders=none,
        units=none,
        gmv=none,
        ad_spend=none,
    )
    beliefs = estimate(empty, GAINS)
    assert beliefs.conversion_rate == pytest.approx(GAINS.rates.conversion_rate)
    assert beliefs.click_rate == pytest.approx(GAINS.rates.click_rate)
    assert beliefs.order_units == pytest.approx(GAINS.orders.multiple * 5.0)
    assert beliefs.click_price == pytest.approx(GAINS.traffic.click_price)


def test_paid_clicks_at_the_suggested_bid_repeat_the_report(office: BackOffice) -> None:
    rich = replace(
        office,
        impressions=office.impressions * 100,
        clicks=office.clicks * 100,
        ad_clicks=office.clicks * 95,
        ad_spend=office.clicks * 95 * 0.45,
    )
    beliefs = estimate(rich, GAINS)
    clicks, price = paid_clicks(rich.suggested_bid, rich, beliefs, GAINS)
    assert price == pytest.approx(0.45, rel=0.01)
    assert clicks == pytest.approx(2 * 160.0 * 95 * 7 / 8, rel=0.01)  # two weeks; the prior is worth a day
    more, dearer = paid_clicks(2 * rich.suggested_bid, rich, beliefs, GAINS)
    assert (more > clicks).all()
    assert (dearer > price).all()
    assert not paid_clicks(np.zeros(4), rich, beliefs, GAINS)[0].any()


def test_a_week_with_little_money_shows_a_part_of_the_paid_clicks_only(office: BackOffice) -> None:
    beliefs = estimate(office, GAINS)
    assert beliefs.paid_per_day / beliefs.organic_per_day == pytest.approx(GAINS.traffic.paid_per_organic)
    assert beliefs.organic_per_day == pytest.approx(0.75 * beliefs.clicks_per_day, rel=0.01)


def test_goal_of_a_new_shop_is_its_first_sales(office: BackOffice) -> None:
    none = np.zeros(4)
    new = replace(office, stage="new", orders=none, units=none, gmv=none, reviews=none, age_days=none + 9)
    plan = RulePlanner().plan(new)
    assert (plan.goal, plan.target) == ("break_zero", 4.0)
    assert {item.role for item in plan.listings} == {"test"}
    assert {item.budget_share for item in plan.listings} == {0.5}
    assert "4 of the 4 listings of this new shop can sell but never have" in plan.rationale


def test_goal_of_a_full_warehouse_is_to_clear_it(office: BackOffice) -> None:
    plan = RulePlanner().plan(with_listing(office, 3, stock=50000.0))
    assert plan.goal == "clear_stock"
    role, _, price, _ = listing(plan, "D")
    assert (role, price) == ("clear", 19.02)
    assert 0 < plan.target < 50000


def test_best_seller_is_the_hero_and_an_unproven_listing_is_capped(office: BackOffice) -> None:
    store = with_listing(with_listing(office, 1, orders=9.0, units=90.0, gmv=1800.0), 2, orders=0.0, units=0.0)
    plan = RulePlanner().plan(with_listing(store, 2, reviews=0.0, gmv=0.0, age_days=30.0))
    assert plan.goal == "profit"
    assert [item.role for item in plan.listings] == ["growth", "hero", "test", "growth"]
    assert listing(plan, "C")[3] == GAINS.money.test_cap
    assert "Heroes are B (9 orders)." in plan.rationale


@pytest.mark.parametrize(
    ("figures", "reason"),
    [
        ({"stock": 4.0}, "stock 4, an order takes 5"),
        ({"cost": 19.0}, "price 20.00 does not cover cost 19.00 and fees of 9%"),
        ({"suggested_bid": 40.0}, "and costs 12.00 at least"),
        ({"clicks": 9000.0, "impressions": 90000.0, "orders": 0.0}, "0 orders from 9000 clicks"),
    ],
)
def test_what_cannot_earn_is_paused(office: BackOffice, figures: dict[str, float], reason: str) -> None:
    plan = RulePlanner().plan(with_listing(office, 0, **figures))
    assert listing(plan, "A")[:2] == ("paused", 0.0)
    assert reason in plan.rationale


def test_roi_floor_bounds_bids_and_pauses_what_cannot_reach_it(office: BackOffice) -> None:
    free, bound = (RulePlanner().plan(replace(office, roi_floor=floor)) for floor in (0.0, 4.0))
    assert all(a.bid >= b.bid for a, b in zip(free.listings, bound.listings, strict=True))
    hopeless = RulePlanner().plan(replace(office, roi_floor=500.0))
    assert {item.role for item in hopeless.listings} == {"paused"}
    assert "do not reach the ROI floor of 500" in hopeless.rationale


def test_bids_are_lowered_until_the_purse_lasts(office: BackOffice) -> None:
    rich, poor = (RulePlanner().plan(replace(office, budget=budget)) for budget in (9999.0, 60.0))
    assert all(a.bid > b.bid for a, b in zip(rich.listings, poor.listings, strict=True))
    assert "so that the budget lasts" in poor.rationale
    assert "so that the budget lasts" not in rich.rationale


def test_a_purse_that_stock_cannot_repay_is_not_spent(office: BackOffice) -> None:
    plan = RulePlanner().plan(replace(office, budget=9000.0, stock=np.full(4, 25.0)))
    earned = sum(25 * (item.price * 0.91 - 10) for item in plan.listings)
    assert plan.budget_total == pytest.approx(4.0 * earned)
    assert "as much as stock can repay" in plan.rationale


def test_daily_budget_leaves_room_for_peaks_out_of_one_purse_only(office: BackOffice) -> None:
    assert RulePlanner().plan(office).budget_daily == pytest.approx(120.0)
    assert RulePlanner().plan(replace(office, promotion_days=(3,))).budget_daily == pytest.approx(180.0)
    assert RulePlanner().plan(replace(office, renewing=True)).budget_daily == pytest.approx(60.0)


def test_promotion_days_in_a_row_share_a_window_where_margins_allow(office: BackOffice) -> None:
    days = (0, 4, 5, 30)
    plan = RulePlanner().plan(replace(office, promotion_days=days))
    assert [(p.start_hour, p.end_hour, p.discount) for p in plan.promotions] == [(0, 24, 0.1), (96, 144, 0.1)]
    thin = RulePlanner().plan(replace(office, promotion_days=days, cost=np.full(4, 17.8)))
    assert thin.promotions == ()
    assert "Margins do not allow a discount" in thin.rationale


def test_price_moves_toward_the_best_one_at_the_published_elasticity(office: BackOffice) -> None:
    raised = RulePlanner().plan(replace(office, cost=np.full(4, 11.0)))
    assert 20.0 < listing(raised, "A")[2] <= 20.0 * np.exp(GAINS.prices.step_up) + 0.005
    bounded = RulePlanner().plan(replace(office, cost=np.full(4, 14.0)))
    assert listing(bounded, "A")[2] == pytest.approx(20.0 * np.exp(GAINS.prices.step_up), abs=0.005)
    cut = RulePlanner().plan(replace(office, cost=np.full(4, 3.0)))
    assert listing(cut, "A")[2] == pytest.approx(20.0 * np.exp(-GAINS.prices.step_down), abs=0.005)
    brand = RulePlanner().plan(replace(office, cost=np.full(4, 3.0), driver="brand"))
    assert listing(brand, "A")[2] == 20.0


def test_a_price_that_the_merchant_set_under_cost_is_left_and_not_advertised(office: BackOffice) -> None:
    plan = RulePlanner().plan(with_listing(office, 0, cost=25.0))
    assert listing(plan, "A")[:3] == ("paused", 0.0, 20.0)
    assert plan.allow_below_cost


def test_large_buyers_are_courted_less_where_stock_is_scarce(office: BackOffice) -> None:
    assert set(RulePlanner().plan(office).audience.values()) == {1.0}
    scarce = RulePlanner().plan(replace(office, stock=np.full(4, 12.0)))
    assert scarce.audience == {"micro": 1.0, "retailer": 1.0, "distributor": 0.7, "sourcing": 0.7}
