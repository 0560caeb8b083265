"""Train a policy on the training stores; validation stores decide which checkpoint is kept."""

from collections.abc import Sequence

import numpy as np
from omegaconf import DictConfig

from merchantgym.agents.registry import LEARNERS

from . import plots
from .learning import Learned, curve_of, learn, read_job, read_settings
from .setting import Setting, check_names, open_tracker, progress_bars, read_setting


def run(config: DictConfig) -> None:
    """Carry out `merchantgym train`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    agent = setting.config["agent"]
    name = str(agent["name"])
    check_names("agent.name", [name], tuple(LEARNERS))
    job = read_job(setting, {name: read_settings(setting, name, agent)})
    with open_tracker(setting) as tracker:
        with progress_bars(setting) as bars:
            learned = learn(setting, job, name, bars)
        plots.learning_curves({name: curve_of(learned)}, learned[0].baselines, setting.output / "learning.png")
        for seed, one in enumerate(learned):
            with tracker.child(job.planner, name, seed) as child:
                child.tags({"kind": "learned"})
                child.curves(one.steps, {"validation_profit": one.profit})
                child.metrics({"best_validation_profit": float(np.nanmax(one.profit))})
        tracker.parent.artifact(setting.output / "learning.png", "plots")
        _show(setting, learned)


def _show(setting: Setting, learned: Sequence[Learned]) -> None:
    """A line for every seed, and where the results are."""
    console = setting.console()
    for seed, one in enumerate(learned):
        lines = ", ".join(f"{name} {value:,.0f}" for name, value in one.baselines.items())
        best = float(np.nanmax(one.profit))
        console.print(f"seed {seed}: best validation profit {best:,.0f} CNY per store (same stores: {lines})")
    console.print(f"\nResults: {setting.output}")
