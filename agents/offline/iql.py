"""Implicit Q-learning on a record: values of what was done, an upper expectile of them, and corrections weighted by it.

No value of a correction that was never tried is ever asked for: the value of a state is an expectile of the values of
the corrections that were tried in it, and the policy is a regression on those corrections, each weighted by how much
better than its state it was. Source: Kostrikov, Nair and Levine 2021, "Offline reinforcement learning with implicit
Q-learning".
"""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..policy import Correction, Standard, ValueNet
from ..residual import ResidualActor, load_residual
from ..settings import check_numbers, check_whole
from ..sight import policy_input
from ..training import Lesson, Trained, attend
from .critics import CorrectionValue
from .dataset import Decisions, read_dataset

_LARGEST_WEIGHT = 20.0  # of a correction in the regression


@dataclass(frozen=True)
class IqlSettings:
    """Settings of one training; values and their reasons stand in `conf/agent/iql.yaml`."""

    dataset: str  # folder of a recorded dataset
    base: str = "mpc"  # the controller that is corrected: the one recorded, or open_loop
    gains: dict[str, float] = field(default_factory=dict)  # changes to its configured gains
    hold: int = 24  # [hours] between decisions
    gradient_steps: int = 4000
    batch: int = 1024  # decisions
    learning_rate: float = 1e-3
    gamma: float = 0.999  # discount per decision
    expectile: float = 0.8  # 0.5: the mean of what was tried, 1: the best
    temperature: float = 1.0  # [1 / sd of advantages] how much more a better correction counts
    polyak: float = 0.01  # share of the values taken over into their slow copy at every step
    scale: float = 1.0  # largest correction of an action
    width: int = 48  # of every hidden layer
    evaluations: int = 8  # validations, and checkpoints

    def __post_init__(self) -> None:
        if not self.dataset or str(self.dataset) != self.dataset:
            raise ValueError(
                f"agent.dataset(={self.dataset!r}) must be the folder of a dataset of `merchantgym record`"
            )
        check_whole(self, ("hold", "gradient_steps", "batch", "width", "evaluations"))
        check_numbers(
            self,
            {
                "learning_rate": (1e-9, 1.0),
                "gamma": (0.0, 1.0),
                "expectile": (0.5, 0.999),
                "temperature": (0.0, 100.0),
                "polyak": (1e-6, 1.0),
                "scale": (1e-6, 2.0),
            },
        )


@dataclass(frozen=True, eq=False)
class Transitions:
    """Decisions as tensors, with what followed; rewards in units of the spread of returns."""

    inputs: Tensor  # (m, I)
    correction: Tensor  # (m, A)
    reward: Tensor  # (m, 1)
    after: Tensor  # (m,) row of the next decision; of the last in an episode its own
    goes_on: Tensor  # (m, 1) 0 where the plan is over

    @classmethod
    def of(cls, decisions: Decisions, scale: float) -> "Transitions":
        """Of decisions in order. Args: scale: largest correction of an action."""
        rows = np.arange(len(decisions))
        returns = np.bincount(np.cumsum(decisions.step == 0) - 1, weights=decisions.reward)
        spread = max(float(returns.std()), 1e-6)
        return cls(
            inputs=torch.from_numpy(policy_input(decisions.observation, decisions.base)),
            correction=torch.from_numpy(np.clip(decisions.correction / scale, -1.0, 1.0)).float(),
            reward=torch.from_numpy(decisions.reward / spread).float()[:, None],
            after=torch.from_numpy(np.where(decisions.done, rows, rows + 1)),
            goes_on=torch.from_numpy(1.0 - decisions.done).float()[:, None],
        )


