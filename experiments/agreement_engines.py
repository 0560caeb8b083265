"""The engines that are compared, and engines that are wrong on purpose: a study that passes these proves nothing."""

from collections.abc import Callable, Mapping

import numpy as np

from merchantgym.envs.engines.event import EventStore
from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    ChannelField,
    ChannelState,
    FloatArray,
    ListingState,
    Report,
    StateArrays,
    StoreState,
)
from merchantgym.envs.engines.streams import keyed_generator

from .agreement_outputs import Outcome, Watch
from .agreement_worlds import World, copies, run_hours, set_money

_ROUNDING = 0x0DD5
_OTHER_SEEDS = 0x5EED0000
_WORD = 0xFFFFFFFF  # seeds are taken by their low 32 bits

Engine = Callable[[World, int], Outcome]
"""Runs every row of a world for its hours under a seed, from a copy of its state; chance is keyed by (seed, row)."""

CLICK_BIAS = 0.003
"""By how much the engine `raised` overstates clicks."""


def hour(world: World, seed: int) -> Outcome:
    """The compiled engine."""
    return _hour_by_hour(world, seed, _run_hour)


def twin(world: World, seed: int) -> Outcome:
    """The compiled engine under other seeds: a study that rejects it is at fault itself."""
    return hour(world, seed + _OTHER_SEEDS)


def event(world: World, seed: int) -> Outcome:
    """The event engine, one store after another."""
    outcome = Outcome(world.arrays, world.state.copy(), Watch(world.arrays.stores))
    for row in range(world.arrays.stores):
        store = EventStore(world.arrays, outcome.state, row, seed & _WORD, row)
        for _ in range(world.hours):
            store.run_hour(world.offer[row])
            outcome.watch.see(outcome.state, slice(row, row + 1))
    return outcome


def raised(world: World, seed: int) -> Outcome:
    """Wrong: the compiled engine with log-odds of a click raised, so that there are 0.3 % more clicks at first."""
    arrays, _ = copies(world.arrays, world.state, slice(None))
    arrays.channel[:, :, ChannelField.CLICK] += CLICK_BIAS / (1.0 - _click_probability(world)[:, None])
    return _hour_by_hour(World(arrays, world.state, world.offer, world.hours, world.stores), seed, _run_hour)


def scaled(world: World, seed: int) -> Outcome:
    """Wrong: the tempting short cut of serving an hour as if money were no object and scaling it after the fact.

    Where an hour spent more than was left, its ad impressions, ad clicks and spend are cut down by one factor; counts
    are rounded up or down by chance, so that they stay whole numbers and right on average.
    """
    return _hour_by_hour(world, seed, _run_hour_and_scale)


def _hour_by_hour(world: World, seed: int, run_hour: Callable[[World, Outcome, int], None]) -> Outcome:
    outcome = Outcome(world.arrays, world.state.copy(), Watch(world.arrays.stores))
    for _ in range(world.hours):
        run_hour(world, outcome, seed)
        outcome.watch.see(outcome.state, slice(None))
    return outcome


def _run_hour(world: World, outcome: Outcome, seed: int) -> None:
    run_hours(outcome.arrays, outcome.state, world.offer, 1, seed)


def _click_probability(world: World) -> FloatArray:
    """Clicks per impression of each row's store in the coming hour, (B,), from a run of all its copies."""
    state = world.state.copy()
    set_money(state)
    run_hours(world.arrays, state, world.offer, 1, 0)
    counts = state.hour.reshape(world.stores, -1, len(Report)).sum(axis=1)
    clicks = counts[:, Report.AD_CLICKS_SEARCH : Report.ORGANIC_CLICKS_FEED + 1].sum(axis=1)
    seen = counts[:, Report.AD_IMPRESSIONS_SEARCH : Report.ORGANIC_IMPRESSIONS_FEED + 1].sum(axis=1)
    return np.repeat(clicks / seen, world.copies)


def _run_hour_and_scale(world: World, outcome: Outcome, seed: int) -> None:
    """An hour without limits, then scaled down to what was left of each purse."""
    state = outcome.state
    limits = {
        "total": state.store[:, StoreState.BUDGET_TOTAL].copy(),
        "daily": state.store[:, StoreState.BUDGET_DAILY].copy(),
        "channel": state.channel[:, :, ChannelState.CAP].copy(),
        "listing": state.listing[:, :, ListingState.CAP].copy(),
    }
    total = state.total.copy()
    rounding = keyed_generator(_ROUNDING, seed, int(state.store[0, StoreState.HOUR]))
    set_money(state)
    run_hours(outcome.arrays, state, world.offer, 1, seed)
    set_money(state, **limits)
    spend = _by_channel(state, Report.SPEND_SEARCH).copy()
    share = _affordable(state, spend)
    for first in (Report.AD_IMPRESSIONS_SEARCH, Report.AD_CLICKS_SEARCH):
        counts = _by_channel(state, first)
        counts[:] = np.floor(counts * share + rounding.random(share.shape))
    _by_channel(state, Report.SPEND_SEARCH)[:] *= share
    state.total[:] = total + state.hour
    saved = spend * (1.0 - share)  # (B, K, C)
    state.store[:, StoreState.SPENT] -= saved.sum(axis=(1, 2))
    state.store[:, StoreState.SPENT_TODAY] -= saved.sum(axis=(1, 2))
    state.channel[:, :, ChannelState.SPENT] -= saved.sum(axis=1)
    state.listing[:, :, ListingState.SPENT] -= saved.sum(axis=2)
    state.store[:, StoreState.SERVED_SHARE] = share.max(axis=(1, 2))


def _by_channel(state: StateArrays, first: Report) -> FloatArray:
    """View of a pair of columns of the hour's report, (B, K, C)."""
    columns: FloatArray = state.hour[:, :, first : first + N_CHANNELS]
    return columns


def _affordable(state: StateArrays, spend: FloatArray) -> FloatArray:
    """Share of the hour's spend (B, K, C) that the purses could pay for, the least of those of each cell."""

    def share(limit: FloatArray, spent: FloatArray, wanted: FloatArray) -> FloatArray:
        paid: FloatArray = np.clip((limit - spent + wanted) / np.maximum(wanted, 1e-9), 0.0, 1.0)
        return paid

    store, everything = state.store, spend.sum(axis=(1, 2))
    total = share(store[:, StoreState.BUDGET_TOTAL], store[:, StoreState.SPENT], everything)
    today = share(store[:, StoreState.BUDGET_DAILY], store[:, StoreState.SPENT_TODAY], everything)
    channel = share(state.channel[:, :, ChannelState.CAP], state.channel[:, :, ChannelState.SPENT], spend.sum(axis=1))
    listing = share(state.listing[:, :, ListingState.CAP], state.listing[:, :, ListingState.SPENT], spend.sum(axis=2))
    purse = np.minimum(total, today)[:, None, None]
    return np.minimum(purse, np.minimum(channel[:, None, :], listing[:, :, None]))


TESTED = "hour"
REFERENCES = ("event", "twin")
"""What the compiled engine is held against."""
WRONG: Mapping[str, Engine] = {"scaled": scaled, "raised": raised}
"""Engines that must not pass."""
ENGINES: Mapping[str, Engine] = {TESTED: hour, "twin": twin, "event": event, **WRONG}
