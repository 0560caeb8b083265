"""A planner that draws any plan the store could carry out: what planning without thought is worth."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Plan
from merchantgym.envs.platform_plan import platform_plan

from .space import PlanSpace

_SPREAD = 2.0  # [steps] of a coordinate


@dataclass(frozen=True)
class RandomPlanner:
    """Every choice drawn around the platform's proposal; the same to the same store and seed."""

    seed: int = 0
    name: str = "random"

    def plan(self, office: BackOffice) -> Plan:
        """A feasible plan: bids within a factor of four, prices within 20 %, a third to all of the money."""
        key = int.from_bytes(sha256(office.store.encode("utf-8")).digest()[:8], "big")
        space = PlanSpace(office, platform_plan(office))
        x = _SPREAD * np.random.default_rng((self.seed, key)).standard_normal(len(space.names))
        drawn = space.plan(x * space.live, self.name)
        return drawn.model_copy(update={"rationale": "Drawn by chance."})
