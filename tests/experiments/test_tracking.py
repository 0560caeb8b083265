"""Runs in MLflow: in a file, on a real server, and while the server is away."""

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import numpy as np
import pytest
from mlflow.entities import Run as MlflowRun
from mlflow.tracking import MlflowClient

from merchantgym.experiments import tracking
from merchantgym.experiments.tracking import KEY, PARENT, Tracker, flatten, git_state, upload
from merchantgym.experiments.tracking_store import client_of

CONFIG = {"seed": 0, "market": {"rho": 0.8, "channels": ["search", "feed"]}, "agent": None}


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without runs: MLflow takes seconds to make one, a copy takes none."""
    path = tmp_path_factory.mktemp("mlflow") / "new" / "empty.db"
    client_of(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def database(empty: Path, tmp_path: Path) -> Path:
    path = tmp_path / "outputs" / "mlflow.db"
    path.parent.mkdir()
    shutil.copy(empty, path)
    return path


@pytest.fixture
def folder(empty: Path, tmp_path: Path) -> Path:
    """A run's folder with a result in it, and an offline file that needs not be made any more."""
    path = tmp_path / "outputs" / "run-1"
    path.mkdir(parents=True)
    (path / "comparison.json").write_text("[]")
    shutil.copy(empty, path / tracking.OFFLINE)
    return path


@pytest.fixture(scope="module")
def server(empty: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = tmp_path_factory.mktemp("server")
    shutil.copy(empty, home / "server.db")
    address = f"http://127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1"]
    command += ["--host", "127.0.0.1", "--port", address.rsplit(":", 1)[1]]
    command += [
        "--backend-store-uri",
        f"sqlite:///{home / 'server.db'}",
        "--artifacts-destination",
        str(home),
    ]
    quiet = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (home / "log").open("w") as log:
        apart: dict[str, Any] = {"stdout": log, "stderr": log, "start_new_session": True}
        process = subprocess.Popen(command, cwd=home, env=quiet, **apart)
    first = f"{address}/api/2.0/mlflow/experiments/search?max_results=1"
    try:
        wait_for(lambda: urlopen(first, timeout=20).status == 200, 120, home / "log")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")  # a busy machine is no server that is away
            yield address
    finally:
        os.killpg(process.pid, 9)
        process.wait(10)


class Door:
    """Forwards a port to a server until it is shut, as if the server went away."""

    def __init__(self, server: str) -> None:
        self._to = int(server.rsplit(":", 1)[1])
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                here, _ = self._listener.accept()
                there = socket.create_connection(("127.0.0.1", self._to))
                self._open += [here, there]
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=self._pump, args=ends, daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def shut(self) -> None:
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(ready: Callable[[], bool], seconds: float, log: Path) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError):
            if ready():
                return
        time.sleep(0.1)
    raise TimeoutError(log.read_text())


def tracker(uri: str | None, folder: Path, experiment: str = "study", **settings: Any) -> Tracker:
    return Tracker(uri, experiment, "run-1", folder, CONFIG, "abc123", **settings)


def compare(tracked: Tracker, folder: Path, children: int = 2) -> None:
    """What a comparison tells its tracker."""
    for seed in range(children):
        with tracked.child("rule", "ppo", seed, {"agent": {"lr": 0.1}}) as run:
            run.metrics({"profit": 100.0 + seed, "roi": None})
            run.curves(np.arange(5) * 1000, {"train/profit": np.arange(5.0) * seed})
            run.artifact(folder / "comparison.json", "tables")
    tracked.parent.artifact(folder / "comparison.json")


def runs_in(uri: str, experiment: str = "study") -> tuple[MlflowClient, list[MlflowRun], list[MlflowRun]]:
    """Client, parents and children of an experiment, the children by seed."""
    client = MlflowClient(tracking_uri=uri)
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    runs = list(client.search_runs([found.experiment_id]))
    children = [run for run in runs if PARENT in run.data.tags]
    parents = [run for run in runs if PARENT not in run.data.tags]
    return client, parents, sorted(children, key=lambda run: run.data.tags["seed"])


def files_of(client: MlflowClient, run: MlflowRun, below: str | None = None) -> list[str]:
    return [file.path for file in client.list_artifacts(run.info.run_id, below)]


