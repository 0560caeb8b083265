"""Training by evolution: generation after generation of candidates on fresh stores, under common random numbers."""

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor, Insightful
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.engines.streams import keyed_generator
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.rollout import subset
from merchantgym.envs.store import HOURS_PER_DAY

from ..checkpoint import read_policy
from ..training import Lesson, Trained, attend
from .actor import EvolvedActor, thought_of
from .arena import Arena
from .directions import directions_of
from .features import no_standard, trace_width
from .pairs import PairSearch
from .policy import Shape, stacked_inputs, standard_of
from .search import CovarianceSearch, GradientSearch, Search
from .settings import EvolutionSettings

_SEARCH, _START, _ORDER, _CHANCE, _PILOT = 0xE501, 0xE502, 0xE503, 0xE504, 0xE505  # what keyed generators are asked for
_PILOT_EVERY = 7  # [hours] between samples: every hour of the day comes up


def train_evolution(settings: EvolutionSettings, lesson: Lesson) -> Trained:
    """Search corrections of the lesson's base; the best on validation is kept, the untrained one included.

    Raises: ValueError: the folder holds a training with other settings, another seed, base or number of stores.
    """
    student = Evolution(settings, lesson)
    course = attend(
        student,
        settings,
        lesson,
        updates=settings.generations,
        update_hours=student.hours,
        evaluations=settings.evaluations,
    )
    return Trained(load_evolved(lesson.folder, lesson.base), np.array(course.steps), np.array(course.profit))


def load_evolved(folder: Path, base: Actor) -> EvolvedActor:
    """The best policy of a training, over its base controller.

    Raises: ValueError: the folder holds none, or it corrects another controller.
    """
    saved = read_policy(folder)
    if saved["base"] != base.name:
        raise ValueError(f"{folder} holds a correction of the controller {saved['base']!r}, not {base.name!r}")
    return EvolvedActor.restored(saved, base)


