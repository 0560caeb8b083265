"""`experiment=quick`: whoever learns, a training is short, and what the command line says still holds."""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_module

from merchantgym.agents.bundle import load_bundle
from merchantgym.agents.registry import LEARNERS
from merchantgym.experiments import cli
from merchantgym.experiments.learning import read_settings, settings_of
from merchantgym.experiments.setting import Setting, read_setting

CONF = Path(__file__).parents[2] / "conf"


@cache
def composed(verb: str, *words: str) -> Setting:
    with initialize_config_module("merchantgym.conf", version_base="1.3"):
        return read_setting(compose(verb, ["run=test", *words]))


@cache
def usual(name: str) -> dict[str, Any]:
    """A learner's own settings."""
    return dict(yaml.safe_load((CONF / f"agent/{name}.yaml").read_text()))


@pytest.mark.parametrize("name", LEARNERS)
def test_every_learner_has_a_short_training_in_train_as_in_compare(name: str) -> None:
    train, compare = composed("train", "experiment=quick", f"agent={name}"), composed("compare", "experiment=quick")
    entries = train.config["agent"]
    assert entries["name"] == name
    assert train.config["training"]["stores"] == 64
    changed = {key for key, value in usual(name).items() if entries[key] != value}
    assert changed, "its budget is its usual one"
    assert set(entries) == set(usual(name)), "a field that the learner does not have"
    assert read_settings(train, name, entries) == settings_of(compare, name)
    assert entries == compare.config["agents"][name]


def test_other_experiments_and_none_leave_settings_alone() -> None:
    for words in ((), ("experiment=learned",)):
        assert composed("train", "agent=evolution", *words).config["agent"] == usual("evolution")
    assert composed("compare", "experiment=learned").config["agents"] == {name: usual(name) for name in LEARNERS}


def test_the_main_job_shortens_the_trainings_of_its_learners_alone() -> None:
    agents = composed("compare").config["agents"]
    assert [name for name in LEARNERS if agents[name] != usual(name)] == ["evolution", "ppo"]
    assert agents["evolution"]["generations"] < usual("evolution")["generations"]
    assert agents["ppo"]["steps"] < usual("ppo")["steps"]
    assert read_settings(composed("compare"), "evolution", agents["evolution"])


def test_the_command_line_has_the_last_word() -> None:
    quick = composed("train", "agent=evolution", "experiment=quick", "agent.generations=5").config["agent"]
    assert quick["generations"] == 5
    assert quick["stores"] < usual("evolution")["stores"]
    assert composed("compare", "experiment=quick", "agents.ppo.steps=7").config["agents"]["ppo"]["steps"] == 7


def test_an_evolution_is_trained_and_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["merchantgym"])
    words = ["agent=evolution_plan", "scenario.days=1", "agent.popsize=4", "agent.pilot=4", "agent.stores=4"]
    words += ["training.stores=8", "training.validation_stores=4"]
    silent = ["quiet=true", "threads=1", "tracking.enabled=false", "run=look"]
    assert cli.main(["train", "experiment=quick", *words, *silent]) == 0
    curve = np.load("outputs/look/evolution_plan/seed-0/curve.npz")
    assert curve["steps"].tolist() == [0, 2 * 4 * 4 * 24, 4 * 4 * 4 * 24, 6 * 4 * 4 * 24]
    words = ["scenario.days=1", "source=outputs/look", "stores=50", "observations=1000"]
    assert cli.main(["export", *words, *silent[:2], "run=exported"]) == 0
    assert load_bundle(Path("outputs/exported/bundle")).name == "evolution_plan"
