"""Files of a training: checkpoint, best policy and learning curve, each there whole or not at all."""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch

CHECKPOINT, POLICY, CURVE = "checkpoint.pt", "policy.pt", "curve.npz"


@dataclass
class Course:
    """What validations have said so far, and the best of the policies that they saw."""

    steps: list[int] = field(default_factory=list)  # [store-hours] of experience at each validation
    profit: list[float] = field(default_factory=list)  # [CNY] mean on the validation stores
    merit: list[float] = field(default_factory=list)  # what the best is chosen by
    best: dict[str, Any] = field(default_factory=dict)  # plain values and tensors

    def judge(self, steps: int, profit: float, merit: float, policy: Callable[[], dict[str, Any]]) -> None:
        """Note a validation, and keep the policy if it is the best so far."""
        if not self.merit or merit > max(self.merit):
            self.best = policy()
        self.steps.append(steps)
        self.profit.append(profit)
        self.merit.append(merit)


@dataclass(frozen=True)
class Checkpoint:
    """The files of one training in its folder."""

    folder: Path
    identity: Mapping[str, Any]  # settings, seed and what else must be the same for the training to go on

    def read(self) -> tuple[Course, dict[str, Any]] | None:
        """Course and state of the last checkpoint; None where there is none.

        Raises: ValueError: it is broken, or of another training; the message names the first difference.
        """
        path = self.folder / CHECKPOINT
        if not path.is_file():
            return None
        saved = read_file(path, weights_only=False)
        self._check(path, saved["identity"])
        return Course(**saved["course"]), saved["state"]

    def _check(self, path: Path, found: Mapping[str, Any]) -> None:
        for name in (*self.identity, *found):
            was, now = found.get(name), self.identity.get(name)
            if was != now:
                raise ValueError(
                    f"{path} is a training with {name}(={was!r}), not {now!r}; "
                    "take another run name, or delete the folder"
                )

    def write(self, course: Course, state: dict[str, Any]) -> None:
        """Write policy, curve and checkpoint; the checkpoint last, so that it never says more than the others."""
        self.folder.mkdir(parents=True, exist_ok=True)
        _write(self.folder / POLICY, lambda path: torch.save(course.best, path))
        curve = {"steps": np.array(course.steps), "profit": np.array(course.profit), "merit": np.array(course.merit)}
        _write(self.folder / CURVE, lambda path: np.savez(path, **cast(Any, curve)))
        saved = {"identity": dict(self.identity), "course": asdict(course), "state": state}
        _write(self.folder / CHECKPOINT, lambda path: torch.save(saved, path))


def read_policy(folder: Path) -> dict[str, Any]:
    """The best policy of a training as it was kept: plain values and tensors.

    Raises: ValueError: the folder holds none, or a broken one.
    """
    path = folder / POLICY
    if not path.is_file():
        raise ValueError(f"{folder} holds no trained policy ({POLICY})")
    return cast(dict[str, Any], read_file(path, weights_only=True))


def read_file(path: Path, *, weights_only: bool) -> Any:
    """What torch saved. Raises: ValueError: the file is broken."""
    try:
        return torch.load(path, weights_only=weights_only)
    except Exception as error:  # a zip, pickle or operating system error, depending on what is broken
        raise ValueError(f"{path} is broken ({type(error).__name__}); delete its folder to train anew") from error


def _write(path: Path, write: Callable[[Path], Any]) -> None:
    part = path.with_name(f"part-{path.name}")
    write(part)
    os.replace(part, path)
