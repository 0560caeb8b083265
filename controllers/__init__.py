"""Actors with frozen gains: feedback controllers that correct a plan hour by hour."""

from .baselines import Constant, OpenLoop, RandomActions
from .constrained import DualPacing, MinPacing, MultiPid
from .feedback import PidPacing, ValuePid, Waterlevel
from .guard import Guard, LossLimit
from .laws import BreakerLaw, DayPurse, Gain, PacingLaw, Shelf, ValueLaw
from .participation import SmartPacing, Throttle
from .predictive import Predictive
from .registry import CONTROLLERS, GUARDED, controller_gains, make_controller
from .trim import Trim

__all__ = [
    "CONTROLLERS",
    "GUARDED",
    "BreakerLaw",
    "Constant",
    "DayPurse",
    "DualPacing",
    "Gain",
    "Guard",
    "LossLimit",
    "MinPacing",
    "MultiPid",
    "OpenLoop",
    "PacingLaw",
    "PidPacing",
    "Predictive",
    "RandomActions",
    "Shelf",
    "SmartPacing",
    "Throttle",
    "Trim",
    "ValueLaw",
    "ValuePid",
    "Waterlevel",
    "controller_gains",
    "make_controller",
]
