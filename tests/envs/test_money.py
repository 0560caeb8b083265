"""Money and goods add up, to the cent and to the piece, over whole plans under arbitrary actions."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.envs.engines.layout import (
    ChannelState,
    Due,
    ListingField,
    ListingState,
    Offer,
    Pending,
    Report,
    StoreField,
    StoreState,
)
from merchantgym.envs.fleet import Fleet, fen
from merchantgym.envs.market.parameters import reference_market
from merchantgym.envs.observation import bounds
from merchantgym.envs.opening import OpenStores, open_stores
from merchantgym.envs.plan import GOALS, PlanArrays
from merchantgym.envs.reward import PROFIT_TERMS, Term, profit_reward
from merchantgym.envs.task import PlanField, PlanListing

from ..worlds import Floats, opened, plain_store, plan_row, plans_for

SLOTS = 6
K = 8
CENT = 1e-6  # [CNY] what adding up floats for a whole plan may lose, far below a cent
MONEY = (
    *(Report.SPEND_SEARCH, Report.SPEND_FEED, Report.REVENUE, Report.AD_REVENUE, Report.GOODS_COST, Report.COMMISSION),
    *(Report.REFUNDS, Report.COMMISSION_BACK, Report.SALVAGE, Report.HANDLING),
)


@dataclass(frozen=True)
class Case:
    """A way of running six stores, drawn by hypothesis."""

    stores: tuple[int, ...]
    seed: int
    style: str  # how actions are chosen
    days: int
    money: float  # multiple of the merchants' budgets
    daily: float  # share of the budget that a day may spend
    channel: tuple[float, float]  # caps, shares of the budget
    listing: float
    bids: float  # multiple of the suggestions
    price: float  # multiple of the shop's own
    promotion: tuple[int, int, float]
    below_cost: bool
    goal: int


cases = st.builds(
    Case,
    stores=st.tuples(*[st.integers(0, 31)] * SLOTS),
    seed=st.integers(0, 2**32 - 1),
    style=st.sampled_from(["uniform", "extreme", "idle", "swinging"]),
    days=st.sampled_from([2, 5, 14]),
    money=st.floats(1e-4, 20.0),
    daily=st.floats(0.001, 1.0),
    channel=st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 1.0)),
    listing=st.floats(0.0, 1.0),
    bids=st.floats(0.1, 30.0),
    price=st.floats(0.5, 1.6),
    promotion=st.tuples(st.integers(0, 60), st.integers(1, 100), st.floats(0.01, 0.5)),
    below_cost=st.booleans(),
    goal=st.integers(0, len(GOALS) - 1),
)


def plans_of(opened: OpenStores, case: Case) -> PlanArrays:
    plans = plan_row(plans_for(opened), np.array(case.stores))
    total = plans.budget_total * case.money
    promotion = np.zeros_like(plans.promotion)
    first, length, discount = case.promotion
    promotion[:, 0] = first, min(first + length, 24 * case.days), discount
    cost = np.stack([opened.offices[i].cost for i in case.stores])
    price = np.round(plans.price * case.price, 2)
    return replace(
        plans,
        days=np.full(SLOTS, case.days),
        bid=plans.bid * case.bids,
        price=np.maximum(price, 0.01) if case.below_cost else np.maximum(price, cost),
        budget_total=total,
        budget_daily=total * case.daily,
        cap_channel=total[:, None] * np.array(case.channel),
        cap_listing=np.repeat(total[:, None] * case.listing, K, axis=1),
        promotion=promotion,
        allow_below_cost=np.full(SLOTS, case.below_cost),
        goal=np.full(SLOTS, case.goal),
        roi_floor=np.full(SLOTS, 3.0),
    )


def actions(case: Case) -> Floats:
    rng = np.random.default_rng(case.seed)
    drawn = rng.uniform(-1.0, 1.0, (24 * case.days, SLOTS, K + 3))
    if case.style == "extreme":
        return np.sign(drawn)
    if case.style == "idle":
        return 0.0 * drawn
    if case.style == "swinging":
        return np.sign(np.sin(np.arange(24 * case.days) / 5.0))[:, None, None] * np.ones_like(drawn)
    return drawn


@dataclass
class Books:
    """What the test itself keeps count of."""

    total: Floats
    spent_today: Floats

    def take(self, fleet: Fleet, before: Any, hour: int) -> None:
        """Check one hour of all stores against the hour before."""
        state, arrays, task = fleet.state, fleet.arrays, fleet.task
        report, now, was = state.hour, state.listing, before.listing
        assert (report >= 0.0).all()
        assert (report[:, :, MONEY] == np.floor(report[:, :, MONEY])).all()
        self.total += report
        assert (state.total == self.total).all()

        midnight = (arrays.store[:, StoreField.START_HOUR].astype(int) + hour) % 24 == 0
        spend = report[:, :, [Report.SPEND_SEARCH, Report.SPEND_FEED]]
        self.spent_today = np.where(midnight, 0.0, self.spent_today) + spend.sum(axis=(1, 2))
        assert (self.spent_today == state.store[:, StoreState.SPENT_TODAY]).all()
        assert (self.spent_today <= task.plan[:, PlanField.BUDGET_DAILY]).all()

        last = hour + 1 == task.plan[:, PlanField.HOURS]
        arrived = (was[:, :, ListingState.INCOMING] > 0.0) & (was[:, :, ListingState.ARRIVAL_HOUR] <= hour)
        received = np.where(arrived, was[:, :, ListingState.INCOMING], 0.0)
        shelf = was[:, :, ListingState.STOCK] + received
        left = shelf - report[:, :, Report.UNITS]
        assert (now[~last][:, :, ListingState.STOCK] == left[~last]).all()
        assert (now[:, :, ListingState.STOCK] >= 0.0).all()
        assert (left[~last] >= 0.0).all()

        whole_lot = shelf >= arrays.listing[:, :, ListingField.MINIMUM_ORDER]
        listed = (was[:, :, ListingState.LISTED] > 0.0) | arrived | (midnight[:, None] & whole_lot)
        visits = report[:, :, Report.AD_IMPRESSIONS_SEARCH : Report.ORGANIC_CLICKS_FEED + 1].sum(axis=2)
        assert (visits[~listed] == 0.0).all()
        refused = report[:, :, Report.REFUSED] > 0.0
        assert (now[~last][:, :, ListingState.LISTED] == (listed & ~refused)[~last]).all()

        cost, plan_price = arrays.listing[:, :, ListingField.COST], task.plan_listing[:, :, PlanListing.PRICE]
        price, free = fleet.offer[:, :, Offer.PRICE], task.plan[:, PlanField.BELOW_COST] > 0.0
        assert (price == np.floor(price)).all()
        assert (price >= 1.0).all()
        assert (price >= np.minimum(cost, plan_price))[~free].all()


@given(cases)
@settings(max_examples=50)
def test_books_balance_over_whole_plans_under_arbitrary_actions(case: Case) -> None:
    headline = opened("headline")
    fleet = Fleet(headline.start, SLOTS)
    plans = plans_of(headline, case)
    fleet.reset(plans, np.array(case.stores), np.full(SLOTS, case.seed))
    under_way = fleet.state.refunds.sum(axis=2)
    low, high = bounds(K)
    books = Books(np.zeros_like(fleet.state.total), np.zeros(SLOTS))
    earned = np.zeros(SLOTS)
    for hour, action in enumerate(actions(case)):
        before = fleet.state.copy()
        observation = fleet.step(action)
        books.take(fleet, before, hour)
        earned += fleet.reward
        assert ((observation >= low) & (observation <= high)).all()  # and so finite
    assert fleet.done.all()

    sums = fleet.state.total.sum(axis=1)  # [fen] and counts, (SLOTS, Report)
    score = fleet.score
    spend = sums[:, Report.SPEND_SEARCH] + sums[:, Report.SPEND_FEED]
    back = sums[:, Report.COMMISSION_BACK] + sums[:, Report.SALVAGE]
    cny = {
        Term.GMV: sums[:, Report.REVENUE],
        Term.GROSS_MARGIN: sums[:, Report.REVENUE] - sums[:, Report.GOODS_COST],
        Term.COMMISSION: -sums[:, Report.COMMISSION],
        Term.RETURNS: back - sums[:, Report.REFUNDS] - sums[:, Report.HANDLING],
        Term.AD_SPEND: -spend,
        Term.STOCK_CLEARED: sums[:, Report.GOODS_COST],
    }
    for term, money in cny.items():
        assert score[:, term] == pytest.approx(money / 100.0, abs=CENT), term.name
    orders = sums[:, Report.ORDERS_SAME_HOUR] + sums[:, Report.ORDERS_WITHIN_DAY] + sums[:, Report.ORDERS_SLOW]
    assert (score[:, Term.ORDERS] == orders).all()
    assert (sums[:, Report.AD_ORDERS] <= orders).all()
    assert (sums[:, Report.AD_REVENUE] <= sums[:, Report.REVENUE]).all()
    profit = score[:, [int(term) for term in PROFIT_TERMS]].sum(axis=1)
    weights = profit_reward()
    assert earned == pytest.approx(score @ weights.weights[case.goal] / weights.scale, abs=CENT)
    assert earned * weights.scale == pytest.approx(profit, abs=1e-3)
    missing = plans.roi_floor * spend / 100.0 - sums[:, Report.AD_REVENUE] / 100.0
    assert score[:, Term.ROI_SHORTFALL] == pytest.approx(-np.maximum(missing, 0.0), abs=CENT)

    # Purses, each by itself.
    state = fleet.state
    assert (state.store[:, StoreState.SPENT] == spend).all()
    assert (spend <= np.maximum(fen(plans.budget_total), 1.0)).all()  # the smallest purse is one fen
    assert (state.channel[:, :, ChannelState.SPENT] <= fen(plans.cap_channel)).all()
    assert (state.listing[:, :, ListingState.SPENT] <= fen(plans.cap_listing)).all()

    # Nothing is under way any more, and nothing came back that was not sold.
    assert (state.refunds == 0.0).all()
    assert (state.listing[:, :, ListingState.INCOMING] == 0.0).all()
    for report, due in (
        (Report.REFUNDS, Due.REFUNDS),
        (Report.COMMISSION_BACK, Due.COMMISSION_BACK),
        (Report.RETURNS, Due.RETURNS),
    ):
        sold = {
            Due.REFUNDS: sums[:, Report.REVENUE],
            Due.COMMISSION_BACK: sums[:, Report.COMMISSION],
            Due.RETURNS: orders,
        }
        history = under_way[:, :, due].sum(axis=1)
        assert (sums[:, report] >= history).all()
        assert (sums[:, report] <= sold[due] + history).all()

    # A plan that is over stands still.
    end = state.copy()
    fleet.step(actions(case)[0])
    assert (fleet.reward == 0.0).all()
    assert (fleet.state.total == end.total).all()
    assert (fleet.state.store == end.store).all()
    assert (fleet.score == score).all()


@pytest.mark.parametrize("seed", [0, 1])
def test_stock_at_the_end_is_what_came_less_what_was_sold(headline: OpenStores, seed: int) -> None:
    """Start, plus what every reorder brought, less what was sold; goods still on the way arrive at the end."""
    stores = np.arange(12)
    fleet = Fleet(headline.start, 12)
    fleet.reset(plan_row(plans_for(headline), stores), stores, np.full(12, seed))
    start = fleet.state.listing.copy()
    ordered = start[:, :, ListingState.INCOMING].copy()
    for hour in range(14 * 24):
        before = fleet.state.listing.copy()
        fleet.step(np.zeros((12, K + 3)))
        now = fleet.state.listing
        waited = (before[:, :, ListingState.INCOMING] > 0.0) & (before[:, :, ListingState.ARRIVAL_HOUR] > hour)
        new = (now[:, :, ListingState.INCOMING] > 0.0) & ~waited
        ordered += np.where(new, now[:, :, ListingState.INCOMING], 0.0)
    came = fleet.state.listing[:, :, ListingState.STOCK] - start[:, :, ListingState.STOCK]
    came += fleet.state.total[:, :, Report.UNITS]
    # What was reordered in the very last hour is not seen above, for it has already arrived.
    last = came - ordered
    quantity = fleet.arrays.listing[:, :, ListingField.REORDER_QUANTITY]
    assert ((last == 0.0) | (last == quantity)).all()
    assert (last != 0.0).mean() < 0.05
    assert ordered.sum() > start[:, :, ListingState.INCOMING].sum()


def test_history_hands_over_what_is_under_way(headline: OpenStores) -> None:
    """Waiting clicks and returns of the week before the plan order and come back in the plan; counters start at 0."""
    state = headline.start.state
    assert state.pending[..., : Pending.DAY_PRICE].sum() > 100
    assert state.refunds[:, :, :, Due.REFUNDS].sum() > 0.0
    assert state.refunds[:, :, 1:8].sum() > state.refunds[:, :, 15:].sum()  # soon due, most of them
    assert (state.total == 0.0).all()
    assert (state.store[:, [StoreState.HOUR, StoreState.SPENT, StoreState.SPENT_TODAY]] == 0.0).all()
    assert (state.channel[:, :, ChannelState.SPENT] == 0.0).all()
    assert (state.listing[:, :, ListingState.SPENT] == 0.0).all()
    store = headline.stores[0]
    assert (state.listing[0, :, ListingState.STOCK] == store.listings.stock).all()
    assert (state.listing[0, :, ListingState.REVIEWS] == store.listings.reviews).all()


def test_returns_of_the_history_fall_due_on_their_day() -> None:
    """A return due on the n-th day after the week is booked at the plan's n-th midnight, whatever hour it starts."""
    for start_hour in (0, 20):
        store = replace(plain_store(2, days=10), start_hour=start_hour)
        market = replace(reference_market(), return_log_odds=30.0, return_delay_days=1.0, conversion_log_odds=2.0)
        opened = open_stores([replace(store, market=market)], [1])
        due = opened.start.state.refunds[0, :, :, Due.RETURNS].sum(axis=0)
        # With a delay of one day, all that is under way comes back at the next midnight.
        assert np.flatnonzero(due).tolist() == [1 if start_hour else 0]


def test_fen_are_whole() -> None:
    assert fen([0.0, 0.1, 0.29, 1234.565, 19.99]).tolist() == [0.0, 10.0, 29.0, 123456.0, 1999.0]
