"""Executors as ONNX graphs: a controller's law alone, or under a network or an evolved policy that corrects it."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast, runtime_checkable

import numpy as np
import torch
from torch import Tensor, nn

from merchantgym.envs.actor import Actor, Insightful, Memory
from merchantgym.envs.beliefs import feature_names as belief_names
from merchantgym.envs.observation import bounds
from merchantgym.envs.plan import PlanArrays

from .evolution.actor import EvolvedActor
from .evolution.portable import PortablePolicy, begin_trace, input_names
from .memory_start import Start
from .residual import ResidualActor, advance, begin, corrected
from .sight import rows

_LARGEST_BATCH = 65536


@runtime_checkable
class PortableLaw(Protocol):
    """A controller whose law takes torch tensors as well as numpy arrays."""

    def respond(self, observation: Any, memory: Any, xp: Any) -> tuple[Any, Any]:
        """Action and new memory."""
        ...


def law_of(actor: Actor) -> Actor:
    """The controller within. Raises: ValueError: it does not run on torch."""
    law = actor.base if isinstance(actor, ResidualActor | EvolvedActor) else actor
    if not isinstance(law, PortableLaw):
        raise ValueError(f"controller {law.name!r} has no law for torch (respond), so it cannot be exported")
    return cast(Actor, law)


def sees_beliefs(actor: Actor) -> bool:
    """Whether the graph takes beliefs beside the observation."""
    return isinstance(actor, ResidualActor) and actor.inputs.beliefs


def start_memory(actor: Actor, plans: PlanArrays, n: int) -> Memory:
    """(*law's, *correction's) memory at the start of n plans: what the graph remembers: all but perception's."""
    own = law_of(actor).init(plans, n)
    if isinstance(actor, EvolvedActor):
        return *own, *begin_trace(actor.shape, n, plans.bid.shape[1])
    state = begin(actor.correction, n, plans.bid.shape[1]) if isinstance(actor, ResidualActor) else ()
    return *own, *(part.double().numpy() for part in state)


def input_names_of(actor: Actor, listings: int) -> list[str]:
    """Names of the numbers that a correction looks at; a controller alone has none."""
    if isinstance(actor, EvolvedActor):
        return input_names(actor.base, actor.shape, listings)
    return list(actor.sight.layout.names(listings)) if isinstance(actor, ResidualActor) else []


def write_graph(actor: Actor, listings: int, memory: Sequence[Start], path: Path) -> None:
    """Write the graph of an actor for stores of so many listings, to be run on any number of them.

    Inputs: `observation`, `beliefs` where it sees them, `memory_0` and so on; outputs: `action`, `next_memory_0` ...
    Raises: ValueError: an input of an evolved policy has no formula for the graph.
    """
    module = _module(actor).eval()
    low, high = bounds(listings)
    inputs = {"observation": torch.from_numpy(np.stack([low, high])).mean(dim=0, keepdim=True).repeat(2, 1)}
    if sees_beliefs(actor):
        inputs["beliefs"] = torch.full((2, len(belief_names(listings))), 0.5)
    for i, start in enumerate(memory):
        inputs[f"memory_{i}"] = torch.full((2, *start.lengths(listings)), 0.5, dtype=torch.float64)
    batch = torch.export.Dim("batch", min=1, max=_LARGEST_BATCH)
    further = tuple({0: batch} for _ in range(len(inputs) - 1))  # of `forward`'s variable arguments
    exporter = logging.getLogger("torch.onnx")
    level = exporter.level
    exporter.setLevel(logging.ERROR)  # it warns of libraries that are not needed here
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the exporter's own deprecations
            program = torch.onnx.export(
                module,
                tuple(inputs.values()),
                dynamo=True,
                verbose=False,
                external_data=False,
                optimize=False,  # onnxruntime does it when it opens the graph, in a fraction of the time
                input_names=list(inputs),
                output_names=["action", *(f"next_memory_{i}" for i in range(len(memory)))],
                dynamic_shapes=({0: batch}, *([further] if further else [])),
            )
    finally:
        exporter.setLevel(level)
    assert program is not None
    program.save(str(path))


def _module(actor: Actor) -> nn.Module:
    if isinstance(actor, EvolvedActor):
        return _Evolved(actor)
    return _Corrected(actor) if isinstance(actor, ResidualActor) else _Alone(law_of(actor))


class _Alone(nn.Module):
    """A controller."""

    def __init__(self, law: Any) -> None:
        super().__init__()
        self.law = law

    def forward(self, observation: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        action, after = self.law.respond(observation.double(), memory, torch)
        return action, *(part.clone() for part in after)  # an output may not be an input itself


class _Corrected(nn.Module):
    """Base law, network and clipping; beliefs, where there are any, come before the memory."""

    def __init__(self, actor: ResidualActor) -> None:
        super().__init__()
        self.law: Any = law_of(actor)
        self.correction = actor.correction
        self.inputs = actor.inputs
        self.scale = actor.scale
        self.remembered = actor.remembered

    def forward(self, observation: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        first = int(self.inputs.beliefs)
        split = len(others) - self.remembered
        base, own = self.law.respond(observation.double(), others[first:split], torch)
        seen = [observation]
        if self.inputs.base_action:
            seen.append(base.float())
        seen.extend(others[:first])
        if self.inputs.insight:
            seen.append(rows(*cast(Insightful, self.law).insight(own, torch), torch).float())
        state = tuple(part.float() for part in others[split:])
        correction, state = advance(self.correction, torch.cat(seen, dim=1), state)
        action = corrected(base, correction.double(), self.scale, torch)
        return action, *(part.clone() for part in own), *(part.double() for part in state)


class _Evolved(nn.Module):
    """Base law and evolved policy, whose trace comes last in the memory."""

    def __init__(self, actor: EvolvedActor) -> None:
        super().__init__()
        self.law: Any = law_of(actor)
        self.policy = PortablePolicy(actor)

    def forward(self, observation: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        seen, split = observation.double(), len(memory) - self.policy.remembered
        base, own = self.law.respond(seen, memory[:split], torch)
        thought = cast(Insightful, self.law).insight(own, torch) if any(self.policy.insight) else ()
        action, trace = self.policy(seen, base, thought, memory[split:])
        return action, *(part.clone() for part in own), *trace
