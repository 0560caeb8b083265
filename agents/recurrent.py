"""sb3-contrib's recurrent actor-critic policy over the networks of `memory`."""

from typing import Any, cast

import torch
from gymnasium import spaces
from sb3_contrib.common.recurrent.buffers import RecurrentRolloutBuffer
from sb3_contrib.common.recurrent.policies import RecurrentActorCriticPolicy
from sb3_contrib.common.recurrent.type_aliases import RNNStates
from stable_baselines3.common.distributions import Distribution
from stable_baselines3.common.type_aliases import Schedule
from torch import Tensor, nn

from .exploration import TwinBuffer, explore, split_trail
from .inputs import OBSERVED, Layout
from .memory import RecurrentCorrection, RecurrentNet
from .policy import Scaling, Standard, ValueNet

States = tuple[Tensor, ...]
"""Hidden and cell state of the LSTM, each (1, n, units)."""


class _Heads(nn.Module):
    def __init__(self, width: int, units: int, layout: Layout) -> None:
        super().__init__()
        self.scaling = Scaling(layout)
        self.actor = RecurrentNet(width, units, layout)
        self.critic = ValueNet(width, layout)


class RecurrentListingPolicy(RecurrentActorCriticPolicy):
    """An sb3-contrib policy over policy inputs; the critic needs no memory, as advantages are taken against twins."""

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        lr_schedule: Schedule,
        width: int = 48,
        units: int = 32,
        hold: int = 24,
        log_std_init: float = -1.5,
        layout: Layout = OBSERVED,
        persistence: float = 0.0,
        **options: Any,
    ) -> None:
        """See `policy.ListingPolicy`.

        Args:
            units: of the LSTM.
            hold: [hours] between decisions.
        """
        self.width, self.units, self.hold, self.layout = width, units, hold, layout
        self.persistence = persistence
        super().__init__(
            observation_space,
            action_space,
            lr_schedule,
            log_std_init=log_std_init,
            lstm_hidden_size=units,
            enable_critic_lstm=False,
            **options,
        )
        self.lstm_actor = self.heads.actor.lstm
        self.critic = None  # SB3's own would depend on the number of listings
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)  # type: ignore[call-arg]

    def _build(self, lr_schedule: Schedule) -> None:
        self.heads = _Heads(self.width, self.units, self.layout)
        self.log_std = nn.Parameter(torch.full((3,), float(self.log_std_init)))

    def standardise(self, standard: Standard) -> None:
        """Fix the scale of the inputs."""
        self.heads.scaling.set(standard)

    def correction(self) -> RecurrentCorrection:
        """A copy of the actor as it stands."""
        copy = RecurrentCorrection(self.width, self.units, self.hold, self.layout)
        copy.scaling.load_state_dict(self.heads.scaling.state_dict())
        copy.net.load_state_dict(self.heads.actor.state_dict())
        return copy.eval().requires_grad_(False)

    def _look(self, obs: Tensor, states: States, starts: Tensor) -> tuple[Distribution, Tensor, States]:
        """Distribution of actions, values, and what is remembered after the decision."""
        inputs, trail = split_trail(obs, self.action_space, self.persistence)
        shop, items = self.heads.scaling(inputs)
        context, encoded = self.heads.actor.encoder(shop, items)
        recalled, after = self._process_sequence(context, cast(Any, states), starts, self.heads.actor.lstm)
        self.mean = self.heads.actor.heads(context, recalled, encoded)
        distribution = explore(self.action_dist, self.mean, self.log_std, trail, self.persistence)
        return distribution, self.heads.critic(shop, items), cast(States, after)

    def forward(  # type: ignore[override]
        self, obs: Tensor, lstm_states: RNNStates, episode_starts: Tensor, deterministic: bool = False
    ) -> tuple[Tensor, Tensor, Tensor, RNNStates]:
        """Actions, values, log probabilities, and what is remembered after the decision."""
        distribution, values, states = self._look(obs, lstm_states.pi, episode_starts)
        actions = distribution.get_actions(deterministic=deterministic)
        return actions, values, distribution.log_prob(actions), RNNStates(states, states)

    def get_distribution(  # type: ignore[override]
        self, obs: Tensor, lstm_states: States, episode_starts: Tensor
    ) -> tuple[Distribution, States]:
        """Distribution of actions, and what is remembered after the decision."""
        distribution, _, states = self._look(obs, lstm_states, episode_starts)
        return distribution, states

    def predict_values(  # type: ignore[override]
        self, obs: Tensor, lstm_states: States, episode_starts: Tensor
    ) -> Tensor:
        """Values (n, 1)."""
        inputs, _ = split_trail(obs, self.action_space, self.persistence)
        return cast(Tensor, self.heads.critic(*self.heads.scaling(inputs)))

    def evaluate_actions(  # type: ignore[override]
        self, obs: Tensor, actions: Tensor, lstm_states: RNNStates, episode_starts: Tensor
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Values, log probabilities of `actions`, and entropy."""
        distribution, values, _ = self._look(obs, lstm_states.pi, episode_starts)
        return values, distribution.log_prob(actions), distribution.entropy()


class RecurrentTwinBuffer(TwinBuffer, RecurrentRolloutBuffer):
    """Advantages against the mean of the twins, and what was remembered at each decision."""
