"""`merchantgym agree` on a small scale: both engines are one law, wrong ones are seen, an interrupted study goes on."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from merchantgym.experiments import agreement_engines, agreement_runs, cli
from merchantgym.experiments.agreement_engines import Engine, scaled
from merchantgym.experiments.agreement_outputs import Outcome
from merchantgym.experiments.agreement_runs import Job, jobs_of, load, run_jobs
from merchantgym.experiments.agreement_worlds import BINDING, SITUATIONS, World, midway, situation

from ..worlds import opened

QUIET = ("progress=false", "quiet=true", "threads=1")
TWIN = ("reference=twin", "situations=[slack,plan_budget]", "stores=2", "scale=0.04", "wrong_engines=[]")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["merchantgym"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("MERCHANTGYM_TRACEBACK", raising=False)
    return tmp_path


def agree(*words: str) -> int:
    return cli.main(["agree", *QUIET, *words])


def put(monkeypatch: pytest.MonkeyPatch, name: str, engine: Engine) -> None:
    monkeypatch.setattr(agreement_engines, "ENGINES", {**agreement_engines.ENGINES, name: engine})
    monkeypatch.setattr(agreement_runs, "ENGINES", agreement_engines.ENGINES)


def test_both_engines_are_one_law_and_a_wrong_one_is_seen(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The short form of the whole study."""
    words = ("progress=false", "threads=1", "run=short", "docs=docs", "copies.slack=300", "scale=0.027")
    assert cli.main(["agree", *words]) == 0
    folder = here / "outputs" / "short"
    summary = json.loads((folder / "agreement.json").read_text())
    assert summary["agrees"]
    assert summary["comparisons"] > 2000
    assert list(summary["situations"]) == list(SITUATIONS)
    seen = {(entry["engine"], entry["situation"]): entry for entry in summary["wrong_engines"]}
    for name in SITUATIONS:
        assert seen["scaled", name]["differs"] == (name in BINDING)
        assert (seen["scaled", name]["rejected"] > 10) == (name in BINDING)
    for name in BINDING:
        assert seen["scaled", name]["clicks_adjusted"] < 1e-3
    assert seen["raised", "slack"]["bias"] == pytest.approx(0.003, abs=0.001)
    rows = pd.read_parquet(folder / "agreement.parquet")
    assert len(rows) == summary["comparisons"]
    assert rows.adjusted_p.min() >= summary["level"]
    assert set(rows.statistic) == {"mean", "spread", "distribution"}
    assert (rows.adjusted_p >= rows.p).all()
    for name in ("agreement.png", "distributions.png", "p_values.png"):
        assert np.asarray(Image.open(folder / name)).std() > 5, f"{name} is blank"
    page = (here / "docs" / "agreement.md").read_text()
    assert (here / "docs" / "agreement.png").is_file()
    printed = capsys.readouterr().out
    for text in (page, printed):
        assert all(name in text for name in (*SITUATIONS, "one law", "rejected in", "ad clicks search"))
        assert "differs" not in text


