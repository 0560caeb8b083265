"""Model-predictive bidding: fit what bids bring, then bid each hour as the rest of the money and the stock allow."""

from dataclasses import dataclass
from math import inf
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .gains import check_gains, gain
from .response import Response

FloatArray = NDArray[np.float64]

FitMemory: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]
"""(level, level weight) of the campaign (n, 1), (own level less the campaign's, its weight, clicks, exposure) of the
items (n, K); clicks and exposure are decayed sums, and clicks / exposure is the scale of an item's curve."""

_LEAST = 1e-9
_STEEPEST = 5.0  # [ln] largest price of money that is looked for
_HALVINGS = 12  # of that range: to 0.0012


@dataclass(frozen=True)
class Evidence:
    """One hour of n campaigns with K items, as it went; shapes (n, K)."""

    bid: FloatArray  # [ln CNY per click]
    clicks: FloatArray  # [count] paid for
    cost: FloatArray  # [CNY]
    traffic: FloatArray  # [mean hours] in which the ad could be seen: 0 where it was off
    swing: FloatArray  # (n, 1) [ln] how far the level is known to have stood above its mean


@dataclass(frozen=True)
class Task:
    """What is left to do; shapes (n, K), or (n, 1) where the campaign has one."""

    value: FloatArray  # [CNY] of a click
    shown: FloatArray  # 1 where the ad can be seen, else 0
    money: FloatArray  # (n, 1) [CNY] that may be spent per mean hour of traffic
    low: FloatArray  # [ln CNY per click] lowest bid
    high: FloatArray  # [ln CNY per click] highest bid
    swing: FloatArray  # (n, 1) [ln] how far the level will stand above its mean in the coming hour


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

    def init(self, level: FloatArray, scale: FloatArray) -> FitMemory:
        """What is believed beforehand.

        Args:
            level: price level of each campaign [ln CNY per click], shape (n, 1).
            scale: clicks of the highest bid per mean hour of traffic, shape (n, K), > 0.
        """
        none = 0.0 * scale
        clicks = none + self.scale_clicks
        return level, 0.0 * level + self.level_clicks, none, none, clicks, clicks / np.maximum(scale, _LEAST)

    def learn(self, memory: FitMemory, seen: Evidence, response: Response) -> FitMemory:
        """The beliefs after one more hour."""
        level, weight, own, own_weight, clicks, exposure = memory
        position = seen.bid - seen.swing - level - own
        paid = seen.clicks > 0.0
        price = np.log(np.maximum(seen.cost, _LEAST) / np.maximum(seen.clicks, _LEAST))
        ratio = np.where(paid, price - seen.bid, 0.0)
        shown = seen.bid - seen.swing - response.position(ratio)
        gap = np.where(paid, shown - level - own, 0.0) * seen.clicks
        passed = seen.traffic.max(axis=1, keepdims=True)
        kept = np.exp(-passed / self.memory)
        heard = seen.clicks.sum(axis=1, keepdims=True)
        weight = self.level_clicks + kept * (weight - self.level_clicks)  # the prior's weight stays
        new_level = level + gap.sum(axis=1, keepdims=True) / (weight + heard)
        left = np.where(paid, shown - new_level - own, 0.0) * seen.clicks
        own_weight = np.sqrt(kept) * own_weight
        own = own + left / (own_weight + self.item_clicks + seen.clicks)
        kept_items = np.exp(-seen.traffic / self.memory)
        return (
            new_level,
            weight + heard,
            own,
            own_weight + seen.clicks,
            kept_items * clicks + seen.clicks,
            kept_items * exposure + seen.traffic * response.at(response.clicks, position),
        )

    def solve(self, memory: FitMemory, task: Task, response: Response) -> tuple[FloatArray, FloatArray]:
        """The best bids [ln CNY per click], shape (n, K), and the price of money ln(1 + m), shape (n, 1)."""
        level, scale = memory[0] + memory[2], task.shown * memory[4] / memory[5]
        floor = response.at(response.marginal, task.low - level)
        ceiling = response.at(response.marginal, task.high - level)
        wish = np.log(np.maximum(task.value, _LEAST)) - level
        unit = scale * np.exp(level)

        def cost(price: FloatArray) -> FloatArray:
            place = np.clip(wish - price, floor, ceiling)
            spent: FloatArray = (unit * response.at(response.best_cost, place)).sum(axis=1, keepdims=True)
            return spent

        money = self.utilisation * task.money
        cheap = np.zeros_like(money)
        dear = np.where(cost(cheap) > money, _STEEPEST, 0.0)
        for _ in range(_HALVINGS):
            middle = 0.5 * (cheap + dear)
            over = cost(middle) > money
            cheap, dear = np.where(over, middle, cheap), np.where(over, dear, middle)
        place = np.clip(wish - dear, floor, ceiling)
        bid = level + task.swing + response.at(response.best, place - task.swing)
        return np.clip(bid, task.low, task.high), dear

    def clicks(self, memory: FitMemory, bid: FloatArray, response: Response) -> FloatArray:
        """Clicks that bids [ln CNY per click] bring in a mean hour, shape (n, K)."""
        clicks: FloatArray = memory[4] / memory[5] * response.at(response.clicks, bid - memory[0] - memory[2])
        return clicks

    def known(self, clicks: FloatArray) -> FloatArray:
        """Share of the way from the plan to the solution, 0 before the first of the campaign's paid `clicks`."""
        seen = np.maximum(clicks, 0.0)
        known: FloatArray = seen / np.maximum(seen + self.trust, _LEAST)
        return known
