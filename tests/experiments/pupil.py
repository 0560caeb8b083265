"""A learner that has nothing to learn: it raises the bids of its base by what its settings say, at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from merchantgym.agents import registry
from merchantgym.agents.registry import Learner
from merchantgym.agents.settings import searched
from merchantgym.agents.training import Lesson, Trained
from merchantgym.envs.actor import Actor
from merchantgym.experiments import learning

CONFIGURED = "+agents.pupil={name: pupil, base: pid, raised: 0.02}"
"""The word that configures it on a command line."""
HOURS = 100  # store-hours of its training


@dataclass(frozen=True)
class Settings:
    """What it is told."""

    base: str = "pid"
    gains: Mapping[str, float] = field(default_factory=dict)
    raised: float = searched(0.0, 0.001, 1.0, log=True)
    lessons: int = searched(1, 1, 3)

    def __post_init__(self) -> None:
        if not 0.0 <= self.raised <= 1.0:
            raise ValueError(f"agent.raised(={self.raised!r}) must be a number in [0, 1]")


@dataclass(frozen=True)
class Raised:
    """The base, with all bids raised."""

    kind: ClassVar[Any] = "learned"
    base: Actor
    by: float
    name: str = "pupil"

    def init(self, plans: Any, n: int) -> Any:
        return self.base.init(plans, n)

    def act(self, observation: Any, memory: Any) -> Any:
        action, memory = self.base.act(observation, memory)
        return np.clip(action + self.by, -1.0, 1.0), memory


def enrol(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Put it among the learners; returns the folders of its trainings as they are begun."""
    taught: list[Path] = []

    def train(settings: Settings, lesson: Lesson) -> Trained:
        taught.append(lesson.folder)
        by = settings.raised * (1 + lesson.seed % 2)
        steps = np.array([0, HOURS])
        profit = []
        for done, share in zip(steps, (0.0, 1.0), strict=True):
            if lesson.progress is not None:
                lesson.progress(int(done), HOURS)
            profit.append(lesson.validate(Raised(lesson.base, share * by)))
        lesson.folder.mkdir(parents=True, exist_ok=True)
        (lesson.folder / "policy.pt").write_text(repr(settings))
        return Trained(Raised(lesson.base, by), steps, np.array(profit))

    pupil = Learner(Settings, train, lambda folder, base: Raised(base, 0.0))
    monkeypatch.setitem(registry.LEARNERS, "pupil", pupil)  # type: ignore[arg-type]
    monkeypatch.setattr(learning, "CONTROLLERS", {"open_loop": None, "pid": None})
    return taught
