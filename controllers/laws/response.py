"""Response curves: what a bid brings in clicks and cost, as a one-parameter family that is shifted and scaled."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import inf
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, pick

FloatArray = NDArray[np.float64]
Curve = Callable[[FloatArray], FloatArray]

_REACH = 5.0  # [ln bid] the tables run so far to either side of the level
_STEP = 0.02  # [ln bid] of the tables
_LEAST = 1e-300


@dataclass(frozen=True)
class Response:
    """What bids bring in a market whose price level is known, tabulated on even steps.

    With x = ln bid - level, an auction's suitable traffic brings scale * clicks(x) clicks for scale * exp(level) *
    cost(x). A click of value v is best bid for where the last click gained costs v: `best` gives x for
    y = ln v - level. That is less than v where a higher bid also makes the clicks dearer that one had already, as
    it does in a second-price auction with several slots (Edelman, Ostrovsky and Schwarz 2007).

    The level swings with the hour: hour h stands `swing[h]` above it and holds the share `weight[h]` of the traffic.
    `best_cost` is the mean over the day where every hour is bid its best.
    """

    clicks: FloatArray  # (G,) over x, share of the clicks that the highest bid brings
    cost: FloatArray  # (G,) over x [exp(level) per click of the highest bid]
    price_ratio: FloatArray  # (G,) over x: ln price per click - ln bid, falling
    marginal: FloatArray  # (G,) over x: ln cost of the last click gained - level, rising
    best: FloatArray  # (G,) over y: the best x
    best_cost: FloatArray  # (G,) over y: mean of the day

    @classmethod
    def tabulate(
        cls, clicks: Curve, cost: Curve, swing: Sequence[float] = (0.0,), weight: Sequence[float] = (1.0,)
    ) -> Self:
        """Tables of the family whose curves at level 0 are given.

        Args:
            clicks: of ln bid, rising, at most 1.
            cost: of ln bid, rising [CNY].
            swing: how far the level stands above its mean in each part of the day [ln].
            weight: share of the traffic in each part.
        Raises: ValueError: a curve that does not rise, or weights that do not sum to 1.
        """
        if abs(sum(weight) - 1.0) > 1e-6 or min(weight) < 0.0 or len(weight) != len(swing):
            raise ValueError(f"weight(={tuple(weight)}) must be {len(swing)} shares that sum to 1")
        x = _grid()
        gained, paid = clicks(x), cost(x)
        for name, curve in (("clicks", gained), ("cost", paid)):
            if not (np.diff(curve) >= 0.0).all():
                raise ValueError(f"{name} must rise with the bid")
        gains = np.maximum(np.gradient(gained, x), _LEAST)
        marginal = np.maximum.accumulate(np.log(np.maximum(np.gradient(paid, x), _LEAST) / gains))
        best = np.interp(x, marginal + 1e-12 * x, x)
        at_best = [(w, s, np.interp(x - s, x, best)) for w, s in zip(weight, swing, strict=True)]
        zero = np.zeros_like(x)
        return cls(
            clicks=gained,
            cost=paid,
            price_ratio=np.minimum.accumulate(np.log(paid / gained) - x),
            marginal=marginal,
            best=best,
            best_cost=sum((w * np.exp(s) * np.interp(b, x, paid) for w, s, b in at_best), zero),
        )

    def at(self, table: FloatArray, place: Array, xp: Any = np) -> Array:
        """A table's values at places of any shape, on straight lines between its points and flat beyond its ends."""
        position = xp.clip((place + _REACH) * (1.0 / _STEP), 0.0, len(table) - 1.000001)
        below = xp.floor(position)
        index = xp.asarray(below, dtype=xp.int64)
        low = pick(table, index, xp)
        return low + (position - below) * (pick(table, index + 1, xp) - low)

    def position(self, price_ratio: Array, xp: Any = np) -> Array:
        """x at which a click costs so much of its bid; `price_ratio` = ln price per click - ln bid.

        What `numpy.interp` gives, found by halving, which a graph can do too.
        """
        knots, slopes = self._falling
        place = xp.clip(-price_ratio, float(knots[0]), float(knots[self.cost.size - 1]))
        index = xp.asarray(0.0 * place, dtype=xp.int64)
        step = len(knots) // 2
        while step:
            index = index + step * (pick(knots, index + step, xp) <= place)
            step //= 2
        return pick(slopes, index, xp) * (place - pick(knots, index, xp)) + pick(_grid(), index, xp)

    @cached_property
    def _falling(self) -> tuple[FloatArray, FloatArray]:
        """-`price_ratio`, filled up with infinity to a power of two, and the slopes of x over it."""
        ratio, x = -self.price_ratio, _grid()
        rise = np.diff(ratio)
        slopes = np.append(np.diff(x) / np.where(rise > 0.0, rise, inf), 0.0)
        return np.append(ratio, np.full((1 << len(ratio).bit_length()) - len(ratio), inf)), slopes


def _grid() -> FloatArray:
    count = round(2.0 * _REACH / _STEP) + 1
    return np.linspace(-_REACH, _REACH, count)
