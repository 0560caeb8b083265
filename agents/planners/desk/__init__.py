"""The planning desk: pick, design, forecast, cap, choose, confirm; every stage leaves a typed result."""

from .authors import AUTHORS, Author, by_planner
from .desk import Desk
from .stages import Candidate, Trace
from .variants import variants

__all__ = ["AUTHORS", "Author", "Candidate", "Desk", "Trace", "by_planner", "variants"]
