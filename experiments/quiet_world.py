"""A market without weather, in which a controller's answer to one step can be seen.

The stores are those of a scenario. Traffic is even; demand, rivals and rank stand still; stock is ample; and each
plan's budget is what the plan as written spends, so that the bids of the plan are right until the step comes.
"""

from dataclasses import dataclass, replace

import numpy as np

from merchantgym.controllers import make_controller
from merchantgym.envs.engines.layout import (
    CellField,
    ChannelState,
    FloatArray,
    ListingState,
    StoreField,
    StoreState,
)
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import OnHour, rollout
from merchantgym.envs.store import NEVER

_AMPLE_STOCK = 1e7  # [units]
_AMPLE_MONEY = 1e7  # [CNY]
_STEP_RISE = 0.05  # [h] time constant with which a step of demand comes
_STILL = (
    *(StoreField.DEMAND_SD, StoreField.DEMAND_STATIONARY_SD, StoreField.RIVAL_NOISE_SD, StoreField.RIVAL_SWING),
    *(StoreField.REACTION_STRENGTH, StoreField.FLYWHEEL),
)


@dataclass(frozen=True)
class Step:
    """One lasting change, midway through every plan."""

    title: str
    demand: float = 1.0  # [multiple of the requests before]
    price: float = 1.0  # [multiple of the rivals' bids before]
    budget: float = 1.0  # [multiple of the plan's budget]


STEPS = {
    "demand": Step("demand doubles", demand=2.0),
    "price": Step("clicks cost half as much again", price=1.5),
    "budget": Step("the budget is cut by 30 %", budget=0.7),
}


def still(opened: OpenStores) -> OpenStores:
    """The same stores in a market that stands still."""
    start = opened.start
    store, cell, state = start.arrays.store.copy(), start.arrays.cell.copy(), start.state.copy()
    store[:, [int(name) for name in _STILL]] = 0.0
    store[:, [StoreField.SHOCK_ONSET, StoreField.ENTRY_HOUR]] = NEVER
    cell[..., CellField.SHOCK] = 0.0
    state.store[:, StoreState.DEMAND] = 0.0
    state.channel[..., [ChannelState.RIVAL_NOISE, ChannelState.REACTION]] = 0.0
    state.listing[..., ListingState.STOCK] = _AMPLE_STOCK
    state.listing[..., ListingState.LISTED] = 1.0
    arrays = replace(
        start.arrays,
        store=store,
        cell=cell,
        calendar=np.zeros_like(start.arrays.calendar),
        weekly=np.ones_like(start.arrays.weekly),
    )
    return replace(opened, start=replace(start, arrays=arrays, state=state))


def disturbed(world: OpenStores, step: Step, hour: int) -> OpenStores:
    """A still world in which demand and rivals take their step at an hour of the plan."""
    arrays = world.start.arrays
    store, cell = arrays.store.copy(), arrays.cell.copy()
    if step.demand != 1.0:
        store[:, StoreField.SHOCK_ONSET] = hour
        store[:, StoreField.SHOCK_RISE] = _STEP_RISE
        store[:, StoreField.SHOCK_DECAY] = NEVER
        cell[..., CellField.SHOCK] = step.demand - 1.0
    if step.price != 1.0:
        store[:, StoreField.ENTRY_HOUR] = hour
        store[:, StoreField.ENTRY_SHIFT] = np.log(step.price)
    return replace(world, start=replace(world.start, arrays=replace(arrays, store=store, cell=cell)))


def budget_cut(plans: PlanArrays, step: Step, hour: int) -> OnHour:
    """Cuts every running plan's money before an hour of the plan."""
    passed = 0

    def cut(fleet: Fleet) -> None:
        nonlocal passed
        passed += 1
        if passed == hour and step.budget != 1.0:
            fleet.amend_budget(np.arange(fleet.slots), step.budget * plans.budget_total)

    return cut


def balanced(world: OpenStores, plans: PlanArrays, seed: int, threads: int) -> PlanArrays:
    """The plans with the money that they spend in this world when carried out as written; one purse, no caps."""
    free = _with_money(plans, np.full(len(world), _AMPLE_MONEY))
    spent = rollout(make_controller("open_loop"), world, free, seed, threads=threads).spend
    return _with_money(plans, np.maximum(spent, 1.0))


def _with_money(plans: PlanArrays, total: FloatArray) -> PlanArrays:
    return replace(
        plans,
        budget_total=total,
        budget_daily=total,
        cap_listing=np.repeat(total[:, None], plans.cap_listing.shape[1], axis=1),
        cap_channel=np.repeat(total[:, None], plans.cap_channel.shape[1], axis=1),
        promotion=np.zeros_like(plans.promotion),
    )
