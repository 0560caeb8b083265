"""Jobs in processes of their own: results in order, progress told, and an error that ends the waiting."""

from collections.abc import Callable
from functools import partial
from operator import methodcaller
from typing import Any

import pytest

from merchantgym.experiments.side_by_side import side_by_side


def naming(number: int) -> Callable[[Any], str]:
    """A job, as a process that cannot import this file can read it: it names the number."""
    return partial("{0}".format, number)


def telling(number: int) -> Callable[[Any], Any]:
    """A job that tells of so much progress."""
    return methodcaller("__call__", number, 9)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_order_and_all_progress_is_told(workers: int) -> None:
    told: list[tuple[int, int, int]] = []
    jobs: list[Callable[[Any], Any]] = [naming(7), telling(3), naming(5), telling(4)]
    made = side_by_side(jobs, workers, lambda *one: told.append(one))
    assert [made[0], made[2]] == ["7", "5"]
    assert sorted(told) == [(1, 3, 9), (3, 4, 9)]


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_comes_as_it_is(workers: int) -> None:
    with pytest.raises(AttributeError, match="no_such_word"):
        side_by_side([naming(1), methodcaller("no_such_word")], workers, lambda *_: None)
