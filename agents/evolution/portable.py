"""An evolved policy on torch, for export: what `features` and `policy` compile, stated once more.

The compiled form is the law, and the tests hold this one against it, input by input. An input that `features` has and
this file has not is refused by name.
"""

from collections.abc import Mapping
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from merchantgym.envs.actor import Actor, Insightful, Memory
from merchantgym.envs.engines.layout import N_CHANNELS, Field
from merchantgym.envs.observation import Global, ObservationView, PerListing, observation_size
from merchantgym.envs.task import PAUSED

from .actor import EvolvedActor
from .features import ITEM_SIGNALS, LAST_PARTS, LIMIT, N_SIGNALS, PRIOR_CLICKS, SHOP_SIGNALS, Item, Shop
from .policy import SHOP_HEADS, Shape

_Input = TypeVar("_Input", bound=Field)
Trace = tuple[Tensor, ...]
Thought = tuple[Tensor, ...]  # of the shop (n, F) and of the listings (n, K, G), or nothing

_SHOP_SIGHTS = (
    *(Shop.HOUR_SIN, Shop.HOUR_COS, Shop.HOUR_SIN_2, Shop.HOUR_COS_2, Shop.WEEK_SIN, Shop.WEEK_COS),
    *(Shop.TIME_LEFT, Shop.TRAFFIC_NEXT, Shop.PROMOTION_DAY),
    *(Shop.BUDGET_LEFT, Shop.PACING_GAP, Shop.BUDGET_SIZE, Shop.SPEND_RATE, Shop.AD_RETURN, Shop.PROFIT),
    *(Shop.STORE_CONVERSION, Shop.DEMAND_SURPRISE),
    *(Shop.WIN_SEARCH, Shop.WIN_FEED, Shop.PRICE_SEARCH, Shop.PRICE_FEED),
)
"""The observation's features of the same name, as they are."""
_ITEM_SIGHTS = (
    *(Item.HERO, Item.GROWTH, Item.TEST, Item.CLEAR),
    *(Item.RANK, Item.RATING, Item.FEW_REVIEWS, Item.NEWNESS, Item.UNIT_MARGIN, Item.PRICE_GAP, Item.PLAN_BID),
    *(Item.CLICK_RATE, Item.STOCK_LEFT, Item.INCOMING, Item.SPEND_SHARE, Item.SURPRISE, Item.SOLD),
    *(Item.ORDER_VALUE, Item.MATURED_CLICKS, Item.CAP_LEFT),
)


def item_formulas(view: ObservationView, base: Tensor) -> dict[Item, Tensor]:
    """Inputs about listings, each (n, K), before the surprises; see `features.Item`."""
    left, gap, usual = (view[of][:, None] for of in (Global.TIME_LEFT, Global.PACING_GAP, Global.STORE_CONVERSION))
    own = base[:, N_CHANNELS:-1]
    orders = torch.expm1(view[PerListing.ORDERS]) + PRIOR_CLICKS * torch.exp(usual)
    clicks = torch.expm1(view[PerListing.MATURED_CLICKS]) + PRIOR_CLICKS
    rate = torch.log(orders / clicks)
    worth = view[PerListing.ORDER_VALUE] + rate - view[PerListing.PLAN_BID]
    return {each: view[PerListing[each.name]] for each in _ITEM_SIGHTS} | {
        Item.CONVERSION: rate - usual,
        Item.WORTH: worth,
        Item.WORTH_EARLY: worth * left,
        Item.WORTH_SCARCE: worth * gap,
        Item.LOW_STOCK: torch.exp(-view[PerListing.STOCK_COVER]),
        Item.BASE: own,
        Item.BASE_EARLY: own * left,
        Item.BASE_SQUARED: own * own,
        Item.RANK_EARLY: view[PerListing.RANK] * left,
        Item.STOCK_EARLY: view[PerListing.STOCK_LEFT] * left,
        Item.FEW_REVIEWS_EARLY: view[PerListing.FEW_REVIEWS] * left,
    }


