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

from merchantgym.agents.planners import PLANNERS
from merchantgym.agents.ppo import Trained, train_ppo
from merchantgym.agents.ppo_settings import PpoSettings, settings_from_mapping
from merchantgym.controllers import CONTROLLERS, make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.rollout import rollout

from .plots import Curve
from .setting import TRAINING_RUN, VALIDATION_RUN, Setting, check_names, controller, write_plans

LEARNED = ("ppo",)

Report = Callable[[int, int], None]


@dataclass(frozen=True)
class TrainingJob:
    """What is trained, on whose plans, and on which stores."""

    planner: str
    stores: int
    validation_stores: int
    seeds: int
    settings: PpoSettings


@dataclass(frozen=True, eq=False)
class Learned:
    """One trained executor and how it came about."""

    actor: Actor
    steps: NDArray[np.int64]  # (n,) store-hours of experience
    profit: NDArray[np.float64]  # (n,) mean profit on the validation stores [CNY]
    baselines: Mapping[str, float]  # controllers' mean profit on the same stores [CNY]
    folder: Path  # checkpoint and best policy


def read_job(setting: Setting) -> TrainingJob:
    """Check what is to be trained. Raises: ValueError: names the entry, its value and what is allowed."""
    entry = setting.config["training"]
    check_names("training.planner", [entry["planner"]], tuple(PLANNERS))
    for name, least in (("stores", 1), ("validation_stores", 2), ("seeds", 1)):
        if int(entry[name]) < least:
            raise ValueError(f"training.{name}(={entry[name]}) must be >= {least}")
    return TrainingJob(
        planner=str(entry["planner"]),
        stores=int(entry["stores"]),
        validation_stores=int(entry["validation_stores"]),
        seeds=int(entry["seeds"]),
        settings=settings_from_mapping(setting.config["agent"]),
    )


def base_of(setting: Setting, settings: PpoSettings) -> Actor:
    """The controller that a residual policy corrects, with the configured gains and the agent's own changes to them."""
    entries = setting.config["controllers"]
    if settings.base not in entries:
        raise ValueError(f"agent.base(={settings.base!r}) must be one of: {', '.join(entries)}")
    return make_controller(settings.base, {**entries[settings.base]["gains"], **settings.gains})


def learn(setting: Setting, job: TrainingJob, name: str, bars: Progress) -> list[Learned]:
    """Train every seed, side by side where there are cores. What was interrupted goes on from its checkpoint.

    Args:
        name: of `LEARNED`.
        bars: takes one bar a seed.
    """
    check_names("executor", [name], LEARNED)
    base_of(setting, job.settings)
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


def _workers(setting: Setting, job: TrainingJob) -> int:
    return min(setting.threads, job.seeds)


def _train(setting: Setting, job: TrainingJob, name: str, seed: int, threads: int, report: Report) -> Trained:
    """One training from its stores to its best policy."""
    opened = setting.population.open("train", job.stores, threads=threads)
    held = setting.population.open("validation", job.validation_stores, threads=threads)
    _, plans = write_plans(job.planner, opened)
    _, held_plans = write_plans(job.planner, held)
    run_seed = setting.run_seed(VALIDATION_RUN)

    def validate(actor: Actor) -> float:
        return float(rollout(actor, held, held_plans, run_seed, threads=threads).profit.mean())

    return train_ppo(
        job.settings,
        base_of(setting, job.settings),
        opened,
        plans,
        seed=setting.run_seed(TRAINING_RUN) + seed,
        folder=seed_folder(setting, name, seed),
        reward=setting.reward,
        validate=validate,
        threads=threads,
        progress=report,
    )


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
    held = setting.population.open("validation", job.validation_stores, threads=setting.threads)
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
