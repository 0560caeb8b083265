"""A plant for predictive laws: second-price auctions of one slot against a lognormal rival, in closed form."""

from typing import Any

import numpy as np
from scipy.stats import norm

from merchantgym.controllers.laws import Response

SPREAD = 0.9  # [ln] of the rival


def clicks(bid: Any) -> Any:
    """Share of the clicks that a log bid wins at level 0."""
    return norm.cdf(bid / SPREAD)


def cost(bid: Any) -> Any:
    """What they cost [CNY per click of the highest bid]."""
    return np.exp(0.5 * SPREAD**2) * norm.cdf(bid / SPREAD - SPREAD)


def house(swing: tuple[float, ...] = (0.0,), weight: tuple[float, ...] = (1.0,)) -> Response:
    """The plant's response."""
    return Response.tabulate(clicks, cost, swing, weight)
