"""What a search can work on: the gains of a controller, or the settings by which a learner learns.

A trial of a controller runs it on the stores of the search, chunk by chunk. A trial of a learner is a short training,
scored on all stores of the search at each of its validations by the best policy so far; these stores are validation
stores, and the training has stores of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Protocol

import numpy as np

from merchantgym.agents.registry import LEARNERS
from merchantgym.agents.settings import Searched, searched_settings
from merchantgym.agents.training import Settings, Trained
from merchantgym.controllers import Gain, make_controller
from merchantgym.envs.actor import Actor

from .learning import Training, TrainingJob, lesson_of, read_settings
from .setting import Setting
from .statistics import Floats
from .tuning_gains import searched_gains
from .tuning_ground import Ground, share

Tell = Callable[[Floats, int, bool], None]
"""Called with (scores of the stores so far, store-hours so far, whether it is the last time); may raise."""

_WHOLE = "whole number"


class Subject(Protocol):
    """Whose numbers are searched."""

    learns: ClassVar[bool]
    """True where a trial is a training: what it costs is known once one has been carried out."""
    hopeless: ClassVar[float]
    """[standard errors] behind the best trial, paired by store, at which a trial is stopped."""

    @property
    def name(self) -> str:
        """Of the executor."""
        ...

    @property
    def start(self) -> Mapping[str, float]:
        """The numbers in place."""
        ...

    @property
    def ranges(self) -> Mapping[str, Gain]:
        """Where to look for each number that is searched."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """All that makes trials comparable besides stores and ranges."""
        ...

    def run(self, gains: Mapping[str, float], ground: Ground, tell: Tell) -> None:
        """Carry out a trial. Raises: ValueError: the numbers exclude each other."""
        ...

    def finalist(self, gains: Mapping[str, float], ground: Callable[[], Ground]) -> tuple[Actor, int]:
        """Who is to be scored on fresh stores, and the store-hours that it took to make.

        Args:
            ground: gives the stores of the search.
        """
        ...


@dataclass(frozen=True)
class ControllerSubject:
    """A controller's gains."""

    learns: ClassVar[bool] = False
    hopeless: ClassVar[float] = 1.645  # 5 % of equals are lost at a chunk's end

    name: str
    start: Mapping[str, float]  # all of them

    @property
    def ranges(self) -> Mapping[str, Gain]:
        """As `Subject.ranges`."""
        return searched_gains(self.name)

    @property
    def identity(self) -> Mapping[str, Any]:
        """Nothing: the code is the user's to keep."""
        return {}

    def run(self, gains: Mapping[str, float], ground: Ground, tell: Tell) -> None:
        """As `Subject.run`."""
        actor, parts, hours = make_controller(self.name, gains), [], 0
        for chunk in range(len(ground)):
            parts.append(ground.uplift(actor, chunk))
            hours += ground.store_hours(chunk)
            tell(share(np.concatenate(parts, axis=1), ground.scales), hours, chunk + 1 == len(ground))

    def finalist(self, gains: Mapping[str, float], ground: Callable[[], Ground]) -> tuple[Actor, int]:
        """As `Subject.finalist`."""
        return make_controller(self.name, gains), 0


@dataclass(frozen=True, eq=False)
class LearnerSubject:
    """A learner's settings, as far as its dataclass says where to look for them."""

    learns: ClassVar[bool] = True
    hopeless: ClassVar[float] = 3.0  # trainings differ by chance as well, which stores do not show

    name: str
    setting: Setting
    job: TrainingJob  # of a trial's training
    entries: Mapping[str, Any]  # all settings, those of the short training in the place of their own

    @property
    def start(self) -> Mapping[str, float]:
        """As `Subject.start`."""
        settings = self._settings({})
        return {name: float(getattr(settings, name)) for name in self.ranges}

    @property
    def ranges(self) -> Mapping[str, Gain]:
        """As `Subject.ranges`."""
        return {name: _range(where) for name, where in searched_settings(LEARNERS[self.name].settings).items()}

    @property
    def identity(self) -> Mapping[str, Any]:
        """The settings that are not searched, and the stores of the training."""
        fixed = {name: value for name, value in self.entries.items() if name not in self.ranges}
        return {"settings": fixed, "training_stores": self.job.schooling.stores}

    def run(self, gains: Mapping[str, float], ground: Ground, tell: Tell) -> None:
        """As `Subject.run`."""
        self._train(gains, ground, tell, seed=0)

    def finalist(self, gains: Mapping[str, float], ground: Callable[[], Ground]) -> tuple[Actor, int]:
        """As `Subject.finalist`; trained anew, the checkpoint chosen on the search's stores."""
        hours = [0]

        def tell(_: Floats, so_far: int, __: bool) -> None:
            hours[0] = so_far

        return self._train(gains, ground(), tell, seed=1).actor, hours[0]

    def _settings(self, gains: Mapping[str, float]) -> Settings:
        values = {name: int(value) if self.ranges[name].unit == _WHOLE else value for name, value in gains.items()}
        return read_settings(self.setting, self.name, {**self.entries, **values})

    def _train(self, gains: Mapping[str, float], ground: Ground, tell: Tell, seed: int) -> Trained:
        settings = self._settings(gains)
        judge = _Judge(ground, tell)
        job = replace(self.job, settings={self.name: settings})
        training = Training(self.setting, job, self.name, seed)
        with TemporaryDirectory() as folder:  # a trial that is cut off is given up, not gone on with
            lesson = replace(
                lesson_of(training, 1), folder=Path(folder), validate=judge.validate, progress=judge.progress
            )
            return LEARNERS[self.name].train(settings, lesson)


class _Judge:
    """Scores the policies of a training on the stores of the search, and tells of the best so far."""

    def __init__(self, ground: Ground, tell: Tell) -> None:
        self._ground, self._tell = ground, tell
        self._best: Floats | None = None
        self._judged, self._done, self._work = 0, 0, 1

    def progress(self, done: int, work: int) -> None:
        """As `agents.training.Progress`."""
        self._done, self._work = done, work

    def validate(self, actor: Actor) -> float:
        """As `agents.training.Validate`, in shares of what the plan as written earns."""
        ground = self._ground
        parts = [ground.uplift(actor, chunk) for chunk in range(len(ground))]
        scores = share(np.concatenate(parts, axis=1), ground.scales)
        if self._best is None or scores.mean() > self._best.mean():
            self._best = scores
        self._judged += 1
        self._tell(self._best, self._done + self._judged * ground.whole, self._done >= self._work)
        return float(scores.mean())


def learners_to_tune() -> tuple[str, ...]:
    """The learners that say where to look for some of their settings."""
    return tuple(name for name, learner in LEARNERS.items() if searched_settings(learner.settings))


def _range(where: Searched) -> Gain:
    unit = _WHOLE if where.whole else ""
    return Gain(unit, (where.low, where.high), where.log, (where.low, where.high))
