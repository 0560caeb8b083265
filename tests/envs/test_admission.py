"""Admission: plans are accepted, cut or refused by their forecast."""

from functools import cache

import pytest

from merchantgym.agents.planners import planner_by_name
from merchantgym.controllers import OpenLoop
from merchantgym.envs.admission import Admission, admit
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Plan, PlanError, check_plan
from merchantgym.envs.scenario import load_scenario

from ..worlds import opened

HEADLINE = load_scenario("headline")
DRAWS = 48
STORE = 6  # one whose plan at four times the bids would lose money


def office() -> BackOffice:
    return opened("headline").offices[STORE]


@cache
def dear_plan() -> Plan:
    plan = planner_by_name("rule").plan(office())
    return plan.model_copy(
        update={"listings": tuple(item.model_copy(update={"bid": 4.0 * item.bid}) for item in plan.listings)}
    )


@cache
def admitted(limit: float) -> Admission:
    return admit(dear_plan(), office(), OpenLoop(), limit, HEADLINE, seed=1, draws=DRAWS)


def test_a_plan_within_the_limit_is_accepted_as_it_is() -> None:
    answer = admitted(5000.0)
    assert answer.plan is not None
    assert answer.accepted
    assert answer.scale == 1.0
    assert answer.plan == dear_plan().model_copy(update={"forecast": answer.outlook.forecast})
    assert f"{answer.outlook.loss:.2f} CNY in 95 % of cases" in answer.reason
    assert "within the limit of 5000.00 CNY" in answer.reason


@pytest.mark.parametrize("share", [0.75, 0.4])
def test_a_plan_is_cut_until_its_loss_is_within_the_limit(share: float) -> None:
    proposed = dear_plan().model_dump()
    limit = round(share * admitted(5000.0).outlook.loss, 2)
    answer = admitted(limit)
    assert answer.plan is not None
    assert 0.0 < answer.scale < 1.0
    assert answer.outlook.loss <= limit
    check_plan(answer.plan, office())
    assert answer.plan.budget_total == pytest.approx(answer.scale * dear_plan().budget_total, abs=0.011)
    assert answer.plan.budget_daily <= answer.plan.budget_total
    assert answer.plan.listings == dear_plan().listings
    assert answer.plan.forecast == answer.outlook.forecast
    for figure in (dear_plan().budget_total, answer.plan.budget_total, limit, answer.outlook.loss):
        assert f"{figure:.2f}" in answer.reason
    assert dear_plan().model_dump() == proposed


def test_who_may_lose_more_may_spend_more() -> None:
    most = admitted(5000.0).outlook.loss
    scales = [admitted(round(share * most, 2)).scale for share in (0.4, 0.75)]
    assert scales[0] < scales[1]


def test_a_loss_that_money_does_not_cause_is_refused() -> None:
    """Goods given away under cost lose whatever is spent on ads: no smaller budget mends that."""
    listings = tuple(
        item.model_copy(update={"price": round(0.6 * cost, 2)})
        for item, cost in zip(dear_plan().listings, office().cost.tolist(), strict=True)
    )
    ruinous = dear_plan().model_copy(update={"listings": listings, "allow_below_cost": True})
    answer = admit(ruinous, office(), OpenLoop(), 50.0, HEADLINE, seed=1, draws=DRAWS)
    assert answer.plan is None
    assert not answer.accepted
    assert answer.scale == 0.0
    assert answer.outlook.loss > 50.0
    assert answer.reason.startswith("Refused: ")
    assert "over the limit of 50.00 CNY, and even with 2% of the money" in answer.reason


def test_impossible_questions_are_refused_before_any_work() -> None:
    with pytest.raises(ValueError, match=r"limit\(=-1.0\) must be finite and >= 0"):
        admit(dear_plan(), office(), OpenLoop(), -1.0, HEADLINE, seed=1)
    with pytest.raises(PlanError, match=r"store\(='train-00006'\) must be 'train-00000'"):
        admit(dear_plan(), opened("headline").offices[0], OpenLoop(), 1.0, HEADLINE, seed=1)
