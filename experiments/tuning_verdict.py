"""What a search found, on stores that it never saw: the best of many trials is partly the luckiest of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from .statistics import Floats, Interval, mean_interval
from .tuning_ground import Ground, share
from .tuning_sampler import score_of
from .tuning_search import Search, in_place, ranked, store_hours

_KEPT = "fresh"  # begins the names under which a study keeps what finalists earned on fresh stores


@dataclass(frozen=True)
class Verdict:
    """The outcome of one controller's search. Uplift is over the plan as written, as a share of what that earns."""

    controller: str
    gains: Mapping[str, float]  # the best finalist's on fresh stores
    trial: int  # its number
    whole_trials: int  # that met all stores
    pruned_trials: int  # stopped early
    impossible: Sequence[str]  # why gains could not be run, one entry a trial
    store_hours: int  # of the search
    fresh_store_hours: int  # of the finalists on fresh stores
    uplift: Interval  # of the gains chosen, on fresh stores
    uplift_cny: float  # the same [CNY per store and plan], mean over scenarios
    start_uplift: Interval  # of the gains that were in place, on fresh stores
    gain: Interval  # chosen less in place, paired by fresh store
    optimism: float  # of the search's best trial: score under search less score on fresh stores
    optimism_error: float  # its standard error
    spent: Sequence[int]  # (n,) store-hours when a whole trial ended
    best: Sequence[float]  # (n,) best score so far


def finalists(search: Search, study: Study, count: int) -> list[FrozenTrial]:
    """The gains in place and the best other whole trials, `count` in all where there are so many, the best first."""
    whole, start = ranked(study), in_place(search, study)
    chosen = [] if start is None else [start]
    for trial in whole:
        if len(chosen) < count and all(trial.user_attrs["gains"] != one.user_attrs["gains"] for one in chosen):
            chosen.append(trial)
    numbers = {trial.number for trial in chosen}
    return [trial for trial in whole if trial.number in numbers]


def rescore(
    search: Search,
    fresh: Ground,
    count: int,
    alive: Callable[[], bool] = lambda: True,
    *,
    ground: Callable[[], Ground],
) -> None:
    """Run the finalists on fresh stores, those that were not yet, and keep with the study what they earned.

    Args:
        ground: gives the stores of the search, by which a learner's checkpoint is chosen.
    """
    study = search.open()
    for trial in finalists(search, study, count):
        if not alive():
            return
        if _key(trial, len(fresh.chunks[0][0].opened)) not in study.user_attrs:
            actor, hours = search.subject.finalist(trial.user_attrs["gains"], ground)
            uplift = fresh.uplift(actor, 0)
            earned = {"scores": share(uplift, fresh.scales).tolist(), "cny": float(uplift.mean())}
            study.set_user_attr(_key(trial, uplift.shape[1]), earned | {"store_hours": fresh.whole + hours})


def judge(search: Search, stores: int, count: int, rng: np.random.Generator) -> Verdict:
    """Choose among the finalists by what they earned on so many fresh stores."""
    study = search.open()
    final, kept = finalists(search, study, count), study.user_attrs
    earned = {trial.number: kept[_key(trial, stores)] for trial in final}
    scores = {number: np.asarray(one["scores"]) for number, one in earned.items()}
    chosen = max(final, key=lambda trial: (scores[trial.number].mean(), -trial.number))
    start = next(trial for trial in final if trial.user_attrs["gains"] == dict(search.start))
    searched, again = np.asarray(final[0].user_attrs["scores"]), scores[final[0].number]
    trials = study.get_trials(deepcopy=False)
    spent, best = _history(trials)
    states = [trial.state for trial in trials]
    state = int(rng.integers(2**63))
    return Verdict(
        controller=search.controller,
        gains=dict(chosen.user_attrs["gains"]),
        trial=chosen.number,
        whole_trials=states.count(TrialState.COMPLETE),
        pruned_trials=states.count(TrialState.PRUNED),
        impossible=[trial.user_attrs["impossible"] for trial in trials if "impossible" in trial.user_attrs],
        store_hours=store_hours(trials),
        fresh_store_hours=sum(int(one["store_hours"]) for one in earned.values()),
        uplift=_interval(scores[chosen.number], state),
        uplift_cny=float(earned[chosen.number]["cny"]),
        start_uplift=_interval(scores[start.number], state),
        gain=_interval(scores[chosen.number] - scores[start.number], state),
        optimism=float(searched.mean() - again.mean()),
        optimism_error=sqrt(_squared_error(searched) + _squared_error(again)),
        spent=spent,
        best=best,
    )


def fresh_store_hours(study: Study) -> int:
    """Store-hours that finalists took so far."""
    return sum(int(one["store_hours"]) for name, one in study.user_attrs.items() if name.startswith(f"{_KEPT}/"))


def _key(trial: FrozenTrial, stores: int) -> str:
    return f"{_KEPT}/{stores}/{trial.number}"


def _interval(scores: Floats, state: int) -> Interval:
    return mean_interval(scores[None, :], np.random.default_rng(state))


def _squared_error(scores: Floats) -> float:
    return float(scores.var(ddof=1)) / len(scores)


def _history(trials: Sequence[FrozenTrial]) -> tuple[list[int], list[float]]:
    """Store-hours spent and the best score so far, after every whole trial in the order they began."""
    hours: list[int] = []
    best: list[float] = []
    for i, trial in enumerate(trials):
        if trial.state == TrialState.COMPLETE:
            hours.append(store_hours(trials[: i + 1]))
            best.append(max([score_of(trial), *best[-1:]]))
    return hours, best
