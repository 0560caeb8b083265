"""Score one planner and executor on held-out stores."""

from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from merchantgym.agents.bundle import load_bundle
from merchantgym.agents.checkpoint import POLICY
from merchantgym.agents.planners import PLANNERS
from merchantgym.controllers import CONTROLLERS, GUARDED
from merchantgym.envs.actor import Actor

from .evaluation import score, write_stores
from .learning import load_policy
from .setting import TEST_RUN, Setting, check_names, controller, open_tracker, progress_bars, read_setting, write_plans
from .table import build_rows, numbers, print_table, write_json


def run(config: DictConfig) -> None:
    """Carry out `merchantgym evaluate`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    planner, stores = str(setting.config["planner"]), int(setting.config["stores"])
    check_names("planner", [planner], tuple(PLANNERS))
    if stores < 2:
        raise ValueError(f"stores(={stores}) must be >= 2: an interval needs two")
    actor = read_executor(setting, str(setting.config["executor"]))
    with open_tracker(setting) as tracker:
        with progress_bars(setting) as bars:
            opened = setting.population.open("test", stores, threads=setting.threads)
            _, plans = write_plans(planner, opened)
            task = bars.add_task(f"{planner} x {actor.name}", total=None)
            arm = score(
                planner,
                [actor],
                opened,
                plans,
                setting.run_seed(TEST_RUN),
                threads=setting.threads,
                progress=lambda done, work: bars.update(task, completed=done, total=work),
            )
        rows = build_rows([arm.result], np.random.default_rng(setting.seed))
        setting.output.mkdir(parents=True, exist_ok=True)
        write_json(rows, setting.output / "evaluation.json")
        write_stores([arm], setting.output / "stores.parquet")
        with tracker.child(planner, actor.name, 0) as child:
            child.metrics(numbers(rows[0]))
        for name in ("evaluation.json", "stores.parquet"):
            tracker.parent.artifact(setting.output / name)
        print_table(rows, setting.console())
        setting.console().print(f"\nResults: {setting.output}")


def read_executor(setting: Setting, name: str) -> Actor:
    """A controller by its name, a trained policy or an exported bundle by its folder.

    Raises: ValueError: it is neither; the message says what is allowed.
    """
    if name in (*CONTROLLERS, *GUARDED):
        return controller(setting.config, name)
    folder = Path(name)
    if not folder.is_dir():
        raise ValueError(
            f"executor(={name!r}) must be one of: {', '.join(CONTROLLERS)}, guard:<one of them>, or the "
            "folder of a training or of a bundle"
        )
    if (folder / POLICY).is_file():
        return load_policy(setting, folder)
    return load_bundle(folder)
