"""Actors by name, with their gains by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from merchantgym.envs.actor import Actor

from .baselines import Constant, OpenLoop, RandomActions
from .constrained import DualPacing, MinPacing, MultiPid
from .feedback import PidPacing, ValuePid, Waterlevel
from .guard import Guard, LossLimit
from .laws import (
    BreakerLaw,
    ConstantLaw,
    ConversionLaw,
    Decoupler,
    DualBudgetLaw,
    DualReturnLaw,
    Gain,
    LayersLaw,
    MarkupLaw,
    MinReturnLaw,
    PacingLaw,
    PredictiveLaw,
    RoiLaw,
    ThrottleLaw,
    ValueLaw,
    WaterlevelLaw,
    WorthLaw,
    gains_of,
)
from .participation import Chance, SmartPacing, Throttle
from .predictive import Horizon, Predictive
from .trim import Trim


@dataclass(frozen=True)
class _Recipe:
    """An actor built from parts, each a frozen set of gains."""

    parts: tuple[type[Any], ...]
    build: Callable[..., Actor]


_RECIPES: Mapping[str, _Recipe] = {
    "open_loop": _Recipe((), OpenLoop),
    "random": _Recipe((RandomActions,), lambda actor: actor),
    "constant": _Recipe((ConstantLaw, Trim), Constant),
    "throttle": _Recipe((ThrottleLaw, Chance, Trim), Throttle),
    "smart_pacing": _Recipe((ConversionLaw, LayersLaw, Trim), SmartPacing),
    "waterlevel": _Recipe((WaterlevelLaw, Trim), Waterlevel),
    "pid": _Recipe((PacingLaw, Trim), PidPacing),
    "multi_pid": _Recipe((ValueLaw, PacingLaw, RoiLaw, Decoupler, Trim), MultiPid),
    "dual_pacing": _Recipe((ValueLaw, DualBudgetLaw, DualReturnLaw, Trim), DualPacing),
    "min_pacing": _Recipe((ValueLaw, DualBudgetLaw, MinReturnLaw, Trim), MinPacing),
    "value_pid": _Recipe((ValueLaw, PacingLaw, Trim), ValuePid),
    "mpc": _Recipe((WorthLaw, PredictiveLaw, MarkupLaw, Horizon), Predictive),
}
CONTROLLERS = tuple(_RECIPES)
_GUARD = "guard:"
GUARDED = tuple(_GUARD + name for name in CONTROLLERS)
"""Every controller within limits, see `guard`; its gains are the guard's and the controller's."""


def controller_gains(name: str) -> dict[str, Gain]:
    """Every gain of a controller: unit, what is allowed, and where a tuner should look.

    Raises: ValueError: names the unknown controller and the known ones.
    """
    return {gain: known for part in _recipe(name).parts for gain, known in gains_of(part).items()}


def make_controller(name: str, gains: Mapping[str, float] | None = None) -> Actor:
    """An actor by its name; gains that are not given keep their defaults.

    Raises: ValueError: an unknown controller or gain, named with those that are known; a gain out of range.
    """
    recipe, given = _recipe(name), dict(gains or {})
    known = controller_gains(name)
    for gain in given:
        if gain not in known:
            allowed = ", ".join(known) or "none"
            raise ValueError(f"gains.{gain}(={given[gain]!r}) is no gain of controller {name!r}; allowed: {allowed}")
    return recipe.build(*(part(**{k: given[k] for k in gains_of(part) if k in given}) for part in recipe.parts))


def _recipe(name: str) -> _Recipe:
    inner = name.removeprefix(_GUARD)
    if inner not in _RECIPES:
        raise ValueError(f"controller(={name!r}) is unknown; allowed: {', '.join(_RECIPES)}, or {_GUARD}<one of them>")
    recipe = _RECIPES[inner]
    if inner == name:
        return recipe
    return _Recipe(
        (LossLimit, BreakerLaw, *recipe.parts),
        lambda terms, breaker, *parts: Guard(recipe.build(*parts), terms, breaker),
    )
