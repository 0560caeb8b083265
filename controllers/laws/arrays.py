"""What the laws compute with."""

from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any
"""A numpy array or a torch tensor: the laws use only what both spell alike, so that they can enter an ONNX graph."""


def pick(table: Any, index: Array, xp: Any = np) -> Array:
    """Entries of a one-dimensional numpy table at whole places, given as floats or integers of any shape."""
    return xp.asarray(table).take(xp.asarray(index, dtype=xp.int64))


def nowhere(rows: Array, xp: Any = np) -> bool:
    """True where it is known that none is marked, so that work can be left out; a graph has to do it for every row."""
    return xp is np and not rows.any()
