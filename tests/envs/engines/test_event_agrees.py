"""The event engine is of one mind with the other two, and goes on where the compiled one stopped."""

from dataclasses import replace

import numpy as np
import pytest

from merchantgym.envs.engines.event_rates import RateBook
from merchantgym.envs.engines.event_trace import EventTrace
from merchantgym.envs.engines.layout import (
    ChannelField,
    ChannelState,
    Due,
    ListingState,
    Pending,
    Report,
    StateArrays,
    StoreField,
    StoreState,
)

from ...oracle import hour_rates
from ...worlds import Floats, run_engine, set_money
from .event_worlds import World, quiet

WAITING = slice(0, Pending.DAY_PRICE)


def test_the_rates_are_those_of_the_numpy_oracle() -> None:
    world = quiet(rows=np.arange(4))
    state = run_engine(world.arrays, world.state, world.offer, 30)
    state.listing[:, 2, ListingState.LISTED] = 0.0
    state.audience[:] = [0.5, 1.0, 1.5, 0.3]
    world.arrays.cell[:, ::2, :, 2] = 3.0  # a shock
    world.arrays.store[:, StoreField.SHOCK_ONSET] = 20.0
    world.arrays.calendar[:, 30] = 1.0
    hour = np.full(4, 30)
    week = (world.arrays.store[:, StoreField.START_HOUR].astype(int) + hour) % 168
    theirs = hour_rates(hour, week, world.arrays, state, world.offer)
    for row in range(4):
        ours = RateBook(world.arrays, state, row).of_hour(30, world.offer[row])
        for name in ("requests", "exposure", "organic", "click", "price", "conversion"):
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name)[row], rtol=1e-7, err_msg=name)
        np.testing.assert_allclose(ours.rank, state.listing[row, :, ListingState.RANK], rtol=1e-7)


def pair(world: World, hours: int) -> tuple[StateArrays, StateArrays]:
    """The compiled engine's state and ours."""
    theirs = world.state.copy()
    run_engine(world.arrays, theirs, world.offer, hours)
    return theirs, world.run(hours)


def score(a: Floats, b: Floats) -> float:
    """Standard score of the mean paired difference."""
    difference = a - b
    return float(difference.mean() / difference.std(ddof=1) * np.sqrt(len(difference)))


@pytest.mark.parametrize("money", ["ample", "scarce"])
def test_means_agree_with_the_compiled_engine(money: str) -> None:
    world = quiet(rows=np.repeat([0, 1, 3, 5], 50), volume=0.3)
    if money == "scarce":
        set_money(world.state, total=300.0, channel=[150.0, 200.0])
    theirs, ours = pair(world, 3)
    np.testing.assert_allclose(ours.store[:, StoreState.DEMAND], theirs.store[:, StoreState.DEMAND], rtol=1e-9)
    noise = np.s_[:, :, ChannelState.RIVAL_NOISE]
    np.testing.assert_allclose(ours.channel[noise], theirs.channel[noise], rtol=1e-9)
    columns = [column for column in Report if ours.total[:, :, column].sum() > 100.0]
    assert len(columns) >= 15
    found = {c.name: score(theirs.total[:, :, c].sum(axis=1), ours.total[:, :, c].sum(axis=1)) for c in columns}
    for name, get in {
        "waiting": lambda state: state.pending[..., WAITING].sum(axis=(1, 2, 3)),
        "due": lambda state: state.refunds[..., Due.RETURNS].sum(axis=(1, 2)),
        "memory": lambda state: state.listing[:, :, ListingState.MEMORY].sum(axis=1),
        "reaction": lambda state: state.channel[:, :, ChannelState.REACTION].sum(axis=1),
        "served": lambda state: state.store[:, StoreState.SERVED_SHARE] + 1e-9 * state.store[:, StoreState.SPENT],
    }.items():
        found[name] = score(get(theirs), get(ours))
    assert {name: z for name, z in found.items() if abs(z) > 4.0} == {}
    assert ((ours.store[:, StoreState.SERVED_SHARE] < 1.0).mean() > 0.3) == (money == "scarce")


