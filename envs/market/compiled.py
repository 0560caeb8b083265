"""How the mechanisms are compiled: decorators for formulas, procedures and their parts, and one cache for all.

numba's cache notices a change in the file of the compiled function, but not in the formulas pasted into it from other
files. So the cache lies in a folder named after the text of all their sources: any edit compiles anew, nothing stale
is run.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, update_wrapper
from pathlib import Path
from typing import Any, ClassVar, TypeAlias, TypeVar, cast

import numba as nb

Quantity: TypeAlias = Any
"""A float or an array of floats; formulas broadcast like numpy."""

_F = TypeVar("_F", bound=Callable[..., Any])
_SOURCES = Path(__file__).resolve().parent.parent
_FLOORS = ("agents", "controllers", "experiments")  # what else may compile
_KEPT = 3  # caches of earlier sources that are not deleted


class _Formula:
    """What numba takes for a compiled function that is always to be pasted in, and Python for the function itself."""

    targetoptions: ClassVar = {"inline": "always"}

    def __init__(self, function: Callable[..., Any]) -> None:
        update_wrapper(self, function)
        self.py_func = function
        self._compiled = nb.njit(function)
        self._numba_type_ = self._compiled._numba_type_

    def __call__(self, *quantities: Quantity) -> Quantity:
        return self.py_func(*quantities)


def formula(function: _F) -> _F:
    """A pure expression: plain Python on numbers and arrays, pasted into the compiled procedures that call it.

    Pasting lets their loops become vector instructions. Plain Python keeps what is computed once, such as a store's
    constants, free of a compiler's wait, and gives the other engines the very same formula.
    """
    return cast(_F, _Formula(function))


def procedure(function: _F) -> _F:
    """Compile a function with loops that only compiled code calls.

    It may take rows of arrays, but not make arrays: so rows need not be counted as references, which costs more than
    many a formula. It has no door for Python, which saves a third of the compiler's work.
    """
    return _compile(function, no_cpython_wrapper=True)


def entry(function: _F) -> _F:
    """Compile a procedure that Python calls too; it releases the GIL, so that threads share the work."""
    return _compile(function)


def stage(function: _F) -> _F:
    """Compile a part of an hour, apart only for the reader: machine code takes it in whole.

    A call would hand over every row of every array, eight numbers each: a quarter of an hour's time.
    """
    return _compile(function, no_cpython_wrapper=True, forceinline=True)


def fragment(function: _F) -> _F:
    """Compile an entry that its callers always take in whole: only then do loops over a small one become vectors."""
    return _compile(function, forceinline=True)


def _compile(function: _F, **options: bool) -> _F:
    njit: Any = nb.njit  # its types leave out some options
    fixed = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False, "no_cfunc_wrapper": True}
    with _cache_of_these_sources():
        return cast(_F, njit(**fixed, **options)(function))


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
    for path in sorted(path for floor in _FLOORS for path in (_SOURCES.parent / floor).rglob("*.py")):
        source = path.read_bytes()
        if b"market.compiled" in source or b"(Field)" in source:  # the other floors' procedures and rows
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
