"""Hold off-policy estimates against the truth: `merchantgym off_policy` writes off_policy.md and off_policy.png.

One way to act is recorded; what others would earn is estimated from the record alone, and then measured in the
simulator on the same stores.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from merchantgym.agents.offline.dataset import Dataset
from merchantgym.agents.offline.evaluation import Estimate, Judged, draws, judge
from merchantgym.agents.offline.explorer import Explorer, Mean, Way
from merchantgym.agents.offline.importance import resamples
from merchantgym.envs.action import action_names
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.rollout import rollout

from .off_policy_report import Held, describe, draw
from .record import RecordingJob, read_recording, record_dataset
from .setting import TRUTH_RUN, Setting, progress_bars, read_setting, write_plans
from .whole_file import write_whole

RESAMPLES = 200


def run(config: DictConfig) -> None:
    """Carry out `merchantgym off_policy`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    job = read_recording(setting)
    ways = read_ways(setting, job)
    if type(setting.config["truths"]) is not int or setting.config["truths"] < 1:
        raise ValueError(f"truths(={setting.config['truths']!r}) must be a whole number >= 1")
    dataset = record_dataset(setting, job, setting.output / "record")
    held = hold(setting, job, dataset, ways)
    folder = Path(str(setting.config["folder"]))
    folder.mkdir(parents=True, exist_ok=True)
    draw(held, folder / "off_policy.png")
    write_whole(describe(held, dataset.description, int(setting.config["truths"])), folder / "off_policy.md")
    setting.console().print(f"Off-policy estimates: {folder / 'off_policy.md'}")


def read_ways(setting: Setting, job: RecordingJob) -> dict[str, tuple[Way, str]]:
    """The ways to act that are judged, each with a line on what it is; first the one recorded.

    Raises: ValueError: names the entry, its value and what is allowed.
    """
    if len(job.actors) != 1 or job.noise <= 0.0 or job.stores < 8:
        raise ValueError(
            f"executors(={setting.config['executors']}) must be one, noise(={job.noise:g}) > 0, "
            f"stores(={job.stores}) >= 8"
        )
    entries = setting.config["ways"]
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"ways(={entries!r}) must be a list such as [{{name: dearer, shift: {{discount: -0.05}}}}]")
    ways = {"recorded": (Way("recorded", sd=job.noise), f"as recorded: noise of {job.noise:g}")}
    for i, entry in enumerate(entries):
        way, told = _read_way(f"ways[{i}]", entry, setting.scenario.listings, job.noise)
        if way.name in ways:
            raise ValueError(f"ways[{i}].name(={way.name!r}) is taken")
        ways[way.name] = way, told
    return ways


def _read_way(place: str, entry: Any, listings: int, noise: float) -> tuple[Way, str]:
    if not isinstance(entry, dict) or not {"name"} <= set(entry) <= {"name", "shift", "noise"}:
        raise ValueError(f"{place}(={entry!r}) must have a name, and may have: shift, noise")
    shifts = entry.get("shift") or {}
    allowed = ("listings", *action_names(listings))
    moved = np.zeros(len(allowed) - 1)
    for part, size in shifts.items():
        if part not in allowed:
            raise ValueError(f"{place}.shift has no action {part!r}; allowed: {', '.join(allowed)}")
        if isinstance(size, bool) or not isinstance(size, int | float) or not -1.0 <= size <= 1.0:
            raise ValueError(f"{place}.shift.{part}(={size!r}) must be a number in [-1, 1]")
        moved[[part == other or (part == "listings" and "listing_" in other) for other in allowed[1:]]] = size
    sd = entry.get("noise", noise)
    if isinstance(sd, bool) or not isinstance(sd, int | float) or not 0.0 < sd <= 2.0:
        raise ValueError(f"{place}.noise(={sd!r}) must be a number in (0, 2]")
    told = [f"{part.replace('_', ' ')} {size:+g}" for part, size in shifts.items()]
    told += [] if sd == noise else [f"noise of {sd:g}"]
    return Way(str(entry["name"]), _shifted(moved), float(sd)), ", ".join(told)


def _shifted(moved: FloatArray) -> Mean:
    def mean(observation: NDArray[Any], base: FloatArray) -> FloatArray:
        return np.broadcast_to(moved, base.shape).copy()

    return mean


def hold(setting: Setting, job: RecordingJob, dataset: Dataset, ways: Mapping[str, tuple[Way, str]]) -> list[Held]:
    """Estimate from the record, and measure, every way."""
    actor = job.actors[0]
    decisions = dataset.decisions(actor.name, job.hold)
    counts = draws(decisions, RESAMPLES, np.random.default_rng(setting.seed))
    truths = measure(setting, job, {name: way for name, (way, _) in ways.items()})
    with progress_bars(setting) as bars:
        task = bars.add_task("estimate from the record", total=len(ways))
        judged = {}
        for name, (way, _) in ways.items():
            judged[name] = judge(decisions, way, counts)
            bars.advance(task)
    return [_hold(name, told, judged, truths, setting.seed) for name, (_, told) in ways.items()]


def _hold(name: str, told: str, judged: Mapping[str, Judged], truths: Mapping[str, FloatArray], seed: int) -> Held:
    """Args: truths: by way, (stores,) mean profit of each."""
    found, recorded = judged[name], judged["recorded"]
    stores = len(truths[name])
    counts = resamples(np.arange(stores), RESAMPLES, np.random.default_rng(seed)) / stores
    return Held(
        name=name,
        told=told,
        effective=found.effective,
        value={method: Estimate.of(values) for method, values in found.values.items()},
        gain={method: Estimate.of(values - recorded.values[method]) for method, values in found.values.items()},
        truth=Estimate.of(counts @ truths[name]),
        true_gain=Estimate.of(counts @ (truths[name] - truths["recorded"])),
    )


def measure(setting: Setting, job: RecordingJob, ways: Mapping[str, Way]) -> dict[str, FloatArray]:
    """What each way truly earns on the recorded stores, with chance and noise of its own: (stores,) means over runs."""
    opened = setting.population.open(job.split, job.stores, first=job.first, threads=setting.threads)  # type: ignore[arg-type]
    _, plans = write_plans(job.planner, opened)
    keys = job.first + np.arange(job.stores)
    runs = int(setting.config["truths"])
    truths = {name: np.zeros(job.stores) for name in ways}
    with progress_bars(setting) as bars:
        task = bars.add_task("run every way", total=len(ways) * runs)
        for name, way in ways.items():
            for number in range(runs):
                seed = setting.run_seed(TRUTH_RUN) + number
                explorer = Explorer(job.actors[0], replace(way, name="way"), job.hold, seed, keys)
                done = rollout(explorer, opened, plans, seed, keys=keys, reward=setting.reward, threads=setting.threads)
                truths[name] += done.reward * setting.reward.scale / runs
                bars.advance(task)
    return truths
