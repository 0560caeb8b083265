"""Control laws that stand alone: frozen gains, explicit memory, plain numbers in and out; no marketplace is needed."""

from .arrays import Array
from .breaker import BreakerLaw, BreakerMemory
from .constant import ConstantLaw
from .dual import DualBudgetLaw, DualLaw, DualReturnLaw, MinLaw, MinReturnLaw
from .gains import Gain, check_gains, gain, gains_of
from .layers import Layer, LayersLaw
from .markup import MarkupLaw
from .multivariable import Decoupler, MultivariableLaw, RoiLaw, decoupling
from .pacing import PacingLaw, PacingMemory
from .predictive import Evidence, FitMemory, PredictiveLaw, Task
from .purse import DayPurse
from .response import Response
from .returns import Returns, joint_bid, return_gap, return_slack
from .throttling import ThrottleLaw
from .value import ConversionLaw, Shelf, ValueLaw
from .waterlevel import WaterlevelLaw
from .worth import Goods, WorthLaw

__all__ = [
    "Array",
    "BreakerLaw",
    "BreakerMemory",
    "ConstantLaw",
    "ConversionLaw",
    "DayPurse",
    "Decoupler",
    "DualBudgetLaw",
    "DualLaw",
    "DualReturnLaw",
    "Evidence",
    "FitMemory",
    "Gain",
    "Goods",
    "Layer",
    "LayersLaw",
    "MarkupLaw",
    "MinLaw",
    "MinReturnLaw",
    "MultivariableLaw",
    "PacingLaw",
    "PacingMemory",
    "PredictiveLaw",
    "Response",
    "Returns",
    "RoiLaw",
    "Shelf",
    "Task",
    "ThrottleLaw",
    "ValueLaw",
    "WaterlevelLaw",
    "WorthLaw",
    "check_gains",
    "decoupling",
    "gain",
    "gains_of",
    "joint_bid",
    "return_gap",
    "return_slack",
]
