"""Reading a recorded dataset: hours in batches, and decisions as offline learners take them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.plan import MAX_PROMOTIONS, PlanArrays

from .schema import HOUR_COLUMNS, Description, from_column, read_description

Columns = dict[str, NDArray[Any]]
"""Columns of `HOUR_COLUMNS` by name, each (m,) or (m, width)."""

UNCORRECTED = "open_loop"
"""The base whose action is always zero: over it a correction is the action itself."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """m decisions in the order in which they were made, episode after episode; A numbers in a correction."""

    episode: NDArray[np.int64]  # (m,)
    store: NDArray[np.int64]  # (m,)
    step: NDArray[np.int64]  # (m,) number in its episode, 0 ..
    observation: NDArray[np.float32]  # (m, O) before it
    base: FloatArray  # (m, A) what the base actor wanted then
    correction: FloatArray  # (m, A)
    log_density: FloatArray  # (m,) of the correction; NaN where it is not known
    reward: FloatArray  # (m,) until the next decision [CNY]
    done: NDArray[np.bool_]  # (m,) the plan ends before the next

    def __len__(self) -> int:
        return len(self.episode)

    def take(self, rows: Any) -> "Decisions":
        """Some of them; of an episode all or none, for learners that look at the next."""
        return Decisions(**{entry.name: getattr(self, entry.name)[rows] for entry in fields(Decisions)})


@dataclass(frozen=True, eq=False)
class Dataset:
    """A recorded dataset that has been checked; hours stay on disk until they are asked for."""

    folder: Path
    description: Description
    episodes: pd.DataFrame  # one row an episode, in order; see `EPISODE_COLUMNS`

    def batches(self, columns: Sequence[str] = tuple(HOUR_COLUMNS), size: int = 65_536) -> Iterator[Columns]:
        """All hours in order, at most `size` at once.

        Raises: ValueError: an unknown column.
        """
        for name in columns:
            if name not in HOUR_COLUMNS:
                raise ValueError(f"columns has an unknown name {name!r}; allowed: {', '.join(HOUR_COLUMNS)}")
        for path in _files(self.folder, self.description):
            for batch in pq.ParquetFile(path).iter_batches(size, columns=list(columns)):
                table = pa.Table.from_batches([batch])
                yield {name: from_column(table.column(name)) for name in columns}

    def hours(self, columns: Sequence[str]) -> Columns:
        """Some columns of all hours; an observation takes four bytes a number."""
        parts = list(self.batches(columns))
        return {name: np.concatenate([part[name] for part in parts]) for name in columns}

    def plans(self) -> PlanArrays:
        """The plan of every episode: with store, split and seed, all that is needed to run it again."""
        n = len(self.episodes)
        found = {}
        for entry in fields(PlanArrays):
            column = self.episodes[f"plan.{entry.name}"]
            found[entry.name] = np.stack(column) if column.dtype == object else column.to_numpy()
        found["promotion"] = found["promotion"].reshape(n, MAX_PROMOTIONS, 3)
        return PlanArrays(**found)

    def decisions(self, base: str, hold: int = 24) -> Decisions:
        """What was decided over a base actor, one row for all the hours that a correction was held.

        Episodes of that base give the corrections that were drawn. Over `open_loop` any executor's actions are
        corrections of the plan: their means over every `hold` hours, whose density is not known.

        Args:
            base: name of an actor.
            hold: [hours] between decisions.
        Raises: ValueError: the dataset has no corrections of this base, or they were held for other hours.
        """
        said = self.description
        if base != UNCORRECTED and set(said.executors) != {base}:
            raise ValueError(
                f"{self.folder} was recorded over {', '.join(said.executors)}: "
                f"base(={base!r}) must be that one executor, or {UNCORRECTED}"
            )
        own = said.executors == (base,) and said.noise > 0.0
        if own and hold != said.hold:
            raise ValueError(f"hold(={hold}) must be {said.hold}, as {self.folder} was recorded [hours]")
        if not own and base != UNCORRECTED:
            raise ValueError(f"{self.folder} was recorded without noise: it holds no corrections of {base!r}")
        names = ("episode", "store", "hour", "reward", "done", "observation", "base_action", "action")
        parts = []
        left: Columns = {}
        for batch in self.batches((*names, "decides", "correction", "log_density")):
            whole = {name: np.concatenate((left[name], batch[name])) if left else batch[name] for name in batch}
            end = int(np.flatnonzero(whole["done"])[-1]) + 1 if whole["done"].any() else 0
            left = {name: values[end:] for name, values in whole.items()}
            if end:
                parts.append(_decide({name: values[:end] for name, values in whole.items()}, own, hold))
        scale = said.reward_scale
        joined = {e.name: np.concatenate([getattr(part, e.name) for part in parts]) for e in fields(Decisions)}
        return Decisions(**{**joined, "reward": scale * joined["reward"]})


def _decide(hours: Columns, own: bool, hold: int) -> Decisions:
    """Decisions of whole episodes."""
    starts = np.flatnonzero(hours["decides"] if own else hours["hour"] % hold == 0)
    lasts = np.append(starts[1:], len(hours["done"])) - 1
    first = np.flatnonzero(hours["hour"][starts] == 0)
    step = np.arange(len(starts)) - np.repeat(first, np.diff(np.append(first, len(starts))))
    if own:
        base, correction, density = (hours[name][starts] for name in ("base_action", "correction", "log_density"))
    else:
        correction = np.add.reduceat(hours["action"], starts) / (lasts + 1 - starts)[:, None]
        base, density = np.zeros_like(correction), np.full(len(starts), np.nan)
    return Decisions(
        episode=hours["episode"][starts],
        store=hours["store"][starts],
        step=step,
        observation=hours["observation"][starts],
        base=base,
        correction=correction,
        log_density=density,
        reward=np.add.reduceat(hours["reward"], starts),
        done=hours["done"][lasts],
    )


def read_dataset(folder: Path) -> Dataset:
    """The dataset of a folder, checked.

    Raises: ValueError: it is not finished, a file is missing or broken, it is of another version or was made for other
        features; the message names the file, what it says and what is needed.
    """
    description = read_description(folder)
    rows = []
    for path in _files(folder, description):
        rows.append(_open(path).metadata.num_rows)
    if tuple(rows) != description.rows:
        worst = next(i for i, (one, other) in enumerate(zip(rows, description.rows, strict=True)) if one != other)
        raise ValueError(
            f"{hours_file(folder, worst)} has {rows[worst]} rows, dataset.json says {description.rows[worst]}"
        )
    episodes = _open(folder / "episodes.parquet").read().to_pandas()
    if len(episodes) != description.episodes:
        raise ValueError(
            f"{folder / 'episodes.parquet'} has {len(episodes)} rows, dataset.json says {description.episodes}"
        )
    return Dataset(folder, description, episodes)


def hours_file(folder: Path, number: int) -> Path:
    """Path of one of the hours files."""
    return folder / f"hours-{number:05d}.parquet"


def _files(folder: Path, description: Description) -> list[Path]:
    return [hours_file(folder, i) for i in range(len(description.rows))]


def _open(path: Path) -> pq.ParquetFile:
    if not path.is_file():
        raise ValueError(f"{path} is missing")
    try:
        return pq.ParquetFile(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise ValueError(f"{path} is broken ({error}); record the dataset again") from error
