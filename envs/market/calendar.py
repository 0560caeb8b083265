"""What the calendar and outside events do to demand."""

import numpy as np

from .compiled import Quantity, formula
from .numeric import exponential


@formula
def promotion_uplift(is_promotion_day: Quantity, uplift: Quantity) -> Quantity:
    """Traffic multiple of a platform promotion day (1 on an ordinary day)."""
    return 1.0 + is_promotion_day * (uplift - 1.0)


@formula
def shock(hour: Quantity, onset: Quantity, rise_hours: Quantity, decay_hours: Quantity) -> Quantity:
    """Course of an outside event: nothing before its onset, then a rise and a slow decay.

    A listing's demand is multiplied by 1 + size x course; size 1 doubles it if the rise is much faster than the decay.

    Args:
        hour, onset: hours of the plan [h].
        rise_hours, decay_hours: time constants [h], > 0.
    Returns: 0 .. 1, continuous in time.
    """
    elapsed = np.maximum(hour - onset, 0.0)
    return (1.0 - exponential(-elapsed / rise_hours)) * exponential(-elapsed / decay_hours)
