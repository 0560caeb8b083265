"""Policy and value networks whose weights are shared over listings, for any number of them.

Their input is a store's observation followed by what else a `Layout` says, see `inputs`; by default the base
controller's action for the coming hour.
Every listing is encoded by the same network, which also sees the shop; what the listings have in common is pooled (mean
and maximum) and handed back to each.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.distributions import DiagGaussianDistribution, Distribution
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from merchantgym.envs.engines.layout import N_CHANNELS

from .inputs import OBSERVED, Layout

N_SHOP = OBSERVED.shop
"""Inputs about the shop by default: global features, base action of channels and discount."""
N_ITEM = OBSERVED.item
"""Inputs about a listing by default: its features, its base action."""
input_size, listings_of, split_input = OBSERVED.size, OBSERVED.listings_of, OBSERVED.split
"""Of an input by default, see `inputs.Layout`."""
_LIMIT = 5.0  # [sd] standardised inputs are clipped here


@dataclass(frozen=True)
class Standard:
    """Mean and spread of every input, of a sample of training observations; the listings' are pooled over listings."""

    shop_mean: NDArray[np.float32]  # (layout.shop,)
    shop_scale: NDArray[np.float32]
    item_mean: NDArray[np.float32]  # (layout.item,)
    item_scale: NDArray[np.float32]

    @classmethod
    def of(cls, sample: NDArray[Any], layout: Layout = OBSERVED) -> "Standard":
        """Of policy inputs (n, layout.size)."""
        shop, items = layout.split(torch.as_tensor(np.asarray(sample, dtype=np.float64)))
        shop_mean, shop_scale = _moments(shop.numpy())
        item_mean, item_scale = _moments(items.reshape(-1, layout.item).numpy())
        return cls(shop_mean, shop_scale, item_mean, item_scale)


