"""The study of the ceiling on a small scale: what it writes, that it goes on where it stopped, that it finds a gain."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_module
from PIL import Image

from merchantgym.controllers import make_controller
from merchantgym.envs.rollout import rollout
from merchantgym.experiments import cli
from merchantgym.experiments.setting import CEILING_RUN, read_setting
from merchantgym.experiments.studies import ceiling, ceiling_runs
from merchantgym.experiments.studies.ceiling_runs import Trial, shared_constants
from merchantgym.experiments.studies.ceiling_settings import CeilingSettings, read_settings
from merchantgym.experiments.studies.constants import Bench, constant_names

from ...worlds import opened, plans_for

TINY = (
    "experiment=ceiling",
    "executors=[pid]",
    "stores=5",
    "scenario.days=1",
    "ceiling.generations=2",
    "ceiling.pairs=6",
    "ceiling.gauges=1",
    "ceiling.choosing=3",
    "ceiling.scoring=4",
    "ceiling.checkpoints=2",
    "ceiling.batch=2",
    "training={stores: 4, validation_stores: 4, seeds: 1, planner: rule}",
    "threads=1",
    "progress=false",
    "tracking.enabled=false",
)


@pytest.fixture
def refusal(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the study, which must be refused; returns the message, and checks that nothing was written."""

    def refused(*words: str) -> str:
        assert cli.main(["compare", *TINY, *words]) == 2
        assert not (here / "outputs").exists()
        return capsys.readouterr().err

    return refused


def settings(**changes: object) -> CeilingSettings:
    with initialize_config_module("merchantgym.conf", version_base="1.3"):
        entries = read_setting(compose("compare", overrides=["experiment=ceiling"])).config["ceiling"]
    return read_settings({"ceiling": entries | changes})


def trial(tried: CeilingSettings, stores: list[int], *, halved: bool = False, days: int = 1) -> Trial:
    """Some of the 32 stores of the tests under the plan as written."""
    world = opened("headline")
    plans = plans_for(world, days=np.full(len(world), days))
    if halved:
        plans = plans_for(world, days=plans.days, bid=plans.bid / 8.0)
    return Trial(Bench(make_controller("open_loop"), world, plans), tried, np.array(stores), seed=3)


def quiet(done: int, work: int) -> None:
    assert 0 < done <= work


def test_the_page_and_its_numbers_are_one(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["compare", *TINY, "folder=docs"]) == 0
    told = json.loads(Path("outputs/ceiling/ceiling.json").read_text())
    stores = pd.read_parquet("outputs/ceiling/stores.parquet")
    assert stores.store.tolist() == [0, 1, 2, 3, 4]
    taken = stores.chosen > 0.0
    assert told["gain"]["mean"] == pytest.approx(stores.after_2.where(taken, 0.0).mean())
    assert told["share"]["mean"] == pytest.approx(told["gain"]["mean"] / stores.base.mean())
    assert told["shared"]["mean"] == pytest.approx(stores.shared.mean())
    assert [point["generation"] for point in told["curve"]] == [1, 2]
    assert [point["plays"] for point in told["curve"]] == [3 * 6, 5 * 6]
    assert [point["gain"]["mean"] for point in told["curve"]] == pytest.approx(
        [stores.after_1.mean(), stores.after_2.mean()]
    )
    assert {one["name"] for one in told["constants"]} >= {"channel_search", "listing", "discount", "bids_trend"}
    for place in ("docs", "outputs/ceiling"):
        text = Path(place, "ceiling.md").read_text()
        assert "It is no upper bound" in text
        assert f"{int(taken.sum())} of 5 stores take their constants" in text
        assert "(ceiling.png)" in text
        assert np.asarray(Image.open(Path(place, "ceiling.png"))).std() > 5
    assert "Page: docs/ceiling.md" in capsys.readouterr().out


def test_an_interrupted_study_goes_on_and_ends_the_same(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, seen = Trial.own, []
    monkeypatch.setattr(ceiling, "draw_ceiling", lambda study, path: path.touch())

    def stopped(self: Trial, report: Callable[[int, int], None]) -> pd.DataFrame:
        seen.append(self.stores.tolist())
        if len(seen) == 2:
            raise KeyboardInterrupt
        return own(self, report)

    monkeypatch.setattr(ceiling_runs.Trial, "own", stopped)
    assert cli.main(["compare", *TINY, "quiet=true"]) == 130
    page = Path("outputs/ceiling/ceiling.md")
    page.write_text(
        "<!-- note: what stands up to its end is kept when this page is written again -->\nKnows its goods.\n"
    )
    assert cli.main(["compare", *TINY, "quiet=true"]) == 0
    assert "Knows its goods." in page.read_text()
    assert seen == [[0, 1], [2, 3], [2, 3], [4]]
    assert cli.main(["compare", *TINY, "quiet=true", "run=whole", "ceiling.batch=5"]) == 0
    assert seen[4:] == [[0, 1, 2, 3, 4]]
    resumed, whole = (pd.read_parquet(f"outputs/{run}/stores.parquet") for run in ("ceiling", "whole"))
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)


