"""The ranking over scenarios on a small scale: what it writes, what it keeps, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from merchantgym.controllers import OpenLoop
from merchantgym.envs.observation import listings_in, observation_size
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario
from merchantgym.experiments import bound_marks, cli, compare_scenarios, scenario_scores
from merchantgym.experiments.bound_marks import NoAds
from merchantgym.experiments.bounds import Bound

from ..worlds import plans_for

SMALL = (
    "experiment=controllers",
    "scenarios=[steady,tight_budget]",
    "executors=[open_loop,pid]",
    "stores=4",
    "bound_stores=3",
    "scenario.days=2",
    "progress=false",
    "threads=1",
)


@pytest.fixture
def here(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and a bound of 1,000 CNY more than open loop's profit."""

    def stand_in(opened: Any, plans: Any, seed: int, *, threads: int, progress: Any) -> Bound:
        progress(1, 1)
        value = rollout(OpenLoop(), opened, plans, seed, threads=threads).profit + 1000.0
        return Bound(value, np.zeros((len(value), 1)), np.zeros((len(value), 1, 1)), {"all": value})

    monkeypatch.setattr(bound_marks, "upper_bound", stand_in)
    return here


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """No pictures, which take a second or two each."""
    monkeypatch.setattr(compare_scenarios, "draw_ranking", lambda _, path: path.touch())


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Scenario-free names of the arms that are really run, in order."""
    seen: list[str] = []
    real = scenario_scores.score

    def spy(planner: str, actors: Any, *rest: Any, **settings: Any) -> Any:
        if seen.count(actors[0].name) == 1 and "stop" in seen:
            raise KeyboardInterrupt
        seen.append(actors[0].name)
        return real(planner, actors, *rest, **settings)

    monkeypatch.setattr(scenario_scores, "score", spy)
    return seen


def compare(*words: str) -> int:
    return cli.main(["compare", *SMALL, *words])


def test_a_ranking_is_written_drawn_and_logged(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare("folder=docs") == 0
    folder = here / "outputs/controllers"
    (ranking,) = json.loads((folder / "ranking.json").read_text())
    assert ranking["scenarios"] == ["steady", "tight_budget"]
    assert {one["executor"] for one in ranking["summaries"]} == {"open_loop", "pid"}
    stores = pd.read_parquet(folder / "stores.parquet")
    assert stores.groupby(["scenario", "executor"]).size().tolist() == [4] * 4
    for cell in ranking["cells"]:
        mine = stores[(stores.scenario == cell["scenario"]) & (stores.executor == cell["executor"])]
        plan = stores[(stores.scenario == cell["scenario"]) & (stores.executor == "open_loop")]
        assert cell["profit"]["mean"] == pytest.approx(mine.profit.mean())
        assert cell["vs_open_loop"]["mean"] == pytest.approx((mine.profit.to_numpy() - plan.profit.to_numpy()).mean())
        assert 0 < cell["share"]["mean"] < 1
    for place in (folder, here / "docs"):
        assert np.asarray(Image.open(place / "controllers.png")).std() > 5
        text = (place / "controllers.md").read_text()
        assert "2 days long" in text
        assert "experiment=controllers" in text
    printed = capsys.readouterr().out
    assert "2 executors in 2 scenarios" in printed
    assert "docs/controllers.md" in printed


@pytest.mark.usefixtures("undrawn")
def test_runs_in_the_tracker_carry_their_scenario(here: Path) -> None:
    uri = f"sqlite:///{here}/runs.db"  # MLflow keeps connections by their address
    assert compare("quiet=true", "bound=false", f"tracking.uri={uri}") == 0
    from mlflow.tracking import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("merchantgym")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    children = {run.info.run_name: run for run in runs if "scenario" in run.data.tags}
    assert set(children) == {
        f"{scenario}/rule/{executor}/0" for scenario in ("steady", "tight_budget") for executor in ("open_loop", "pid")
    }
    assert children["tight_budget/rule/pid/0"].data.metrics["uplift.mean"] != 0
    hashes = {run.data.tags["scenario"]: run.data.tags["scenario_hash"] for run in children.values()}
    assert hashes["steady"] != hashes["tight_budget"]
    (parent,) = [run for run in runs if run.info.run_name == "controllers"]
    assert parent.data.metrics["pid/rank.mean"] in (1.0, 1.5, 2.0)


@pytest.mark.usefixtures("undrawn")
def test_a_run_of_the_same_name_reads_what_is_finished(here: Path, scored: list[str]) -> None:
    quiet = ("quiet=true", "tracking.enabled=false")
    assert compare(*quiet) == 0
    first = (here / "outputs/controllers/ranking.json").read_text()
    assert scored == ["open_loop", "pid"] * 2
    scored.clear()
    assert compare(*quiet, "threads=2") == 0
    assert scored == []
    assert (here / "outputs/controllers/ranking.json").read_text() == first
    assert compare(*quiet, "controllers.pid.gains.proportional=0.11") == 0
    assert scored == ["pid", "pid"]
    scored.clear()
    assert compare(*quiet, "scenarios=[tight_budget]", "scenario.days=1") == 0
    assert scored == ["open_loop", "pid"]


@pytest.mark.usefixtures("undrawn")
def test_what_a_result_depends_on_makes_it_anew(here: Path, scored: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = ("quiet=true", "tracking.enabled=false", "bound=false", "scenarios=[steady]")
    assert compare(*quiet) == 0
    for word in ("seed=1", "hosting=own_shop", "planners=[default]"):
        scored.clear()
        assert compare(*quiet, word) == 0
        assert scored == ["open_loop", "pid"], word
    scored.clear()
    monkeypatch.setattr(scenario_scores, "simulator_digest", lambda: "of another day")
    assert compare(*quiet) == 0
    assert scored == ["open_loop", "pid"]


@pytest.mark.usefixtures("undrawn")
def test_an_interruption_leaves_what_was_finished(here: Path, scored: list[str]) -> None:
    quiet = ("quiet=true", "tracking.enabled=false")
    scored.append("stop")
    assert compare(*quiet) == 130
    assert scored == ["stop", "open_loop", "pid"]
    scored.clear()
    assert compare(*quiet) == 0
    assert scored == ["open_loop", "pid"]
    assert not list((here / "outputs").rglob("*.part"))


@pytest.mark.usefixtures("undrawn")
def test_a_trained_executor_is_ranked_in_scenarios_it_was_not_trained_in(here: Path) -> None:
    sizes = ("slots=8", "decisions=7", "steps=1344", "batch=56", "evaluations=2")
    tiny = tuple(f"agents.ppo.{size}" for size in sizes)
    training = "training={stores: 8, validation_stores: 4, seeds: 2, planner: rule}"
    more = ("executors=[open_loop,ppo]", "bound=false", "quiet=true", "tracking.enabled=false", "scenario.days=14")
    assert compare(*tiny, training, *more) == 0
    stores = pd.read_parquet(here / "outputs/controllers/stores.parquet")
    assert stores[stores.executor == "ppo"].groupby(["scenario", "seed"]).size().tolist() == [4] * 4


@pytest.mark.usefixtures("undrawn")
def test_several_planners_are_ranked_apart(here: Path) -> None:
    assert compare("planners=[default,rule]", "bound=false", "quiet=true", "tracking.enabled=false") == 0
    folder = here / "outputs/controllers"
    rankings = json.loads((folder / "ranking.json").read_text())
    assert [ranking["planner"] for ranking in rankings] == ["default", "rule"]
    assert {path.name for path in folder.glob("*.png")} == {"controllers_default.png", "controllers_rule.png"}


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["scenarios=[steady,nowhere]"], ["scenarios", "'nowhere'", "headline"]),
        (["scenarios=[]"], ["scenarios", "steady"]),
        (["scenarios=steady"], ["scenarios(='steady')", "[steady, headline]", "all"]),
        (["scenarios=[promotion]"], ["scenario promotion", "promotion_on"]),  # its days lie beyond the plan's two
        (["executors=[pid]"], ["executors", "open_loop"]),
        (["executors=everyone"], ["executors(='everyone')", "controllers"]),
        (["scenarios=null"], ["bound(=True)", "scenarios"]),
        (["bound=perhaps"], ["bound(='perhaps')", "true"]),
        (["bound_stores=1"], ["bound_stores(=1)", ">= 2"]),
    ],
)
def test_bad_input_is_named_before_any_work(
    here: Path, capsys: pytest.CaptureFixture[str], words: list[str], parts: list[str]
) -> None:
    assert compare(*words) == 2
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    for part in parts:
        assert part in message
    assert not (here / "outputs").exists()


def test_every_controller_but_chance_is_in_the_usual_ranking(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from merchantgym.controllers import CONTROLLERS
    from merchantgym.experiments import compare as verb

    seen: list[Any] = []
    monkeypatch.setattr(verb, "rank_over_scenarios", lambda _, comparison: seen.append(comparison))
    assert cli.main(["compare", "experiment=controllers"]) == 0
    assert set(seen[0].executors) == set(CONTROLLERS) - {"random"}
    assert len(seen[0].scenarios) >= 11
    assert [each.scenario.name for each in seen[0].scenarios][:: len(seen[0].scenarios) - 1] == ["steady", "headline"]
    assert seen[0].bound_stores == 64


def test_without_ads_nothing_is_spent() -> None:
    opened = Population(load_scenario("steady")).open("validation", 4)
    plans = plans_for(opened)
    run: Callable[[Any], Any] = lambda actor: rollout(actor, opened, plans, 0)  # noqa: E731
    episodes = run(NoAds())
    assert (episodes.spend == 0).all()
    assert (episodes.orders > 0).all()
    action, _ = NoAds().act(np.zeros((2, observation_size(8))), ())
    assert listings_in(observation_size(8)) == 8
    assert (action == -1).sum() == 2 * 8
