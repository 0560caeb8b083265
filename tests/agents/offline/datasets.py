"""Small datasets for tests, recorded once a session."""

from functools import cache
from pathlib import Path
from tempfile import mkdtemp

from hydra import compose, initialize_config_module
from omegaconf import DictConfig

from merchantgym.agents.offline.dataset import Dataset
from merchantgym.experiments.record import read_recording, record_dataset
from merchantgym.experiments.setting import Setting, read_setting


def configured(verb: str, *overrides: str) -> DictConfig:
    """Configuration of a verb as its command line gives it."""
    with initialize_config_module("merchantgym.conf", version_base="1.3"):
        return compose(verb, ["run=test", "output_dir=none", "quiet=true", *overrides])


def setting_of(*overrides: str) -> Setting:
    """Setting of a small recording."""
    return read_setting(configured("record", "stores=6", "threads=1", *overrides))


def record_to(folder: Path, *overrides: str) -> Dataset:
    """A small recording in a folder."""
    setting = setting_of(*overrides)
    return record_dataset(setting, read_recording(setting), folder)


@cache
def recorded(*overrides: str) -> Dataset:
    """A small recording, made once. Not to be changed on disk."""
    return record_to(Path(mkdtemp(prefix="recorded-")), *overrides)
