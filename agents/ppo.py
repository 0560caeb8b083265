"""Training of a residual policy by PPO: settings, checkpoints, and the choice of the best on validation stores.

What makes it work here, where plain PPO does not: the policy starts as the base controller and corrects it; a
correction is held for `hold` hours in training, because half of all orders come days after their click; and slots come
in groups of twins that play the same store with the same chance, so that an advantage is judged against twins who
differ in nothing but what was decided.

Settings add memory (`recurrent`), noise that persists (`exploration`) and a floor on the return on ad spend (`floor`).
"""

from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import ConvertCallback

from merchantgym.envs.actor import Actor
from merchantgym.envs.reward import profit_reward

from .exploration import TrailVecEnv
from .floor import FloorVecEnv
from .pilot import pilot
from .ppo_model import make_model
from .ppo_settings import PpoSettings
from .residual import ResidualActor, corrected_stores, load_residual
from .training import Lesson, Trained, attend


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
        merit=student.merit,
    )
    student.env.close()
    return Trained(load_residual(lesson.folder, lesson.base), np.array(course.steps), np.array(course.profit))


class _PpoStudent:
    """SB3's PPO as a `Student`."""

    def __init__(self, settings: PpoSettings, lesson: Lesson) -> None:
        self.settings = settings
        self.lesson = lesson
        stores = corrected_stores(
            lesson,
            settings.slots,
            settings.scale,
            hold=settings.hold,
            steps=settings.steps,
            twins=settings.twins,
            inputs=settings.inputs,
        )
        standard, spread = pilot(stores, lesson.seed, log_std=settings.log_std, gamma=settings.gamma)
        self.env: Any = stores
        self.floor: FloorVecEnv | None = None
        if settings.roi_limit is not None:
            self.env = self.floor = FloorVecEnv(self.env, settings.floor, (lesson.reward or profit_reward()).scale)
        if settings.persistence:
            self.env = TrailVecEnv(self.env, settings.persistence)
        self.model = make_model(settings, self.env, stores.sight.layout, lesson.seed)
        self.model.rollout_buffer.twins = settings.twins
        self.model.rollout_buffer.reward_scale = spread
        self.model.policy.standardise(standard)
        if settings.persistence:
            self.env.mean_of = lambda: self.model.policy.mean
        self.model._setup_learn(settings.steps, reset_num_timesteps=True)
        self.callback = ConvertCallback(lambda *_: True)
        self.callback.init_callback(self.model)

    def actor(self) -> ResidualActor:
        """The base controller, corrected by the means of the policy."""
        correction = self.model.policy.correction()
        return ResidualActor(self.lesson.base, correction, self.settings.scale, self.lesson.name, self.settings.inputs)

    def merit(self, actor: Actor, profit: float) -> float:
        """What the best policy is chosen by: profit, less ten times the shortfall beyond what is allowed [CNY]."""
        if self.floor is None or self.lesson.shortfall is None:
            return profit
        return profit - 10.0 * max(0.0, self.lesson.shortfall(actor) - self.floor.terms.limit)

    def update(self, number: int, updates: int) -> None:
        """Collect `decisions` corrections of every slot, then learn from them in `epochs` rounds."""
        model = self.model
        model.collect_rollouts(self.env, self.callback, model.rollout_buffer, self.settings.decisions)
        model._update_current_progress_remaining(number, updates)
        model.train()
        if self.floor is not None:
            self.floor.adjust()

    def state(self) -> dict[str, Any]:
        """Weights, optimiser, stores, the observations last seen and what is remembered."""
        remembered = getattr(self.model, "_last_lstm_states", None)
        return {
            "policy": self.model.policy.state_dict(),
            "optimizer": self.model.policy.optimizer.state_dict(),
            "reward_scale": self.model.rollout_buffer.reward_scale,
            "stores": self.env.snapshot(),
            "starts": self.model._last_episode_starts,
            "remembered": None if remembered is None else [[part.clone() for part in pair] for pair in remembered],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.model.policy.load_state_dict(state["policy"])
        self.model.policy.optimizer.load_state_dict(state["optimizer"])
        self.model.rollout_buffer.reward_scale = state["reward_scale"]
        self.model._last_obs = self.env.restore(state["stores"])
        self.model._last_episode_starts = state["starts"]
        if state["remembered"] is not None:
            states = self.model._last_lstm_states
            self.model._last_lstm_states = type(states)(*(tuple(pair) for pair in state["remembered"]))
