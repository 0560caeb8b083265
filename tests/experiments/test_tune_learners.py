"""The search for a learner's settings: what a trial is, what it costs, what is written, and what is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
import yaml

from merchantgym.agents.ppo_settings import PpoSettings
from merchantgym.agents.registry import LEARNERS
from merchantgym.agents.settings import searched_settings, settings_from_mapping
from merchantgym.experiments import cli
from merchantgym.experiments.tuning_settings import write_settings
from merchantgym.experiments.tuning_subjects import LearnerSubject, learners_to_tune

from .pupil import CONFIGURED, HOURS, enrol

CONF = Path(__file__).parents[2] / "conf"
SMALL = (
    "executors=[pupil]",
    CONFIGURED,
    "scenario.days=1",
    "stores=8",
    "fresh=8",
    "lessons=4",
    "trials=4",
    "finalists=2",
    "workers=1",
    "progress=false",
    "threads=1",
    "tracking.enabled=false",
    "run=mine",
)
SCORED = 8 * 24  # store-hours of a validation


@pytest.fixture
def lessons(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """An empty working directory and a pupil among the learners; the folders of its trainings as they are begun."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["merchantgym"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("MERCHANTGYM_TRACEBACK", raising=False)
    return enrol(monkeypatch)


def tune(*words: str) -> dict[str, Any]:
    """Run a small search; what it found."""
    assert cli.main(["tune", *SMALL, *words]) == 0
    (found,) = json.loads(Path("outputs/mine/tuning.json").read_text())["controllers"]
    return dict(found)


def trials() -> list[optuna.trial.FrozenTrial]:
    store = optuna.storages.RDBStorage("sqlite:///outputs/tuning.db")
    (name,) = optuna.get_all_study_names(store)
    return optuna.load_study(study_name=name, storage=store).get_trials()


def test_settings_are_searched_written_and_told(lessons: list[Path]) -> None:
    folder = Path("conf/agent")
    folder.mkdir(parents=True)
    (folder / "pupil.yaml").write_text(
        "# Raises bids.\nname: pupil\nbase: pid # corrected\nraised: 0.02 # [1]\nlessons: 1\n"
    )
    found = tune("write=conf/agent")
    first, *others = trials()
    assert first.user_attrs["gains"] == {"raised": 0.02, "lessons": 1.0}, "the settings in place come first"
    assert first.user_attrs["store_hours"] == HOURS + 2 * SCORED
    assert all(1e-3 <= one.user_attrs["gains"]["raised"] <= 1.0 for one in others)
    assert all(one.user_attrs["gains"]["lessons"] in (1.0, 2.0, 3.0) for one in others)
    assert 3 * first.user_attrs["store_hours"] < found["store_hours"] <= 4 * first.user_attrs["store_hours"]
    assert found["fresh_store_hours"] == 2 * (HOURS + 3 * SCORED), "finalists are trained anew"
    assert not any(path.exists() for path in lessons), "trials leave no checkpoints"
    written = (folder / "pupil.yaml").read_text()
    kept = yaml.safe_load(written)
    assert kept["raised"] == pytest.approx(found["gains"]["raised"], rel=1e-5)
    assert kept["base"] == "pid"
    assert "# Raises bids.\n# Settings: " in written
    assert "merchantgym tune 'executors=[pupil]'" in written


def test_a_search_goes_on_with_what_it_has(lessons: list[Path]) -> None:
    tune("trials=2", "finalists=1")
    before = [one.user_attrs["gains"] for one in trials()]
    taught = len(lessons)
    tune("trials=2", "finalists=1")
    assert len(lessons) == taught, "nothing is trained twice"
    tune("trials=4", "finalists=1")
    assert [one.user_attrs["gains"] for one in trials()][: len(before)] == before
    assert len(trials()) > len(before)