def test_what_is_sure_to_help_is_found() -> None:
    tried = settings(generations=6, pairs=16, gauges=3, choosing=16, scoring=16)
    found = trial(tried, [0, 1, 2, 3], halved=True, days=2).own(quiet)
    assert found.after_6.sum() > 5.0 * np.sqrt((found.error**2).sum())
    assert found.after_6.mean() > 0.1 * abs(found.base.mean())
    lift = found.filter(like="constant.channel").mean(axis=1) + found.filter(like="constant.listing").mean(axis=1)
    assert lift.mean() > 0.1, "bids were far too low"
    assert (found.chosen > 0.0).sum() >= 3


def test_a_store_does_not_depend_on_the_others() -> None:
    tried = settings(generations=2, pairs=4, gauges=1, choosing=2, scoring=2)
    both, alone = trial(tried, [1, 3]).own(quiet), trial(tried, [3]).own(quiet)
    pd.testing.assert_frame_equal(both[1:].reset_index(drop=True), alone, check_exact=True)


def test_scoring_is_paired_and_on_chance_of_its_own() -> None:
    tried = settings(generations=1, pairs=2, gauges=1, choosing=400, scoring=400)
    one = trial(tried, [0, 2])
    chances = [one._chances(purpose, "scoring") for purpose in (1, 2, 3)]
    assert [np.unique(chance // 2**30).tolist() for chance in chances] == [[1], [2], [3]], "no seed is in two sets"
    assert np.unique(chances[2]).size == 800
    few = trial(settings(generations=1, pairs=2, gauges=1, choosing=2, scoring=3), [0, 2])
    row = few.own(quiet)
    own = row.filter(like="constant.").to_numpy()
    scored = few.under_shared(own, quiet)
    assert scored.profit.to_numpy() - row.base.to_numpy() == pytest.approx(row.after_1.to_numpy())
    zeros = few.under_shared(np.zeros_like(own), quiet)
    assert zeros.profit.tolist() == row.base.tolist()
    seeds = few._chances(3, "scoring")[1]
    alone = [rollout(few.bench.base, few.bench.opened, few.bench.plans, int(seed)).profit[2] for seed in seeds]
    assert np.mean(alone) == pytest.approx(row.base[1])


def test_shared_constants_are_means_over_what_is_live() -> None:
    names = constant_names(2)
    own = np.arange(2.0 * len(names)).reshape(2, -1)
    live = np.ones_like(own, dtype=np.bool_)
    live[0, 2] = live[1, 0] = False
    shared = dict(zip(names, shared_constants(own, live), strict=True))
    assert shared["channel_search"] == own[0, 0]
    assert shared["channel_feed"] == own[:, 1].mean()
    assert shared["listing_0"] == shared["listing_1"] == (own[1, 2] + own[0, 3] + own[1, 3]) / 3.0
    assert shared["discount_late"] == own[:, -1].mean()


def test_the_usual_study_scores_what_it_searches() -> None:
    usual = settings()
    assert usual.shown[-1] == usual.generations
    assert len(usual.shown) == usual.checkpoints
    assert len(usual.steps_of(4)) == len(constant_names(4))
    assert usual.plays == usual.tried(usual.generations) + 2 * usual.choosing + 7 * usual.scoring
    with initialize_config_module("merchantgym.conf", version_base="1.3"):
        setting = read_setting(compose("compare", overrides=["experiment=ceiling"]))
    assert setting.config["executors"] == ["mpc"]
    assert setting.run_seed(CEILING_RUN) < 2**30, "no chance of the search is another verb's"


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        ({"pairs": 0}, ["ceiling.pairs(=0)", ">= 1"]),
        ({"keep": 1.5}, ["ceiling.keep(=1.5)", "(0, 1]"]),
        ({"steps": 0.3}, ["ceiling.steps(=0.3)", "channel, listing"]),
        ({"steps": {"listing": 0.3}}, ["ceiling.steps(=['listing'])", "channel, listing"]),
        ({"pears": 3}, ["ceiling", "'pears'"]),
    ],
)
def test_settings_that_are_not_allowed_are_named(changes: dict[str, object], parts: list[str]) -> None:
    with pytest.raises(ValueError, match="ceiling") as refused:
        settings(**changes)
    for part in parts:
        assert part in str(refused.value)


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("ceiling=3", ["ceiling(=3)", "experiment=ceiling"]),
        ("ceiling.steps.listing=0", ["ceiling.steps.listing(=0)", "(0, 1]"]),
        ("executors=[pid,mpc]", ["executors", "one controller"]),
        ("planners=[default,rule]", ["planners", "one"]),
    ],
)
def test_bad_input_is_named_before_any_work(refusal: Callable[..., str], word: str, parts: list[str]) -> None:
    message = refusal(word)
    assert message.count("\n") == 1
    for part in parts:
        assert part in message