@dataclass(eq=False)
class Evolution:
    """A `training.Student` that searches the weights of a small policy."""

    settings: EvolutionSettings
    lesson: Lesson
    arena: Arena = field(init=False)
    search: Search = field(init=False)

    def __post_init__(self) -> None:
        settings, lesson = self.settings, self.lesson
        shape = shape_of(settings, lesson.base, lesson.plans.bid.shape[1])
        standard = pilot(lesson, shape, min(settings.pilot, len(lesson.stores)))
        self._start = shape.start(keyed_generator(lesson.seed, _START))
        self._directions = directions_of(settings.directions, shape, standard, settings.heads, settings.surprises)
        self._averaged = np.zeros(self._directions.shape[1])
        self.search = _search(settings, len(self._averaged), lesson.seed)
        self.arena = Arena(
            lesson.base,
            shape,
            standard,
            settings.scale,
            lesson.stores,
            lesson.plans,
            reward=lesson.reward,
            threads=lesson.threads,
            rows=settings.rows,
        )

    @property
    def hours(self) -> int:
        """Store-hours of a generation, plans being of mean length."""
        plan = round(float(self.lesson.plans.days.mean()) * HOURS_PER_DAY)
        runs = 2 if self.settings.method == "pairs" else self.settings.popsize
        return runs * self.settings.stores * plan

    def actor(self) -> EvolvedActor:
        """The policy at the search's mean."""
        arena = self.arena
        weights = self._whole(self._averaged[None, :])[0]
        return EvolvedActor(self.lesson.base, arena.shape, weights, arena.standard, arena.scale, self.lesson.name)

    def update(self, number: int, updates: int) -> None:
        """One generation."""
        candidates = self._whole(self.search.ask())
        stores, seeds = self._draw(number)
        if isinstance(self.search, PairSearch):
            again = len(candidates) // len(stores)
            score = self.arena.apart(candidates, np.tile(stores, again), np.tile(seeds, again))
        else:
            score = scores(self.arena.returns(candidates, stores, seeds), self.settings.winsorise)
        self.search.tell(score, number / updates)
        half_life = self.settings.average
        keep = 2.0 ** (-1.0 / half_life) if half_life > 0.0 else 0.0
        self._averaged = self.search.mean + keep * (self._averaged - self.search.mean)

    def state(self) -> dict[str, Any]:
        """The search, its generator included, and the mean of its means."""
        return {"search": pickle.dumps(self.search), "averaged": self._averaged}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.search = cast(Search, pickle.loads(state["search"]))
        self._averaged = state["averaged"]

    def _whole(self, searched: FloatArray) -> FloatArray:
        """Weights of policies (C, Shape.weights) from what is searched of them (C, D)."""
        return np.asarray(self._start + searched @ self._directions.T)

    def _draw(self, generation: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Stores of a generation and their chance: each store once before any comes again, never the same chance."""
        count, wanted = len(self.lesson.stores), self.settings.stores
        turns, places = np.divmod(np.arange(generation * wanted, (generation + 1) * wanted), count)
        stores = np.empty(wanted, dtype=np.int64)
        for turn in np.unique(turns):
            order = keyed_generator(self.lesson.seed, _ORDER, int(turn)).permutation(count)
            stores[turns == turn] = order[places[turns == turn]]
        return stores, keyed_generator(self.lesson.seed, _CHANCE, generation).integers(2**32, size=wanted)


def shape_of(settings: EvolutionSettings, base: Actor, listings: int) -> Shape:
    """What kind of policy is searched over a base in shops of so many listings.

    Raises: ValueError: the base shows no insight where it is to be seen.
    """
    insight = (0, 0)
    if settings.insight:
        if not isinstance(base, Insightful):
            raise ValueError(f"agent.insight(=True) needs a base controller that shows insight, not {base.name!r}")
        shop, item = base.insight_names
        insight = len(shop), len(item)
    return Shape(settings.half_lives, settings.hidden, insight, 0 if settings.shared else listings)


def scores(earned: FloatArray, winsorise: float) -> FloatArray:
    """What candidates are ranked by: mean over stores of the return less that of all candidates on the same store.

    Args:
        earned: (C, S) returns under common random numbers.
        winsorise: share of the differences that is cut off at either end.
    Returns: (C,).
    """
    paired = earned - earned.mean(axis=0)
    if winsorise > 0.0:
        paired = np.clip(paired, *np.quantile(paired, (winsorise, 1.0 - winsorise)))
    return np.asarray(paired.mean(axis=1))


def pilot(lesson: Lesson, shape: Shape, stores: int) -> FloatArray:
    """Means and inverse spreads (2, G + L) of what a policy sees while the base acts alone."""
    rows = np.arange(stores)
    fleet = Fleet(lesson.stores.start, stores, threads=lesson.threads)
    plans = subset(lesson.plans, rows)
    fleet.reset(plans, rows, keyed_generator(lesson.seed, _PILOT).integers(2**32, size=stores))
    memory = lesson.base.init(plans, stores)
    trace = np.zeros((stores, trace_width(shape.traces, fleet.listings)))
    sample = []
    for hour in range(int(plans.days.min()) * HOURS_PER_DAY):
        base, memory = lesson.base.act(fleet.observation, memory)
        thought = thought_of(lesson.base, shape, memory, stores)
        seen = stacked_inputs(shape, fleet.observation, base, thought, trace, no_standard(shape.inputs), np.inf)
        if hour % _PILOT_EVERY == 0:
            sample.append(seen)
        fleet.step(base)
    return standard_of(sample)


def _search(settings: EvolutionSettings, dimensions: int, seed: int) -> Search:
    chance = int(keyed_generator(seed, _SEARCH).integers(2**32))
    if settings.method == "pairs":
        return PairSearch(
            dimensions,
            settings.stores,
            settings.sigma,
            chance,
            learning_rate=settings.learning_rate,
            momentum=settings.momentum,
            winsorise=settings.winsorise,
        )
    if settings.method == "cma":
        return CovarianceSearch(dimensions, settings.popsize, settings.sigma, chance, diagonal=settings.diagonal)
    return GradientSearch(
        dimensions,
        settings.popsize,
        settings.sigma,
        chance,
        learning_rate=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
