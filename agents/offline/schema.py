"""The form of a recorded dataset: which files, which columns, in which units.

    dataset.json       what it is (`Description`); written last, so a folder that has it is complete
    episodes.parquet   a row an episode: who ran which store, what came of it, and the plan (`EPISODE_COLUMNS`)
    hours-00000.parquet ...   a row an (episode, hour), in this order (`HOUR_COLUMNS`)

An episode is one store under one plan from its first hour to its last. Widths: O numbers of an observation, A of an
action, T of a reward's terms; their names stand in `dataset.json` and in the metadata of every file.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import pyarrow as pa

from merchantgym.envs.action import action_names
from merchantgym.envs.observation import OBSERVATION_VERSION, feature_names
from merchantgym.envs.reward import Term

DATASET_VERSION = "1"
TERM_NAMES = tuple(term.name.lower() for term in Term)

HOUR_COLUMNS: Mapping[str, str] = {
    "episode": "number of the episode, 0 .. n - 1",
    "store": "number of the store in its split",
    "split": "train or validation",
    "hour": "[h] of the plan, 0 .. H - 1",
    "decides": "true where the correction was drawn for this hour, false where it is held from before",
    "observation": "(O,) what the executor saw before the hour",
    "base_action": "(A,) what the executor wanted: mean of the behaviour, but for clipping",
    "correction": "(A,) what was added to it, as drawn, before clipping",
    "action": "(A,) what was done, in [-1, 1]",
    "behaviour_sd": "of every number of the correction; 0: no noise",
    "log_density": "ln of the density of the correction where it was drawn, 0 where it is held; null without noise",
    "reward": "of the hour, weighted terms over the reward's scale",
    "terms": "(T,) of the reward [CNY, counts]",
    "done": "true in the last hour of the plan",
}
EPISODE_COLUMNS: Mapping[str, str] = {
    "episode": "number of the episode",
    "executor": "whose actions are the base",
    "store": "number of the store in its split",
    "split": "train or validation",
    "repeat": "number of the chance that the store met",
    "seed": "of what happened: with the store's number it fixes all chance",
    "noise": "sd of the corrections",
    "hold": "[h] between corrections",
    "phase": "[h] of the second correction",
    "hours": "[h] length of the plan",
    "reward, profit, ...": "results of the episode, as `Episodes` of envs/rollout.py [CNY]",
    "plan.bid, plan.price, ...": "the plan, as `PlanArrays` of envs/plan.py, to start the store again",
}
"""Columns and what they mean."""


@dataclass(frozen=True)
class Description:
    """What a dataset is; `dataset.json`."""

    dataset_version: str
    observation_version: str
    package_version: str
    commit: str
    scenario: str
    scenario_hash: str
    planner: str
    executors: tuple[str, ...]
    split: str
    stores: int
    first: int  # number of the first store
    repeats: int
    seed: int
    population_seed: int
    noise: float
    hold: int  # [h]
    reward_scale: float  # [CNY] that make a reward of 1
    listings: int
    features: tuple[str, ...]
    actions: tuple[str, ...]
    terms: tuple[str, ...]
    episodes: int
    rows: tuple[int, ...]  # of every hours file

    def write(self, path: Path) -> None:
        """As JSON, whole or not at all."""
        part = path.with_name(f"part-{path.name}")
        part.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        part.replace(path)


def read_description(folder: Path) -> Description:
    """What the dataset of a folder is.

    Raises: ValueError: the folder holds no finished dataset, another version of it, or it was made for other features.
    """
    path = folder / "dataset.json"
    if not path.is_file():
        raise ValueError(f"{folder} holds no finished dataset (dataset.json); `merchantgym record` writes one")
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from None
    if not isinstance(entries, dict):
        raise ValueError(f"{path} must hold a mapping")
    for name, needed in (("dataset_version", DATASET_VERSION), ("observation_version", OBSERVATION_VERSION)):
        if entries.get(name) != needed:
            raise ValueError(f"{path}: {name}(={entries.get(name)!r}) must be {needed!r}; record it again")
    known = [entry.name for entry in fields(Description)]
    if set(entries) != set(known):
        odd = sorted(set(entries) ^ set(known))[0]
        raise ValueError(
            f"{path}: {odd!r} is {'unknown' if odd in entries else 'missing'}; entries: {', '.join(known)}"
        )
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in entries.items()}
    found = Description(**values)
    for name, names in (
        ("features", feature_names(found.listings)),
        ("actions", action_names(found.listings)),
        ("terms", TERM_NAMES),
    ):
        _check_names(path, name, getattr(found, name), names)
    return found


def _check_names(path: Path, what: str, found: tuple[str, ...], needed: tuple[str, ...]) -> None:
    if len(found) != len(needed):
        raise ValueError(f"{path}: {what} has {len(found)} entries, needs {len(needed)}")
    for i, (one, other) in enumerate(zip(found, needed, strict=True)):
        if one != other:
            raise ValueError(f"{path}: {what}[{i}](={one!r}) must be {other!r}")


def hours_schema(listings: int) -> pa.Schema:
    """Columns of an hours file, with their meaning; the metadata names the numbers of its lists."""
    features, actions = feature_names(listings), action_names(listings)
    types = {
        "episode": pa.int64(),
        "store": pa.int64(),
        "split": pa.dictionary(pa.int8(), pa.string()),
        "hour": pa.int32(),
        "decides": pa.bool_(),
        "observation": pa.list_(pa.float32(), len(features)),
        "base_action": pa.list_(pa.float64(), len(actions)),
        "correction": pa.list_(pa.float64(), len(actions)),
        "action": pa.list_(pa.float64(), len(actions)),
        "behaviour_sd": pa.float64(),
        "log_density": pa.float64(),
        "reward": pa.float64(),
        "terms": pa.list_(pa.float64(), len(TERM_NAMES)),
        "done": pa.bool_(),
    }
    columns = [pa.field(name, kind, metadata={"meaning": HOUR_COLUMNS[name]}) for name, kind in types.items()]
    names = {"observation": features, "action": actions, "terms": TERM_NAMES}
    metadata = {name: json.dumps(values) for name, values in names.items()}
    return pa.schema(columns, {**metadata, "observation_version": OBSERVATION_VERSION, "version": DATASET_VERSION})


def as_column(values: Any, kind: pa.DataType) -> pa.Array:
    """An array (m,) or (m, width) as a column; NaN becomes null in a column of single numbers."""
    if pa.types.is_fixed_size_list(kind):
        flat = pa.array(values.reshape(-1), type=kind.value_type)
        return pa.FixedSizeListArray.from_arrays(flat, type=kind)
    if pa.types.is_dictionary(kind):
        return pa.array(values).dictionary_encode().cast(kind)
    return pa.array(values, type=kind, from_pandas=True)


def from_column(column: pa.ChunkedArray) -> Any:
    """The array (m,) or (m, width) of a column; null becomes NaN."""
    if pa.types.is_fixed_size_list(column.type):
        return column.combine_chunks().flatten().to_numpy(zero_copy_only=False).reshape(-1, column.type.list_size)
    return column.to_numpy()
