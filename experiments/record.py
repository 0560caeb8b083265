"""Record episodes for learning without the simulator: `merchantgym record`, see `agents/offline/schema.py`."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from omegaconf import DictConfig

from merchantgym.agents.offline.dataset import Dataset, hours_file, read_dataset
from merchantgym.agents.offline.explorer import Explorer, Way
from merchantgym.agents.offline.recording import Block, record, write_table
from merchantgym.agents.offline.schema import DATASET_VERSION, TERM_NAMES, Description
from merchantgym.agents.planners import PLANNERS
from merchantgym.envs.action import action_names
from merchantgym.envs.actor import Actor
from merchantgym.envs.observation import OBSERVATION_VERSION, feature_names

from .parts import digest
from .provenance import git_state
from .setting import RECORDING_RUN, Setting, check_names, controller, progress_bars, read_setting, write_plans
from .whole_file import write_whole

SPLITS = ("train", "validation")  # test stores are for scoring only
BLOCK = 64  # stores of an hours file: 30 MB in memory


@dataclass(frozen=True)
class RecordingJob:
    """What is recorded."""

    actors: tuple[Actor, ...]
    planner: str
    split: str
    stores: int
    first: int  # number of the first store
    repeats: int
    noise: float
    hold: int  # [h]

    def blocks(self) -> Iterator[tuple[int, int]]:
        """(number of the first store, stores) of every block."""
        for first in range(0, self.stores, BLOCK):
            yield first, min(BLOCK, self.stores - first)


def run(config: DictConfig) -> None:
    """Carry out `merchantgym record`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    dataset = record_dataset(setting, read_recording(setting), setting.output)
    frame, console = dataset.episodes, setting.console()
    for name, profit in frame.groupby("executor", sort=False)["profit"].mean().items():
        console.print(f"{name}: {profit:,.0f} CNY per store over {sum(frame['executor'] == name):,} episodes")
    size = sum(path.stat().st_size for path in setting.output.glob("*.parquet")) / 2**20
    console.print(f"\n{sum(dataset.description.rows):,} hours in {size:,.0f} MB: {setting.output}")


def read_recording(setting: Setting) -> RecordingJob:
    """Check what is to be recorded. Raises: ValueError: names the entry, its value and what is allowed."""
    config = setting.config
    names = config["executors"]
    if not isinstance(names, list):
        raise ValueError(f"executors(={names!r}) must be a list such as [mpc, value_pid]")
    check_names("executors", names, _allowed(config))
    check_names("planner", [config["planner"]], tuple(PLANNERS))
    check_names("split", [config["split"]], SPLITS)
    for name, least in (("first", 0), ("repeats", 1), ("hold", 1)):
        value = config[name]
        if type(value) is not int or value < least:
            raise ValueError(f"{name}(={value!r}) must be a whole number >= {least}")
    if 24 % config["hold"]:
        raise ValueError(f"hold(={config['hold']}) must be a divisor of 24 [hours]")
    noise = config["noise"]
    if isinstance(noise, bool) or not isinstance(noise, int | float) or not 0.0 <= noise <= 2.0:
        raise ValueError(f"noise(={noise!r}) must be a number in [0, 2]")
    return RecordingJob(
        actors=tuple(controller(config, name) for name in names),
        planner=config["planner"],
        split=config["split"],
        stores=config["stores"],
        first=config["first"],
        repeats=config["repeats"],
        noise=float(noise),
        hold=config["hold"],
    )


def _allowed(config: Any) -> tuple[str, ...]:
    names = tuple(name for name in config["controllers"] if name != "guard")
    return (*names, *(f"guard:{name}" for name in names))


