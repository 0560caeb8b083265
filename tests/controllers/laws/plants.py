"""Markets simple enough to know what a law should do in them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.controllers.laws import Returns

HOURS = 336
DAY = 1.0 + 0.8 * np.sin(2.0 * np.pi * (np.arange(24) - 8) / 24.0)


def traffic(hours: int = HOURS) -> NDArray[np.float64]:
    """Share of a plan's traffic by the hour; nights are quiet."""
    return np.resize(DAY, hours) / np.resize(DAY, hours).sum()


@dataclass(frozen=True)
class Plant:
    """Spend follows traffic times the bid multiplier to a power; at multiplier exp(right) it lands on budget."""

    right: float
    elasticity: float = 1.5
    hours: int = HOURS

    def run(self, law: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(log multiplier, share spent, share of traffic passed) at the start of each hour, under a pacing law."""
        share = traffic(self.hours)
        passed = np.concatenate(([0.0], share.cumsum()))
        memory, spent, rows = law.init(1), np.zeros(1), []
        for hour, part in enumerate(share):
            level, memory = law.step(memory, passed[hour : hour + 1], spent, np.array([share.max()]))
            rows.append((level[0], spent[0], passed[hour]))
            spent = np.minimum(spent + part * np.exp(self.elasticity * (level - self.right)), 1.0)
        level, spends, clock = (np.array(column) for column in zip(*rows, strict=True))
        return level, np.append(spends, spent), np.append(clock, 1.0)


def swings(values: NDArray[np.float64], slack: float) -> int:
    """How often a signal changes sides, ignoring what stays within the slack."""
    sides = np.sign(values[np.abs(values) > slack])
    return int((np.diff(sides) != 0).sum())


@dataclass(frozen=True)
class Shop:
    """Items bought at second prices: clicks and price per click both grow with the bid, and a click returns GMV.

    At the plan's bids all items together spend at `speed` times the even one and return `roi`, shared out by `worth`.
    """

    speed: float = 1.0
    roi: float = 6.0
    worth: tuple[float, ...] = (0.5, 1.0, 1.5)
    hours: int = HOURS

    def run(self, law: Any, floor: float) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(share spent, GMV earned by the hour, last log bids (K,)) under a law that knows a floor."""
        share, items = traffic(self.hours), len(self.worth)
        passed = np.concatenate(([0.0], share.cumsum()))
        memory, spent, earned, rows = law.init(1), np.zeros(1), np.zeros(1), [(0.0, 0.0)]
        worth = np.array(self.worth) / np.mean(self.worth) * self.roi
        bids = np.zeros(items)
        for hour, part in enumerate(share):
            returns = Returns(np.array([floor]), spent, earned, np.ones(1))
            affordable = worth[None] / max(floor, 1.0)
            args = (passed[hour : hour + 1], spent, np.array([share.max()]), np.zeros((1, items)), affordable, returns)
            level, own, memory = law.step(memory, *args)
            bids = level[0] + own[0]
            cost = part * self.speed / items * np.exp(1.7 * bids)
            cost *= min(1.0, (1.0 - spent[0]) / max(cost.sum(), 1e-12))
            spent = spent + cost.sum()
            earned = earned + (cost * worth * np.exp(-0.7 * bids)).sum()
            rows.append((spent[0], earned[0]))
        spends, earns = np.array(rows).T
        return spends, earns, bids