def shop_formulas(view: ObservationView, base: Tensor, items: Mapping[Item, Tensor]) -> dict[Shop, Tensor]:
    """Inputs about the shop, each (n,), before the surprises; see `features.Shop`. `items` are `item_formulas`."""
    left, active = view[Global.TIME_LEFT], view[PerListing.ACTIVE]
    advertised = torch.clip(active.sum(dim=1), 1.0, None)
    return {each: view[Global[each.name]] for each in _SHOP_SIGHTS} | {
        Shop.ONE: torch.ones_like(left),
        Shop.TIME_LEFT_SQUARED: left * left,
        Shop.LATE: torch.clip(1.0 - LAST_PARTS * left, 0.0, None),
        Shop.WORTH: (active * items[Item.WORTH]).sum(dim=1) / advertised,
        Shop.UNIT_MARGIN: (active * items[Item.UNIT_MARGIN]).sum(dim=1) / advertised,
        Shop.LOW_STOCK: items[Item.LOW_STOCK].mean(dim=1),
        Shop.STOCK_LEFT: items[Item.STOCK_LEFT].mean(dim=1),
        Shop.BASE_SEARCH: base[:, 0],
        Shop.BASE_FEED: base[:, 1],
        Shop.BASE_DISCOUNT: base[:, -1],
    }


def in_order(formulas: Mapping[_Input, Tensor], kind: type[_Input]) -> Tensor:
    """All inputs of a kind (n, I, ...) in the order of their numbers.

    Raises: ValueError: one has no formula; names it.
    """
    if missing := [each.name for each in kind if each not in formulas]:
        raise ValueError(f"the input {kind.__name__}.{missing[0]} has no formula on torch, so it cannot be exported")
    return torch.stack([formulas[each] for each in kind], dim=1)


def begin_trace(shape: Shape, n: int, listings: int) -> Memory:
    """What a policy on torch remembers of n stores at the start of their plans; nothing without half-lives.

    1 once it has begun (n,), the means of the shop's signals (n, T, S), and of the listings' (n, T, S, K).
    """
    if not shape.traces:
        return ()
    means = (n, shape.traces, N_SIGNALS)
    return np.zeros(n), np.zeros(means), np.zeros((*means, listings))


def input_names(base: Actor, shape: Shape, listings: int) -> list[str]:
    """Names of all inputs: about the shop, then listing by listing."""
    shop, item = ([each.name.lower() for each in kind] for kind in (Shop, Item))
    for hours in shape.half_lives:
        shop += [f"{signal.name.lower()}_less_{hours:g}h_mean" for signal in SHOP_SIGNALS]
        item += [f"{signal.name.lower()}_less_{hours:g}h_mean" for signal in ITEM_SIGNALS]
    if any(shape.insight):
        for names, known in zip((shop, item), cast(Insightful, base).insight_names, strict=True):
            names += [f"insight_{name}" for name in known]
    return [*shop, *(f"listing_{k}.{name}" for k in range(listings) for name in item)]