def check(uri: str, experiment: str = "study", children: int = 2) -> None:
    """All that `compare` told is in the store, once."""
    client, parents, found = runs_in(uri, experiment)
    assert len(parents) == 1
    assert len(found) == children
    parent = parents[0]
    assert parent.info.run_name == "run-1"
    assert parent.info.status == "FINISHED"
    assert parent.data.params == {
        "seed": "0",
        "market.rho": "0.8",
        "market.channels": '["search", "feed"]',
        "agent": "null",
    }
    assert files_of(client, parent) == ["comparison.json"]
    for seed, run in enumerate(found):
        tags = run.data.tags
        assert tags[PARENT] == parent.info.run_id
        assert (tags["planner"], tags["executor"], tags["seed"]) == ("rule", "ppo", str(seed))
        assert tags["scenario_hash"] == "abc123"
        assert tags["git_dirty"] in ("true", "false")
        assert tags["git_commit"] == "none" or len(tags["git_commit"]) == 40
        assert run.info.status == "FINISHED"
        assert run.info.run_name == f"rule/ppo/{seed}"
        assert run.data.params["agent.lr"] == "0.1"
        assert run.data.metrics["profit"] == 100 + seed
        assert "roi" not in run.data.metrics
        history = client.get_metric_history(run.info.run_id, "train/profit")
        assert [(m.step, m.value) for m in history] == [(1000 * i, float(i * seed)) for i in range(5)]
        assert files_of(client, run, "tables") == ["tables/comparison.json"]


def test_a_comparison_in_a_file(
    database: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent.parent)
    with tracker("sqlite:///outputs/mlflow.db", folder) as tracked:
        compare(tracked, folder)
    assert capfd.readouterr() == ("", "")
    check("sqlite:///outputs/mlflow.db")
    assert {path.name for path in Path().iterdir()} == {"outputs"}
    assert {path.name for path in Path("outputs").iterdir()} == {"mlflow.db", "mlflow.db.lock", "mlartifacts", "run-1"}


def test_a_second_comparison_joins_the_experiment(database: Path, folder: Path) -> None:
    for _ in range(2):
        with tracker(f"sqlite:///{database}", folder) as tracked:
            compare(tracked, folder, children=1)
    _, parents, children = runs_in(f"sqlite:///{database}")
    assert len(parents) == len(children) == 2
    assert len({run.data.tags[KEY] for run in parents + children}) == 4


def test_twelve_children_take_a_few_seconds(database: Path, folder: Path) -> None:
    steps = np.arange(200)
    start = time.process_time()
    with tracker(f"sqlite:///{database}", folder) as tracked:
        for seed in range(12):
            with tracked.child("rule", "ppo", seed) as run:
                run.metrics({f"metric_{i}": float(i) for i in range(30)})
                if seed < 3:
                    run.curves(steps, {f"train/{i}": steps for i in range(10)})
                run.artifact(folder / "comparison.json")
    assert time.process_time() - start < 8  # about 2; MLflow needs 0.25 ms a number


def test_processes_that_begin_together_make_one_database(tmp_path: Path) -> None:
    """MLflow makes its tables without a lock."""
    code = """
import pathlib, sys
import mlflow.tracking
from merchantgym.experiments.tracking import Tracker
print("ready", flush=True)
sys.stdin.readline()
with Tracker("sqlite:///outputs/mlflow.db", "study", "run-1", pathlib.Path("outputs"), {}, "abc123"):
    pass
"""
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    both = [subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, text=True, **pipes) for _ in range(2)]
    for process in both:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    _, parents, _ = runs_in(f"sqlite:///{tmp_path / 'outputs' / 'mlflow.db'}")
    assert len(parents) == 2


def test_a_folder_that_cannot_be_made_is_named(folder: Path) -> None:
    with pytest.raises(ValueError, match=r"tracking.uri\(=sqlite:///.*\) cannot be used: .*comparison.json"):
        tracker(f"sqlite:///{folder / 'comparison.json' / 'mlflow.db'}", folder).__enter__()


@pytest.mark.parametrize(("error", "status"), [(RuntimeError, "FAILED"), (KeyboardInterrupt, "KILLED")])
def test_a_run_cut_short(error: type[BaseException], status: str, database: Path, folder: Path) -> None:
    def cut_short() -> None:
        with tracker(f"sqlite:///{database}", folder) as tracked, tracked.child("rule", "pid", 0):
            raise error("stop")

    with pytest.raises(error, match="stop"):
        cut_short()
    _, parents, children = runs_in(f"sqlite:///{database}")
    assert [run.info.status for run in parents + children] == [status, status]