class ImplicitQ:
    """Networks, optimisers and the step of implicit Q-learning."""

    def __init__(self, settings: IqlSettings, data: Transitions) -> None:
        self.settings = settings
        self.data = data
        self.policy = Correction(settings.width)
        self.policy.scaling.set(Standard.of(data.inputs.numpy()))
        self.value = ValueNet(settings.width)
        self.twins = torch.nn.ModuleList(CorrectionValue(settings.width) for _ in range(2))
        self.slow = deepcopy(self.twins).requires_grad_(False)
        trained = (self.policy.net, self.value, self.twins)
        self.optimizers = [torch.optim.Adam(net.parameters(), lr=settings.learning_rate) for net in trained]

    def step(self) -> None:
        """One gradient step of value, twins and policy on a batch of decisions."""
        data, settings = self.data, self.settings
        rows = torch.randint(len(data.inputs), (settings.batch,))
        correction = data.correction[rows]
        seen = self.policy.scaling(data.inputs[rows])
        with torch.no_grad():
            best = torch.minimum(*(net(*seen, correction) for net in self.slow))
            later = self.value(*self.policy.scaling(data.inputs[data.after[rows]]))
            target = data.reward[rows] + settings.gamma * data.goes_on[rows] * later
        advantage = best - self.value(*seen)
        value_loss = expectile_loss(advantage, settings.expectile)
        twin_loss = sum(((net(*seen, correction) - target) ** 2).mean() for net in self.twins)
        weight = advantage_weight(advantage.detach(), settings.temperature)
        policy_loss = (weight * (self.policy.net(*seen) - correction) ** 2).mean()
        for optimizer, loss in zip(self.optimizers, (policy_loss, value_loss, twin_loss), strict=True):
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            for slow, fast in zip(self.slow.parameters(), self.twins.parameters(), strict=True):
                slow.lerp_(fast, settings.polyak)

    def correction(self) -> Correction:
        """A copy of the policy as it stands."""
        copy = Correction(self.settings.width)
        copy.load_state_dict(self.policy.state_dict())
        return copy.eval().requires_grad_(False)

    def state(self) -> dict[str, Any]:
        """Weights and optimisers."""
        nets = {name: getattr(self, name).state_dict() for name in ("policy", "value", "twins", "slow")}
        return {**nets, "optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        for name in ("policy", "value", "twins", "slow"):
            getattr(self, name).load_state_dict(state[name])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)


def expectile_loss(advantage: Tensor, expectile: float) -> Tensor:
    """Squared advantages, those above 0 weighted by `expectile` and the others by the rest: least at the expectile."""
    side = torch.where(advantage > 0.0, expectile, 1.0 - expectile)
    return (side * advantage**2).mean()


def advantage_weight(advantage: Tensor, temperature: float) -> Tensor:
    """Weight (n, 1) of corrections in the regression: exp(temperature x advantage in its own spread), limited."""
    scaled = temperature * (advantage - advantage.mean()) / (advantage.std() + 1e-6)
    return scaled.exp().clamp(max=_LARGEST_WEIGHT)


def train_iql(settings: IqlSettings, lesson: Lesson) -> Trained:
    """Learn corrections of the lesson's base from a record; the best on validation is kept, the untrained included.

    No store is run but for validation. The curve counts store-hours of the record that steps looked at. See
    `training.attend` for checkpoints and what is raised.
    Raises: ValueError: the dataset is missing, broken, or holds no corrections of the base.
    """
    torch.set_num_threads(1)  # two contended threads slow small networks down a hundredfold
    torch.manual_seed(lesson.seed)
    decisions = read_dataset(Path(settings.dataset)).decisions(lesson.base.name, settings.hold)
    student = _IqlStudent(settings, lesson, decisions)
    course = attend(
        student,
        settings,
        lesson,
        updates=settings.evaluations,
        update_hours=student.steps * settings.batch * settings.hold,
        evaluations=settings.evaluations,
    )
    return Trained(load_residual(lesson.folder, lesson.base), np.array(course.steps), np.array(course.profit))


class _IqlStudent:
    """Implicit Q-learning as a `Student`."""

    def __init__(self, settings: IqlSettings, lesson: Lesson, decisions: Decisions) -> None:
        self.settings = settings
        self.lesson = lesson
        self.steps = max(1, settings.gradient_steps // settings.evaluations)
        self.learner = ImplicitQ(settings, Transitions.of(decisions, settings.scale))

    def actor(self) -> ResidualActor:
        """The base controller, corrected by the policy."""
        return ResidualActor(self.lesson.base, self.learner.correction(), self.settings.scale, self.lesson.name)

    def update(self, number: int, updates: int) -> None:
        """The gradient steps between two validations."""
        for _ in range(self.steps):
            self.learner.step()

    def state(self) -> dict[str, Any]:
        """Weights and optimisers."""
        return self.learner.state()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.learner.restore(state)
