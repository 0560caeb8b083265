"""Pictures of a store's run."""

import numpy as np
from numpy.typing import NDArray

from .trace import Trace


def draw_run(trace: Trace | None, store: int, *, title: str) -> NDArray[np.uint8]:
    raise NotImplementedError
