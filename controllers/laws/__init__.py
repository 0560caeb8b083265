"""Control laws that stand alone: frozen gains, explicit memory, plain numbers in and out; no marketplace is needed."""

from .arrays import Array
from .constant import ConstantLaw
from .dual import DualBudgetLaw, DualLaw, DualReturnLaw, MinLaw, MinReturnLaw
from .gains import Gain, check_gains, gain, gains_of
from .layers import Layer, LayersLaw
from .multivariable import Decoupler, MultivariableLaw, RoiLaw, decoupling
from .pacing import PacingLaw, PacingMemory
from .purse import DayPurse
from .returns import Returns, joint_bid, return_gap, return_slack
from .throttling import ThrottleLaw
from .value import ConversionLaw, Shelf, ValueLaw
from .waterlevel import WaterlevelLaw

__all__ = [
    "Array",
    "ConstantLaw",
    "ConversionLaw",
    "DayPurse",
    "Decoupler",
    "DualBudgetLaw",
    "DualLaw",
    "DualReturnLaw",
    "Gain",
    "Layer",
    "LayersLaw",
    "MinLaw",
    "MinReturnLaw",
    "MultivariableLaw",
    "PacingLaw",
    "PacingMemory",
    "Returns",
    "RoiLaw",
    "Shelf",
    "ThrottleLaw",
    "ValueLaw",
    "WaterlevelLaw",
    "check_gains",
    "decoupling",
    "gain",
    "gains_of",
    "joint_bid",
    "return_gap",
    "return_slack",
]
