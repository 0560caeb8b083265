"""A learned correction on top of any actor: before training it is that actor, to the last bit."""

from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnvWrapper
from stable_baselines3.common.vec_env.base_vec_env import VecEnvStepReturn
from torch import Tensor, nn

from merchantgym.envs.actor import Actor, Kind, Memory
from merchantgym.envs.engines.layout import N_CHANNELS, FloatArray
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.store import HOURS_PER_DAY
from merchantgym.envs.task import PAUSED

from .checkpoint import POLICY, read_policy
from .inputs import Inputs
from .policy import Correction
from .sb3_env import FleetVecEnv, Snapshot
from .sight import Sight
from .training import Lesson

_LOWEST = PAUSED + 1e-6  # the lowest action of a listing that a correction leads to; it is still advertised


def corrected(base: Any, correction: Any, scale: float, xp: Any = np) -> Any:
    """The action: base (n, A) plus `scale` times correction (n, A), in [-1, 1].

    A listing that the base pauses stays paused, and no correction pauses another: nobody would advertise it again.
    `xp` is numpy or torch, as the arrays are.
    """
    moved = xp.clip(base + scale * correction, -1.0, 1.0)
    ads = slice(N_CHANNELS, int(base.shape[1]) - 1)
    own = base[:, ads]
    bid = xp.maximum(moved[:, ads], xp.clip(own, None, _LOWEST))
    own = xp.where(own <= PAUSED, own, bid)
    return xp.concatenate((moved[:, : ads.start], own, moved[:, ads.stop :]), 1)


def begin(correction: nn.Module, n: int, listings: int) -> tuple[Tensor, ...]:
    """A network's memory of n stores at the start of their plans; nothing where it remembers nothing."""
    start = getattr(correction, "begin", None)
    return () if start is None else tuple(start(n, listings))


