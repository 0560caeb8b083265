"""Plain numbers out of observations."""

from dataclasses import replace

import numpy as np
import pytest

from merchantgym.controllers.account import open_account, read_account
from merchantgym.controllers.laws import ConversionLaw
from merchantgym.controllers.readings import Purse, Terms, amended, read_purse, read_shelf, terms_of
from merchantgym.envs.event_fleet import open_fleet
from merchantgym.envs.observation import ObservationView
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.task import PAUSED, action_size

from ..worlds import plans_for
from .observations import K, plain_observation, some_plans


def test_scales_are_inverted() -> None:
    observation = plain_observation(
        order_value=np.log1p(37.5),
        orders=np.log1p([0.0, 4.0, 61.0]),
        matured_clicks=np.log1p([0.0, 123.4, 4321.0]),
        store_conversion=np.log(0.017),
        plan_bid=np.log(0.8),
        stock_cover=np.log1p(5.25),
        time_left=0.25,
        incoming=[0.0, 1.0, 0.0],
        few_reviews=0.5,
    )
    shelf = read_shelf(ObservationView(observation.astype(np.float64)), np.array([8.0]))
    near = {"rtol": 2e-6, "atol": 1e-9}  # float32 in between
    np.testing.assert_allclose(shelf.order_margin, 37.5, **near)
    np.testing.assert_allclose(shelf.orders, [[0.0, 4.0, 61.0]], **near)
    np.testing.assert_allclose(shelf.matured_clicks, [[0.0, 123.4, 4321.0]], **near)
    np.testing.assert_allclose(shelf.store_rate, [[0.017]], **near)
    np.testing.assert_allclose(np.exp(shelf.bid), 0.8, **near)
    np.testing.assert_allclose(shelf.cover, 5.25, **near)
    np.testing.assert_allclose(shelf.days_left, [[2.0]], **near)
    np.testing.assert_allclose(shelf.incoming, [[0.0, 1.0, 0.0]], **near)
    np.testing.assert_allclose(shelf.youth, 0.125, **near)


def test_the_share_of_orders_due_is_the_truth(headline: OpenStores) -> None:
    """Against the counts of a run: share of the final attributed GMV, if spending stopped, that the account expects."""
    plans = plans_for(headline)
    stores, stop = len(headline), 72
    fleet = open_fleet("hour", headline.start, stores)
    fleet.reset(plans, np.arange(stores), np.full(stores, 11))
    days, memory, law = plans.days.astype(float), open_account(plans, stores), ConversionLaw()
    action, seen = np.zeros((stores, action_size(8))), []
    for hour in range(336):
        view = ObservationView(fleet.observation.astype(np.float64))
        shelf = read_shelf(view, days)
        conversion = law.conversion(shelf.orders, shelf.matured_clicks, shelf.store_rate)
        account, memory = read_account(view, shelf, conversion, days, memory)
        seen.append((account.returns.earned.sum(), account.returns.due.mean()))
        if hour == stop:
            action[:, 2:10] = PAUSED
        fleet.step(action)
    (then, due), (final, _) = seen[stop], seen[-1]
    assert 0.3 < due < 0.8
    assert abs(then / final - due) < 0.12


def test_an_account_starts_without_knowledge() -> None:
    plans = replace(some_plans(2), roi_floor=np.array([3.0, 0.0]))
    view = ObservationView(np.repeat(plain_observation(clicks=np.log1p(300.0)), 2, 0).astype(np.float64))
    shelf = read_shelf(view, plans.days)
    account, memory = read_account(view, shelf, np.full((2, K), 0.01), plans.days, open_account(plans, 2))
    np.testing.assert_allclose(account.returns.spent, 0.0)
    np.testing.assert_allclose(account.returns.due, 1.0)
    np.testing.assert_allclose(account.price, np.exp(shelf.bid), rtol=1e-6)
    np.testing.assert_array_equal(account.excess()[1], 1.0)  # no floor, nothing falls short of it
    assert account.affordable(shelf.bid).min() > 0.0
    np.testing.assert_array_equal(memory[2], 1.0)


