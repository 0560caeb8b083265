"""Bundles: the exported graph acts as the original did, and a wrong bundle is refused by name."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from merchantgym.agents.bundle import Parity, export_bundle, load_bundle
from merchantgym.agents.planners import planner_by_name
from merchantgym.agents.policy import Correction
from merchantgym.agents.residual import ResidualActor
from merchantgym.controllers import make_controller
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays, pack_plans
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario

World = tuple[OpenStores, PlanArrays]


@pytest.fixture(scope="module")
def world() -> World:
    opened = Population(load_scenario("headline")).open("validation", 6)
    return opened, pack_plans([planner_by_name("rule").plan(office) for office in opened.offices], opened.listing_ids)


@pytest.fixture(scope="module")
def actor() -> ResidualActor:
    """A correction that corrects a good deal."""
    torch.manual_seed(0)
    correction = Correction(16)
    with torch.no_grad():
        for weight in correction.net.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return ResidualActor(make_controller("value_pid"), correction.eval().requires_grad_(False), scale=0.7)


def export(actor: ResidualActor, folder: Path, world: World, *, tolerance: float = 1e-5) -> Parity:
    return export_bundle(
        actor,
        folder,
        *world,
        seed=4,
        observations=1200,
        tolerance=tolerance,
        scenario="headline",
        scenario_hash="0",
        scores={"profit": 1.0},
    )


@pytest.fixture(scope="module")
def bundle(actor: ResidualActor, world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "bundle"
    parity = export(actor, folder, world)
    assert parity.observations >= 1200
    assert parity.largest < 1e-6
    return folder


def test_the_bundle_runs_stores_as_the_original_does(bundle: Path, actor: ResidualActor, world: World) -> None:
    original, exported = rollout(actor, *world, seed=9), rollout(load_bundle(bundle), *world, seed=9)
    assert (original.totals != rollout(actor.base, *world, seed=9).totals).any()
    np.testing.assert_array_equal(original.totals, exported.totals)


def test_it_says_what_it_is(bundle: Path) -> None:
    description = json.loads((bundle / "policy.json").read_text())
    assert description["features"][0] == "hour_sin"
    assert description["actions"][:2] == ["channel_search", "channel_feed"]
    assert description["actions"][-1] == "discount"
    assert len(description["features"]) == len(description["feature_low"])
    assert json.loads((bundle / "parity.json").read_text())["observations"] >= 1200


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observation_version": "0"}, r"observation_version\(='0'\) must be '2'"),
        ({"bundle_version": "7"}, r"bundle_version\(='7'\) must be '1'"),
        ({"features": None}, r"features\[3\]\(='weather'\) must be 'hour_cos_2'"),
    ],
)
def test_another_version_is_refused(bundle: Path, tmp_path: Path, changes: dict[str, str], message: str) -> None:
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    description = json.loads((copy / "policy.json").read_text())
    for name, value in changes.items():
        if value is None:
            description["features"][3] = "weather"
        else:
            description[name] = value
    (copy / "policy.json").write_text(json.dumps(description))
    with pytest.raises(ValueError, match=message):
        load_bundle(copy)


def test_missing_and_broken_files_are_named(bundle: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"lacks the file policy.onnx"):
        load_bundle(tmp_path)
    copy = shutil.copytree(bundle, tmp_path / "bundle")
    (copy / "policy.onnx").write_bytes(b"not a graph")
    with pytest.raises(ValueError, match=r"policy.onnx is no ONNX graph"):
        load_bundle(copy)
    (copy / "policy.json").write_text("{")
    with pytest.raises(ValueError, match=r"policy.json is not JSON"):
        load_bundle(copy)


def test_wrong_observations_are_named(bundle: Path, world: World) -> None:
    actor = load_bundle(bundle)
    memory = actor.init(world[1], 6)
    with pytest.raises(ValueError, match=r"observation\(shape=\(6, 3\)\) must have shape"):
        actor.act(np.zeros((6, 3)), memory)
    broken = np.zeros((6, actor.observation_size))
    broken[2, 5] = np.nan
    with pytest.raises(ValueError, match=r"observation\[2\].week_cos\(=nan\)"):
        actor.act(broken, memory)


def test_a_graph_that_acts_otherwise_leaves_nothing(actor: ResidualActor, world: World, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"differs by .* from the original"):
        export(actor, tmp_path / "bundle", world, tolerance=1e-15)
    assert not list(tmp_path.iterdir())