def record_dataset(setting: Setting, job: RecordingJob, folder: Path) -> Dataset:
    """Record into a folder, block by block; what was interrupted goes on after the last whole block.

    Raises: ValueError: the folder holds a recording of something else.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, setting, job)
    if not (folder / "dataset.json").is_file():
        rows, frames = _record_blocks(setting, job, folder)
        episodes = pd.concat(frames, ignore_index=True)
        part = folder / "part-episodes.parquet"
        episodes.to_parquet(part, index=False, compression="zstd")
        part.replace(folder / "episodes.parquet")
        _describe(setting, job, len(episodes), rows).write(folder / "dataset.json")
        for i in range(len(rows)):
            _episodes_file(folder, i).unlink(missing_ok=True)
    return read_dataset(folder)


def _claim(folder: Path, setting: Setting, job: RecordingJob) -> None:
    """Mark the folder as this recording's. Raises: ValueError: it is another's."""
    values = {
        "executors": [repr(actor) for actor in job.actors],
        **{name: setting.config[name] for name in ("planner", "split", "stores", "first", "repeats", "noise", "hold")},
        **{name: setting.config[name] for name in ("seed", "reward", "scenario", "hosting", "market")},
        "population_seed": setting.config["population_seed"],
    }
    text = "".join(f"{name} {digest({name: value})}\n" for name, value in values.items())
    path = folder / "recording.txt"
    if not path.is_file():
        write_whole(text, path)
        return
    for found, wanted in zip(path.read_text(encoding="utf-8").splitlines(), text.splitlines(), strict=False):
        if found != wanted:
            name = wanted.split()[0]
            raise ValueError(f"{folder} holds a recording with another {name}; take another run name, or delete it")


def _record_blocks(setting: Setting, job: RecordingJob, folder: Path) -> tuple[list[int], list[pd.DataFrame]]:
    rows: list[int] = []
    frames: list[pd.DataFrame] = []
    episode = 0
    with progress_bars(setting) as bars:
        task = bars.add_task("record episodes", total=job.stores * len(job.actors) * job.repeats)
        for first, count in job.blocks():
            block: Block | None = None
            for actor in job.actors:
                for repeat in range(job.repeats):
                    number = len(rows)
                    if not hours_file(folder, number).is_file():
                        block = block or _open_block(setting, job, first, count)
                        _record_block(setting, job, folder, number, actor, block, episode, repeat)
                    frames.append(pd.read_parquet(_episodes_file(folder, number)))
                    rows.append(int(frames[-1]["hours"].sum()))
                    episode += count
                    bars.advance(task, count)
    return rows, frames


def _open_block(setting: Setting, job: RecordingJob, first: int, count: int) -> Block:
    opened = setting.population.open(job.split, count, first=job.first + first, threads=setting.threads)  # type: ignore[arg-type]
    _, plans = write_plans(job.planner, opened)
    return Block(opened, plans, job.split, job.first + first, job.first + first + np.arange(count))


def _record_block(
    setting: Setting,
    job: RecordingJob,
    folder: Path,
    number: int,
    actor: Actor,
    block: Block,
    episode: int,
    repeat: int,
) -> None:
    """One hours file, written last: it says that the block is whole."""
    seed = setting.run_seed(RECORDING_RUN) + repeat
    explorer = Explorer(actor, Way("noise", sd=job.noise), job.hold, number_of_chance(seed, actor), block.keys)
    hours, episodes = record(
        explorer,
        block,
        first_episode=episode,
        repeat=repeat,
        seed=seed,
        reward=setting.reward,
        threads=setting.threads,
    )
    part = folder / f"part-{number:05d}.parquet"
    episodes.to_parquet(part, index=False)
    part.replace(_episodes_file(folder, number))
    write_table(hours, hours_file(folder, number))


def number_of_chance(seed: int, actor: Actor) -> int:
    """Seed of an executor's noise: no two executors share it."""
    return int(digest({"seed": seed, "executor": actor.name})[:8], 16)


def _episodes_file(folder: Path, number: int) -> Path:
    return folder / f"episodes-{number:05d}.parquet"


def _describe(setting: Setting, job: RecordingJob, episodes: int, rows: list[int]) -> Description:
    listings = setting.scenario.listings
    return Description(
        dataset_version=DATASET_VERSION,
        observation_version=OBSERVATION_VERSION,
        package_version=metadata.version("merchantgym"),
        commit=git_state(Path(__file__).parent)[0],
        scenario=setting.scenario.name,
        scenario_hash=setting.scenario_hash,
        planner=job.planner,
        executors=tuple(actor.name for actor in job.actors),
        split=job.split,
        stores=job.stores,
        first=job.first,
        repeats=job.repeats,
        seed=setting.seed,
        population_seed=int(setting.config["population_seed"]),
        noise=job.noise,
        hold=job.hold,
        reward_scale=setting.reward.scale,
        listings=listings,
        features=feature_names(listings),
        actions=action_names(listings),
        terms=TERM_NAMES,
        episodes=episodes,
        rows=tuple(rows),
    )
