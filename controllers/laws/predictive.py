"""Model-predictive bidding: fit what bids bring, then bid each hour as the rest of the money and the stock allow."""

from dataclasses import dataclass
from math import inf
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array
from .gains import check_gains, gain
from .response import Response

FitMemory: TypeAlias = tuple[Array, Array, Array, Array, Array, Array]
"""(level, level weight) of the campaign (n, 1), (own level less the campaign's, its weight, clicks, exposure) of the
items (n, K); clicks and exposure are decayed sums, and clicks / exposure is the scale of an item's curve."""

_LEAST = 1e-9
_STEEPEST = 5.0  # [ln] largest price of money that is looked for
_HALVINGS = 12  # of that range: to 0.0012


@dataclass(frozen=True)
class Evidence:
    """One hour of n campaigns with K items, as it went; shapes (n, K)."""

    bid: Array  # [ln CNY per click]
    clicks: Array  # [count] paid for
    cost: Array  # [CNY]
    traffic: Array  # [mean hours] in which the ad could be seen: 0 where it was off
    swing: Array  # (n, 1) [ln] how far the level is known to have stood above its mean


@dataclass(frozen=True)
class Task:
    """What is left to do; shapes (n, K), or (n, 1) where the campaign has one."""

    value: Array  # [CNY] of a click
    shown: Array  # 1 where the ad can be seen, else 0
    money: Array  # (n, 1) [CNY] that may be spent per mean hour of traffic
    low: Array  # [ln CNY per click] lowest bid
    high: Array  # [ln CNY per click] highest bid
    swing: Array  # (n, 1) [ln] how far the level will stand above its mean in the coming hour


