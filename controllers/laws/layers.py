"""Smart pacing: one rate of participation per response layer, the best layers filled first."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .gains import check_gains, gain
from .purse import DayPurse, open_purse, progress

LayersMemory: TypeAlias = tuple[Array, ...]
"""(*purse, rate, money, traffic, before, on, carry): `PurseMemory` (n,) each; then (n, L) each: participation rate of a
layer, its faded spend and the faded traffic in which it took part, its spend at the last step, 1 where it took part in
the last period, and the participation it is owed."""

_FASTEST = 10.0  # [times the even speed] what is asked for at most, once hardly any traffic is left


@dataclass(frozen=True)
class Layer:
    """What is known of the layers of n campaigns; shapes (n, L)."""

    spent: Array  # spent on it so far, as a share of the campaign's budget
    response: Array  # predicted response to its traffic: any measure by which a higher layer is the better one
    excess: Array | None = None  # its predicted return over the floor, less 1: what a unit spent there adds to the goal
    active: Array | None = None  # 1 where the layer has traffic at all, else 0; 1 by default


@dataclass(frozen=True)
class LayersLaw:
    """Rates by layer of predicted response. Bids stay as they are; only the layers that earn least are left out.

    - Spend of a layer at full participation, per share of the plan's traffic, is estimated from the periods in which it
      took part, with fading memory, against the prior that all layers together spend evenly.
    - The speed wanted is the even one that uses up the money left, at most what lasts through the day. The difference R
      to the speed expected at the present rates goes to the layers in turn: behind, the best layer opens up first, to
      1 at most, then the next; ahead, the worst layer closes first, then the next above it. Xu et al. loop over the
      layers; here each layer takes what those before it left of R, which is the same and needs no loop.
    - With a performance goal, here a floor on the return: while the projected joint return falls short, layers that
      return less than the floor are cut from the lowest up, as far as it takes. The cut gains weight with the
      first traffic: nothing is left out on a prior alone.
    - No rate falls below `trial`, so that a layer's estimate is never lost (their trial rate, for every layer).
    - A rate is realised by error diffusion: a layer takes part in a period once its rates since it last did so add up
      to one. Over T periods participation is then within 1/T of the rate, where independent draws would be off by
      sqrt(r (1 - r) / T): with a handful of layers and hourly periods, chance would otherwise rule the day.

    Rates rather than bids, since the bid also sets the price paid and the place won: a plan that bids what a click is
    worth stays truthful on all traffic that it takes. As all throttling, it cannot mend bids that are too low; `bias`
    is there to be tuned. A campaign without any error takes part everywhere: the plan as written.

    Source: Xu, Lee, Li, Qi and Lu 2015, "Smart pacing for effective online ad campaign optimization" (KDD),
    algorithms 1 and 2. Error diffusion: Floyd and Steinberg 1976.
    """

    fading: float = gain(0.1, "share of traffic: fading of what is known", (0.02, 0.5), log=True, allowed=(1e-3, 10.0))
    prior: float = gain(0.02, "share of traffic: weight of even spending", (0.002, 0.1), log=True, allowed=(1e-4, 1.0))
    damping: float = gain(0.5, "share of R passed on in a period", (0.1, 1.0), log=True, allowed=(0.01, 1.0))
    utilisation: float = gain(1.0, "share of budget to spend", (0.5, 1.3), allowed=(0.0, 2.0))
    goal: float = gain(0.3, "share of the cut for the return that is carried out", (0.0, 1.0), allowed=(0.0, 1.0))
    trial: float = gain(0.1, "least rate", (0.02, 0.6), log=True, allowed=(0.001, 1.0))
    bias: float = gain(0.0, "ln bid: constant added", (-0.7, 0.7))

    def __post_init__(self) -> None:
        check_gains(self)

    def init(self, n: int, layers: int) -> LayersMemory:
        """Memory of n campaigns with so many layers, before their first step."""
        even = np.zeros((n, layers))
        stagger = even + (np.arange(layers) + 0.5) / layers  # layers with equal rates rest at different times
        return *open_purse(n), even + 1.0, even, even.copy(), even.copy(), even + 1.0, stagger

    def step(
        self,
        memory: LayersMemory,
        passed: Array,
        spent: Array,
        layer: Layer,
        day: DayPurse | None = None,
        xp: Any = np,
    ) -> tuple[Array, LayersMemory]:
        """Participation of each layer in the coming period, 1 or 0, shape (n, L); new memory.

        Args:
            memory: from `init` or the step before.
            passed: share of the plan's expected traffic passed, shape (n,).
            spent: share of the plan's budget spent, shape (n,).
            layer: the layers.
            day: daily budgets, if there are any.
            xp: numpy or torch, as the arrays are.
        """
        now, purse = progress(memory[:4], passed, spent, day, xp)
        rate, money, traffic, before, on, carry = memory[4:]
        moved = now.moved[:, None]
        fade = xp.exp(-moved / self.fading)
        money = fade * money + xp.where(moved > 0.0, xp.clip(layer.spent - before, 0.0, None), 0.0)
        traffic = fade * traffic + on * moved
        full = self._speed(money, traffic, layer.active)
        left = xp.clip(self.utilisation - spent, 0.0, None) / now.left
        wanted = xp.clip(now.within_day(left, xp), 0.0, _FASTEST)
        above = _above(layer.response, xp)
        rate = xp.clip(self._filled(rate, full, wanted, above, xp), self.trial, 1.0)
        shown = rate if layer.excess is None else self._cut(rate, full, traffic, layer.excess, above, xp)
        owed = carry + shown
        on = xp.where(owed >= 1.0, 1.0, 0.0)
        return on, (*purse, rate, money, traffic, layer.spent, on, owed - on)

    def _speed(self, money: Array, traffic: Array, active: Array | None) -> Array:
        """Spend of each layer per share of traffic at full participation, (n, L)."""
        share = 1.0 + 0.0 * money if active is None else active
        even = share / (share.sum(1) + (share.sum(1) == 0.0))[:, None]
        return share * (money + self.prior * even) / (traffic + self.prior)

    def _filled(self, rate: Array, full: Array, wanted: Array, above: Array, xp: Any) -> Array:
        """Rates after the difference of wanted and expected speed went to the layers in turn, (n, L)."""
        now = rate * full
        rest = self.damping * (wanted - now.sum(1))[:, None]
        room = full - now
        more = xp.clip(rest - _sum(above, room), 0.0, None)
        less = xp.clip(-rest - _sum(_turned(above), now), 0.0, None)
        change = xp.minimum(more, room) - xp.minimum(less, now)
        return rate + change / xp.where(full > 0.0, full, 1.0)

    def _cut(self, rate: Array, full: Array, traffic: Array, excess: Array, above: Array, xp: Any) -> Array:
        """Rates cut from the lowest layer up until the projected joint return meets the floor, (n, L)."""
        part = rate * full * excess
        relief = xp.clip(-part, 0.0, None)
        needed = xp.clip(-part.sum(1), 0.0, None)[:, None]
        taken = xp.minimum(xp.clip(needed - _sum(_turned(above), relief), 0.0, None), relief)
        weight = self.goal * xp.clip(traffic.sum(1) / self.prior, 0.0, 1.0)[:, None]
        return xp.clip(rate * (1.0 - weight * taken / xp.where(relief > 0.0, relief, 1.0)), self.trial, 1.0)


def _above(response: Array, xp: Any) -> Array:
    """[n, l, m] is True where layer m is better than layer l; of equals, the first is."""
    mine, other = response[:, :, None], response[:, None, :]
    place = xp.arange(response.shape[1])
    return (other > mine) | ((mine == other) & (place[None, :] < place[:, None]))


def _turned(above: Array) -> Array:
    """The layers below each layer, from those above it."""
    return above.swapaxes(1, 2)


def _sum(which: Array, values: Array) -> Array:
    """Sum of `values` (n, L) over the layers that `which` (n, L, L) names for each layer, (n, L)."""
    return (which * values[:, None, :]).sum(2)
