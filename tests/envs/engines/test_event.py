"""The event engine: repeatable, honest with money, in the order of the law."""

import os
import pickle
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.envs.engines.event import EventStore, simulate_events
from merchantgym.envs.engines.event_trace import EventTrace
from merchantgym.envs.engines.layout import (
    ChannelState,
    ListingField,
    ListingState,
    Offer,
    Report,
    StateArrays,
    StoreField,
    StoreState,
)

from ...worlds import copies, set_money
from .event_worlds import quiet

SPEND = slice(Report.SPEND_SEARCH, Report.SPEND_FEED + 1)


def same_state(one: StateArrays, other: StateArrays) -> bool:
    return all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in vars(one))


# -- the same again ---------------------------------------------------------------------------------------------------

SCRIPT = """
import pickle, sys
from merchantgym.envs.engines.event import simulate_events
from merchantgym.envs.engines.event_trace import EventTrace
world, target = sys.argv[1:]
arrays, state, offer = pickle.load(open(world, "rb"))
trace = EventTrace()
simulate_events(arrays, state, offer, 40, [7, 7], [0, 1], trace=trace)
trace.write(target)
"""


def test_two_processes_with_one_seed_write_the_same_bytes(tmp_path: Path) -> None:
    world = quiet(volume=0.05)
    (tmp_path / "world").write_bytes(pickle.dumps((world.arrays, world.state, world.offer)))
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "world"), str(tmp_path / "other.parquet")]
    subprocess.run(command, check=True, env=os.environ | {"PYTHONHASHSEED": "5"})
    trace = EventTrace()
    simulate_events(world.arrays, world.state, world.offer, 40, [7, 7], [0, 1], trace=trace)
    one, other = trace.write(tmp_path / "one.parquet").read_bytes(), (tmp_path / "other.parquet").read_bytes()
    assert one == other
    assert len(one) > 10_000


def test_seeds_and_keys_make_other_chance() -> None:
    world = quiet(rows=(0, 0))
    one, again, other = (world.run(12, seed=seed) for seed in (1, 1, 2))
    assert same_state(one, again)
    assert (one.total != other.total).any(axis=(1, 2)).all()
    assert (one.total[0] != one.total[1]).any()


def test_a_store_is_nothing_to_its_neighbours() -> None:
    world = quiet()
    together, state = world.run(12), world.state.copy()
    simulate_alone = EventStore(world.arrays, state, 1, seed=1, key=1)
    for _ in range(12):
        simulate_alone.run_hour(world.offer[1])
    assert state.total[1].tobytes() == together.total[1].tobytes()
    assert state.total[0].sum() == 0.0


# -- money ------------------------------------------------------------------------------------------------------------

BUDGET = st.integers(0, 30_000).map(float)


@settings(max_examples=15)
@given(
    seed=st.integers(0, 2**32 - 1),
    total=BUDGET,
    daily=BUDGET,
    channel=st.tuples(BUDGET, BUDGET),
    listing=st.lists(BUDGET, min_size=8, max_size=8),
)
def test_no_purse_pays_more_than_it_holds_and_every_fen_is_booked_once(
    seed: int, total: float, daily: float, channel: tuple[float, float], listing: list[float]
) -> None:
    world, trace = quiet(rows=[3]), EventTrace()
    set_money(world.state, total, daily, channel, listing)
    money = EventStore(world.arrays, world.state, 0, seed, 0, trace=trace)
    shop, paid_today = world.state.store[0], 0.0
    for _ in range(5):
        midnight = (world.arrays.store[0, StoreField.START_HOUR] + shop[StoreState.HOUR]) % 24 == 0
        money.run_hour(world.offer[0])
        spend = world.state.hour[0, :, SPEND].sum()
        paid_today = spend + (0.0 if midnight else paid_today)
        assert shop[StoreState.SPENT_TODAY] == paid_today <= daily
    report = world.state.total[0]
    assert shop[StoreState.SPENT] == report[:, SPEND].sum() <= total
    assert (world.state.channel[0, :, ChannelState.SPENT] == report[:, SPEND].sum(axis=0)).all()
    assert (world.state.channel[0, :, ChannelState.SPENT] <= channel).all()
    assert (world.state.listing[0, :, ListingState.SPENT] == report[:, SPEND].sum(axis=1)).all()
    assert (world.state.listing[0, :, ListingState.SPENT] <= listing).all()
    assert (report == np.floor(report)).all()
    charged = sum(row.money for row in trace.rows if row.event == "ad_click")
    assert round(charged * 100.0) == shop[StoreState.SPENT]


def test_the_click_that_empties_a_purse_ends_advertising_at_its_moment() -> None:
    world, trace = quiet(rows=[3], volume=1.0), EventTrace()
    set_money(world.state, total=400.0)
    state = world.run(1, trace=trace)
    table = trace.table()
    (end,) = table[table["event"] == "budget_exhausted"].itertuples()
    assert end.detail == "store"
    assert state.store[0, StoreState.SPENT] == 400.0
    assert state.store[0, StoreState.SERVED_SHARE] == end.time
    assert 0.0 < end.time < 1.0
    later = table[table["time"] > end.time]["event"]
    assert "ad_impression" not in set(later)
    assert "organic_impression" in set(later)


# -- the order of things ----------------------------------------------------------------------------------------------


