"""Training by evolution: resumed exactly after any death, the best kept, bad settings named before any work."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from merchantgym.agents.evolution.learner import Evolution, load_evolved, scores, train_evolution
from merchantgym.agents.evolution.settings import EvolutionSettings
from merchantgym.agents.settings import settings_from_mapping
from merchantgym.agents.training import Lesson, Trained
from merchantgym.controllers import make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario

from ...worlds import plans_for

TINY: dict[str, Any] = {
    "base": "open_loop",
    "generations": 6,
    "popsize": 4,
    "stores": 3,
    "sigma": 0.1,
    "evaluations": 3,
    "pilot": 4,
    "average": 2.0,
}
METHODS = ["cma", "openai", "pairs"]
World = tuple[OpenStores, PlanArrays]


class StoppedError(Exception):
    """The training was cut off."""


def small_world() -> World:
    stores = Population(load_scenario("headline")).open("train", 8)
    return stores, plans_for(stores, days=np.full(8, 1))


@pytest.fixture(scope="module")
def world() -> World:
    return small_world()


def lesson_of(world: World, folder: Path, *, stop_after: int = 99, threads: int = 1, wait: float = 0.0) -> Lesson:
    heard: list[Actor] = []

    def validate(actor: Actor) -> float:
        if len(heard) == stop_after:
            raise StoppedError
        heard.append(actor)
        time.sleep(wait)
        return float(rollout(actor, *world, seed=3).profit.mean())

    return Lesson(make_controller("open_loop"), *world, 1, folder, validate, threads=threads, name="evolution_plan")


def train(world: World, folder: Path, changes: dict[str, Any] | None = None, **options: Any) -> Trained:
    return train_evolution(EvolutionSettings(**{**TINY, **(changes or {})}), lesson_of(world, folder, **options))


def same(one: Path, two: Path) -> None:
    """The two trainings came to the same policy and curve, bit for bit."""
    ends = [torch.load(folder / "policy.pt", weights_only=True) for folder in (one, two)]
    assert torch.equal(ends[0]["weights"], ends[1]["weights"])
    curves = [np.load(folder / "curve.npz") for folder in (one, two)]
    np.testing.assert_array_equal(curves[0]["profit"], curves[1]["profit"])


@pytest.mark.parametrize("method", METHODS)
def test_training_keeps_the_best_the_untrained_one_included(world: World, tmp_path: Path, method: str) -> None:
    trained = train(world, tmp_path, {"method": method})
    runs = 2 if method == "pairs" else TINY["popsize"]  # of each of three stores for a day, two generations between
    assert trained.steps.tolist() == [0, 144 * runs, 288 * runs, 432 * runs]
    base = rollout(make_controller("open_loop"), *world, seed=3)
    assert trained.profit[0] == base.profit.mean()
    assert len(set(trained.profit)) == 4
    again = rollout(load_evolved(tmp_path, make_controller("open_loop")), *world, seed=3)
    assert again.profit.mean() == trained.profit.max()
    assert trained.actor.name == "evolution_plan"


@pytest.mark.parametrize(
    "changes", [{"method": "cma"}, {"method": "openai", "hidden": 2}, {"method": "pairs"}, {"diagonal": True}]
)
def test_a_training_cut_off_goes_on_as_if_it_had_not_been(
    world: World, tmp_path: Path, changes: dict[str, Any]
) -> None:
    train(world, tmp_path / "whole", changes)
    with pytest.raises(StoppedError):
        train(world, tmp_path / "cut", changes, stop_after=2)
    train(world, tmp_path / "cut", changes, threads=2)
    same(tmp_path / "whole", tmp_path / "cut")


def test_a_killed_training_goes_on_as_if_it_had_not_been(world: World, tmp_path: Path) -> None:
    train(world, tmp_path / "whole")
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from tests.agents.evolution.test_learner import small_world, train\n"
        "train(small_world(), Path(sys.argv[1]), wait=1.0)\n"
    )
    root = Path(__file__).parents[3]
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "killed"), str(root)], cwd=root)
    deadline = time.monotonic() + 120.0
    curve = tmp_path / "killed" / "curve.npz"
    while not (curve.is_file() and len(np.load(curve)["profit"]) >= 2):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    resumed = train(world, tmp_path / "killed")
    assert len(resumed.profit) == 4
    same(tmp_path / "whole", tmp_path / "killed")


def test_every_store_is_played_before_any_comes_again(world: World, tmp_path: Path) -> None:
    student = Evolution(EvolutionSettings(**TINY), lesson_of(world, tmp_path))
    draws = [student._draw(generation) for generation in range(8)]
    played = np.concatenate([stores for stores, _ in draws])
    for turn in played.reshape(-1, 8):
        assert sorted(turn) == list(range(8))
    assert len({int(seed) for _, seeds in draws for seed in seeds}) == 24


def test_scores_are_paired_and_extremes_can_be_cut_off() -> None:
    stores = np.array([0.0, 1000.0, -500.0, 50.0])
    better = np.array([1.0, 2.0, 3.0])[:, None] + stores
    np.testing.assert_allclose(scores(better, 0.0), [-1.0, 0.0, 1.0])
    better[0, 1] += 1e6
    assert scores(better, 0.0).argmax() == 0
    assert scores(better, 0.25).argmax() == 2


def test_a_folder_of_another_training_or_base_is_refused(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no trained policy"):
        load_evolved(tmp_path, make_controller("open_loop"))
    with pytest.raises(StoppedError):
        train(world, tmp_path, stop_after=1)
    with pytest.raises(ValueError, match=r"sigma\(=0\.1\), not 0\.2"):
        train(world, tmp_path, {"sigma": 0.2})
    with pytest.raises(ValueError, match="'open_loop', not 'pid'"):
        load_evolved(tmp_path, make_controller("pid"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"method": "genetic"}, r"agent.method\(='genetic'\) must be one of: cma, openai"),
        ({"popsize": 3}, r"agent.popsize\(=3\) must be a whole number >= 4"),
        ({"method": "openai", "popsize": 7}, r"agent.popsize\(=7\) must be even"),
        ({"sigma": 0.0}, r"agent.sigma\(=0.0\) must be a number in"),
        ({"winsorise": 0.5}, r"agent.winsorise\(=0.5\) must be a number in \[0, 0.45\]"),
        ({"half_lives": [24, 0]}, r"agent.half_lives\(=\[24, 0\]\) must be a list of numbers"),
        ({"half_lives": 24}, r"agent.half_lives\(=24\) must be a list"),
        ({"diagonal": 1}, r"agent.diagonal\(=1\) must be true or false"),
        ({"population": 9}, r"agent has no entry 'population'"),
    ],
)
def test_bad_settings_are_named(entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings_from_mapping(EvolutionSettings, {"name": "evolution", **TINY, **entry})


def test_insight_is_refused_where_the_base_shows_none(world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"agent.insight\(=True\) needs a base controller that shows insight"):
        train(world, tmp_path, {"insight": True})


@pytest.mark.parametrize("changes", [{"shared": False}, {"surprises": True, "heads": ["discount", "listings"]}])
def test_other_shapes_train_and_load(world: World, tmp_path: Path, changes: dict[str, Any]) -> None:
    trained = train(world, tmp_path, {"directions": "few", "hidden": 0, "method": "pairs", **changes})
    again = rollout(load_evolved(tmp_path, make_controller("open_loop")), *world, seed=3)
    assert again.profit.mean() == trained.profit.max()
