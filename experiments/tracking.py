"""Runs kept in MLflow: a parent for the comparison, a child for each (planner, executor, seed).

    with Tracker("sqlite:///outputs/mlflow.db", "merchantgym", "run-1", folder, config, scenario) as tracker:
        with tracker.child("rule", "pid", seed=0) as run:
            run.metrics({"profit": 3120.0})
        tracker.parent.artifact(folder / "comparison.json")

Only this file, tracking_store.py and tracking_upload.py import mlflow. A tracking server that is away, from the
start or at any moment later, costs no result: what the runs were told is remembered and told again to a sqlite
file in the run's folder, and one line says how to upload it later.
"""

import shlex
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from uuid import uuid4

import numpy as np
from numpy.typing import ArrayLike

from .provenance import allowed_name, flatten, git_state, user
from .tracking_store import (
    KEY,
    LATER_CALLS,
    PARENT,
    SQLITE,
    AwayError,
    Number,
    Store,
    calm,
    checked,
    failures,
    log,
    opened,
    public,
    reason,
)
from .tracking_upload import MODULE, OFFLINE, main, upload

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

    Act = Callable[[MlflowClient, str], object]  # what is told to a run: (client, id of the run)

__all__ = ["KEY", "OFFLINE", "PARENT", "Run", "Tracker", "flatten", "git_state", "main", "upload"]


class Run:
    """One run: what it is told goes to the tracker's store, and is remembered in case the store goes away."""

    def __init__(self, tracker: "Tracker", name: str, tags: Mapping[str, str], parent: "Run | None") -> None:
        self.name = name
        self.id = ""  # in the store that holds it now; empty without tracking
        self._tracker, self._parent = tracker, parent
        self._tags = {KEY: uuid4().hex, **tags}
        self._acts: list[Act] = []
        self._started = _now()

    def params(self, config: Mapping[str, object]) -> None:
        """Log a configuration, nested names joined by dots."""
        self._tell(lambda client, run: log(client, run, params=flatten(config)))

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        self._tell(lambda client, run: log(client, run, tags=values))

    def metrics(self, values: Mapping[str, float | None], step: int = 0) -> None:
        """Log numbers at one step; None is left out."""
        now = _now()
        found = [(allowed_name(name), float(v), now, step) for name, v in values.items() if v is not None]
        self._tell(lambda client, run: log(client, run, metrics=found))

    def curves(self, steps: ArrayLike, values: Mapping[str, ArrayLike]) -> None:
        """Log learning curves, each of values (n,) at steps (n,), in as few calls as MLflow allows.

        Raises: ValueError: names the curve and both shapes.
        """
        x, now = np.asarray(steps), _now()
        found: list[Number] = []
        for name, curve in values.items():
            y = np.asarray(curve, dtype=float)
            if x.ndim != 1 or x.shape != y.shape:
                raise ValueError(f"{name}(shape={y.shape}) must be of shape (n,) like steps(shape={x.shape})")
            found += [(allowed_name(name), float(v), now, int(s)) for s, v in zip(x, y, strict=True)]
        self._tell(lambda client, run: log(client, run, metrics=found))

    def artifact(self, path: Path, folder: str | None = None) -> None:
        """Store a file, or all files of a folder, with the run, below `folder` there.

        The path must stay until the tracker is left: where a server goes away, it is stored once more.
        Raises: FileNotFoundError: names the path.
        """
        if not path.exists():
            raise FileNotFoundError(f"artifact(={path}) must be a file or folder that exists")

        def store(client: "MlflowClient", run: str) -> None:
            if path.is_dir():
                client.log_artifacts(run, str(path), folder)
            elif path.exists():
                client.log_artifact(run, str(path), folder)
            else:
                self._tracker._say(f"{path} is gone and is not kept with run {self.name}")

        self._tell(store)

    def _end(self, status: str) -> None:
        end = _now()
        self._tell(lambda client, run: client.set_terminated(run, status, end))

    def _tell(self, act: "Act") -> None:
        self._acts.append(act)
        self._tracker._reach(lambda store: act(store.client, self.id))

    def _open(self, store: Store) -> None:
        """Make the run in a store and tell it all it was told so far."""
        linked = {} if self._parent is None else {PARENT: self._parent.id}
        made = store.client.create_run(
            store.experiment, start_time=self._started, tags=self._tags | linked, run_name=self.name
        )
        self.id = made.info.run_id
        for act in self._acts:
            act(store.client, self.id)


