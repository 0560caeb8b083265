"""Training of learned executors: settings, several seeds side by side, progress, and what was learned."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from queue import Empty
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.progress import Progress

from merchantgym.agents.registry import LEARNERS
from merchantgym.agents.settings import settings_from_mapping
from merchantgym.agents.training import Settings, Trained
from merchantgym.controllers import CONTROLLERS
from merchantgym.envs.actor import Actor
from merchantgym.envs.rollout import rollout

from .lessons import Schooling, open_lesson, read_schooling
from .plots import Curve
from .setting import TRAINING_RUN, VALIDATION_RUN, Setting, controller, write_plans

Report = Callable[[int, int], None]


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
class Learned:
    """One trained executor and how it came about."""

    actor: Actor
    steps: NDArray[np.int64]  # (n,) store-hours of experience
    profit: NDArray[np.float64]  # (n,) mean profit on the validation stores [CNY]
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


def learn(setting: Setting, job: TrainingJob, name: str, bars: Progress) -> list[Learned]:
    """Train every seed, side by side where there are cores. What was interrupted goes on from its checkpoint.

    Args:
        name: of `LEARNERS`.
        bars: takes one bar a seed.
    """
    baselines = _baselines(setting, job)
    tasks = [bars.add_task(f"train {name}, seed {seed}", total=None) for seed in range(job.seeds)]

    def report(seed: int, done: int, work: int) -> None:
        bars.update(tasks[seed], completed=done, total=work)

    trained = _side_by_side(setting, job, name, report) if _workers(setting, job) > 1 else []
    for seed in range(len(trained), job.seeds):
        trained.append(_train(setting, job, name, seed, setting.threads, partial(report, seed)))
    return [
        Learned(one.actor, one.steps, one.profit, baselines, seed_folder(setting, name, seed))
        for seed, one in enumerate(trained)
    ]


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


def _workers(setting: Setting, job: TrainingJob) -> int:
    return min(setting.threads, job.seeds)


def _train(setting: Setting, job: TrainingJob, name: str, seed: int, threads: int, report: Report) -> Trained:
    """One training from its stores to its best policy."""
    settings = job.settings[name]
    lesson = open_lesson(
        setting,
        job.schooling,
        base_of(setting, settings),
        seed=setting.run_seed(TRAINING_RUN) + seed,
        folder=seed_folder(setting, name, seed),
        threads=threads,
        progress=report,
        name=name,
        teacher=teacher_of(setting, settings),
    )
    return LEARNERS[name].train(settings, lesson)


def _train_apart(setting: Setting, job: TrainingJob, name: str, seed: int, threads: int, queue: Any) -> Trained:
    """One training in a process of its own; progress goes through the queue."""
    import torch

    torch.set_num_threads(1)
    return _train(setting, job, name, seed, threads, lambda done, work: queue.put((seed, done, work)))


def _side_by_side(
    setting: Setting, job: TrainingJob, name: str, report: Callable[[int, int, int], None]
) -> list[Trained]:
    """All seeds, in as many processes as there are threads."""
    workers = _workers(setting, job)
    threads = max(1, setting.threads // workers)
    context = get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(workers, mp_context=context) as pool:
        queue: Any = manager.Queue()
        futures: list[Future[Trained]] = [
            pool.submit(_train_apart, setting, job, name, seed, threads, queue) for seed in range(job.seeds)
        ]
        pending = set(futures)
        try:
            while pending:
                with suppress(Empty):
                    while True:
                        report(*queue.get(timeout=0.2))
                done, pending = wait(pending, timeout=0)
                for future in done:
                    future.result()  # an error ends the others' waiting too
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in (pool._processes or {}).values():
                process.terminate()
            raise
        return [future.result() for future in futures]


def _baselines(setting: Setting, job: TrainingJob) -> dict[str, float]:
    """Mean profit of the controllers on the validation stores: the lines that a learning curve is read against."""
    held = setting.population.open("validation", job.schooling.validation_stores, threads=setting.threads)
    _, plans = write_plans(job.planner, held)
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
