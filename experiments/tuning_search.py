"""The search for one controller's gains: an Optuna study that any number of processes work on and that can go on.

Every trial meets the same stores and the same chance. It runs chunk by chunk, and stops where it is behind the best
trial so far, paired by store, by more than chance explains (a race: Maron and Moore 1994; Birattari et al. 2002). What
it saves pays for further trials: the budget is counted in store-hours, so every controller gets the same number.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from .statistics import Floats
from .tuning_gains import rounded
from .tuning_ground import Ground
from .tuning_sampler import KeyedSampler, score_of
from .tuning_subjects import Subject

_MOST_TRIALS = 50  # for each that the budget would pay in full: ends a search in which nothing can be built
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

optuna.logging.set_verbosity(logging.ERROR)


@dataclass(frozen=True)
class Search:
    """What is searched, by what name it is kept, and what it may cost."""

    subject: Subject
    study: str  # name in the storage
    storage: str  # address of the database
    seed: int
    trials: int  # whole ones that the budget pays for

    @property
    def controller(self) -> str:
        """Name of whose gains are searched."""
        return self.subject.name

    @property
    def start(self) -> Mapping[str, float]:
        """The gains in place, all of them."""
        return self.subject.start

    def whole(self, study: Study, ground: Ground) -> int | None:
        """Store-hours of a whole trial: of a training, what the first one took; None before that is known."""
        if not self.subject.learns:
            return ground.whole
        first = in_place(self, study)
        return None if first is None or first.state != TrialState.COMPLETE else store_hours([first])

    @property
    def space(self) -> dict[str, FloatDistribution]:
        """Where to look for each gain that is searched."""
        return {name: FloatDistribution(*gain.search, log=gain.log) for name, gain in self.subject.ranges.items()}

    def within(self) -> dict[str, float]:
        """The gains in place, moved to where the search looks: what the sampler is told of them."""
        return {name: min(max(self.start[name], where.low), where.high) for name, where in self.space.items()}

    def open(self) -> Study:
        """The study, made where there is none."""
        sampler: BaseSampler = KeyedSampler(self.space, self.seed, self.controller)
        return optuna.create_study(
            storage=RDBStorage(self.storage),
            study_name=self.study,
            sampler=sampler,
            direction="maximize",
            load_if_exists=True,
        )


def prepare(search: Search, what: Mapping[str, Any]) -> Study:
    """Make a study ready to be worked on: trials that were cut off are given up, the gains in place are queued first.

    Args:
        what: all that makes trials comparable; kept with the study.
    Raises: ValueError: the study was begun for something else; names the first difference.
    """
    study = search.open()
    known = study.user_attrs.get("what")
    if known is None:
        study.set_user_attr("what", dict(what))
    for name, value in what.items():
        if known is not None and known.get(name) != value:
            raise ValueError(
                f"study(={search.study!r}) was begun with {name}={known.get(name)!r} and cannot go on with {value!r}; "
                "choose another name: study=..."
            )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    if in_place(search, study) is None:
        study.enqueue_trial(search.within(), user_attrs={"start": dict(search.start)})
    return study


def in_place(search: Search, study: Study) -> FrozenTrial | None:
    """The first trial, whole or still queued, that tries the gains in place; None where there is none."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.WAITING)):
        tried = trial.user_attrs.get("gains", trial.user_attrs.get("start"))
        if tried == dict(search.start):
            return trial
    return None


def work(search: Search, ground: Ground, alive: Callable[[], bool] = lambda: True) -> None:
    """Run trials until the budget of the search is used up, by this process and any other.

    The gains in place are tried whatever the budget says: they may have changed since it was used up.

    Args:
        alive: asked after every chunk; False ends the work at once.
    Raises: ValueError: the gains in place cannot be run.
    """
    study, most = search.open(), _MOST_TRIALS * search.trials
    while alive():
        trials = study.get_trials(deepcopy=False)
        states = [trial.state for trial in trials]
        whole = search.whole(study, ground)
        taken = store_hours(trials) + states.count(TrialState.RUNNING) * (whole or 0)
        used_up = whole is not None and taken + whole > search.trials * whole
        if (used_up or len(trials) >= most) and TrialState.WAITING not in states:
            return
        trial = study.ask()
        if "start" not in trial.user_attrs and whole is not None and _too_late(study, trial, whole, search.trials):
            study.tell(trial, state=TrialState.FAIL)
            return
        try:
            _run(search, study, trial, ground, alive)
        except BaseException:
            study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)
            raise


