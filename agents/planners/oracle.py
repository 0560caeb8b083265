"""Near-optimal plans of stores whose truth is known: what no planner can know, a mark for all of them.

The better of the rule plan and the platform's is the start; from there each store's plan is searched on the store
itself, its market and coming events included, under chance that it will not meet again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from merchantgym.envs.actor import Actor
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import Plan, join_plans, pack_plans

from .platform_default import PlatformDefaultPlanner
from .rules.rule import RulePlanner
from .search import Found, Ground, Progress, SearchSettings, found_plans, search
from .space import PlanSpace

NAME = "oracle"
_START = 3_000_000_001  # the first seed of the chance under which the start is chosen: no search has it
_CHANCES = 64


def oracle_plans(
    opened: OpenStores,
    actor: Actor,
    seed: int,
    *,
    settings: SearchSettings | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> list[Plan]:
    """A near-optimal plan for each true store.

    Args:
        opened: n stores.
        actor: the executor that will carry the plans out.
        seed: of the search and its chance.
    """
    ground = Ground(actor, opened, threads=threads)
    spaces = [PlanSpace(office, plan) for office, plan in zip(opened.offices, better_start(ground), strict=True)]
    chosen = replace(settings or SearchSettings(generations=24, pairs=48), margin=0.0)
    found = search(spaces, ground, seed, chosen, progress)
    return [_told(plan, found, i) for i, plan in enumerate(found_plans(spaces, found, NAME))]


def better_start(ground: Ground) -> list[Plan]:
    """Of the rule plan and the platform's, the one that earns more on each store."""
    offices = ground.opened.offices
    rivals = [[planner.plan(office) for office in offices] for planner in (RulePlanner(), PlatformDefaultPlanner())]
    earned = [mean_profit(ground, plans, _START, _CHANCES) for plans in rivals]
    return [rivals[int(second > first)][i] for i, (first, second) in enumerate(zip(*earned, strict=True))]


def mean_profit(ground: Ground, plans: Sequence[Plan], first: int, chances: int) -> list[float]:
    """Mean profit [CNY] of one plan a store under chances first .. first + chances - 1, which all stores share."""
    packed = pack_plans(plans, ground.opened.listing_ids[:: ground.draws])
    count = len(plans)
    stores = np.tile(np.arange(count), chances)
    seeds = np.repeat(first + np.arange(chances), count)
    earned = ground.profit(join_plans([packed] * chances), stores, seeds)
    return [float(mean) for mean in earned.reshape(chances, count).mean(axis=0)]


def _told(plan: Plan, found: Found, store: int) -> Plan:
    """With words that say where it comes from."""
    why = (
        "Searched on the true store, which no planner may see: "
        f"{found.lead[store]:+.2f} CNY over its start, standard error {found.error[store]:.2f}."
    )
    return plan.model_copy(update={"rationale": why})
