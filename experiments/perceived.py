"""Runs of stores with an eye on them: beliefs before every hour, and the truth behind them."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Actor, Kind, Memory
from merchantgym.envs.beliefs import QUANTITIES, Beliefs, Change
from merchantgym.envs.engines.layout import CellField, FloatArray, StoreField
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import Global, ObservationView, PerListing
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.perception import Perception
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import CHUNK, rollout
from merchantgym.envs.store import NEVER

from .true_beliefs import TruthReader

CHANGES = ("surge", "regime", "rival_shift")
_BID_PER_PRICE = 0.55  # price per click over the bid that meets the median rival: what a raw guess goes by


@dataclass(frozen=True)
class Watch:
    """An executor, with every observation it sees kept."""

    actor: Actor
    observations: list[NDArray[np.float32]] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The executor's."""
        return self.actor.name

    @property
    def kind(self) -> Kind:
        """The executor's."""
        return self.actor.kind

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """The executor's."""
        return self.actor.init(plans, n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """The executor's."""
        self.observations.append(observation.copy())
        return self.actor.act(observation, memory)


@dataclass(frozen=True)
class Perceived:
    """Beliefs and truth of n stores through plans of H hours; natural logs.

    Row h holds the truth of hour h and what was believed when it was over; so for h = 0 .. H - 2.
    """

    truth: dict[str, FloatArray]  # by quantity: (H - 1, n, ...)
    mean: dict[str, FloatArray]
    sd: dict[str, FloatArray]
    naive: dict[str, FloatArray]  # what a raw ratio or the last value says
    changes: dict[str, Change]  # by change, each array (H - 1, n, ...)
    began: dict[str, FloatArray]  # by change, the hour at which one truly begins, (n, ...); NEVER: none
    size: dict[str, FloatArray]  # by change, its true size [ln]; of a surge its peak

    @property
    def hours(self) -> int:
        """H - 1."""
        return len(self.truth["demand"])


def watch(perception: Perception, actor: Actor, opened: OpenStores, plans: PlanArrays, seed: int) -> Perceived:
    """Run the stores once and perceive them.

    Raises: ValueError: more stores than `rollout` runs side by side.
    """
    n = len(opened)
    if n > CHUNK:
        raise ValueError(f"stores(={n}) must be <= {CHUNK}")
    eye, reader = Watch(actor), TruthReader(opened.start.state)
    truths = []

    def look(fleet: Fleet) -> None:
        truths.append(reader.read(fleet))

    rollout(eye, opened, plans, seed, on_hour=look)
    beliefs = perceive_all(perception, plans, eye.observations)
    truth = {name: np.stack([getattr(each, name) for each in truths[:-1]]) for name in QUANTITIES}
    began, size = _events(opened, truth["lift"])
    return Perceived(
        truth=truth,
        mean={name: np.stack([getattr(each, name).mean for each in beliefs[1:]]) for name in QUANTITIES},
        sd={name: np.stack([getattr(each, name).sd for each in beliefs[1:]]) for name in QUANTITIES},
        naive=_naive(eye.observations),
        changes={name: _stacked([getattr(each, name) for each in beliefs[1:]]) for name in CHANGES},
        began=began,
        size=size,
    )


def perceive_all(perception: Perception, plans: PlanArrays, observations: list[NDArray[np.float32]]) -> list[Beliefs]:
    """Beliefs at every observation of a run."""
    memory = perception.init(plans, len(observations[0]))
    beliefs = []
    for observation in observations:
        belief, memory = perception.update(observation, memory)
        beliefs.append(belief)
    return beliefs


def _stacked(changes: list[Change]) -> Change:
    first = changes[0]
    names = first.__dataclass_fields__
    return replace(first, **{name: np.stack([getattr(each, name) for each in changes]) for name in names})


def _events(opened: OpenStores, lift: FloatArray) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """When and how much things truly change."""
    arrays = opened.start.arrays
    hit = (arrays.cell[:, :, :, CellField.SHOCK] > 0.0).any(axis=2)
    surge = np.where(hit, arrays.store[:, StoreField.SHOCK_ONSET, None], NEVER)
    entry = arrays.store[:, StoreField.ENTRY_HOUR]
    never = np.full(len(opened), NEVER)
    began = {"surge": surge, "regime": never, "rival_shift": entry}
    size = {"surge": lift.max(axis=0), "regime": 0.0 * never, "rival_shift": arrays.store[:, StoreField.ENTRY_SHIFT]}
    return began, size


def _naive(observations: list[NDArray[np.float32]]) -> dict[str, FloatArray]:
    """Raw ratios so far, the last hour's views, the reported price; (H - 1, n, ...) each."""
    views = [ObservationView(np.asarray(each, dtype=np.float64)) for each in observations]

    def count(name: PerListing) -> FloatArray:
        counts: FloatArray = np.expm1(np.stack([view[name] for view in views]))
        return counts

    clicks, views_so_far = count(PerListing.CLICKS), count(PerListing.IMPRESSIONS)
    organic = (views_so_far - count(PerListing.AD_IMPRESSIONS)).sum(axis=2)
    usual = np.maximum(organic[0], 1.0) / 168.0
    traffic = np.stack([view[Global.TRAFFIC_NEXT] for view in views])[:-1]
    last = np.maximum(np.diff(organic, axis=0), 0.0) + 0.5
    price = np.stack([np.stack([view[Global.PRICE_SEARCH], view[Global.PRICE_FEED]], axis=1) for view in views])
    return {
        "click_rate": np.log((clicks + 0.5) / (views_so_far + 1.0))[1:],
        "conversion": np.log((count(PerListing.ORDERS) + 0.5) / (clicks + 1.0))[1:],
        "rival_level": price[1:] - np.log(_BID_PER_PRICE),
        "demand": np.log(last / np.maximum(traffic * usual, 1e-3)),
        "lift": np.stack([view[PerListing.SURPRISE] for view in views])[1:],
    }
