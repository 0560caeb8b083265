"""The search for one controller's gains: an Optuna study that any number of processes work on and that can go on.

Every trial meets the same stores and the same chance. It runs chunk by chunk, and stops where it is behind the best
trial so far, paired by store, by more than chance explains (a race: Maron and Moore 1994; Birattari et al. 2002). What
it saves pays for further trials: the budget is counted in store-hours, so every controller gets the same number.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import optuna
from optuna.distributions import FloatDistribution
from optuna.samplers import BaseSampler
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from merchantgym.controllers import make_controller

from .statistics import Floats
from .tuning_gains import rounded, searched_gains
from .tuning_ground import Ground, share
from .tuning_sampler import KeyedSampler, score_of

HOPELESS = 1.645  # [standard errors] behind the best so far, paired by store: 5 % of equals are lost at a chunk's end
_MOST_TRIALS = 50  # for each that the budget would pay in full: ends a search in which nothing can be built
_FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)

optuna.logging.set_verbosity(logging.ERROR)


@dataclass(frozen=True)
class Search:
    """What is searched, by what name it is kept, and what it may cost."""

    controller: str
    start: Mapping[str, float]  # the gains in place, all of them
    study: str  # name in the storage
    storage: str  # address of the database
    seed: int
    budget: int  # [store-hours]

    @property
    def space(self) -> dict[str, FloatDistribution]:
        """Where to look for each gain that is searched."""
        found = searched_gains(self.controller)
        return {name: FloatDistribution(*gain.search, log=gain.log) for name, gain in found.items()}

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
    study, most = search.open(), _MOST_TRIALS * max(1, search.budget // ground.whole)
    while alive():
        trials = study.get_trials(deepcopy=False)
        states = [trial.state for trial in trials]
        taken = store_hours(trials) + states.count(TrialState.RUNNING) * ground.whole
        used_up = taken + ground.whole > search.budget or len(trials) >= most
        if used_up and TrialState.WAITING not in states:
            return
        trial = study.ask()
        if "start" not in trial.user_attrs and _too_late(study, trial, ground, search.budget):
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


def _too_late(study: Study, trial: Trial, ground: Ground, budget: int) -> bool:
    """True where trials that other processes began at the same moment leave too little for this one."""
    trials = study.get_trials(deepcopy=False)
    running = [other for other in trials if other.state == TrialState.RUNNING and other.number <= trial.number]
    return store_hours(trials) + len(running) * ground.whole > budget


def _run(search: Search, study: Study, trial: Trial, ground: Ground, alive: Callable[[], bool]) -> None:
    """One trial, chunk by chunk, told to the study."""
    gains = _gains(search, trial)
    begins = "start" in trial.user_attrs
    trial.set_user_attr("gains", gains)
    try:
        actor = make_controller(search.controller, gains)
    except ValueError as error:
        _impossible(study, trial, begins, error)
        return
    parts: list[Floats] = []
    for chunk in range(len(ground)):
        try:
            parts.append(ground.uplift(actor, chunk))
        except ValueError as error:
            _impossible(study, trial, begins, error)
            return
        if not alive():
            return
        uplift = np.concatenate(parts, axis=1)
        scores = share(uplift, ground.scales)
        trial.set_user_attr("store_hours", sum(ground.store_hours(done) for done in range(chunk + 1)))
        trial.report(float(scores.mean()), chunk)
        if chunk + 1 < len(ground) and not begins and _hopeless(scores, study):
            study.tell(trial, state=TrialState.PRUNED)
            return
    trial.set_user_attr("scores", scores.tolist())
    study.tell(trial, float(scores.mean()))


def _gains(search: Search, trial: Trial) -> dict[str, float]:
    """All gains of a trial; those that are searched rounded as they would be written."""
    known = searched_gains(search.controller)
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


def _hopeless(scores: Floats, study: Study) -> bool:
    """True where a trial is behind the best whole trial, on the stores that it has met, by more than chance."""
    whole = ranked(study)
    if not whole or len(scores) < 2:
        return False
    behind = np.asarray(whole[0].user_attrs["scores"])[: len(scores)] - scores
    error = float(behind.std(ddof=1)) / sqrt(len(behind))
    return float(behind.mean()) > HOPELESS * error


def ranked(study: Study) -> list[FrozenTrial]:
    """The trials that met all stores, the highest score first, the earlier of equals."""
    whole = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(whole, key=lambda trial: (-score_of(trial), trial.number))
