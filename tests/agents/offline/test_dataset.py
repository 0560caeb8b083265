"""Recorded datasets: what they say is what happened, they survive interruption, and what is broken is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy import stats

from merchantgym.agents.offline import recording
from merchantgym.agents.offline.dataset import Dataset, hours_file, read_dataset
from merchantgym.agents.offline.schema import EPISODE_COLUMNS, HOUR_COLUMNS
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import Global, ObservationView
from merchantgym.envs.population import Population
from merchantgym.envs.reward import PROFIT_TERMS
from merchantgym.envs.rollout import rollout, subset
from merchantgym.envs.scenario import load_scenario
from merchantgym.experiments import cli
from merchantgym.experiments import record as verb
from merchantgym.experiments.setting import controller

from .datasets import record_to, recorded, setting_of

MIXED = ("executors=[value_pid,random]", "noise=0.2")


@pytest.fixture(scope="module")
def mixed() -> Dataset:
    return recorded(*MIXED)


def test_actions_replayed_bring_what_was_recorded(mixed: Dataset) -> None:
    """Stores, plans, seed and actions of a dataset are all that a run is a function of."""
    rows = slice(6, 12)  # of the second executor
    hours = mixed.hours(("action", "reward", "terms", "observation"))
    frame = mixed.episodes.iloc[rows]
    stores = Population(load_scenario("headline")).open("train", 6)
    plans = subset(mixed.plans(), rows)
    fleet = Fleet(stores.start, 6)
    seen = fleet.reset(plans, np.arange(6), frame["seed"].to_numpy(), keys=frame["store"].to_numpy())
    shaped = {name: values.reshape(12, 336, *values.shape[1:])[rows] for name, values in hours.items()}
    for hour in range(336):
        np.testing.assert_array_equal(shaped["observation"][:, hour], seen)
        seen = fleet.step(shaped["action"][:, hour])
        np.testing.assert_array_equal(shaped["reward"][:, hour], fleet.reward)
        np.testing.assert_array_equal(shaped["terms"][:, hour], fleet.terms)
    profit = shaped["terms"][:, :, [int(term) for term in PROFIT_TERMS]].sum(axis=(1, 2))
    np.testing.assert_allclose(frame["profit"], profit)


def test_without_noise_a_recording_is_the_executors_own_run() -> None:
    dataset = recorded("executors=[value_pid]", "noise=0", "hold=1")
    stores = Population(load_scenario("headline")).open("train", 6)
    done = rollout(
        controller(setting_of().config, "value_pid"), stores, dataset.plans(), int(dataset.episodes["seed"][0])
    )
    np.testing.assert_array_equal(dataset.episodes["profit"], done.profit)
    hours = dataset.hours(("log_density", "correction"))
    assert np.isnan(hours["log_density"]).all()
    assert not hours["correction"].any()


def test_the_density_is_that_of_the_corrections_drawn(mixed: Dataset) -> None:
    hours = mixed.hours(("decides", "correction", "log_density", "base_action", "action"))
    drawn = hours["correction"][hours["decides"]]
    np.testing.assert_allclose(
        hours["log_density"][hours["decides"]], stats.norm.logpdf(drawn, scale=0.2).sum(axis=1), rtol=1e-12
    )
    assert not hours["log_density"][~hours["decides"]].any()
    assert stats.kstest(drawn.ravel() / 0.2, "norm").pvalue > 1e-3
    inner = np.abs(hours["base_action"] + hours["correction"]) < 0.999
    np.testing.assert_allclose(hours["action"][inner], (hours["base_action"] + hours["correction"])[inner])
    assert len(np.unique(drawn[:, 0])) == len(drawn)  # no store, executor or day shares its noise


def test_corrections_are_held_and_change_at_every_hour_of_the_day(mixed: Dataset) -> None:
    hours = mixed.hours(("decides", "correction", "hour", "episode"))
    held = ~hours["decides"]
    np.testing.assert_array_equal(hours["correction"][1:][held[1:]], hours["correction"][:-1][held[1:]])
    assert hours["decides"][hours["hour"] == 0].all()
    phase = mixed.episodes["phase"].to_numpy()[hours["episode"]]
    np.testing.assert_array_equal(hours["decides"] & (hours["hour"] > 0), (hours["hour"] - phase) % 24 == 0)
    assert len(np.unique(mixed.episodes["phase"])) > 3


def test_decisions_sum_the_hours_that_they_hold() -> None:
    dataset = recorded("executors=[value_pid]", "noise=0.2")
    decisions = dataset.decisions("value_pid")
    hours = dataset.hours(("correction", "decides"))
    for episode in range(6):
        mine = decisions.episode == episode
        assert decisions.reward[mine].sum() == pytest.approx(dataset.episodes["profit"][episode])
        assert decisions.step[mine].tolist() == list(range(mine.sum()))
        assert decisions.done[mine].tolist() == [False] * (mine.sum() - 1) + [True]
    np.testing.assert_array_equal(decisions.correction, hours["correction"][hours["decides"]])
    assert np.isfinite(decisions.log_density).all()


def test_over_the_plan_any_executors_actions_are_corrections(mixed: Dataset) -> None:
    decisions = mixed.decisions("open_loop", hold=6)
    action = mixed.hours(("action",))["action"]
    np.testing.assert_allclose(decisions.correction, action.reshape(-1, 6, action.shape[1]).mean(axis=1))
    assert not decisions.base.any()
    hour = np.rint((1.0 - ObservationView(decisions.observation)[Global.TIME_LEFT]) * 336)
    np.testing.assert_array_equal(hour, 6 * decisions.step)


def test_batches_are_the_whole_in_order(mixed: Dataset) -> None:
    whole = mixed.hours(("episode", "hour"))
    parts = list(mixed.batches(("episode", "hour"), size=1000))
    assert max(len(part["hour"]) for part in parts) <= 1000
    np.testing.assert_array_equal(np.concatenate([part["hour"] for part in parts]), whole["hour"])
    assert (np.diff(whole["episode"]) >= 0).all()
    with pytest.raises(ValueError, match=r"unknown name 'profit'; allowed: episode, "):
        next(mixed.batches(("profit",)))


def test_every_column_is_described(mixed: Dataset) -> None:
    schema = pq.read_schema(hours_file(mixed.folder, 0))
    assert schema.names == list(HOUR_COLUMNS)
    assert json.loads(schema.metadata[b"observation"])[0] == "hour_sin"
    told = {name for entry in EPISODE_COLUMNS for name in entry.split(", ")}
    assert {name for name in mixed.episodes if "." not in name} - set(recording.RESULTS) <= told


def test_a_recording_cut_off_goes_on_to_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verb, "BLOCK", 2)
    whole = record_to(tmp_path / "whole", *MIXED)
    written = []

    def cut_off(table: Any, path: Path) -> None:
        if len(written) == 3:
            path.with_name(f"part-{path.name}").write_bytes(b"half a file")
            raise KeyboardInterrupt
        written.append(path)
        recording.write_table(table, path)

    monkeypatch.setattr(verb, "write_table", cut_off)
    with pytest.raises(KeyboardInterrupt):
        record_to(tmp_path / "cut", *MIXED)
    with pytest.raises(ValueError, match="holds no finished dataset"):
        read_dataset(tmp_path / "cut")
    monkeypatch.setattr(verb, "write_table", recording.write_table)
    before = {path: path.stat().st_mtime_ns for path in written}
    resumed = record_to(tmp_path / "cut", *MIXED)
    assert {path: path.stat().st_mtime_ns for path in written} == before
    assert resumed.description == whole.description
    assert resumed.episodes.equals(whole.episodes)
    for i in range(6):
        assert pq.read_table(hours_file(whole.folder, i)).equals(pq.read_table(hours_file(resumed.folder, i)))
    assert not list(resumed.folder.glob("part-*"))


def test_stores_meet_the_same_in_blocks_of_any_size(tmp_path: Path, mixed: Dataset, monkeypatch: Any) -> None:
    monkeypatch.setattr(verb, "BLOCK", 4)
    split = record_to(tmp_path, *MIXED).episodes.sort_values(["executor", "store"], ignore_index=True)
    whole = mixed.episodes.sort_values(["executor", "store"], ignore_index=True)
    assert split["profit"].tolist() == whole["profit"].tolist()


def test_another_recording_in_the_folder_is_refused(tmp_path: Path) -> None:
    record_to(tmp_path, "executors=[open_loop]", "stores=2")
    with pytest.raises(ValueError, match="holds a recording with another noise; take another run name"):
        record_to(tmp_path, "executors=[open_loop]", "stores=2", "noise=0.3")


def _spoil(path: Path, **changes: Any) -> None:
    entries = json.loads(path.read_text())
    path.write_text(json.dumps(entries | changes))


def test_what_cannot_be_read_is_named(tmp_path: Path, mixed: Dataset) -> None:
    def copy(name: str) -> Path:
        shutil.copytree(mixed.folder, tmp_path / name)
        return tmp_path / name

    for name, changes, message in (
        ("version", {"dataset_version": "0"}, r"dataset_version\(='0'\) must be '1'"),
        ("observation", {"observation_version": "1"}, r"observation_version\(='1'\) must be '2'"),
        ("features", {"features": ["hour"] * 276}, r"features\[0\]\(='hour'\) must be 'hour_sin'"),
        ("count", {"actions": ["discount"]}, r"actions has 1 entries, needs 11"),
        ("rows", {"rows": [5, 2016]}, r"hours-00000.parquet has 2016 rows, dataset.json says 5"),
        ("entry", {"colour": 1}, r"'colour' is unknown"),
    ):
        folder = copy(name)
        _spoil(folder / "dataset.json", **changes)
        with pytest.raises(ValueError, match=message):
            read_dataset(folder)
    folder = copy("broken")
    hours_file(folder, 1).write_bytes(b"PAR1")
    with pytest.raises(ValueError, match=r"hours-00001.parquet is broken"):
        read_dataset(folder)
    hours_file(folder, 1).unlink()
    with pytest.raises(ValueError, match=r"hours-00001.parquet is missing"):
        read_dataset(folder)


def test_a_base_that_was_not_recorded_is_refused(mixed: Dataset) -> None:
    with pytest.raises(ValueError, match=r"base\(='mpc'\) must be that one executor, or open_loop"):
        mixed.decisions("mpc")
    with pytest.raises(ValueError, match=r"hold\(=6\) must be 24"):
        recorded("executors=[value_pid]", "noise=0.2").decisions("value_pid", hold=6)
    with pytest.raises(ValueError, match=r"recorded without noise"):
        recorded("executors=[value_pid]", "noise=0", "hold=1").decisions("value_pid", hold=1)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("executors=[mcp]", "executors has an unknown name 'mcp'; allowed: open_loop, "),
        ("executors=mpc", "executors(='mpc') must be a list such as [mpc, value_pid]"),
        ("split=test", "split has an unknown name 'test'; allowed: train, validation"),
        ("hold=5", "hold(=5) must be a divisor of 24 [hours]"),
        ("noise=-1", "noise(=-1) must be a number in [0, 2]"),
        ("repeats=0", "repeats(=0) must be a whole number >= 1"),
    ],
)
def test_what_is_impossible_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], override: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["record", override]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
