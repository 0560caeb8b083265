"""SB3's actor and critics of SAC with weights shared over listings; see `policy` for the network and its inputs."""

from typing import Any, cast

import torch
from gymnasium import spaces
from stable_baselines3.common.distributions import SquashedDiagGaussianDistribution
from stable_baselines3.common.policies import BaseModel, BasePolicy
from stable_baselines3.common.type_aliases import Schedule
from stable_baselines3.sac.policies import SACPolicy
from torch import Tensor, nn

from merchantgym.envs.engines.layout import N_CHANNELS

from .exploration import spread_over
from .inputs import OBSERVED, Layout
from .policy import Correction, CorrectionNet, ListingEncoder, Scaling, Standard

_LOG_STD = (-6.0, 0.0)  # [ln] limits of exploration


class ListingActor(BasePolicy):
    """Corrections, squashed by tanh; one spread for channels, one for listings, one for the discount."""

    optimizer: torch.optim.Optimizer

    def __init__(self, observation_space: Any, action_space: Any, width: int, log_std: float, layout: Layout) -> None:
        super().__init__(observation_space, action_space, squash_output=True)
        self.scaling = Scaling(layout)
        self.net = CorrectionNet(width, layout)
        self.log_std = nn.Parameter(torch.full((3,), log_std))
        self.distribution = SquashedDiagGaussianDistribution(int(action_space.shape[0]))

    def _mean_and_spread(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        mean = self.net(*self.scaling(inputs))
        return mean, spread_over(self.log_std.clamp(*_LOG_STD), mean.shape[1])

    def forward(self, obs: Tensor, deterministic: bool = False) -> Tensor:
        """Corrections (n, A) in (-1, 1)."""
        return self.distribution.actions_from_params(*self._mean_and_spread(obs), deterministic=deterministic)

    def action_log_prob(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        """A draw, and its log probability."""
        return self.distribution.log_prob_from_params(*self._mean_and_spread(obs))

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        return cast(Tensor, self(observation, deterministic))


class _Worth(nn.Module):
    """One critic: the worth (n, 1) of a correction in a state, 0 before training."""

    def __init__(self, width: int, layout: Layout) -> None:
        super().__init__()
        self.encoder = ListingEncoder(width, layout, action=True)
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, shop: Tensor, items: Tensor) -> Tensor:
        context, _ = self.encoder(shop, items)
        return cast(Tensor, self.head(context))


class ListingCritic(BaseModel):
    """Two critics, of whom the lower is believed."""

    optimizer: torch.optim.Optimizer

    def __init__(self, observation_space: Any, action_space: Any, width: int, layout: Layout) -> None:
        super().__init__(observation_space, action_space)
        self.scaling = Scaling(layout)
        self.critics = nn.ModuleList([_Worth(width, layout), _Worth(width, layout)])

    def forward(self, obs: Tensor, actions: Tensor) -> tuple[Tensor, ...]:
        """What each critic holds the corrections (n, A) to be worth, (n, 1)."""
        shop, items = self.scaling(obs)
        ends = torch.cat((actions[:, :N_CHANNELS], actions[:, -1:]), 1)
        shop = torch.cat((shop, ends), 1)
        items = torch.cat((items, actions[:, N_CHANNELS:-1, None]), 2)
        return tuple(critic(shop, items) for critic in self.critics)


class ListingSacPolicy(SACPolicy):
    """Actor, critics and their target; `state_dict` has the same shapes whatever the number of listings."""

    actor: ListingActor  # type: ignore[assignment]
    critic: ListingCritic  # type: ignore[assignment]
    critic_target: ListingCritic  # type: ignore[assignment]

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Box,
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
        self.log_std_init = log_std_init
        super().__init__(observation_space, action_space, lr_schedule, **options)

    def make_actor(self, features_extractor: Any = None) -> Any:
        """A fresh actor."""
        return ListingActor(self.observation_space, self.action_space, self.width, self.log_std_init, self.layout)

    def make_critic(self, features_extractor: Any = None) -> Any:
        """A fresh pair of critics."""
        return ListingCritic(self.observation_space, self.action_space, self.width, self.layout)

    def standardise(self, standard: Standard) -> None:
        """Fix the scale of the inputs."""
        for part in (self.actor, self.critic, self.critic_target):
            part.scaling.set(standard)

    def correction(self) -> Correction:
        """A copy of the actor as it stands."""
        copy = Correction(self.width, self.layout, squash=True)
        copy.scaling.load_state_dict(self.actor.scaling.state_dict())
        copy.net.load_state_dict(self.actor.net.state_dict())
        return copy.eval().requires_grad_(False)
