"""The runs of an agreement study: chunks spread over processes, kept on disk, gone on with after an interruption."""

import json
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import numpy as np

import merchantgym.envs

from . import agreement_engines, agreement_outputs, agreement_worlds
from .agreement_engines import ENGINES
from .agreement_outputs import OUTPUTS, measure
from .agreement_worlds import World, multiply
from .provenance import digest_of_files, sources_of
from .statistics import Floats


@dataclass(frozen=True)
class Job:
    """Some runs of one engine in one situation."""

    situation: str
    engine: str
    apart: bool  # under seeds of its own, not those that all engines share
    number: int
    copies: int  # runs of each store
    seed: int

    @property
    def file(self) -> str:
        """Name of the file that keeps its results."""
        seeds = "apart" if self.apart else "same"
        return f"{self.situation}-{self.engine}-{seeds}-{self.number:04d}-{self.copies}.npz"


@dataclass(frozen=True)
class Runs:
    """Results of one engine in one situation, (S, runs, OUTPUTS)."""

    same: Floats  # under the seeds that all engines share
    apart: Floats  # under seeds of its own; empty for the reference


def jobs_of(
    situation: str, place: int, engines: Sequence[str], copies: int, chunk: int, ratio: int, seed: int
) -> list[Job]:
    """The jobs of one situation.

    Args:
        place: number of the situation, so that no two share chance.
        engines: the reference first; of the others there are `ratio` times as many runs under seeds of their own.
        copies: runs of each store by the reference; chunk: at most so many in a job.
    """
    jobs = []
    for number, first in enumerate(range(0, copies, chunk)):
        size = min(chunk, copies - first)
        for engine in engines:
            shared = seed + 20_011 * place + number
            jobs.append(Job(situation, engine, False, number, size, shared))
            if engine != engines[0]:
                jobs.append(Job(situation, engine, True, number, size * ratio, shared + 10_007))
    return jobs


def run_jobs(jobs: Sequence[Job], worlds: Mapping[str, World], folder: Path, processes: int) -> Iterator[Job]:
    """Carry out the jobs that are not yet done, and yield every job as it is; the order is any.

    Interrupted, it first waits for the jobs under way, some seconds; what is done is kept.
    """
    waiting = []
    for job in jobs:
        if (folder / job.file).is_file():
            yield job
        else:
            waiting.append(job)
    if processes == 1:
        for job in waiting:
            yield carry_out(job, worlds[job.situation], folder)
        return
    # Spawned, for a fork could copy locks that threads hold; deaf to Ctrl-C, so that chunks under way are finished.
    with ProcessPoolExecutor(processes, get_context("spawn"), signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        try:
            futures = [pool.submit(carry_out, job, worlds[job.situation], folder) for job in waiting]
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def carry_out(job: Job, world: World, folder: Path) -> Job:
    """Run one job in a world of one copy of each store, and keep its outputs (S, copies, OUTPUTS)."""
    engine = ENGINES[job.engine]
    many = multiply(world, job.copies)
    found = measure(engine(many, job.seed)).reshape(world.stores, job.copies, len(OUTPUTS))
    path = folder / job.file
    part = path.with_suffix(f".{os.getpid()}.part")
    with part.open("wb") as file:
        np.savez_compressed(file, outputs=found)
    part.replace(path)
    return job


def load(jobs: Sequence[Job], folder: Path, situation: str, engine: str) -> Runs:
    """Results of one engine in one situation, all its jobs being done."""

    def gather(apart: bool) -> Floats:
        files = [j.file for j in jobs if (j.situation, j.engine, j.apart) == (situation, engine, apart)]
        if not files:
            return np.empty((0, 0, len(OUTPUTS)))
        return np.concatenate([np.load(folder / file)["outputs"] for file in files], axis=1)

    return Runs(gather(False), gather(True))


def open_folder(folder: Path, settings: Mapping[str, object]) -> None:
    """Make the folder of chunks, or check that what lies there is of the same settings and sources.

    Raises: ValueError: it is of others.
    """
    text = json.dumps({"settings": settings, "sources": _sources()}, sort_keys=True)
    mark = folder / "made_by.json"
    if mark.is_file():
        if mark.read_text(encoding="utf-8") != text:
            raise ValueError(
                f"run(={folder.parent.name!r}) holds chunks of other settings or other sources; "
                f"name another run or delete {folder}"
            )
        return
    folder.mkdir(parents=True, exist_ok=True)
    part = mark.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    part.replace(mark)


def _sources() -> str:
    """Twelve digits that change with any source of the simulator or of the study's worlds, outputs and engines."""
    modules = [Path(str(m.__file__)) for m in (agreement_worlds, agreement_outputs, agreement_engines)]
    return digest_of_files([*sources_of(merchantgym.envs), *modules])