@dataclass(frozen=True)
class PredictiveLaw:
    """Certainty-equivalent control with a model that is fitted as it goes (receding horizon).

    **Fit.** The curve of an item is a `Response`, shifted by a price level and scaled by its traffic. The level shows
    in the price paid over the bid: a bid far above its rivals pays little of itself. The scale is clicks over expected
    exposure, gamma-Poisson. Both forget with `memory` mean hours of traffic; an item's level is the campaign's plus
    its own deviation, which starts at none. At the start the plan's bids stand for the level and are worth
    `level_clicks` clicks, and the scale handed to `init` is worth `scale_clicks`.

    **Solve.** Maximise value x clicks - cost over the rest of the horizon, subject to the money. Given the price m of
    money, an item's best bid is that for value / (1 + m), whatever the hour; m is the least at which the money lasts,
    0 if it lasts anyway: found by bisection on the predicted cost of a mean hour. What the model gets wrong, the next
    hour's solution corrects. What stock is worth is in the values, see `worth`.

    **Act.** The bid is best for the coming hour's level, between bounds. The lower one never lets an item fall silent,
    or nothing more would be learnt of its price. While little is known (`trust` clicks of the campaign), the bid stays
    near the plan's; at the very start it is the plan's.

    Source: Camacho and Bordons 2007, "Model predictive control"; Karlsson 2020, "Feedback control in programmatic
    advertising" (bid to spend as the plant); Balseiro and Gur 2019, "Learning in repeated auctions with budgets" (the
    price of money); Edelman, Ostrovsky and Schwarz 2007 (the auction).
    """

    memory: float = gain(60.0, "mean hours of traffic", (12.0, 300.0), log=True, allowed=(6.0, inf))
    level_clicks: float = gain(5.0, "clicks: weight of the prior level", (1.0, 50.0), log=True, allowed=(0.1, inf))
    item_clicks: float = gain(60.0, "clicks: weight of no deviation", (5.0, 500.0), log=True, allowed=(0.1, inf))
    scale_clicks: float = gain(10.0, "clicks: weight of the prior scale", (1.0, 50.0), log=True, allowed=(0.1, inf))
    trust: float = gain(20.0, "clicks until half of the way from the plan", (1.0, 300.0), log=True, allowed=(0.0, inf))
    utilisation: float = gain(1.0, "share of the predicted money to plan with", (0.8, 1.3), allowed=(0.1, 3.0))

    def __post_init__(self) -> None:
        check_gains(self)

    def init(self, level: Array, scale: Array, xp: Any = np) -> FitMemory:
        """What is believed beforehand.

        Args:
            level: price level of each campaign [ln CNY per click], shape (n, 1).
            scale: clicks of the highest bid per mean hour of traffic, shape (n, K), > 0.
            xp: numpy or torch, as the arrays are.
        """
        none = 0.0 * scale
        clicks = none + self.scale_clicks
        return level, 0.0 * level + self.level_clicks, none, none, clicks, clicks / xp.clip(scale, _LEAST, None)

    def learn(self, memory: FitMemory, seen: Evidence, response: Response, xp: Any = np) -> FitMemory:
        """The beliefs after one more hour."""
        level, weight, own, own_weight, clicks, exposure = memory
        position = seen.bid - seen.swing - level - own
        paid = seen.clicks > 0.0
        price = xp.log(xp.clip(seen.cost, _LEAST, None) / xp.clip(seen.clicks, _LEAST, None))
        ratio = xp.where(paid, price - seen.bid, 0.0)
        shown = seen.bid - seen.swing - response.position(ratio, xp)
        gap = xp.where(paid, shown - level - own, 0.0) * seen.clicks
        passed = xp.amax(seen.traffic, 1, keepdims=True)
        kept = xp.exp(-passed / self.memory)
        heard = seen.clicks.sum(axis=1, keepdims=True)
        weight = self.level_clicks + kept * (weight - self.level_clicks)  # the prior's weight stays
        new_level = level + gap.sum(axis=1, keepdims=True) / (weight + heard)
        left = xp.where(paid, shown - new_level - own, 0.0) * seen.clicks
        own_weight = xp.sqrt(kept) * own_weight
        own = own + left / (own_weight + self.item_clicks + seen.clicks)
        kept_items = xp.exp(-seen.traffic / self.memory)
        return (
            new_level,
            weight + heard,
            own,
            own_weight + seen.clicks,
            kept_items * clicks + seen.clicks,
            kept_items * exposure + seen.traffic * response.at(response.clicks, position, xp),
        )

    def solve(self, memory: FitMemory, task: Task, response: Response, xp: Any = np) -> tuple[Array, Array]:
        """The best bids [ln CNY per click], shape (n, K), and the price of money ln(1 + m), shape (n, 1)."""
        level, scale = memory[0] + memory[2], task.shown * memory[4] / memory[5]
        floor = response.at(response.marginal, task.low - level, xp)
        ceiling = response.at(response.marginal, task.high - level, xp)
        wish = xp.log(xp.clip(task.value, _LEAST, None)) - level
        unit = scale * xp.exp(level)

        def cost(price: Array) -> Array:
            place = xp.clip(wish - price, floor, ceiling)
            return (unit * response.at(response.best_cost, place, xp)).sum(axis=1, keepdims=True)

        money = self.utilisation * task.money
        cheap = 0.0 * money
        dear = xp.where(cost(cheap) > money, _STEEPEST, cheap)
        for _ in range(_HALVINGS):
            middle = 0.5 * (cheap + dear)
            over = cost(middle) > money
            cheap, dear = xp.where(over, middle, cheap), xp.where(over, dear, middle)
        place = xp.clip(wish - dear, floor, ceiling)
        bid = level + task.swing + response.at(response.best, place - task.swing, xp)
        return xp.clip(bid, task.low, task.high), dear

    def clicks(self, memory: FitMemory, bid: Array, response: Response, xp: Any = np) -> Array:
        """Clicks that bids [ln CNY per click] bring in a mean hour, shape (n, K)."""
        return memory[4] / memory[5] * response.at(response.clicks, bid - memory[0] - memory[2], xp)

    def known(self, clicks: Array, xp: Any = np) -> Array:
        """Share of the way from the plan to the solution, 0 before the first of the campaign's paid `clicks`."""
        seen = xp.clip(clicks, 0.0, None)
        return seen / xp.clip(seen + self.trust, _LEAST, None)
