"""What the back office shows of a listing, by hand: counts, clicks that mature, money, shelf, rank."""

import numpy as np
import pytest

from merchantgym.envs.engines.layout import (
    ListingState,
    Report,
)
from merchantgym.envs.observation import (
    Global,
    PerListing,
)
from merchantgym.envs.plan import ROLES

from .observed import (
    AD_CLICKS,
    AD_VIEWS,
    CLICKS,
    HOURS,
    ORDERS,
    ORGANIC_VIEWS,
    ROLE_FEATURES,
    SPENT,
    VIEWS,
    Run,
    close,
    wild_run,
)


@pytest.fixture(scope="module")
def run() -> Run:
    return wild_run()


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
