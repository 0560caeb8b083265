"""What a run came from, as text: its configuration, its commit, its user."""

import getpass
import hashlib
import json
import re
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType


def flatten(config: Mapping[str, object], prefix: str = "") -> dict[str, str]:
    """A nested configuration as flat text, `a.b.c` -> value; whatever is no text as JSON."""
    flat: dict[str, str] = {}
    for name, value in config.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{key}.")
        else:
            flat[allowed_name(key)] = value if isinstance(value, str) else json.dumps(value, default=str)
    return flat


def git_state(folder: Path) -> tuple[str, bool]:
    """Commit of the repository a folder lies in ("none" without one), and whether its files differ."""
    commit, changes = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain")
    return commit or "none", bool(changes)


def digest_of_files(paths: Iterable[Path]) -> str:
    """Twelve digits that change with the content or the order of any of the files."""
    found = hashlib.sha256()
    for path in paths:
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


def sources_of(package: ModuleType) -> list[Path]:
    """The Python files of a package, in order."""
    return sorted(Path(str(package.__file__)).parent.rglob("*.py"))


def allowed_name(text: str) -> str:
    """The text with what MLflow allows in no name replaced."""
    return re.sub(r"[^\w.\- /:]", "_", text)


def command() -> str:
    """The words that started this run, as they can be typed again; without Hydra only the program."""
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return "merchantgym"
    config = HydraConfig.get()
    return shlex.join(["merchantgym", str(config.job.config_name), *map(str, config.overrides.task)])


def user() -> str:
    """Name of who runs this, "unknown" where the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"


def _git(folder: Path, *words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
