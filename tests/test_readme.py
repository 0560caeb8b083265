"""The README's Python examples run, and what it names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    exec(example, names)
    if "picture" in names:
        assert names["picture"].std() > 5  # type: ignore[attr-defined]
    elif "trace" in names:
        assert {"visit", "ad_click"} & set(capsys.readouterr().out.split())
    elif "admit" in names:
        assert "CNY" in capsys.readouterr().out
    else:
        assert "CNY per store" in capsys.readouterr().out


def test_named_files_and_folders_exist() -> None:
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.[a-z]+)?)`", TEXT) + re.findall(r"\]\(([\w./]+)\)", TEXT)
    kept = [name for name in named if not name.startswith("outputs/")]
    assert len(kept) > 10
    for name in kept:
        assert (ROOT / name).exists(), name
