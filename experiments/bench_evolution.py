"""How fast whole episodes run with a small policy inside: what a search by evolution lives on."""

import numpy as np

from merchantgym.agents.evolution.arena import Arena
from merchantgym.agents.evolution.features import no_standard
from merchantgym.agents.evolution.policy import Shape
from merchantgym.controllers import make_controller
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays

from .bench_engines import cpu_time

_STORES = 256


def fused_episodes(opened: OpenStores, plans: PlanArrays, repeats: int) -> float:
    """Whole plans per CPU second under a linear policy over the plan as written, one thread."""
    stores = np.arange(min(_STORES, len(opened)))
    seeds = np.ones(len(stores), dtype=np.int64)
    shape = Shape()
    weights = np.random.default_rng(0).normal(0.0, 0.01, (1, shape.weights))
    arena = Arena(make_controller("open_loop"), shape, no_standard(shape.inputs), 1.0, opened, plans)
    arena.returns(weights, stores[:1], seeds[:1])  # compiles
    return len(stores) / min(cpu_time(lambda: arena.returns(weights, stores, seeds)) for _ in range(repeats))
