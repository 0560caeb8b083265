"""The main job on a small scale: what it writes, that it can be repeated, and what it refuses."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from merchantgym.envs.hosting import hosting_names
from merchantgym.experiments import cli

CATALOGUE = Path(__file__).parents[2] / "examples" / "catalogue.csv"
SMALL = (
    "stores=8",
    "training={stores: 8, validation_stores: 8, seeds: 1, planner: rule}",
    f"catalogue.path={CATALOGUE}",
    "catalogue.markets=2",
    "progress=false",
    "threads=1",
)
ROW = {
    "planner", "executor", "kind", "stores", "seeds", "profit_mean", "profit_iqm", "profit_low", "profit_high",
    "platform_mean", "platform_low", "platform_high", "vs_open_loop", "vs_best_controller",
    "spend", "gmv", "roi", "broke_zero", "violations",
}  # fmt: skip


@pytest.fixture
def refusal(here: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run a verb that must be refused; returns the message, and checks that nothing was written."""

    def refused(*words: str) -> str:
        assert cli.main(list(words)) == 2
        assert not (here / "outputs").exists()
        return capsys.readouterr().err

    return refused


def compare(*words: str) -> None:
    assert cli.main(["compare", *SMALL, *words]) == 0


def test_controllers_are_compared_on_equal_terms(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare("executors=[open_loop,pid,value_pid]", "run=mine")
    folder = here / "outputs" / "mine"
    rows = json.loads((folder / "comparison.json").read_text())
    assert [set(row) for row in rows] == [ROW] * 6
    assert {(row["planner"], row["executor"]) for row in rows} == {
        (planner, executor) for planner in ("default", "rule") for executor in ("open_loop", "pid", "value_pid")
    }
    assert sorted((row["profit_mean"] for row in rows), reverse=True) == [row["profit_mean"] for row in rows]
    stores = pd.read_parquet(folder / "stores.parquet")
    for row in rows:
        arm = stores[(stores.planner == row["planner"]) & (stores.executor == row["executor"])]
        plan = stores[(stores.planner == row["planner"]) & (stores.executor == "open_loop")]
        assert row["stores"] == len(arm) == 8
        assert row["profit_mean"] == pytest.approx(arm.profit.mean())
        assert row["platform_mean"] == pytest.approx(arm.platform_profit.mean())
        assert set(arm.stage) <= {"new", "advanced", "mature"} > set() < set(arm.driver)
        assert row["vs_open_loop"]["mean"] == pytest.approx(np.mean(arm.profit.values - plan.profit.values))
        assert row["roi"] == pytest.approx(arm.attributed_gmv.sum() / arm.spend.sum())
    for name in ("profit.png", "spend.png", "bids.png"):
        assert np.asarray(Image.open(folder / name)).std() > 5, f"{name} is blank"
    assert {row["stores"] for row in json.loads((folder / "own_shop.json").read_text())} == {2}
    printed = capsys.readouterr().out
    assert "value_pid" in printed
    assert "Qiaofu Kitchen and Storage" in printed
    assert (here / "outputs" / "mlflow.db").is_file()


def hosted(here: Path, hosting: str, *words: str) -> list[dict[str, float]]:
    """Rows of the rule planner's open loop and value PID under a hosting model."""
    shared = ("executors=[open_loop,value_pid]", "planners=[rule]", "catalogue.path=null", "stores=4")
    compare(*shared, f"hosting={hosting}", "tracking.enabled=false", "quiet=true", f"run={hosting}{len(words)}", *words)
    rows: list[dict[str, float]] = json.loads((here / f"outputs/{hosting}{len(words)}/comparison.json").read_text())
    return rows


def test_every_hosting_model_is_compared_with_both_parties_profits(here: Path) -> None:
    both = {}
    for hosting in hosting_names():
        rows = hosted(here, hosting)
        assert len(rows) == 2
        for row in rows:
            assert row["platform_low"] <= row["platform_mean"] <= row["platform_high"]
        both[hosting] = (rows[0]["profit_mean"], rows[0]["platform_mean"])
    assert both["marketplace"][0] > both["fully_managed"][0]  # the retail margin moves to the platform
    assert both["marketplace"][1] < both["fully_managed"][1]


def test_one_term_of_a_hosting_model_can_be_set(here: Path) -> None:
    usual = hosted(here, "semi_managed")
    dear = hosted(here, "semi_managed", "hosting.order_logistics.value=30", "hosting.logistics_share.value=0.5")
    for party in ("profit_mean", "platform_mean"):
        assert sum(row[party] for row in dear) < sum(row[party] for row in usual)


def test_same_seed_same_rows(here: Path) -> None:
    quiet = ("executors=[open_loop,pid]", "planners=[rule]", "tracking.enabled=false", "quiet=true")
    for name, threads in (("one", 1), ("two", 2)):
        compare(*quiet, f"run={name}", f"threads={threads}", "stores=130", "catalogue.path=null")
    one, two = ((here / "outputs" / name / "comparison.json").read_text() for name in ("one", "two"))
    assert one == two


def test_a_policy_is_trained_exported_and_evaluated(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    training = "training={stores: 8, validation_stores: 4, seeds: 2, planner: rule}"
    tiny = ["agent.slots=8", "agent.decisions=7", "agent.steps=2688", "agent.batch=56", "agent.evaluations=2"]
    shared = ["progress=false", "tracking.enabled=false"]
    assert cli.main(["train", "run=taught", "threads=2", training, *tiny, *shared]) == 0
    assert (here / "outputs/taught/learning.png").is_file()
    curves = [np.load(here / f"outputs/taught/ppo/seed-{seed}/curve.npz")["profit"] for seed in (0, 1)]
    assert curves[0][0] == curves[1][0]  # before training both are the base controller
    assert curves[0][-1] != curves[1][-1]

    assert cli.main(["export", "run=exported", "stores=4", "observations=1000", "progress=false"]) == 0
    bundle = here / "outputs/exported/bundle"
    assert json.loads((bundle / "parity.json").read_text())["largest"] < 1e-6
    assert cli.main(["evaluate", f"executor={bundle}", "run=served", "stores=4", *shared]) == 0
    row = json.loads((here / "outputs/served/evaluation.json").read_text())[0]
    assert (row["executor"], row["kind"], row["stores"]) == ("ppo", "learned", 4)
    assert "Parity over" in capsys.readouterr().out


def test_learners_are_compared_by_name_and_each_policy_can_be_scored_again(here: Path) -> None:
    sizes = ("slots=8", "steps=2688", "batch=56", "evaluations=1")
    tiny = [f"agents.{name}.{size}" for name in ("sac", "recurrent_ppo") for size in sizes]
    tiny += ["agents.recurrent_ppo.decisions=7", "training.scenarios=[steady,headline]", "tracking.enabled=false"]
    compare("executors=[open_loop,sac,recurrent_ppo]", "planners=[rule]", "catalogue.path=null", "run=both", *tiny)
    rows = {row["executor"]: row for row in json.loads((here / "outputs/both/comparison.json").read_text())}
    assert {name for name, row in rows.items() if row["kind"] == "learned"} == {"sac", "recurrent_ppo"}

    kept = "outputs/both/recurrent_ppo/seed-0"
    words = ("run=again", "stores=8", "progress=false", "tracking.enabled=false")
    assert cli.main(["evaluate", f"executor={kept}", *words]) == 0
    again = json.loads((here / "outputs/again/evaluation.json").read_text())[0]
    assert again["executor"] == "recurrent_ppo"
    assert again["profit_mean"] == pytest.approx(rows["recurrent_ppo"]["profit_mean"])


def test_a_controller_is_exported_and_evaluated(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = ["stores=4", "progress=false"]
    assert cli.main(["export", "executor=pid", "run=law", "observations=1000", *shared]) == 0
    assert "Exported the controller pid to" in capsys.readouterr().out
    bundle = here / "outputs/law/bundle"
    for executor, run in (("pid", "original"), (str(bundle), "served")):
        assert cli.main(["evaluate", f"executor={executor}", f"run={run}", "tracking.enabled=false", *shared]) == 0
    rows = [json.loads((here / f"outputs/{run}/evaluation.json").read_text())[0] for run in ("original", "served")]
    assert rows[0]["profit_mean"] == rows[1]["profit_mean"]
    assert rows[1]["kind"] == "controller"


def test_export_and_evaluate_name_what_is_missing(refusal: Callable[..., str], here: Path) -> None:
    assert "no trained policy" in refusal("export")
    assert "source(='nowhere')" in refusal("export", "source=nowhere")
    assert "observations(=10)" in refusal("export", "observations=10")
    assert "source(='x') must be null where executor(='pid')" in refusal("export", "executor=pid", "source=x")
    assert "controller 'throttle' has no law for torch" in refusal("export", "executor=throttle")
    message = refusal("evaluate", "executor=nobody")
    for part in ("executor(='nobody')", "value_pid", "bundle"):
        assert part in message


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (["planners=[rule,oracle]"], ["planners", "'oracle'", "default, "]),
        (["executors=[pdi]"], ["executors", "'pdi'", "value_pid"]),
        (["executors=[pid,pid]"], ["executors", "'pid'", "twice"]),
        (["stores=1"], ["stores(=1)", ">= 2"]),
        (["controllers.pid.gains.proportional=-1"], ["proportional", "-1"]),
        (["+controllers.pid.gains.p=1"], ["gains.p", "proportional"]),
        (["catalogue.path=nowhere.csv"], ["catalogue.path", "nowhere.csv", "catalogue.path=null"]),
        (["catalogue.as_of=yesterday"], ["catalogue.as_of", "yesterday", "2025-06-01"]),
        (["market.rank.flywheel.value=-1"], ["market.flywheel", "-1"]),
        (["market.order.commission_rate.value=much"], ["market.commission_rate", "much", "number"]),
        (["scenario.days=0"], ["scenario.days", "0", "1"]),
        (["hosting=nowhere"], ["hosting", "nowhere", "fully_managed"]),
        (["hosting.ad_share.value=2"], ["hosting.ad_share", "2", "1"]),
        (["hosting.supply_markup.value=0.1"], ["hosting.supply_markup", "0.1", "platform"]),
        (["scenario=nowhere"], ["scenario", "nowhere", "headline"]),
        (["training.seeds=0"], ["training.seeds", "0"]),
        (["training.scenarios=[steady,nowhere]"], ["training.scenarios", "'nowhere'", "headline"]),
        (["training.scenarios=steady"], ["training.scenarios(='steady')", "[steady, headline]"]),
        (["training.easy_until=0"], ["training.easy_until(=0)", "(0, 1]"]),
        (["executors=[open_loop,sac]", "agents.sac.tau=0"], ["agents.sac", "agent.tau(=0)"]),
        (["training.planner=oracle"], ["training.planner", "oracle"]),
        (["agents.ppo.gamma=2"], ["agents.ppo", "agent.gamma", "2"]),
        (["agents.ppo.base=mcp"], ["agents.ppo", "agent.base", "'mcp'", "mpc"]),
    ],
)
def test_bad_input_is_named_before_any_work(refusal: Callable[..., str], words: list[str], parts: list[str]) -> None:
    message = refusal("compare", *SMALL, *words)
    assert message.count("\n") == 1
    for part in parts:
        assert part in message


def test_a_broken_row_of_the_catalogue_is_named(here: Path, refusal: Callable[..., str]) -> None:
    rows = CATALOGUE.read_text(encoding="utf-8").splitlines()
    cells = rows[3].split(",")
    broken = here / "broken.csv"
    broken.write_text("\n".join([*rows[:3], ",".join([*cells[:4], "cheap", *cells[5:]]), *rows[4:]]), encoding="utf-8")
    message = refusal("compare", *SMALL, f"catalogue.path={broken}")
    for part in ("row 4", cells[0], "price", "'cheap'"):
        assert part in message


def test_a_dead_tracking_server_costs_no_result(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare(
        "executors=[open_loop]",
        "planners=[rule]",
        "catalogue.path=null",
        "run=away",
        "tracking.uri=http://127.0.0.1:9",
    )
    assert (here / "outputs/away/comparison.json").is_file()
    assert (here / "outputs/away/mlflow-offline.db").is_file()
    assert "upload" in capsys.readouterr().out
