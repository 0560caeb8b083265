"""Planners: from what a merchant's back office shows to an operating plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .planner import Planner
from .platform_default import PlatformDefaultPlanner
from .random_plan import RandomPlanner
from .rules.gains import RuleGains
from .rules.rule import RulePlanner

PLANNERS: Mapping[str, Callable[[], Planner]] = {
    "default": PlatformDefaultPlanner,
    "random": RandomPlanner,
    "rule": RulePlanner,
}


def planner_by_name(name: str) -> Planner:
    """A planner with its default gains.

    Raises: ValueError: quotes the name and the known ones.
    """
    if name not in PLANNERS:
        raise ValueError(f"planner(={name!r}) must be one of {', '.join(PLANNERS)}")
    return PLANNERS[name]()


__all__ = [
    "PLANNERS",
    "Planner",
    "PlatformDefaultPlanner",
    "RandomPlanner",
    "RuleGains",
    "RulePlanner",
    "planner_by_name",
]
