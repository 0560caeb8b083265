"""`merchantgym perceive`: beliefs are scored against the truth of the engine, and the page says so."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merchantgym.controllers import make_controller
from merchantgym.envs.beliefs import NONE, QUANTITIES, Change
from merchantgym.envs.engines.layout import Report, StoreField
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.perception import Perception
from merchantgym.envs.rollout import rollout
from merchantgym.envs.store import NEVER
from merchantgym.experiments import cli
from merchantgym.experiments.perceived import Perceived, watch
from merchantgym.experiments.perception_score import calibrate, detect
from merchantgym.experiments.true_beliefs import TruthReader

from ..worlds import opened, plans_for

FULL = 0.15  # share of the clicks or orders of many store-weeks by which a mean may miss


@pytest.fixture(scope="module")
def surges() -> Perceived:
    """32 stores of viral_shock under the suggested bids, perceived."""
    stores = opened("viral_shock")
    return watch(Perception(), make_controller("open_loop"), stores, plans_for(stores), 5)


def test_the_truth_is_the_engines(steady: OpenStores) -> None:
    """Expected clicks and orders of the true rates are those that the engine brings, summed over stores and hours."""
    reader, clicks, orders, seen = TruthReader(steady.start.state), 0.0, 0.0, []

    def look(fleet: Fleet) -> None:
        nonlocal clicks, orders
        truth, hour = reader.read(fleet), fleet.state.hour
        views = hour[..., Report.AD_IMPRESSIONS_SEARCH : Report.ORGANIC_IMPRESSIONS_FEED + 1].sum(axis=2)
        clicked = hour[..., Report.AD_CLICKS_SEARCH : Report.ORGANIC_CLICKS_FEED + 1].sum(axis=2)
        clicks += float((views * np.exp(truth.click_rate)).sum())
        orders += float((clicked * np.exp(truth.conversion)).sum())
        seen.append(truth.lift)

    done = rollout(make_controller("open_loop"), steady, plans_for(steady), 5, on_hour=look)
    counted = done.totals[..., Report.AD_CLICKS_SEARCH : Report.ORGANIC_CLICKS_FEED + 1].sum()
    assert clicks == pytest.approx(counted, rel=0.01)
    brought = done.totals[..., Report.ORDERS_SAME_HOUR : Report.ORDERS_SLOW + 1].sum()
    assert orders == pytest.approx(brought, rel=FULL)
    assert np.abs(np.array(seen)).max() == 0.0


def test_beliefs_cover_the_truth_and_beat_raw_guesses(surges: Perceived) -> None:
    for found in calibrate(surges, np.random.default_rng(0)):
        for part in found.coverage.values():
            assert 0.85 <= part[0.95].mean <= 1.0, found.quantity
            assert part[0.5].mean < part[0.8].mean < part[0.95].mean
        worst = 1.05 if found.quantity == "click_rate" else 0.9  # clicks are many: their raw ratio is good
        assert found.error.mean < worst * found.naive.mean, found.quantity


def test_surges_are_noticed_within_a_day(surges: Perceived) -> None:
    surge, regime, rivals = detect(surges, np.random.default_rng(0))
    assert (surge.change, surge.events, regime.events, rivals.events) == ("surge", 32, 0, 0)
    assert surge.noticed is not None
    assert surge.noticed.mean > 0.9
    assert np.median(surge.delay) < 8.0
    assert np.abs(np.median(surge.onset_error)) < 6.0
    assert surge.false_alarms.mean + regime.false_alarms.mean + rivals.false_alarms.mean < 0.5


def test_alarms_are_counted_as_true_false_and_late(surges: Perceived) -> None:
    """Four stores by hand: noticed in time, never, too late, and an alarm where nothing happens."""
    hours, none = surges.hours, np.zeros((surges.hours, 4))
    noticed = np.full((hours, 4), NONE)
    noticed[104:, 0], noticed[190:, 2], noticed[50:, 3] = 103.0, 189.0, 49.0
    told = Change(alarm=none, evidence=none, onset=np.where(noticed < 0, NONE, 101.0), noticed=noticed, size=none + 0.5)
    changes = {**surges.changes, "rival_shift": told}
    began = {**surges.began, "rival_shift": np.array([100.0, 100.0, 100.0, NEVER])}
    size = {**surges.size, "rival_shift": np.full(4, 0.4)}
    found = detect(replace(surges, changes=changes, began=began, size=size), np.random.default_rng(0))[2]
    assert (found.events, found.delay.tolist(), found.onset_error.tolist()) == (3, [5.0], [1.0])
    assert found.noticed is not None
    assert found.noticed.mean == pytest.approx(1 / 3)
    assert found.size_error == pytest.approx([0.1])
    assert found.false_alarms.mean == pytest.approx(2 / 4 * 336 / hours)


def test_events_are_those_of_the_stores(surges: Perceived) -> None:
    onset = opened("viral_shock").start.arrays.store[:, StoreField.SHOCK_ONSET]
    lifted = surges.began["surge"] < NEVER
    assert (lifted.sum(axis=1) == 1).all()
    assert np.array_equal(surges.began["surge"].min(axis=1), onset)
    before = surges.truth["lift"][: int(onset.min())]
    assert np.abs(before).max() == 0.0
    assert (surges.size["surge"][lifted] > np.log(2.0)).all()


def test_the_verb_writes_a_page_and_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["perceive", "stores=3", "names=[steady,price_war]", "quiet=true", "folder=docs"]) == 0
    page = Path("docs/perception.md").read_text(encoding="utf-8")
    assert 20_000 < Path("docs/perception.png").stat().st_size < 500_000
    for word in ("## steady", "## price_war", *(f"| {name} |" for name in QUANTITIES), "| rival_shift | 3 |"):
        assert word in page
    assert "nan" not in page
    assert not list(Path("docs").rglob("*.part"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("names=[steadyy]", "names has an unknown name 'steadyy'; allowed: cold_start, "),
        ("names=steady", "names(='steady') must be a list such as [headline, steady]"),
        ("planner=rulee", "planner has an unknown name 'rulee'; allowed: default, "),
        ("executor=ppo", "executor has an unknown name 'ppo'; allowed: "),
        ("stores=1", "stores(=1) must be in [2, 1024]"),
    ],
)
def test_what_is_impossible_is_refused_in_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    override: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main(["perceive", override]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
