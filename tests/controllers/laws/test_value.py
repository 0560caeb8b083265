"""The value law: its scales, its monotony, its anchors."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.controllers.laws import Shelf, ValueLaw
from merchantgym.controllers.readings import read_shelf
from merchantgym.envs.observation import ObservationView

from ..observations import K, within_bounds

LAW = ValueLaw()


def a_shelf(**numbers: object) -> Shelf:
    """One store of K plain listings in the middle of a 14-day plan."""
    plain: dict[str, object] = {
        "order_margin": 50.0,
        "orders": 3.0,
        "matured_clicks": 250.0,
        "store_rate": 0.012,
        "bid": np.log(0.6),
        "active": 1.0,
        "spend_share": 0.1,
        "cover": 100.0,
        "days_left": 7.0,
        "incoming": 0.0,
        "youth": 0.0,
    }
    rows = {
        name: np.broadcast_to(np.asarray(value, dtype=float), (1, K)) for name, value in {**plain, **numbers}.items()
    }
    return Shelf(**rows)


def test_conversion_is_shrunk_to_the_store() -> None:
    law = replace(LAW, prior_clicks=100.0)
    assert law.conversion(0.0, 0.0, 0.012) == pytest.approx(0.012)
    assert law.conversion(3.0, 100.0, 0.01) == pytest.approx(4.0 / 200.0)
    assert law.conversion(300.0, 10000.0, 0.01) == pytest.approx(0.03, rel=0.01)


def test_plain_case_by_hand() -> None:
    law = ValueLaw(weight=1.0, prior_clicks=100.0, centre=0.0, shading=-0.2, scarcity=0.0, limit=1.3)
    shift = law.shift(a_shelf(orders=3.0, matured_clicks=100.0, store_rate=0.01, bid=np.log(0.7)))
    np.testing.assert_allclose(shift, np.log(50.0 * 0.02 / 0.7) - 0.2)


@settings(max_examples=150, deadline=None)
@given(
    orders=st.floats(0, 1e4),
    more=st.floats(0, 1e4),
    clicks=st.floats(0, 1e6),
    rate=st.floats(3e-4, 1),
    centre=st.sampled_from([0.0, 0.5, 1.0]),
    margin=st.floats(0, 1e5),
    share=st.floats(0, 1),
)
def test_orders_raise_bids_and_clicks_lower_them(
    orders: float, more: float, clicks: float, rate: float, centre: float, margin: float, share: float
) -> None:
    law = replace(LAW, centre=centre)

    def first(orders: float, clicks: float) -> float:
        rest = {"store_rate": rate, "order_margin": [margin, 50.0, 5.0], "spend_share": [share, 0.1, 0.0]}
        shelf = a_shelf(orders=[orders, 3.0, 1.0], matured_clicks=[clicks, 250.0, 99.0], **rest)
        return float(law.shift(shelf)[0, 0])

    assert first(orders + more, clicks) >= first(orders, clicks) - 1e-12
    assert first(orders, clicks + more) <= first(orders, clicks) + 1e-12


def test_no_weight_no_shift() -> None:
    law = replace(LAW, weight=0.0, scarcity=0.0)
    observation = ObservationView(within_bounds(20, 0).astype(np.float64))
    np.testing.assert_array_equal(law.shift(read_shelf(observation, np.full(20, 14.0))), 0.0)


def test_no_scarcity_no_shift_of_a_plain_shop() -> None:
    """Centred, listings of equal worth keep the plan's bids whatever the level."""
    np.testing.assert_allclose(LAW.shift(a_shelf()), 0.0, atol=1e-12)
    np.testing.assert_allclose(LAW.shift(a_shelf(order_margin=500.0)), 0.0, atol=1e-12)


def test_centre_takes_the_mean_by_spend() -> None:
    share = np.array([[0.5, 0.2, 0.0]])
    shift = replace(LAW, limit=9.0).shift(a_shelf(order_margin=[20.0, 50.0, 90.0], spend_share=share))
    assert shift[0, 0] < 0 < shift[0, 2]
    assert np.diff(shift[0]).min() > 0
    assert abs(((share + 0.02) * shift).sum()) < 1e-12


def test_only_advertised_listings_move_or_count() -> None:
    shelf = a_shelf(order_margin=[20.0, 50.0, 1e5], active=[1.0, 1.0, 0.0], bid=[np.log(0.6), np.log(0.6), 0.0])
    shift = LAW.shift(shelf)
    assert shift[0, 2] == 0.0
    np.testing.assert_allclose(shift[0, 0], -shift[0, 1])


def test_scarce_stock_lowers_bids_unless_more_is_coming() -> None:
    law = replace(LAW, weight=0.0, scarcity=0.5)
    shift = law.shift(a_shelf(cover=[0.0, 3.5, 0.0], incoming=[0.0, 0.0, 1.0], days_left=7.0))
    np.testing.assert_allclose(shift, np.log([[0.5, 0.75, 1.0]]), atol=1e-12)
    np.testing.assert_allclose(law.shift(a_shelf(cover=7.0, days_left=7.0)), 0.0, atol=1e-12)


def test_youth_pays_for_reviews_early() -> None:
    law = replace(LAW, weight=0.0, scarcity=0.0, youth=0.4)
    np.testing.assert_allclose(law.shift(a_shelf(youth=[0.0, 0.5, 1.0])), [[0.0, 0.2, 0.4]])


def test_shifts_are_clamped() -> None:
    law = replace(LAW, centre=0.0, limit=0.7)
    assert law.shift(a_shelf(order_margin=0.0))[0, 0] == -0.7
    assert law.shift(a_shelf(order_margin=1e6))[0, 0] == 0.7


def test_numpy_and_torch_agree() -> None:
    law = replace(LAW, centre=0.6, youth=0.2)
    observation, days = within_bounds(50, 3).astype(np.float64), np.linspace(1.0, 90.0, 50)
    tensor = law.shift(read_shelf(ObservationView(torch.from_numpy(observation)), torch.from_numpy(days), torch), torch)
    shift = law.shift(read_shelf(ObservationView(observation), days))
    np.testing.assert_allclose(tensor.numpy(), shift, rtol=0, atol=1e-12)
