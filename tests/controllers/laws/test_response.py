"""Response curves against closed forms."""

import numpy as np
import pytest

from merchantgym.controllers.laws import Response
from merchantgym.controllers.market_form import market_response
from merchantgym.envs.market.parameters import reference_market

from .auction_house import clicks, cost, house

X = np.linspace(-3.0, 3.0, 301)


def test_tables_are_the_curves() -> None:
    response = house()
    np.testing.assert_allclose(response.at(response.clicks, X), clicks(X), atol=1e-4)
    np.testing.assert_allclose(response.at(response.cost, X), cost(X), atol=1e-4)
    assert response.at(response.clicks, np.array([-100.0, 100.0])) == pytest.approx([clicks(-5.0), clicks(5.0)])


def test_a_second_price_is_truthful() -> None:
    """With one slot the best bid is the value, and the last click gained costs the bid."""
    response = house()
    np.testing.assert_allclose(response.at(response.best, X), X, atol=2e-3)
    np.testing.assert_allclose(response.at(response.marginal, X), X, atol=2e-3)


def test_position_inverts_the_price() -> None:
    response = house()
    ratio = np.log(cost(X) / clicks(X)) - X
    np.testing.assert_allclose(response.position(ratio), X, atol=2e-3)


def test_a_swinging_day_costs_the_mean_of_its_hours() -> None:
    response = house((-0.5, 0.5), (0.25, 0.75))
    expected = sum(w * np.exp(s) * cost(X - s) for w, s in ((0.25, -0.5), (0.75, 0.5)))
    np.testing.assert_allclose(response.at(response.best_cost, X), expected, atol=2e-3)


def test_several_slots_call_for_less_than_the_value() -> None:
    """The published auction: no bid brings more than the best one, and it lies below the value of the click."""
    response = market_response(reference_market(), 0.0)
    fine = np.linspace(-4.0, 4.0, 8001)
    gained, paid = response.at(response.clicks, fine), response.at(response.cost, fine)
    for y in (-0.5, 0.0, 0.8):
        best = float(response.at(response.best, np.array(y)))
        assert y - 0.6 < best < y - 0.1
        brute = fine[np.argmax(np.exp(y) * gained - paid)]
        assert abs(best - brute) < 0.03


def test_impossible_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="cost must rise with the bid"):
        Response.tabulate(clicks, lambda bid: -cost(bid))
    with pytest.raises(ValueError, match=r"weight\(=\(0.5,\)\) must be 1 shares that sum to 1"):
        Response.tabulate(clicks, cost, (0.0,), (0.5,))
