"""The search finds what is there to be found, tells what it knows, and the oracle is a mark for all."""

from typing import Any

import numpy as np
import pytest

from merchantgym.agents.planners import PlatformDefaultPlanner, RulePlanner
from merchantgym.agents.planners.oracle import better_start, mean_profit, oracle_plans
from merchantgym.agents.planners.search import Ground, SearchSettings, found_plans, search
from merchantgym.agents.planners.space import PlanSpace
from merchantgym.controllers import OpenLoop
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import check_plan
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.twin import believed_stores

HEADLINE = load_scenario("headline")
SHORT = SearchSettings(generations=6, pairs=24, gauges=2, confirm=32)


@pytest.fixture(scope="module")
def opened() -> OpenStores:
    return Population(HEADLINE).open("validation", 4)


def spaces(opened: OpenStores) -> list[PlanSpace]:
    return [PlanSpace(office, PlatformDefaultPlanner().plan(office)) for office in opened.offices]


def test_a_search_on_the_true_store_earns_more_under_chance_it_has_not_met(opened: OpenStores) -> None:
    ground = Ground(OpenLoop(), opened)
    found = search(spaces(opened), ground, seed=1, settings=SHORT)
    plans = found_plans(spaces(opened), found, "found")
    for plan, office in zip(plans, opened.offices, strict=True):
        check_plan(plan, office)
    before = np.mean(mean_profit(ground, [space.base for space in spaces(opened)], 10**10, 48))
    assert np.mean(mean_profit(ground, plans, 10**10, 48)) > 1.1 * before
    assert found.taken.any()


def test_what_does_not_lead_clearly_is_left(opened: OpenStores) -> None:
    found = search(spaces(opened), Ground(OpenLoop(), opened), 1, SearchSettings(1, 2, 1, confirm=8, margin=1e9))
    assert not found.taken.any()
    assert np.isfinite(found.lead).all()


def test_believed_stores_are_all_met(opened: OpenStores) -> None:
    twin = believed_stores(opened.offices, HEADLINE, 8, 3)
    ground = Ground(OpenLoop(), twin, draws=8)
    assert ground.stores == len(opened)
    found = search(spaces(opened), ground, 1, SearchSettings(2, 8, 1, confirm=16))
    assert found.x.shape == (4, len(spaces(opened)[0].names))


def test_the_oracle_starts_from_the_better_plan_and_ends_no_worse(opened: OpenStores) -> None:
    ground = Ground(OpenLoop(), opened)
    oracle = oracle_plans(opened, OpenLoop(), 5, settings=SHORT)
    fresh: dict[str, Any] = {"first": 10**10, "chances": 64}
    earned = {
        "oracle": mean_profit(ground, oracle, **fresh),
        "start": mean_profit(ground, better_start(ground), **fresh),
        "rule": mean_profit(ground, [RulePlanner().plan(office) for office in opened.offices], **fresh),
    }
    assert np.mean(earned["start"]) >= np.mean(earned["rule"]) - 20.0
    assert np.mean(earned["oracle"]) > np.mean(earned["start"])
    assert {plan.planner for plan in oracle} == {"oracle"}
    assert oracle == oracle_plans(opened, OpenLoop(), 5, settings=SHORT)


def test_as_many_spaces_as_stores(opened: OpenStores) -> None:
    with pytest.raises(ValueError, match=r"spaces\(=1\) must be as many as stores\(=4\)"):
        search(spaces(opened)[:1], Ground(OpenLoop(), opened), 1)
