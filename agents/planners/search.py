"""Better plans by simulation: a search around a base plan for many stores at once, each by itself.

On the true stores it finds what nobody can know beforehand, the oracle; on believed ones it is a planner.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import Plan, PlanArrays, join_plans
from merchantgym.envs.rollout import rollout

from ..surface import SurfaceSearch
from .space import LIMIT, PlanSpace

Progress = Callable[[int, int], None]
_SEARCH, _CONFIRM = 1, 2  # sets of chance; none has a seed of the other's
_SEEDS = 2**30  # of each
_BATCH = 32  # stores searched side by side


@dataclass(frozen=True)
class SearchSettings:
    """How long a plan is searched, and how surely it must be better."""

    generations: int = 16
    pairs: int = 32  # of mirrored candidates in a generation of a store, each under a chance of its own
    gauges: int = 4  # first generations in which the mean runs too, which tells of curvature
    keep: float = 0.95  # weight of a trial of the generation before
    confirm: int = 64  # fresh chances under which what was found must lead the base
    margin: float = 1.0  # standard errors of its lead

    def __post_init__(self) -> None:
        for name in ("generations", "pairs", "gauges", "confirm"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}(={getattr(self, name)}) must be >= 1")
        if not 0.0 < self.keep <= 1.0:
            raise ValueError(f"keep(={self.keep}) must be in (0, 1]")

    @property
    def plays(self) -> int:
        """Plans that are run for one store."""
        return self.pairs * (2 * self.generations + min(self.gauges, self.generations)) + 2 * self.confirm


@dataclass(frozen=True, eq=False)
class Ground:
    """Stores on which plans are tried, `draws` rows of `opened` for each: 1 for true stores, more for believed ones."""

    actor: Actor
    opened: OpenStores
    draws: int = 1
    threads: int = 1

    @property
    def stores(self) -> int:
        """N."""
        return len(self.opened) // self.draws

    def profit(self, plans: PlanArrays, stores: NDArray[np.int64], seeds: NDArray[np.int64]) -> FloatArray:
        """What n plans earn on stores (n,) under chances (n,), which also say which draw it is [CNY]."""
        rows = stores * self.draws + seeds % self.draws
        return rollout(self.actor, self.opened, plans, seeds, rows=rows, threads=self.threads).profit


@dataclass(frozen=True, eq=False)
class Found:
    """What a search came to, for n stores."""

    x: FloatArray  # (n, D) in each store's `PlanSpace`; 0 where nothing better was confirmed
    lead: FloatArray  # (n,) of what was found over the base under fresh chance [CNY], taken or not
    error: FloatArray  # (n,) its standard error [CNY]

    @property
    def taken(self) -> NDArray[np.bool_]:
        """(n,) whether a store's plan is another than its base."""
        return np.asarray(self.x.any(axis=1))


def search(
    spaces: Sequence[PlanSpace],
    ground: Ground,
    seed: int,
    settings: SearchSettings | None = None,
    progress: Progress | None = None,
) -> Found:
    """Look for plans that earn more, for each store by itself.

    Args:
        spaces: one a store of the ground, with the same number of listings.
        seed: of candidates and chance; a store's are the same in any company, by its place.
        progress: called with (plans run, plans to run).
    Raises: ValueError: as many spaces as stores are needed.
    """
    if len(spaces) != ground.stores:
        raise ValueError(f"spaces(={len(spaces)}) must be as many as stores(={ground.stores})")
    chosen = settings or SearchSettings()
    parts = []
    for first in range(0, len(spaces), _BATCH):
        stores = np.arange(first, min(first + _BATCH, len(spaces)))
        parts.append(_Batch(spaces, ground, chosen, stores, seed).found())
        if progress is not None:
            progress(int(stores[-1] + 1) * chosen.plays, len(spaces) * chosen.plays)
    names = ("x", "lead", "error")
    return Found(**{name: np.concatenate([getattr(part, name) for part in parts]) for name in names})


def found_plans(spaces: Sequence[PlanSpace], found: Found, planner: str) -> list[Plan]:
    """The plans of what was found."""
    return [space.plan(x, planner) for space, x in zip(spaces, found.x, strict=True)]


@dataclass(frozen=True, eq=False)
class _Batch:
    """Some stores, searched side by side."""

    spaces: Sequence[PlanSpace]
    ground: Ground
    settings: SearchSettings
    stores: NDArray[np.int64]  # (n,) their places
    seed: int

    def found(self) -> Found:
        settings = self.settings
        live = np.stack([self.spaces[i].live for i in self.stores])
        climb = SurfaceSearch(len(self.stores), np.full(live.shape[1], LIMIT), keep=settings.keep)
        generators = [np.random.default_rng((self.seed, _SEARCH, int(i))) for i in self.stores]
        for generation in range(settings.generations):
            directions = np.stack([one.standard_normal((settings.pairs, live.shape[1])) for one in generators])
            directions *= live[:, None]
            chance = np.stack([one.integers(_SEEDS, size=settings.pairs) for one in generators])
            sides = (1.0, -1.0, 0.0) if generation < settings.gauges else (1.0, -1.0)
            tried = np.stack([climb.mean[:, None] + side * directions for side in sides], axis=1)
            earned = self._earned(tried, np.repeat(chance[:, None], len(sides), axis=1))
            climb.tell(directions, earned[:, 0], earned[:, 1], earned[:, 2] if len(sides) > 2 else None)
        return self._confirmed(climb.mean)

    def _confirmed(self, x: FloatArray) -> Found:
        """The lead over the base under fresh chance; where it is not clear, the base stays."""
        generators = [np.random.default_rng((self.seed, _CONFIRM, int(i))) for i in self.stores]
        chance = np.stack([one.integers(_SEEDS, size=self.settings.confirm) + _SEEDS for one in generators])
        both = np.repeat(np.stack([x, np.zeros_like(x)], axis=1)[:, :, None], chance.shape[1], axis=2)
        earned = self._earned(both, np.repeat(chance[:, None], 2, axis=1))
        leads = earned[:, 0] - earned[:, 1]
        lead, error = leads.mean(axis=1), leads.std(axis=1, ddof=1) / np.sqrt(leads.shape[1])
        return Found(np.where((lead > self.settings.margin * error)[:, None], x, 0.0), lead, error)

    def _earned(self, x: FloatArray, chance: NDArray[np.int64]) -> FloatArray:
        """Profit (n, S, P) of candidates (n, S, P, D) under chances (n, S, P)."""
        rows = x.reshape(len(self.stores), -1, x.shape[-1])
        packed = [self.spaces[i].arrays(own) for i, own in zip(self.stores, rows, strict=True)]
        stores = np.repeat(self.stores, rows.shape[1])
        return self.ground.profit(join_plans(packed), stores, chance.reshape(-1)).reshape(chance.shape)
