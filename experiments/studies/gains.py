"""What learned executors gain over the best controller: pure functions of what each earned on every store.

All differences are paired by store. The interval takes stores and trainings for drawn by chance: a resample draws
stores and, apart from them, whole trainings (see `statistics`). The p-value flips signs of stores and takes the
trainings as they are, so it speaks of the policies that were trained. A win or a loss must be seen by both: an adjusted
p under 5 % and an interval that leaves out 0, so that a lucky training is no win.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ..ranking import ALPHA
from ..statistics import Floats, Interval, paired_difference, probability_of_improvement
from ..statistics_families import holm, sign_flip_p
from ..table import ArmResult

Mark = Literal["win", "tie", "loss"]


@dataclass(frozen=True)
class Gain:
    """One learned executor against a controller, on the same stores under the same chance."""

    executor: str
    over: str  # the controller
    seeds: int  # trainings
    stores: int
    gain: Interval  # mean difference of profit [CNY per store]
    share: Interval  # the same, as a share of what the controller earned
    by_seed: tuple[float, ...]  # mean difference of every training [CNY per store]
    improvement: Interval  # probability of earning more on a store, a tie counting one half
    p: float  # of no difference, two-sided; adjusted by Holm over the executors compared

    @property
    def mark(self) -> Mark:
        """Better, worse, or neither beyond chance."""
        if self.p >= ALPHA or not self.gain.excludes_zero:
            return "tie"
        return "win" if self.gain.mean > 0 else "loss"


def best_controller(results: Sequence[ArmResult]) -> ArmResult:
    """The controller with the highest mean profit; picked on the stores it is measured on, which flatters it.

    Raises: ValueError: there is no controller.
    """
    controllers = [one for one in results if one.kind == "controller"]
    if not controllers:
        names = [one.executor for one in results]
        raise ValueError(f"executors(={names}) must have a controller that the learned ones are held against")
    return max(controllers, key=lambda one: one.mean_profit)


def gains_over(best: ArmResult, learned: Sequence[ArmResult], seed: int) -> list[Gain]:
    """Every learned executor against a controller, the largest gain first.

    Args:
        best: the controller; its plans and stores are those of all others.
        seed: of the bootstrap and of the signs: the same stores are resampled for all.
    """
    state = seed
    raw = [sign_flip_p(one.profit, best.profit, np.random.default_rng(state)) for one in learned]
    found = [
        Gain(
            executor=one.executor,
            over=best.executor,
            seeds=len(one.profit),
            stores=one.profit.shape[1],
            gain=(gain := paired_difference(one.profit, best.profit, np.random.default_rng(state))),
            share=_share(gain, best.mean_profit),
            by_seed=tuple(map(float, _by_seed(one, best))),
            improvement=probability_of_improvement(one.profit, best.profit, np.random.default_rng(state)),
            p=float(p),
        )
        for one, p in zip(learned, holm(raw), strict=True)
    ]
    return sorted(found, key=lambda one: (-one.gain.mean, one.executor))


def _by_seed(one: ArmResult, best: ArmResult) -> Floats:
    differences: Floats = (one.profit - best.profit).mean(axis=1)
    return differences


def _share(gain: Interval, earned: float) -> Interval:
    """In units of what was earned, whose own uncertainty is next to nothing beside the gain's."""
    unit = max(abs(earned), 0.01)
    return Interval(gain.mean / unit, gain.low / unit, gain.high / unit)
