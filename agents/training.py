"""What every learner is given and gives back, and the course of a training that they share."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.reward import RewardWeights

from .checkpoint import Checkpoint, Course
from .curriculum import Curriculum

Validate = Callable[[Actor], float]
"""Mean profit [CNY] of an actor on validation stores."""
Progress = Callable[[int, int], None]
"""Called with (store-hours done, store-hours in all)."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """All that a training is given besides its settings."""

    base: Actor  # the controller that is corrected, imitated or started from
    stores: OpenStores  # training stores
    plans: PlanArrays  # one a store
    seed: int  # of everything random
    folder: Path  # for `checkpoint.pt`, `policy.pt` and `curve.npz`
    validate: Validate  # sees no training store
    reward: RewardWeights | None = None  # weights of the reward's terms, profit by default
    threads: int = 1  # share the stores; they change no result
    progress: Progress | None = None
    name: str = "learned"  # what the trained actor is called
    teacher: Actor | None = None  # whom the settings name as `teacher`, where they do
    curriculum: Curriculum | None = None  # which stores are played when; None: all of them all the time
    shortfall: Validate | None = None  # mean attributed GMV missing to the ROI floor [CNY], on the validation stores


@dataclass(frozen=True, eq=False)
class Trained:
    """The best policy of a training, and its course."""

    actor: Actor
    steps: NDArray[np.int64]  # (n,) store-hours of experience; at 0 the policy is untrained
    profit: NDArray[np.float64]  # (n,) mean profit on the validation stores [CNY]


class Settings(Protocol):
    """What the settings of every learner have; the class is a frozen dataclass."""

    @property
    def base(self) -> str:
        """Name of the controller that a lesson's base is."""
        ...

    @property
    def gains(self) -> Any:
        """Changes to that controller's configured gains, by name."""
        ...


class Keepable(Actor, Protocol):
    """An actor that can be written down."""

    def saved(self) -> dict[str, Any]:
        """As plain values and tensors, for `policy.pt`."""
        ...


class Student(Protocol):
    """What learns, update by update."""

    def actor(self) -> Keepable:
        """The policy as it stands, without exploration."""
        ...

    def update(self, number: int, updates: int) -> None:
        """Gather experience and learn from it: update `number` (from 0) of `updates`."""
        ...

    def state(self) -> dict[str, Any]:
        """All that is needed to go on from here, but the global generators of torch and numpy."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        ...


def identity_of(settings: Any, lesson: Lesson) -> dict[str, Any]:
    """What must be the same for a training to go on: settings, seed, base controller, number of stores."""
    given = {"seed": lesson.seed, "base_actor": repr(lesson.base), "training_stores": len(lesson.stores)}
    if lesson.teacher is not None:
        given["teacher_actor"] = repr(lesson.teacher)
    if lesson.curriculum is not None:
        given["curriculum"] = repr(lesson.curriculum)
    return {**asdict(settings), **given}


def attend(
    student: Student,
    settings: Any,
    lesson: Lesson,
    *,
    updates: int,
    update_hours: int,
    evaluations: int,
    merit: Callable[[Actor, float], float] = lambda _, profit: profit,
) -> Course:
    """Train to the end, from the last checkpoint of the lesson's folder where there is one.

    Every `updates / evaluations` updates the policy is validated, the untrained one first, and a checkpoint is written;
    of all validated policies the folder's `policy.pt` is the best. Interrupted at any moment and called again, the
    training ends as it would have without the interruption.

    Args:
        student: freshly made; every training of these settings and this lesson makes the same.
        settings: a frozen dataclass.
        updates: number of updates.
        update_hours: [store-hours] of experience in an update.
        evaluations: validations after the first.
        merit: what the best policy is chosen by, of an actor and its profit [CNY] on the validation stores.
    Raises: ValueError: the folder holds a training with other settings, another seed, base or number of stores.
    """
    checkpoint = Checkpoint(lesson.folder, identity_of(settings, lesson))
    done, course = _resume(checkpoint, student)
    every = max(1, updates // evaluations)
    while True:
        if lesson.progress is not None:
            lesson.progress(done * update_hours, updates * update_hours)
        last = done >= updates
        if (done % every == 0 or last) and done * update_hours not in course.steps:
            actor = student.actor()
            profit = lesson.validate(actor)
            course.judge(done * update_hours, profit, merit(actor, profit), actor.saved)
            checkpoint.write(course, {"done": done, "student": student.state(), "chance": _chance()})
        if last:
            return course
        student.update(done, updates)
        done += 1


def _resume(checkpoint: Checkpoint, student: Student) -> tuple[int, Course]:
    """Updates done and what validations said; the student and global chance are put back where they were."""
    found = checkpoint.read()
    if found is None:
        return 0, Course()
    course, state = found
    student.restore(state["student"])
    torch.set_rng_state(state["chance"]["torch"])
    np.random.set_state(state["chance"]["numpy"])  # noqa: NPY002 - SB3 shuffles its batches with it
    return int(state["done"]), course


def _chance() -> dict[str, Any]:
    """State of the global generators, which SB3 uses."""
    return {"torch": torch.get_rng_state(), "numpy": np.random.get_state()}  # noqa: NPY002
