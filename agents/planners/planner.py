"""What every planner is: a name, and a plan from a back office."""

from __future__ import annotations

from typing import Protocol

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Plan


class Planner(Protocol):
    """Writes operating plans. It reads the back office and nothing else, and answers the same to the same."""

    @property
    def name(self) -> str:
        """How tables and logs call it."""
        ...

    def plan(self, office: BackOffice) -> Plan:
        """A plan that `check_plan` accepts for this store."""
        ...
