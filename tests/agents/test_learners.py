"""What holds for every learner: it starts as its base, keeps the best, and goes on where it was stopped."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from merchantgym.agents.registry import LEARNERS
from merchantgym.agents.settings import settings_from_mapping
from merchantgym.agents.training import Trained
from merchantgym.controllers import make_controller

from .lessons import BASE, TINY, StoppedError, earned, train

CASES = list(TINY)


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Numbers and arrays of a nested state by their path."""
    if isinstance(value, dict):
        return {k: v for name, part in value.items() for k, v in flat(part, f"{path}.{name}").items()}
    if isinstance(value, list | tuple):
        return {k: v for i, part in enumerate(value) for k, v in flat(part, f"{path}.{i}").items()}
    return {path: value}


Whole = Callable[[str], tuple[Trained, Path]]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """Uninterrupted trainings with their folders, each made once."""
    folder = tmp_path_factory.mktemp("whole")

    @cache
    def made(case: str) -> tuple[Trained, Path]:
        return train(case, folder / case), folder / case

    return made


@pytest.mark.parametrize("case", CASES)
def test_training_starts_as_its_base_and_keeps_the_best(case: str, whole: Whole) -> None:
    trained, folder = whole(case)
    base = make_controller(BASE)
    assert trained.steps[0] == 0
    assert trained.profit[0] == earned(base).profit.mean()
    assert len(set(trained.profit)) == 3
    kept = LEARNERS[TINY[case][0]].load(folder, base)
    assert (kept.name, kept.kind) == (TINY[case][0], "learned")
    merit = np.load(folder / "curve.npz")["merit"]
    assert earned(kept).profit.mean() == pytest.approx(trained.profit[merit.argmax()])
    assert not list(folder.glob("part-*"))


@pytest.mark.parametrize("case", [case for case in CASES if case != "ppo"])  # of which test_ppo has it
def test_a_training_cut_off_ends_as_if_it_had_not_been(case: str, whole: Whole, tmp_path: Path) -> None:
    trained, folder = whole(case)
    with pytest.raises(StoppedError):
        train(case, tmp_path, stop_after=2)
    resumed = train(case, tmp_path, threads=2)
    np.testing.assert_array_equal(trained.profit, resumed.profit)
    ends = [flat(torch.load(place / "checkpoint.pt", weights_only=False)) for place in (folder, tmp_path)]
    assert list(ends[0]) == list(ends[1])
    for name, value in ends[0].items():
        assert np.array_equal(value, ends[1][name], equal_nan=isinstance(value, np.ndarray | float)), name


@pytest.mark.parametrize("case", ["recurrent_ppo", "sac"])
@pytest.mark.parametrize(("base", "listings"), [("mpc", 3), ("guard:pid", 1)])
def test_over_any_base_and_number_of_listings_it_starts_as_that_base(
    case: str, base: str, listings: int, tmp_path: Path
) -> None:
    with pytest.raises(StoppedError):
        train(case, tmp_path, base=base, listings=listings, stop_after=1)
    untrained = LEARNERS[TINY[case][0]].load(tmp_path, make_controller(base))
    alone = earned(make_controller(base), listings)
    np.testing.assert_array_equal(earned(untrained, listings).totals, alone.totals)


@pytest.mark.parametrize("case", ["recurrent_ppo", "sac"])
def test_a_policy_acts_on_a_number_of_listings_it_has_not_seen(case: str, whole: Whole) -> None:
    kept = LEARNERS[TINY[case][0]].load(whole(case)[1], make_controller(BASE))
    assert np.isfinite(earned(kept, 4).profit).all()


def test_a_checkpoint_of_other_settings_or_another_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        train("sac", tmp_path, stop_after=1)
    with pytest.raises(ValueError, match=r"tau\(=0.01\), not 0.02"):
        train("sac", tmp_path, settings={"tau": 0.02})
    with pytest.raises(ValueError, match=r"seed\(=1\), not 2"):
        train("sac", tmp_path, seed=2)


@pytest.mark.parametrize(
    ("name", "entry", "message"),
    [
        ("sac", {"tau": 0.0}, r"agent.tau\(=0.0\) must be a number in"),
        ("sac", {"hold": 5}, r"agent.hold\(=5\) must be a divisor of 24"),
        ("sac", {"twins": 3}, r"agent.slots\(=256\) must be a multiple of agent.twins\(=3\)"),
        ("sac", {"replay": 10}, r"agent.replay\(=10\) must hold one update's corrections: 1024"),
        ("sac", {"steps": 10}, r"agent.steps\(=10\) must be at least one update"),
        ("sac", {"critic_first": -1}, r"agent.critic_first\(=-1\) must be a whole number >= 0"),
        ("sac", {"inputs": {"belief": True}}, r"agent.inputs has no entry 'belief'"),
        ("ppo", {"persistence": 1.0}, r"agent.persistence\(=1.0\) must be a number in \[0, 0.99\]"),
        ("ppo", {"memory": -1}, r"agent.memory\(=-1\) must be a whole number >= 0"),
        ("constrained_ppo", {"roi_limit": -1.0}, r"agent.roi_limit\(=-1.0\) must be a number"),
        ("recurrent_ppo", {"base": None, "units": 3}, r"agent has no entry 'units'"),
    ],
)
def test_bad_settings_are_named(name: str, entry: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings_from_mapping(LEARNERS[name].settings, {"name": name, "base": "mpc", **entry})


def test_a_missing_setting_is_named() -> None:
    with pytest.raises(ValueError, match="'base'"):
        settings_from_mapping(LEARNERS["sac"].settings, {"name": "sac"})
