"""Training of a residual policy by SAC (Haarnoja et al. 2018, with a learned temperature).

Stores differ far more than decisions do, so a reward is taken against the mean of the twins: the other slots that play
the same store with the same chance. What they earn does not depend on a slot's own decisions, so no gradient changes,
and most of the noise is gone. The critics learn alone at first, because an actor that follows critics who know nothing
yet would leave the controller that it starts from.
"""

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import SAC
from stable_baselines3.common.buffers import ReplayBuffer
from stable_baselines3.common.callbacks import ConvertCallback
from stable_baselines3.common.type_aliases import TrainFreq, TrainFrequencyUnit

from .pilot import against_twins, pilot
from .residual import ResidualActor, ResidualVecEnv, corrected_stores, load_residual
from .sac_policy import ListingSacPolicy
from .sac_settings import SacSettings
from .training import Lesson, Trained, attend

_BUFFER = ("observations", "next_observations", "actions", "rewards", "dones", "timeouts")
_COUNTERS = ("num_timesteps", "_n_updates", "_episode_num", "_last_episode_starts")


def train_sac(settings: SacSettings, lesson: Lesson) -> Trained:
    """Train corrections of the lesson's base by SAC; the best on validation is kept, the untrained one included.

    See `training.attend` for checkpoints and what is raised.
    """
    torch.set_num_threads(1)  # two contended threads slow small networks down a hundredfold
    torch.manual_seed(lesson.seed)
    student = _SacStudent(settings, lesson)
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


class _Model(SAC):
    """SAC over a `ListingSacPolicy`, on rewards against the twins'."""

    policy: ListingSacPolicy
    replay_buffer: ReplayBuffer
    twins = 1
    reward_scale = 1.0
    actor_rate = 1.0  # of the learning rate

    def _store_transition(
        self,
        replay_buffer: ReplayBuffer,
        buffer_action: NDArray[Any],
        new_obs: Any,
        reward: NDArray[Any],
        dones: NDArray[Any],
        infos: list[dict[str, Any]],
    ) -> None:
        relative = (against_twins(reward, self.twins) / self.reward_scale).astype(np.float32)
        super()._store_transition(replay_buffer, buffer_action, new_obs, relative, dones, infos)

    def _update_learning_rate(self, optimizers: Any) -> None:
        super()._update_learning_rate(optimizers)
        for group in self.policy.actor.optimizer.param_groups:
            group["lr"] *= self.actor_rate


class _SacStudent:
    """SB3's SAC as a `Student`."""

    def __init__(self, settings: SacSettings, lesson: Lesson) -> None:
        self.settings = settings
        self.lesson = lesson
        self.env = corrected_stores(
            lesson,
            settings.slots,
            settings.scale,
            hold=settings.hold,
            steps=settings.steps,
            twins=settings.twins,
            inputs=settings.inputs,
        )
        self.model = _model(settings, self.env, lesson.seed)
        self.callback = ConvertCallback(lambda *_: True)
        self.callback.init_callback(self.model)

    def actor(self) -> ResidualActor:
        """The base controller, corrected by the squashed means of the policy."""
        correction, settings = self.model.policy.correction(), self.settings
        return ResidualActor(self.lesson.base, correction, settings.scale, self.lesson.name, settings.inputs)

    def update(self, number: int, updates: int) -> None:
        """Collect `decisions` corrections of every slot, then take `gradient_steps` on what is remembered."""
        model, settings = self.model, self.settings
        often = TrainFreq(settings.decisions, TrainFrequencyUnit.STEP)
        model.collect_rollouts(self.env, self.callback, often, model.replay_buffer, learning_starts=0)
        model._update_current_progress_remaining(number, updates)
        model.actor_rate = settings.actor_rate if number >= settings.critic_first else 0.0
        model.train(settings.gradient_steps, settings.batch)

    def state(self) -> dict[str, Any]:
        """Weights, optimisers, what is remembered, stores and the observations last seen."""
        model, buffer = self.model, self.model.replay_buffer
        filled = buffer.buffer_size if buffer.full else buffer.pos
        return {
            "policy": model.policy.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self._optimizers()],
            "temperature": self._temperature().detach().clone(),
            "reward_scale": model.reward_scale,
            "buffer": {name: getattr(buffer, name)[:filled].copy() for name in _BUFFER},
            "place": (buffer.pos, buffer.full),
            "counters": {name: getattr(model, name) for name in _COUNTERS},
            "stores": self.env.snapshot(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        model, buffer = self.model, self.model.replay_buffer
        model.policy.load_state_dict(state["policy"])
        for optimizer, saved in zip(self._optimizers(), state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        with torch.no_grad():
            self._temperature().copy_(state["temperature"])
        model.reward_scale = state["reward_scale"]
        for name, rows in state["buffer"].items():
            getattr(buffer, name)[: len(rows)] = rows
        buffer.pos, buffer.full = state["place"]
        for name, value in state["counters"].items():
            setattr(model, name, value)
        model._last_obs = cast(Any, self.env.restore(state["stores"]))

    def _optimizers(self) -> list[torch.optim.Optimizer]:
        policy, temperature = self.model.policy, self.model.ent_coef_optimizer
        assert temperature is not None
        return [policy.actor.optimizer, policy.critic.optimizer, temperature]

    def _temperature(self) -> torch.Tensor:
        """Logarithm of the weight of entropy."""
        assert self.model.log_ent_coef is not None
        return self.model.log_ent_coef


def _model(settings: SacSettings, env: ResidualVecEnv, seed: int) -> _Model:
    """SAC with inputs and rewards scaled by a pilot run, ready to collect."""
    log_std = float(np.log(settings.exploration))
    standard, spread = pilot(env, seed, log_std=log_std, gamma=settings.gamma, twins=settings.twins)
    assert env.action_space.shape is not None
    entropy = log_std + 0.5 * np.log(2.0 * np.pi * np.e)  # of a normal action number with that spread
    model = _Model(
        ListingSacPolicy,
        env,
        learning_rate=lambda left: settings.learning_rate * max(left, 0.02),
        buffer_size=settings.replay,
        batch_size=settings.batch,
        tau=settings.tau,
        gamma=settings.gamma,
        ent_coef=f"auto_{settings.temperature}",
        target_entropy=float(entropy * env.action_space.shape[0]),
        policy_kwargs={"width": settings.width, "log_std_init": log_std, "layout": env.sight.layout},
        seed=seed,
        device="cpu",  # networks this small wait for a graphics card longer than they compute
    )
    model.twins = settings.twins
    model.reward_scale = spread
    model.policy.standardise(standard)
    model._setup_learn(settings.steps, reset_num_timesteps=True)
    return model
