"""Settings of a training by evolution, checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..settings import check_choice, check_numbers, check_whole, searched
from .directions import CHOICES, HEADS

METHODS = ("cma", "openai", "pairs")


@dataclass(frozen=True)
class EvolutionSettings:
    """Settings of one training; values and their reasons stand in `conf/agent/evolution.yaml`."""

    base: str  # name of the controller that is corrected
    gains: Mapping[str, float] = field(default_factory=dict)  # changes to its configured gains
    method: str = "cma"  # of `METHODS`
    generations: int = 48
    popsize: int = 24  # candidates of a generation; even for openai: half of them are mirrored; not for pairs
    stores: int = 64  # that every candidate of a generation runs; pairs: each for a pair of its own
    # step of a candidate's weights from the mean, at the start or (openai) throughout
    sigma: float = searched(0.04, 0.005, 0.2, log=True)
    diagonal: bool = False  # cma learns variances only, no covariances
    # of openai's Adam, or share of Newton's step (pairs); falls linearly to a tenth
    learning_rate: float = searched(0.02, 0.005, 0.5, log=True)
    # of pairs: share of the mean of slopes kept from one generation to the next
    momentum: float = searched(0.8, 0.0, 0.95)
    weight_decay: float = 0.0  # of openai: pull of the weights towards the base, per unit of learning rate
    winsorise: float = 0.0  # share of the extreme differences of return that is cut off at either end
    average: float = 3.0  # [generations] half-life of the mean of means that is validated; 0: the mean as it stands
    hidden: int = 0  # units of the hidden layer; 0: a linear policy
    directions: str = "all"  # of `directions.CHOICES`: all weights, or the few that matter; few: a linear policy
    heads: tuple[str, ...] = HEADS  # few: parts of the action that are corrected
    surprises: bool = False  # few: also by what signals show against their own decayed means, the policy's memory
    insight: bool = False  # the policy also sees what the base thinks, where it shows it
    shared: bool = True  # weights are shared over listings; false: each has its own, for one number of listings
    half_lives: tuple[float, ...] = (24.0,)  # [hours] of what a policy remembers
    scale: float = 1.0  # of the corrections
    pilot: int = 128  # stores of the run that standardises the inputs
    rows: int = 1024  # (candidate, store) pairs in memory at once
    evaluations: int = 8  # validations, and checkpoints

    def __post_init__(self) -> None:
        """Every number is checked here, so that a training does not fail after an hour."""
        check_choice(self, "method", METHODS)
        check_choice(self, "directions", CHOICES)
        check_whole(self, ("generations", "stores", "pilot", "rows", "evaluations"))
        check_whole(self, ("popsize",), least=4)
        check_whole(self, ("hidden",), least=0)
        check_numbers(
            self,
            {
                "sigma": (1e-6, 10.0),
                "learning_rate": (1e-9, 10.0),
                "momentum": (0.0, 0.999),
                "weight_decay": (0.0, 1.0),
                "winsorise": (0.0, 0.45),
                "average": (0.0, 1e6),
                "scale": (1e-6, 2.0),
            },
        )
        for name in ("diagonal", "surprises", "insight", "shared"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"agent.{name}(={getattr(self, name)!r}) must be true or false")
        object.__setattr__(self, "heads", _heads(self.heads))
        if self.directions == "few" and self.hidden:
            raise ValueError(f"agent.hidden(={self.hidden}) must be 0 where agent.directions=few: a linear policy")
        if self.method == "openai" and self.popsize % 2:
            raise ValueError(f"agent.popsize(={self.popsize}) must be even for agent.method=openai")
        object.__setattr__(self, "half_lives", _hours(self.half_lives))


def _heads(values: object) -> tuple[str, ...]:
    """Heads in their order. Raises: ValueError: none, or an unknown one."""
    if not isinstance(values, list | tuple) or not values or set(values) - set(HEADS):
        raise ValueError(f"agent.heads(={values!r}) must be a list with some of: {', '.join(HEADS)}")
    return tuple(name for name in HEADS if name in values)


def _hours(values: object) -> tuple[float, ...]:
    """Half-lives as a tuple. Raises: ValueError: no list of numbers of hours."""
    message = f"agent.half_lives(={values!r}) must be a list of numbers in [0.1, 10000] [hours]"
    if not isinstance(values, list | tuple):
        raise ValueError(message)
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.1 <= value <= 1e4:
            raise ValueError(message)
    return tuple(float(value) for value in values)
