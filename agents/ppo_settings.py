"""Settings of a training by PPO, checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .inputs import Inputs
from .settings import check_numbers, check_whole


@dataclass(frozen=True)
class PpoSettings:
    """Settings of one training; values and their reasons stand in `conf/agent/ppo.yaml`."""

    base: str  # name of the controller that is corrected
    gains: Mapping[str, float] = field(default_factory=dict)  # changes to its configured gains
    inputs: Inputs = field(default_factory=Inputs)  # besides the observation; a mapping of its entries will do
    steps: int = 1_500_000  # store-hours of experience
    slots: int = 256  # stores side by side
    twins: int = 4  # slots that share store and chance
    hold: int = 24  # [hours] a correction is held in training
    decisions: int = 14  # corrections of a slot between updates
    batch: int = 3584
    epochs: int = 4
    learning_rate: float = 1e-3  # falls linearly to a fiftieth
    gamma: float = 0.999  # discount per correction
    gae_lambda: float = 0.95
    clip: float = 0.2
    max_grad: float = 0.5
    value_weight: float = 0.5
    scale: float = 1.0  # largest correction of an action
    log_std: float = -1.0  # [ln] exploration at the start, in corrections
    width: int = 48  # of every hidden layer
    evaluations: int = 8  # validations, and checkpoints

    def __post_init__(self) -> None:
        """Every number is checked here, so that a training does not fail after an hour."""
        object.__setattr__(self, "inputs", Inputs.of(self.inputs))
        check_whole(self, ("steps", "slots", "twins", "hold", "decisions", "batch", "epochs", "width", "evaluations"))
        check_numbers(
            self,
            {
                "learning_rate": (1e-9, 1.0),
                "gamma": (0.0, 1.0),
                "gae_lambda": (0.0, 1.0),
                "clip": (1e-6, 1.0),
                "max_grad": (1e-6, 1e6),
                "value_weight": (0.0, 1e6),
                "scale": (1e-6, 2.0),
                "log_std": (-10.0, 1.0),
            },
        )
        if self.slots % self.twins:
            raise ValueError(f"agent.slots(={self.slots}) must be a multiple of agent.twins(={self.twins})")
        if 24 % self.hold:
            raise ValueError(f"agent.hold(={self.hold}) must be a divisor of 24 [hours]")
        if self.updates < 1:
            raise ValueError(f"agent.steps(={self.steps}) must be at least one update: {self.update_hours} store-hours")

    @property
    def update_hours(self) -> int:
        """Store-hours between two updates."""
        return self.slots * self.decisions * self.hold

    @property
    def updates(self) -> int:
        """Number of updates."""
        return self.steps // self.update_hours
