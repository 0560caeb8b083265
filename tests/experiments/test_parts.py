"""Finished work is kept, and found again only by what it depends on."""

from pathlib import Path

import pandas as pd
import pytest

from merchantgym.experiments.parts import Parts
from merchantgym.experiments.provenance import digest_of_files

TABLE = pd.DataFrame({"store": ["a", "b"], "profit": [1.5, -2.0]})


def nothing() -> pd.DataFrame:
    pytest.fail("was made again")


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "parts")
    made = parts.find_or_make("steady-pid", {"gains": {"p": 1.0}, "stores": 2}, lambda: TABLE)
    read = Parts(tmp_path / "parts").find_or_make("steady-pid", {"stores": 2, "gains": {"p": 1.0}}, nothing)
    pd.testing.assert_frame_equal(made, read)
    other = parts.find_or_make("steady-pid", {"gains": {"p": 1.1}, "stores": 2}, lambda: TABLE * 2)
    assert other.profit.tolist() == [3.0, -4.0]
    assert len(list((tmp_path / "parts").iterdir())) == 2


def test_what_is_interrupted_leaves_nothing(tmp_path: Path) -> None:
    def interrupted() -> pd.DataFrame:
        raise KeyboardInterrupt

    parts = Parts(tmp_path / "parts")
    with pytest.raises(KeyboardInterrupt):
        parts.find_or_make("steady-pid", {}, interrupted)
    assert not (tmp_path / "parts").exists()


def test_a_digest_changes_with_the_content_of_files(tmp_path: Path) -> None:
    files = [tmp_path / "a.py", tmp_path / "b.py"]
    for file in files:
        file.write_text("x = 1")
    before = digest_of_files(files)
    assert digest_of_files(files) == before
    files[1].write_text("x = 2")
    assert digest_of_files(files) != before
