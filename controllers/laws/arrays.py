"""What the laws compute with."""

from typing import Any, TypeAlias

Array: TypeAlias = Any
"""A numpy array or a torch tensor: the laws use only what both spell alike, so that they can enter an ONNX graph."""
