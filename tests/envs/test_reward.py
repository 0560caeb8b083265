"""The reward: named terms in CNY, weighted by the plan's goal; what the configuration misspells is named."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from merchantgym.envs.engines.layout import Report
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import GOALS, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.reward import RewardWeights, Term, profit_reward, reward_from_mapping
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.task import action_size

N, HOURS = len(GOALS), 336
TERMS = [term.name.lower() for term in Term]
FLOOR = 30.0
CONFIGS = sorted(
    item.name.removesuffix(".yaml")
    for item in resources.files("merchantgym.conf").joinpath("reward").iterdir()
    if item.name.endswith(".yaml")
)


def configured(name: str) -> dict[str, Any]:
    text = resources.files("merchantgym.conf").joinpath(f"reward/{name}.yaml").read_text(encoding="utf-8")
    config: dict[str, Any] = yaml.safe_load(text)
    return config


@dataclass(frozen=True)
class Run:
    """A store a goal, run to its end under wild actions. Reports in fen."""

    reward: NDArray[np.float64]  # (H, N)
    terms: NDArray[np.float64]  # (H, N, Term)
    report: NDArray[np.float64]  # (H, N, K, Report)
    score: NDArray[np.float64]  # (N, Term)

    def booked(self, *names: Report) -> NDArray[np.float64]:
        """Sum of some columns over listings, (H, N)."""
        total: NDArray[np.float64] = self.report[:, :, :, list(names)].sum(axis=(2, 3))
        return total


def run_with(weights: RewardWeights | None) -> Run:
    opened = shops()
    plans = [
        platform_plan(office).model_copy(update={"goal": goal, "roi_floor": FLOOR})
        for goal, office in zip(GOALS, opened.offices, strict=True)
    ]
    fleet = Fleet(opened.start, N, reward=weights)
    fleet.reset(pack_plans(plans, opened.listing_ids), np.arange(N), np.full(N, 2))
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(HOURS):
        fleet.step(rng.uniform(-1, 1, (N, action_size(8))))
        rows.append((fleet.reward.copy(), fleet.terms.copy(), fleet.state.hour.copy()))
    return Run(*(np.stack(each) for each in zip(*rows, strict=True)), fleet.score.copy())


@cache
def shops() -> OpenStores:
    return Population(load_scenario("headline")).open("train", N)


@pytest.fixture(scope="module")
def run() -> Run:
    return run_with(None)


def test_terms_are_what_was_booked_in_the_hour(run: Run) -> None:
    def close(term: Term, fen: NDArray[np.float64]) -> None:
        np.testing.assert_allclose(run.terms[:, :, term], fen / 100, atol=1e-9)
        assert (fen != 0.0).any(), term

    close(Term.GMV, run.booked(Report.REVENUE))
    close(Term.GROSS_MARGIN, run.booked(Report.REVENUE) - run.booked(Report.GOODS_COST))
    close(Term.COMMISSION, -run.booked(Report.COMMISSION))
    back = run.booked(Report.COMMISSION_BACK, Report.SALVAGE) - run.booked(Report.REFUNDS, Report.HANDLING)
    close(Term.RETURNS, back)
    close(Term.AD_SPEND, -run.booked(Report.SPEND_SEARCH, Report.SPEND_FEED))
    close(Term.STOCK_CLEARED, run.booked(Report.GOODS_COST))
    orders = run.booked(Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW)
    close(Term.ORDERS, 100 * orders)


def test_a_listing_sells_for_the_first_time_once(run: Run) -> None:
    orders = run.report[:, :, :, [Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW]].sum(axis=3)
    for i, office in enumerate(shops().offices):
        cold = (office.reviews == 0) & (office.orders == 0)
        begun = (np.cumsum(orders[:, i], axis=0) > 0) & cold
        first = np.diff(begun.sum(axis=1), prepend=0)
        np.testing.assert_array_equal(run.terms[:, i, Term.FIRST_SALES], first)
    assert run.terms[:, :, Term.FIRST_SALES].sum() > 3


def test_the_roi_floor_is_settled_in_the_last_hour(run: Run) -> None:
    assert (run.terms[:-1, :, Term.ROI_SHORTFALL] == 0.0).all()
    spend = run.booked(Report.SPEND_SEARCH, Report.SPEND_FEED).sum(axis=0) / 100
    attributed = run.booked(Report.AD_REVENUE).sum(axis=0) / 100
    missing = np.maximum(FLOOR * spend - attributed, 0.0)
    np.testing.assert_allclose(run.terms[-1, :, Term.ROI_SHORTFALL], -missing)
    assert (missing > 0.0).any()


def test_the_score_is_the_sum_of_the_hours(run: Run) -> None:
    np.testing.assert_allclose(run.score, run.terms.sum(axis=0), atol=1e-9)


def test_by_default_the_reward_is_profit_in_tens_of_yuan(run: Run) -> None:
    names = [Term.GROSS_MARGIN, Term.COMMISSION, Term.RETURNS, Term.AD_SPEND]
    np.testing.assert_allclose(run.reward, run.terms[:, :, names].sum(axis=2) / 10.0, atol=1e-12)
    np.testing.assert_array_equal(profit_reward().weights, reward_from_mapping(configured("profit")).weights)


@settings(max_examples=8)
@given(
    weights=st.dictionaries(
        st.sampled_from(["every", *GOALS]),
        st.dictionaries(st.sampled_from(TERMS), st.floats(-100, 100), max_size=4),
        min_size=1,
    ),
    scale=st.floats(0.01, 1000),
)
def test_the_reward_is_the_terms_under_the_weights_of_the_plans_goal(
    weights: dict[str, dict[str, float]], scale: float
) -> None:
    run = run_with(reward_from_mapping({"scale": scale, "weights": weights}))
    for i, goal in enumerate(GOALS):
        own = {**weights.get("every", {}), **weights.get(goal, {})}
        expected = sum((run.terms[:, i, TERMS.index(name)] * weight for name, weight in own.items()), np.zeros(HOURS))
        np.testing.assert_allclose(run.reward[:, i], expected / scale, rtol=1e-9, atol=1e-9 / scale)


def test_weights_do_not_change_what_happens(run: Run) -> None:
    other = run_with(reward_from_mapping({"scale": 1.0, "weights": {"every": {"orders": -5.0}}}))
    np.testing.assert_array_equal(other.terms, run.terms)
    np.testing.assert_array_equal(other.report, run.report)
    assert (other.reward != run.reward).any()


@pytest.mark.parametrize("name", CONFIGS)
def test_every_configured_reward_loads(name: str) -> None:
    weights = reward_from_mapping(configured(name))
    assert weights.weights.shape == (len(GOALS), len(Term))
    assert (weights.weights != 0.0).any(axis=1).all()  # every goal earns something


def test_configured_goals_weigh_their_own_terms() -> None:
    weights = reward_from_mapping(configured("goal")).weights
    own = {"gmv": Term.GMV, "buyers": Term.ORDERS, "break_zero": Term.FIRST_SALES, "clear_stock": Term.STOCK_CLEARED}
    for goal, term in own.items():
        others = [i for i, other in enumerate(GOALS) if other != goal]
        assert weights[GOALS.index(goal), term] > 0.0
        assert (weights[others, term] == 0.0).all()
    assert (weights[:, Term.GROSS_MARGIN] == 1.0).all()


def test_a_goals_own_weight_stands_before_that_of_every_goal_wherever_it_is_written() -> None:
    for order in (("every", "gmv"), ("gmv", "every")):
        rows = {"every": {"ad_spend": 1.0}, "gmv": {"ad_spend": 3.0}}
        weights = reward_from_mapping({"scale": 1.0, "weights": {name: rows[name] for name in order}}).weights
        np.testing.assert_array_equal(weights[:, Term.AD_SPEND], [3.0 if goal == "gmv" else 1.0 for goal in GOALS])


GOOD = {"scale": 10.0, "weights": {"every": {"gmv": 1.0}}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale": 0.0}, "reward.scale(=0.0) must be > 0 [CNY]"),
        ({"scale": -1}, "reward.scale(=-1.0) must be > 0 [CNY]"),
        ({"scale": float("nan")}, "reward.scale(=nan) must be a finite number"),
        ({"scale": float("inf")}, "reward.scale(=inf) must be a finite number"),
        ({"scale": "10"}, "reward.scale(='10') must be a finite number"),
        ({"colour": 1}, "reward has the entries ['colour', 'scale', 'weights']; it must have: scale, weights"),
        ({"weights": {"money": {}}}, "reward.weights has no goal 'money'; allowed: every, profit, gmv, buyers"),
        ({"weights": {"gmv": {"clicks": 1}}}, "reward.weights.gmv has no term 'clicks'; allowed: gross_margin"),
        ({"weights": {"every": {"gmv": "lots"}}}, "reward.weights.every.gmv(='lots') must be a finite number"),
        ({"weights": {"every": {"gmv": None}}}, "reward.weights.every.gmv(=None) must be a finite number"),
        ({"weights": {"every": {"gmv": float("nan")}}}, "reward.weights.every.gmv(=nan) must be a finite number"),
    ],
)
def test_a_wrong_entry_is_named_with_its_value(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        reward_from_mapping({**GOOD, **changes})


def test_missing_entries_are_named() -> None:
    with pytest.raises(ValueError, match=re.escape("reward has the entries ['scale']; it must have: scale, weights")):
        reward_from_mapping({"scale": 10.0})
