"""What follows from a click: delays, quantities, stock, returns, reviews. One thing at a time, the rest held still."""

from dataclasses import replace

import numpy as np
import pytest

from merchantgym.envs.engines.layout import (
    REFUND_DAYS,
    ChannelField,
    Due,
    ListingField,
    ListingState,
    Pending,
    Report,
    SegmentField,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from merchantgym.envs.store import pack_stores

from ...worlds import Floats, copies, flat_offer, plain_store, run_engine, set_money

PRICE = 2000.0
ORDERS = slice(Report.ORDERS_SAME_HOUR, Report.ORDERS_SLOW + 1)
COLUMNS = [[Report.AD_IMPRESSIONS_SEARCH, Report.AD_IMPRESSIONS_FEED, Report.ORGANIC_IMPRESSIONS_SEARCH, 3]]


def quiet(rows: int, visitors: bool = False, days: int = 60) -> tuple[StoreArrays, StateArrays, Floats]:
    """Copies of a store with one listing, by default without visitors; plenty in stock, no returns, no reviews."""
    arrays, state = copies(pack_stores([plain_store(1, days=days)]), StateArrays.zeros(1, 1), np.zeros(rows, dtype=int))
    set_money(state)
    if not visitors:
        arrays.channel[:, :, ChannelField.VOLUME] = 0.0
    arrays.listing[:, :, ListingField.RETURN_PROBABILITY] = 0.0
    arrays.store[:, StoreField.REVIEW_RATE] = 0.0
    state.listing[:, :, ListingState.STOCK] = 1e9
    state.listing[:, :, ListingState.LISTED] = 1.0
    return arrays, state, flat_offer(rows, [[0.6]], [[PRICE]])


def wait(state: StateArrays, segment: int | slice, pool: Pending, clicks: int, price: float = PRICE) -> None:
    """Let so many clicks wait in a pool of every store, each having seen the price."""
    state.pending[:, :, segment, pool] = clicks
    state.pending[:, :, segment, Pending.DAY_PRICE + pool // 2] = price


def waiting_in(state: StateArrays) -> Floats:
    """Waiting clicks of each store, (B,)."""
    return state.pending[..., : Pending.DAY_PRICE].sum(axis=(1, 2, 3))


def test_each_waiting_click_orders_once_with_its_hazard() -> None:
    arrays, state, offer = quiet(400)
    waiting = {Pending.DAY_AD: 40, Pending.DAY_ORGANIC: 30, Pending.SLOW_AD: 600, Pending.SLOW_ORGANIC: 60}
    for pool, count in waiting.items():
        wait(state, slice(None), pool, count)
    run_engine(arrays, state, offer, 1)
    hour = state.hour[:, 0]
    for column, pools, hazard in (
        (Report.ORDERS_WITHIN_DAY, (Pending.DAY_AD, Pending.DAY_ORGANIC), 1.0 / 8.0),
        (Report.ORDERS_SLOW, (Pending.SLOW_AD, Pending.SLOW_ORGANIC), 1.0 / 120.0),
    ):
        n = 4 * sum(waiting[pool] for pool in pools)
        error = np.sqrt(n * hazard * (1.0 - hazard) / 400)
        assert hour[:, column].mean() == pytest.approx(n * hazard, abs=4.0 * error)
    ads = 4 * (40 / 8.0 + 600 / 120.0)
    assert hour[:, Report.AD_ORDERS].mean() == pytest.approx(ads, rel=0.03)
    assert hour[:, Report.ORDERS_SAME_HOUR].sum() == 0.0
    for _ in range(100):
        run_engine(arrays, state, offer, 1)
        gone = state.total[:, 0, ORDERS].sum(axis=1)
        assert (gone + waiting_in(state) == 4 * sum(waiting.values())).all()
    assert state.pending[..., Pending.DAY_AD].mean() < 0.01
    slow = 4 * 660 * (1.0 - 1.0 / 120.0) ** 101
    left = state.pending[..., Pending.SLOW_AD : Pending.DAY_PRICE].sum(axis=(1, 2, 3))
    assert left.mean() == pytest.approx(slow, abs=4.0 * np.sqrt(slow / 400))


def test_those_who_wait_pay_the_mean_of_the_prices_they_saw() -> None:
    """Whatever is asked when they order."""
    arrays, state, offer = quiet(500)
    arrays.store[:, StoreField.SLOW_HAZARD] = 1.0
    wait(state, 0, Pending.SLOW_AD, 1, price=1600.0)
    run_engine(arrays, state, offer, 1)
    paid = state.hour[:, 0, Report.REVENUE] / state.hour[:, 0, Report.UNITS]
    assert set(np.unique(paid)) <= {1600.0, 1552.0, 1504.0}  # list price and two tiers
    assert (state.pending == 0.0).all()

    arrays, state, offer = quiet(500, visitors=True)
    arrays.store[:, [StoreField.SHARE_SAME_HOUR, StoreField.SHARE_WITHIN_DAY]] = 0.0
    arrays.listing[:, :, ListingField.RELEVANCE] = 3.0  # most clicks order, all of them slowly
    wait(state, 0, Pending.SLOW_AD, 2, price=1000.0)
    arrays.store[:, StoreField.SLOW_HAZARD] = 0.0
    run_engine(arrays, state, offer, 1)
    counts = state.pending[:, 0, :, Pending.SLOW_AD] + state.pending[:, 0, :, Pending.SLOW_ORGANIC]
    price = state.pending[:, 0, :, Pending.SLOW_PRICE]
    expected = (2.0 * 1000.0 + PRICE * (counts[:, 0] - 2.0)) / counts[:, 0]
    assert counts[:, 0].mean() > 4.0
    assert price[:, 0] == pytest.approx(expected)
    assert price[:, 1] == pytest.approx(np.where(counts[:, 1] > 0.0, PRICE, 0.0))


@pytest.mark.parametrize("segment", range(4))
def test_quantities_of_a_segment(segment: int) -> None:
    """Whole minimum orders of 5; 1 + a negative binomial; price tiers from 4 and 10 of them."""
    arrays, state, offer = quiet(2000)
    arrays.store[:, StoreField.SLOW_HAZARD] = 1.0
    wait(state, segment, Pending.SLOW_ORGANIC, 1)
    run_engine(arrays, state, offer, 1)
    hour = state.hour[:, 0]
    assert (hour[:, Report.ORDERS_SLOW] == 1.0).all()
    lots = hour[:, Report.UNITS] / 5.0
    assert (lots == np.floor(lots)).all()
    mean = arrays.segment[0, segment, SegmentField.EXTRA_LOTS]
    size = arrays.store[0, StoreField.LOT_DISPERSION]
    variance = mean + mean**2 / size
    assert lots.mean() == pytest.approx(1.0 + mean, abs=4.0 * np.sqrt(variance / 2000))
    assert lots.var() == pytest.approx(variance, rel=0.35)
    price = np.where(lots >= 10, 1880.0, np.where(lots >= 4, 1940.0, 2000.0))
    assert (hour[:, Report.REVENUE] == price * hour[:, Report.UNITS]).all()
    assert (hour[:, Report.GOODS_COST] == 1000.0 * hour[:, Report.UNITS]).all()
    assert (hour[:, Report.COMMISSION] == np.floor(0.05 * hour[:, Report.REVENUE] + 0.5)).all()
    assert hour[:, Report.AD_REVENUE].sum() == 0.0
    assert (state.listing[:, 0, ListingState.STOCK] == 1e9 - hour[:, Report.UNITS]).all()


def test_an_order_beyond_stock_is_refused_and_the_listing_leaves_the_shop_in_the_next_hour() -> None:
    arrays, state, offer = quiet(200, visitors=True)
    arrays.store[:, StoreField.START_HOUR] = 5
    arrays.store[:, StoreField.SLOW_HAZARD] = 1.0
    state.listing[:, :, ListingState.STOCK] = 4.0  # the least order is 5
    wait(state, 0, Pending.SLOW_AD, 2)
    run_engine(arrays, state, offer, 1)
    hour = state.hour[:, 0]
    assert (hour[:, Report.REFUSED] >= 2.0).all()
    assert (hour[:, [*range(Report.ORDERS_SAME_HOUR, Report.COMMISSION + 1)]] == 0.0).all()
    assert hour[:, COLUMNS].sum() > 0.0  # in this hour it was still in the shop
    assert (state.listing[:, 0, ListingState.STOCK] == 4.0).all()
    assert (state.listing[:, 0, ListingState.LISTED] == 0.0).all()
    state.pending[:] = 0.0
    for _ in range(24):
        run_engine(arrays, state, offer, 1)
        assert state.hour[:, :, : Report.RETURNS].sum() == 0.0  # a midnight passes, but there is no whole lot to sell


def test_a_listing_with_goods_is_back_at_midnight() -> None:
    arrays, state, offer = quiet(50, visitors=True)
    arrays.store[:, StoreField.START_HOUR] = 20
    state.listing[:, :, ListingState.STOCK] = 5.0
    state.listing[:, :, ListingState.LISTED] = 0.0
    for _ in range(4):
        run_engine(arrays, state, offer, 1)
        assert state.hour[:, 0, COLUMNS].sum() == 0.0
    run_engine(arrays, state, offer, 1)  # 00h
    assert (state.hour[:, 0, COLUMNS].sum(axis=(1, 2)) > 0.0).all()


def test_a_larger_order_is_refused_where_a_smaller_one_would_be_served() -> None:
    arrays, state, offer = quiet(2000)
    arrays.store[:, StoreField.SLOW_HAZARD] = 1.0
    state.listing[:, :, ListingState.STOCK] = 12.0
    wait(state, 3, Pending.SLOW_AD, 3)  # large buyers
    run_engine(arrays, state, offer, 1)
    hour = state.hour[:, 0]
    assert (hour[:, Report.ORDERS_SLOW] + hour[:, Report.REFUSED] == 3.0).all()
    assert (hour[:, Report.UNITS] <= 10.0).all()
    assert (state.listing[:, 0, ListingState.STOCK] == 12.0 - hour[:, Report.UNITS]).all()
    # Of three orders for two lots: 1, 1, any sell both; 1, 3, 4 sell one; 3, 4, 5 none.
    assert set(np.unique(hour[:, Report.UNITS])) == {0.0, 5.0, 10.0}


def test_goods_are_reordered_once_and_arrive_after_the_lead_time() -> None:
    arrays, state, offer = quiet(1)
    arrays.listing[:, :, ListingField.REORDER_POINT] = 10.0
    arrays.listing[:, :, ListingField.REORDER_QUANTITY] = 70.0
    arrays.store[:, StoreField.LEAD_TIME] = 6.0
    now = state.listing[0, 0]
    now[ListingState.STOCK], now[ListingState.LISTED] = 3.0, 0.0
    run_engine(arrays, state, offer, 1)  # hour 0 orders them
    for _ in range(5):
        run_engine(arrays, state, offer, 1)
        assert (now[ListingState.STOCK], now[ListingState.INCOMING], now[ListingState.LISTED]) == (3.0, 70.0, 0.0)
    run_engine(arrays, state, offer, 1)  # hour 6 receives them
    assert (now[ListingState.STOCK], now[ListingState.INCOMING], now[ListingState.LISTED]) == (73.0, 0.0, 1.0)
    run_engine(arrays, state, offer, 30)
    assert (now[ListingState.STOCK], now[ListingState.INCOMING]) == (73.0, 0.0)
    arrays.listing[:, :, ListingField.REORDER_POINT] = -1.0
    now[ListingState.STOCK] = 0.0
    run_engine(arrays, state, offer, 30)
    assert now[ListingState.INCOMING] == 0.0


def returning(rows: int) -> tuple[StoreArrays, StateArrays, Floats]:
    """20 orders in the first hour of the run, Monday 00h, all of which come back."""
    arrays, state, offer = quiet(rows)
    arrays.listing[:, :, ListingField.RETURN_PROBABILITY] = 1.0
    arrays.store[:, StoreField.SLOW_HAZARD] = 1.0
    arrays.store[:, StoreField.COMPLAINT_SHARE] = 0.25
    wait(state, 1, Pending.SLOW_AD, 20)
    run_engine(arrays, state, offer, 1)
    return arrays, state, offer


def test_every_return_is_refunded_once_on_its_day() -> None:
    arrays, state, offer = returning(300)
    sold = state.total[:, 0].copy()
    assert (sold[:, Report.ORDERS_SLOW] == 20.0).all()
    assert (state.refunds[:, 0, :, Due.REFUNDS].sum(axis=1) == sold[:, Report.REVENUE]).all()
    back = []
    for _ in range(40):
        run_engine(arrays, state, offer, 24)
        back.append(state.total[:, 0, Report.RETURNS].sum())
        done = state.total[:, 0]
        due = state.refunds[:, 0].sum(axis=1)
        assert (done[:, Report.REFUNDS] + due[:, Due.REFUNDS] == sold[:, Report.REVENUE]).all()
        assert (done[:, Report.COMMISSION_BACK] + due[:, Due.COMMISSION_BACK] == sold[:, Report.COMMISSION]).all()
        assert (done[:, Report.RETURNS] + due[:, Due.RETURNS] == 20.0).all()
        assert (done[:, Report.HANDLING] == 400.0 * done[:, Report.RETURNS]).all()
    assert (state.refunds == 0.0).all()
    assert (state.total[:, 0, Report.REFUNDS] == sold[:, Report.REVENUE]).all()
    salvage = state.total[:, 0, Report.SALVAGE] / sold[:, Report.GOODS_COST]
    assert salvage == pytest.approx(0.6, abs=1e-3)
    by_day = np.diff([0.0, *back]) / 6000.0  # one midnight each
    expected = 0.2 * 0.8 ** np.arange(26)
    assert by_day[:26] == pytest.approx(expected, abs=4.0 * np.sqrt(0.2 * 0.8 / 6000.0))
    assert by_day[26] == pytest.approx(0.8**26, abs=0.003)  # the rest, on the 27th day
    assert by_day[26] > 0.0
    assert by_day[27:].sum() == 0.0


def test_a_quarter_of_returns_complains_with_one_star() -> None:
    arrays, state, offer = returning(300)
    run_engine(arrays, state, offer, 24 * 40)
    complaints = state.total[:, 0, Report.COMPLAINTS]
    assert complaints.mean() == pytest.approx(5.0, abs=4.0 * np.sqrt(20 * 0.25 * 0.75 / 300))
    assert (state.listing[:, 0, ListingState.REVIEWS] == complaints).all()
    assert (state.listing[:, 0, ListingState.STAR_SUM] == complaints).all()
    assert state.total[:, 0, Report.REVIEWS].sum() == 0.0


def test_reviews_come_after_orders_and_carry_stars() -> None:
    arrays, state, offer = quiet(300)
    arrays.store[:, StoreField.REVIEW_RATE] = 0.25
    arrays.store[:, StoreField.SLOW_HAZARD] = 1.0
    arrays.listing[:, :, ListingField.STAR_PROBABILITY] = 0.8
    wait(state, 0, Pending.SLOW_AD, 80)
    run_engine(arrays, state, offer, 1)
    waiting = state.listing[:, 0, ListingState.PENDING_REVIEWS].copy()
    assert waiting.mean() == pytest.approx(20.0, abs=4.0 * np.sqrt(80 * 0.25 * 0.75 / 300))
    run_engine(arrays, state, offer, 24)  # one midnight
    first = state.listing[:, 0, ListingState.REVIEWS].copy()
    assert first.sum() == pytest.approx(waiting.sum() / 6.0, abs=4.0 * np.sqrt(waiting.sum() * 5.0 / 36.0))
    run_engine(arrays, state, offer, 24 * 58)
    reviews, stars = state.listing[:, 0, ListingState.REVIEWS], state.listing[:, 0, ListingState.STAR_SUM]
    assert (reviews + state.listing[:, 0, ListingState.PENDING_REVIEWS] == waiting).all()
    assert (reviews == state.total[:, 0, Report.REVIEWS]).all()
    assert ((stars >= reviews) & (stars <= 5.0 * reviews)).all()
    error = np.sqrt(4 * 0.8 * 0.2 / reviews.sum())
    assert stars.sum() / reviews.sum() == pytest.approx(4.2, abs=4.0 * error)


def test_the_books_are_closed_after_the_last_hour() -> None:
    """Waiting clicks order within 30 days, goods on the way arrive first, and every return is booked."""
    arrays, state, offer = quiet(300, days=2)
    arrays.listing[:, :, ListingField.RETURN_PROBABILITY] = 0.5
    arrays.store[:, StoreField.ATTRIBUTION_HOURS] = 100.0
    run_engine(arrays, state, offer, 47)
    wait(state, 0, Pending.SLOW_AD, 30)
    wait(state, 0, Pending.DAY_ORGANIC, 8)
    state.listing[:, 0, ListingState.STOCK], state.listing[:, 0, ListingState.INCOMING] = 0.0, 1e6
    state.listing[:, 0, ListingState.ARRIVAL_HOUR] = 60.0
    run_engine(arrays, state, offer, 1)
    hour = state.hour[:, 0]
    keep = 1.0 - 1.0 / 120.0
    expected = 30.0 * (1.0 - keep**101)  # the last hour itself, refused for want of goods, and 100 more
    refused = hour[:, Report.REFUSED]
    assert (hour[:, Report.ORDERS_SLOW] + hour[:, Report.ORDERS_WITHIN_DAY] + refused + waiting_in(state) == 38.0).all()
    error = np.sqrt(30.0 * (1.0 - keep**101) * keep**101 / 300)
    refused_slow = 30.0 / 120.0
    assert hour[:, Report.ORDERS_SLOW].mean() == pytest.approx(expected - refused_slow, abs=4.0 * error + 0.1)
    assert hour[:, Report.ORDERS_WITHIN_DAY].mean() == pytest.approx(7.0, abs=0.25)
    assert refused.mean() == pytest.approx(refused_slow + 1.0, abs=0.25)
    assert (state.refunds == 0.0).all()
    orders = hour[:, Report.ORDERS_SLOW] + hour[:, Report.ORDERS_WITHIN_DAY]
    assert hour[:, Report.RETURNS].sum() == pytest.approx(0.5 * orders.sum(), abs=2.5 * np.sqrt(orders.sum()))
    assert (state.listing[:, 0, ListingState.STOCK] == 1e6 - hour[:, Report.UNITS]).all()
    assert (state.listing[:, 0, ListingState.INCOMING] == 0.0).all()


def test_the_ring_of_days_is_long_enough_for_the_longest_return() -> None:
    """Returns due 27 days after any day of a long run fall into a slot of their own."""
    arrays, state, offer = quiet(20, days=90)
    arrays.listing[:, :, ListingField.RETURN_PROBABILITY] = 1.0
    arrays.store[:, [StoreField.SLOW_HAZARD, StoreField.RETURN_HAZARD]] = 1.0, 1e-9
    for day in range(60):
        wait(state, 0, Pending.SLOW_AD, 1)
        run_engine(arrays, state, offer, 24)
        assert (state.total[:, 0, ORDERS].sum(axis=1) == day + 1).all()
        assert (state.total[:, 0, Report.RETURNS] == max(day - (REFUND_DAYS - 2), 0)).all()


def test_the_daily_count_starts_at_the_first_midnight() -> None:
    """A run that begins at 20h settles its first returns four hours later, not a day later."""
    store = replace(plain_store(1, days=4), start_hour=20)
    arrays, state = copies(pack_stores([store]), StateArrays.zeros(1, 1), np.zeros(1, dtype=int))
    set_money(state)
    arrays.channel[:, :, ChannelField.VOLUME] = 0.0
    state.refunds[:, :, 1] = [2.0, 800.0, 40.0, 300.0]
    offer = flat_offer(1, [[0.0]], [[PRICE]])
    run_engine(arrays, state, offer, 4)
    assert state.total[:, 0, Report.RETURNS] == 0.0
    run_engine(arrays, state, offer, 1)
    columns = [Report.RETURNS, Report.REFUNDS, Report.COMMISSION_BACK, Report.SALVAGE, Report.HANDLING]
    assert state.hour[0, 0, columns].tolist() == [2.0, 800.0, 40.0, 300.0, 800.0]
    assert state.store[0, StoreState.HOUR] == 5.0
