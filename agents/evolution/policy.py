"""A small residual policy, its weights shared over listings: linear, or with one hidden layer of tanh beside it.

    channel, discount  = base + scale * (W shop + V mean_k h_k)
    listing k          = base + scale * (w item_k + v h_k),    h_k = tanh(A item_k + B shop)

in [-1, 1], the units of the action. Zero weights are the base to the last bit; so are those of a policy at its start,
whose A and B are drawn and whose V and v are zero. A listing that the base pauses stays paused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import N_CHANNELS, FloatArray
from merchantgym.envs.market.compiled import entry, stage
from merchantgym.envs.observation import listings_in
from merchantgym.envs.task import PAUSED

from .features import LIMIT, item_inputs, shop_inputs, write_inputs

SHOP_HEADS = N_CHANNELS + 1  # outputs about the shop: channels, discount


@dataclass(frozen=True)
class Shape:
    """What kind of policy it is; any number of listings unless each has weights of its own."""

    half_lives: tuple[float, ...] = (24.0,)  # [hours] of the means against which surprises are taken
    hidden: int = 0  # units of the hidden layer; 0: linear
    insight: tuple[int, int] = (0, 0)  # (F, G) numbers in which the base shows what it thinks of the shop, of a listing
    apart: int = 0  # listings that have weights w of their own, and the shops' number of them; 0: shared, any number

    @property
    def traces(self) -> int:
        """T."""
        return len(self.half_lives)

    @property
    def shop(self) -> int:
        """G, inputs about the shop."""
        return shop_inputs(self.traces) + self.insight[0]

    @property
    def item(self) -> int:
        """L, inputs about a listing."""
        return item_inputs(self.traces) + self.insight[1]

    @property
    def inputs(self) -> int:
        """G + L."""
        return self.shop + self.item

    @property
    def own(self) -> int:
        """Number of weights w."""
        return self.item * max(self.apart, 1)

    @property
    def form(self) -> tuple[int, int, int, int]:
        """What compiled code is told: inputs about the shop and about a listing, hidden units, `apart`."""
        return self.shop, self.item, self.hidden, self.apart

    @property
    def weights(self) -> int:
        """Number of weights: W (3, G), w (apart or 1, L), then of every hidden unit A (L,), B (G,), V (3,) and v."""
        return SHOP_HEADS * self.shop + self.own + self.hidden * (self.inputs + SHOP_HEADS + 1)

    @cached_property
    def keep(self) -> FloatArray:
        """(T,) share of a mean that is kept for the next hour."""
        return np.exp2(-1.0 / np.array(self.half_lives, dtype=np.float64))

    def start(self, rng: Generator) -> FloatArray:
        """Weights of a policy that is its base: zeros, but for what the hidden units look at."""
        weights = np.zeros(self.weights)
        rows = weights[SHOP_HEADS * self.shop + self.own :].reshape(self.hidden, self.inputs + SHOP_HEADS + 1)
        rows[:, : self.inputs] = rng.normal(0.0, self.inputs**-0.5, (self.hidden, self.inputs))
        return weights

    def live(self, standard: FloatArray) -> NDArray[np.intp]:
        """Places of the weights whose input varies at all; the others are not worth a search."""
        shop, item = np.split(standard[1] > 0.0, [self.shop])
        unit = np.concatenate((item, shop, np.ones(SHOP_HEADS + 1, dtype=np.bool_)))
        own = np.tile(item, max(self.apart, 1))
        return np.flatnonzero(np.concatenate((np.tile(shop, SHOP_HEADS), own, np.tile(unit, self.hidden))))

    def room(self, listings: int) -> int:
        """Numbers that a decision about one store needs as scratch."""
        return self.shop + self.item * listings + listings


@stage
def decide(
    weights: Any,
    form: Any,
    scale: float,
    keep: Any,
    standard: Any,
    observation: Any,
    base: Any,
    thought: Any,
    trace: Any,
    scratch: Any,
    action: Any,
) -> None:
    """Write the action (A,) of one store, and move its memory on.

    Args: weights: (Shape.weights,). form: `Shape.form`. scratch: (Shape.room,). Others: see `features.write_inputs`.
    """
    listings = base.shape[0] - SHOP_HEADS
    inputs, rows, hidden, apart = form
    shop = scratch[:inputs]
    items = scratch[inputs : inputs + rows * listings].reshape(rows, listings)
    unit = scratch[inputs + rows * listings :]
    write_inputs(observation, base, thought, trace, keep, standard, LIMIT, shop, items)
    for j in range(SHOP_HEADS):
        action[_place(j, listings)] = _dot(weights[j * inputs : (j + 1) * inputs], shop)
    own = action[N_CHANNELS : N_CHANNELS + listings]
    own[:] = 0.0
    at = SHOP_HEADS * inputs
    if apart > 0:
        for k in range(listings):
            own[k] = _dot(weights[at : at + rows], items[:, k])
            at += rows
    else:
        _add_rows(weights[at : at + rows], items, own)
        at += rows
    for _ in range(hidden):
        unit[:] = _dot(weights[at + rows : at + rows + inputs], shop)
        _add_rows(weights[at : at + rows], items, unit)
        at += rows + inputs
        mean = 0.0
        for k in range(listings):
            unit[k] = np.tanh(unit[k])
            own[k] += weights[at + SHOP_HEADS] * unit[k]
            mean += unit[k]
        for j in range(SHOP_HEADS):
            action[_place(j, listings)] += weights[at + j] * mean / listings
        at += SHOP_HEADS + 1
    for j in range(action.shape[0]):
        action[j] = min(max(base[j] + scale * action[j], -1.0), 1.0)
    for k in range(listings):
        if base[N_CHANNELS + k] <= PAUSED:
            own[k] = PAUSED


@stage
def _place(head: int, listings: int) -> int:
    """Where in an action an output about the shop stands."""
    return head if head < N_CHANNELS else head + listings


@stage
def _dot(weights: Any, inputs: Any) -> float:
    total = 0.0
    for i in range(inputs.shape[0]):
        total += weights[i] * inputs[i]
    return total


@stage
def _add_rows(weights: Any, rows: Any, out: Any) -> None:
    """Add the weighted rows (I, K) to `out` (K,)."""
    for i in range(rows.shape[0]):
        for k in range(rows.shape[1]):
            out[k] += weights[i] * rows[i, k]


@entry
def decide_all(
    weights: Any,
    which: Any,
    form: Any,
    scale: float,
    keep: Any,
    standard: Any,
    observation: Any,
    base: Any,
    thought: Any,
    trace: Any,
    scratch: Any,
    action: Any,
) -> None:
    """Actions (n, A) of n stores; `which` (n,) names the row of `weights` (C, Shape.weights) that decides for each."""
    for b in range(action.shape[0]):
        decide(
            weights[which[b]],
            form,
            scale,
            keep,
            standard,
            observation[b],
            base[b],
            thought[b],
            trace[b],
            scratch,
            action[b],
        )


@entry
def inputs_all(
    keep: Any,
    standard: Any,
    limit: float,
    observation: Any,
    base: Any,
    thought: Any,
    trace: Any,
    shop: Any,
    items: Any,
) -> None:
    """Inputs of n stores: shop (n, G), items (n, L, K); see `features.write_inputs`."""
    for b in range(shop.shape[0]):
        write_inputs(observation[b], base[b], thought[b], trace[b], keep, standard, limit, shop[b], items[b])


def rows_of(values: NDArray[Any], dtype: type[np.floating[Any]]) -> NDArray[Any]:
    """The array as compiled code takes it, copied only where it is not so yet: another kind would compile anew."""
    return np.require(values, dtype, ["C_CONTIGUOUS", "WRITEABLE"])


def stacked_inputs(
    shape: Shape,
    observation: NDArray[Any],
    base: FloatArray,
    thought: FloatArray,
    trace: FloatArray,
    standard: FloatArray,
    limit: float,
) -> tuple[FloatArray, FloatArray]:
    """What a policy sees of n stores: shop (n, G) and listings (n, K, L). `trace` is moved on in place."""
    n, listings = len(base), listings_in(observation.shape[1])
    shop, items = np.empty((n, shape.shop)), np.empty((n, shape.item, listings))
    observation, base = rows_of(observation, np.float32), rows_of(base, np.float64)
    inputs_all(shape.keep, standard, limit, observation, base, thought, trace, shop, items)
    return shop, items.transpose(0, 2, 1)


def standard_of(sample: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Means and inverse spreads (2, G + L) of samples as `stacked_inputs` gives them, listings pooled.

    What does not vary gets inverse spread 0 and is never looked at; the first input, a constant 1, stays as it is.
    """
    shop = np.concatenate([part for part, _ in sample])
    items = np.concatenate([part.reshape(-1, part.shape[2]) for _, part in sample])
    means = np.concatenate((shop.mean(axis=0), items.mean(axis=0)))
    spreads = np.concatenate((shop.std(axis=0), items.std(axis=0)))
    inverse = np.where(spreads > 1e-6, 1.0 / np.maximum(spreads, 1e-6), 0.0)
    means[0], inverse[0] = 0.0, 1.0
    return np.stack([means, inverse])