def test_no_address_keeps_nothing(folder: Path) -> None:
    before = sorted(folder.iterdir())
    with tracker(None, folder) as tracked:
        compare(tracked, folder)
    assert sorted(folder.iterdir()) == before


def test_mlflow_is_not_imported_before_it_is_needed() -> None:
    code = """
import sys, pathlib
from merchantgym.experiments.tracking import Tracker
with Tracker(None, "study", "run", pathlib.Path(), {}, "abc") as tracked:
    tracked.parent.metrics({"profit": 1.0})
    tracked.parent.curves([1], {"loss": [1.0]})
sys.exit("mlflow" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60, check=False).returncode == 0


def test_a_dead_server_costs_one_line_and_no_result(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    uri = f"http://user:secret@127.0.0.1:{free_port()}"
    before = dict(os.environ)
    said: list[str] = []
    start = time.monotonic()
    with tracker(uri, folder, say=said.append) as tracked:
        compare(tracked, folder)
    assert time.monotonic() - start < 30
    assert capfd.readouterr() == ("", "")
    assert len(said) == 1
    file = folder / "mlflow-offline.db"
    shown = uri.replace("user:secret", "***")
    assert said[0].startswith(f"Tracking server {shown} is away ([Errno 111] Connection refused)")
    assert f"python -m merchantgym.experiments.tracking_upload {file} '{shown}'" in said[0]
    check(f"sqlite:///{file}")
    assert {k: v for k, v in os.environ.items() if before.get(k) != v}.keys() <= {"MLFLOW_DISABLE_TELEMETRY"}


def test_a_dead_database_server_is_not_waited_for(folder: Path) -> None:
    said: list[str] = []
    with tracker(f"postgresql://127.0.0.1:{free_port()}/runs", folder, say=said.append) as tracked:
        compare(tracked, folder)
    assert len(said) == 1
    check(f"sqlite:///{folder / 'mlflow-offline.db'}")


@pytest.mark.parametrize("code", [401, 503])
def test_a_server_that_refuses_us_is_an_error_and_one_that_is_ill_is_away(code: int, folder: Path) -> None:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    said: list[str] = []
    with HTTPServer(("127.0.0.1", 0), Answer) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        tracked = tracker(f"http://127.0.0.1:{http.server_port}", folder, say=said.append)
        if code == 401:
            with pytest.raises(ValueError, match=r"tracking.uri\(=http.*\) cannot be used: .*401"):
                tracked.__enter__()
        else:
            with tracked:
                compare(tracked, folder)
            check(f"sqlite:///{folder / 'mlflow-offline.db'}")
        http.shutdown()
    assert len(said) == (code == 503)


def test_a_real_server_and_uploads_that_may_be_repeated(server: str, folder: Path, tmp_path: Path) -> None:
    with tracker(server, folder, "direct") as tracked:
        compare(tracked, folder)
    check(server, "direct")

    with tracker("http://127.0.0.1:9", folder, "later", say=lambda _: None) as tracked:
        compare(tracked, folder)
    moved = tmp_path / "moved"
    folder.rename(moved)
    assert upload(moved / "mlflow-offline.db", server) == 3
    check(server, "later")
    assert upload(moved / "mlflow-offline.db", server) == 0
    check(server, "later")


def test_a_server_that_goes_away(server: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    door, said, scratch = Door(server), list[str](), folder / "scratch.txt"
    scratch.write_text("gone before it is stored once more")
    with tracker(door.uri, folder, "middle", say=said.append) as tracked:
        with tracked.child("rule", "ppo", 0, {"agent": {"lr": 0.1}}) as run:
            run.metrics({"profit": 100.0})
            run.curves(np.arange(5) * 1000, {"train/profit": np.zeros(5)})
            run.artifact(folder / "comparison.json", "tables")
        with tracked.child("rule", "ppo", 1, {"agent": {"lr": 0.1}}) as run:
            run.artifact(scratch)
            scratch.unlink()
            door.shut()
            run.metrics({"profit": 101.0})
            run.curves(np.arange(5) * 1000, {"train/profit": np.arange(5)})
            run.artifact(folder / "comparison.json", "tables")
        tracked.parent.artifact(folder / "comparison.json")
    assert len(said) == 2
    assert said[0] == f"{scratch} is gone and is not kept with run rule/ppo/1"
    assert "is away ([Errno 111] Connection refused)" in said[1]
    offline = folder / "mlflow-offline.db"
    check(f"sqlite:///{offline}", "middle")
    _, parents, children = runs_in(server, "middle")
    assert [run.info.status for run in parents + children] == ["RUNNING", "FINISHED", "RUNNING"]

    assert tracking.main([str(offline), server]) == 0
    assert capsys.readouterr().out == f"2 runs uploaded to {server}\n"
    check(server, "middle")


def test_an_upload_that_cannot_be_says_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert tracking.main([str(folder / "no.db"), "http://127.0.0.1:9"]) == 2
    assert "no.db) must be a file that a run left behind" in capsys.readouterr().err
    dead = f"http://127.0.0.1:{free_port()}"
    with tracker(dead, folder, say=lambda _: None):
        pass
    with pytest.raises(ConnectionError, match=rf"upload to {dead} failed, try again: .*refused"):
        upload(folder / "mlflow-offline.db", dead)


@pytest.mark.parametrize("uri", ["./runs", "file:///tmp/runs", "", "sqlite://", "sqlite:///", "sqlite:a.db"])
def test_an_address_that_cannot_be_is_named_before_anything_is_done(uri: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"tracking.uri\(='{uri}'\) must be sqlite:///<file>"):
        tracker(uri, tmp_path)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(ValueError, match=r"tracking.uri\(=sqlite:.*text.db\) cannot be used: .*not a data"):
        tracker(f"sqlite:///{tmp_path / 'text.db'}", tmp_path).__enter__()


def test_a_deleted_experiment_is_named(database: Path, folder: Path) -> None:
    with tracker(f"sqlite:///{database}", folder):
        pass
    client, parents, _ = runs_in(f"sqlite:///{database}")
    client.delete_experiment(parents[0].info.experiment_id)
    with pytest.raises(ValueError, match=r"tracking.experiment\(='study'\) was deleted; restore it"):
        tracker(f"sqlite:///{database}", folder).__enter__()


def test_what_a_run_cannot_take_is_named(folder: Path) -> None:
    run = tracker(None, folder).parent
    with pytest.raises(FileNotFoundError, match=r"artifact\(=.*picture.png\) must be a file or folder"):
        run.artifact(folder / "picture.png")
    with pytest.raises(ValueError, match=r"loss\(shape=\(3,\)\) must be of shape \(n,\) like steps\(shape="):
        run.curves([1, 2], {"loss": [1.0, 2.0, 3.0]})


def test_many_params_odd_names_and_odd_numbers(database: Path, folder: Path) -> None:
    with tracker(f"sqlite:///{database}", folder) as tracked, tracked.child("rule", "pid", 0) as run:
        run.params({f"many.{i}": i for i in range(250)})
        run.tags({"note": "first"})
        run.metrics({"profit [CNY]": 1.0, "nan": float("nan"), "inf": float("inf")})
        run.artifact(folder)
    client, _, (child,) = runs_in(f"sqlite:///{database}")
    assert len(child.data.params) == 253
    assert child.data.tags["note"] == "first"
    assert child.data.metrics["profit _CNY_"] == 1
    assert np.isnan(child.data.metrics["nan"])
    assert "comparison.json" in files_of(client, child)


def test_flatten() -> None:
    nested = {"a": {"b": {"c": 1}, "d": [1, "x"]}, "e": True, "f": "text", "g": {}, "h=": Path("p")}
    assert flatten(nested) == {
        "a.b.c": "1",
        "a.d": '[1, "x"]',
        "e": "true",
        "f": "text",
        "h_": '"p"',
    }


def test_git_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert git_state(tmp_path) == ("none", False)
    author = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "core.hooksPath=/dev/null"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "first"]):
        subprocess.run(["git", *author, *words], cwd=tmp_path, check=True, timeout=20)
    commit, dirty = git_state(tmp_path)
    assert len(commit) == 40
    assert not dirty
    (tmp_path / "new.py").write_text("")
    assert git_state(tmp_path) == (commit, True)
    monkeypatch.setenv("PATH", "")
    assert git_state(tmp_path) == ("none", False)
