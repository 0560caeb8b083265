"""How much CPU time a training had taken at each of its validations, kept beside its checkpoint."""

import json
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np
from numpy.typing import ArrayLike

from merchantgym.envs.actor import Actor

from .statistics import Floats
from .whole_file import write_whole

_FILE = "cpu_seconds.json"


class TrainingClock:
    """Notes the CPU time of a training at its validations, their own time left out.

    It stands between a training and those who are told: of progress, and of a policy to be validated. A training that
    goes on from its checkpoint goes on from the time kept there; what was lost is timed when it is run again.
    """

    def __init__(self, folder: Path, validate: Callable[[Actor], float], progress: Callable[[int, int], None]) -> None:
        """Begin. Args: folder: of the checkpoint."""
        self._path = folder / _FILE
        self._tell, self._judge = progress, validate
        self._kept: dict[int, float] = {}
        self._done: int | None = None
        self._spent = 0.0
        self._since = process_time()

    def progress(self, done: int, work: int) -> None:
        """As `agents.training.Progress`; the first call says from where the training goes on."""
        if self._done is None:
            self._kept = {steps: seconds for steps, seconds in _read(self._path).items() if steps <= done}
            self._spent = max(self._kept.values(), default=0.0)
        self._done = done
        self._tell(done, work)

    def validate(self, actor: Actor) -> float:
        """As `agents.training.Validate`."""
        self._spent += process_time() - self._since
        self._kept[self._done or 0] = self._spent
        write_whole(json.dumps(self._kept), self._path)
        answer = self._judge(actor)
        self._since = process_time()
        return answer


def cpu_minutes(folder: Path, steps: ArrayLike) -> Floats:
    """CPU minutes of a training when it had so many store-hours of experience, (n,); nan where no clock ran."""
    kept = _read(folder / _FILE)
    return np.array([kept.get(int(each), np.nan) for each in np.asarray(steps)]) / 60.0


def _read(path: Path) -> dict[int, float]:
    if not path.is_file():
        return {}
    return {int(steps): float(seconds) for steps, seconds in json.loads(path.read_text(encoding="utf-8")).items()}
