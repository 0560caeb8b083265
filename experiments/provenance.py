"""What a run came from, as text: its configuration, its commit, its user."""

import getpass
import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path


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


def allowed_name(text: str) -> str:
    """The text with what MLflow allows in no name replaced."""
    return re.sub(r"[^\w.\- /:]", "_", text)


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
