"""How a memory begins: recognised from the actor, described, and made again for other plans."""

from dataclasses import replace

import numpy as np
import pytest

from merchantgym.agents.memory_start import START_VALUES, Start, plan_value, read_start, starts_of
from merchantgym.controllers import CONTROLLERS, make_controller
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays

from ..worlds import plans_for

MARKED = ("random", "throttle")  # they remember a mark of the whole plan


@pytest.mark.parametrize("name", [name for name in CONTROLLERS if name not in MARKED])
def test_the_memory_of_every_controller_is_made_again_for_any_plans(headline: OpenStores, name: str) -> None:
    """It is recognised on plans that all last 14 days and whose daily budget is the whole."""
    actor, plans = make_controller(name), plans_for(headline)
    starts = starts_of(actor.init, plans)
    rng, n = np.random.default_rng(0), len(headline)
    other = replace(
        plans,
        days=rng.integers(1, 60, n),
        start_hour=rng.integers(0, 168, n),
        budget_total=rng.uniform(100.0, 9000.0, n),
        budget_daily=rng.uniform(10.0, 100.0, n),
        roi_floor=rng.uniform(0.0, 4.0, n),
    )
    for start, part in zip(starts, actor.init(other, n), strict=True):
        np.testing.assert_array_equal(start.fill(other, n), part)
        assert read_start("memory[0]", start.described, 8) == start


@pytest.mark.parametrize("name", MARKED)
def test_a_mark_of_the_whole_plan_is_not_taken_for_a_constant(headline: OpenStores, name: str) -> None:
    with pytest.raises(ValueError, match=r"memory\[\d\] begins neither with a constant nor with one of: days, "):
        starts_of(make_controller(name).init, plans_for(headline))


@pytest.mark.parametrize("value", [*START_VALUES, 0.5])
def test_one_plan_may_be_shared(headline: OpenStores, value: str | float) -> None:
    plans = plans_for(headline)
    one = PlanArrays(**{field: getattr(plans, field)[:1] for field in plans.__dataclass_fields__})
    part = Start(value, ("listings", 2)).fill(one, 3)
    assert part.shape == (3, 8, 2)
    assert (part == (plan_value(value, one)[0] if isinstance(value, str) else value)).all()
