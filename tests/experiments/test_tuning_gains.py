"""Gains as a search takes them and as files keep them."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from merchantgym.controllers import CONTROLLERS, Gain, controller_gains
from merchantgym.experiments.tuning_gains import rounded, searched_gains, starting_gains, tunable, write_gains

CONF = Path(__file__).parents[2] / "conf"


def test_a_controller_without_a_file_gets_one(tmp_path: Path) -> None:
    gains = starting_gains("pid", {"high": 1e-5})
    write_gains("pid", gains, ["by hand."], tmp_path)
    text = (tmp_path / "pid.yaml").read_text()
    assert yaml.safe_load(text)["gains"] == gains
    assert text.startswith("# Spends the budget")
    for gain, known in controller_gains("pid").items():
        assert f"  {gain}: " in text
        assert known.unit in text
    with pytest.raises(ValueError, match="high"):
        write_gains("pid", {**gains, "high": -1.0}, ["by hand."], tmp_path)
    assert (tmp_path / "pid.yaml").read_text() == text


@pytest.mark.parametrize(
    ("value", "search", "log", "expected"),
    [
        (12.3456, (1.0, 40.0), True, 12.3),
        (0.0123456, (0.001, 1.0), True, 0.0123),
        (0.123456, (-0.2, 0.15), False, 0.123),
        (-1.3862, (-1.3862943611198906, 1.3862943611198906), False, -1.38),
        (1.3862, (-1.3862943611198906, 1.3862943611198906), False, 1.38),
        (7.46, (0.0, 15.0), False, 7.5),
        (-0.0001, (-1.0, 1.0), False, 0.0),
    ],
)
def test_gains_are_rounded_inside_their_range(
    value: float, search: tuple[float, float], log: bool, expected: float
) -> None:
    found = rounded(value, Gain("", search, log, search))
    assert found == expected
    assert np.copysign(1.0, found) == np.copysign(1.0, expected)


def test_everything_with_gains_is_tuned_from_its_file() -> None:
    assert set(tunable()) <= set(CONTROLLERS) - {"open_loop", "random"}
    assert {"pid", "value_pid"} <= set(tunable())
    defaults = (CONF / "controllers.yaml").read_text()
    for name in tunable():
        assert f"controller@controllers.{name}: {name}\n" in defaults, "its gains in place would not be found"
        for known in searched_gains(name).values():
            assert known.search[0] < known.search[1]
            assert known.search[0] > 0.0 or not known.log
