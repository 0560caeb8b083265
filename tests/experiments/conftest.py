"""What tests of the verbs share."""

from pathlib import Path

import pytest


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, in which the verbs run as from a fresh shell."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["merchantgym"])
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("MERCHANTGYM_TRACEBACK", raising=False)
    return tmp_path