def closing(world: World) -> World:
    """No further visitors, and the plan ends with the coming hour."""
    world.arrays.channel[:, :, ChannelField.VOLUME] = 0.0
    world.arrays.store[:, StoreField.HOURS] = world.state.store[:, StoreState.HOUR] + 1.0
    world.arrays.store[:, StoreField.DAY_HAZARD] = world.arrays.store[:, StoreField.SLOW_HAZARD] = 1.0
    return world


def test_a_state_of_the_compiled_engine_can_be_gone_on_with_to_the_last_return() -> None:
    world, trace = quiet(rows=np.arange(4), volume=0.5), EventTrace()
    run_engine(world.arrays, world.state, world.offer, 50)
    before = world.state
    waiting, due = before.pending[..., WAITING].sum(), before.refunds.sum(axis=(0, 1, 2))
    reviews = before.listing[..., ListingState.PENDING_REVIEWS].sum()
    assert min(waiting, due[Due.RETURNS]) > 10.0 <= 4.0 * reviews
    after = closing(world).run(1, trace=trace)
    carried = [row.detail for row in trace.rows if row.event == "carried_over" and row.time == 50.0]
    assert len(carried) == waiting + due[Due.RETURNS] + reviews
    assert after.pending.sum() == after.refunds.sum() == 0.0
    report = after.hour.sum(axis=(0, 1))
    assert report[[Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW, Report.REFUSED]].sum() == waiting
    # What came back is what was under way, to the fen, and what these last buyers returned.
    new = [row.buyer for row in trace.rows if row.event == "order"]
    returned = sum(row.money for row in trace.rows if row.event == "return" and row.buyer in set(new)) * 100.0
    assert report[Report.REFUNDS] >= due[Due.REFUNDS]
    assert report[Report.REFUNDS] <= due[Due.REFUNDS] + returned + 0.5
    fourfold = report[[Report.RETURNS, Report.REFUNDS, Report.COMMISSION_BACK, Report.SALVAGE]]
    assert (fourfold >= due).all()


def test_the_compiled_engine_can_go_on_with_our_state() -> None:
    world = quiet(rows=np.repeat([0, 3], 25), volume=0.5)
    ours = world.run(24)
    assert ours.pending[..., WAITING].sum() > 100.0
    prices, counts = ours.pending[..., Pending.DAY_PRICE :], ours.pending[..., WAITING]
    assert ((prices > 0.0) == (counts.reshape(*counts.shape[:3], 2, 2).sum(axis=-1) > 0.0)).all()
    handed = replace(world, state=ours)
    theirs, again = pair(handed, 8)
    for column in (Report.RETURNS, Report.REFUNDS, Report.SALVAGE):  # they were under way already
        assert theirs.total[:, :, column].sum() > 0.0
        assert (theirs.total[:, :, column] == again.total[:, :, column]).all()
    for column in (Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW, Report.REVIEWS):
        z = score(theirs.total[:, :, column].sum(axis=1), again.total[:, :, column].sum(axis=1))
        assert abs(z) < 4.0, column.name


def test_who_waited_pays_the_mean_price_shown_to_those_who_wait() -> None:
    world, trace = quiet(rows=[0]), EventTrace()
    world.arrays.channel[:, :, ChannelField.VOLUME] = 0.0
    world.arrays.store[:, [StoreField.DAY_HAZARD, StoreField.SLOW_HAZARD]] = 1.0
    world.arrays.store[:, [StoreField.TIER_DISCOUNT_1, StoreField.TIER_DISCOUNT_2]] = 0.0
    world.state.pending[0, 2, 1, [Pending.SLOW_AD, Pending.SLOW_ORGANIC, Pending.SLOW_PRICE]] = 3.0, 4.0, 1234.0
    after = world.run(1, trace=trace)
    assert after.total[0, 2, Report.ORDERS_SLOW] == 7.0
    assert after.total[0, 2, Report.AD_ORDERS] == 3.0
    assert after.total[0, 2, Report.REVENUE] == 1234.0 * after.total[0, 2, Report.UNITS]
    assert after.pending.sum() == 0.0
