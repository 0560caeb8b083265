"""Runs of an offline file copied to a tracking store, once the server is back.

    python -m merchantgym.experiments.tracking_upload outputs/run-1/mlflow-offline.db http://127.0.0.1:5000

Every run bears a key of its own as a tag; by it `upload` knows which runs the server has, and replaces those
it has only in part.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .tracking_store import (
    ARTIFACTS,
    KEY,
    LATER_CALLS,
    PARENT,
    SQLITE,
    Store,
    calm,
    checked,
    client_of,
    failures,
    log,
    opened,
    public,
    reason,
)

if TYPE_CHECKING:
    from mlflow.entities import Run as MlflowRun
    from mlflow.tracking import MlflowClient

MODULE = "merchantgym.experiments.tracking_upload"
OFFLINE = "mlflow-offline.db"  # in the run's folder


def upload(offline: Path, uri: str) -> int:
    """Copy all runs of a sqlite file (params, metrics with history, tags, artifacts) to a tracking store.

    Safe to repeat: a run the store has whole is left alone, one it has in part is replaced.

    Args:
        offline: the file; its artifacts are looked for beside it, so the folder may have been moved.
        uri: where to, as for `Tracker`.
    Returns: number of runs copied.
    Raises: FileNotFoundError: no such file. ConnectionError: the server is away; nothing is lost.
    """
    if not offline.is_file():
        raise FileNotFoundError(f"offline(={offline}) must be a file that a run left behind")
    checked(uri)
    source = client_of(f"{SQLITE}{offline}")
    copied = 0
    try:
        for experiment in source.search_experiments():
            runs = _all_runs(source, experiment.experiment_id)
            if not runs:
                continue
            target = opened(uri, experiment.name)
            with calm(LATER_CALLS):
                copied += _copy_runs(source, offline.parent / ARTIFACTS, runs, target)
    except failures() as error:
        raise ConnectionError(f"upload to {public(uri)} failed, try again: {reason(error)}") from error
    return copied


def main(argv: Sequence[str] | None = None) -> int:
    """Upload the runs of an offline file: the command that a run names when its server is away."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description=main.__doc__)
    parser.add_argument("offline", type=Path, help=f"the file, <run folder>/{OFFLINE}")
    parser.add_argument("uri", help="tracking server, such as http://127.0.0.1:5000")
    given = parser.parse_args(argv)
    try:
        copied = upload(given.offline, given.uri)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{copied} runs uploaded to {public(given.uri)}")
    return 0


def _all_runs(client: "MlflowClient", experiment: str) -> list["MlflowRun"]:
    """Runs of an experiment, the oldest first, so that parents come before their children."""
    oldest = ["attributes.start_time ASC"]
    page = client.search_runs([experiment], order_by=oldest)
    runs = list(page)
    while page.token:
        page = client.search_runs([experiment], order_by=oldest, page_token=page.token)
        runs += page
    return runs


def _copy_runs(source: "MlflowClient", artifacts: Path, runs: Sequence["MlflowRun"], target: Store) -> int:
    """Copy what the target lacks, with parents' ids translated; number of runs copied."""
    moved: dict[str, str] = {}  # id here -> id there
    copied = 0
    for run in sorted(runs, key=lambda run: PARENT in run.data.tags):
        key = run.data.tags.get(KEY, run.info.run_id)
        tags = {**run.data.tags, KEY: key}
        if PARENT in tags:
            tags[PARENT] = moved.get(tags[PARENT], tags[PARENT])
        whole = ""
        for there in target.client.search_runs([target.experiment], f"tags.`{KEY}` = '{key}'"):
            if there.info.status == "RUNNING" or whole:
                target.client.delete_run(there.info.run_id)
            else:
                whole = there.info.run_id
        moved[run.info.run_id] = whole or _copy_run(source, artifacts, run, tags, target)
        copied += not whole
        if whole and PARENT in tags:
            target.client.set_tag(whole, PARENT, tags[PARENT])
    return copied


def _copy_run(
    source: "MlflowClient",
    artifacts: Path,
    run: "MlflowRun",
    tags: dict[str, str],
    target: Store,
) -> str:
    """Copy one run; its end is told last, so that a run cut off in the middle is known by its running."""
    info, client = run.info, target.client
    made = client.create_run(target.experiment, info.start_time, tags, info.run_name).info.run_id
    found = [m for name in run.data.metrics for m in source.get_metric_history(info.run_id, name)]
    history = [(m.key, m.value, m.timestamp, m.step) for m in found]
    log(client, made, params=run.data.params, metrics=history)
    files = artifacts / info.run_id / "artifacts"
    if files.is_dir():
        client.log_artifacts(made, str(files))
    if info.status != "RUNNING":
        client.set_terminated(made, info.status, info.end_time)
    return str(made)


if __name__ == "__main__":
    sys.exit(main())
