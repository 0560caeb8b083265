"""Stores on which gains are scored: opened once, in chunks, each with what the plan as written earns there."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from merchantgym.controllers import make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import Population, Split
from merchantgym.envs.rollout import rollout
from merchantgym.envs.store import HOURS_PER_DAY

from .setting import write_plans
from .statistics import Floats


@dataclass(frozen=True, eq=False)
class Block:
    """Some stores of one scenario under their plans."""

    opened: OpenStores
    plans: PlanArrays
    first: int  # number of the first store, by which chance is keyed
    seed: int
    as_written: Floats  # (n,) profit of the plan as written [CNY]

    def profit(self, actor: Actor) -> Floats:
        """Profit of every store [CNY], shape (n,)."""
        return _profit(actor, self.opened, self.plans, self.first, self.seed)


@dataclass(frozen=True, eq=False)
class Ground:
    """Stores, the same and under the same chance for every trial."""

    chunks: tuple[tuple[Block, ...], ...]  # chunk by chunk, in each a block of every scenario
    scales: tuple[float, ...]  # mean size of the profit of the plan as written, a scenario each [CNY]

    def __len__(self) -> int:
        return len(self.chunks)

    def uplift(self, actor: Actor, chunk: int) -> Floats:
        """Profit less that of the plan as written [CNY], to the fen, shape (scenarios, stores of the chunk)."""
        return np.stack([np.round(block.profit(actor) - block.as_written, 2) for block in self.chunks[chunk]])

    def store_hours(self, chunk: int) -> int:
        """Store-hours that a chunk takes."""
        return sum(int(block.plans.days.sum()) * HOURS_PER_DAY for block in self.chunks[chunk])

    @property
    def whole(self) -> int:
        """Store-hours that all chunks take."""
        return sum(self.store_hours(chunk) for chunk in range(len(self)))


def open_ground(
    populations: Sequence[Population], planner: str, ends: Sequence[int], seed: int, split: Split = "train"
) -> Ground:
    """Open stores of every scenario, have their plans written, and carry them out as written.

    Args:
        populations: a scenario each.
        ends: numbers of stores at which chunks begin and end; [512, 640, 768] is 256 stores in two chunks.
        seed: of what happens.
        split: of the stores; those by which a learner's policies are chosen are not those it learns from.
    """
    chunks = tuple(
        tuple(_block(population, planner, first, end - first, seed, split) for population in populations)
        for first, end in pairwise(ends)
    )
    profits = [np.concatenate([blocks[i].as_written for blocks in chunks]) for i in range(len(populations))]
    return Ground(chunks, tuple(float(np.abs(profit).mean()) for profit in profits))


def share(uplift: Floats, scales: Sequence[float]) -> Floats:
    """Uplift (scenarios, n) [CNY] as a share of what the plan as written earns, mean over scenarios, shape (n,)."""
    shares: Floats = (uplift / np.asarray(scales)[:, None]).mean(axis=0)
    return shares


def _block(population: Population, planner: str, first: int, count: int, seed: int, split: Split) -> Block:
    opened = population.open(split, count, first=first)
    _, plans = write_plans(planner, opened)
    return Block(opened, plans, first, seed, _profit(make_controller("open_loop"), opened, plans, first, seed))


def _profit(actor: Actor, opened: OpenStores, plans: PlanArrays, first: int, seed: int) -> Floats:
    return rollout(actor, opened, plans, seed, keys=np.arange(first, first + len(opened))).profit
