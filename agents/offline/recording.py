"""Recording: episodes of an explorer as the columns of a dataset, a block of stores at a time."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.reward import RewardWeights
from merchantgym.envs.rollout import Episodes, rollout
from merchantgym.envs.store import HOURS_PER_DAY

from .explorer import Explorer, Move
from .schema import as_column, hours_schema

RESULTS = (
    *("reward", "profit", "platform_profit", "spend", "gmv", "attributed_gmv"),
    *("orders", "broke_zero", "violation", "lost_money"),
)
"""Columns of an episode's results, named as the fields of `Episodes`."""


@dataclass(frozen=True, eq=False)
class Block:
    """Stores side by side, and where their episodes stand in the dataset."""

    stores: OpenStores
    plans: PlanArrays
    split: str
    first: int  # number of the first store in its split
    keys: NDArray[np.int64]  # (n,) of the stores' chance

    @property
    def numbers(self) -> NDArray[np.int64]:
        """(n,) of the stores in their split."""
        return self.first + np.arange(len(self.stores))


@dataclass(frozen=True, eq=False)
class _Tape:
    """An explorer, with everything it sees and does kept."""

    explorer: Explorer
    seen: list[NDArray[np.float32]] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    rewards: list[FloatArray] = field(default_factory=list)
    terms: list[FloatArray] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The explorer's."""
        return self.explorer.name

    @property
    def kind(self) -> Kind:
        """The explorer's."""
        return self.explorer.kind

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """The explorer's."""
        return self.explorer.init(plans, n)

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[FloatArray, Memory]:
        """The explorer's."""
        move = self.explorer.move(observation, memory)
        self.seen.append(observation.copy())
        self.moves.append(move._replace(memory=()))
        return move.action, move.memory

    def note(self, fleet: Fleet) -> None:
        """What the hour brought."""
        self.rewards.append(fleet.reward.copy())
        self.terms.append(fleet.terms.copy())


def record(
    explorer: Explorer,
    block: Block,
    *,
    first_episode: int,
    repeat: int,
    seed: int,
    reward: RewardWeights | None = None,
    threads: int = 1,
) -> tuple[pa.Table, pd.DataFrame]:
    """Run a block of stores, at most as many as `rollout` runs side by side.

    Args:
        explorer: with the keys of these stores.
        first_episode: number of the block's first episode.
        repeat: which of the repetitions this is.
        seed: of what happens; with a store's key it fixes all chance.
        reward: weights, profit by default.
    Returns: rows of the hours and of the episodes, both in the order of the episodes.
    """
    tape = _Tape(explorer)
    done = rollout(
        tape, block.stores, block.plans, seed, keys=block.keys, reward=reward, threads=threads, on_hour=tape.note
    )
    episode = first_episode + np.arange(len(block.stores))
    return _hours(tape, block, episode), _episodes(done, explorer, block, episode, repeat, seed)


def _hours(tape: _Tape, block: Block, episode: NDArray[np.int64]) -> pa.Table:
    """Rows of all hours in which the stores' plans run, episode after episode."""
    length, n = len(tape.moves), len(episode)
    last = block.plans.days * HOURS_PER_DAY - 1
    hour = np.arange(length)
    runs = hour <= last[:, None]  # (n, H)

    def rows(values: list[Any]) -> NDArray[Any]:
        return np.swapaxes(np.stack(values), 0, 1)[runs]

    def of_store(values: Any) -> NDArray[Any]:
        return np.repeat(values, last + 1)

    decides, sd = rows([move.decides for move in tape.moves]), tape.explorer.way.sd
    observation, base = rows(tape.seen), rows([move.base for move in tape.moves])
    correction = rows([move.correction for move in tape.moves])
    density = np.full(len(decides), 0.0 if sd > 0.0 else np.nan)
    if sd > 0.0:
        density[decides] = tape.explorer.way.log_density(observation[decides], base[decides], correction[decides])
    columns = {
        "episode": of_store(episode),
        "store": of_store(block.numbers),
        "split": np.full(len(decides), block.split),
        "hour": np.broadcast_to(hour, (n, length))[runs],
        "decides": decides,
        "observation": observation,
        "base_action": base,
        "correction": correction,
        "action": rows([move.action for move in tape.moves]),
        "behaviour_sd": np.full(len(decides), sd),
        "log_density": density,
        "reward": rows(tape.rewards),
        "terms": rows(tape.terms),
        "done": (hour == last[:, None])[runs],
    }
    schema = hours_schema(block.stores.start.listings)
    return pa.table([as_column(columns[name], schema.field(name).type) for name in schema.names], schema=schema)


def _episodes(
    done: Episodes, explorer: Explorer, block: Block, episode: NDArray[np.int64], repeat: int, seed: int
) -> pd.DataFrame:
    frame = pd.DataFrame({"episode": episode, "executor": explorer.base.name, "store": block.numbers})
    frame["split"], frame["repeat"], frame["seed"] = block.split, repeat, seed
    frame["noise"], frame["hold"], frame["phase"] = explorer.way.sd, explorer.hold, explorer.phase
    frame["hours"] = block.plans.days * HOURS_PER_DAY
    for name in RESULTS:
        frame[name] = getattr(done, name)
    for entry in fields(PlanArrays):
        values = getattr(block.plans, entry.name)
        frame[f"plan.{entry.name}"] = list(values.reshape(len(values), -1)) if values.ndim > 1 else values
    return frame


def write_table(table: pa.Table, path: Path) -> None:
    """A parquet file, compressed, whole or not at all."""
    part = path.with_name(f"part-{path.name}")
    pq.write_table(table, part, compression="zstd", compression_level=3)
    part.replace(path)
