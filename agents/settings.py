"""Settings of learners: frozen dataclasses that check themselves, made from the files of `conf/agent`."""

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, TypeVar

_Settings = TypeVar("_Settings")


def settings_from_mapping(cls: type[_Settings], config: Mapping[str, Any]) -> _Settings:
    """Settings of a learner from the form of its file in `conf/agent`; the entry `name` is the learner's.

    Raises: ValueError: an unknown or missing entry, or a value that is not allowed; the message names it.
    """
    known = [entry.name for entry in fields(cls)]  # type: ignore[arg-type]
    values = {name: value for name, value in config.items() if name != "name"}
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"agent has no entry {unknown[0]!r}; it has: {', '.join(known)}")
    try:
        return cls(**values)
    except TypeError as error:  # a field without a default was not given
        raise ValueError(f"agent: {error}; it has: {', '.join(known)}") from None


def check_whole(settings: Any, names: Iterable[str], least: int = 1) -> None:
    """Refuse fields that are no whole numbers of at least `least`. Raises: ValueError: names the first."""
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ValueError(f"agent.{name}(={value!r}) must be a whole number >= {least}")


def check_numbers(settings: Any, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Refuse fields that are no numbers within their range, ends included. Raises: ValueError: names the first."""
    for name, (low, high) in ranges.items():
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise ValueError(f"agent.{name}(={value!r}) must be a number in [{low:g}, {high:g}]")


def check_choice(settings: Any, name: str, allowed: Iterable[str]) -> None:
    """Refuse a field that is none of the words allowed. Raises: ValueError: names it and them."""
    words = tuple(allowed)
    if getattr(settings, name) not in words:
        raise ValueError(f"agent.{name}(={getattr(settings, name)!r}) must be one of: {', '.join(words)}")