def _moments(rows: NDArray[Any]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation by column; a column that hardly varies keeps its own scale."""
    spread = rows.std(axis=0)
    scale = np.where(spread > 1e-3, spread, 1.0)
    return rows.mean(axis=0).astype(np.float32), scale.astype(np.float32)


class Scaling(nn.Module):
    """Standardises inputs; its numbers are buffers, so they travel with the weights and into an exported graph."""

    shop_mean: Tensor
    shop_scale: Tensor
    item_mean: Tensor
    item_scale: Tensor

    def __init__(self, layout: Layout = OBSERVED) -> None:
        super().__init__()
        self.layout = layout
        for name, width in (("shop", layout.shop), ("item", layout.item)):
            self.register_buffer(f"{name}_mean", torch.zeros(width))
            self.register_buffer(f"{name}_scale", torch.ones(width))

    def set(self, standard: Standard) -> None:
        """Take over mean and spread."""
        for name in ("shop_mean", "shop_scale", "item_mean", "item_scale"):
            getattr(self, name).copy_(torch.as_tensor(getattr(standard, name)))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Shop (n, layout.shop) and listings (n, K, layout.item), standardised and clipped."""
        shop, items = self.layout.split(inputs)
        shop = ((shop - self.shop_mean) / self.shop_scale).clamp(-_LIMIT, _LIMIT)
        return shop, ((items - self.item_mean) / self.item_scale).clamp(-_LIMIT, _LIMIT)


class ListingEncoder(nn.Module):
    """Encodes a shop and its listings: one network for every listing, and a pooled context."""

    def __init__(self, width: int, layout: Layout = OBSERVED) -> None:
        super().__init__()
        self.of_shop = nn.Linear(layout.shop, width)
        self.of_item = nn.Linear(layout.item, width, bias=False)
        self.item = nn.Linear(width, width)
        self.context = nn.Linear(layout.shop + 2 * width, width)

    def forward(self, shop: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """Context (n, width) and listings (n, K, width)."""
        first = torch.tanh(self.of_item(items) + self.of_shop(shop)[:, None, :])
        second = torch.tanh(self.item(first))
        pooled = torch.cat((shop, second.mean(1), second.amax(1)), 1)
        return torch.tanh(self.context(pooled)), second


class CorrectionNet(nn.Module):
    """The actor: corrections (n, C + K + 1) of the base controller's action, exactly 0 before training."""

    def __init__(self, width: int, layout: Layout = OBSERVED) -> None:
        super().__init__()
        self.encoder = ListingEncoder(width, layout)
        self.shop = nn.Linear(width, N_CHANNELS + 1)
        self.item = nn.Linear(width, 1)
        self.item_context = nn.Linear(width, 1, bias=False)
        for head in (self.shop, self.item, self.item_context):
            nn.init.zeros_(head.weight)
            if head.bias is not None:
                nn.init.zeros_(head.bias)

    def forward(self, shop: Tensor, items: Tensor) -> Tensor:
        """Corrections [channels | listings | discount] of standardised inputs."""
        context, encoded = self.encoder(shop, items)
        whole = self.shop(context)
        own = self.item(encoded).squeeze(2) + self.item_context(context)
        return torch.cat((whole[:, :N_CHANNELS], own, whole[:, N_CHANNELS:]), 1)


class ValueNet(nn.Module):
    """The critic: expected return (n, 1), 0 before training."""

    def __init__(self, width: int, layout: Layout = OBSERVED) -> None:
        super().__init__()
        self.encoder = ListingEncoder(width, layout)
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, shop: Tensor, items: Tensor) -> Tensor:
        """Values of standardised inputs."""
        context, _ = self.encoder(shop, items)
        return cast(Tensor, self.head(context))


class Correction(nn.Module):
    """What is exported and executed: scaling and actor, from raw inputs to a correction in [-1, 1].

    A network that remembers has a method `begin(n, listings)` besides, that gives its memory of n stores at the start
    of their plans, tensors whose first axis is the store; it then takes `(inputs, *memory)` and gives `(correction,
    *memory)`.
    """

    def __init__(self, width: int, layout: Layout = OBSERVED) -> None:
        super().__init__()
        self.width = width
        self.scaling = Scaling(layout)
        self.net = CorrectionNet(width, layout)

    def forward(self, inputs: Tensor) -> Tensor:
        """Correction (n, C + K + 1) of policy inputs (n, layout.size)."""
        return cast(Tensor, self.net(*self.scaling(inputs)).clamp(-1.0, 1.0))


class _Heads(nn.Module):
    """Actor and critic in the place of SB3's `mlp_extractor`; features are the raw policy inputs."""

    def __init__(self, width: int, layout: Layout = OBSERVED) -> None:
        super().__init__()
        self.scaling = Scaling(layout)
        self.actor = CorrectionNet(width, layout)
        self.critic = ValueNet(width, layout)

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        shop, items = self.scaling(inputs)
        return self.actor(shop, items), self.critic(shop, items)

    def forward_actor(self, inputs: Tensor) -> Tensor:
        return cast(Tensor, self.actor(*self.scaling(inputs)))

    def forward_critic(self, inputs: Tensor) -> Tensor:
        return cast(Tensor, self.critic(*self.scaling(inputs)))


class ListingPolicy(ActorCriticPolicy):
    """An SB3 actor-critic policy over policy inputs.

    `state_dict` has the same shapes whatever the number of listings: exploration has one spread for channels, one for
    listings, one for the discount.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        width: int = 48,
        log_std_init: float = -1.5,
        layout: Layout = OBSERVED,
        **options: Any,
    ) -> None:
        """Args: width: of every hidden layer. log_std_init: [ln] exploration at the start. layout: of the inputs. The
        others are SB3's."""
        self.width = width
        self.layout = layout
        super().__init__(observation_space, action_space, lr_schedule, log_std_init=log_std_init, **options)

    def _build(self, lr_schedule: Schedule) -> None:
        self.heads = _Heads(self.width, self.layout)
        self.log_std = nn.Parameter(torch.full((3,), float(self.log_std_init)))
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def standardise(self, standard: Standard) -> None:
        """Fix the scale of the inputs."""
        self.heads.scaling.set(standard)

    def correction(self) -> Correction:
        """A copy of the actor as it stands."""
        copy = Correction(self.width, self.layout)
        copy.scaling.load_state_dict(self.heads.scaling.state_dict())
        copy.net.load_state_dict(self.heads.actor.state_dict())
        return copy.eval().requires_grad_(False)

    def load_correction(self, correction: Correction) -> None:
        """Take over an actor."""
        self.heads.scaling.load_state_dict(correction.scaling.state_dict())
        self.heads.actor.load_state_dict(correction.net.state_dict())

    def _distribution(self, mean: Tensor) -> Distribution:
        channel, listing, discount = self.log_std
        spread = torch.cat(
            (channel.expand(N_CHANNELS), listing.expand(mean.shape[1] - N_CHANNELS - 1), discount.expand(1))
        )
        return cast(DiagGaussianDistribution, self.action_dist).proba_distribution(mean, spread)

    def forward(self, obs: Tensor, deterministic: bool = False) -> tuple[Tensor, Tensor, Tensor]:
        """Actions, values and log probabilities."""
        mean, values = self.heads(obs)
        distribution = self._distribution(mean)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values, distribution.log_prob(actions)

    def evaluate_actions(self, obs: Any, actions: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log probabilities of `actions`, and entropy."""
        mean, values = self.heads(obs)
        distribution = self._distribution(mean)
        return values, distribution.log_prob(actions), distribution.entropy()

    def get_distribution(self, obs: Any) -> Distribution:
        """Distribution of actions."""
        return self._distribution(self.heads.forward_actor(obs))

    def predict_values(self, obs: Any) -> Tensor:
        """Values (n, 1)."""
        return self.heads.forward_critic(obs)

    def _get_constructor_parameters(self) -> dict[str, Any]:
        return super()._get_constructor_parameters() | {"width": self.width, "layout": self.layout}


def parameters_of(modules: Iterable[nn.Module]) -> int:
    """Number of trained weights."""
    return sum(weight.numel() for module in modules for weight in module.parameters())
