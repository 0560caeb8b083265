"""What a bundle's memory starts from: a constant or a figure of the plan, for each store or each of its listings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np

from merchantgym.envs.actor import Memory
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.observation import budget_size
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import subset

Begin: TypeAlias = Callable[[PlanArrays, int], Memory]
Length: TypeAlias = int | Literal["listings"]

START_VALUES = (
    "days",
    "start_hour",
    "budget_total",
    "budget_daily",
    "daily_share",
    "budget_size",
    "roi_floor",
)
"""What a memory can start from besides a constant: of the plan its days, its first hour of the week, its budgets [CNY],
the daily one as a share of the whole, the whole as the observation shows it, and its floor on the return."""

_PROBES = 5
_PROBE: Mapping[str, tuple[float, ...]] = {  # plans that agree in nothing
    "days": (3, 7, 11, 14, 30),
    "start_hour": (5, 161, 50, 24, 99),
    "budget_total": (700.0, 9001.0, 2345.0, 1111.0, 5077.0),
    "budget_daily": (210.0, 8000.0, 1123.0, 97.0, 170.0),
    "roi_floor": (0.5, 3.25, 1.75, 2.5, 4.0),
}


@dataclass(frozen=True)
class Start:
    """How one part of a memory begins."""

    value: str | float | tuple[float, ...]
    """A name of `START_VALUES`, or a constant, or one for each place of the last axis."""
    shape: tuple[Length, ...] = ()
    """Of what is remembered of a store; "listings" stands for their number."""

    def lengths(self, listings: int) -> tuple[int, ...]:
        """The shape with the number of listings put in."""
        return tuple(listings if length == "listings" else length for length in self.shape)

    def fill(self, plans: PlanArrays, n: int) -> FloatArray:
        """The part (n, *shape) at the start of n plans, or of one that all share."""
        lengths = self.lengths(plans.bid.shape[1])
        value = np.asarray(plan_value(self.value, plans) if isinstance(self.value, str) else self.value)
        if isinstance(self.value, str):
            value = value.reshape(-1, *(1 for _ in lengths))
        return np.broadcast_to(value, (n, *lengths)).astype(np.float64)

    @property
    def described(self) -> dict[str, Any]:
        """As it stands in a bundle's description."""
        return {"value": list(self.value) if isinstance(self.value, tuple) else self.value, "shape": list(self.shape)}


def plan_value(name: str, plans: PlanArrays) -> FloatArray:
    """One of `START_VALUES` for n plans, shape (n,)."""
    if name == "budget_size":
        return budget_size(plans.budget_total, plans.days)
    if name == "daily_share":
        share: FloatArray = plans.budget_daily / plans.budget_total
        return share
    value: FloatArray = np.asarray(getattr(plans, name), dtype=np.float64)
    return value


def read_start(name: str, entry: Any, listings: int) -> Start:
    """A start as it stands in a description. Raises: ValueError: names the entry that is not allowed."""
    if not isinstance(entry, Mapping) or set(entry) != {"value", "shape"}:
        raise ValueError(f"{name}(={entry!r}) must have a value and a shape")
    value, shape = entry["value"], entry["shape"]
    if not isinstance(shape, list) or not all(
        length == "listings" or (type(length) is int and length >= 1) for length in shape
    ):
        raise ValueError(f"{name}.shape(={shape!r}) must be a list of whole numbers >= 1 or 'listings'")
    start = Start(tuple(value) if isinstance(value, list) else value, tuple(shape))
    if not _is_value(value, start.lengths(listings)):
        last = f", a list of {start.lengths(listings)[-1]} numbers" if shape else ""
        raise ValueError(f"{name}.value(={value!r}) must be a number{last} or one of: {', '.join(START_VALUES)}")
    return start


def _is_value(value: Any, lengths: tuple[int, ...]) -> bool:
    if isinstance(value, list):
        return [len(value)] == list(lengths[-1:]) and all(type(number) in (int, float) for number in value)
    return value in START_VALUES or type(value) in (int, float)


def starts_of(begin: Begin, plans: PlanArrays) -> tuple[Start, ...]:
    """How each part of a memory begins, found by asking for that of plans that agree in nothing.

    Args:
        begin: gives the memory (n, ...) at the start of n plans.
        plans: at least one.
    Raises: ValueError: a part begins neither with a constant nor with one of `START_VALUES`.
    """
    rows = np.zeros(_PROBES, dtype=np.int64)
    probe = replace(
        subset(plans, rows),
        **{name: np.array(values).astype(getattr(plans, name).dtype) for name, values in _PROBE.items()},
    )
    few, many = (_shapes(begin, probe, listings) for listings in (_PROBES + 2, _PROBES + 3))
    shapes = [_shape(one, other) for one, other in zip(few, many, strict=True)]
    return tuple(
        _start(i, part, shape, probe) for i, (part, shape) in enumerate(zip(begin(probe, _PROBES), shapes, strict=True))
    )


def _shapes(begin: Begin, probe: PlanArrays, listings: int) -> list[tuple[int, ...]]:
    """Shapes of the memory's parts for a store of so many listings, its own axis left out."""
    columns = np.zeros(listings, dtype=np.int64)
    wide = replace(
        probe, **{name: getattr(probe, name)[:, columns] for name in ("bid", "price", "cap_listing", "role")}
    )
    return [np.shape(part)[1:] for part in begin(wide, _PROBES)]


def _shape(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[Length, ...]:
    return tuple(a if a == b else "listings" for a, b in zip(one, other, strict=True))


def _start(number: int, part: FloatArray, shape: tuple[Length, ...], probe: PlanArrays) -> Start:
    row = tuple(float(number) for number in part.reshape(len(part), -1, np.shape(part)[-1])[0, 0]) if shape else ()
    values: list[str | float | tuple[float, ...]] = [*START_VALUES, float(np.ravel(part)[0]), row]
    for value in values[: None if shape else -1]:
        start = Start(value, shape)
        if np.array_equal(part, start.fill(probe, _PROBES)):
            return start
    raise ValueError(f"memory[{number}] begins neither with a constant nor with one of: {', '.join(START_VALUES)}")
