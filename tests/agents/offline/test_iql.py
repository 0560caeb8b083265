"""Implicit Q-learning: finds the better of what was tried, never what was not, and goes on where it was stopped."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from merchantgym.agents.offline.dataset import Decisions
from merchantgym.agents.offline.explorer import Way
from merchantgym.agents.offline.iql import ImplicitQ, IqlSettings, Transitions, advantage_weight, expectile_loss
from merchantgym.agents.sight import policy_input
from merchantgym.envs.observation import Global

from .chains import chain

SETTINGS = IqlSettings("nowhere", gradient_steps=400, batch=256, learning_rate=3e-3, width=16, temperature=2.0)
RECORD = chain(3000, 4, Way("noise", sd=0.3), noise=0.5)


def learned(record: Decisions, settings: IqlSettings = SETTINGS) -> np.ndarray:
    """Mean correction of the policy after training, one number an action."""
    torch.manual_seed(1)
    learner = ImplicitQ(settings, Transitions.of(record, settings.scale))
    for _ in range(settings.gradient_steps):
        learner.step()
    with torch.no_grad():
        done = learner.correction()(torch.from_numpy(policy_input(record.observation, record.base)))
    return done.numpy()


def test_it_finds_a_better_discount_than_the_one_recorded() -> None:
    """Best is (4 + 5 x decisions to come) / 12: 0.33 at the end and above 1 at first; behaviour is 0 +- 0.3."""
    done = learned(RECORD).mean(axis=0)
    assert done[-1] > 0.12
    assert np.abs(done[:-1]).max() < 0.5 * done[-1]  # the others do nothing


def test_without_temperature_it_clones_the_behaviour() -> None:
    done = learned(RECORD, replace(SETTINGS, temperature=0.0)).mean(axis=0)
    assert np.abs(done).max() < 0.08


def test_what_is_best_depends_on_the_state() -> None:
    """The reward's best discount is the money less a half: the policy must tell rich from poor."""
    rng = np.random.default_rng(0)
    money = rng.uniform(0.0, 1.0, len(RECORD))
    seen = RECORD.observation.copy()
    seen[:, Global.BUDGET_LEFT] = money
    reward = -((RECORD.correction[:, -1] - (money - 0.5)) ** 2)
    record = replace(RECORD, observation=seen, reward=reward, done=np.ones(len(RECORD), dtype=np.bool_))
    done = learned(record)[:, -1]
    assert done[money > 0.8].mean() > 0.1
    assert done[money < 0.2].mean() < -0.1


@given(st.floats(0.5, 0.95))
def test_the_expectile_loss_is_least_at_the_expectile(expectile: float) -> None:
    values = torch.linspace(-1.0, 1.0, 201)
    grid = torch.linspace(-1.0, 1.0, 401)
    losses = torch.stack([expectile_loss(values - at, expectile) for at in grid])
    best = float(grid[losses.argmin()])
    above, below = (values - best).clamp(min=0).sum(), (best - values).clamp(min=0).sum()
    assert float(expectile * above - (1 - expectile) * below) == pytest.approx(0.0, abs=0.6)


def test_weights_rise_with_the_advantage_and_are_limited() -> None:
    weight = advantage_weight(torch.linspace(-3.0, 3.0, 50)[:, None], 5.0)
    assert (weight.diff(dim=0) >= 0).all()
    assert float(weight.max()) == 20.0


def test_an_untrained_policy_corrects_nothing() -> None:
    learner = ImplicitQ(SETTINGS, Transitions.of(RECORD, 1.0))
    assert not learner.correction()(torch.from_numpy(policy_input(RECORD.observation, RECORD.base))).any()


def test_it_goes_on_from_a_state_as_if_it_had_not_stopped() -> None:
    torch.manual_seed(3)
    one = ImplicitQ(SETTINGS, Transitions.of(RECORD, 1.0))
    for _ in range(3):
        one.step()
    other = ImplicitQ(SETTINGS, Transitions.of(RECORD, 1.0))
    other.restore(deepcopy(one.state()))
    chance = torch.get_rng_state()
    for learner in (one, other):
        torch.set_rng_state(chance)
        learner.step()
    for a, b in zip(one.policy.parameters(), other.policy.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dataset": ""}, r"agent.dataset\(=''\) must be the folder"),
        ({"expectile": 0.3}, r"agent.expectile\(=0.3\) must be a number in \[0.5, 0.999\]"),
        ({"gradient_steps": 0}, r"agent.gradient_steps\(=0\) must be a whole number >= 1"),
    ],
)
def test_bad_settings_are_named(entry: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IqlSettings(**{"dataset": "some", **entry})  # type: ignore[arg-type]
