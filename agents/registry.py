"""Learners by name. One that is listed here can be trained, resumed, compared, exported and loaded by that name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from merchantgym.envs.actor import Actor

from .evolution.learner import load_evolved, train_evolution
from .evolution.settings import EvolutionSettings
from .offline.cloning import CloneSettings, train_clone
from .offline.iql import IqlSettings, train_iql
from .ppo import train_ppo
from .ppo_settings import PpoSettings
from .residual import load_residual
from .sac import train_sac
from .sac_settings import SacSettings
from .training import Lesson, Settings, Trained


@dataclass(frozen=True)
class Learner:
    """A way to learn."""

    settings: type[Settings]
    """A frozen dataclass that checks itself; its values stand in `conf/agent/<name>.yaml`."""
    train: Callable[[Any, Lesson], Trained]
    """Of (settings, lesson); see `training.attend` for what holds for all of them."""
    load: Callable[[Path, Actor], Actor]
    """The best policy of a training's folder, over its base controller. Raises: ValueError: there is none, or it is
    over another."""


_EVOLUTION = Learner(EvolutionSettings, train_evolution, load_evolved)
_PPO = Learner(PpoSettings, train_ppo, load_residual)

LEARNERS: Mapping[str, Learner] = {
    "evolution": _EVOLUTION,
    "evolution_plan": _EVOLUTION,  # over the plan as written, without Python between the hours
    "clone": Learner(CloneSettings, train_clone, load_residual),
    "iql": Learner(IqlSettings, train_iql, load_residual),
    "ppo": _PPO,
    "recurrent_ppo": _PPO,  # with memory
    "constrained_ppo": _PPO,  # with a price on what is missing to the ROI floor
    "sac": Learner(SacSettings, train_sac, load_residual),
}
