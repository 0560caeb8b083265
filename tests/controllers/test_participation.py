"""Who sits out: throttling's draws and smart pacing's layers as actions."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from merchantgym.controllers import make_controller
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.rollout import rollout
from merchantgym.envs.task import PAUSED

from ..worlds import plans_for
from .observations import K, plain_observation, some_plans

LISTINGS = slice(2, 2 + K)


def throttled(n: int, hours: int, seed: float = 0, **features: Any) -> NDArray[np.float64]:
    """Listings' actions (hours, n, K) of stores whose rate stays at one half, since the law does not move it."""
    actor = make_controller("throttle", {"start": 0.5, "step_size": 0.0, "seed": seed})
    memory, rows = actor.init(some_plans(n), n), []
    observation = np.repeat(plain_observation(**features), n, 0)
    for _ in range(hours):
        action, memory = actor.act(observation, memory)
        rows.append(action[:, LISTINGS])
    return np.stack(rows)


def test_participation_matches_the_rate() -> None:
    taken = throttled(100, 60) != PAUSED
    assert abs(taken.mean() - 0.5) < 0.02
    flat = taken.reshape(60, -1).astype(float)
    assert np.abs(flat.mean(0) - 0.5).max() < 0.3  # no listing is favoured
    between = np.corrcoef(flat[:, :60].T) - np.eye(60)
    assert abs(between.mean()) < 0.01
    assert abs(np.mean((flat[1:] - 0.5) * (flat[:-1] - 0.5))) < 0.01  # nor one hour tied to the next


def test_who_takes_part_is_a_function_of_seed_plan_and_hour() -> None:
    once = throttled(20, 10)
    np.testing.assert_array_equal(once, throttled(20, 10, budget_left=0.9, store_conversion=-3.0))
    assert (once != throttled(20, 10, seed=1)).mean() > 0.3
    np.testing.assert_array_equal(once[:, :1], throttled(20, 10)[:, :1])


def test_those_that_take_part_keep_the_plans_bids() -> None:
    actions = throttled(50, 5)
    assert set(np.unique(actions)) == {PAUSED, 0.0}


def test_a_paused_listing_spends_nothing(headline: OpenStores) -> None:
    plans = plans_for(headline)
    full = rollout(make_controller("open_loop"), headline, plans, 3)
    least = rollout(make_controller("throttle", {"low": 0.05, "start": 0.05, "step_size": 0.0}), headline, plans, 3)
    assert 0.01 < least.spend.sum() / full.spend.sum() < 0.16  # the plan as written runs out of money


@pytest.mark.parametrize("name", ["throttle", "smart_pacing"])
def test_too_rich_plans_are_slowed(headline: OpenStores, name: str) -> None:
    """Money that is gone half-way in open loop lasts longer: less is spent in the first days, and still most of it."""
    money = 0.4 * plans_for(headline).budget_total
    hurried = plans_for(headline, budget_total=money, budget_daily=money)
    open_loop = rollout(make_controller("open_loop"), headline, hurried, 3, trace=True)
    slowed = rollout(make_controller(name), headline, hurried, 3, trace=True)
    assert open_loop.trace is not None
    assert slowed.trace is not None
    early = slice(0, 96)
    assert slowed.trace.spend[early].sum() < 0.9 * open_loop.trace.spend[early].sum()
    assert slowed.spend.sum() > 0.8 * open_loop.spend.sum()


def test_smart_pacing_leaves_out_the_listing_that_returns_least() -> None:
    """Twice too fast: what is cut is the listing whose clicks earn least for their price."""
    actor = make_controller("smart_pacing")
    memory, paused = actor.init(some_plans(1), 1), np.zeros(K)
    for hour in range(1, 120):
        observation = plain_observation(
            plan_bid=0.0,
            order_value=np.log1p([90.0, 20.0, 50.0]),
            spend_share=np.full(K, 2.0 * hour / 336 / K),
            traffic_passed=hour / 336,
            budget_left=1.0 - 2.0 * hour / 336,
            day_traffic_left=1.0,
            time_left=1.0 - hour / 336,
        )
        action, memory = actor.act(observation, memory)
        paused += action[0, LISTINGS] == PAUSED
    assert paused[0] == 0
    assert paused[1] > 80
    assert paused[2] < paused[1]


def test_granted_days_are_filled_day_by_day() -> None:
    """Each day has its own grant: a day that is spent twice too fast leaves listings out in its own afternoon."""
    actor = make_controller("smart_pacing")
    memory, paused = actor.init(some_plans(1, daily=1.0 / 14.0), 1), 0
    for hour in range(96):
        day, passed = divmod(hour, 24)
        spent = min(1.0, 2.0 * passed / 24)
        observation = plain_observation(
            order_value=np.log1p([90.0, 20.0, 50.0]),
            spend_share=np.full(K, (day + spent) / 14 / K),
            traffic_passed=hour / 336,
            budget_left=1.0 - (day + spent) / 14,
            day_traffic_left=1.0 - passed / 24,
            day_budget_left=1.0 - spent,
            time_left=1.0 - hour / 336,
        )
        action, memory = actor.act(observation, memory)
        paused += (action[0, LISTINGS] == PAUSED).sum() if hour >= 24 and passed < 12 else 0
    assert paused > 12
