"""Behaviour cloning: the shared-weights network learns what a teacher does, from a record or from runs of its own.

A teacher may remember, the network does not: so where it errs it comes to states that the teacher never meets. With
further `rounds` the network itself runs stores while the teacher says what it would have done there (DAgger; Ross,
Gordon and Bagnell 2011), and learns from all of it.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from merchantgym.envs.actor import Actor, Kind, Memory
from merchantgym.envs.engines.layout import N_CHANNELS, FloatArray
from merchantgym.envs.engines.streams import keyed_generator
from merchantgym.envs.observation import ObservationView, PerListing, observation_size
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import rollout, subset
from merchantgym.envs.store import HOURS_PER_DAY

from ..inputs import Inputs
from ..policy import Correction, Standard
from ..residual import ResidualActor, load_residual
from ..settings import check_numbers, check_whole
from ..sight import Sight, policy_input
from ..training import Lesson, Trained, attend
from .dataset import Dataset, read_dataset

_STORES = 0xC10E  # what a keyed generator is asked for: the stores of a round
_HOURS = 0xC10F  # or the hours of them that are kept


@dataclass(frozen=True)
class CloneSettings:
    """Settings of one cloning; values and their reasons stand in `conf/agent/clone.yaml`."""

    base: str = "open_loop"  # over whose actions the network acts: the plan as written, so that it acts alone
    gains: dict[str, float] = field(default_factory=dict)  # changes to its configured gains
    teacher: str = "mpc"  # the controller that is imitated
    dataset: str | None = None  # folder of a recorded dataset to begin with; None: runs of the teacher
    rounds: int = 6
    stores: int = 256  # that are run in a round
    keep: float = 0.2  # share of a round's hours that is learned from
    epochs: int = 6  # in a round, over everything so far
    batch: int = 1024
    learning_rate: float = 2e-3  # falls linearly to a tenth
    width: int = 48  # of every hidden layer
    inputs: Inputs = field(default_factory=Inputs)  # besides the observation; a mapping of its entries will do

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", Inputs.of(self.inputs))
        check_whole(self, ("rounds", "stores", "epochs", "batch", "width"))
        check_numbers(self, {"keep": (1e-3, 1.0), "learning_rate": (1e-9, 1.0)})
        if self.base != "open_loop":
            raise ValueError(f"agent.base(={self.base!r}) must be open_loop: a clone acts by itself")
        if self.dataset is not None and not isinstance(self.dataset, str):
            raise ValueError(f"agent.dataset(={self.dataset!r}) must be the folder of a dataset, or null")
        if self.dataset is not None and self.inputs != Inputs():
            raise ValueError(f"agent.dataset(={self.dataset!r}) must be null with other inputs: it holds none of them")


@dataclass(frozen=True, eq=False)
class Examples:
    """What a teacher would do: m policy inputs and actions."""

    inputs: NDArray[np.float32]  # (m, I)
    action: NDArray[np.float32]  # (m, A)

    def __add__(self, other: "Examples") -> "Examples":
        return Examples(np.concatenate((self.inputs, other.inputs)), np.concatenate((self.action, other.action)))


@dataclass(frozen=True, eq=False)
class Shadow:
    """A teacher that follows a driver: the driver acts, the teacher says what it would have done."""

    kind: ClassVar[Kind] = "learned"

    driver: Actor
    teacher: Actor
    sight: Sight  # what the network that learns is shown
    keep: float  # share of the hours that are kept
    rng: np.random.Generator
    kept: list[Examples] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The driver's."""
        return self.driver.name

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """Where the teacher's and the sight's memories begin; the driver's, the teacher's, the sight's."""
        own, followed = self.driver.init(plans, n), self.teacher.init(plans, n)
        parts = np.full((n, 2), (len(own), len(own) + len(followed)), dtype=np.float64)
        return parts, *own, *followed, *self.sight.init(plans, n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """The driver's action."""
        parts, rest = memory[0], memory[1:]
        one, other = parts[0].astype(int).tolist()
        action, own = self.driver.act(observation, rest[:one])
        wish, followed = self.teacher.act(observation, rest[one:other])
        _, seen, looked = self.sight.look(observation, rest[other:])
        rows = self.rng.random(len(observation)) < self.keep
        self.kept.append(Examples(seen[rows], wish[rows].astype(np.float32)))
        return action, (parts, *own, *followed, *looked)

    def examples(self) -> Examples:
        """What was kept."""
        return Examples(
            np.concatenate([each.inputs for each in self.kept]), np.concatenate([each.action for each in self.kept])
        )


def examples_of(observation: NDArray[Any], action: FloatArray) -> Examples:
    """Observations (m, O) and the teacher's actions (m, A), as the network sees them over the plan as written."""
    return Examples(policy_input(observation, np.zeros(action.shape)), action.astype(np.float32))


def recorded_examples(dataset: Dataset, teacher: str, keep: float, rng: np.random.Generator) -> Examples:
    """What a dataset says of a teacher, noise left out: a share `keep` of its hours.

    Raises: ValueError: the teacher was not recorded.
    """
    if teacher not in dataset.description.executors:
        known = ", ".join(dataset.description.executors)
        raise ValueError(f"agent.teacher(={teacher!r}) was not recorded in {dataset.folder}; executors: {known}")
    own = (dataset.episodes["executor"] == teacher).to_numpy()
    seen, wishes = [], []
    for batch in dataset.batches(("episode", "observation", "base_action")):
        rows = own[batch["episode"]] & (rng.random(len(batch["episode"])) < keep)
        seen.append(batch["observation"][rows])
        wishes.append(batch["base_action"][rows])
    return examples_of(np.concatenate(seen), np.concatenate(wishes))


def train_clone(settings: CloneSettings, lesson: Lesson) -> Trained:
    """Clone the lesson's teacher; the best on validation is kept.

    See `training.attend` for checkpoints and what is raised.
    Raises: ValueError: no teacher was given, or the dataset does not fit.
    """
    torch.set_num_threads(1)  # two contended threads slow small networks down a hundredfold
    torch.manual_seed(lesson.seed)
    student = _CloneStudent(settings, lesson)
    course = attend(
        student,
        settings,
        lesson,
        updates=settings.rounds,
        update_hours=student.stores * student.hours,
        evaluations=settings.rounds,
    )
    return Trained(load_residual(lesson.folder, lesson.base), np.array(course.steps), np.array(course.profit))


class _CloneStudent:
    """A network that learns from examples, and gathers more by acting under its teacher's eyes."""

    def __init__(self, settings: CloneSettings, lesson: Lesson) -> None:
        if lesson.teacher is None:
            raise ValueError(f"agent.teacher(={settings.teacher!r}) must be given with the lesson")
        self.settings = settings
        self.lesson = lesson
        self.teacher = lesson.teacher
        self.stores = min(settings.stores, len(lesson.stores))
        self.hours = int(lesson.plans.days.max()) * HOURS_PER_DAY
        self.dataset = None if settings.dataset is None else _fitting(settings.dataset, lesson.stores)
        self.sight = Sight(lesson.base, settings.inputs)
        self.correction = Correction(settings.width, self.sight.layout)
        self.optimizer = torch.optim.Adam(self.correction.parameters(), lr=settings.learning_rate)
        self.examples: Examples | None = None

    def actor(self) -> ResidualActor:
        """The network as it stands."""
        copy = Correction(self.settings.width, self.sight.layout)
        copy.load_state_dict(self.correction.state_dict())
        copy.eval().requires_grad_(False)
        return ResidualActor(self.lesson.base, copy, 1.0, self.lesson.name, self.settings.inputs)

    def update(self, number: int, updates: int) -> None:
        """One round: gather examples, then learn from all so far."""
        fresh = self._gather(number)
        if self.examples is None:
            self.correction.scaling.set(Standard.of(fresh.inputs, self.sight.layout))
        self.examples = fresh if self.examples is None else self.examples + fresh
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.learning_rate * max(1.0 - number / updates, 0.1)
        inputs, action = torch.from_numpy(self.examples.inputs), torch.from_numpy(self.examples.action)
        for _ in range(self.settings.epochs):
            for rows in torch.split(torch.randperm(len(inputs)), self.settings.batch):
                self.optimizer.zero_grad()
                imitation_loss(self.correction, inputs[rows], action[rows]).backward()  # type: ignore[no-untyped-call]
                self.optimizer.step()

    def _gather(self, number: int) -> Examples:
        rng = keyed_generator(self.lesson.seed, _HOURS, number)
        if number == 0 and self.dataset is not None:
            return recorded_examples(self.dataset, self.teacher.name, self.settings.keep, rng)
        driver = self.teacher if number == 0 else self.actor()
        chance = keyed_generator(self.lesson.seed, _STORES, number)
        rows = np.sort(chance.permutation(len(self.lesson.stores))[: self.stores])
        shadow = Shadow(driver, self.teacher, self.sight, self.settings.keep, rng)
        self._run(shadow, rows, int(chance.integers(2**32)))
        return shadow.examples()

    def _run(self, actor: Actor, rows: NDArray[np.int64], seed: int) -> None:
        """Some of the training stores from their first hour to their last."""
        lesson, plans = self.lesson, subset(self.lesson.plans, rows)
        rollout(actor, lesson.stores, plans, seed, rows=rows, reward=lesson.reward, threads=lesson.threads)

    def state(self) -> dict[str, Any]:
        """Weights, optimiser and all examples."""
        return {
            "weights": self.correction.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "examples": None if self.examples is None else (self.examples.inputs, self.examples.action),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.correction.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.examples = None if state["examples"] is None else Examples(*state["examples"])


def imitation_loss(correction: Correction, inputs: Tensor, action: Tensor) -> Tensor:
    """Mean squared difference of actions (m, A); what the teacher says of listings without ads does not count."""
    wish = correction.net(*correction.scaling(inputs))
    listings = action.shape[1] - N_CHANNELS - 1
    active = ObservationView(inputs[:, : observation_size(listings)])[PerListing.ACTIVE]
    counts = torch.ones_like(action)
    counts[:, N_CHANNELS : N_CHANNELS + listings] = active
    loss: Tensor = (counts * (wish - action) ** 2).sum() / counts.sum()
    return loss


def _fitting(folder: str, stores: OpenStores) -> Dataset:
    """A dataset of stores like these. Raises: ValueError: it has another number of listings."""
    dataset = read_dataset(Path(folder))
    if dataset.description.listings != stores.start.listings:
        raise ValueError(
            f"agent.dataset(={folder!r}) has stores of {dataset.description.listings} listings, "
            f"these have {stores.start.listings}"
        )
    return dataset