def test_a_hopeless_training_is_stopped(lessons: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that only ever do worse are given up at the first validation that shows it, and cost less."""

    def worse(self: LearnerSubject, gains: Any, ground: Any, tell: Callable[..., None]) -> None:
        noise = np.linspace(-0.01, 0.01, 8)
        lost = 0.0 if gains["raised"] == 0.02 else 0.5
        for stage in range(3):
            tell(noise - lost * (stage > 0), 100 * (stage + 1), stage == 2)

    monkeypatch.setattr(LearnerSubject, "run", worse)
    tune("finalists=1")
    first, *others = trials()
    assert first.state.name == "COMPLETE"
    assert {one.state.name for one in others} == {"PRUNED"}
    assert {one.user_attrs["store_hours"] for one in others} == {200}
    assert len(others) == 4, "what three saved pays for a further one"


def test_a_file_takes_what_was_found_and_keeps_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "ppo.yaml"
    path.write_text((CONF / "agent/ppo.yaml").read_text())
    before = yaml.safe_load(path.read_text())
    write_settings("ppo", {"learning_rate": 2e-4, "epochs": 7.0}, ["the best of 3.", "  merchantgym tune"], tmp_path)
    write_settings("ppo", {"learning_rate": 3e-5}, ["the best of 9.", "  merchantgym tune"], tmp_path)
    text = path.read_text()
    assert yaml.safe_load(text) == before | {"learning_rate": 3e-5, "epochs": 7}
    assert "best of 9" in text
    assert "best of 3" not in text
    assert "falls linearly" in text, "comments stay"
    assert settings_from_mapping(PpoSettings, yaml.safe_load(text)).learning_rate == 3e-5
    with pytest.raises(ValueError, match=r"has no entry 'batches'"):
        write_settings("ppo", {"batches": 3.0}, [], tmp_path)
    with pytest.raises(ValueError, match=r"must hold ppo.yaml"):
        write_settings("ppo", {}, [], tmp_path / "nowhere")


@pytest.mark.parametrize("name", learners_to_tune())
def test_the_settings_of_every_learner_lie_where_their_search_looks(name: str) -> None:
    configured = settings_from_mapping(
        LEARNERS[name].settings, yaml.safe_load((CONF / f"agent/{name}.yaml").read_text())
    )
    for setting, where in searched_settings(LEARNERS[name].settings).items():
        assert where.low < where.high
        assert where.low <= getattr(configured, setting) <= where.high, setting
        assert not where.log or where.low > 0.0


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["executors=[pupil,pid]", "write=."], ["executors", "all controllers or all learners"]),
        (["scenarios=[steady,headline]"], ["scenarios", "pupil"]),
        (["lessons=0"], ["lessons(=0)", ">= 1"]),
        (["+short.pupil={rised: 1}"], ["short.pupil", "'rised'", "raised"]),
        (["executors=[pupils]"], ["'pupils'", "pupil", "value_pid"]),
    ],
)
def test_bad_input_is_named_before_any_work(
    lessons: list[Path], capsys: pytest.CaptureFixture[str], words: list[str], parts: list[str]
) -> None:
    assert cli.main(["tune", *SMALL, *words]) == 2
    message = capsys.readouterr().err
    for part in parts:
        assert part in message
    assert not lessons
    assert not Path("outputs").exists()


FEW: dict[str, tuple[str, ...]] = {
    "evolution": ("generations: 2", "stores: 2", "evaluations: 1"),
    "evolution_plan": ("generations: 2", "stores: 2", "evaluations: 1"),
    "sac": ("steps: 1536", "slots: 8", "decisions: 4", "critic_first: 1", "batch: 16", "evaluations: 1"),
}


@pytest.mark.parametrize("name", FEW)
def test_trials_of_a_learner_are_short_and_search_its_settings(name: str, lessons: list[Path]) -> None:
    usual = yaml.safe_load((CONF / f"agent/{name}.yaml").read_text())
    short = yaml.safe_load((CONF / "tune.yaml").read_text())["short"][name]
    assert {key for key, value in short.items() if usual[key] != value}, "a trial is a whole training"
    settings_from_mapping(LEARNERS[name].settings, usual | short)
    words = [word for word in SMALL if word not in ("executors=[pupil]", CONFIGURED)]
    words += [f"executors=[{name}]", "trials=1", "finalists=1", f"++short.{name}={{{', '.join(FEW[name])}}}"]
    words += [f"agents.{name}.{setting}=4" for setting in ("pilot", "popsize") if setting in usual]
    assert cli.main(["tune", *words]) == 0
    (found,) = json.loads(Path("outputs/mine/tuning.json").read_text())["controllers"]
    assert set(found["gains"]) == set(searched_settings(LEARNERS[name].settings)) >= {"learning_rate"}
    assert found["whole_trials"] == 1
