"""Smart pacing: which layers are left out, and how much of them."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from merchantgym.controllers.laws import Layer, LayersLaw

from .plants import HOURS, traffic

LAW = LayersLaw(trial=0.05)
RESPONSE = np.array([[2.0, 0.5, 1.0, 3.0]])


def run(
    law: LayersLaw, speed: NDArray[np.float64], excess: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """(participation (T, L), spend by layer (L,), share spent (T,)): at full participation a layer spends `speed`."""
    share, memory = traffic(), law.init(1, 4)
    spent, passed, ons, course = np.zeros((1, 4)), np.zeros(1), [], []
    for part in share:
        layer = Layer(spent, RESPONSE, None if excess is None else excess[None])
        on, memory = law.step(memory, passed, spent.sum(1), layer)
        cost = on * part * speed
        spent = spent + cost * min(1.0, (1.0 - spent.sum()) / max(cost.sum(), 1e-12))
        passed = np.minimum(passed + part, 1.0)
        ons.append(on[0])
        course.append(spent.sum())
    return np.array(ons), spent[0], np.array(course)


@pytest.mark.parametrize("speed", [1.3, 2.0, 3.0])
def test_spends_the_budget_on_the_best_layers(speed: float) -> None:
    on, spend, course = run(LAW, np.full(4, speed / 4))
    assert course[-1] > 0.97
    assert course[int(0.9 * HOURS)] < 0.97
    late = on[HOURS // 3 : HOURS * 9 // 10].mean(0)
    order = np.argsort(-RESPONSE[0])
    assert late[order[0]] > 0.95
    assert (np.diff(late[order]) < 0.1).all()
    assert late[order[-1]] < 0.35
    assert spend[order[0]] > 3.0 * spend[order[-1]] or speed < 1.5


def test_nothing_is_left_out_without_haste() -> None:
    on, _, _ = run(LAW, np.full(4, 0.2))
    assert on.all()


def test_every_layer_is_tried_now_and_then() -> None:
    on, _, _ = run(LAW, np.full(4, 2.0))
    assert (on[-100:].sum(0) >= 4).all()


def test_a_floor_cuts_the_lowest_layers_as_far_as_it_takes() -> None:
    """Two layers return less than the floor: the worst goes first, and more only where the joint return needs it."""
    law = replace(LAW, goal=1.0)
    speed, mild = np.full(4, 0.2), np.array([0.3, -0.8, 0.1, 0.6])
    on, _, _ = run(law, speed, mild)
    assert on.all()  # jointly over the floor
    on, _, _ = run(law, speed, np.array([0.1, -0.8, -0.2, 0.2]))
    late = on[HOURS // 4 :].mean(0)
    np.testing.assert_allclose(late[[0, 2, 3]], 1.0)
    assert late[1] < 0.25
    assert (late * np.array([0.1, -0.8, -0.2, 0.2])).sum() > -0.04
    on, _, _ = run(law, speed, np.full(4, -0.5))
    assert on[HOURS // 4 :].mean() < 0.1


@settings(max_examples=60)
@given(rate=st.lists(st.floats(0.05, 1.0), min_size=4, max_size=4), seed=st.integers(0, 99))
def test_participation_follows_its_rate(rate: list[float], seed: int) -> None:
    """With no traffic passing there is nothing to correct: over T periods participation is within 1 / T of the rate."""
    memory = LAW.init(1, 4)
    memory = (*memory[:4], np.array([rate]), *memory[5:])
    law, count, periods = replace(LAW, damping=0.01), np.zeros(4), 50
    rates: list[Any] = []
    for _ in range(periods):
        layer = Layer(np.zeros((1, 4)), RESPONSE + seed)
        on, memory = law.step(memory, np.zeros(1), np.zeros(1), layer)
        rates.append(memory[4][0])
        count += on[0]
    assert (np.abs(count - np.sum(rates, 0)) <= 1.0 + 1e-9).all()


@settings(max_examples=80)
@given(
    full=st.lists(st.just(0.0) | st.floats(1e-3, 3.0), min_size=4, max_size=4),
    rate=st.lists(st.floats(0.0, 1.0), min_size=4, max_size=4),
    wanted=st.floats(0.0, 8.0),
    response=st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=4, max_size=4),
)
def test_filling_is_the_published_loop(
    full: list[float], rate: list[float], wanted: float, response: list[float]
) -> None:
    """Algorithm 1 of Xu et al. as a loop over layers, against the law's way without one."""
    from merchantgym.controllers.laws.layers import _above

    law = replace(LAW, damping=1.0)
    filled = law._filled(
        *(np.array([v]) for v in (rate, full)), np.array([wanted]), _above(np.array([response]), np), np
    )
    expected, rest = list(rate), wanted - float(np.dot(rate, full))
    best_first = sorted(range(4), key=lambda i: (-response[i], i))
    for i in best_first if rest > 0 else reversed(best_first):
        if full[i] > 0.0:
            change = min(max(rest / full[i], -expected[i]), 1.0 - expected[i])
            expected[i] += change
            rest -= change * full[i]
    np.testing.assert_allclose(filled[0] * (np.array(full) > 0), np.array(expected) * (np.array(full) > 0), atol=1e-7)
