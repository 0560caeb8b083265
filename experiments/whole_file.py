"""Files that appear whole or not at all."""

import os
from pathlib import Path


def write_whole(text: str, path: Path) -> None:
    """Write a text file; an older one stays until the new one is complete.

    Raises: OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
