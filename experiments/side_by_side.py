"""Long jobs in processes of their own, with their progress told where they were started."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from queue import Empty
from typing import Any, TypeVar

Report = Callable[[int, int], None]
"""Takes (work done, work in all)."""
T = TypeVar("T")


def side_by_side(
    jobs: Sequence[Callable[[Report], T]], workers: int, report: Callable[[int, int, int], None]
) -> list[T]:
    """Carry out jobs, so many at a time; their results in the jobs' order.

    Args:
        jobs: can be pickled where there is more than one worker.
        workers: processes; with one, all is done here.
        report: takes (place of the job, work done, work in all).
    Raises: what the first job raises that fails; the others are ended.
    """
    if workers <= 1:
        return [job(partial(report, place)) for place, job in enumerate(jobs)]
    context = get_context("spawn")
    with context.Manager() as manager, ProcessPoolExecutor(workers, mp_context=context) as pool:
        queue: Any = manager.Queue()
        futures: list[Future[T]] = [pool.submit(_apart, job, place, queue) for place, job in enumerate(jobs)]
        pending = set(futures)
        try:
            while pending:
                _pass_on(queue, report)
                done, pending = wait(pending, timeout=0)
                for future in done:
                    future.result()  # an error ends the others' waiting too
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in (pool._processes or {}).values():
                process.terminate()
            raise
        _pass_on(queue, report)
        return [future.result() for future in futures]


def _pass_on(queue: Any, report: Callable[[int, int, int], None]) -> None:
    """Tell what the jobs have told, until none tells anything for a while."""
    with suppress(Empty):
        while True:
            report(*queue.get(timeout=0.2))


def _apart(job: Callable[[Report], T], place: int, queue: Any) -> T:
    """One job in this process; its progress goes through the queue."""
    return job(lambda done, work: queue.put((place, done, work)))
