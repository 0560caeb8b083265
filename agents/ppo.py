"""Training of a residual policy by PPO: settings, checkpoints, and the choice of the best on validation stores.

What makes it work here, where plain PPO does not: the policy starts as the base controller and corrects it; a
correction is held for `hold` hours in training, because half of all orders come days after their click; and slots come
in groups of twins that play the same store with the same chance, so that an advantage is judged against twins who
differ in nothing but what was decided.
"""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import ConvertCallback
from torch import Tensor

from .pilot import pilot
from .policy import ListingPolicy
from .ppo_settings import PpoSettings
from .residual import ResidualActor, ResidualVecEnv, corrected_stores, load_residual
from .training import Lesson, Trained, attend


class TwinBuffer(RolloutBuffer):
    """Advantages are taken against the mean of the twins: same store, same chance, other decisions."""

    twins = 1
    reward_scale = 1.0

    def compute_returns_and_advantage(self, last_values: Tensor, dones: NDArray[Any]) -> None:
        """As SB3's, on rewards in units of the pilot's spread of returns."""
        self.rewards /= self.reward_scale
        super().compute_returns_and_advantage(last_values, dones)
        if self.twins > 1:
            groups = self.advantages.reshape(self.buffer_size, -1, self.twins)
            self.advantages = (groups - groups.mean(axis=2, keepdims=True)).reshape(self.buffer_size, -1)


def train_ppo(settings: PpoSettings, lesson: Lesson) -> Trained:
    """Train corrections of the lesson's base by PPO; the best on validation is kept, the untrained one included.

    See `training.attend` for checkpoints and what is raised.
    """
    torch.set_num_threads(1)  # two contended threads slow small networks down a hundredfold
    torch.manual_seed(lesson.seed)
    student = _PpoStudent(settings, lesson)
    course = attend(
        student,
        settings,
        lesson,
        updates=settings.updates,
        update_hours=settings.update_hours,
        evaluations=settings.evaluations,
    )
    student.env.close()
    return Trained(load_residual(lesson.folder, lesson.base), np.array(course.steps), np.array(course.profit))


class _Model(PPO):
    """PPO over a `ListingPolicy`."""

    policy: ListingPolicy
    rollout_buffer: TwinBuffer


class _PpoStudent:
    """SB3's PPO as a `Student`."""

    def __init__(self, settings: PpoSettings, lesson: Lesson) -> None:
        self.settings = settings
        self.lesson = lesson
        self.env = corrected_stores(
            lesson, settings.slots, settings.scale, hold=settings.hold, twins=settings.twins, inputs=settings.inputs
        )
        self.model = _model(settings, self.env, lesson.seed)
        self.callback = ConvertCallback(lambda *_: True)
        self.callback.init_callback(self.model)

    def actor(self) -> ResidualActor:
        """The base controller, corrected by the means of the policy."""
        correction = self.model.policy.correction()
        return ResidualActor(self.lesson.base, correction, self.settings.scale, self.lesson.name, self.settings.inputs)

    def update(self, number: int, updates: int) -> None:
        """Collect `decisions` corrections of every slot, then learn from them in `epochs` rounds."""
        model = self.model
        model.collect_rollouts(self.env, self.callback, model.rollout_buffer, self.settings.decisions)
        model._update_current_progress_remaining(number, updates)
        model.train()

    def state(self) -> dict[str, Any]:
        """Weights, optimiser, stores and the observations last seen."""
        return {
            "policy": self.model.policy.state_dict(),
            "optimizer": self.model.policy.optimizer.state_dict(),
            "reward_scale": self.model.rollout_buffer.reward_scale,
            "stores": self.env.snapshot(),
            "starts": self.model._last_episode_starts,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.model.policy.load_state_dict(state["policy"])
        self.model.policy.optimizer.load_state_dict(state["optimizer"])
        self.model.rollout_buffer.reward_scale = state["reward_scale"]
        self.model._last_obs = cast(Any, self.env.restore(state["stores"]))
        self.model._last_episode_starts = state["starts"]


def _model(settings: PpoSettings, env: ResidualVecEnv, seed: int) -> _Model:
    """PPO with inputs and rewards scaled by a pilot run, ready to collect."""
    standard, spread = pilot(env, seed, log_std=settings.log_std, gamma=settings.gamma)
    model = _Model(
        ListingPolicy,
        env,
        learning_rate=lambda left: settings.learning_rate * max(left, 0.02),
        n_steps=settings.decisions,
        batch_size=min(settings.batch, settings.slots * settings.decisions),
        n_epochs=settings.epochs,
        gamma=settings.gamma,
        gae_lambda=settings.gae_lambda,
        clip_range=settings.clip,
        ent_coef=0.0,
        vf_coef=settings.value_weight,
        max_grad_norm=settings.max_grad,
        policy_kwargs={"width": settings.width, "log_std_init": settings.log_std, "layout": env.sight.layout},
        rollout_buffer_class=TwinBuffer,
        seed=seed,
        device="cpu",  # networks this small wait for a graphics card longer than they compute
    )
    model.rollout_buffer.twins = settings.twins
    model.rollout_buffer.reward_scale = spread
    model.policy.standardise(standard)
    model._setup_learn(settings.steps, reset_num_timesteps=True)
    return model