class PortablePolicy(nn.Module):
    """The correction of an `EvolvedActor`."""

    scale: Tensor
    keep: Tensor
    mean: Tensor
    inverse: Tensor
    heads: Tensor
    own: Tensor
    hidden: Tensor

    def __init__(self, actor: EvolvedActor) -> None:
        """Raises: ValueError: an input has no formula on torch."""
        super().__init__()
        shape = actor.shape
        self.shop, self.item, self.traces, self.insight = shape.shop, shape.item, shape.traces, shape.insight
        # a number that is no buffer would be of 32 bits in the graph
        heads, own, hidden = np.split(actor.weights, [SHOP_HEADS * shape.shop, SHOP_HEADS * shape.shop + shape.own])
        mean, inverse = actor.standard
        arrays = {"scale": np.float64(actor.scale), "keep": shape.keep, "mean": mean, "inverse": inverse}
        arrays["own"] = own.reshape(-1, shape.item)  # of every listing, or one for all
        arrays["heads"] = heads.reshape(SHOP_HEADS, shape.shop)
        arrays["hidden"] = hidden.reshape(shape.hidden, shape.item + shape.shop + SHOP_HEADS + 1)
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(np.array(array)))
        trace = tuple(torch.from_numpy(part) for part in begin_trace(shape, 1, 1))
        thought = torch.zeros((1, shape.insight[0])), torch.zeros((1, 1, shape.insight[1]))
        self.inputs(torch.zeros((1, observation_size(1))), torch.zeros((1, SHOP_HEADS + 1)), thought, trace)

    @property
    def remembered(self) -> int:
        """Parts of the trace."""
        return 3 if self.traces else 0

    def forward(self, observation: Tensor, base: Tensor, thought: Thought, trace: Trace) -> tuple[Tensor, Trace]:
        """The action (n, A), and the trace after the hour.

        Args:
            observation: (n, O), and base: (n, A), its action, of 64 bits.
            thought: what the base thinks; looked at where `Shape.insight` says so.
        """
        shop, items, trace = self.inputs(observation, base, thought, trace)
        whole, own = shop @ self.heads.T, (items * self.own.T).sum(dim=1)
        if len(self.hidden):
            by_item, by_shop, to_shop, to_item = torch.split(self.hidden, [self.item, self.shop, SHOP_HEADS, 1], dim=1)
            unit = torch.tanh(by_item @ items + (shop @ by_shop.T)[:, :, None])
            whole = whole + unit.mean(dim=2) @ to_shop
            own = own + to_item[:, 0] @ unit
        correction = torch.cat((whole[:, :N_CHANNELS], own, whole[:, N_CHANNELS:]), dim=1)
        action = torch.clip(base + self.scale * correction, -1.0, 1.0)
        ads = slice(N_CHANNELS, N_CHANNELS + int(own.shape[1]))
        moved = torch.where(base[:, ads] <= PAUSED, PAUSED, action[:, ads])
        return torch.cat((action[:, :N_CHANNELS], moved, action[:, ads.stop :]), dim=1), trace

    def inputs(self, observation: Tensor, base: Tensor, thought: Thought, trace: Trace) -> tuple[Tensor, Tensor, Trace]:
        """What is looked at, on the scale of the pilot run: shop (n, G), items (n, L, K); and the trace after it."""
        view = ObservationView(observation)
        of_items = item_formulas(view, base)
        shop, items = in_order(shop_formulas(view, base, of_items), Shop), in_order(of_items, Item)
        if self.traces:
            begun, shop_means, item_means = trace
            shop_signals = torch.stack([view[signal] for signal in SHOP_SIGNALS], dim=1)
            item_signals = torch.stack([of_items[signal] for signal in ITEM_SIGNALS], dim=1)
            shop_gap, shop_means = self._surprise(shop_signals, shop_means, begun)
            item_gap, item_means = self._surprise(item_signals, item_means, begun)
            shop, items = torch.cat((shop, shop_gap), dim=1), torch.cat((items, item_gap), dim=1)
            trace = torch.ones_like(begun), shop_means, item_means
        if any(self.insight):
            shop, items = torch.cat((shop, thought[0]), dim=1), torch.cat((items, thought[1].transpose(1, 2)), dim=1)
        mean, inverse = (torch.split(part, [self.shop, self.item]) for part in (self.mean, self.inverse))
        shop = torch.clip((shop - mean[0]) * inverse[0], -LIMIT, LIMIT)
        items = torch.clip((items - mean[1][:, None]) * inverse[1][:, None], -LIMIT, LIMIT)
        return shop, items, trace

    def _surprise(self, signals: Tensor, means: Tensor, begun: Tensor) -> tuple[Tensor, Tensor]:
        """Signals (n, S, ...) less their means (n, T, S, ...), as (n, T * S, ...); and the means after the hour."""
        now, ones = signals[:, None], (1,) * (signals.ndim - 1)
        gap = (now - means) * begun.reshape(-1, 1, *ones)
        return gap.flatten(1, 2), now - self.keep.reshape(-1, *ones) * gap
