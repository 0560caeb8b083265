"""The search for gains on a small scale: what it finds and writes, that it goes on, and what it refuses."""

import contextlib
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml
from PIL import Image

from merchantgym.controllers import make_controller
from merchantgym.envs.population import Population
from merchantgym.experiments import cli, tuning_workers
from merchantgym.experiments.tuning_subjects import ControllerSubject

CONF = Path(__file__).parents[2] / "conf"
SMALL = (
    "scenario.days=1",
    "stores=8",
    "fresh=8",
    "trials=4",
    "workers=1",
    "progress=false",
    "threads=1",
    "tracking.enabled=false",
)
DAY = 24


@pytest.fixture
def refusal(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a tuning that must be refused; returns the message, and checks that nothing was written."""

    def refused(*words: str) -> str:
        assert cli.main(["tune", *SMALL, *words]) == 2
        assert not (here / "outputs").exists()
        return capsys.readouterr().err

    return refused


def tune(*words: str, run: str = "mine") -> dict[str, Any]:
    """Run a small tuning; its report."""
    assert cli.main(["tune", *SMALL, f"run={run}", *words]) == 0
    report: dict[str, Any] = json.loads(Path("outputs", run, "tuning.json").read_text())
    return report


def trials(storage: str = "outputs/tuning.db") -> list[list[optuna.trial.FrozenTrial]]:
    """The trials of every study in a storage."""
    store = optuna.storages.RDBStorage(f"sqlite:///{storage}")
    names = optuna.get_all_study_names(store)
    return [optuna.load_study(study_name=name, storage=store).get_trials() for name in names]


def finished(found: list[optuna.trial.FrozenTrial]) -> list[Any]:
    """What trials that came to an end tried and scored, in order."""
    ended = [trial for trial in found if trial.state.name in ("COMPLETE", "PRUNED")]
    return [(trial.state.name, trial.user_attrs["gains"], trial.intermediate_values) for trial in ended]


def test_every_controller_gets_the_same_store_hours_and_its_best_gains_are_kept(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = f"tracking.uri=sqlite:///{here}/runs.db"  # MLflow keeps connections by their address
    report = tune("executors=[pid,value_pid]", "tracking.enabled=true", uri, "finalists=3")
    assert report["store_hours_allowed"] == 4 * 8 * DAY
    assert {one["controller"] for one in report["controllers"]} == {"pid", "value_pid"}
    for one in report["controllers"]:
        assert 3 * 8 * DAY < one["store_hours"] <= 4 * 8 * DAY
        assert one["fresh_store_hours"] == 3 * 8 * DAY
        assert one["whole_trials"] + one["pruned_trials"] >= 4
        assert one["uplift"]["low"] <= one["uplift"]["mean"] <= one["uplift"]["high"]
        gain = one["uplift"]["mean"] - one["start_uplift"]["mean"]
        assert one["gain"]["mean"] == pytest.approx(gain)
        assert gain >= 0.0, "the gains in place are among the finalists"
        assert np.all(np.diff(one["best"]) >= 0.0)
        assert one["optimism_error"] > 0.0
        assert make_controller(one["controller"], one["gains"])
    order = [one["uplift"]["mean"] for one in report["controllers"]]
    assert order == sorted(order, reverse=True)
    assert np.asarray(Image.open(here / "outputs/mine/tuning.png")).std() > 5
    assert (here / "runs.db").is_file()
    assert "value_pid" in capsys.readouterr().out


def test_the_gains_in_place_are_the_first_trial_and_are_left_untouched(here: Path) -> None:
    tune("executors=[pid]", "controllers.pid.gains.high=0.123456789", "trials=1")
    [found] = trials()
    configured = yaml.safe_load((CONF / "controller/pid.yaml").read_text())["gains"]
    assert found[0].user_attrs["gains"] == {**configured, "high": 0.123456789}
    assert found[0].state.name == "COMPLETE"


def test_the_same_command_goes_on_where_it_stopped(here: Path) -> None:
    tune("executors=[pid]", "trials=2", run="first")
    [before] = trials()
    report = tune("executors=[pid]", "trials=4", run="second")
    [after] = trials()
    assert finished(after)[: len(before)] == finished(before)
    assert len(after) > len(before)
    again = tune("executors=[pid]", "trials=4", run="third")
    assert len(trials()[0]) == len(after), "a budget that is used up buys nothing more"
    assert again["controllers"] == report["controllers"]
    straight = tune("executors=[pid]", "trials=4", "storage=outputs/straight.db", run="fourth")
    assert straight["controllers"] == report["controllers"], "going on tries what would have been tried"


def test_what_does_not_compare_is_kept_apart(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tune("executors=[pid]", "trials=1", "study=mine")
    assert cli.main(["tune", *SMALL, "executors=[pid]", "trials=1", "study=mine", "seed=1", "run=other"]) == 2
    message = capsys.readouterr().err
    for part in ("study(='mine/pid')", "seed=0", "study=..."):
        assert part in message
    tune("executors=[pid]", "trials=1", "seed=1", run="third")
    assert len(trials()) == 2


def test_a_killed_search_goes_on_as_if_nothing_had_been(here: Path) -> None:
    words = [*SMALL, "executors=[pid]", "trials=15"]
    program = "import sys; from merchantgym.experiments.cli import main; sys.exit(main(sys.argv[1:]))"
    process = subprocess.Popen([sys.executable, "-c", program, "tune", *words, "run=killed"])
    try:
        storage, deadline = Path("outputs/tuning.db"), time.monotonic() + 120
        while not (storage.is_file() and _ended(storage) >= 3):
            assert process.poll() is None, "ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not Path("outputs/killed/tuning.json").exists()
    shutil.copy("outputs/tuning.db", "outputs/copy.db")
    [cut] = trials("outputs/copy.db")
    begun, kept = len(cut), finished(cut)
    report = tune(*words[len(SMALL) :])
    [found] = trials()
    assert len(found) > begun >= 3
    assert finished(found)[: len(kept)] == kept
    straight = tune(*words[len(SMALL) :], "storage=outputs/straight.db", run="straight")
    assert straight["controllers"][0]["best"] == report["controllers"][0]["best"]
    assert finished(trials("outputs/straight.db")[0]) == finished(found)


def _ended(storage: Path) -> int:
    """Whole trials in a storage that another process may be making."""
    with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(sqlite3.connect(storage)) as database:
        return int(database.execute("select count(*) from trials where state = 'COMPLETE'").fetchone()[0])
    return 0


def test_two_processes_share_the_budget(here: Path) -> None:
    report = tune("executors=[pid]", "workers=2", "trials=6")
    assert report["controllers"][0]["store_hours"] <= 6 * 8 * DAY
    assert report["controllers"][0]["whole_trials"] >= 2


def test_only_one_command_at_a_time(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import fcntl

    Path("outputs").mkdir()
    with Path("outputs/tuning.db.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert cli.main(["tune", *SMALL]) == 2
    assert "storage(='outputs/tuning.db') is in use" in capsys.readouterr().err


def test_only_training_stores_are_opened(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, int, int]] = []
    original = Population.open

    def spy(self: Population, split: Any, count: int, **words: Any) -> Any:
        seen.append((split, words.get("first", 0), count))
        return original(self, split, count, **words)

    monkeypatch.setattr(Population, "open", spy)
    tune("executors=[pid]", "trials=1", "scenarios=[headline,steady]")
    assert {split for split, _, _ in seen} == {"train"}
    searched = {first + i for _, first, count in seen[:-2] for i in range(count)}
    fresh = {first + i for _, first, count in seen[-2:] for i in range(count)}
    assert searched == set(range(8))
    assert fresh == set(range(8, 16))


def test_a_trial_far_behind_stops_early(here: Path) -> None:
    tune("executors=[pid]", "trials=6", "stores=64")
    [found] = trials()
    stopped = [trial for trial in found if trial.state.name == "PRUNED"]
    assert stopped
    whole = [trial for trial in found if trial.state.name == "COMPLETE"]
    assert {trial.user_attrs["store_hours"] for trial in whole} == {64 * DAY}
    assert {trial.user_attrs["store_hours"] for trial in stopped} == {16 * DAY}
    for trial in stopped:
        best = max((other for other in whole if other.number < trial.number), key=lambda other: other.value or 0.0)
        step = max(trial.intermediate_values)
        assert trial.intermediate_values[step] < best.intermediate_values[step], "on the same stores"


def test_gains_that_exclude_each_other_are_counted_and_reported(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = count()

    def picky(self: ControllerSubject, gains: Any, ground: Any, tell: Any) -> None:
        if next(calls) % 3 == 1:
            raise ValueError(f"high(={gains['high']}) must be more than low today")
        run(self, gains, ground, tell)

    run = ControllerSubject.run
    monkeypatch.setattr(ControllerSubject, "run", picky)
    report = tune("executors=[pid]", "trials=6")
    [one] = report["controllers"]
    assert len(one["impossible"]) >= 2
    assert one["whole_trials"] == 6, "what could not be run took nothing from the budget"
    assert f"pid: {len(one['impossible'])} trials had impossible gains, the first: high(=" in capsys.readouterr().out


def test_gains_changed_in_place_are_tried_though_the_budget_is_used_up(here: Path) -> None:
    first = tune("executors=[pid]", "trials=2")["controllers"][0]
    [second] = tune("executors=[pid]", "trials=2", "controllers.pid.gains.high=0.2", run="second")["controllers"]
    assert trials()[0][-1].user_attrs["gains"]["high"] == 0.2
    assert second["store_hours"] == first["store_hours"] + 8 * DAY
    assert second["start_uplift"] != first["start_uplift"]
    assert second["uplift"]["mean"] >= second["start_uplift"]["mean"]
    again = tune("executors=[pid]", "trials=2", run="third")["controllers"][0]
    assert again["start_uplift"] == first["start_uplift"]
    assert again["store_hours"] == second["store_hours"]


def test_an_interrupt_leaves_a_search_that_can_go_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original, told = tuning_workers._told, []

    def interrupt(tell: Any) -> bool:
        told.append(1)
        if len(told) == 5:
            raise KeyboardInterrupt
        return original(tell)

    monkeypatch.setattr(tuning_workers, "_told", interrupt)
    assert cli.main(["tune", *SMALL, "executors=[pid]"]) == 130
    monkeypatch.setattr(tuning_workers, "_told", original)
    report = tune("executors=[pid]")
    straight = tune("executors=[pid]", "storage=outputs/straight.db", run="straight")
    assert straight["controllers"][0]["best"] == report["controllers"][0]["best"]


def test_gains_are_written_where_the_configuration_finds_them(here: Path) -> None:
    folder = here / "controller"
    shutil.copytree(CONF / "controller", folder)
    report = tune("executors=[value_pid]", "write=controller", "finalists=1")
    lines = (folder / "value_pid.yaml").read_text().splitlines()
    original = (CONF / "controller/value_pid.yaml").read_text().splitlines()
    written = yaml.safe_load("\n".join(lines))
    assert written == {"name": "value_pid", "gains": report["controllers"][0]["gains"]}
    assert make_controller("value_pid", written["gains"])
    assert lines[0] == original[0], "what the file says of the controller stays"
    assert [line.split("#")[1] for line in lines if line.startswith("  ")] == [
        line.split("#")[1] for line in original if line.startswith("  ")
    ]
    head = " ".join(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    for part in (
        "8 training stores of headline",
        "rule planner",
        "merchantgym tune",
        "write=controller",
        "store-hours",
    ):
        assert part in head
    assert "coordinate search" not in head
    assert max(len(line) for line in lines if "merchantgym tune" not in line) <= max(120, *map(len, original))
    assert (folder / "pid.yaml").read_text() == (CONF / "controller/pid.yaml").read_text()
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["executors=[pdi]"], ["executors", "'pdi'", "pid, multi_pid"]),
        (["executors=[open_loop]"], ["executors", "'open_loop'", "pid"]),
        (["executors=pid"], ["executors", "[", "null"]),
        (["trials=0"], ["trials(=0)", ">= 1"]),
        (["stores=3"], ["stores(=3)", ">= 4"]),
        (["fresh=1"], ["fresh(=1)", ">= 2"]),
        (["finalists=0"], ["finalists(=0)", ">= 1"]),
        (["workers=-1"], ["workers(=-1)", ">= 0"]),
        (["planner=oracle"], ["planner", "'oracle'", "rule"]),
        (["scenarios=[nowhere]"], ["scenarios", "'nowhere'", "headline"]),
        (["write=nowhere"], ["write(='nowhere')", "conf/controller"]),
        (["controllers.pid.gains.high=-1"], ["high(=-1)"]),
        (["+controllers.pid.gains.p=1"], ["gains.p", "proportional"]),
    ],
)
def test_bad_input_is_named_before_any_work(refusal: Callable[..., str], words: list[str], parts: list[str]) -> None:
    message = refusal(*words)
    assert message.count("\n") == 1
    for part in parts:
        assert part in message
