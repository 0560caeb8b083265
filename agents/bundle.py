"""Bundles: a trained executor as one ONNX graph, its description, and the proof that both act alike.

The graph takes observations and memory and gives actions and new memory; the base controller's law, the scaling of the
inputs, the network and the clipping are inside. A controller alone is exported in the same way. Where a network was
trained with beliefs, they are one more input of the graph, and `OnnxActor` computes them. `policy.json` names every
feature, input and action, `parity.json` says on how many observations from real runs graph and original were compared,
and how far apart they were at most.
"""

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args

import numpy as np
import onnxruntime

from merchantgym.envs.action import action_names
from merchantgym.envs.actor import Actor, Kind
from merchantgym.envs.beliefs import feature_names as belief_names
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import OBSERVATION_VERSION, bounds, feature_names, observation_size
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.perception import Perception
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import subset

from .graph import input_names_of, law_of, sees_beliefs, start_memory, write_graph
from .memory_start import Start, read_start, starts_of
from .onnx_actor import OnnxActor

BUNDLE_VERSION = "2"
_FILES = ("policy.onnx", "policy.json", "parity.json")


@dataclass(frozen=True)
class Parity:
    """How far the exported graph acts from the original."""

    observations: int
    largest: float  # largest absolute difference of an action's number
    mean: float


