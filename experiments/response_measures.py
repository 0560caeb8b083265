"""What is measured of a controller's answer to a step, and of its recovery from a wrong plan: pure functions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from merchantgym.envs.engines.layout import FloatArray

from .statistics import Interval, paired_difference

SMOOTH = 6  # [h] over which a response is averaged before it is judged
BAND = 0.1  # [ln] a response has settled once it stays this close to where it ends
END = 48  # [h] before the plan's end, where every pacing law tightens, that are not judged


@dataclass(frozen=True)
class Response:
    """One controller's answer to one step, over n stores and H hours."""

    level: FloatArray  # (H, n) ln of bid over the plan's bid
    speed: FloatArray  # (H, n) spend of the hour over what an even pace through the money of that hour would be
    hour: int  # of the plan, at which the step comes

    @property
    def mean_level(self) -> FloatArray:
        """(H,) mean over stores, smoothed."""
        return smoothed(self.level.mean(axis=1))

    @property
    def answer(self) -> float:
        """Lasting change of the log bid."""
        level, last = self.mean_level, len(self.level) - END
        return float(level[last - 24 : last].mean() - level[self.hour - 24 : self.hour].mean())

    @property
    def settling(self) -> float:
        """Hours from the step until the mean log bid stays within the band around its final value."""
        level, last = self.mean_level[: len(self.level) - END], len(self.level) - END
        far = np.abs(level[self.hour :] - level[last - 24 :].mean()) > BAND
        return float(np.flatnonzero(far)[-1] + 1) if far.any() else 0.0

    @property
    def swings(self) -> int:
        """How often the mean log bid goes from beyond the band on one side of its final value to beyond the other."""
        level, last = self.mean_level[: len(self.level) - END], len(self.level) - END
        off = level[self.hour :] - level[last - 24 :].mean()
        side = np.sign(off[np.abs(off) > BAND])
        return int((np.diff(side) != 0.0).sum())


@dataclass(frozen=True)
class Recovery:
    """What wrong bids of a plan cost."""

    factors: tuple[float, ...]  # the plan's bids over the right ones
    regret: Mapping[str, tuple[Interval, ...]]  # by executor [CNY per store] against `reference`
    reference: str  # the executor that does best under the right plan
    best: float  # its mean profit there [CNY per store]


def pace_of(spend: FloatArray, budget: FloatArray, left: float, hour: int) -> FloatArray:
    """Spend of each hour over that of an even pace (H, n): before a step the budget's, after it that of what is left.

    Args:
        spend: (H, n) [CNY] in each hour.
        budget: (n,) [CNY] of the plan before the step.
        left: multiple of it that the plan has from the step on.
        hour: at which the step comes.
    """
    hours = len(spend)
    even = np.repeat(budget[None] / hours, hours, axis=0)
    even[hour:] = np.maximum(left * budget - spend[:hour].sum(axis=0), 1e-9) / (hours - hour)
    return spend / even


def smoothed(series: FloatArray) -> FloatArray:
    """Mean of each hour and the hours before it, over a quarter of a day; (H,)."""
    sums = np.cumsum(np.concatenate([np.zeros(1), series]))
    first = np.maximum(np.arange(1, len(series) + 1) - SMOOTH, 0)
    means: FloatArray = (sums[1:] - sums[first]) / (np.arange(1, len(series) + 1) - first)
    return means


def regrets(profit: Mapping[str, Sequence[FloatArray]], factors: Sequence[float], seed: int) -> Recovery:
    """What each executor loses under each wrong plan against the best executor under the right one.

    Args:
        profit: by executor, one array (n,) a factor [CNY per store]; the same stores and chance everywhere.
        factors: the plan's bids over the right ones; 1 among them.
        seed: of the bootstrap.
    """
    right = list(factors).index(1.0)
    reference = max(profit, key=lambda name: float(profit[name][right].mean()))
    best = profit[reference][right]
    regret = {
        name: tuple(paired_difference(best[None], each[None], np.random.default_rng(seed)) for each in runs)
        for name, runs in profit.items()
    }
    return Recovery(tuple(factors), regret, reference, float(best.mean()))
