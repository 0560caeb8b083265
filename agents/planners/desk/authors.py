"""Who proposes plans to the desk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from merchantgym.envs.back_office import BackOffice

from ..planner import Planner
from ..platform_default import PlatformDefaultPlanner
from .stages import Candidate
from .variants import variants

Author = Callable[[Sequence[BackOffice]], Sequence[Sequence[Candidate]]]
"""Some candidates, or none, for each of some back offices."""


def by_planner(planner: Planner) -> Author:
    """A planner as an author: its one plan for each office."""

    def author(offices: Sequence[BackOffice]) -> list[list[Candidate]]:
        return [[Candidate(plan=planner.plan(office), author=planner.name)] for office in offices]

    return author


AUTHORS: Mapping[str, Author] = {"variants": variants, "default": by_planner(PlatformDefaultPlanner())}
"""Authors that need nothing but the back office, by name."""
