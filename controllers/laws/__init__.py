"""Control laws that stand alone: frozen gains, explicit memory, plain numbers in and out; no marketplace is needed."""

from .arrays import Array
from .breaker import BreakerLaw, BreakerMemory
from .gains import Gain, check_gains, gain, gains_of
from .pacing import DayPurse, PacingLaw, PacingMemory
from .value import Shelf, ValueLaw

__all__ = [
    "Array",
    "BreakerLaw",
    "BreakerMemory",
    "DayPurse",
    "Gain",
    "PacingLaw",
    "PacingMemory",
    "Shelf",
    "ValueLaw",
    "check_gains",
    "gain",
    "gains_of",
]
