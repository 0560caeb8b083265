"""A file that one process at a time works on."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(path: Path, *, wait: bool) -> Iterator[None]:
    """Keep other processes that hold the same file out; ends with the process, however that ends.

    Args:
        path: of the file; its folder is made where there is none. `<path>.lock` appears beside it, and stays.
        wait: until it is free.
    Raises: BlockingIOError: another process holds it, and `wait` is false. OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
