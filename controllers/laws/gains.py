"""Gains: the frozen numbers of a law, each with its unit, what is allowed, and where a search should look."""

from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields
from math import inf, isfinite
from typing import Any


@dataclass(frozen=True)
class Gain:
    """What is known of a gain besides its value."""

    unit: str
    search: tuple[float, float]  # where a tuner should look
    log: bool  # search on a log scale
    allowed: tuple[float, float]


def gain(
    default: float,
    unit: str,
    search: tuple[float, float],
    *,
    log: bool = False,
    allowed: tuple[float, float] = (-inf, inf),
) -> float:
    """A dataclass field that is a gain; `check_gains` enforces what is allowed, `gains_of` lists them."""
    return field(default=default, metadata={"gain": Gain(unit, search, log, allowed)})


def gains_of(law: Any) -> dict[str, Gain]:
    """The gains of a law, class or instance, by name."""
    return {item.name: item.metadata["gain"] for item in _gain_fields(law)}


def check_gains(law: Any) -> None:
    """Refuse impossible gains.

    Raises: ValueError: names the gain, its value and what is allowed.
    """
    for item in _gain_fields(law):
        value = getattr(law, item.name)
        low, high = item.metadata["gain"].allowed
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
            raise ValueError(f"{item.name}(={value!r}) must be a finite number")
        if not low <= value <= high:
            raise ValueError(f"{item.name}(={value}) must lie in [{low:g}, {high:g}]")


def _gain_fields(law: Any) -> Iterator["Field[Any]"]:
    return (item for item in fields(law) if "gain" in item.metadata)