def test_a_broken_law_ends_in_an_error(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(monkeypatch, "twin", lambda world, seed: scaled(world, seed + 1))
    assert agree(*TWIN, "run=broken", "scale=0.2", "stores=4") == 2
    error = capsys.readouterr().err
    assert "twin and hour differ in" in error
    assert "most clearly in plan_budget: organic" in error
    summary = json.loads((here / "outputs" / "broken" / "agreement.json").read_text())
    assert not summary["agrees"]
    assert summary["situations"]["slack"]["smallest_adjusted_p"] > 0.01


def test_an_interrupted_study_goes_on(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert agree(*TWIN, "run=whole") == 0
    work = agreement_runs.carry_out
    done: list[str] = []

    def give_up(job: Job, world: World, folder: Path) -> Job:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(job.file)
        return work(job, world, folder)

    monkeypatch.setattr(agreement_runs, "carry_out", give_up)
    assert agree(*TWIN, "run=halves") == 130
    chunks = here / "outputs" / "halves" / "chunks"
    before = {path.name: path.stat().st_mtime_ns for path in chunks.glob("*.npz")}
    assert set(before) == set(done)
    assert len(done) == 4
    monkeypatch.setattr(agreement_runs, "carry_out", work)
    assert agree(*TWIN, "run=halves") == 0
    assert {name: (chunks / name).stat().st_mtime_ns for name in before} == before
    texts = [(here / "outputs" / run / "agreement.json").read_text() for run in ("whole", "halves")]
    assert texts[0] == texts[1]
    assert not list(chunks.glob("*.part"))


def test_a_study_can_be_enlarged_but_not_mixed(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small = (*TWIN, "situations=[slack]", "chunk=4")
    assert agree(*small, "run=mine", "copies.slack=100") == 0
    chunks = here / "outputs" / "mine" / "chunks"
    before = {path.name: path.stat().st_mtime_ns for path in chunks.glob("*.npz")}
    assert agree(*small, "run=mine", "copies.slack=200") == 0
    assert {name: (chunks / name).stat().st_mtime_ns for name in before} == before
    assert len(list(chunks.glob("*.npz"))) == 2 * len(before)
    capsys.readouterr()
    assert agree(*small, "run=mine", "seed=1") == 2
    assert "run(='mine') holds chunks of other settings or other sources" in capsys.readouterr().err


def test_processes_change_nothing(headline_world: World, tmp_path: Path) -> None:
    jobs = jobs_of("plan_budget", 2, ("twin", "hour"), 2, 2, 2, seed=3)
    found = []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        assert {job.file for job in run_jobs(jobs, {"plan_budget": headline_world}, folder, processes)} == {
            job.file for job in jobs
        }
        found.append([load(jobs, folder, "plan_budget", engine) for engine in ("twin", "hour")])
    for one, two in zip(*found, strict=True):
        assert (one.same == two.same).all()
        assert (one.apart == two.apart).all()


@pytest.fixture
def refusal(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the study, which must be refused; returns the message, and checks that nothing was written."""

    def refused(*words: str) -> str:
        assert agree(*words) == 2
        assert not (here / "outputs").exists()
        return capsys.readouterr().err

    return refused


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("reference=oracle", "reference has an unknown name 'oracle'; allowed: event, twin"),
        ("situations=[calm]", "situations has an unknown name 'calm'; allowed: slack, daily_budget"),
        ("situations=[]", "situations(=[]) must name at least one of: slack"),
        ("wrong_engines=[hour]", "wrong_engines has an unknown name 'hour'; allowed: scaled, raised"),
        ("copies.slack=0", "copies.slack(=0) must be a whole number >= 1"),
        ("copies.slakc=5", "unknown field 'copies.slakc', did you mean 'copies.slack'?"),
        ("scale=0", "scale(=0.0) must be > 0"),
        ("scale=small", "scale(='small') must be a number"),
        ("level=1", "level(=1.0) must be in (0, 1)"),
        ("ratio=1.5", "ratio(=1.5) must be a whole number >= 1"),
        ("stores=0", "stores(=0) must be a whole number >= 1"),
        ("chunk=0", "chunk(=0) must be a whole number >= 1"),
    ],
)
def test_what_is_impossible_is_refused(refusal: Callable[..., str], override: str, message: str) -> None:
    assert message in refusal(override)


def test_engines_leave_the_world_alone(headline_world: World) -> None:
    world = headline_world
    before = world.state.copy(), world.arrays.channel.copy()
    for engine in agreement_engines.ENGINES.values():
        outcome = engine(world, 5)
        assert isinstance(outcome, Outcome)
        assert (world.state.store == before[0].store).all()
        assert (world.state.pending == before[0].pending).all()
        assert (world.arrays.channel == before[1]).all()
        assert (outcome.state.store != before[0].store).any()


@pytest.fixture
def headline_world() -> World:
    """One store, short of money."""
    stores = opened("headline")
    return situation("plan_budget", midway(replace(stores, stores=stores.stores[:1], offices=stores.offices[:1])))
