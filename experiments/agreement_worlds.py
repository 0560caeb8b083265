"""The situations in which two engines are compared: many copies of a few stores, each midway through its plan.

The stores are those of the scenario with 30 hours of history. Their constants are then made dense in events: buyers
click, order, return and review far more often than in the market, on a quarter of its requests. The law is the same;
a simulated second says much more about it. The weather (demand, rivals' noise) is quietened, because it is the one
draw that both engines share by construction: loud, it would only hide what they do with the rest.

Every run starts at ten in the evening and passes a midnight, when returns arrive, reviews appear, listings with goods
come back and the day's purse is refilled.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.hour import simulate
from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    CellField,
    ChannelField,
    ChannelState,
    FloatArray,
    ListingField,
    ListingState,
    Offer,
    Pending,
    Report,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from merchantgym.envs.engines.streams import as_keys
from merchantgym.envs.fleet import fen
from merchantgym.envs.opening import OpenStores

Rows = NDArray[np.intp]

HISTORY = 30  # [h]
FIRST_HOUR_OF_DAY = 22
PLENTY = 1e12
"""[fen] more than any run can spend."""
_HISTORY_SEED = 4
_FEWER_WAIT = 8.0  # what the pool of slow buyers is divided by: each is a process of the event engine
_PILOT_COPIES = 200  # of each store, to learn what an hour costs


@dataclass(frozen=True)
class World:
    """Copies of S stores, ready to run; row b is a copy of store b // copies."""

    arrays: StoreArrays
    state: StateArrays
    offer: FloatArray  # (B, K, Offer), fixed for the run
    hours: int
    stores: int  # S

    @property
    def copies(self) -> int:
        """Rows of each store."""
        return self.arrays.stores // self.stores


def copies(arrays: StoreArrays, state: StateArrays, rows: Any) -> tuple[StoreArrays, StateArrays]:
    """Constants and state of the stores in `rows`, which may repeat; shares nothing with them."""
    picked = {f.name: getattr(arrays, f.name)[rows].copy() for f in fields(arrays) if f.name != "weekly"}
    return (
        StoreArrays(**picked, weekly=arrays.weekly.copy()),
        StateArrays(**{f.name: getattr(state, f.name)[rows].copy() for f in fields(state)}),
    )


def set_money(
    state: StateArrays, total: Any = PLENTY, daily: Any = PLENTY, channel: Any = PLENTY, listing: Any = PLENTY
) -> None:
    """Grant money [fen] to all stores: a number, or one row a store."""
    state.store[:, StoreState.BUDGET_TOTAL] = total
    state.store[:, StoreState.BUDGET_DAILY] = daily
    state.channel[:, :, ChannelState.CAP] = channel
    state.listing[:, :, ListingState.CAP] = listing


def flat_offer(stores: int, bid: Any, price: Any) -> FloatArray:
    """(B, K, Offer): the same bid [CNY] in both channels, and a price [fen]; each broadcasts to (B, K)."""
    bid, price = np.broadcast_arrays(np.asarray(bid, dtype=float), np.asarray(price, dtype=float))
    offer = np.empty((stores, bid.shape[-1], len(Offer)))
    offer[:, :, Offer.BID_SEARCH] = offer[:, :, Offer.BID_FEED] = bid
    offer[:, :, Offer.PRICE] = price
    return offer


def run_hours(
    arrays: StoreArrays, state: StateArrays, offer: FloatArray, hours: int, seeds: Any, keys: Any = None
) -> None:
    """Run the compiled engine for some hours under a fixed offer, in place.

    Args:
        seeds: a seed, or one a store; keys: (B,) second half of the random key, the row by default.
    """
    B = arrays.stores
    simulate(
        arrays,
        state,
        offer,
        hours,
        as_keys(np.broadcast_to(np.asarray(seeds), B)),
        as_keys(np.arange(B) if keys is None else np.asarray(keys)),
    )


def midway(opened: OpenStores) -> World:
    """One copy of each store, dense in events, after 30 hours of ample advertising."""
    offices, count = opened.offices, len(opened)
    arrays, state = copies(opened.start.arrays, opened.start.state, np.arange(count))
    _make_dense(arrays)
    state.listing[:, :, ListingState.STOCK] = 10_000.0 * arrays.listing[:, :, ListingField.MINIMUM_ORDER]
    set_money(state)
    bids = np.stack([office.suggested_bid for office in offices])
    offer = flat_offer(count, 2.0 * bids, fen(np.stack([office.price for office in offices])))
    run_hours(arrays, state, offer, HISTORY, _HISTORY_SEED)
    state.total[:] = 0.0
    state.pending[..., [Pending.SLOW_AD, Pending.SLOW_ORGANIC]] = np.ceil(
        state.pending[..., [Pending.SLOW_AD, Pending.SLOW_ORGANIC]] / _FEWER_WAIT
    )
    return World(arrays, state, offer, 4, count)


def _make_dense(arrays: StoreArrays) -> None:
    """The same stores where much happens in an hour; no event of the scenario's own during the run."""
    shop, channel, goods = arrays.store, arrays.channel, arrays.listing
    shop[:, StoreField.START_HOUR] += (FIRST_HOUR_OF_DAY - HISTORY - shop[:, StoreField.START_HOUR]) % 24
    shop[:, [StoreField.SHOCK_ONSET, StoreField.ENTRY_HOUR]] = PLENTY
    shop[:, [StoreField.DEMAND_SD, StoreField.RIVAL_NOISE_SD]] *= 0.1
    shop[:, [StoreField.RETURN_HAZARD, StoreField.REVIEW_HAZARD, StoreField.REVIEW_RATE]] = 0.5
    arrays.calendar[:] = 0.0
    channel[:, :, ChannelField.VOLUME] *= 0.25
    channel[:, :, ChannelField.CLICK] += 4.4
    channel[:, :, ChannelField.ORGANIC_RIVALS] *= 0.3
    goods[:, :, ListingField.RELEVANCE] += 1.5
    goods[:, :, ListingField.RETURN_PROBABILITY] = 0.3
    goods[:, :, ListingField.REORDER_POINT] = -1.0