def export_bundle(
    actor: Actor,
    folder: Path,
    stores: OpenStores,
    plans: PlanArrays,
    *,
    seed: int,
    observations: int,
    tolerance: float,
    scenario: str,
    scenario_hash: str,
    scores: Mapping[str, float],
) -> Parity:
    """Write a bundle, whole or not at all, after comparing it with the original on runs of `stores`.

    Args:
        actor: a controller whose law runs on torch (`respond`), alone or under a `ResidualActor` or an
            `EvolvedActor`.
        folder: of the bundle; one that is there is replaced.
        stores, plans: for the runs of the comparison.
        seed: of what happens in them.
        observations: at least so many are compared.
        tolerance: largest difference of an action that passes.
        scenario, scenario_hash, scores: go into the description.
    Raises: ValueError: the law cannot be exported, its memory begins with what a bundle cannot describe, or the graph
        acts otherwise than the original.
    """
    law_of(actor)
    listings = stores.start.listings
    memory = starts_of(partial(start_memory, actor), plans)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        write_graph(actor, listings, memory, part / "policy.onnx")
        description = _describe(actor, listings, memory, scenario, scenario_hash, scores)
        (part / "policy.json").write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
        parity = check_parity(actor, _open(part, description), stores, plans, seed, observations)
        if not parity.largest <= tolerance:
            raise ValueError(
                f"the exported graph differs by {parity.largest:.2e} from the original, allowed {tolerance:g}"
            )
        (part / "parity.json").write_text(json.dumps(asdict(parity), indent=2) + "\n", encoding="utf-8")
        _put_in_place(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return parity


def _put_in_place(part: Path, folder: Path) -> None:
    """Rename the finished folder; an earlier bundle is set aside first and deleted last."""
    old = folder.with_name(f"{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    part.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def load_bundle(folder: Path) -> OnnxActor:
    """The executor of a bundle.

    Raises: ValueError: a file is missing or broken, the bundle's version is another, or it was made for other
        features; the message names the file, what it says and what is needed.
    """
    for name in _FILES:
        if not (folder / name).is_file():
            raise ValueError(f"bundle {folder} lacks the file {name}")
    path = folder / "policy.json"
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(description, dict):
        raise ValueError(f"{path} must hold a mapping")
    for name, needed in (("bundle_version", BUNDLE_VERSION), ("observation_version", OBSERVATION_VERSION)):
        if description.get(name) != needed:
            raise ValueError(f"{path}: {name}(={description.get(name)!r}) must be {needed!r}; export the policy anew")
    _check_entries(path, description)
    listings = description["listings"]
    for name, names in (("features", feature_names(listings)), ("actions", action_names(listings))):
        if len(description[name]) != len(names):
            raise ValueError(f"{path}: {name} has {len(description[name])} entries, needs {len(names)}")
        for i, (found, needed) in enumerate(zip(description[name], names, strict=True)):
            if found != needed:
                raise ValueError(f"{path}: {name}[{i}](={found!r}) must be {needed!r}")
    return _open(folder, description)


def _check_entries(path: Path, description: Mapping[str, Any]) -> None:
    """Raises: ValueError: an entry that is needed is missing or of another kind."""
    if missing := sorted({"beliefs", "inputs"} - set(description)):
        raise ValueError(f"{path} lacks the entry {missing[0]!r}")
    for name in ("features", "actions", "memory"):
        if not isinstance(description.get(name), list):
            raise ValueError(f"{path}: {name}(={description.get(name)!r}) must be a list")
    if not isinstance(description.get("name"), str):
        raise ValueError(f"{path}: name(={description.get('name')!r}) must be a text")
    if description.get("kind") not in get_args(Kind):
        raise ValueError(f"{path}: kind(={description.get('kind')!r}) must be one of: {', '.join(get_args(Kind))}")
    listings = description.get("listings")
    if isinstance(listings, bool) or not isinstance(listings, int) or listings < 1:
        raise ValueError(f"{path}: listings(={listings!r}) must be a whole number >= 1")
    for i, start in enumerate(description["memory"]):
        read_start(f"{path}: memory[{i}]", start, listings)
    if description["beliefs"] not in (None, needed := _beliefs()):
        raise ValueError(f"{path}: beliefs(={description['beliefs']!r}) must be null or {needed!r}")


def check_parity(
    actor: Actor, exported: OnnxActor, stores: OpenStores, plans: PlanArrays, seed: int, observations: int
) -> Parity:
    """Compare both on the same observations: those that the original meets in real runs, each with its own memory.

    Args:
        observations: at least so many; whole hours of all stores are compared.
    """
    rows = np.arange(len(stores))
    fleet = Fleet(stores.start, len(rows))
    observation = fleet.reset(subset(plans, rows), rows, np.full(len(rows), seed, dtype=np.int64))
    own, other = actor.init(plans, len(rows)), exported.init(plans, len(rows))
    gaps: list[FloatArray] = []
    while len(gaps) * len(rows) < observations:
        if fleet.done.all():
            raise ValueError(f"observations(={observations}) must be at most {len(gaps) * len(rows)} with these stores")
        wanted, own = actor.act(observation, own)
        got, other = exported.act(observation, other)
        gaps.append(np.abs(wanted - got))
        observation = fleet.step(wanted)
    differences = np.stack(gaps)
    return Parity(len(gaps) * len(rows), float(differences.max()), float(differences.mean()))


def _describe(
    actor: Actor,
    listings: int,
    memory: Sequence[Start],
    scenario: str,
    scenario_hash: str,
    scores: Mapping[str, float],
) -> dict[str, Any]:
    low, high = bounds(listings)
    return {
        "bundle_version": BUNDLE_VERSION,
        "observation_version": OBSERVATION_VERSION,
        "name": actor.name,
        "kind": actor.kind,
        "base": law_of(actor).name,
        "listings": listings,
        "features": list(feature_names(listings)),
        "feature_low": _plain(low),
        "feature_high": _plain(high),
        "actions": list(action_names(listings)),
        "action_unit": "log scale around the plan: 1 multiplies a bid by 4, or takes 20 % off every price; in [-1, 1]",
        "inputs": input_names_of(actor, listings),
        "beliefs": _beliefs() if sees_beliefs(actor) else None,
        "memory": [start.described for start in memory],
        "scenario": scenario,
        "scenario_hash": scenario_hash,
        "scores": dict(scores),
    }


def _beliefs() -> dict[str, Any]:
    """What tells whether beliefs are computed as they were: their names, and a hash of perception's settings."""
    return {"names": list(belief_names(1)), "settings": sha256(repr(Perception()).encode()).hexdigest()[:16]}


def _plain(values: Any) -> list[float]:
    return [round(float(value), 6) for value in values]


def _open(folder: Path, description: Mapping[str, Any]) -> OnnxActor:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    path = folder / "policy.onnx"
    try:
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no public class
        raise ValueError(f"{path} is no ONNX graph that can be run: {error}") from None
    listings = int(description["listings"])
    return OnnxActor(
        session,
        tuple(read_start(f"memory[{i}]", entry, listings) for i, entry in enumerate(description["memory"])),
        observation_size(listings),
        description,
        str(description["name"]),
        description["kind"],
        None if description["beliefs"] is None else Perception(),
    )
