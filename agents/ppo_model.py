"""SB3's PPO over policies that share their weights over listings, with memory and without."""

from typing import Any

from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecEnv

from .exploration import TwinBuffer
from .inputs import Layout
from .policy import ListingPolicy
from .ppo_settings import PpoSettings


def make_model(settings: PpoSettings, env: VecEnv, layout: Layout, seed: int) -> Any:
    """PPO, recurrent if the settings ask for memory, ready for `_setup_learn`.

    Returns: SB3's `PPO` or sb3-contrib's `RecurrentPPO`; its buffer is a `TwinBuffer`, its policy has `standardise`,
        `correction` and, after every draw of actions, their `mean`.
    """
    options: dict[str, Any] = {
        "learning_rate": lambda left: settings.learning_rate * max(left, 0.02),
        "n_steps": settings.decisions,
        "batch_size": min(settings.batch, settings.slots * settings.decisions),
        "n_epochs": settings.epochs,
        "gamma": settings.gamma,
        "gae_lambda": settings.gae_lambda,
        "clip_range": settings.clip,
        "ent_coef": 0.0,
        "vf_coef": settings.value_weight,
        "max_grad_norm": settings.max_grad,
        "seed": seed,
        "device": "cpu",  # networks this small wait for a graphics card longer than they compute
    }
    policy: dict[str, Any] = {
        "width": settings.width,
        "log_std_init": settings.log_std,
        "layout": layout,
        "persistence": settings.persistence,
    }
    if settings.memory:
        return _recurrent(settings, env, options, policy)
    return PPO(ListingPolicy, env, policy_kwargs=policy, rollout_buffer_class=TwinBuffer, **options)


def _recurrent(settings: PpoSettings, env: VecEnv, options: dict[str, Any], policy: dict[str, Any]) -> Any:
    """sb3-contrib's PPO, its buffer replaced by one that knows of twins."""
    from sb3_contrib import RecurrentPPO

    from .recurrent import RecurrentListingPolicy, RecurrentTwinBuffer

    memory = {"units": settings.memory, "hold": settings.hold}
    model: Any = RecurrentPPO(RecurrentListingPolicy, env, policy_kwargs=policy | memory, **options)
    model.rollout_buffer = RecurrentTwinBuffer(
        model.n_steps,
        model.observation_space,
        model.action_space,
        model.rollout_buffer.hidden_state_shape,
        model.device,
        gamma=model.gamma,
        gae_lambda=model.gae_lambda,
        n_envs=model.n_envs,
    )
    return model
