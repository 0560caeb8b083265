"""Processes that work on searches side by side, sharing nothing but the database."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from functools import cache, partial
from multiprocessing import get_context, parent_process
from signal import SIG_IGN, SIGINT, signal
from typing import TypeVar

from .tuning import Tuning
from .tuning_search import work
from .tuning_verdict import rescore

Alive = Callable[[], bool]
Tell = Callable[[], None]
T = TypeVar("T")


def carry_out(tuning: Tuning, tell: Tell) -> None:
    """Use up the budget of every search, then run the finalists of each on fresh stores.

    Each process begins with controllers of its own and then helps with the others'.

    Args:
        tell: called now and then while they work.
    Raises: ValueError: gains in place that cannot be run.
    """
    names = tuning.controllers
    if tuning.workers == 1:
        for task in (_search, _rescore):
            task(tuning, names, partial(_told, tell))
            tell()
        return
    orders = [_from(names, i * len(names) // tuning.workers) for i in range(tuning.workers)]
    with ProcessPoolExecutor(tuning.workers, mp_context=get_context("spawn"), initializer=_deaf) as pool:
        try:
            for task in (_search, _rescore):
                _wait({pool.submit(task, tuning, order, _has_parent) for order in orders}, tell)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in (pool._processes or {}).values():
                process.terminate()
            raise


def _wait(pending: set[Future[None]], tell: Tell) -> None:
    """Until all are done; an error ends the waiting for the others."""
    while pending:
        done, pending = wait(pending, timeout=0.5)
        for future in done:
            future.result()
        tell()


def _search(tuning: Tuning, controllers: Sequence[str], alive: Alive) -> None:
    ground = cache(tuning.ground)
    for name in controllers:
        search = tuning.search(name)
        work(search, ground(search.subject.learns), alive)


def _rescore(tuning: Tuning, controllers: Sequence[str], alive: Alive) -> None:
    ground, fresh = cache(tuning.ground), cache(tuning.fresh_ground)
    for name in controllers:
        search = tuning.search(name)
        learns = search.subject.learns
        rescore(search, fresh(learns), tuning.finalists, alive, ground=partial(ground, learns))


def _has_parent() -> bool:
    """False in a worker whose parent is gone."""
    parent = parent_process()
    return parent is None or parent.is_alive()


def _told(tell: Tell) -> bool:
    """Progress of work that this process does itself."""
    tell()
    return True


def _deaf() -> None:
    """An interrupt is the parent's to answer."""
    signal(SIGINT, SIG_IGN)


def _from(items: Sequence[T], place: int) -> list[T]:
    """All items in a circle, from one of them on."""
    return [*items[place:], *items[:place]]
