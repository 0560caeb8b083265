"""Search the gains of controllers, or the settings of learners: the same number of whole trials for each."""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path

import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from optuna.study import Study

from .file_lock import held
from .setting import Setting, open_tracker, progress_bars, read_setting
from .tracking import Tracker
from .tuning import Tuning, read_tuning
from .tuning_gains import write_gains
from .tuning_report import draw_history, history, print_table, write_json
from .tuning_search import prepare, store_hours
from .tuning_settings import write_settings
from .tuning_verdict import Verdict, fresh_store_hours, judge
from .tuning_workers import carry_out


def run(config: DictConfig) -> None:
    """Carry out `merchantgym tune`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    tuning = read_tuning(setting)
    with _alone_with(tuning.storage):
        studies = {}
        for name in tuning.controllers:
            studies[name] = prepare(tuning.search(name), tuning.what(name))
        with open_tracker(setting) as tracker:
            _work(setting, tuning, studies)
            verdicts = [
                judge(tuning.search(name), tuning.fresh, tuning.finalists, np.random.default_rng(setting.seed))
                for name in tuning.controllers
            ]
            verdicts.sort(key=lambda verdict: -verdict.uplift.mean)
            _write(setting, tuning, verdicts)
            _log(tracker, setting, tuning, verdicts)
            print_table(tuning, verdicts, setting.console())
            setting.console().print(f"\nResults: {setting.output}   Trials: {tuning.storage}")


def command() -> str:
    """The command line that makes this run again."""
    return shlex.join(["merchantgym", "tune", *HydraConfig.get().overrides.task])


def _work(setting: Setting, tuning: Tuning, studies: dict[str, Study]) -> None:
    with progress_bars(setting) as bars:
        tasks = {name: bars.add_task(f"tune {name}", total=_work_of(tuning, name)) for name in studies}

        def tell() -> None:
            for name, study in studies.items():
                done = store_hours(study.get_trials(deepcopy=False)) + fresh_store_hours(study)
                bars.update(tasks[name], completed=done)

        carry_out(tuning, tell)
        for name, task in tasks.items():
            if total := _work_of(tuning, name):
                bars.update(task, completed=total)


def _work_of(tuning: Tuning, name: str) -> int | None:
    """Store-hours of a whole search; of a learner's they are not known before the first trial."""
    return None if tuning.subjects[name].learns else tuning.budget + tuning.fresh_budget


def _write(setting: Setting, tuning: Tuning, verdicts: Sequence[Verdict]) -> None:
    """The report under the run's folder and, where it is wished, the gains in the controllers' files."""
    write_json(tuning, verdicts, command(), setting.output / "tuning.json")
    draw_history(verdicts, setting.output / "tuning.png")
    if tuning.write is not None:
        for verdict in verdicts:
            write = write_settings if tuning.subjects[verdict.controller].learns else write_gains
            write(verdict.controller, verdict.gains, history(tuning, verdict, command()), tuning.write)


def _log(tracker: Tracker, setting: Setting, tuning: Tuning, verdicts: Sequence[Verdict]) -> None:
    """One parent run, one child a controller."""
    for verdict in verdicts:
        with tracker.child(tuning.planner, verdict.controller, tuning.seed, {"gains": verdict.gains}) as child:
            child.curves(verdict.spent, {"best_uplift": verdict.best})
            flat = asdict(verdict)
            child.metrics({name: value for name, value in flat.items() if isinstance(value, int | float)})
            for name in ("uplift", "start_uplift", "gain"):
                child.metrics({f"{name}.{end}": value for end, value in flat[name].items()})
    for name in ("tuning.json", "tuning.png"):
        tracker.parent.artifact(setting.output / name, "plots" if name.endswith(".png") else None)


@contextmanager
def _alone_with(storage: Path) -> Iterator[None]:
    """Keep other commands away from the database; ends with the process, however that ends.

    Raises: ValueError: another command works on it.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(held(storage, wait=False))
        except BlockingIOError:
            raise ValueError(
                f"storage(={str(storage)!r}) is in use by another tune: wait for it, or name another"
            ) from None
        yield
