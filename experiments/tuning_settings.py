"""The file under `conf/agent` that keeps a learner's settings: those that a search found, and where they come from."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import wrap

from merchantgym.agents.registry import LEARNERS
from merchantgym.agents.settings import searched_settings

from .whole_file import write_whole

_HISTORY = "# Settings:"  # begins the comment that says where a file's settings come from


def write_settings(name: str, found: Mapping[str, float], history: Sequence[str], folder: Path) -> Path:
    """Write what was found into `<folder>/<name>.yaml`, whole or not at all; all else in the file stays.

    Args:
        found: settings that were searched; a whole number may come as a float.
        history: where they come from, a paragraph each, indented ones being kept on one line; takes the place of what
            the file said of that.
    Returns: the file.
    Raises: ValueError: there is no such file, or it lacks one of the settings. OSError: the folder cannot be written.
    """
    path = folder / f"{name}.yaml"
    if not path.is_file():
        raise ValueError(f"write(={str(folder)!r}) must hold {name}.yaml, the learner's settings")
    lines = _without_history(path.read_text(encoding="utf-8").splitlines())
    known = searched_settings(LEARNERS[name].settings)
    for setting, value in found.items():
        place = next((i for i, line in enumerate(lines) if re.match(rf"{setting}\s*:", line)), None)
        if place is None:
            raise ValueError(f"{path} has no entry {setting!r}, for which {value:g} was found")
        _, _, comment = lines[place].partition("#")
        number = str(int(value)) if known[setting].whole else _number(value)
        lines[place] = f"{setting}: {number}" + (f" # {comment.strip()}" if comment else "")
    head = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    write_whole("\n".join([*lines[:head], *_told(history), *lines[head:]]) + "\n", path)
    return path


def _without_history(lines: Sequence[str]) -> list[str]:
    """The lines without what the head says of where settings come from, up to its end."""
    head = next((i for i, line in enumerate(lines) if not line.startswith("#")), len(lines))
    told = next((i for i, line in enumerate(lines[:head]) if line.startswith(_HISTORY)), head)
    return [*lines[:told], *lines[head:]]


def _told(history: Sequence[str]) -> list[str]:
    lines = []
    for i, paragraph in enumerate(history):
        text = f"{_HISTORY} {paragraph}" if i == 0 else f"# {paragraph}"
        indented = paragraph.startswith(" ")
        lines += [text] if indented else wrap(text, 120, subsequent_indent="# ", break_on_hyphens=False)
    return lines


def _number(value: float) -> str:
    """As YAML reads a number: an exponent needs a point before it."""
    text = f"{value:.6g}"
    return text.replace("e", ".0e") if "e" in text and "." not in text else text
