"""Runs of the one loop: a store may be run many times, each run under its own plan and chance."""

import numpy as np
import pytest

from merchantgym.controllers import make_controller
from merchantgym.envs import rollout as rollouts
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import Plan, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario

SEED = 13
ACTOR = make_controller("value_pid")


@pytest.fixture(scope="module")
def opened() -> OpenStores:
    return Population(load_scenario("headline")).open("train", 5)


@pytest.fixture(scope="module")
def plans(opened: OpenStores) -> list[Plan]:
    """Plans of different lengths."""
    written = [platform_plan(office) for office in opened.offices]
    return [plan.model_copy(update={"days": days}) for plan, days in zip(written, (2, 4, 1, 3, 5), strict=True)]


def test_a_store_may_be_run_any_number_of_times_each_under_a_chance_of_its_own(
    opened: OpenStores, plans: list[Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, seeds = np.array([3, 0, 3, 3, 1]), np.array([SEED, SEED, SEED + 1, SEED, 2**31])
    whole = {seed: rollout(ACTOR, opened, plans, seed) for seed in set(seeds.tolist())}
    monkeypatch.setattr(rollouts, "CHUNK", 2)
    drawn = rollout(ACTOR, opened, [plans[row] for row in rows], seeds, rows=rows)
    for i, (row, seed) in enumerate(zip(rows.tolist(), seeds.tolist(), strict=True)):
        for name in ("reward", "profit", "terms", "totals"):
            np.testing.assert_array_equal(getattr(drawn, name)[i], getattr(whole[seed], name)[row], err_msg=name)
    assert drawn.profit[0] != drawn.profit[2]
    elsewhere = rollout(ACTOR, opened, [plans[row] for row in rows], seeds, rows=rows, keys=rows + 7)
    assert (elsewhere.profit != drawn.profit).all()


def test_runs_that_cannot_be_are_named(opened: OpenStores, plans: list[Plan]) -> None:
    with pytest.raises(ValueError, match=r"seed\(shape=\(2,\)\) must be \(5,\), one a run"):
        rollout(ACTOR, opened, plans, np.arange(2))
    for row in (-1, 5):
        with pytest.raises(ValueError, match=rf"rows\(={row}\) must be >= 0 and < 5, the number of stores"):
            rollout(ACTOR, opened, plans[:2], SEED, rows=np.array([0, row]))
    with pytest.raises(ValueError, match=r"rows\(shape=\(0,\)\) must be \(n,\), one or more"):
        rollout(ACTOR, opened, plans, SEED, rows=np.array([], dtype=np.int64))
    packed = pack_plans(plans, opened.listing_ids)
    with pytest.raises(ValueError, match=r"plans\(=5\) must be as many as rows\(=2\)"):
        rollout(ACTOR, opened, packed, SEED, rows=np.array([0, 1]))
