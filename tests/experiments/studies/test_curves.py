"""Learning curves: labels that can be read, arrays that fit, a clock that survives an interruption."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from merchantgym.experiments.studies.curves import LearningCurve, apart, draw_curves
from merchantgym.experiments.training_clock import TrainingClock, cpu_minutes


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12))
def test_labels_are_kept_apart_and_in_order(places: list[float]) -> None:
    ascending = sorted(places)
    moved = apart(ascending, 0.05)
    assert all(b - a >= 0.05 - 1e-9 for a, b in pairwise(moved))
    assert np.mean(moved) == pytest.approx(np.mean(ascending))
    if all(b - a >= 0.05 for a, b in pairwise(ascending)):
        assert moved == pytest.approx(ascending)


def curve(minutes: float = 1.0) -> LearningCurve:
    profit = np.array([[10.0, 12.0, 15.0], [10.0, 11.0, 18.0], [10.0, 13.0, 14.0]])
    return LearningCurve(np.array([0.0, 1e5, 2e5]), minutes * np.ones((3, 3)) * [0.0, 1.0, 2.0], profit)


@pytest.mark.parametrize("minutes", [1.0, np.nan])
def test_curves_are_drawn_with_and_without_a_clock(tmp_path: Path, minutes: float) -> None:
    draw_curves({"ppo": curve(minutes)}, {"mpc": 16.0, "open_loop": 9.0}, tmp_path / "curves.png")
    pixels = np.asarray(Image.open(tmp_path / "curves.png"))
    assert pixels.std() > 5
    assert (pixels.shape[1] > 1300) == bool(np.isfinite(minutes)), "without a clock there is one panel"


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"minutes\(shape=\(2, 2\)\)"):
        LearningCurve(np.zeros(3), np.zeros((2, 2)), np.zeros((2, 3)))


def test_the_clock_leaves_validations_out_and_goes_on_where_the_checkpoint_stands(
    tmp_path: Path, monkeypatch: Any
) -> None:
    now = [0.0]
    monkeypatch.setattr("merchantgym.experiments.training_clock.process_time", lambda: now[0])

    def slow(actor: Any) -> float:
        now[0] += 1000.0
        return 7.0

    def train(clock: TrainingClock, steps: list[int], seconds: float) -> None:
        for done in steps:
            clock.progress(done, 30)
            assert clock.validate(None) == 7.0  # type: ignore[arg-type]
            now[0] += seconds

    told: list[tuple[int, int]] = []
    train(TrainingClock(tmp_path, slow, lambda *words: told.append(words)), [0, 10, 20], 60.0)
    assert told == [(0, 30), (10, 30), (20, 30)]
    assert cpu_minutes(tmp_path, [0, 10, 20, 30]) == pytest.approx([0.0, 1.0, 2.0, np.nan], nan_ok=True)
    again = TrainingClock(tmp_path, slow, lambda *_: None)  # the checkpoint stands at 10: what came after is run again
    again.progress(10, 30)
    now[0] += 120.0
    train(again, [20, 30], 60.0)
    assert cpu_minutes(tmp_path, [0, 10, 20, 30]) == pytest.approx([0.0, 1.0, 3.0, 4.0])
    assert json.loads((tmp_path / "cpu_seconds.json").read_text())["30"] == 240.0
    assert np.isnan(cpu_minutes(tmp_path / "elsewhere", [0])).all()