def advance(correction: nn.Module, inputs: Tensor, memory: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A network's correction (n, A), and its memory after the hour."""
    out = correction(inputs, *memory)
    return (out, ()) if isinstance(out, Tensor) else (out[0], tuple(out[1:]))


@dataclass(frozen=True)
class ResidualActor:
    """A base actor, corrected by a trained network, of whose parts neither knows the other.

    Over a `Guard` the correction has the last word but for paused listings; to hold a correction to a merchant's limit,
    put the guard around it.
    """

    kind: ClassVar[Kind] = "learned"

    base: Actor
    correction: Correction
    scale: float
    """Largest correction of an action."""
    name: str = "ppo"
    inputs: Inputs = field(default_factory=Inputs)

    @cached_property
    def sight(self) -> Sight:
        """The base, and what the network is shown."""
        return Sight(self.base, self.inputs)

    @cached_property
    def remembered(self) -> int:
        """Arrays of the network's memory, the last ones of the whole."""
        return len(begin(self.correction, 1, 1))

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """(*sight's, *network's)."""
        state = begin(self.correction, n, plans.bid.shape[1])
        return *self.sight.init(plans, n), *(part.double().numpy() for part in state)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """As `Actor.act`."""
        split = len(memory) - self.remembered
        base, seen, own = self.sight.look(observation, memory[:split])
        with torch.inference_mode():
            state = tuple(torch.from_numpy(part).float() for part in memory[split:])
            correction, state = advance(self.correction, torch.from_numpy(seen), state)
            after = tuple(part.double().numpy() for part in state)
        return corrected(base, correction.double().numpy(), self.scale), (*own, *after)

    def saved(self) -> dict[str, Any]:
        """As plain values and tensors, for `load_residual`."""
        return {
            "name": self.name,
            "base": self.base.name,
            "width": self.correction.width,
            "scale": self.scale,
            "inputs": asdict(self.inputs),
            "weights": self.correction.state_dict(),
        }


def load_residual(folder: Path, base: Actor) -> ResidualActor:
    """The best policy of a training, over its base controller.

    Raises: ValueError: the folder holds none, or it corrects another controller.
    """
    saved = read_policy(folder)
    if saved["base"] != base.name:
        raise ValueError(f"{folder / POLICY} corrects the controller {saved['base']!r}, not {base.name!r}")
    sight = Sight(base, inputs := Inputs.of(saved["inputs"]))
    correction = Correction(saved["width"], sight.layout)
    correction.load_state_dict(saved["weights"])
    return ResidualActor(base, correction.eval().requires_grad_(False), saved["scale"], saved["name"], inputs)


class ResidualVecEnv(VecEnvWrapper):
    """Stores in the hands of a base actor, to be corrected: for training a `ResidualActor`'s network.

    An observation is what `Sight` shows: by default the store's, followed by the base actor's action for the coming
    hour. An action is a correction. It is held for `hold` hours while the base actor acts hour by hour; the reward is
    that of all those hours.
    """

    venv: FleetVecEnv

    def __init__(
        self, venv: FleetVecEnv, base: Actor, scale: float, *, hold: int = 1, inputs: Inputs | None = None
    ) -> None:
        """Take over `venv`.

        Args:
            venv: stores; their plans last whole days.
            base: acts hour by hour.
            scale: largest correction of an action.
            hold: [hours] between corrections, a divisor of 24.
            inputs: what is shown; observation and base action by default.
        Raises: ValueError: names the argument that is not allowed.
        """
        if hold < 1 or HOURS_PER_DAY % hold:
            raise ValueError(f"hold(={hold}) must be a divisor of {HOURS_PER_DAY} [hours]")
        if not 0.0 < scale <= 2.0:
            raise ValueError(f"scale(={scale}) must be in (0, 2]")
        self.sight = Sight(base, inputs or Inputs())
        self.scale = scale
        self.hold = hold
        self._memory: Memory = ()
        self._seen: NDArray[np.float32] = np.zeros((venv.num_envs, 1), dtype=np.float32)
        self._action: FloatArray = np.zeros((venv.num_envs, 1))
        self._correction: NDArray[Any] = np.zeros((venv.num_envs, 1))
        size = self.sight.layout.size(venv.fleet.listings)
        super().__init__(venv, observation_space=spaces.Box(-np.inf, np.inf, (size,), dtype=np.float32))

    def reset(self) -> NDArray[np.float32]:
        """As the stores' `reset`; the base actor starts afresh."""
        self.venv.reset()
        self._memory = self.sight.init(self.venv.plans, self.num_envs)
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
        self._action, self._seen, self._memory = self.sight.look(self.venv.fleet.observation, self._memory)
        return self._seen

    def _restart(self, slots: NDArray[np.intp], infos: list[dict[str, Any]]) -> None:
        """Give the slots' new stores fresh memory, and complete the last observation of the old ones."""
        last = np.stack([infos[slot]["terminal_observation"] for slot in slots])
        _, seen, _ = self.sight.look(last, tuple(part[slots] for part in self._memory))
        for slot, row in zip(slots, seen, strict=True):
            infos[slot]["terminal_observation"] = row
        fresh = self.sight.init(self.venv.plans_of(slots), len(slots))
        self._memory = tuple(part.copy() for part in self._memory)
        for part, new in zip(self._memory, fresh, strict=True):
            part[slots] = new

    def snapshot(self) -> Snapshot:
        """All that is needed to go on from here; see `FleetVecEnv.snapshot`."""
        own: Snapshot = {f"memory.{i}": part.copy() for i, part in enumerate(self._memory)}
        return own | {"action": self._action.copy(), "seen": self._seen.copy()} | self.venv.snapshot()

    def restore(self, snapshot: Snapshot) -> NDArray[np.float32]:
        """Go on from a snapshot. Returns the policy's input that was last handed out."""
        self.venv.restore(snapshot)
        parts = sum(name.startswith("memory.") for name in snapshot)
        self._memory = tuple(snapshot[f"memory.{i}"].copy() for i in range(parts))
        self._action, self._seen = snapshot["action"].copy(), snapshot["seen"].copy()
        return self._seen


def corrected_stores(
    lesson: Lesson, slots: int, scale: float, *, hold: int, twins: int = 1, inputs: Inputs | None = None
) -> ResidualVecEnv:
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
    return ResidualVecEnv(stores, lesson.base, scale, hold=hold, inputs=inputs)