def multiply(world: World, copies_of_each: int) -> World:
    """So many copies of each store of a world of one copy."""
    rows = np.repeat(np.arange(world.stores), copies_of_each)
    arrays, state = copies(world.arrays, world.state, rows)
    return replace(world, arrays=arrays, state=state, offer=world.offer[rows])


def spend_of_an_hour(world: World) -> FloatArray:
    """Mean spend of the coming hour if money were no object, (S, C, K) [fen], from a pilot run of the compiled engine.

    Only budgets are set by it, so it need not be exact.
    """
    pilot = multiply(world, _PILOT_COPIES)
    run_hours(pilot.arrays, pilot.state, pilot.offer, 1, _HISTORY_SEED + 1)
    report = pilot.state.hour[:, :, [Report.SPEND_SEARCH, Report.SPEND_FEED]]
    spend: FloatArray = report.reshape(world.stores, _PILOT_COPIES, -1, N_CHANNELS).mean(axis=1).transpose(0, 2, 1)
    return spend


def slack(world: World) -> World:
    """Money and goods are no object."""
    return world


def daily_budget(world: World) -> World:
    """The day's purse lasts 0.15 to 0.6 hours of the evening; at midnight it is refilled, and runs out again."""
    share = np.linspace(0.15, 0.6, world.stores)
    set_money(world.state, daily=np.round(share * spend_of_an_hour(world).sum(axis=(1, 2))))
    world.state.store[:, StoreState.SPENT_TODAY] = 0.0
    return world


def plan_budget(world: World) -> World:
    """The plan's purse lasts 0.3 to 2 hours."""
    share = np.linspace(0.3, 2.0, world.stores)
    left = np.round(share * spend_of_an_hour(world).sum(axis=(1, 2)))
    set_money(world.state, total=world.state.store[:, StoreState.SPENT] + left)
    return world


def caps(world: World) -> World:
    """Caps of channels bind in every other store, caps of listings, some of them 0, in the rest."""
    state, spend = world.state, spend_of_an_hour(world)
    channel = np.round(spend.sum(axis=2) * [0.6, 1.7]) + state.channel[:, :, ChannelState.SPENT]
    shares = np.linspace(0.0, 2.4, spend.shape[2])
    listing = np.round(spend.sum(axis=1) * shares) + state.listing[:, :, ListingState.SPENT]
    even = np.arange(world.stores) % 2 == 0
    set_money(
        state,
        channel=np.where(even[:, None], channel, PLENTY),
        listing=np.where(even[:, None], PLENTY, listing),
    )
    return world


def stock_out(world: World) -> World:
    """A few lots on every shelf, some on their way, and reorders that arrive within two hours."""
    now, goods = world.state.listing, world.arrays.listing
    lot = goods[:, :, ListingField.MINIMUM_ORDER]
    place = np.arange(lot.shape[1])
    now[:, :, ListingState.STOCK] = lot * (3 * place % 14)
    now[:, 1::3, ListingState.INCOMING] = 4.0 * lot[:, 1::3]
    now[:, 1::3, ListingState.ARRIVAL_HOUR] = HISTORY + 1
    goods[:, ::2, ListingField.REORDER_POINT] = 2.0 * lot[:, ::2]
    goods[:, ::2, ListingField.REORDER_QUANTITY] = 5.0 * lot[:, ::2]
    world.arrays.store[:, StoreField.LEAD_TIME] = 2.0
    return world


def shock(world: World) -> World:
    """An outside event lifts every other listing, and an hour later a further rival enters."""
    shop = world.arrays.store
    shop[:, StoreField.SHOCK_ONSET], shop[:, StoreField.SHOCK_RISE] = HISTORY + 0.5, 2.0
    shop[:, StoreField.ENTRY_HOUR], shop[:, StoreField.ENTRY_SHIFT] = HISTORY + 2.0, 0.7
    world.arrays.cell[:, ::2, :, CellField.SHOCK] = 3.0
    return world


def promotion(world: World) -> World:
    """A promotion day begins at midnight, and prices are a fifth lower than those who wait have seen."""
    world.arrays.calendar[:, HISTORY + 2 : HISTORY + 26] = 1.0
    world.offer[:, :, Offer.PRICE] = np.round(0.8 * world.offer[:, :, Offer.PRICE])
    return world


def closing(world: World) -> World:
    """The end of a plan and its run-off: late orders, some beyond stock, goods on the way, returns due later."""
    world.arrays.store[:, StoreField.HOURS] = HISTORY + world.hours
    world.state.listing[:, 3::4, ListingState.STOCK] = 20.0 * world.arrays.listing[:, 3::4, ListingField.MINIMUM_ORDER]
    world.state.listing[:, ::2, ListingState.INCOMING] = 100.0
    world.state.listing[:, ::2, ListingState.ARRIVAL_HOUR] = HISTORY + world.hours + 5
    return world


SITUATIONS: dict[str, Callable[[World], World]] = {
    change.__name__: change for change in (slack, daily_budget, plan_budget, caps, stock_out, shock, promotion, closing)
}
BINDING = ("daily_budget", "plan_budget", "caps")
"""Situations in which money runs out on the way."""


def situation(name: str, base: World) -> World:
    """One copy of each store in the named situation; leaves `base` as it is. Raises: KeyError: no such situation."""
    fresh = multiply(base, 1)
    return SITUATIONS[name](replace(fresh, offer=fresh.offer.copy()))
