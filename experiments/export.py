"""Write a trained policy, or a controller, as an ONNX bundle and check that it acts as the original."""

from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from merchantgym.agents.bundle import export_bundle
from merchantgym.agents.graph import law_of
from merchantgym.agents.planners import PLANNERS
from merchantgym.agents.registry import LEARNERS
from merchantgym.envs.actor import Actor

from .learning import load_policy
from .setting import PARITY_RUN, Setting, check_names, controller, progress_bars, read_setting, write_plans


def run(config: DictConfig) -> None:
    """Carry out `merchantgym export`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    entry = setting.config
    check_names("planner", [entry["planner"]], tuple(PLANNERS))
    stores, observations, tolerance = int(entry["stores"]), int(entry["observations"]), float(entry["tolerance"])
    if stores < 1 or observations < 1000:
        raise ValueError(f"stores(={stores}) must be >= 1, observations(={observations}) >= 1000")
    actor, origin, scores = _chosen(setting)
    law_of(actor)
    with progress_bars(setting) as bars:
        task = bars.add_task("export and parity check", total=None)
        opened = setting.population.open("test", stores, threads=setting.threads)
        _, plans = write_plans(str(entry["planner"]), opened)
        parity = export_bundle(
            actor,
            setting.output / "bundle",
            opened,
            plans,
            seed=setting.run_seed(PARITY_RUN),
            observations=observations,
            tolerance=tolerance,
            scenario=setting.scenario.name,
            scenario_hash=setting.scenario_hash,
            scores=scores,
        )
        bars.update(task, total=1, completed=1)
    console = setting.console()
    console.print(f"Exported {origin} to {setting.output / 'bundle'}")
    console.print(
        f"Parity over {parity.observations:,} observations: largest difference of an action {parity.largest:.1e}"
        f" (allowed {tolerance:.0e})"
    )


def _chosen(setting: Setting) -> tuple[Actor, str, dict[str, float]]:
    """What is exported, in words where it comes from, and its scores."""
    name, source = setting.config["executor"], setting.config["source"]
    if name is not None:
        if source is not None:
            raise ValueError(f"source(={source!r}) must be null where executor(={name!r}) is exported")
        return controller(setting.config, str(name)), f"the controller {name}", {}
    folder, profit = best_policy(setting, source)
    origin = f"{folder} (validation profit {profit:,.0f} CNY per store)"
    return load_policy(setting, folder), origin, {"validation_profit": profit}


def best_policy(setting: Setting, source: str | None) -> tuple[Path, float]:
    """Folder of the trained policy with the highest validation profit in a run, and that profit [CNY].

    Args:
        source: folder of a run; None takes the newest beside this run's own that holds a trained policy.
    Raises: ValueError: there is none.
    """
    if source is not None:
        runs = [Path(source)]
        if not runs[0].is_dir():
            raise ValueError(f"source(={source!r}) must be the folder of a train or compare run")
    else:
        runs = sorted(setting.output.parent.glob("*/"), key=lambda path: path.stat().st_mtime, reverse=True)
    for folder in runs:
        found = [one for name in LEARNERS for one in folder.glob(f"{name}/seed-*/curve.npz")]
        if found:
            profits = [float(np.nanmax(np.load(path)["profit"])) for path in found]
            best = int(np.argmax(profits))
            return found[best].parent, profits[best]
    where = source or str(setting.output.parent)
    raise ValueError(f"source(={where!r}) holds no trained policy; run merchantgym train or compare first")
