"""How the mechanisms are compiled: one decorator for formulas, one for procedures."""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar, cast

import numba as nb

Quantity: TypeAlias = Any
"""A float or an array of floats; formulas broadcast like numpy."""

_F = TypeVar("_F", bound=Callable[..., Any])


def formula(function: _F) -> _F:
    """Compile a pure expression and paste it into its callers, so that their loops become vector instructions.

    Division follows numpy (no exception on zero): a branch that could raise would keep a loop scalar.
    """
    return cast(_F, nb.njit(cache=True, inline="always", error_model="numpy")(function))


def procedure(function: _F) -> _F:
    """Compile a function with loops; it releases the GIL, so that threads share the work."""
    return cast(_F, nb.njit(cache=True, nogil=True, error_model="numpy")(function))
