"""Constant multipliers: what tuning alone can do, with no feedback."""

from dataclasses import dataclass

from .arrays import Array
from .gains import check_gains, gain


@dataclass(frozen=True)
class ConstantLaw:
    """A constant log bid for all, `bias`, and one for each role that the plan gives a listing.

    The reference that feedback has to beat. It keeps nothing in memory.

    Source: Zhang, Yuan and Wang 2014, "Optimal real-time bidding for display advertising" (KDD), which compares with
    constants tuned on the training data.
    """

    bias: float = gain(0.0, "ln bid: constant added", (-0.7, 0.7))
    hero: float = gain(0.0, "ln bid of a hero", (-0.7, 0.7))
    growth: float = gain(0.0, "ln bid of a growth listing", (-0.7, 0.7))
    test: float = gain(0.0, "ln bid of a listing on trial", (-0.7, 0.7))
    clear: float = gain(0.0, "ln bid of a listing to be cleared", (-0.7, 0.7))

    def __post_init__(self) -> None:
        check_gains(self)

    def init(self, n: int) -> tuple[()]:
        """Nothing to remember."""
        return ()

    def step(self, memory: tuple[()], hero: Array, growth: Array, test: Array, clear: Array) -> tuple[Array, tuple[()]]:
        """Log bid of each listing (n, K) beside `bias`, from the flags (n, K), 1 or 0, of its role; new memory."""
        own = self.hero * hero + self.growth * growth + self.test * test + self.clear * clear
        return own, memory
