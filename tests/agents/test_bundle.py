"""Bundles: the exported graph acts as the original did, and a wrong bundle is refused by name."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from merchantgym.agents.bundle import Parity, check_parity, export_bundle, load_bundle
from merchantgym.agents.evolution import portable
from merchantgym.agents.evolution.actor import EvolvedActor
from merchantgym.agents.evolution.features import Item
from merchantgym.agents.evolution.policy import Shape
from merchantgym.agents.inputs import Inputs, layout_of
from merchantgym.agents.planners import planner_by_name
from merchantgym.agents.policy import Correction
from merchantgym.agents.residual import ResidualActor
from merchantgym.controllers import make_controller
from merchantgym.envs.actor import Actor
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays, pack_plans
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario

from .networks import Remembering, frozen

World = tuple[OpenStores, PlanArrays]
_MIND = tuple(len(names) for names in make_controller("mpc").insight_names)


def opened(listings: int) -> World:
    """Stores of the headline with so many listings, and their plans."""
    scenario = load_scenario("headline").model_copy(update={"listings": listings})
    stores = Population(scenario).open("validation", 6)
    return stores, pack_plans([planner_by_name("rule").plan(office) for office in stores.offices], stores.listing_ids)


@pytest.fixture(scope="module")
def world() -> World:
    return opened(8)


def evolved(base: Actor, shape: Shape) -> EvolvedActor:
    """A policy that corrects a good deal."""
    rng = np.random.default_rng(6)
    standard = np.stack([rng.normal(size=shape.shop + shape.item), rng.uniform(0.2, 2.0, shape.shop + shape.item)])
    return EvolvedActor(base, shape, rng.normal(0.0, 0.05, shape.weights), standard, 0.7)


@pytest.fixture(scope="module")
def actor() -> ResidualActor:
    """A correction that corrects a good deal."""
    return ResidualActor(make_controller("value_pid"), frozen(Correction(16), 0.1), scale=0.7)


def export(actor: Actor, folder: Path, world: World, *, tolerance: float = 1e-5) -> Parity:
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
    # Actions a ten-millionth apart may, once in a long while, turn a click: nearly all counts are the same.
    assert (original.totals == exported.totals).mean() > 0.95
    np.testing.assert_allclose(exported.profit, original.profit, rtol=0.02, atol=20.0)


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
        ({"bundle_version": "1"}, r"bundle_version\(='1'\) must be '2'; export the policy anew"),
        ({"kind": "robot"}, r"kind\(='robot'\) must be one of: plan, controller, learned"),
        ({"beliefs": {"names": []}}, r"beliefs\(=.*\) must be null or"),
        ({"memory": ["days"]}, r"memory\[0\]\(='days'\) must have a value and a shape"),
        (
            {"memory": [{"value": "weather", "shape": []}]},
            r"memory\[0\].value\(='weather'\) must be a number or one of: days, start_hour",
        ),
        (
            {"memory": [{"value": [0.5], "shape": ["listings"]}]},
            r"memory\[0\].value\(=\[0.5\]\) .* a list of 8 numbers",
        ),
        ({"memory": [{"value": 0.0, "shape": ["K"]}]}, r"memory\[0\].shape\(=\['K'\]\) must be a list of whole"),
        ({"features": None}, r"features\[3\]\(='weather'\) must be 'hour_cos_2'"),
    ],
)
def test_another_version_is_refused(bundle: Path, tmp_path: Path, changes: dict[str, Any], message: str) -> None:
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


def acts_alike(actor: Actor, folder: Path, world: World) -> None:
    """Whole rollouts, in which every count and fen is the same."""
    parity = export(actor, folder, world, tolerance=1e-6)
    assert parity.largest < 1e-6
    exported = load_bundle(folder)
    assert (exported.name, exported.kind) == (actor.name, actor.kind)
    original, served = rollout(actor, *world, seed=9), rollout(exported, *world, seed=9)
    np.testing.assert_array_equal(original.totals, served.totals)


def test_predictive_control_with_beliefs_and_insight_is_exported(world: World, tmp_path: Path) -> None:
    """The hardest case: memories of listings, a plan solved within the graph, perception beside it."""
    base, inputs = make_controller("mpc"), Inputs(beliefs=True, insight=True)
    network = frozen(Correction(16, layout_of(inputs, base)), 0.1)
    acts_alike(ResidualActor(base, network, 0.3, inputs=inputs), tmp_path / "bundle", world)
    description = json.loads((tmp_path / "bundle" / "policy.json").read_text())
    assert {"listing_2.insight_spare", "belief_regime_alarm", "base_discount"} <= set(description["inputs"])
    assert {"value": "start_hour", "shape": [1]} in description["memory"]
    assert {"value": 10.0, "shape": ["listings"]} in description["memory"]


def test_a_network_that_remembers_is_exported(world: World, tmp_path: Path) -> None:
    actor = ResidualActor(make_controller("open_loop"), frozen(Remembering(8), 0.2), 0.3)
    acts_alike(actor, tmp_path / "bundle", world)
    description = json.loads((tmp_path / "bundle" / "policy.json").read_text())
    assert description["memory"] == [{"value": 0.0, "shape": [3]}, {"value": 0.25, "shape": ["listings", 2]}]


@pytest.mark.parametrize("name", ["pid", "open_loop"])
def test_a_controller_alone_is_exported_with_memory_or_without(name: str, world: World, tmp_path: Path) -> None:
    acts_alike(make_controller(name), tmp_path / "bundle", world)


@pytest.mark.parametrize(
    ("base", "shape", "listings", "memory"),
    [
        ("open_loop", Shape((), 3), 8, []),
        ("value_pid", Shape((24.0,), 0), 8, [[], [1, 3], [1, 3, "listings"]]),
        ("mpc", Shape((6.0, 48.0), 3, _MIND, 4), 4, [[], [2, 3], [2, 3, "listings"]]),
    ],
)
def test_an_evolved_policy_is_exported(
    base: str, shape: Shape, listings: int, memory: list[Any], tmp_path: Path
) -> None:
    world = opened(listings)
    actor = evolved(make_controller(base), shape)
    export(actor, tmp_path / "bundle", world, tolerance=1e-6)
    whole = check_parity(actor, load_bundle(tmp_path / "bundle"), *world, seed=9, observations=6 * 336)
    assert whole.largest < 1e-6, "over whole episodes"
    description = json.loads((tmp_path / "bundle" / "policy.json").read_text())
    assert (description["base"], description["kind"]) == (base, "learned")
    assert {"demand_surprise", "listing_3.worth_early"} <= set(description["inputs"])
    assert len(description["inputs"]) == shape.shop + listings * shape.item
    assert [part["shape"] for part in description["memory"]][-3:] == memory


def test_an_input_that_the_graph_does_not_know_is_refused(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = portable.item_formulas
    monkeypatch.setattr(
        portable, "item_formulas", lambda *seen: {k: v for k, v in known(*seen).items() if k is not Item.SOLD}
    )
    with pytest.raises(ValueError, match=r"input Item.SOLD has no formula on torch"):
        export(evolved(make_controller("open_loop"), Shape()), tmp_path / "bundle", world)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["throttle", "guard:mpc"])
def test_a_law_that_is_no_graph_is_refused_before_any_work(world: World, tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=rf"controller '{name}' has no law for torch"):
        export(ResidualActor(make_controller(name), Correction(16), 0.3), tmp_path / "bundle", world)
    assert not list(tmp_path.iterdir())
