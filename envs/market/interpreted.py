"""The formulas as ordinary Python, for an engine that checks the compiled one: numpy evaluates them.

A compiled formula has the formulas it calls pasted into it. Here each of them is the Python function it was compiled
from, so both engines follow one text, and no compiler stands between that text and the check. The elementary functions
are numpy's and scipy's own: those of `numeric` are made for the compiler.
"""

from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any, TypeVar, cast

import numpy as np
from scipy.special import expit, ndtr

from . import numeric

_F = TypeVar("_F", bound=Callable[..., Any])
_ELEMENTARY: dict[Any, Any] = {
    numeric.exponential: np.exp,
    numeric.logarithm: np.log,
    numeric.logistic: expit,
    numeric.normal_cdf: ndtr,
}


def interpreted(function: _F) -> _F:
    """The same formula or procedure, run by Python; it broadcasts like numpy."""
    return cast(_F, _interpret(getattr(function, "py_func", function)))


@cache
def _interpret(source: FunctionType) -> FunctionType:
    """A copy of the function in which every compiled function it names is interpreted too."""
    names = dict(source.__globals__)
    for name in source.__code__.co_names:
        named: Any = names.get(name)
        if hasattr(named, "py_func"):
            names[name] = _ELEMENTARY.get(named) or _interpret(named.py_func)
    return FunctionType(source.__code__, names, source.__name__, source.__defaults__, source.__closure__)
