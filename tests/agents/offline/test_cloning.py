"""Cloning: the network comes to act as its teacher, resumes exactly, and says what it cannot learn from."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from merchantgym.agents.inputs import Inputs
from merchantgym.agents.offline.cloning import CloneSettings, imitation_loss, train_clone
from merchantgym.agents.offline.iql import IqlSettings, train_iql
from merchantgym.agents.policy import Correction
from merchantgym.agents.residual import load_residual
from merchantgym.agents.sight import policy_input
from merchantgym.agents.training import Lesson, Trained
from merchantgym.controllers import make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.observation import N_GLOBAL, PerListing
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.rollout import rollout
from merchantgym.experiments.learning import load_policy
from merchantgym.experiments.setting import controller, read_setting

from ...worlds import plans_for
from .datasets import configured, recorded, setting_of

BASE = make_controller("open_loop")
TEACHER = make_controller("pid")
TINY = CloneSettings(teacher="pid", rounds=2, stores=8, epochs=2, batch=256, width=16)


class StoppedError(Exception):
    """The training was cut off."""


def lesson(stores: OpenStores, folder: Path, *, stop_after: int = 99, base: Actor = BASE, seed: int = 1) -> Lesson:
    plans, seen = plans_for(stores), []

    def validate(actor: Actor) -> float:
        if len(seen) == stop_after:
            raise StoppedError
        seen.append(actor)
        return float(rollout(actor, stores, plans, seed=3).profit.mean())

    return Lesson(base, stores, plans, seed, folder, validate, teacher=TEACHER)


def distance(one: Actor, stores: OpenStores) -> float:
    """How far an actor's spend is from the teacher's, mean over stores [share]."""
    plans = plans_for(stores)
    spent = [rollout(actor, stores, plans, seed=9).spend for actor in (one, TEACHER)]
    return float(np.abs(spent[0] / spent[1] - 1.0).mean())


def test_a_clone_comes_to_act_as_its_teacher(steady: OpenStores, tmp_path: Path) -> None:
    settings = replace(TINY, rounds=3, stores=24, epochs=8, keep=0.5)
    trained = train_clone(settings, lesson(steady, tmp_path))
    assert trained.steps.tolist() == [0, 8064, 16128, 24192]
    last = load_residual(tmp_path, BASE)
    assert distance(last, steady) < 0.5 * distance(BASE, steady)


def test_a_training_cut_off_goes_on_as_if_it_had_not_been(steady: OpenStores, tmp_path: Path) -> None:
    whole = train_clone(TINY, lesson(steady, tmp_path / "whole"))
    with pytest.raises(StoppedError):
        train_clone(TINY, lesson(steady, tmp_path / "cut", stop_after=2))
    _equal(whole, train_clone(TINY, lesson(steady, tmp_path / "cut")), tmp_path)


def _equal(whole: Trained, resumed: Trained, folder: Path) -> None:
    np.testing.assert_array_equal(whole.profit, resumed.profit)
    ends = [torch.load(folder / name / "checkpoint.pt", weights_only=False) for name in ("whole", "cut")]
    weights = [end["state"]["student"].get("weights") or end["state"]["student"]["policy"] for end in ends]
    for name, weight in weights[0].items():
        assert torch.equal(weight, weights[1][name]), name


def test_a_record_is_enough_to_begin_with(headline: OpenStores, tmp_path: Path) -> None:
    dataset = recorded("executors=[value_pid,random]", "noise=0.2")
    teacher = controller(setting_of().config, "value_pid")
    settings = replace(TINY, dataset=str(dataset.folder), teacher="value_pid", rounds=1, keep=1.0)
    trained = train_clone(settings, replace(lesson(headline, tmp_path), teacher=teacher))
    assert trained.profit[0] != trained.profit[1]
    with pytest.raises(ValueError, match=r"agent.teacher\(='pid'\) was not recorded in .*: value_pid, random"):
        train_clone(replace(settings, teacher="pid"), lesson(headline, tmp_path / "other"))


def test_beliefs_may_be_seen_too(headline: OpenStores, tmp_path: Path) -> None:
    settings = replace(TINY, rounds=2, inputs=Inputs(beliefs=True))
    trained = train_clone(settings, lesson(headline, tmp_path))
    kept = rollout(load_residual(tmp_path, BASE), headline, plans_for(headline), seed=3).profit.mean()
    assert kept == pytest.approx(trained.profit.max())


def test_listings_without_ads_do_not_count() -> None:
    seen = np.random.default_rng(0).normal(size=(5, N_GLOBAL + 2 * len(PerListing))).astype(np.float32)
    seen[:, N_GLOBAL + PerListing.ACTIVE] = 1.0
    seen[:, N_GLOBAL + len(PerListing) + PerListing.ACTIVE] = 0.0
    inputs = torch.from_numpy(policy_input(seen, np.zeros((5, 5))))
    action = torch.zeros((5, 5))
    losses = []
    for odd in (0.0, 1.0):
        action[:, 3] = odd
        losses.append(imitation_loss(Correction(8), inputs, action).item())
    assert losses == [0.0, 0.0]
    action[:, 2] = 1.0
    assert imitation_loss(Correction(8), inputs, action).item() == pytest.approx(1.0 / 4.0)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"base": "mpc"}, r"agent.base\(='mpc'\) must be open_loop"),
        ({"keep": 0.0}, r"agent.keep\(=0.0\) must be a number in"),
        ({"rounds": 0}, r"agent.rounds\(=0\) must be a whole number >= 1"),
        ({"dataset": "some", "inputs": {"beliefs": True}}, r"agent.dataset\(='some'\) must be null with other inputs"),
        ({"dataset": 3}, r"agent.dataset\(=3\) must be the folder"),
    ],
)
def test_bad_settings_are_named(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CloneSettings(**entry)


def test_offline_training_goes_on_and_starts_as_its_base(headline: OpenStores, tmp_path: Path) -> None:
    dataset = recorded("executors=[value_pid]", "noise=0.2")
    base = controller(setting_of().config, "value_pid")
    settings = IqlSettings(str(dataset.folder), base="value_pid", gradient_steps=6, batch=32, width=8, evaluations=2)
    whole = train_iql(settings, lesson(headline, tmp_path / "whole", base=base))
    assert whole.profit[0] == pytest.approx(rollout(base, headline, plans_for(headline), seed=3).profit.mean())
    assert len(set(whole.profit)) == 3
    with pytest.raises(StoppedError):
        train_iql(settings, lesson(headline, tmp_path / "cut", base=base, stop_after=2))
    _equal(whole, train_iql(settings, lesson(headline, tmp_path / "cut", base=base)), tmp_path)


def test_a_record_of_another_base_is_refused(headline: OpenStores, tmp_path: Path) -> None:
    dataset = recorded("executors=[value_pid]", "noise=0.2")
    with pytest.raises(ValueError, match=r"base\(='pid'\) must be that one executor, or open_loop"):
        train_iql(IqlSettings(str(dataset.folder), base="pid"), lesson(headline, tmp_path, base=TEACHER))
    with pytest.raises(ValueError, match=r"none holds no finished dataset"):
        train_iql(IqlSettings(str(tmp_path / "none")), lesson(headline, tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_clones_folder_is_loaded_by_its_learner(steady: OpenStores, tmp_path: Path) -> None:
    folder = tmp_path / "clone" / "seed-0"
    train_clone(TINY, lesson(steady, folder))
    loaded = load_policy(read_setting(configured("evaluate")), folder)
    stores, plans = steady, plans_for(steady)
    own = rollout(load_residual(folder, BASE), stores, plans, seed=4)
    np.testing.assert_array_equal(own.profit, rollout(loaded, stores, plans, seed=4).profit)
