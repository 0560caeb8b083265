"""What a correcting network sees: the observation, and what else is switched on, for any number of listings.

A policy's input is one row of numbers a store, block after block. Of each block the first numbers are about the shop,
then come those of each listing, then a tail about the shop.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from merchantgym.envs.actor import Actor, Insightful
from merchantgym.envs.beliefs import feature_names as belief_names
from merchantgym.envs.market.parameters import CHANNELS
from merchantgym.envs.observation import GLOBAL_FEATURES, LISTING_FEATURES


@dataclass(frozen=True)
class Inputs:
    """Which inputs there are besides the observation."""

    beliefs: bool = False  # of `Perception`: rates, rivals, demand and changes, with their uncertainty
    insight: bool = False  # what the base controller thinks, see `actor.Insightful`
    base_action: bool = True  # the base controller's action for the coming hour

    @classmethod
    def of(cls, config: "Inputs | Mapping[str, Any]") -> "Inputs":
        """From the entry `inputs` of an agent's settings.

        Raises: ValueError: an unknown entry, or one that is neither true nor false; the message names it.
        """
        if isinstance(config, Inputs):
            return config
        known = [entry.name for entry in fields(cls)]
        for name, value in config.items():
            if name not in known:
                raise ValueError(f"agent.inputs has no entry {name!r}; it has: {', '.join(known)}")
            if not isinstance(value, bool):
                raise ValueError(f"agent.inputs.{name}(={value!r}) must be true or false")
        return cls(**config)


@dataclass(frozen=True)
class Block:
    """Names of the numbers of a block, in order."""

    shop: tuple[str, ...]
    item: tuple[str, ...]  # of each listing
    tail: tuple[str, ...] = ()  # about the shop again


@dataclass(frozen=True)
class Layout:
    """Where everything stands in a policy's input."""

    blocks: tuple[Block, ...]

    @cached_property
    def shop_names(self) -> tuple[str, ...]:
        """Of the numbers about the shop, as `split` gives them."""
        return tuple(name for block in self.blocks for name in (*block.shop, *block.tail))

    @cached_property
    def item_names(self) -> tuple[str, ...]:
        """Of the numbers about a listing, as `split` gives them."""
        return tuple(name for block in self.blocks for name in block.item)

    @property
    def shop(self) -> int:
        """Numbers about the shop."""
        return len(self.shop_names)

    @property
    def item(self) -> int:
        """Numbers about each listing."""
        return len(self.item_names)

    def size(self, listings: int) -> int:
        """Length of the input."""
        return self.shop + listings * self.item

    def names(self, listings: int) -> tuple[str, ...]:
        """Of all numbers of the input, in order."""
        return tuple(
            name
            for block in self.blocks
            for name in (
                *block.shop,
                *(f"listing_{k}.{name}" for k in range(listings) for name in block.item),
                *block.tail,
            )
        )

    def listings_of(self, size: int) -> int:
        """Number of listings in an input of the given length.

        Raises: ValueError: no whole number of listings fits.
        """
        listings, rest = divmod(size - self.shop, self.item)
        if rest or listings < 1:
            raise ValueError(f"policy input length(={size}) must be {self.shop} + {self.item} x listings")
        return listings

    def split(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Inputs (n, size) as shop (n, shop) and listings (n, K, item)."""
        listings = self.listings_of(inputs.shape[1])
        shop, items, at = [], [], 0
        for block in self.blocks:
            first = at + len(block.shop)
            last = first + listings * len(block.item)
            shop.append(inputs[:, at:first])
            items.append(inputs[:, first:last].reshape(-1, listings, len(block.item)))
            at = last + len(block.tail)
            shop.append(inputs[:, last:at])
        return torch.cat(shop, 1), torch.cat(items, 2)


_OBSERVATION = Block(tuple(f.name for f in GLOBAL_FEATURES), tuple(f.name for f in LISTING_FEATURES))
_BASE_ACTION = Block(tuple(f"base_channel_{name}" for name in CHANNELS), ("base_action",), ("base_discount",))
OBSERVED = Layout((_OBSERVATION, _BASE_ACTION))
"""The observation and the base controller's action."""


def _beliefs() -> Block:
    first = "listing_0."
    names = belief_names(1)
    shop = tuple(f"belief_{name}" for name in names if not name.startswith(first))
    return Block(shop, tuple(f"belief_{name.removeprefix(first)}" for name in names if name.startswith(first)))


def layout_of(inputs: Inputs, base: Actor) -> Layout:
    """The layout of a policy's input over a base controller.

    Raises: ValueError: insight is asked of a controller that shows none.
    """
    blocks = [_OBSERVATION]
    if inputs.base_action:
        blocks.append(_BASE_ACTION)
    if inputs.beliefs:
        blocks.append(_beliefs())
    if inputs.insight:
        if not isinstance(base, Insightful):
            raise ValueError(
                f"agent.inputs.insight(=True) needs a base controller that shows insight, not {base.name!r}"
            )
        shop, item = base.insight_names
        blocks.append(Block(tuple(f"insight_{name}" for name in shop), tuple(f"insight_{name}" for name in item)))
    return Layout(tuple(blocks))