def test_measured_returns_scale_what_a_click_is_worth() -> None:
    """Ad clicks bring half of what all clicks would let expect: each listing's worth is taken down accordingly."""
    plans = replace(some_plans(1), roi_floor=np.array([3.0]))
    first = plain_observation(unit_margin=0.5, ad_clicks=0.0, clicks=np.log1p(500.0), matured_clicks=np.log1p(500.0))
    common = {"clicks": np.log1p(4500.0), "matured_clicks": np.log1p(4500.0), "unit_margin": 0.5, "budget_left": 0.5}
    later = plain_observation(ad_clicks=np.log1p(400.0), ad_return=np.log1p(1200.0 * 0.5 / 420.0), **common)
    memory, worth = open_account(plans, 1), []
    for observation in (first, later):
        view = ObservationView(observation.astype(np.float64))
        shelf = read_shelf(view, plans.days)
        account, memory = read_account(view, shelf, np.full((1, K), 0.01), plans.days, memory)
        worth.append(account.worth[0, 0])
    assert worth[0] == pytest.approx(1.0, rel=1e-5)  # 50 / 0.5 CNY an order, one click in a hundred orders
    assert worth[1] == pytest.approx(0.5, abs=0.06)  # 1200 clicks should bring 1200 CNY, and brought half


def test_clicks_from_before_the_plan_ripen_with_the_published_delay() -> None:
    """50 clicks were not due when the plan began; 120 hours on, 1 / e of them are left among those that are not due."""
    plans, memory, dues = some_plans(1), open_account(some_plans(1), 1), []
    for left, clicks, immature in ((1.0, 300.0, 50.0), (1.0 - 120.0 / 336.0, 500.0, 50.0 / np.e + 80.0)):
        seen = {"clicks": np.log1p(clicks / K), "matured_clicks": np.log1p((clicks - immature) / K), "time_left": left}
        view = ObservationView(plain_observation(**seen).astype(np.float64))
        account, memory = read_account(view, read_shelf(view, plans.days), np.zeros((1, K)), plans.days, memory)
        dues.append(account.returns.due[0])
    assert dues[0] == 1.0
    assert dues[1] == pytest.approx(1.0 - 80.0 / 201.0, abs=0.01)


def test_an_amended_plan_is_a_plan_of_its_own_over_what_is_left() -> None:
    plans = some_plans(1, daily=0.5)

    def purse_at(size: float, terms: Terms, **shares: float) -> tuple[Purse, Terms]:
        seen = {"day_traffic_left": 0.5, "day_budget_left": 0.5, **shares}
        view = ObservationView(plain_observation(budget_size=np.log(size) - 3.0, **seen).astype(np.float64))
        terms = amended(view, terms)
        return read_purse(view, terms), terms

    before, terms = purse_at(60.0, terms_of(plans, 1), traffic_passed=0.4, budget_left=0.6)
    assert (before.passed[0], before.spent[0]) == pytest.approx((0.4, 0.4))
    assert before.day.money_left[0] == pytest.approx(0.25)
    cut, terms = purse_at(48.0, terms, traffic_passed=0.4, budget_left=0.5)  # 0.4 of 60 is half of 48
    assert (cut.passed[0], cut.spent[0]) == pytest.approx((0.0, 0.0), abs=1e-6)
    assert cut.stride[0] == pytest.approx(before.stride[0] / 0.6)
    assert cut.day.money_left[0] == pytest.approx(0.5 * 0.625 / 0.5)  # of a day's 420 CNY, over what 336 left
    later, _ = purse_at(48.0, terms, traffic_passed=0.7, budget_left=0.2)
    assert (later.passed[0], later.spent[0]) == pytest.approx((0.5, 0.6))
    assert later.part[0] == pytest.approx(0.5)
