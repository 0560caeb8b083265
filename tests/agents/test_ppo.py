"""Training of a residual policy: equal to its base at first, resumed exactly, refused where impossible."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from merchantgym.agents.inputs import Inputs
from merchantgym.agents.planners import planner_by_name
from merchantgym.agents.policy import Correction
from merchantgym.agents.ppo import train_ppo
from merchantgym.agents.ppo_settings import PpoSettings
from merchantgym.agents.residual import ResidualActor, load_residual
from merchantgym.agents.settings import settings_from_mapping
from merchantgym.agents.training import Lesson, Trained
from merchantgym.controllers import make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays, pack_plans
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario

from ..worlds import plans_for

BASE = make_controller("value_pid")
TINY = PpoSettings(base="value_pid", slots=8, twins=4, decisions=7, steps=8 * 7 * 24 * 4, batch=56, evaluations=2)
World = tuple[OpenStores, PlanArrays]


@pytest.fixture(scope="module")
def world() -> World:
    opened = Population(load_scenario("headline")).open("train", 6)
    return opened, pack_plans([planner_by_name("rule").plan(office) for office in opened.offices], opened.listing_ids)


class StoppedError(Exception):
    """The training was cut off."""


def train(
    world: World,
    folder: Path,
    *,
    stop_after: int = 99,
    settings: PpoSettings = TINY,
    threads: int = 1,
    base: Actor = BASE,
) -> Trained:
    seen = []

    def validate(actor: Actor) -> float:
        if len(seen) == stop_after:
            raise StoppedError
        seen.append(actor)
        return float(rollout(actor, *world, seed=3).profit.mean())

    return train_ppo(settings, Lesson(base, *world, 1, folder, validate, threads=threads))


@pytest.mark.parametrize("listings", [1, 4, 8])
def test_an_untrained_policy_is_its_base_bit_for_bit(listings: int) -> None:
    scenario = load_scenario("headline").model_copy(update={"listings": listings})
    opened = Population(scenario).open("train", 5)
    plans = [planner_by_name("rule").plan(office) for office in opened.offices]
    residual = ResidualActor(BASE, Correction(16), scale=1.0)
    for run in (rollout(residual, opened, plans, seed=2), rollout(residual, opened, plans, seed=2)):
        np.testing.assert_array_equal(run.totals, rollout(BASE, opened, plans, seed=2).totals)


def test_training_changes_the_policy_and_keeps_the_best(world: World, tmp_path: Path) -> None:
    trained = train(world, tmp_path)
    assert trained.steps.tolist() == [0, 2688, 5376]
    assert trained.profit[0] == pytest.approx(rollout(BASE, *world, seed=3).profit.mean())
    assert len(set(trained.profit)) == 3
    again = rollout(load_residual(tmp_path, BASE), *world, seed=3).profit.mean()
    assert again == pytest.approx(trained.profit.max())
    assert not list(tmp_path.glob("part-*"))


def test_every_input_is_learned_from_kept_and_resumed(world: World, tmp_path: Path) -> None:
    """Over predictive control, with its insight and beliefs: their memories are in the checkpoint too."""
    short = (world[0], plans_for(world[0], days=np.full(len(world[0]), 2)))
    base, inputs = make_controller("mpc"), {"beliefs": True, "insight": True}
    settings = settings_from_mapping(
        PpoSettings, {**asdict(TINY), "base": "mpc", "inputs": inputs, "steps": TINY.steps // 2}
    )
    whole = train(short, tmp_path / "whole", settings=settings, base=base)
    assert whole.profit[0] == pytest.approx(rollout(base, *short, seed=3).profit.mean())
    assert len(set(whole.profit)) == 3
    with pytest.raises(StoppedError):
        train(short, tmp_path / "cut", settings=settings, base=base, stop_after=2)
    np.testing.assert_array_equal(whole.profit, train(short, tmp_path / "cut", settings=settings, base=base).profit)
    loaded = load_residual(tmp_path / "cut", base)
    assert loaded.inputs == Inputs(beliefs=True, insight=True)
    assert rollout(loaded, *short, seed=3).profit.mean() == pytest.approx(whole.profit.max())


def test_a_training_cut_off_goes_on_as_if_it_had_not_been(world: World, tmp_path: Path) -> None:
    whole = train(world, tmp_path / "whole")
    with pytest.raises(StoppedError):
        train(world, tmp_path / "cut", stop_after=2)
    resumed = train(world, tmp_path / "cut", threads=2)
    np.testing.assert_array_equal(whole.profit, resumed.profit)
    ends = [torch.load(tmp_path / name / "checkpoint.pt", weights_only=False) for name in ("whole", "cut")]
    for name, weight in ends[0]["state"]["student"]["policy"].items():
        assert torch.equal(weight, ends[1]["state"]["student"]["policy"][name]), name


def test_a_checkpoint_of_another_training_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        train(world, tmp_path, stop_after=1)
    with pytest.raises(ValueError, match=r"epochs\(=4\), not 5"):
        train(world, tmp_path, settings=PpoSettings(**{**vars(TINY), "epochs": 5}))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"gamma": 1.5}, r"agent.gamma\(=1.5\) must be a number in \[0, 1\]"),
        ({"slots": 10}, r"agent.slots\(=10\) must be a multiple of agent.twins\(=4\)"),
        ({"hold": 5}, r"agent.hold\(=5\) must be a divisor of 24"),
        ({"steps": 10}, r"agent.steps\(=10\) must be at least one update"),
        ({"epochs": 1.5}, r"agent.epochs\(=1.5\) must be a whole number"),
        ({"learn": 1}, r"agent has no entry 'learn'"),
        ({"scale": float("nan")}, r"agent.scale\(=nan\)"),
    ],
)
def test_bad_settings_are_named(entry: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings_from_mapping(PpoSettings, {"name": "ppo", "base": "value_pid", **entry})


def test_no_policy_and_the_wrong_base_are_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no trained policy"):
        load_residual(tmp_path, BASE)
    train(world, tmp_path)
    with pytest.raises(ValueError, match=r"'value_pid', not 'pid'"):
        load_residual(tmp_path, make_controller("pid"))
