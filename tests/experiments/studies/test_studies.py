"""The studies from one command, with a learner that only has to add what it is told: what they write and refuse."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_module
from PIL import Image

from merchantgym.experiments import cli, scenario_scores
from merchantgym.experiments.comparison import read_comparison
from merchantgym.experiments.setting import read_setting
from merchantgym.experiments.studies.variants import read_variants

from ..pupil import CONFIGURED, enrol

SMALL = (
    "stores=6",
    "training={stores: 4, validation_stores: 4, seeds: 2, planner: rule}",
    "executors=[open_loop,pid,pupil]",
    CONFIGURED,
    "scenario.days=1",
    "progress=false",
    "threads=1",
    "tracking.enabled=false",
)


@pytest.fixture
def lessons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """An empty working directory and a pupil among the learners; the folders of its trainings as they are begun."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["merchantgym"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("MERCHANTGYM_TRACEBACK", raising=False)
    return enrol(monkeypatch)


@pytest.fixture
def refusal(lessons: list[Path], capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a study that must be refused; returns the message, and checks that nothing was done or written."""

    def refused(*words: str) -> str:
        assert cli.main(["compare", *words]) == 2
        assert not Path("outputs").exists()
        assert not lessons
        return capsys.readouterr().err

    return refused


def make(*words: str) -> None:
    assert cli.main(["compare", *words]) == 0


def test_what_learning_gains_is_told_from_nothing(lessons: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    make("experiment=learned", *SMALL, "folder=docs")
    told = json.loads(Path("outputs/learned/learned.json").read_text())
    assert told["best_controller"] == "pid"
    (pupil,) = told["learned"]
    stores = pd.read_parquet("outputs/learned/stores.parquet")
    profit = stores.groupby(["executor", "seed"]).profit.mean()
    assert pupil["by_seed"] == pytest.approx([profit["pupil", seed] - profit["pid", 0] for seed in (0, 1)])
    assert pupil["by_seed"][0] != pupil["by_seed"][1], "trainings are told apart"
    assert stores[stores.executor == "pupil"].groupby("seed").size().tolist() == [6, 6]
    for place in ("docs", "outputs/learned"):
        text = Path(place, "learned.md").read_text()
        assert "pid" in text.split("\n\n")[1], "the headline names the controller"
        assert "trained two times" in text
        for name in ("learned.png", "learned_curves.png"):
            assert f"({name})" in text
            assert np.asarray(Image.open(Path(place, name))).std() > 5
    assert "Page: docs/learned.md" in capsys.readouterr().out


def test_notes_are_kept_and_scores_are_not_made_twice(lessons: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    make("experiment=learned", *SMALL, "quiet=true")
    page = Path("outputs/learned/learned.md")
    page.write_text(page.read_text().replace("again -->\n", "again -->\nIt raises bids.\n"))
    monkeypatch.setattr(scenario_scores, "score", lambda *_, **__: pytest.fail("scored again"))
    make("experiment=learned", *SMALL, "quiet=true")
    assert "It raises bids." in page.read_text()
    assert "It raises bids." not in Path("outputs/learned/learned.json").read_text()


def test_every_variant_is_trained_and_held_against_the_best_controller(lessons: list[Path]) -> None:
    variants = "variants={higher: {agent: {raised: 0.3}}, calm: {about: no shock, scenario: {shock_probability: 0.0}}}"
    words = [word for word in SMALL if not word.startswith("variants")]
    make("experiment=ablation", *words, "~variants", f"+{variants}", "quiet=true")
    assert {path.parts[3] for path in lessons} == {"as_configured", "higher", "calm"}
    assert len(lessons) == 3 * 2
    told = {one["executor"]: one for one in json.loads(Path("outputs/ablation/ablation.json").read_text())["variants"]}
    assert list(told) == ["as_configured", "higher", "calm"]
    gap = told["higher"]["gain"]["mean"] - told["as_configured"]["gain"]["mean"]
    assert gap != 0.0
    assert np.sign(told["higher"]["cost"]["mean"]) == np.sign(gap)
    assert told["calm"]["cost"] is None, "profits of another market do not compare"
    assert told["calm"]["gain"] != told["as_configured"]["gain"]
    text = Path("outputs/ablation/ablation.md").read_text()
    assert "| raised 0.3 |" in text
    assert "| no shock |" in text
    assert np.asarray(Image.open("outputs/ablation/ablation.png")).std() > 5
    kept = sorted(path.name for path in Path("outputs/ablation/parts").glob("*-pid-*"))
    assert len(kept) == 2, "a controller is scored once in each market"


def test_what_was_learned_is_ranked_elsewhere(lessons: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    small = [word for word in SMALL if "days" not in word]
    make(
        "experiment=generalisation",
        *small,
        "scenarios=[steady]",
        "scenario.days=2",
        "~further_scenarios",
        "+further_scenarios={small: {of: headline, with: {listings: 4}}}",
        "quiet=true",
    )
    told = json.loads(Path("outputs/learned/transfer.json").read_text())["rule"]
    assert list(told["gains"]) == ["steady", "small"]
    assert told["home"] == "headline"
    stores = pd.read_parquet("outputs/learned/stores.parquet")
    assert stores[stores.executor == "pupil"].groupby(["scenario", "seed"]).size().tolist() == [6] * 4
    text = Path("outputs/learned/generalisation.md").read_text()
    assert text.startswith("# What was learned, in every scenario")
    assert "## What was learned, elsewhere" in text
    for name in ("generalisation.png", "generalisation_gains.png"):
        assert np.asarray(Image.open(Path("outputs/learned", name))).std() > 5


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["study=everything"], ["study", "'everything'", "learned, ablation, ceiling"]),
        (["executors=[open_loop,pid]"], ["executors", "learned one"]),
        (["executors=[open_loop,pupil]"], ["executors", "controller"]),
        (["planners=[default,rule]"], ["planners", "one"]),
        (["scenarios=[steady]"], ["study(='learned')", "scenarios", "null"]),
        (["+agents.pupil.rised=1"], ["agents.pupil", "'rised'", "raised"]),
        (["study=ablation"], ["variants(={})", "no_shocks"]),
        (["study=ablation", "+variants.odd=3"], ["variants.odd(=3)", "agent, scenario"]),
        (["study=ablation", "+variants.odd={market: {}}"], ["variants.odd", "'market'", "about, agent, scenario"]),
        (["study=ablation", "+variants.odd={agent: {rised: 1}}"], ["variants.odd", "'rised'", "raised"]),
        (["study=ablation", "+variants.odd={agent: {raised: 7}}"], ["variants.odd", "raised(=7)", "[0, 1]"]),
        (["study=ablation", "+variants.odd={scenario: {shocks: 0}}"], ["variants.odd", "shocks"]),
        (["study=ablation", "+variants.odd={scenario: {name: x}}"], ["variants.odd.scenario", "name"]),
        (["study=ablation", "+variants.odd={agent: {raised: 0.02}}"], ["variants.odd", "changes nothing"]),
        (["study=ablation", "+variants.as_configured={}"], ["as_configured", "another name"]),
    ],
)
def test_bad_input_is_named_before_any_work(refusal: Callable[..., str], words: list[str], parts: list[str]) -> None:
    message = refusal("experiment=learned", *SMALL, *words)
    assert message.count("\n") == 1
    for part in parts:
        assert part in message


@pytest.mark.parametrize(
    ("entry", "parts"),
    [
        ("{odd: {of: nowhere, with: {}}}", ["further_scenarios.odd.of", "'nowhere'", "headline"]),
        ("{odd: {listings: 4}}", ["further_scenarios.odd", "`of`", "`with`"]),
        ("{steady: {of: headline, with: {}}}", ["further_scenarios.steady", "another"]),
        ("{odd: {of: headline, with: {listing: 4}}}", ["scenario odd", "listing"]),
        ("3", ["further_scenarios(=3)", "headline_k4"]),
    ],
)
def test_bad_further_scenarios_are_named(refusal: Callable[..., str], entry: str, parts: list[str]) -> None:
    message = refusal(
        "experiment=generalisation", *SMALL, "scenarios=[steady]", "~further_scenarios", f"+further_scenarios={entry}"
    )
    for part in parts:
        assert part in message


def test_the_usual_variants_are_allowed_and_each_changes_something() -> None:
    with initialize_config_module("merchantgym.conf", version_base="1.3"):
        setting = read_setting(compose("compare", overrides=["experiment=ablation"]))
    comparison = read_comparison(setting)
    (learner,) = comparison.job.settings
    variants = read_variants(setting, learner)
    assert len({(repr(one.settings), repr(one.setting.scenario)) for one in variants}) == len(variants) > 5
    assert {one.name for one in variants if one.elsewhere} == {"no_flywheel", "no_shocks"}
    assert len({one.setting.output for one in variants}) == len(variants)
