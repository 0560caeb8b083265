"""Refusal of impossible settings of perception."""

from math import isfinite
from typing import Any


def require_positive(settings: Any, *names: str) -> None:
    """Refuse a field that is no finite number above 0. Raises: ValueError: names the field and its value."""
    for name in names:
        value = getattr(settings, name)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value) or value <= 0.0:
            raise ValueError(f"{name}(={value!r}) must be a finite number > 0")