def store_hours(trials: Sequence[FrozenTrial]) -> int:
    """Store-hours of the trials that came to an end; what was cut off taught nothing and is not counted."""
    return sum(int(trial.user_attrs.get("store_hours", 0)) for trial in trials if trial.state in _FINISHED)


def _too_late(study: Study, trial: Trial, whole: int, allowed: int) -> bool:
    """True where trials that other processes began at the same moment leave too little for this one."""
    trials = study.get_trials(deepcopy=False)
    running = [other for other in trials if other.state == TrialState.RUNNING and other.number <= trial.number]
    return store_hours(trials) + len(running) * whole > allowed * whole


def _run(search: Search, study: Study, trial: Trial, ground: Ground, alive: Callable[[], bool]) -> None:
    """One trial, stage by stage, told to the study."""
    gains = _gains(search, trial)
    begins = "start" in trial.user_attrs
    trial.set_user_attr("gains", gains)
    race = _Race(search, study, trial, begins, alive)
    try:
        search.subject.run(gains, ground, race.tell)
    except _EndedError:
        return
    except ValueError as error:
        _impossible(study, trial, begins, error)
        return
    trial.set_user_attr("scores", race.scores.tolist())
    study.tell(trial, float(race.scores.mean()))


class _EndedError(Exception):
    """A trial that is not carried out to its end."""


@dataclass
class _Race:
    """What is told of a trial under way, which ends where it is hopeless."""

    search: Search
    study: Study
    trial: Trial
    begins: bool  # the gains in place, which are never stopped
    alive: Callable[[], bool]
    stage: int = 0
    scores: Floats = field(default_factory=lambda: np.zeros(0))  # of the stores met so far

    def tell(self, scores: Floats, hours: int, last: bool) -> None:
        """Note how far the trial has come. Raises: _EndedError: nobody waits for it any more, or it is hopeless."""
        if not self.alive():
            raise _EndedError
        self.scores = scores
        self.trial.set_user_attr("store_hours", hours)
        self.trial.report(float(scores.mean()), self.stage)
        if self.search.subject.learns:
            self.trial.set_user_attr(_at(self.stage), scores.tolist())
        if not last and not self.begins and self._hopeless():
            self.study.tell(self.trial, state=TrialState.PRUNED)
            raise _EndedError
        self.stage += 1

    def _hopeless(self) -> bool:
        """True where the trial is behind the best whole one, at the same stage and by store, by more than chance."""
        whole = ranked(self.study)
        if not whole or len(self.scores) < 2:
            return False
        best = whole[0].user_attrs.get(_at(self.stage), whole[0].user_attrs["scores"])
        behind = np.asarray(best)[: len(self.scores)] - self.scores
        error = float(behind.std(ddof=1)) / sqrt(len(behind))
        return float(behind.mean()) > self.search.subject.hopeless * error


def _at(stage: int) -> str:
    """Under what name a training's scores at a validation are kept."""
    return f"scores/{stage}"


def _gains(search: Search, trial: Trial) -> dict[str, float]:
    """All gains of a trial; those that are searched rounded as they would be written."""
    known = search.subject.ranges
    tried = {
        name: rounded(trial.suggest_float(name, where.low, where.high, log=where.log), known[name])
        for name, where in search.space.items()
    }
    standing: dict[str, float] | None = trial.user_attrs.get("start")
    return dict(standing) if standing is not None else {**search.start, **tried}


def _impossible(study: Study, trial: Trial, begins: bool, error: ValueError) -> None:
    """Gains that exclude each other cost nothing and count as the worst; those in place must be possible."""
    if begins:
        raise error
    trial.set_user_attr("impossible", str(error))
    study.tell(trial, state=TrialState.PRUNED)


def ranked(study: Study) -> list[FrozenTrial]:
    """The trials that met all stores, the highest score first, the earlier of equals."""
    whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(whole, key=lambda trial: (-score_of(trial), trial.number))
