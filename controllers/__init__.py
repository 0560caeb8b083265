"""Actors with frozen gains: feedback controllers that correct a plan hour by hour."""

from .baselines import OpenLoop, RandomActions
from .feedback import PidPacing, Trim, ValuePid
from .laws import DayPurse, Gain, PacingLaw, Shelf, ValueLaw
from .registry import CONTROLLERS, controller_gains, make_controller

__all__ = [
    "CONTROLLERS",
    "DayPurse",
    "Gain",
    "OpenLoop",
    "PacingLaw",
    "PidPacing",
    "RandomActions",
    "Shelf",
    "Trim",
    "ValueLaw",
    "ValuePid",
    "controller_gains",
    "make_controller",
]
