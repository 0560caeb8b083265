"""What a ranking is read from: mean profits of all executors in all scenarios, and the same in every resample."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from .resampling import Estimates, Resamples, ranks
from .statistics import Floats
from .statistics_families import holm, sign_flip_p
from .table import OPEN_LOOP

RIVAL = "value_pid"
"""Executor that the probability of improvement refers to."""
FEN = 0.01
"""Least money that something is a share of [CNY]."""
_FLIPS = 5_000  # of signs; a p-value of 0.05 is found to 0.003


@dataclass(frozen=True, eq=False)
class Marks:
    """Between what the profits of a scenario's first stores lie [CNY], both (bounded stores,)."""

    no_ads: Floats  # profit without advertising
    bound: Floats  # upper bound of the expected profit under the plan


@dataclass(frozen=True, eq=False)
class ScenarioScores:
    """What every executor earned in one scenario: executor -> profit (training seeds, stores) [CNY]."""

    scenario: str
    profit: Mapping[str, Floats]
    marks: Marks | None = None


@dataclass(frozen=True, eq=False)
class Bounded:
    """The stores whose bound is known: what they earned above no advertising, and could have."""

    draws: Resamples
    gained: tuple[Floats, ...]  # by executor, (S, seeds, stores) [CNY]
    possible: Floats  # (S, stores) [CNY]
    share: Estimates  # (S, E) of the bound

    @classmethod
    def of(cls, profit: Sequence[Floats], marks: Sequence[Marks], seed: int) -> Self:
        """From profits (S, seeds, N) by executor; the marks are those of the first stores."""
        no_ads = np.stack([each.no_ads for each in marks])
        possible = np.stack([each.bound for each in marks]) - no_ads
        stores = possible.shape[1]
        draws = Resamples(stores, seed)
        gained = tuple(values[:, :, :stores] - no_ads[:, None, :] for values in profit)
        whole = _means(draws, [possible[:, None, :]])
        part = _means(draws, gained)
        share = Estimates(*(a / np.maximum(b, FEN) for a, b in ((part.value, whole.value), (part.drawn, whole.drawn))))
        return cls(draws, gained, possible, share)


@dataclass(frozen=True, eq=False)
class Analysis:
    """What cells and summaries are read from; S scenarios, E executors."""

    names: tuple[str, ...]
    scenarios: tuple[str, ...]
    draws: Resamples
    profit: tuple[Floats, ...]  # by executor, (S, seeds, N) [CNY]
    mean: Estimates  # (S, E) [CNY]
    uplift: Estimates  # (S, E) over the plan as written, as a share of what that earned
    places: Estimates  # (S, E) ranks within scenarios
    bounded: Bounded | None

    @classmethod
    def of(cls, scores: Sequence[ScenarioScores], seed: int) -> Self:
        """From the scores. Raises: ValueError: names the scenario and what does not fit."""
        _check(scores)
        names = tuple(scores[0].profit)
        profit = tuple(np.stack([each.profit[name] for each in scores]) for name in names)
        draws = Resamples(profit[0].shape[2], seed)
        mean = _means(draws, profit)
        marks = [each.marks for each in scores if each.marks is not None]
        plan = [names.index(OPEN_LOOP)]
        return cls(
            names=names,
            scenarios=tuple(each.scenario for each in scores),
            draws=draws,
            profit=profit,
            mean=mean,
            uplift=Estimates(*(_relative(x, x[..., plan]) for x in (mean.value, mean.drawn))),
            places=Estimates(ranks(mean.value), ranks(mean.drawn)),
            bounded=Bounded.of(profit, marks, seed) if marks else None,
        )

    @property
    def plan(self) -> int:
        """Place of the plan as written."""
        return self.names.index(OPEN_LOOP)

    @property
    def rival(self) -> int | None:
        """Place of the executor that the probability of improvement refers to."""
        return self.names.index(RIVAL) if RIVAL in self.names else None

    def adjusted(self, s: int, reference: int) -> Floats:
        """p-value of every executor's difference to the reference in scenario s, by Holm; 1 for itself, (E,)."""
        base = self.profit[reference][s]
        others = [e for e in range(len(self.names)) if e != reference]
        rngs = [np.random.default_rng((self.draws.seed, s)) for _ in others]  # the same flips for all
        p = np.ones(len(self.names))
        p[others] = holm(
            [sign_flip_p(self.profit[e][s], base, rng, _FLIPS) for e, rng in zip(others, rngs, strict=True)]
        )
        return p

    def gain(self, e: int) -> Floats:
        """Each store's gain over the plan as written, in units of what that earned in the scenario, (S, seeds, N)."""
        written = self.profit[self.plan]
        scale = np.abs(written.mean(axis=(1, 2), keepdims=True))
        gain: Floats = (self.profit[e] - written) / np.maximum(scale, FEN)
        return gain


def _means(draws: Resamples, values: Sequence[Floats]) -> Estimates:
    """Means over seeds and stores of values (S, seeds, N) by executor; (S, E)."""
    mean = np.stack([each.mean(axis=(1, 2)) for each in values], axis=-1)
    return Estimates(mean, np.stack([draws.means(each) for each in values], axis=-1))


def _relative(values: Floats, reference: Floats) -> Floats:
    """Differences to the reference as a share of its size."""
    relative: Floats = (values - reference) / np.maximum(np.abs(reference), FEN)
    return relative


def _check(scores: Sequence[ScenarioScores]) -> None:
    if not scores:
        raise ValueError("scores(=[]) must hold at least one scenario")
    names = tuple(scores[0].profit)
    if OPEN_LOOP not in names:
        raise ValueError(f"executors(={list(names)}) must have {OPEN_LOOP}, which all are held against")
    stores = scores[0].profit[OPEN_LOOP].shape[1]
    for each in scores:
        if tuple(each.profit) != names:
            raise ValueError(
                f"{each.scenario}: executors(={list(each.profit)}) must be those of the first, {list(names)}"
            )
        for name, values in each.profit.items():
            wanted = (scores[0].profit[name].shape[0], stores)
            if values.shape != wanted or not np.isfinite(values).all():
                raise ValueError(f"{each.scenario}: profit of {name}(shape={values.shape}) must be {wanted} and finite")
    if len({None if each.marks is None else len(each.marks.bound) for each in scores}) > 1:
        raise ValueError("marks must be known of equally many stores in every scenario, or in none")
