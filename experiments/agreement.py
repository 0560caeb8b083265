"""`merchantgym agree`: both engines must be one law, and an engine that is wrong must be seen to be."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from . import agreement_plots
from .agreement_analysis import Study, analyse, sharpness
from .agreement_engines import REFERENCES, TESTED, WRONG
from .agreement_report import markdown, print_study, write_results
from .agreement_runs import Job, Runs, jobs_of, load, open_folder, run_jobs
from .agreement_worlds import SITUATIONS, World, midway, situation
from .setting import AGREEMENT_RUN, Setting, check_names, progress_bars, read_setting

LEAST_COPIES = 4


class LawBrokenError(ValueError):
    """The engines differ. The message names where; all results have been written."""


@dataclass(frozen=True)
class Sizes:
    """What is compared, and how often it is run."""

    reference: str
    wrong: tuple[str, ...]
    stores: int
    copies: dict[str, int]  # by situation
    chunk: int
    ratio: int
    level: float
    docs: Path | None

    @property
    def engines(self) -> tuple[str, ...]:
        """The reference first."""
        return (self.reference, TESTED, *self.wrong)


def run(config: DictConfig) -> None:
    """Carry out `merchantgym agree`.

    Raises: ValueError: names the entry that is not allowed, before any work. LawBrokenError: the engines differ.
    """
    setting = read_setting(config)
    sizes = read_sizes(setting)
    folder = setting.output / "chunks"
    open_folder(folder, _made_by(setting, sizes))
    jobs = simulate(setting, sizes, folder)
    runs = {(engine, name): load(jobs, folder, name, engine) for engine in sizes.engines for name in sizes.copies}
    study = study_of(setting, sizes, runs)
    _write(setting, sizes, study, runs)
    print_study(setting.console(), study, sizes.engines[:2])
    setting.console().print(f"\nResults: {setting.output}")
    if study.broken:
        first = study.broken[0]
        raise LawBrokenError(
            f"{sizes.reference} and {TESTED} differ in {len(study.broken)} of {len(study.comparisons):,} comparisons, "
            f"most clearly in {first.situation}: {first.output} ({first.statistic}, adjusted p {first.adjusted:.1e}); "
            f"see {setting.output / 'agreement.md'}"
        )


def read_sizes(setting: Setting) -> Sizes:
    """Check what is asked for. Raises: ValueError: names the entry, its value and what is allowed."""
    config = setting.config
    check_names("reference", [config["reference"]], REFERENCES)
    check_names("situations", config["situations"], list(SITUATIONS))
    if config["wrong_engines"]:
        check_names("wrong_engines", config["wrong_engines"], list(WRONG))
    for name, least in (("stores", 1), ("ratio", 1), ("chunk", 1)):
        _check_whole(name, config[name], least)
    scale, level = _number("scale", config["scale"]), _number("level", config["level"])
    if scale <= 0.0:
        raise ValueError(f"scale(={scale}) must be > 0")
    if not 0.0 < level < 1.0:
        raise ValueError(f"level(={level}) must be in (0, 1)")
    copies = {}
    for name in config["situations"]:
        _check_whole(f"copies.{name}", config["copies"][name], 1)
        copies[name] = max(LEAST_COPIES, round(scale * config["copies"][name]))
    docs = config["docs"]
    return Sizes(
        reference=config["reference"],
        wrong=tuple(config["wrong_engines"]),
        stores=config["stores"],
        copies=copies,
        chunk=config["chunk"],
        ratio=config["ratio"],
        level=level,
        docs=None if docs is None else Path(docs),
    )


def _check_whole(name: str, value: object, least: int) -> None:
    if type(value) is not int or value < least:
        raise ValueError(f"{name}(={value!r}) must be a whole number >= {least}")


def _number(name: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}(={value!r}) must be a number")
    return float(value)


def _made_by(setting: Setting, sizes: Sizes) -> dict[str, object]:
    """What the chunks depend on; how many there are is left out, so that a study can be enlarged."""
    return {
        "scenario": setting.scenario_hash,
        "seed": setting.seed,
        "stores": sizes.stores,
        "chunk": sizes.chunk,
        "ratio": sizes.ratio,
    }


def worlds_of(setting: Setting, sizes: Sizes) -> dict[str, World]:
    """One copy of each store in every situation."""
    base = midway(setting.population.open("validation", sizes.stores))
    return {name: situation(name, base) for name in sizes.copies}


def simulate(setting: Setting, sizes: Sizes, folder: Path) -> list[Job]:
    """Run what is not yet in the folder; returns all jobs."""
    seed = setting.run_seed(AGREEMENT_RUN)
    jobs = [
        job
        for name, copies in sizes.copies.items()
        for job in jobs_of(name, list(SITUATIONS).index(name), sizes.engines, copies, sizes.chunk, sizes.ratio, seed)
    ]
    worlds = worlds_of(setting, sizes)
    with progress_bars(setting) as bars:
        task = bars.add_task("runs of both engines", total=len(jobs))
        for job in run_jobs(jobs, worlds, folder, min(setting.threads, len(jobs))):
            bars.update(task, advance=1, description=f"{job.situation}, {job.engine}")
    return jobs


def study_of(setting: Setting, sizes: Sizes, runs: dict[tuple[str, str], Runs]) -> Study:
    """The comparisons of all runs, by (engine, situation)."""

    def of(engine: str) -> dict[str, Runs]:
        return {name: runs[engine, name] for name in sizes.copies}

    wrong = {(engine, name): runs[engine, name] for engine in sizes.wrong for name in sizes.copies}
    return analyse(of(sizes.reference), of(TESTED), wrong, sizes.level, np.random.default_rng(setting.seed))


def _write(setting: Setting, sizes: Sizes, study: Study, runs: dict[tuple[str, str], Runs]) -> None:
    """Tables and pictures, and copies of them for the docs."""
    ways = {name: sharpness(runs[sizes.reference, name], runs[TESTED, name]) for name in sizes.copies}
    write_results(study, sizes.copies, sizes.stores, ways, setting.output)
    (setting.output / "agreement.md").write_text(
        markdown(study, sizes.engines[:2], sizes.copies, sizes.stores), encoding="utf-8"
    )
    agreement_plots.relative_differences(study, setting.output / "agreement.png")
    pairs = {name: (runs[sizes.reference, name].same, runs[TESTED, name].apart) for name in sizes.copies}
    agreement_plots.distributions(pairs, sizes.engines[:2], setting.output / "distributions.png")
    agreement_plots.p_values(study, setting.output / "p_values.png")
    if sizes.docs is not None:
        sizes.docs.mkdir(parents=True, exist_ok=True)
        for name in ("agreement.md", "agreement.png"):
            shutil.copyfile(setting.output / name, sizes.docs / name)
