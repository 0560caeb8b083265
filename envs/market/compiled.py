"""How the mechanisms are compiled: one decorator for formulas, one for procedures, one cache for both.

numba's cache notices a change in the file of the compiled function, but not in the formulas pasted into it from other
files. So the cache lies in a folder named after the text of all their sources: any edit compiles anew, nothing stale
is run.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar, cast

import numba as nb

Quantity: TypeAlias = Any
"""A float or an array of floats; formulas broadcast like numpy."""

_F = TypeVar("_F", bound=Callable[..., Any])
_SOURCES = Path(__file__).resolve().parent.parent
_KEPT = 3  # caches of earlier sources that are not deleted


def formula(function: _F) -> _F:
    """Compile a pure expression and paste it into its callers, so that their loops become vector instructions.

    Division follows numpy (no exception on zero): a branch that could raise would keep a loop scalar.
    """
    with _cache_of_these_sources():
        return cast(_F, nb.njit(cache=True, inline="always", error_model="numpy")(function))


def procedure(function: _F) -> _F:
    """Compile a function with loops; it releases the GIL, so that threads share the work."""
    with _cache_of_these_sources():
        return cast(_F, nb.njit(cache=True, nogil=True, error_model="numpy")(function))


@contextmanager
def _cache_of_these_sources() -> Iterator[None]:
    settings: Any = nb.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(_cache_folder(before))
    try:
        yield
    finally:
        settings.CACHE_DIR = before


@cache
def _cache_folder(chosen: str) -> Path:
    """Folder for the present sources, under NUMBA_CACHE_DIR if that is set, else beside the sources or in ~/.cache."""
    text = hashlib.sha256()
    for path in sorted(_SOURCES.rglob("*.py")):
        if path.name.startswith(("event", "interpreted")):  # the event engine compiles nothing
            continue
        source = path.read_bytes()
        if b"compiled" in source or b"Field" in source:  # formulas, procedures, and the layouts they read
            text.update(source)
    root = Path(chosen) if chosen else _SOURCES / "__pycache__"
    if not _writable(root):
        root = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "merchantgym"
    folder = root / f"merchantgym-{text.hexdigest()[:16]}"
    earlier = sorted(root.glob("merchantgym-*"), key=lambda path: path.stat().st_mtime, reverse=True)
    for stale in [path for path in earlier if path != folder][_KEPT:]:
        shutil.rmtree(stale, ignore_errors=True)
    return folder


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)
