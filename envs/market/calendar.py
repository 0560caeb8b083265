"""What the calendar and outside events do to demand."""

import numpy as np

from .compiled import Quantity, formula


@formula
def promotion_uplift(is_promotion_day: Quantity, uplift: Quantity) -> Quantity:
    """Traffic multiple of a platform promotion day (1 on an ordinary day)."""
    return 1.0 + is_promotion_day * (uplift - 1.0)


@formula
def shock(hour: Quantity, onset: Quantity, rise_hours: Quantity, decay_hours: Quantity, size: Quantity) -> Quantity:
    """Demand multiple of an outside event: nothing before its onset, then a rise and a slow decay.

    Args:
        hour, onset: hours of the plan [h].
        rise_hours, decay_hours: time constants [h], > 0.
        size: height of the event; 1 doubles demand if the rise is much faster than the decay. >= -1.
    Returns: a multiple >= 0 of the ordinary demand, continuous in time.
    """
    elapsed = np.maximum(hour - onset, 0.0)
    return 1.0 + size * (1.0 - np.exp(-elapsed / rise_hours)) * np.exp(-elapsed / decay_hours)
