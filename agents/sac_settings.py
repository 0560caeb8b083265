"""Settings of a training by SAC, checked when they are made."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .inputs import Inputs
from .settings import check_numbers, check_whole, searched


@dataclass(frozen=True)
class SacSettings:
    """Settings of one training; values and their reasons stand in `conf/agent/sac.yaml`."""

    base: str  # name of the controller that is corrected
    gains: Mapping[str, float] = field(default_factory=dict)  # changes to its configured gains
    inputs: Inputs = field(default_factory=Inputs)  # besides the observation; a mapping of its entries will do
    steps: int = 1_500_000  # store-hours of experience
    slots: int = 256  # stores side by side
    twins: int = 4  # slots that share store and chance
    hold: int = 24  # [hours] a correction is held in training
    decisions: int = 4  # corrections of a slot between updates
    gradient_steps: int = 16  # per update
    critic_first: int = 12  # updates in which only the critic learns
    replay: int = 32_768  # corrections remembered
    batch: int = 1024
    learning_rate: float = searched(1e-3, 1e-4, 5e-3, log=True)  # falls linearly to a fiftieth
    actor_rate: float = searched(0.1, 0.01, 1.0, log=True)  # share of the learning rate that is the actor's
    gamma: float = 0.999  # discount per correction
    tau: float = 0.01  # share of the critic that its target takes over in a step
    # [corrections] spread of actions at whose entropy the temperature holds the policy
    exploration: float = searched(0.5, 0.05, 1.0, log=True)
    temperature: float = searched(0.01, 1e-3, 0.1, log=True)  # weight of entropy at the start
    scale: float = searched(0.25, 0.05, 1.0, log=True)  # largest correction of an action
    width: int = 48  # of every hidden layer
    evaluations: int = 8  # validations, and checkpoints

    def __post_init__(self) -> None:
        """Every number is checked here, so that a training does not fail after an hour."""
        object.__setattr__(self, "inputs", Inputs.of(self.inputs))
        check_whole(
            self,
            ("steps", "slots", "twins", "hold", "decisions", "gradient_steps", "replay", "batch", "width"),
        )
        check_whole(self, ("evaluations",))
        check_whole(self, ("critic_first",), least=0)
        check_numbers(
            self,
            {
                "learning_rate": (1e-9, 1.0),
                "actor_rate": (1e-6, 1.0),
                "gamma": (0.0, 1.0),
                "tau": (1e-6, 1.0),
                "exploration": (1e-3, 1.0),
                "temperature": (1e-9, 10.0),
                "scale": (1e-6, 2.0),
            },
        )
        if self.slots % self.twins:
            raise ValueError(f"agent.slots(={self.slots}) must be a multiple of agent.twins(={self.twins})")
        if 24 % self.hold:
            raise ValueError(f"agent.hold(={self.hold}) must be a divisor of 24 [hours]")
        if self.replay < self.slots * self.decisions:
            raise ValueError(
                f"agent.replay(={self.replay}) must hold one update's corrections: {self.slots * self.decisions}"
            )
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
