"""Training of a residual policy by PPO: settings, checkpoints, and the choice of the best on validation stores.

What makes it work here, where plain PPO does not: the policy starts as the base controller and corrects it; a
correction is held for `hold` hours in training, because half of all orders come days after their click; and slots come
in groups of twins that play the same store with the same chance, so that an advantage is judged against twins who
differ in nothing but what was decided.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.callbacks import ConvertCallback
from torch import Tensor

from merchantgym.envs.actor import Actor
from merchantgym.envs.engines.streams import keyed_generator
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.reward import RewardWeights

from .policy import Correction, ListingPolicy, Standard
from .ppo_settings import PpoSettings
from .residual import ResidualActor, ResidualVecEnv
from .sb3_env import FleetVecEnv

Validate = Callable[[Actor], float]
"""Mean profit [CNY] of an actor on validation stores."""
Progress = Callable[[int, int], None]
"""Called with (store-hours done, store-hours in all)."""

_PILOT = 77  # what a keyed generator is asked for: the corrections of the pilot run
_PILOT_DAYS = 14


@dataclass(frozen=True, eq=False)
class Trained:
    """The best policy of a training, and its course."""

    actor: ResidualActor
    steps: NDArray[np.int64]  # (n,) store-hours of experience; 0 is the base controller
    profit: NDArray[np.float64]  # (n,) mean profit on the validation stores [CNY]


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


@dataclass
class _Course:
    """What a training has come to so far; with the model and the stores' snapshot, all that a checkpoint holds."""

    update: int
    steps: list[int]
    profit: list[float]
    best: dict[str, Tensor]

    def judge(self, update_hours: int, profit: float, correction: Correction) -> None:
        """Note a validation, and keep the policy if it is the best so far."""
        if not self.profit or profit > max(self.profit):
            self.best = correction.state_dict()
        self.steps.append(self.update * update_hours)
        self.profit.append(profit)


def train_ppo(
    settings: PpoSettings,
    base: Actor,
    stores: OpenStores,
    plans: PlanArrays,
    *,
    seed: int,
    folder: Path,
    validate: Validate,
    reward: RewardWeights | None = None,
    threads: int = 1,
    progress: Progress | None = None,
) -> Trained:
    """Train corrections of `base` on `stores`; the best on validation is kept, the untrained one included.

    A checkpoint is written to `folder` after every validation, whole or not at all. Called again with the same folder
    the training goes on from there, and ends as it would have without the interruption.

    Args:
        settings: of the training.
        base: the controller that is corrected.
        stores, plans: training stores and a plan for each.
        seed: of everything random.
        folder: for `checkpoint.pt`, `policy.pt` and `curve.npz`.
        validate: scores an actor; sees no training store.
        reward: weights of the reward, profit by default.
        threads: share the stores; they change no result.
        progress: called after every update.
    Raises: ValueError: the folder holds a training with other settings or another seed.
    """
    torch.set_num_threads(1)  # two contended threads slow small networks down a hundredfold
    torch.manual_seed(seed)
    identity = {**asdict(settings), "seed": seed, "base_actor": repr(base)}
    env = ResidualVecEnv(
        FleetVecEnv(
            stores,
            plans,
            settings.slots,
            seed=seed,
            reward=reward,
            threads=threads,
            twins=settings.twins,
            stagger=settings.hold,
        ),
        base,
        settings.scale,
        hold=settings.hold,
    )
    model = _model(settings, env, seed)
    course = _resume(folder / "checkpoint.pt", identity, model, env)
    every = max(1, settings.updates // settings.evaluations)
    callback = ConvertCallback(lambda *_: True)
    callback.init_callback(model)
    while True:
        if progress is not None:
            progress(course.update * settings.update_hours, settings.updates * settings.update_hours)
        last = course.update >= settings.updates
        if (course.update % every == 0 or last) and course.update * settings.update_hours not in course.steps:
            correction = model.policy.correction()
            course.judge(settings.update_hours, validate(ResidualActor(base, correction, settings.scale)), correction)
            _save(folder, identity, settings, model, env, course)
        if last:
            break
        model.collect_rollouts(env, callback, model.rollout_buffer, settings.decisions)
        model._update_current_progress_remaining(course.update, settings.updates)
        model.train()
        course.update += 1
    env.close()
    return Trained(load_trained(folder, base), np.array(course.steps), np.array(course.profit))


def load_trained(folder: Path, base: Actor) -> ResidualActor:
    """The best policy of a training, over its base controller.

    Raises: ValueError: the folder holds none, or it corrects another controller.
    """
    path = folder / "policy.pt"
    if not path.is_file():
        raise ValueError(f"{folder} holds no trained policy (policy.pt)")
    saved = _read(path, weights_only=True)
    if saved["base"] != base.name:
        raise ValueError(f"{path} corrects the controller {saved['base']!r}, not {base.name!r}")
    correction = Correction(saved["width"])
    correction.load_state_dict(saved["weights"])
    return ResidualActor(base, correction.eval().requires_grad_(False), saved["scale"])


class _Model(PPO):
    """PPO over a `ListingPolicy`."""

    policy: ListingPolicy
    rollout_buffer: TwinBuffer


def _model(settings: PpoSettings, env: ResidualVecEnv, seed: int) -> _Model:
    """PPO with inputs and rewards scaled by a pilot run, ready to collect."""
    standard, spread = _pilot(settings, env, seed)
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
        policy_kwargs={"width": settings.width, "log_std_init": settings.log_std},
        rollout_buffer_class=TwinBuffer,
        seed=seed,
        device="cpu",  # networks this small wait for a graphics card longer than they compute
    )
    model.rollout_buffer.twins = settings.twins
    model.rollout_buffer.reward_scale = spread
    model.policy.standardise(standard)
    model._setup_learn(settings.steps, reset_num_timesteps=True)
    return model


