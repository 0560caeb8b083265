"""A learned correction on top of any actor: before training it is that actor, to the last bit."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn

from merchantgym.envs.actor import Actor, Kind, Memory
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.store import HOURS_PER_DAY

from .checkpoint import POLICY, read_policy
from .policy import Correction
from .sb3_env import FleetVecEnv, Snapshot
from .training import Lesson


def corrected(base: FloatArray, correction: NDArray[Any], scale: float) -> FloatArray:
    """The action: base (n, A) plus `scale` times correction (n, A), in [-1, 1]."""
    return np.clip(base + scale * correction, -1.0, 1.0)


def policy_input(observation: NDArray[Any], base: FloatArray) -> NDArray[np.float32]:
    """Observation (n, O) and base action (n, A) side by side, float32."""
    return np.concatenate((observation, base), axis=1, dtype=np.float32)


@dataclass(frozen=True)
class ResidualActor:
    """A base actor, corrected by a trained network."""

    kind: ClassVar[Kind] = "learned"

    base: Actor
    correction: Correction
    scale: float
    """Largest correction of an action."""
    name: str = "ppo"

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """The base actor's memory."""
        return self.base.init(plans, n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """As `Actor.act`."""
        base, memory = self.base.act(observation, memory)
        with torch.inference_mode():
            correction = self.correction(torch.from_numpy(policy_input(observation, base))).numpy()
        return corrected(base, correction.astype(np.float64), self.scale), memory

    def saved(self) -> dict[str, Any]:
        """As plain values and tensors, for `load_residual`."""
        return {
            "name": self.name,
            "base": self.base.name,
            "width": self.correction.width,
            "scale": self.scale,
            "weights": self.correction.state_dict(),
        }


def load_residual(folder: Path, base: Actor) -> ResidualActor:
    """The best policy of a training, over its base controller.

    Raises: ValueError: the folder holds none, or it corrects another controller.
    """
    saved = read_policy(folder)
    if saved["base"] != base.name:
        raise ValueError(f"{folder / POLICY} corrects the controller {saved['base']!r}, not {base.name!r}")
    correction = Correction(saved["width"])
    correction.load_state_dict(saved["weights"])
    return ResidualActor(base, correction.eval().requires_grad_(False), saved["scale"], saved["name"])


class ResidualVecEnv(VecEnvWrapper):
    """Stores in the hands of a base actor, to be corrected: for training a `ResidualActor`'s network.

    An observation is followed by the base actor's action for the coming hour; an action is a correction. It is held for
    `hold` hours while the base actor acts hour by hour; the reward is that of all those hours.
    """

    venv: FleetVecEnv

    def __init__(self, venv: FleetVecEnv, base: Actor, scale: float, *, hold: int = 1) -> None:
        """Take over `venv`.

        Args:
            venv: stores; their plans last whole days.
            base: acts hour by hour.
            scale: largest correction of an action.
            hold: [hours] between corrections, a divisor of 24.
        Raises: ValueError: names the argument that is not allowed.
        """
        if hold < 1 or HOURS_PER_DAY % hold:
            raise ValueError(f"hold(={hold}) must be a divisor of {HOURS_PER_DAY} [hours]")
        if not 0.0 < scale <= 2.0:
            raise ValueError(f"scale(={scale}) must be in (0, 2]")
        self.base = base
        self.scale = scale
        self.hold = hold
        self._memory: Memory = ()
        self._action: FloatArray = np.zeros((venv.num_envs, 1))
        self._correction: NDArray[Any] = np.zeros((venv.num_envs, 1))
        seen, act = venv.observation_space, venv.action_space
        assert isinstance(seen, spaces.Box)
        assert isinstance(act, spaces.Box)
        space = spaces.Box(np.concatenate((seen.low, act.low)), np.concatenate((seen.high, act.high)), dtype=np.float32)
        super().__init__(venv, observation_space=space)

    def reset(self) -> NDArray[np.float32]:
        """As the stores' `reset`; the base actor starts afresh."""
        self.venv.reset()
        self._memory = self.base.init(self.venv.plans, self.num_envs)
        return self._look()

    def step_async(self, actions: NDArray[Any]) -> None:
        """Take the corrections (slots, A) of the coming hours."""
        self._correction = np.asarray(actions, dtype=np.float64)

    def step_wait(self) -> VecEnvStepReturn:
        """Run the hours until the next correction."""
        fleet = self.venv.fleet
        rewards = np.zeros(self.num_envs)
        for hour in range(self.hold):
            if hour:
                self._look()
            self.venv.run_hour(corrected(self._action, self._correction, self.scale))
            rewards += fleet.reward
        dones, infos = self.venv.turn_over()
        if dones.any():
            self._restart(np.flatnonzero(dones), infos)
        return self._look(), rewards.astype(np.float32), dones, infos

    def _look(self) -> NDArray[np.float32]:
        """Let the base actor act on what is observed now. Returns the policy's input."""
        self._action, self._memory = self.base.act(self.venv.fleet.observation, self._memory)
        return policy_input(self.venv.fleet.observation, self._action)

    def _restart(self, slots: NDArray[np.intp], infos: list[dict[str, Any]]) -> None:
        """Give the slots' new stores fresh memory, and complete the last observation of the old ones."""
        last = np.stack([infos[slot]["terminal_observation"] for slot in slots])
        action, _ = self.base.act(last, tuple(part[slots] for part in self._memory))
        for slot, row in zip(slots, policy_input(last, action), strict=True):
            infos[slot]["terminal_observation"] = row
        fresh = self.base.init(self.venv.plans_of(slots), len(slots))
        self._memory = tuple(part.copy() for part in self._memory)
        for part, new in zip(self._memory, fresh, strict=True):
            part[slots] = new

    def snapshot(self) -> Snapshot:
        """All that is needed to go on from here; see `FleetVecEnv.snapshot`."""
        own = {f"memory.{i}": part.copy() for i, part in enumerate(self._memory)}
        return own | {"action": self._action.copy()} | self.venv.snapshot()

    def restore(self, snapshot: Snapshot) -> NDArray[np.float32]:
        """Go on from a snapshot. Returns the policy's input that was last handed out."""
        self.venv.restore(snapshot)
        parts = sum(name.startswith("memory.") for name in snapshot)
        self._memory = tuple(snapshot[f"memory.{i}"].copy() for i in range(parts))
        self._action = snapshot["action"].copy()
        return policy_input(self.venv.fleet.observation, self._action)


def corrected_stores(lesson: Lesson, slots: int, scale: float, *, hold: int, twins: int = 1) -> ResidualVecEnv:
    """The stores of a lesson in the hands of its base, `slots` at once, their first plans at different hours."""
    stores = FleetVecEnv(
        lesson.stores,
        lesson.plans,
        slots,
        seed=lesson.seed,
        reward=lesson.reward,
        threads=lesson.threads,
        twins=twins,
        stagger=hold,
    )
    return ResidualVecEnv(stores, lesson.base, scale, hold=hold)
