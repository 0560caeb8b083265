"""No true parameter can be seen before it has had an effect; what a merchant knows can."""

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import (
    ChannelState,
    ListingField,
    ListingState,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from merchantgym.envs.fleet import StoreSet
from merchantgym.envs.observation import (
    feature_names,
)
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.platform_plan import platform_plan

from .observed import K, drawn_actions, start, world


@pytest.fixture(scope="module")
def opened() -> OpenStores:
    return world("headline")


# What a merchant may know; everything else in the engine's arrays is secret, whatever is added later included.
KNOWN: dict[str, set[Any]] = {
    "store": {StoreField.START_HOUR, StoreField.HOURS, StoreField.PROMOTION_UPLIFT},
    "channel": set(),
    "segment": set(),
    "listing": {ListingField.COST, ListingField.MINIMUM_ORDER, ListingField.START_AGE},
    "cell": set(),
}
KNOWN_STATE: dict[str, set[Any]] = {
    "store": set(StoreState) - {StoreState.DEMAND},
    "channel": {ChannelState.CAP, ChannelState.SPENT},
    "listing": {
        ListingState.STOCK,
        ListingState.INCOMING,
        ListingState.LISTED,
        ListingState.REVIEWS,
        ListingState.CAP,
        ListingState.SPENT,
    },
    "pending": set(),
    "refunds": set(),
}


def other_truth(source: StoreSet) -> StoreSet:
    """The same shops with the same past and another truth: what has had no effect yet."""
    arrays = {name: _disguised(getattr(source.arrays, name), 0.9, 0.0, known) for name, known in KNOWN.items()}
    state = {name: _disguised(getattr(source.state, name), 1.0, 0.37, known) for name, known in KNOWN_STATE.items()}
    return replace(source, arrays=replace(source.arrays, **arrays), state=replace(source.state, **state))


def _disguised(values: NDArray[np.float64], factor: float, shift: float, known: set[Any]) -> NDArray[np.float64]:
    """Everything changed but the known columns."""
    changed = factor * values + shift
    changed[..., list(known)] = values[..., list(known)]
    return changed


def test_truth_that_has_had_no_effect_yet_cannot_be_seen(opened: OpenStores) -> None:
    plans = [platform_plan(office) for office in opened.offices]
    fleet, other = start(opened, plans), start(opened, plans, other_truth(opened.start))
    np.testing.assert_array_equal(fleet.observation, other.observation)
    for action in drawn_actions(1)[:48]:
        fleet.step(action)
        other.step(action)
    assert (fleet.observation != other.observation).any()  # else the truth would not matter


def test_what_a_merchant_knows_can_be_seen(opened: OpenStores) -> None:
    """The complement: nothing was hidden above that must show."""
    plans = [platform_plan(office) for office in opened.offices]
    seen = start(opened, plans).observation.copy()
    listing = opened.start.arrays.listing.copy()
    listing[:, :, ListingField.COST] *= 0.9
    dearer = replace(opened.start, arrays=replace(opened.start.arrays, listing=listing))
    changed = np.flatnonzero((start(opened, plans, dearer).observation != seen).any(axis=0))
    names = {feature_names(K)[j].partition(".")[2] for j in changed}
    assert names == {"unit_margin", "order_value"}


def test_every_array_of_the_engine_is_sorted_into_known_and_secret() -> None:
    assert {field.name for field in fields(StoreArrays)} == {*KNOWN, "calendar", "weekly"}  # both published
    assert {field.name for field in fields(StateArrays)} == {*KNOWN_STATE, "audience", "hour", "total"}  # plan, reports
