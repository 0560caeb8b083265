"""The return on ad spend against its floor, and the bid that budget and floor make together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.controllers.laws import Returns, joint_bid, return_gap, return_slack


def returns(floor: float, spent: float, earned: float, due: float = 1.0) -> Returns:
    return Returns(*(np.array([number]) for number in (floor, spent, earned, due)))


def test_orders_still_to_come_are_counted_in() -> None:
    """Half of the orders are due: 3 earned per spent so far is 6 in the end."""
    late, ripe = returns(4.0, 0.2, 0.6, due=0.5), returns(4.0, 0.2, 1.2)
    np.testing.assert_allclose(return_gap(late, 1e-9), np.log(6.0 / 4.0))
    np.testing.assert_allclose(return_gap(ripe, 1e-9), np.log(6.0 / 4.0))
    np.testing.assert_allclose(return_slack(late), 0.6 / 4.0 - 0.1)


def test_the_first_orders_throw_nothing() -> None:
    assert return_gap(returns(4.0, 0.0, 0.0), 0.05) == 0.0
    assert return_gap(returns(4.0, 0.001, 0.0), 0.05) > -0.03
    assert return_gap(returns(4.0, 0.5, 0.0), 0.05) < -2.0


def test_no_floor_no_gap() -> None:
    assert return_gap(returns(0.0, 0.5, 0.0), 0.05) == 0.0
    assert return_slack(returns(0.0, 0.5, 0.0)) == 0.0


def test_without_the_floor_bids_are_values_over_the_budgets_multiplier() -> None:
    shift = np.array([[0.3, -0.2]])
    bid = joint_bid(shift, np.array([[9.0, 0.1]]), np.array([2.0]), np.zeros(1))
    np.testing.assert_allclose(bid, shift - np.log(2.0))


def test_where_only_the_floor_counts_bids_are_what_it_affords() -> None:
    affordable = np.array([[2.0, 0.5]])
    bid = joint_bid(np.zeros((1, 2)), affordable, np.ones(1), np.full(1, 1e9))
    np.testing.assert_allclose(bid, np.log(affordable), atol=1e-8)


@settings(max_examples=60)
@given(
    v=st.floats(0.1, 5.0),
    g=st.floats(0.1, 30.0),
    p=st.floats(0.2, 3.0),
    q=st.floats(0.0, 2.0),
    floor=st.floats(1.0, 5.0),
)
def test_the_bid_wins_just_what_pays(v: float, g: float, p: float, q: float, floor: float) -> None:
    """At a price c = b the Lagrangian of winning, v + q g - (p + q F) c, is 0: above it, losing is better."""
    bid = np.exp(joint_bid(np.log([[v]]), np.array([[g / floor]]), np.array([p]), np.array([q * floor])))[0, 0]
    assert v + q * g - (p + q * floor) * bid == pytest.approx(0.0, abs=1e-9)


def test_a_heavier_floor_moves_bids_towards_what_it_affords() -> None:
    affordable = np.array([[2.0, 0.5]])
    bids = [joint_bid(np.zeros((1, 2)), affordable, np.ones(1), np.array([w]))[0] for w in (0.0, 0.3, 1.0, 5.0)]
    assert (np.diff(bids, axis=0) * [1.0, -1.0] > 0.0).all()