class Tracker:
    """The runs of one comparison, as a context: entering opens the parent run, leaving ends it.

    Args:
        uri: where runs are kept: sqlite:///<file> (artifacts in `mlartifacts` beside it), http(s)://<server>,
            or another address that MLflow knows; None keeps nothing.
        experiment: MLflow's name for what the run belongs to.
        name: name of the parent run.
        folder: folder of the run; holds the offline file if the server is away.
        config: the whole configuration, logged as params of the parent.
        scenario_hash: tag of every run.
        say: takes the one line about a server that is away.
    Raises: ValueError: an address MLflow cannot use, or a server that refuses us; names `tracking.uri`.
    """

    def __init__(
        self,
        uri: str | None,
        experiment: str,
        name: str,
        folder: Path,
        config: Mapping[str, object],
        scenario_hash: str,
        say: Callable[[str], object] = print,
    ) -> None:
        self.uri = None if uri is None else checked(uri)  # where the runs are now
        self._experiment, self._folder, self._config, self._say = experiment, folder, config, say
        commit, dirty = git_state(Path(__file__).parent)
        self._tags = {
            "git_commit": commit,
            "git_dirty": str(dirty).lower(),
            "scenario_hash": scenario_hash,
            "mlflow.user": user(),
            "mlflow.source.name": "merchantgym",
        }
        if commit != "none":
            self._tags["mlflow.source.git.commit"] = commit
        self._store: Store | None = None
        self._runs: list[Run] = []
        self.parent = Run(self, name, self._tags, None)

    def __enter__(self) -> Self:
        if self.uri is not None:
            try:
                self._store = opened(self.uri, self._experiment)
            except AwayError as away:
                self._go_offline(away)
        self._begin(self.parent)
        self.parent.params(self._config)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.parent._end(_status(kind))

    @contextmanager
    def child(
        self,
        planner: str,
        executor: str,
        seed: int,
        config: Mapping[str, object] | None = None,
        scenario: str | None = None,
    ) -> Iterator[Run]:
        """A run below the parent for one planner, executor and training seed, ended on leaving the context.

        Args:
            config: what belongs to this run alone, logged as params beside planner, executor and seed.
            scenario: where there are several; the first part of the name, a tag and a param.
        """
        name = {} if scenario is None else {"scenario": scenario}
        name |= {"planner": planner, "executor": executor, "seed": str(seed)}
        run = Run(self, "/".join(name.values()), self._tags | name, self.parent)
        self._begin(run)
        run.params({**name, **(config or {})})
        try:
            yield run
        except BaseException as error:
            run._end(_status(type(error)))
            raise
        run._end("FINISHED")

    def _begin(self, run: Run) -> None:
        self._runs.append(run)
        self._reach(run._open)

    def _reach(self, act: Callable[[Store], object]) -> None:
        """Do something with the store; where a server fails, tell everything to the offline file instead."""
        if self._store is None or self.uri is None:
            return
        try:
            with calm(LATER_CALLS):
                act(self._store)
        except Exception as error:
            if self.uri.startswith(SQLITE) or not isinstance(error, failures()):
                raise
            self._go_offline(AwayError(reason(error)))

    def _go_offline(self, away: AwayError) -> None:
        server, file = str(self.uri), self._folder / OFFLINE
        self.uri = f"{SQLITE}{file}"
        self._store = opened(self.uri, self._experiment)
        with calm(LATER_CALLS):
            for run in self._runs:
                run._open(self._store)
        command = shlex.join(["python", "-m", MODULE, str(file), public(server)])
        self._say(f"Tracking server {public(server)} is away ({away}); upload the run later with: {command}")


def _status(error: type[BaseException] | None) -> str:
    """How a run ended that left its context with this error, in MLflow's words."""
    if error is None:
        return "FINISHED"
    return "KILLED" if issubclass(error, KeyboardInterrupt) else "FAILED"


def _now() -> int:
    return int(time.time() * 1000)  # [ms]