def test_every_order_follows_a_click_that_follows_an_impression_that_follows_a_visit() -> None:
    trace = EventTrace()
    quiet().run(80, trace=trace)
    chains = {
        "ad_impression": {"visit"},
        "organic_impression": {"visit"},
        "ad_click": {"ad_impression"},
        "organic_click": {"organic_impression"},
        "waits": {"ad_click", "organic_click"},
        "order": {"ad_click", "organic_click", "carried_over"},
        "refused": {"ad_click", "organic_click", "carried_over"},
        "return": {"order", "carried_over"},
        "complaint": {"return"},
        "review": {"order", "carried_over"},
    }
    past: dict[tuple[int, int], set[str]] = {}
    for row in trace.rows:
        before = past.setdefault((row.store, row.buyer), set())
        if row.event in chains:
            assert before & chains[row.event], row
            assert row.event not in before, row
        before.add(row.event)
    assert {row.time for row in trace.rows if row.event == "carried_over"} == {0.0}  # whom the stores opened with
    happened = {row.event for row in trace.rows}
    assert happened >= {*chains, "midnight"} - {"refused", "complaint"}
    for row in trace.rows:  # who waits orders as an hour begins
        if row.event == "order" and row.detail != "same_hour":
            assert row.time == int(row.time)
            assert past[row.store, row.buyer] & {"waits", "carried_over"}


def test_an_hour_begins_in_the_order_of_the_law() -> None:
    world, trace = quiet(), EventTrace()
    world.arrays.listing[:, :, ListingField.REORDER_POINT] = 1e6
    world.arrays.listing[:, :, ListingField.REORDER_QUANTITY] = 100.0
    world.arrays.store[:, StoreField.LEAD_TIME] = 5.0
    world.run(80, trace=trace)
    turns = {"replenishment": 0, "return": 1, "review": 2, "midnight": 3, "order": 4, "visit": 5}
    seen: dict[tuple[int, float], list[int]] = {}
    for row in trace.rows:
        if row.event in turns and row.time == int(row.time):
            seen.setdefault((row.store, row.time), []).append(turns[row.event])
    assert all(order == sorted(order) for order in seen.values())
    assert {0, 1, 2, 3, 4} <= {turn for order in seen.values() for turn in order}
    assert any(len(set(order)) >= 4 for order in seen.values())


def test_a_listing_that_must_refuse_leaves_the_shop_until_goods_arrive() -> None:
    world, trace = quiet(rows=[3]), EventTrace()
    lot = world.arrays.listing[:, :, ListingField.MINIMUM_ORDER]
    world.state.listing[:, :, ListingState.STOCK] = 2.0 * lot
    world.arrays.listing[:, :, ListingField.REORDER_POINT] = lot
    world.arrays.listing[:, :, ListingField.REORDER_QUANTITY] = 10.0 * lot
    world.arrays.store[:, StoreField.LEAD_TIME] = 6.5
    state = world.run(60, trace=trace)
    rows = trace.rows
    refusals = [row for row in rows if row.event == "refused"]
    assert refusals
    for refused in refusals:
        end = float(np.floor(refused.time) + 1.0)
        assert any(r.event == "delisted" and (r.time, r.listing) == (end, refused.listing) for r in rows)
    out = {row.listing: row.time for row in rows if row.event == "delisted"}
    for k, left in out.items():
        back = min((r.time for r in rows if r.event == "relisted" and r.listing == k and r.time >= left), default=1e9)
        assert not any(r.event == "visit" and r.listing == k and left < r.time < back for r in rows)
    for order in (row for row in rows if row.event == "reorder"):
        arrival = [r.time for r in rows if r.event == "replenishment" and r.listing == order.listing]
        assert order.time + 5.0 in arrival or order.time + 5.0 >= 60.0  # ordered in the hour that ended, 6 h after it
    sold = state.total[0, :, Report.UNITS]
    got = sum(np.eye(8)[row.listing] * row.units for row in rows if row.event == "replenishment")
    assert (state.listing[0, :, ListingState.STOCK] == 2.0 * lot[0] + got - sold).all()


# -- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"row": 2}, "row(=2) must be in [0, 2)"),
        ({"seed": -1}, "seed(=-1) must be in [0, 2^32)"),
        ({"key": 2**32}, "key(=4294967296) must be in [0, 2^32)"),
    ],
)
def test_a_wrong_argument_is_named(changes: dict[str, Any], message: str) -> None:
    world = quiet()
    with pytest.raises(ValueError, match=re.escape(message)):
        EventStore(world.arrays, world.state, **{"row": 0, "seed": 1, "key": 0, **changes})


def test_a_wrong_offer_or_number_of_keys_is_named_before_anything_happens() -> None:
    world = quiet()
    before = world.state.copy()
    with pytest.raises(ValueError, match=re.escape("offer(shape=(7, 3)) must have shape (8, 3)")):
        EventStore(world.arrays, world.state, 0, 1, 0).run_hour(world.offer[0, :7])
    with pytest.raises(ValueError, match=re.escape("keys(length=1) must have one entry a store, 2")):
        simulate_events(world.arrays, world.state, world.offer, 1, [1, 1], [0])
    with pytest.raises(ValueError, match=re.escape("hours(=-1) must be >= 0")):
        simulate_events(world.arrays, world.state, world.offer, -1, [1, 1], [0, 1])
    assert same_state(before, world.state)


def test_the_offer_is_only_read() -> None:
    world = quiet(rows=[0])
    offer = world.offer.copy()
    world.run(2)
    assert (world.offer == offer).all()
    assert offer[:, :, Offer.PRICE].min() > 0.0
    assert copies(world.arrays, world.state, [0])[0].listing.tobytes() == world.arrays.listing.tobytes()
