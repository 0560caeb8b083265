"""`merchantgym off_policy`: ways are read as written, the page says what was estimated, and nonsense is refused."""

from pathlib import Path

import numpy as np
import pytest

from merchantgym.experiments import cli
from merchantgym.experiments.off_policy import measure, read_ways
from merchantgym.experiments.record import read_recording
from merchantgym.experiments.setting import read_setting

from ..agents.offline.datasets import configured

TINY = ("stores=8", "executors=[value_pid]", "quiet=true", "threads=1")


def test_a_way_shifts_what_it_names() -> None:
    setting = read_setting(configured("off_policy", "ways=[{name:up,shift:{listings:0.1,discount:-0.2},noise:0.3}]"))
    ways = read_ways(setting, read_recording(setting))
    assert ways["recorded"][0].sd == 0.2
    up, told = ways["up"]
    np.testing.assert_array_equal(up.mean(np.zeros((2, 276)), np.zeros((2, 11)))[1], [0, 0] + 8 * [0.1] + [-0.2])
    assert (up.sd, told) == (0.3, "listings +0.1, discount -0.2, noise of 0.3")


def test_the_truth_is_paired() -> None:
    """Ways that are the same earn the same; noise costs something."""
    setting = read_setting(configured("off_policy", *TINY, "ways=[{name:same},{name:wild,noise:1.0}]"))
    job = read_recording(setting)
    truths = measure(setting, job, {name: way for name, (way, _) in read_ways(setting, job).items()})
    np.testing.assert_array_equal(truths["same"], truths["recorded"])
    assert truths["wild"].mean() < truths["recorded"].mean()


def test_the_verb_writes_a_page_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["off_policy", *TINY, "folder=docs", "run=one"]) == 0
    page = Path("docs/off_policy.md").read_text(encoding="utf-8")
    assert 20_000 < Path("docs/off_policy.png").stat().st_size < 500_000
    for word in ("| recorded | as recorded", "| dearer | discount -0.05 |", "| quieter | weighted doubly robust |"):
        assert word in page
    assert "nan" not in page
    assert cli.main(["off_policy", *TINY, "folder=again", "run=one"]) == 0  # the record is found
    assert Path("again/off_policy.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "ways=[{name:up,shift:{colour:1}}]",
            "ways[0].shift has no action 'colour'; allowed: listings, channel_search, ",
        ),
        ("ways=[{move:1}]", "ways[0](={'move': 1}) must have a name, and may have: shift, noise"),
        ("ways=[{name:recorded}]", "ways[0].name(='recorded') is taken"),
        ("ways=[{name:up,noise:0}]", "ways[0].noise(=0) must be a number in (0, 2]"),
        ("noise=0", "noise(=0) > 0"),
        ("executors=[mpc,pid]", "executors(=['mpc', 'pid']) must be one"),
        ("truths=0", "truths(=0) must be a whole number >= 1"),
    ],
)
def test_what_is_impossible_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], override: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["off_policy", override]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not list(tmp_path.iterdir())
