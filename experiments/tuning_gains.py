"""Gains under search: where to look, how finely, and the file under `conf/controller` that keeps what was found."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from math import floor, log10
from pathlib import Path
from textwrap import wrap
from typing import Any

import yaml

from merchantgym.controllers import CONTROLLERS, Gain, controller_gains, make_controller

from .whole_file import write_whole

SIGNIFICANT = 3  # digits of a gain: of its value on a log scale, of the width of its search elsewhere
_NOT_TUNED = ("open_loop", "random")
_HISTORY = "# Gains:"  # begins the comment that says where a file's gains come from


def tunable() -> tuple[str, ...]:
    """The controllers that have gains to search."""
    return tuple(name for name in CONTROLLERS if name not in _NOT_TUNED and searched_gains(name))


def searched_gains(name: str) -> dict[str, Gain]:
    """The gains of a controller that a search moves: not whole numbers, and not those with one place to look.

    Raises: ValueError: an unknown controller.
    """
    return {
        gain: known
        for gain, known in controller_gains(name).items()
        if known.search[0] < known.search[1] and not known.unit.startswith("whole")
    }


def starting_gains(name: str, configured: Mapping[str, float]) -> dict[str, float]:
    """Every gain of a controller as it stands: configured, else its default.

    Raises: ValueError: an unknown controller or gain, a gain out of range.
    """
    standing = dict(_standing(make_controller(name, configured)))
    return {gain: standing[gain] for gain in controller_gains(name)}


def rounded(value: float, gain: Gain) -> float:
    """The value with as many digits as it is worth writing, never outside of where the search looks."""
    low, high = gain.search
    if gain.unit.startswith("whole"):
        return float(round(value))
    size = abs(value) if gain.log else high - low
    unit = Decimal(1).scaleb(floor(log10(size)) - SIGNIFICANT + 1)
    exact = Decimal(value)
    for rounding in (ROUND_HALF_EVEN, ROUND_CEILING, ROUND_FLOOR):
        near = float(exact.quantize(unit, rounding))
        if low <= near <= high:
            return near + 0.0  # no negative zero
    return min(max(value, low), high)


def write_gains(name: str, gains: Mapping[str, float], history: Sequence[str], folder: Path) -> Path:
    """Write `<folder>/<name>.yaml`, whole or not at all; what the file said of the controller and its gains stays.

    Args:
        gains: all of the controller's.
        history: where the gains come from, a paragraph each, indented ones being kept on one line; takes the place
            of what the file said of that.
    Returns: the file.
    Raises: ValueError: gains that the controller refuses. OSError: the folder cannot be written.
    """
    make_controller(name, gains)
    path = folder / f"{name}.yaml"
    before = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    said = _comments(before)
    known = controller_gains(name)
    lines = _about(name, before)
    for i, paragraph in enumerate(history):
        told = f"{_HISTORY} {paragraph}" if i == 0 else f"# {paragraph}"
        lines += (
            [told] if paragraph.startswith(" ") else wrap(told, 120, subsequent_indent="# ", break_on_hyphens=False)
        )
    lines += [f"name: {name}", "gains:"]
    lines += [f"  {gain}: {_number(value)} # {said.get(gain, known[gain].unit)}" for gain, value in gains.items()]
    write_whole("\n".join(lines) + "\n", path)
    return path


def _standing(part: Any) -> Iterator[tuple[str, float]]:
    """Gain and value of every gain of an actor, whichever of its parts holds it."""
    for item in fields(part):
        value = getattr(part, item.name)
        if "gain" in item.metadata:
            yield item.name, value
        elif is_dataclass(value):
            yield from _standing(value)


def _about(name: str, before: Sequence[str]) -> list[str]:
    """What the head of a file says of the controller, without where its gains come from."""
    head = []
    for line in before:
        if not line.startswith("#") or line.startswith(_HISTORY):
            break
        head.append(line)
    return head or [f"# {(type(make_controller(name)).__doc__ or name).splitlines()[0]}"]


def _comments(lines: Sequence[str]) -> dict[str, str]:
    """The comment behind each gain."""
    pairs = [line.split("#", 1) for line in lines if line.startswith("  ") and "#" in line]
    return {before.split(":")[0].strip(): comment.strip() for before, comment in pairs}


def _number(value: float) -> str:
    return str(yaml.safe_dump(value)).split("\n", 1)[0]
