"""What the environments share: stores of a scenario with their plans, ready to be played."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from .back_office import BackOffice
from .event_fleet import check_engine
from .observation import bounds
from .opening import OpenStores
from .plan import Plan, PlanArrays, check_plan, pack_plans
from .platform_plan import platform_plan
from .population import Population, Split
from .rollout import subset
from .scenario import Scenario, load_scenario
from .task import action_size

WritePlan = Callable[[BackOffice], Plan]


@dataclass(frozen=True)
class Stage:
    """Open stores and a plan for each."""

    opened: OpenStores
    plans: PlanArrays

    def plan_rows(self, stores: NDArray[np.int64]) -> PlanArrays:
        """Plans of some stores."""
        return subset(self.plans, stores)


def build_stage(
    scenario: str | Scenario,
    split: Split,
    stores: int,
    population_seed: int,
    planner: WritePlan | None,
    engine: str,
    threads: int,
) -> Stage:
    """Open the first `stores` stores of a split and have their plans written and checked.

    Raises: ValueError: names the argument that is not allowed; PlanError: a plan that cannot be carried out.
    """
    check_engine(engine)
    frame = load_scenario(scenario) if isinstance(scenario, str) else scenario
    opened = Population(frame, population_seed).open(split, stores, threads=threads)
    write = planner or platform_plan
    plans = [write(office) for office in opened.offices]
    for plan, office in zip(plans, opened.offices, strict=True):
        check_plan(plan, office)
    return Stage(opened, pack_plans(plans, opened.listing_ids))


def observation_space(listings: int) -> spaces.Box[np.float32]:
    """Observations of one store: every feature in its documented range."""
    low, high = bounds(listings)
    return spaces.Box(low, high, dtype=np.float32)


def action_space(listings: int) -> spaces.Box[np.float64]:
    """Actions of one store. float64: another type would be converted every step."""
    return cast(spaces.Box[np.float64], spaces.Box(-1.0, 1.0, (action_size(listings),), dtype=np.float64))
