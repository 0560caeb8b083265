"""What every pacing law promises: n at once are each alone, numbers stay finite, arguments stay as they are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.controllers.laws import (
    ConstantLaw,
    DayPurse,
    Decoupler,
    DualBudgetLaw,
    DualLaw,
    Layer,
    LayersLaw,
    MinLaw,
    MultivariableLaw,
    PacingLaw,
    Returns,
    ThrottleLaw,
    WaterlevelLaw,
)

K = 3
Numbers = dict[str, Any]
Step = Callable[[Any, Any, Numbers, Any], tuple[Any, ...]]


def day_of(at: Numbers) -> DayPurse:
    return DayPurse(at["money"], at["day"])


def paced(law: Any, memory: Any, at: Numbers, xp: Any) -> tuple[Any, ...]:
    out, memory = law.step(memory, at["passed"], at["spent"], at["stride"], day_of(at), xp=xp)
    return out, memory


def throttled(law: Any, memory: Any, at: Numbers, xp: Any) -> tuple[Any, ...]:
    out, memory = law.step(memory, at["passed"], at["spent"], day_of(at), xp=xp)
    return out, memory


def layered(law: Any, memory: Any, at: Numbers, xp: Any) -> tuple[Any, ...]:
    layer = Layer(at["by_item"], at["response"], at["excess"], at["active"])
    out, memory = law.step(memory, at["passed"], at["spent"], layer, day_of(at), xp=xp)
    return out, memory


def constrained(law: Any, memory: Any, at: Numbers, xp: Any) -> tuple[Any, ...]:
    returns = Returns(at["floor"], at["spent"], at["earned"], at["due"])
    level, own, memory = law.step(
        memory, at["passed"], at["spent"], at["stride"], at["shift"], at["response"], returns, day_of(at), xp=xp
    )
    return level[:, None] + own, memory


LAWS: dict[str, tuple[Any, Step]] = {
    "pid": (PacingLaw(), paced),
    "waterlevel": (WaterlevelLaw(), paced),
    "dual_budget": (DualBudgetLaw(), paced),
    "throttle": (ThrottleLaw(), throttled),
    "layers": (LayersLaw(goal=1.0), layered),
    "multivariable": (MultivariableLaw(decoupler=Decoupler(0.9, 1.2)), constrained),
    "dual": (DualLaw(), constrained),
    "min": (MinLaw(), constrained),
}
ALL = pytest.mark.parametrize("name", LAWS)


def numbers(n: int, seed: int, extreme: bool) -> Numbers:
    """Arguments of n campaigns; extreme ones lie at the ends of their ranges more often than not."""
    rng = np.random.default_rng(seed)

    def share(*shape: int) -> Any:
        drawn = rng.random((n, *shape))
        return np.where(rng.random((n, *shape)) < 0.6, np.round(drawn), drawn) if extreme else drawn

    return {
        "passed": share(),
        "spent": share(),
        "stride": 0.2 * share(),
        "money": 0.1 * share(),
        "day": share(),
        "by_item": share(K),
        "response": np.clip(20.0 * share(K), 0.05, 20.0),
        "excess": 3.0 * share(K) - 1.0,
        "active": np.round(share(K)),
        "shift": 4.0 * share(K) - 2.0,
        "floor": 5.0 * share(),
        "earned": 50.0 * share(),
        "due": share(),
    }


def begin(law: Any, n: int) -> Any:
    return law.init(n, K) if isinstance(law, LayersLaw) else law.init(n)


def rows(part: Any, row: int) -> Any:
    return part[row : row + 1]


@ALL
@settings(max_examples=15)
@given(seed=st.integers(0, 10_000), extreme=st.booleans())
def test_many_at_once_are_each_alone(name: str, seed: int, extreme: bool) -> None:
    (law, step), n = LAWS[name], 4
    together, alone = begin(law, n), [begin(law, 1) for _ in range(n)]
    for hour in range(4):
        at = numbers(n, seed + hour, extreme)
        out, together = step(law, together, at, np)
        for row in range(n):
            one, alone[row] = step(law, alone[row], {key: rows(part, row) for key, part in at.items()}, np)
            np.testing.assert_array_equal(one, rows(out, row))
            for left, right in zip(alone[row], together, strict=True):
                np.testing.assert_array_equal(left, rows(right, row))


@ALL
@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_numbers_stay_finite_whatever_comes(name: str, seed: int) -> None:
    law, step = LAWS[name]
    memory = begin(law, 8)
    with np.errstate(all="raise", under="ignore"):
        for hour in range(6):
            out, memory = step(law, memory, numbers(8, seed + hour, True), np)
            assert np.isfinite(out).all()
            assert np.abs(out).max() < 12.0
            assert all(np.isfinite(part).all() for part in memory)


@ALL
def test_arguments_are_left_alone(name: str) -> None:
    law, step = LAWS[name]
    memory = begin(law, 5)
    for hour in range(3):
        at = numbers(5, hour, False)
        seen, had = {key: part.copy() for key, part in at.items()}, [part.copy() for part in memory]
        _, after = step(law, memory, at, np)
        for key, part in at.items():
            np.testing.assert_array_equal(part, seen[key])
        for left, right in zip(memory, had, strict=True):
            np.testing.assert_array_equal(left, right)
        memory = after


@ALL
def test_torch_agrees(name: str) -> None:
    law, step = LAWS[name]
    memory = begin(law, 16)
    mirror = tuple(torch.from_numpy(part.copy()) for part in memory)
    for hour in range(8):
        at = numbers(16, hour, hour % 2 == 0)
        out, memory = step(law, memory, at, np)
        tensor, mirror = step(law, mirror, {key: torch.from_numpy(part) for key, part in at.items()}, torch)
        np.testing.assert_allclose(tensor.numpy(), out, rtol=0, atol=1e-9)
        for left, right in zip(mirror, memory, strict=True):
            np.testing.assert_allclose(left.numpy(), right, rtol=0, atol=1e-9)


def test_constants_go_to_the_roles_they_are_for() -> None:
    law = ConstantLaw(bias=0.5, hero=0.1, growth=0.2, test=-0.3, clear=-0.1)
    own, memory = law.step(law.init(4), *np.eye(4)[:, :, None])
    np.testing.assert_allclose(own[:, 0], [0.1, 0.2, -0.3, -0.1])
    assert memory == ()