def _pilot(settings: PpoSettings, env: ResidualVecEnv, seed: int) -> tuple[Standard, float]:
    """A fortnight of random corrections: the scale of the inputs, and the spread of returns."""
    rng = keyed_generator(seed, _PILOT)
    seen, rewards, ends = [], [], []
    inputs: NDArray[Any] = env.reset()
    assert env.action_space.shape is not None
    for _ in range(_PILOT_DAYS * 24 // settings.hold):
        seen.append(np.asarray(inputs))
        noise = np.exp(settings.log_std) * rng.normal(size=(env.num_envs, *env.action_space.shape))
        inputs, reward, done, _ = cast(Any, env.step(noise))
        rewards.append(reward)
        ends.append(done)
    value, returns = np.zeros(env.num_envs), []
    for reward, done in zip(reversed(rewards), reversed(ends), strict=True):
        value = reward + settings.gamma * value * (1.0 - done)
        returns.append(value)
    return Standard.of(np.concatenate(seen)), max(float(np.std(returns)), 1e-6)


def _resume(path: Path, identity: Mapping[str, Any], model: _Model, env: ResidualVecEnv) -> _Course:
    """Go on from a checkpoint, or begin."""
    if not path.is_file():
        return _Course(0, [], [], {})
    saved = _read(path, weights_only=False)
    if saved["identity"] != identity:
        changed = next(name for name in identity if saved["identity"].get(name) != identity[name])
        raise ValueError(
            f"{path} is a training with {changed}(={saved['identity'].get(changed)!r}), not {identity[changed]!r}; "
            "take another run name, or delete the folder"
        )
    model.policy.load_state_dict(saved["policy"])
    model.policy.optimizer.load_state_dict(saved["optimizer"])
    model.rollout_buffer.reward_scale = saved["reward_scale"]
    model._last_obs = cast(Any, env.restore(saved["stores"]))
    model._last_episode_starts = saved["starts"]
    torch.set_rng_state(saved["torch"])
    np.random.set_state(saved["numpy"])  # noqa: NPY002 - SB3 shuffles its batches with it
    return cast(_Course, saved["course"])


def _save(
    folder: Path,
    identity: Mapping[str, Any],
    settings: PpoSettings,
    model: _Model,
    env: ResidualVecEnv,
    course: _Course,
) -> None:
    """Write policy, curve and checkpoint, each whole or not at all, the checkpoint last."""
    folder.mkdir(parents=True, exist_ok=True)
    policy = {"base": settings.base, "width": settings.width, "scale": settings.scale, "weights": course.best}
    _write(folder / "policy.pt", lambda path: torch.save(policy, path))
    curve = {"steps": np.array(course.steps), "profit": np.array(course.profit)}
    _write(folder / "curve.npz", lambda path: np.savez(path, **cast(Any, curve)))
    checkpoint = {
        "identity": dict(identity),
        "policy": model.policy.state_dict(),
        "optimizer": model.policy.optimizer.state_dict(),
        "reward_scale": model.rollout_buffer.reward_scale,
        "stores": env.snapshot(),
        "starts": model._last_episode_starts,
        "torch": torch.get_rng_state(),
        "numpy": np.random.get_state(),  # noqa: NPY002
        "course": course,
    }
    _write(folder / "checkpoint.pt", lambda path: torch.save(checkpoint, path))


def _read(path: Path, *, weights_only: bool) -> Any:
    """What was saved. Raises: ValueError: the file is broken."""
    try:
        return torch.load(path, weights_only=weights_only)
    except Exception as error:  # a zip, pickle or operating system error, depending on what is broken
        raise ValueError(f"{path} is broken ({type(error).__name__}); delete its folder to train anew") from error


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    part = path.with_name(f"part-{path.name}")
    write(part)
    os.replace(part, path)
