"""Many executors against one reference on the same stores: differences, p-values, and what to make of many at once.

    rows = compare_family({"pid": pid, "ppo": ppo, "open_loop": plan}, "open_loop", np.random.default_rng(0))

The p-values are of a sign-flip test over stores: were an executor and the reference alike, the sign of each store's
difference would be a coin's, whatever the differences are distributed like. It asks nothing of their shape but that
they be symmetric under the null hypothesis, and is exact then. Training seeds are averaged first, so a p-value speaks
of the trainings that were run, not of trainings to come; the interval, which resamples seeds too, is for those.

Sources: Fisher 1935, "The Design of Experiments", section 21; Phipson and Smyth 2010, "Permutation p-values should
never be zero"; Holm 1979, "A simple sequentially rejective multiple test procedure".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .statistics import (
    CHUNK,
    LEVEL,
    RESAMPLES,
    Floats,
    Interval,
    checked_pair,
    paired_difference,
    probability_of_improvement,
)

FLIPS = 20_000  # random sign patterns; a p-value of 0.05 is found to 0.0015
EXACT = 13  # of so many stores or fewer every pattern is tried
_TIE = 1e-9  # relative distance up to which a pattern counts as being as extreme as what was seen


@dataclass(frozen=True)
class Comparison:
    """One executor against the reference of its family."""

    name: str
    difference: Interval  # mean, paired by store, in the unit of the results
    p: float  # two-sided, of no difference
    p_adjusted: float  # by Holm's method over the family
    improvement: Interval  # probability that it beats the reference on a store


def compare_family(
    results: Mapping[str, ArrayLike],
    reference: str,
    rng: np.random.Generator,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    strata: ArrayLike | None = None,
) -> list[Comparison]:
    """Every executor but the reference against it, the largest mean difference first.

    Args:
        results: name -> (seeds, stores), the same stores in the same order; seeds may differ in number.
        reference: one of the names.
        rng: asked for one number, so a row does not depend on which other rows there are, its adjusted p apart.
        level, resamples, strata: as in `statistics.mean_interval`.
    Raises: ValueError: names what is missing, or the argument and its value.
    """
    if reference not in results:
        raise ValueError(f"reference(={reference!r}) must be one of: {', '.join(results)}")
    others = [name for name in results if name != reference]
    if not others:
        raise ValueError(f"results must hold at least one arm beside the reference {reference!r}")
    state, base = int(rng.integers(2**63)), results[reference]
    p = [sign_flip_p(results[name], base, np.random.default_rng(state)) for name in others]
    rows = [
        Comparison(
            name,
            paired_difference(results[name], base, np.random.default_rng(state), level, resamples, strata),
            raw,
            float(adjusted),
            probability_of_improvement(results[name], base, np.random.default_rng(state), level, resamples, strata),
        )
        for name, raw, adjusted in zip(others, p, holm(p), strict=True)
    ]
    return sorted(rows, key=lambda row: (-row.difference.mean, row.name))


def sign_flip_p(a: ArrayLike, b: ArrayLike, rng: np.random.Generator, flips: int = FLIPS) -> float:
    """Two-sided p-value of equal means of `a` and `b`, paired by store, by flipping signs of store differences.

    All 2^stores patterns are tried where stores are few, `flips` random ones beside the one seen elsewhere.

    Args:
        a, b: results, shapes (seeds_a, stores) and (seeds_b, stores), same unit, stores and order.
    Returns: in (0, 1]; 1 where no store differs.
    Raises: ValueError: names the argument and its value.
    """
    x, y = checked_pair(a, b)
    if flips < 1:
        raise ValueError(f"flips(={flips}) must be >= 1")
    gap = x.mean(axis=0) - y.mean(axis=0)
    seen = abs(float(gap.sum())) - _TIE * float(np.abs(gap).sum())
    if len(gap) <= EXACT:
        patterns = np.arange(2 ** len(gap))[:, None] >> np.arange(len(gap)) & 1
        return float(np.mean(np.abs((1.0 - 2.0 * patterns) @ gap) >= seen))
    extreme, size = 0, max(1, CHUNK // len(gap))
    for start in range(0, flips, size):
        heads = rng.integers(2, size=(min(size, flips - start), len(gap)), dtype=np.int8)
        extreme += int(np.count_nonzero(np.abs((1.0 - 2.0 * heads) @ gap) >= seen))
    return (1 + extreme) / (1 + flips)


def holm(p: Sequence[float] | Floats) -> Floats:
    """p-values adjusted by Holm's method: those under alpha reject with a family-wise error of alpha.

    Raises: ValueError: names the first that is no probability.
    """
    raw = np.asarray(p, dtype=np.float64)
    bad = np.flatnonzero(~((raw >= 0.0) & (raw <= 1.0)))
    if len(bad):
        raise ValueError(f"p[{bad[0]}](={raw[bad[0]]}) must be in [0, 1]")
    order = np.argsort(raw)
    steps = np.maximum.accumulate(raw[order] * np.arange(len(raw), 0, -1))
    adjusted = np.empty(len(raw))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
