"""Bundles: a trained executor as one ONNX graph, its description, and the proof that both act alike.

The graph takes observations and memory and gives actions and new memory; the base controller's law, the scaling of the
inputs, the network and the clipping are inside. `policy.json` names every feature and action, `parity.json` says on how
many observations from real runs graph and original were compared, and how far apart they were at most.
"""

import json
import logging
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, cast

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from merchantgym.envs.action import action_names
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import OBSERVATION_VERSION, bounds, feature_names, observation_size
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import subset

from .onnx_actor import START_VALUES, OnnxActor, start_value
from .policy import Correction
from .residual import ResidualActor

BUNDLE_VERSION = "1"
_FILES = ("policy.onnx", "policy.json", "parity.json")


class PortableLaw(Protocol):
    """A controller whose law takes torch tensors as well as numpy arrays."""

    def respond(self, observation: Any, memory: Any, xp: Any) -> tuple[Any, Any]:
        """Action and new memory."""
        ...


@dataclass(frozen=True)
class Parity:
    """How far the exported graph acts from the original."""

    observations: int
    largest: float  # largest absolute difference of an action's number
    mean: float


class _Executor(nn.Module):
    """Base law, network and clipping in one graph."""

    def __init__(self, law: PortableLaw, correction: Correction, scale: float) -> None:
        super().__init__()
        self.law = law
        self.correction = correction
        self.scale = scale

    def forward(self, observation: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        base, after = self.law.respond(observation.double(), memory, torch)
        inputs = torch.cat((observation, base.float()), dim=1)
        action = torch.clip(base + self.scale * self.correction(inputs).double(), -1.0, 1.0)
        return action, *after


def export_bundle(
    actor: ResidualActor,
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
        actor: whose base has a law that runs on torch (`respond`).
        folder: of the bundle; one that is there is replaced.
        stores, plans: for the runs of the comparison.
        seed: of what happens in them.
        observations: at least so many are compared.
        tolerance: largest difference of an action that passes.
        scenario, scenario_hash, scores: go into the description.
    Raises: ValueError: the base law cannot be exported, or the graph acts otherwise than the original.
    """
    if not hasattr(actor.base, "respond"):
        raise ValueError(
            f"base controller {actor.base.name!r} has no law for torch (respond), so it cannot be exported"
        )
    listings = stores.start.listings
    memory = _memory_starts(actor, plans)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        _write_graph(actor, listings, len(memory), part / "policy.onnx")
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
    _check_entries(path, description)
    for name, needed in (("bundle_version", BUNDLE_VERSION), ("observation_version", OBSERVATION_VERSION)):
        if description.get(name) != needed:
            raise ValueError(f"{path}: {name}(={description.get(name)!r}) must be {needed!r}")
    listings = description["listings"]
    for name, names in (("features", feature_names(listings)), ("actions", action_names(listings))):
        if len(description[name]) != len(names):
            raise ValueError(f"{path}: {name} has {len(description[name])} entries, needs {len(names)}")
        for i, (found, needed) in enumerate(zip(description[name], names, strict=True)):
            if found != needed:
                raise ValueError(f"{path}: {name}[{i}](={found!r}) must be {needed!r}")
    return _open(folder, description)


def _check_entries(path: Path, description: Any) -> None:
    """Raises: ValueError: an entry that is needed is missing or of another kind."""
    if not isinstance(description, dict):
        raise ValueError(f"{path} must hold a mapping")
    for name in ("features", "actions", "memory"):
        if not isinstance(description.get(name), list):
            raise ValueError(f"{path}: {name}(={description.get(name)!r}) must be a list")
    if not isinstance(description.get("name"), str):
        raise ValueError(f"{path}: name(={description.get('name')!r}) must be a text")
    listings = description.get("listings")
    if isinstance(listings, bool) or not isinstance(listings, int) or listings < 1:
        raise ValueError(f"{path}: listings(={listings!r}) must be a whole number >= 1")
    for i, start in enumerate(description["memory"]):
        if start not in START_VALUES and not isinstance(start, int | float):
            raise ValueError(f"{path}: memory[{i}](={start!r}) must be a number or one of: {', '.join(START_VALUES)}")


def check_parity(
    actor: ResidualActor, exported: OnnxActor, stores: OpenStores, plans: PlanArrays, seed: int, observations: int
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


def _write_graph(actor: ResidualActor, listings: int, parts: int, path: Path) -> None:
    module = _Executor(cast(PortableLaw, actor.base), actor.correction, actor.scale).eval()
    low, high = bounds(listings)
    middle = torch.from_numpy(np.stack([low, high])).mean(dim=0, keepdim=True).repeat(2, 1)
    memory = [torch.full((2,), 0.5, dtype=torch.float64) for _ in range(parts)]
    batch = torch.export.Dim("batch", min=1, max=65536)
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it warns of libraries that are not needed here
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            module,
            (middle, *memory),
            dynamo=True,
            verbose=False,
            external_data=False,
            input_names=["observation", *(f"memory_{i}" for i in range(parts))],
            output_names=["action", *(f"next_memory_{i}" for i in range(parts))],
            dynamic_shapes=({0: batch}, tuple({0: batch} for _ in range(parts))),
        )
    exporter.setLevel(level)
    assert program is not None
    program.save(str(path))


def _memory_starts(actor: ResidualActor, plans: PlanArrays) -> list[str | float]:
    """What each part of the memory starts from, found by looking at real plans."""
    count = plans.bid.shape[0]
    starts: list[str | float] = []
    for part in actor.init(plans, count):
        names = [name for name in START_VALUES if np.allclose(part, start_value(name, plans))]
        if np.ndim(part) != 1 or not (names or np.allclose(part, part[0])):
            raise ValueError(f"base controller {actor.base.name!r} has a memory that a bundle cannot describe")
        starts.append(names[0] if names else float(part[0]))
    return starts


def _describe(
    actor: ResidualActor,
    listings: int,
    memory: list[str | float],
    scenario: str,
    scenario_hash: str,
    scores: Mapping[str, float],
) -> dict[str, Any]:
    low, high = bounds(listings)
    return {
        "bundle_version": BUNDLE_VERSION,
        "observation_version": OBSERVATION_VERSION,
        "name": actor.name,
        "base": actor.base.name,
        "listings": listings,
        "features": list(feature_names(listings)),
        "feature_low": _plain(low),
        "feature_high": _plain(high),
        "actions": list(action_names(listings)),
        "action_unit": "log scale around the plan: 1 multiplies a bid by 4, or takes 20 % off every price; in [-1, 1]",
        "memory": memory,
        "scenario": scenario,
        "scenario_hash": scenario_hash,
        "scores": dict(scores),
    }


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
    size = observation_size(int(description["listings"]))
    return OnnxActor(session, tuple(description["memory"]), size, description, str(description["name"]))
