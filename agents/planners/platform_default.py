"""What a platform's advertising console proposes when the merchant changes nothing."""

from dataclasses import dataclass

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Plan
from merchantgym.envs.platform_plan import platform_plan


@dataclass(frozen=True)
class PlatformDefaultPlanner:
    """The suggested bid on every listing at its current price, the whole budget spread evenly, no caps."""

    name: str = "default"

    def plan(self, office: BackOffice) -> Plan:
        """The console's proposal; a price that the merchant set under cost stays."""
        return platform_plan(office)
