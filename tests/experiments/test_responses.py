"""Step responses and recovery: the step really comes, the figures are right by hand, the page and pictures appear."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from merchantgym.controllers import make_controller
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario
from merchantgym.experiments import cli
from merchantgym.experiments.quiet_world import STEPS, balanced, budget_cut, disturbed, still
from merchantgym.experiments.response_measures import END, Response, pace_of, regrets, smoothed

STORES, HOUR, SEED = 24, 120, 3
FREE = {"low": -1.386, "high": 1.386, "hour_sin": 0.0}


@pytest.fixture(scope="module")
def world() -> OpenStores:
    return still(Population(load_scenario("headline")).open("train", STORES))


@pytest.fixture(scope="module")
def plans(world: OpenStores) -> PlanArrays:
    packed = pack_plans([platform_plan(office) for office in world.offices], world.listing_ids)
    return balanced(world, packed, SEED, 1)


def test_nothing_moves_in_a_still_market_under_its_plan(world: OpenStores, plans: PlanArrays) -> None:
    trace = rollout(make_controller("open_loop"), world, plans, SEED, trace=True).trace
    assert trace is not None
    days = trace.spend.sum(axis=1).reshape(-1, 24).sum(axis=1)
    np.testing.assert_allclose(days[:-1], days.mean(), rtol=0.06)
    assert days.sum() == pytest.approx(plans.budget_total.sum(), rel=0.02)


@pytest.mark.parametrize(("name", "low", "high"), [("demand", 1.8, 2.2), ("price", 0.5, 0.9)])
def test_the_step_comes_at_its_hour_and_lasts(
    world: OpenStores, plans: PlanArrays, name: str, low: float, high: float
) -> None:
    rich = replace(plans, budget_total=100 * plans.budget_total, budget_daily=100 * plans.budget_total)
    rich = replace(rich, cap_listing=100 * plans.cap_listing, cap_channel=100 * plans.cap_channel)
    episodes = rollout(make_controller("open_loop"), disturbed(world, STEPS[name], HOUR), rich, SEED, trace=True)
    assert episodes.trace is not None
    views = episodes.trace.impressions[:, :, 0].sum(axis=1)
    before = views[HOUR - 48 : HOUR].mean()
    assert views[HOUR - 1] / before == pytest.approx(1.0, abs=0.1)
    for after in (views[HOUR + 1 : HOUR + 25].mean(), views[-24:].mean()):
        assert low < after / before < high


def test_a_cut_takes_the_money_away(world: OpenStores, plans: PlanArrays) -> None:
    cut = budget_cut(plans, STEPS["budget"], HOUR)
    spend = rollout(make_controller("open_loop"), world, plans, SEED, on_hour=cut).spend
    assert (spend <= STEPS["budget"].budget * plans.budget_total + 0.01).all()
    assert spend.sum() > 0.65 * plans.budget_total.sum()


def test_pid_answers_every_step_in_the_right_direction_and_settles(world: OpenStores, plans: PlanArrays) -> None:
    for name, step in STEPS.items():
        trace = rollout(
            make_controller("pid", FREE),
            disturbed(world, step, HOUR),
            plans,
            SEED,
            trace=True,
            on_hour=budget_cut(plans, step, HOUR),
        ).trace
        assert trace is not None
        answer = Response(np.log(trace.bid_ratio), trace.spend, HOUR)
        assert answer.answer > 0.05 if name == "price" else answer.answer < -0.1
        assert answer.swings <= 1
        assert answer.settling <= 100


def level(*parts: tuple[int, float]) -> NDArray[np.float64]:
    """A log bid of one store that stays at each value for so many hours."""
    return np.concatenate([np.full((hours, 1), value) for hours, value in parts])


def test_figures_of_a_response_by_hand() -> None:
    even = np.ones((288 + END, 1))
    clean = Response(level((120, 0.0), (168 + END, 0.5)), even, 120)
    assert clean.answer == pytest.approx(0.5)
    assert clean.settling == 4  # in the fifth hour the six hours' mean is within 0.1 of 0.5
    assert clean.swings == 0
    ringing = Response(level((120, 0.0), (20, 1.0), (20, 0.0), (20, 1.0), (108 + END, 0.5)), even, 120)
    assert ringing.swings >= 3
    assert ringing.settling > 60


def test_smoothing_is_the_mean_of_the_last_six_hours() -> None:
    np.testing.assert_allclose(smoothed(np.arange(8.0)), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.5, 4.5])


def test_pace_is_one_when_money_is_spent_evenly_before_and_after_a_cut() -> None:
    spend = np.concatenate([np.full((4, 1), 10.0), np.full((6, 1), 5.0)])
    np.testing.assert_allclose(pace_of(spend, np.array([100.0]), 0.7, 4), 1.0)


def test_regret_is_against_the_best_under_the_right_plan() -> None:
    base = np.array([100.0, 200.0, 300.0, 400.0])
    recovery = regrets(
        {"good": [base - 1, base + 5, base - 2], "bad": [base - 50, base, base - 90]}, (0.5, 1.0, 2.0), 0
    )
    assert recovery.reference == "good"
    assert recovery.best == pytest.approx(255.0)
    assert [each.mean for each in recovery.regret["good"]] == [6.0, 0.0, 7.0]
    assert [each.mean for each in recovery.regret["bad"]] == [55.0, 5.0, 95.0]
    assert recovery.regret["bad"][2].low == recovery.regret["bad"][2].high == 95.0


def test_the_verb_writes_a_page_and_two_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    words = [
        "respond",
        "stores=3",
        "steps=[pid]",
        "recover=[open_loop,pid]",
        "factors=[0.5,1.0,2.6]",
        "run=few",
        "quiet=true",
    ]
    assert cli.main(words) == 0
    folder = tmp_path / "outputs" / "few"
    page = (folder / "responses.md").read_text(encoding="utf-8")
    assert page.count("| pid |") == 4
    assert "| open_loop |" in page
    assert (folder / "responses.png").stat().st_size > 10_000
    assert (folder / "recovery.png").stat().st_size > 10_000


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["factors=[0.5,2.6]"], "factors(=[0.5, 2.6]) must rise, be > 0 and hold 1"),
        (["hour=300"], "hour(=300) must be in [24, 240]"),
        (["steps=[nobody]"], "steps has an unknown name 'nobody'"),
        (["stores=1"], "stores(=1) must be >= 2"),
    ],
)
def test_impossible_requests_are_refused_in_one_line(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["respond", *words]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.md"))
