"""A store of MLflow: opening it, logging in batches, and telling one that is away from one that refuses us.

mlflow is imported on first use, which takes seconds. Its reports of usage to its makers are off unless the
environment says otherwise, and what it and alembic say about themselves is held back.
"""

import logging
import os
import re
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from .file_lock import held

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

Number = tuple[str, float, int, int]  # name, value, time [ms], step

T = TypeVar("T")

SQLITE = "sqlite:///"
ARTIFACTS = "mlartifacts"  # folder beside a sqlite file
KEY = "merchantgym.run"  # tag: names a run in whatever store it lies
PARENT = "mlflow.parentRunId"
FIRST_CALL = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}  # [s], [count]
LATER_CALLS = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}
QUIET = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true", "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1"}
NOISY = ("alembic", "mlflow.store.db.utils", "mlflow.tracking", "urllib3.connectionpool")
METRICS_A_CALL, TAGS_A_CALL = 1000, 100  # MLflow's limits


@dataclass(frozen=True)
class Store:
    """A place where runs are kept, with the experiment that they belong to."""

    client: "MlflowClient"
    experiment: str  # its id


class AwayError(ConnectionError):
    """A store that cannot be reached now."""


def checked(uri: str) -> str:
    """The address, as given.

    Raises: ValueError: one that MLflow cannot use; names `tracking.uri`.
    """
    scheme, _, rest = uri.partition("://")
    if not rest or scheme == "file" or (scheme == "sqlite" and not rest.startswith("/")) or uri == SQLITE:
        raise ValueError(
            f"tracking.uri(={uri!r}) must be sqlite:///<file>, http(s)://<server> or the address of another "
            "database; MLflow 3 has no plain file store"
        )
    return uri


def client_of(uri: str) -> "MlflowClient":
    """A client of the store, whose sqlite file is made where there is none (3 s).

    MLflow makes and migrates tables without a lock: two processes that open one new file at once would fail.
    """
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    from mlflow.tracking import MlflowClient

    alone = held(Path(uri.removeprefix(SQLITE)), wait=True) if uri.startswith(SQLITE) else nullcontext()
    with alone, calm(FIRST_CALL):
        return MlflowClient(tracking_uri=uri)


def opened(uri: str, experiment: str) -> Store:
    """The store with the experiment in it.

    Raises: AwayError: the server cannot be reached. ValueError: it, or the file, cannot be used.
    """
    try:
        _knock(uri)
        client = client_of(uri)
        with calm(FIRST_CALL):
            return Store(client, _experiment(client, experiment, uri))
    except AwayError:
        raise
    except failures() as error:
        status = getattr(error, "get_http_status_code", lambda: 500)()
        if status >= 500 and not uri.startswith(SQLITE):
            raise AwayError(reason(error)) from error
        raise ValueError(f"tracking.uri(={public(uri)}) cannot be used: {reason(error)}") from error
    except OSError as error:  # of the folder of a sqlite file
        raise ValueError(f"tracking.uri(={public(uri)}) cannot be used: {error}") from error


def log(
    client: "MlflowClient",
    run: str,
    params: Mapping[str, str] | None = None,
    tags: Mapping[str, str] | None = None,
    metrics: Sequence[Number] = (),
) -> None:
    """Log in as few calls as MLflow's limits allow."""
    from mlflow.entities import Metric, Param, RunTag

    for part in _parts(list((params or {}).items()), TAGS_A_CALL):
        client.log_batch(run, params=[Param(*item) for item in part])
    for part in _parts(list((tags or {}).items()), TAGS_A_CALL):
        client.log_batch(run, tags=[RunTag(*item) for item in part])
    for numbers in _parts(metrics, METRICS_A_CALL):
        client.log_batch(run, metrics=[Metric(*number) for number in numbers])


@contextmanager
def calm(patience: Mapping[str, str]) -> Iterator[None]:
    """MLflow with bounded patience and no chatter; patience that the user's environment sets counts more."""
    added = {name: value for name, value in {**QUIET, **patience}.items() if name not in os.environ}
    levels = {name: logging.getLogger(name).level for name in NOISY}
    os.environ.update(added)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for name in added:
            os.environ.pop(name, None)


def failures() -> tuple[type[Exception], ...]:
    """What MLflow lets through when a store does not do what it should."""
    from mlflow.exceptions import MlflowException
    from requests import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    return MlflowException, RequestException, SQLAlchemyError, AwayError


def public(uri: str) -> str:
    """The address without a password."""
    return re.sub(r"://[^/@]*@", "://***@", uri)


def reason(error: BaseException) -> str:
    """One line for an error: "Connection refused" rather than the five errors wrapped around it."""
    root: BaseException | None = error
    while root is not None:
        if isinstance(root, TimeoutError) or (isinstance(root, OSError) and root.errno):
            break
        root = root.__context__
    return (str(root or error).splitlines() or [type(error).__name__])[0][:200]


def _experiment(client: "MlflowClient", name: str, uri: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        if found.lifecycle_stage != "active":
            raise ValueError(f"tracking.experiment(={name!r}) was deleted; restore it or choose another name")
        return str(found.experiment_id)
    location = None
    if uri.startswith(SQLITE):  # without it MLflow would write below ./mlruns
        location = (Path(uri.removeprefix(SQLITE)).parent / ARTIFACTS).resolve().as_uri()
    try:
        return client.create_experiment(name, artifact_location=location)
    except failures():
        made = client.get_experiment_by_name(name)  # by another process, since we asked
        if made is None:
            raise
        return str(made.experiment_id)


def _knock(uri: str) -> None:
    """Ask a database server whether it is there: MLflow alone would wait for it for minutes."""
    address = urlsplit(uri)
    if address.scheme.startswith("http") or address.port is None or address.hostname is None:
        return
    try:
        socket.create_connection((address.hostname, address.port), timeout=5).close()
    except OSError as error:
        raise AwayError(str(error)) from error


def _parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
