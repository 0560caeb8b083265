"""The forecast of a plan: quantiles from the twin, before anything is spent."""

from functools import cache

import numpy as np
import pytest

from merchantgym.agents.planners import planner_by_name
from merchantgym.controllers import make_controller
from merchantgym.envs.forecast import Outlook, forecast, forecasts
from merchantgym.envs.plan import Plan
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario

from ..worlds import opened

DRAWS = 40
HEADLINE = load_scenario("headline")
OPEN_LOOP = make_controller("open_loop")


@cache
def rule_plans() -> list[Plan]:
    return [planner_by_name("rule").plan(office) for office in opened("headline").offices]


@cache
def rule_outlooks() -> list[Outlook]:
    return forecasts(OPEN_LOOP, rule_plans(), opened("headline").offices, HEADLINE, seed=2, draws=DRAWS)


def test_the_truth_falls_where_the_forecast_says() -> None:
    """Nine of ten true outcomes lie within the 5-95 % range, for stores that the twin has never seen."""
    runs = [rollout(OPEN_LOOP, opened("headline"), rule_plans(), seed) for seed in range(3)]
    for name in ("spend", "gmv", "profit"):
        said = [getattr(outlook.forecast, name) for outlook in rule_outlooks()]
        low, high = np.array([one.low for one in said]), np.array([one.high for one in said])
        truth = np.stack([getattr(run, name) for run in runs])
        assert 0.78 <= ((truth >= low - 0.01) & (truth <= high + 0.01)).mean() <= 0.98, name


def test_it_tells_good_shops_from_bad_ones() -> None:
    profit = np.mean([rollout(OPEN_LOOP, opened("headline"), rule_plans(), seed).profit for seed in range(2)], axis=0)
    mids = np.array([outlook.forecast.profit.mid for outlook in rule_outlooks()])
    assert np.corrcoef(mids, profit)[0, 1] > 0.85
    width = np.mean([outlook.forecast.profit.high - outlook.forecast.profit.low for outlook in rule_outlooks()])
    assert width < 0.7 * (np.quantile(profit, 0.95) - np.quantile(profit, 0.05))


def test_a_forecast_alone_is_the_one_among_others() -> None:
    plan, office = rule_plans()[4], opened("headline").offices[4]
    alone = forecast(OPEN_LOOP, plan, office, HEADLINE, seed=2, draws=DRAWS)
    np.testing.assert_array_equal(alone.profit, rule_outlooks()[4].profit)
    assert alone.forecast == rule_outlooks()[4].forecast


def test_money_not_granted_is_not_spent() -> None:
    """Plans of one shop meet the same chance; a tenth of the budget bounds the spend of every draw."""
    plan, office = rule_plans()[4], opened("headline").offices[4]
    changes = {"budget_total": round(plan.budget_total / 10, 2), "budget_daily": round(plan.budget_daily / 10, 2)}
    poor = forecast(OPEN_LOOP, plan.model_copy(update=changes), office, HEADLINE, seed=2, draws=DRAWS)
    assert (poor.spend <= changes["budget_total"] + 1e-6).all()
    assert (poor.spend <= rule_outlooks()[4].spend + 1e-6).all()
    assert rule_outlooks()[4].forecast.spend.high <= plan.budget_total + 0.01


def test_loss_and_its_chance() -> None:
    profit = np.linspace(-100.0, 300.0, 401)
    outlook = Outlook(spend=profit, gmv=profit, profit=profit)
    assert outlook.loss == pytest.approx(80.0)
    assert outlook.loss_probability == pytest.approx(100 / 401)
    assert Outlook(spend=profit, gmv=profit, profit=profit + 101.0).loss == 0.0


def test_refuses_plans_without_offices() -> None:
    with pytest.raises(ValueError, match=r"plans\(=2\) must be as many as offices\(=1\)"):
        forecasts(OPEN_LOOP, rule_plans()[:2], opened("headline").offices[:1], HEADLINE, seed=0, draws=2)
