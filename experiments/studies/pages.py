"""What every study leaves behind: figures and stores in the run's folder, page and picture there and in the docs."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ..markdown import note_of
from ..whole_file import write_whole


def write_figures(figures: Mapping[str, Any], folder: Path, name: str) -> None:
    """`<name>.json`, whole or not at all."""
    write_whole(json.dumps(figures, indent=2, allow_nan=False) + "\n", folder / f"{name}.json")


def write_stores(stores: pd.DataFrame, folder: Path) -> None:
    """`stores.parquet`, whole or not at all."""
    part = folder / "stores.part"
    stores.to_parquet(part, index=False)
    part.replace(folder / "stores.parquet")


def write_page(folder: Path, name: str, draw: Callable[[Path], None], text: Callable[[str], str]) -> None:
    """`<name>.png` and `<name>.md`; what people noted on the page stays.

    Args: text: the page, from that note.
    """
    draw(folder / f"{name}.png")
    page = folder / f"{name}.md"
    write_whole(text(note_of(page)), page)
