"""What a long comparison has finished, kept as it comes and found again by what it depends on."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class Parts:
    """A folder of tables, one a finished piece of work.

    A part's file is named after what it depends on, sources included, so that nothing stale is ever read: work under
    other settings finds no part and is done. An interruption loses the piece under way and nothing else.
    """

    folder: Path

    def find_or_make(self, name: str, depends: Mapping[str, object], make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """The table that was kept, or made now and kept.

        Args:
            name: what a reader of the folder would call it.
            depends: everything that the table is a function of, as JSON can write it.
        """
        path = self.folder / f"{name}-{digest(depends)}.parquet"
        if path.is_file():
            return pd.read_parquet(path)
        made = make()
        self.folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}.part")
        made.to_parquet(part, index=False)
        part.replace(path)
        return made


def digest(values: Mapping[str, object]) -> str:
    """Sixteen digits that change with any of the values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
