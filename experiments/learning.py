"""Training of learned executors: settings, several seeds side by side, progress, and what was learned."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from merchantgym.agents.registry import LEARNERS
from merchantgym.agents.settings import settings_from_mapping
from merchantgym.agents.training import Lesson, Settings, Trained
from merchantgym.controllers import CONTROLLERS
from merchantgym.envs.actor import Actor
from merchantgym.envs.rollout import rollout

from .lessons import Schooling, open_lesson, opened, read_schooling
from .plots import Curve
from .setting import TRAINING_RUN, VALIDATION_RUN, Setting, controller
from .side_by_side import Report, side_by_side
from .statistics import Floats
from .training_clock import TrainingClock, cpu_minutes


@dataclass(frozen=True)
class TrainingJob:
    """What is trained, how many times, and on which stores."""

    schooling: Schooling
    seeds: int
    settings: Mapping[str, Settings]  # of every learner to be trained, by its name

    @property
    def planner(self) -> str:
        """Whose plans are executed."""
        return self.schooling.planner


@dataclass(frozen=True, eq=False)
class Training:
    """One learner with one seed."""

    setting: Setting
    job: TrainingJob
    name: str  # of `LEARNERS`
    seed: int
    variant: str = ""  # what progress bars call it, besides

    @property
    def folder(self) -> Path:
        """Where it keeps its checkpoint and its best policy."""
        return seed_folder(self.setting, self.name, self.seed)

    @property
    def label(self) -> str:
        """What progress bars call it."""
        return f"{self.variant or self.name}, seed {self.seed}"


@dataclass(frozen=True, eq=False)
class Learned:
    """One trained executor and how it came about."""

    actor: Actor
    steps: NDArray[np.int64]  # (n,) store-hours of experience
    profit: NDArray[np.float64]  # (n,) mean profit on the validation stores [CNY]
    minutes: Floats  # (n,) CPU minutes that the training had taken, validations left out; nan where unknown
    baselines: Mapping[str, float]  # controllers' mean profit on the same stores [CNY]
    folder: Path  # checkpoint and best policy


def read_job(setting: Setting, settings: Mapping[str, Settings]) -> TrainingJob:
    """Check how learners are to be trained. Raises: ValueError: names the entry, its value and what is allowed."""
    schooling, seeds = read_schooling(setting), int(setting.config["training"]["seeds"])
    if seeds < 1:
        raise ValueError(f"training.seeds(={seeds}) must be >= 1")
    return TrainingJob(schooling, seeds, settings)


def settings_of(setting: Setting, name: str) -> Settings:
    """Settings of a learner as the configuration has them under `agents.<name>`, checked, its base controller too.

    Raises: ValueError: names the entry that is not allowed.
    """
    try:
        return read_settings(setting, name, setting.config["agents"][name])
    except ValueError as error:
        raise ValueError(f"agents.{name}: {error}") from None


def read_settings(setting: Setting, name: str, entries: Mapping[str, Any]) -> Settings:
    """Settings of a learner, checked, its base controller too. Raises: ValueError: names the entry."""
    settings: Settings = settings_from_mapping(LEARNERS[name].settings, entries)
    base_of(setting, settings)
    teacher_of(setting, settings)
    return settings


def base_of(setting: Setting, settings: Settings) -> Actor:
    """The controller that a learner starts from, with the configured gains and the learner's own changes to them.

    Raises: ValueError: it is not configured, or a gain is unknown.
    """
    entries = setting.config["controllers"]
    if any(part not in entries for part in settings.base.split(":")):
        raise ValueError(f"agent.base(={settings.base!r}) must be one of: {', '.join(entries)}")
    return controller(setting.config, settings.base, settings.gains)


def teacher_of(setting: Setting, settings: Settings) -> Actor | None:
    """The controller that a learner imitates, with its configured gains; None where its settings name none.

    Raises: ValueError: it is not configured.
    """
    name = getattr(settings, "teacher", None)
    if name is None:
        return None
    entries = setting.config["controllers"]
    if not isinstance(name, str) or any(part not in entries for part in name.split(":")):
        raise ValueError(f"agent.teacher(={name!r}) must be one of: {', '.join(entries)}")
    return controller(setting.config, name)


def learn(setting: Setting, job: TrainingJob, bars: Progress) -> dict[str, list[Learned]]:
    """Train every learner of the job with every seed, side by side: learner -> one a seed.

    Args:
        bars: takes one bar a training.
    """
    if not job.settings:
        return {}
    trainings = [Training(setting, job, name, seed) for name in job.settings for seed in range(job.seeds)]
    trained, baselines = train_all(trainings, setting.threads, bars), baselines_of(setting, job)
    found: dict[str, list[Learned]] = {name: [] for name in job.settings}
    for training, one in zip(trainings, trained, strict=True):
        found[training.name].append(learned_of(training, one, baselines))
    return found


def learned_of(training: Training, one: Trained, baselines: Mapping[str, float]) -> Learned:
    """What a training has come to, with what is known of it."""
    minutes = cpu_minutes(training.folder, one.steps)
    return Learned(one.actor, one.steps, one.profit, minutes, baselines, training.folder)


def train_all(trainings: Sequence[Training], threads: int, bars: Progress) -> list[Trained]:
    """Carry out trainings, as many side by side as there are threads. What was interrupted goes on from its checkpoint.

    Args:
        threads: shared by the trainings under way; they change no result.
        bars: takes one bar a training.
    """
    tasks = [bars.add_task(f"train {one.label}", total=None) for one in trainings]

    def report(place: int, done: int, work: int) -> None:
        bars.update(tasks[place], completed=done, total=work)

    workers = min(threads, len(trainings))
    if workers > 1:
        jobs = [partial(_train_apart, one, max(1, threads // workers)) for one in trainings]
    else:
        jobs = [partial(_train, one, threads) for one in trainings]
    return side_by_side(jobs, workers, report)


def seed_folder(setting: Setting, name: str, seed: int) -> Path:
    """Where a training keeps its checkpoint and its best policy."""
    return setting.output / name / f"seed-{seed}"


def load_policy(setting: Setting, folder: Path) -> Actor:
    """The best policy of a training, from its folder `<run>/<learner>/seed-<n>`.

    Raises: ValueError: the folder is not called after a learner, or holds no policy over the configured base.
    """
    name = folder.resolve().parent.name
    if name not in LEARNERS:
        raise ValueError(f"{folder} must be the folder of a training, <run>/<learner>/seed-<n>; learners: {_names()}")
    return LEARNERS[name].load(folder, base_of(setting, settings_of(setting, name)))


def _names() -> str:
    return ", ".join(LEARNERS)


def _train(training: Training, threads: int, report: Report) -> Trained:
    """One training from its stores to its best policy."""
    lesson = lesson_of(training, threads)
    clock = TrainingClock(training.folder, lesson.validate, report)
    timed = replace(lesson, validate=clock.validate, progress=clock.progress)
    return LEARNERS[training.name].train(training.job.settings[training.name], timed)


def lesson_of(training: Training, threads: int) -> Lesson:
    """All that a training is given besides its settings."""
    setting, job = training.setting, training.job
    return open_lesson(
        setting,
        job.schooling,
        base_of(setting, job.settings[training.name]),
        seed=setting.run_seed(TRAINING_RUN) + training.seed,
        folder=training.folder,
        threads=threads,
        name=training.name,
        teacher=teacher_of(setting, job.settings[training.name]),
    )


def _train_apart(training: Training, threads: int, report: Report) -> Trained:
    """One training in a process of its own."""
    import torch

    torch.set_num_threads(1)
    return _train(training, threads, report)


def baselines_of(setting: Setting, job: TrainingJob) -> dict[str, float]:
    """Mean profit of the controllers on the validation stores: the lines that a learning curve is read against."""
    held, plans = opened(
        setting.population, "validation", job.schooling.validation_stores, job.planner, setting.threads
    )
    seed = setting.run_seed(VALIDATION_RUN)
    names = [name for name in CONTROLLERS if name in setting.config["controllers"] and name != "random"]
    return {
        name: float(rollout(controller(setting.config, name), held, plans, seed, threads=setting.threads).profit.mean())
        for name in names
    }


def curve_of(learned: Sequence[Learned]) -> Curve:
    """Validation profit over training steps, one row a seed, as far as all seeds have come."""
    length = min(len(one.steps) for one in learned)
    return {
        "steps": learned[0].steps[:length],
        "profit": np.stack([one.profit[:length] for one in learned]),
    }
