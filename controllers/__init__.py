"""Actors with frozen gains: feedback controllers that correct a plan hour by hour."""

from .admission import Admission, admit
from .baselines import OpenLoop, RandomActions
from .feedback import PidPacing, Trim, ValuePid
from .guard import Guard, LossLimit
from .laws import BreakerLaw, DayPurse, Gain, PacingLaw, Shelf, ValueLaw
from .registry import CONTROLLERS, GUARDED, controller_gains, make_controller

__all__ = [
    "CONTROLLERS",
    "GUARDED",
    "Admission",
    "BreakerLaw",
    "DayPurse",
    "Gain",
    "Guard",
    "LossLimit",
    "OpenLoop",
    "PacingLaw",
    "PidPacing",
    "RandomActions",
    "Shelf",
    "Trim",
    "ValueLaw",
    "ValuePid",
    "admit",
    "controller_gains",
    "make_controller",
]
