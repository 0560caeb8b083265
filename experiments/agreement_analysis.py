"""From runs to verdicts: every output of every situation compared in mean, spread and distribution."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from .agreement_outputs import OUTPUTS
from .agreement_runs import Runs
from .agreement_statistics import (
    Difference,
    detectable,
    distribution_difference,
    mean_difference,
    spread_difference,
)
from .statistics_families import holm

STATISTICS = ("mean", "spread", "distribution")
CLICKS = "ad_clicks"
"""The output in which an engine that serves too many or too few clicks must show."""


@dataclass(frozen=True)
class Comparison:
    """One output of one situation, compared in one way."""

    situation: str
    output: str
    statistic: str  # of STATISTICS
    p: float
    adjusted: float  # over all comparisons of the study
    difference: Difference | None  # where means are compared


@dataclass(frozen=True)
class Sighting:
    """Whether an engine that is wrong on purpose was seen in a situation, by its means alone."""

    engine: str
    situation: str
    differs: bool  # False where it does what the right engine does
    rejected: int  # outputs whose mean the study rejects
    smallest: float  # adjusted p
    output: str  # where that is
    bias: float  # its ad clicks against the right engine's under the same seeds, relative
    clicks_adjusted: float  # p of ad clicks


@dataclass(frozen=True)
class Study:
    """What an agreement study found."""

    comparisons: tuple[Comparison, ...]
    sightings: tuple[Sighting, ...]
    level: float

    @property
    def broken(self) -> list[Comparison]:
        """Comparisons in which the engines differ, the clearest first."""
        return sorted((c for c in self.comparisons if c.adjusted < self.level), key=lambda c: c.p)

    def of(self, situation: str) -> list[Comparison]:
        """Comparisons of one situation."""
        return [c for c in self.comparisons if c.situation == situation]

    def means(self, situation: str) -> dict[str, Difference]:
        """Differences of means of one situation by output."""
        return {c.output: c.difference for c in self.of(situation) if c.difference is not None}

    def detectable_bias(self, difference: Difference) -> float:
        """Bias relative to `difference.scale` that is found with probability 0.9 at the corrected level."""
        found = detectable(difference.error, len(self.comparisons), self.level)
        return found / difference.scale if difference.scale > 0.0 else 0.0


def analyse(
    reference: Mapping[str, Runs],
    tested: Mapping[str, Runs],
    wrong: Mapping[tuple[str, str], Runs],
    level: float,
    rng: np.random.Generator,
) -> Study:
    """Compare the reference engine with the tested one, and with those that are wrong on purpose.

    Args:
        reference, tested: by situation; wrong: by (engine, situation).
        level: family-wise error over all comparisons.
        rng: breaks ties.
    """
    raw = [c for name, runs in reference.items() for c in compare(name, runs, tested[name], rng)]
    adjusted = holm([c.p for c in raw])
    comparisons = tuple(replace(c, adjusted=float(p)) for c, p in zip(raw, adjusted, strict=True))
    sightings = [
        _sight(engine, name, reference[name], runs, tested[name], len(raw), level)
        for (engine, name), runs in wrong.items()
    ]
    return Study(comparisons, tuple(sightings), level)


def compare(situation: str, first: Runs, second: Runs, rng: np.random.Generator) -> Iterator[Comparison]:
    """All comparisons of one situation. Not yet adjusted."""
    for output, difference in compare_means(first, second).items():
        place = OUTPUTS.index(output)
        a, apart = first.same[..., place], second.apart[..., place]
        yield Comparison(situation, output, "mean", difference.p, 1.0, difference)
        yield Comparison(situation, output, "spread", spread_difference(a, apart), 1.0, None)
        yield Comparison(situation, output, "distribution", distribution_difference(a, apart, rng), 1.0, None)


def compare_means(first: Runs, second: Runs) -> dict[str, Difference]:
    """Differences of means by output; those that no run ever changes are left out."""
    found = {}
    for place, output in enumerate(OUTPUTS):
        a, paired, apart = (runs[..., place] for runs in (first.same, second.same, second.apart))
        if not (_constant(a) and _constant(apart) and np.array_equal(a[:, 0], apart[:, 0])):
            found[output] = mean_difference(a, paired, apart)
    return found


def _constant(values: np.ndarray) -> bool:
    """True where all runs of a store have one value."""
    return bool((values == values[:, :1]).all())


def _sight(
    engine: str, situation: str, reference: Runs, runs: Runs, right: Runs, comparisons: int, level: float
) -> Sighting:
    chances = {output: comparisons * found.p for output, found in compare_means(reference, runs).items()}
    best = min(chances, key=lambda output: chances[output])
    ads = OUTPUTS.index(CLICKS)
    return Sighting(
        engine,
        situation,
        not np.array_equal(runs.same, right.same),
        sum(p < level for p in chances.values()),
        min(1.0, chances[best]),
        best,
        float(runs.apart[..., ads].mean() / right.apart[..., ads].mean() - 1.0),
        min(1.0, chances[CLICKS]),
    )


def sharpness(first: Runs, second: Runs, output: str = "clicks") -> dict[str, float]:
    """Standard error of an output's difference of means by the way of comparing, relative to its mean."""
    place = OUTPUTS.index(output)
    samples = [runs[..., place] for runs in (first.same, second.same, second.apart)]
    ways: dict[str, float | None] = {"apart": 0.0, "paired": 1.0, "regression": None}
    found = {way: mean_difference(samples[0], samples[1], samples[2], weight) for way, weight in ways.items()}
    return {way: each.error / each.scale for way, each in found.items() if each.scale > 0.0}


def smallest(comparisons: Sequence[Comparison]) -> Comparison:
    """The comparison with the smallest p."""
    return min(comparisons, key=lambda c: c.p)
