"""Settings of the study of the ceiling: the entries `ceiling.*` of its configuration, checked."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from merchantgym.envs.engines.layout import N_CHANNELS, FloatArray

KINDS = ("channel", "listing", "discount", "bids_trend", "discount_trend", "discount_late")
"""Kinds of constants: those of every channel and every listing are searched alike."""


@dataclass(frozen=True)
class CeilingSettings:
    """How long constants are searched, and under how much chance they are judged."""

    generations: int  # of the search
    pairs: int  # of candidates in a generation of a store, each under a chance of its own
    gauges: int  # first generations in which the mean runs too, which tells of curvature
    keep: float  # weight of a trial of the generation before
    steps: Mapping[str, float]  # kind -> spread of candidates [of an action]
    choosing: int  # chances under which a store takes its constants or leaves them
    scoring: int  # chances under which all is scored
    checkpoints: int  # points of the curve
    batch: int  # stores of a part that is kept

    def __post_init__(self) -> None:
        for name in ("generations", "pairs", "gauges", "choosing", "scoring", "checkpoints", "batch"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"ceiling.{name}(={value!r}) must be a whole number >= 1")
        if not _number(self.keep) or not 0.0 < self.keep <= 1.0:
            raise ValueError(f"ceiling.keep(={self.keep!r}) must be a number in (0, 1]")
        if set(self.steps) != set(KINDS):
            raise ValueError(f"ceiling.steps(={list(self.steps)}) must have: {', '.join(KINDS)}")
        for kind, step in self.steps.items():
            if not _number(step) or not 0.0 < step <= 1.0:
                raise ValueError(f"ceiling.steps.{kind}(={step!r}) must be a number in (0, 1]")

    @property
    def shown(self) -> tuple[int, ...]:
        """Generations after which the constants are scored, the last among them."""
        marks = np.linspace(0.0, self.generations, self.checkpoints + 1)[1:]
        return tuple(sorted({int(np.ceil(mark)) for mark in marks}))

    @property
    def plays(self) -> int:
        """Plans of one store that are run for its own constants, scoring included."""
        scored = self.scoring * (1 + len(self.shown))
        return self.tried(self.generations) + 2 * self.choosing + scored

    def tried(self, generations: int) -> int:
        """Plans of one store that so many generations of the search run."""
        return self.pairs * (2 * generations + min(generations, self.gauges))

    def steps_of(self, listings: int) -> FloatArray:
        """(D,) spread of candidates, in the order of `constants.constant_names`."""
        counts = (N_CHANNELS, listings, 1, 1, 1, 1)
        return np.repeat([float(self.steps[kind]) for kind in KINDS], counts)


def read_settings(config: Mapping[str, Any]) -> CeilingSettings:
    """The configuration's `ceiling`. Raises: ValueError: names the entry, its value and what is allowed."""
    entries = config["ceiling"]
    known = [field.name for field in fields(CeilingSettings)]
    if not isinstance(entries, Mapping):
        raise ValueError(f"ceiling(={entries!r}) must be a mapping with {', '.join(known)}: see experiment=ceiling")
    if unknown := sorted(set(entries) ^ set(known)):
        raise ValueError(f"ceiling must have {', '.join(known)} and nothing else; see {unknown[0]!r}")
    if not isinstance(entries["steps"], Mapping):
        raise ValueError(f"ceiling.steps(={entries['steps']!r}) must be a mapping with {', '.join(KINDS)}")
    return CeilingSettings(**entries)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
