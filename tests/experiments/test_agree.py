"""`merchantgym agree` on a small scale: both engines are one law, wrong ones are seen, an interrupted study goes on."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from merchantgym.experiments import agreement_engines, agreement_plots, agreement_runs, cli
from merchantgym.experiments.agreement_engines import Engine, scaled
from merchantgym.experiments.agreement_outputs import Outcome
from merchantgym.experiments.agreement_runs import Job
from merchantgym.experiments.agreement_worlds import BINDING, SITUATIONS, World, midway, situation

from ..worlds import opened

QUIET = ("progress=false", "quiet=true", "threads=1")
TWIN = ("reference=twin", "situations=[slack,plan_budget]", "stores=2", "scale=0.04", "wrong_engines=[]")


def agree(*words: str) -> int:
    return cli.main(["agree", *QUIET, *words])


def put(monkeypatch: pytest.MonkeyPatch, name: str, engine: Engine) -> None:
    monkeypatch.setattr(agreement_engines, "ENGINES", {**agreement_engines.ENGINES, name: engine})
    monkeypatch.setattr(agreement_runs, "ENGINES", agreement_engines.ENGINES)


def test_both_engines_are_one_law_and_a_wrong_one_is_seen(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The short form of the whole study."""
    words = ("progress=false", "threads=2", "run=short", "docs=docs", "copies.slack=300", "scale=0.027")
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
        assert (abs(seen["scaled", name]["bias"]) > 0.001) == (name in BINDING)
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


@pytest.fixture
def without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("distributions", "p_values"):
        monkeypatch.setattr(agreement_plots, name, lambda *_: None)
    monkeypatch.setattr(agreement_plots, "relative_differences", lambda _, path: path.touch())


@pytest.mark.usefixtures("without_pictures")
def test_a_broken_law_ends_in_an_error(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put(monkeypatch, "twin", lambda world, seed: scaled(world, seed + 1))
    assert agree(*TWIN, "run=broken", "scale=0.2", "stores=4", "copies.slack=100") == 2
    error = capsys.readouterr().err
    assert "twin and hour differ in" in error
    assert "most clearly in plan_budget: organic" in error
    summary = json.loads((here / "outputs" / "broken" / "agreement.json").read_text())
    assert not summary["agrees"]
    assert summary["situations"]["slack"]["smallest_adjusted_p"] > 0.01


@pytest.mark.usefixtures("without_pictures")
def test_a_study_can_be_enlarged_and_interrupted_but_not_mixed(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def files(run: str) -> dict[str, int]:
        return {path.name: path.stat().st_mtime_ns for path in (here / "outputs" / run / "chunks").glob("*.npz")}

    small = (*TWIN, "situations=[plan_budget]", "chunk=4", "scale=1")
    whole = (*small, "copies.plan_budget=16")
    assert agree(*whole, "run=whole") == 0
    assert agree(*small, "run=parts", "copies.plan_budget=4") == 0
    first = files("parts")

    work = agreement_runs.carry_out
    done: list[str] = []

    def give_up(job: Job, world: World, folder: Path) -> Job:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(job.file)
        return work(job, world, folder)

    monkeypatch.setattr(agreement_runs, "carry_out", give_up)
    assert agree(*whole, "run=parts") == 130
    before = files("parts")
    assert set(before) == {*first, *done}
    monkeypatch.setattr(agreement_runs, "carry_out", work)
    assert agree(*whole, "run=parts") == 0
    after = files("parts")
    assert {name: after[name] for name in before} == before
    assert set(after) == set(files("whole"))
    assert {name: before[name] for name in first} == first
    texts = [(here / "outputs" / run / "agreement.json").read_text() for run in ("whole", "parts")]
    assert texts[0] == texts[1]
    assert not list(here.rglob("*.part"))

    capsys.readouterr()
    assert agree(*whole, "run=parts", "seed=1") == 2
    assert "run(='parts') holds chunks of other settings or other sources" in capsys.readouterr().err


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
