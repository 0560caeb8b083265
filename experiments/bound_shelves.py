"""How much can be sold from a shelf in any stretch of hours, whatever is decided.

Goods are reordered only once those on hand and on the way have fallen to the reorder point, and not while any are on
the way. So a shelf never holds more than it began with or the reorder point plus one delivery; and deliveries come at
most once in a lead time.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import FloatArray, ListingField, ListingState, StoreField
from merchantgym.envs.fleet import Fleet

STRETCHES = 8
"""Stretches of time told apart: seven of the plan, and the closing of its books."""


@dataclass(frozen=True)
class Shelves:
    """Shelves of n stores over Q stretches of time and I runs of them."""

    stretch: NDArray[np.int64]  # (n, H) the hour's stretch
    runs: FloatArray  # (I, Q) 1 where a run contains a stretch
    supply: FloatArray  # (n, K, I) [units] most that can be sold in a run
    fullest: FloatArray  # (n, K) [units] most that a shelf ever holds


def read_shelves(fleet: Fleet, hours: NDArray[np.int64]) -> Shelves:
    """The shelves of a fleet on the eve of its plans of `hours` (n,)."""
    state, listing = fleet.state.listing, fleet.arrays.listing
    longest = int(hours.max())
    width = -(-longest // (STRETCHES - 1))
    lead = np.maximum(np.floor(fleet.arrays.store[:, StoreField.LEAD_TIME]), 1.0)[:, None]
    point, lot = listing[:, :, ListingField.REORDER_POINT], listing[:, :, ListingField.REORDER_QUANTITY]
    lot = np.where((point >= 0.0) & (lot > 0.0), lot, 0.0)
    here, coming = state[:, :, ListingState.STOCK], state[:, :, ListingState.INCOMING]
    fullest = np.maximum(here + coming, np.where(lot > 0.0, point + lot, 0.0))
    runs, supply = [], []
    for first in range(STRETCHES - 1):
        for last in range(first, STRETCHES):
            closing = last == STRETCHES - 1
            start = np.minimum(first * width, hours - 1)[:, None]
            end = np.minimum((last + 1) * width, hours)[:, None] - 1
            stock = fullest
            if first == 0:
                arrived = closing | (state[:, :, ListingState.ARRIVAL_HOUR] <= end)
                stock = here + np.where(arrived, coming, 0.0)
            deliveries = np.floor(np.maximum(end - start, 0) / lead) + closing
            runs.append((np.arange(STRETCHES) >= first) & (np.arange(STRETCHES) <= last))
            supply.append(stock + lot * deliveries)
    clock = np.minimum(np.arange(longest) // width, STRETCHES - 2)
    return Shelves(
        stretch=np.repeat(clock[None], fleet.slots, axis=0).astype(np.int64),
        runs=np.array(runs, dtype=np.float64),
        supply=np.stack(supply, axis=2),
        fullest=fullest,
    )
