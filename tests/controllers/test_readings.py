"""Plain numbers out of observations."""

import numpy as np

from merchantgym.controllers.readings import read_shelf
from merchantgym.envs.observation import ObservationView

from .observations import plain_observation


def test_scales_are_inverted() -> None:
    observation = plain_observation(
        order_value=np.log1p(37.5),
        orders=np.log1p([0.0, 4.0, 61.0]),
        matured_clicks=np.log1p([0.0, 123.4, 4321.0]),
        store_conversion=np.log(0.017),
        plan_bid=np.log(0.8),
        stock_cover=np.log1p(5.25),
        time_left=0.25,
        incoming=[0.0, 1.0, 0.0],
        few_reviews=0.5,
    )
    shelf = read_shelf(ObservationView(observation.astype(np.float64)), np.array([8.0]))
    near = {"rtol": 2e-6, "atol": 1e-9}  # float32 in between
    np.testing.assert_allclose(shelf.order_margin, 37.5, **near)
    np.testing.assert_allclose(shelf.orders, [[0.0, 4.0, 61.0]], **near)
    np.testing.assert_allclose(shelf.matured_clicks, [[0.0, 123.4, 4321.0]], **near)
    np.testing.assert_allclose(shelf.store_rate, [[0.017]], **near)
    np.testing.assert_allclose(np.exp(shelf.bid), 0.8, **near)
    np.testing.assert_allclose(shelf.cover, 5.25, **near)
    np.testing.assert_allclose(shelf.days_left, [[2.0]], **near)
    np.testing.assert_allclose(shelf.incoming, [[0.0, 1.0, 0.0]], **near)
    np.testing.assert_allclose(shelf.youth, 0.125, **near)
