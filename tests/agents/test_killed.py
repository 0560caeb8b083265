"""A training that is killed in the middle of its work, by the operating system and without a warning."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from .lessons import train
from .test_learners import flat

SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tests.agents.lessons import train
train(sys.argv[2], Path(sys.argv[3]))
"""
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("case", ["ppo", "sac"])
def test_killed_it_loses_one_interval_and_ends_as_if_it_had_not_been(case: str, tmp_path: Path) -> None:
    folder = tmp_path / "killed"
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(ROOT), case, str(folder)], env=dict(os.environ)
    ) as running:
        checkpoint = folder / "checkpoint.pt"
        end = time.monotonic() + 240.0
        while not checkpoint.is_file():
            assert running.poll() is None, "the training ended before its first checkpoint"
            assert time.monotonic() < end, "no checkpoint came"
            time.sleep(0.005)
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    kept = torch.load(checkpoint, weights_only=False)["course"]
    assert len(kept["steps"]) < 3, "it was killed after its end"

    resumed, whole = train(case, folder), train(case, tmp_path / "whole")
    np.testing.assert_array_equal(resumed.steps, whole.steps)
    np.testing.assert_array_equal(resumed.profit, whole.profit)
    ends = [flat(torch.load(tmp_path / name / "checkpoint.pt", weights_only=False)) for name in ("killed", "whole")]
    for name, value in ends[0].items():
        assert np.array_equal(value, ends[1][name], equal_nan=isinstance(value, np.ndarray | float)), name
