"""How much CPU time a training had taken at each of its validations, kept beside its checkpoint."""

import json
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np

from merchantgym.envs.actor import Actor

from .statistics import Floats
from .whole_file import write_whole

_FILE = "cpu_seconds.json"

Validate = Callable[[Actor], float]


class Timed:
    """A validation that also notes the CPU time of the training between its calls, its own time left out.

    What a folder's curve does not hold was lost in an interruption and is timed anew, with the part that is run again.
    """

    def __init__(self, validate: Validate, folder: Path) -> None:
        """Start the clock where the folder's training stands. Args: folder: of the checkpoint and `curve.npz`."""
        self._validate = validate
        self._path = folder / _FILE
        self._seconds = _kept(folder)
        self._since = process_time()

    def __call__(self, actor: Actor) -> float:
        """The validation's answer."""
        before = self._seconds[-1] if self._seconds else 0.0
        self._seconds.append(before + process_time() - self._since)
        write_whole(json.dumps(self._seconds), self._path)
        answer = self._validate(actor)
        self._since = process_time()
        return answer


def cpu_minutes(folder: Path, validations: int) -> Floats:
    """CPU minutes of a training at its validations, (validations,); nan where no clock ran."""
    seconds = _read(folder)[:validations]
    return np.array(seconds + [np.nan] * (validations - len(seconds))) / 60.0


def _kept(folder: Path) -> list[float]:
    curve = folder / "curve.npz"
    if not curve.is_file():
        return []
    with np.load(curve) as kept:
        return _read(folder)[: len(kept["steps"])]


def _read(folder: Path) -> list[float]:
    path = folder / _FILE
    return [float(value) for value in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []
