"""`merchantgym plan`: a plan that a merchant could approve, the same as text and as JSON."""

import json
from pathlib import Path

import pytest

from merchantgym.agents.planners.desk import Trace
from merchantgym.envs.plan import parse_plan
from merchantgym.experiments import cli

CATALOGUE = Path(__file__).resolve().parents[2] / "examples" / "catalogue.csv"
QUICK = (f"catalogue.path={CATALOGUE}", "executor=open_loop", "draws=4", "fresh_draws=8", "threads=1", "output_dir=out")


def test_text_and_json_tell_the_same_plan(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", *QUICK]) == 0
    text = capsys.readouterr().out
    whole = json.loads((here / "out" / "plan.json").read_text(encoding="utf-8"))
    plan = parse_plan(whole["plan"])
    trace = Trace.model_validate({**whole["trace"], "plan": plan})
    assert plan.forecast == trace.confirmed.estimate.forecast
    for figure in (plan.budget_total, plan.forecast.profit.low, plan.forecast.gmv.mid, plan.forecast.spend.high):
        assert f"{figure:.2f}" in text
    assert all(f"{item.listing_id} " in text and f"{item.price:.2f}" in text for item in plan.listings)
    assert all(one.author in text for one in trace.designed.candidates)
    assert plan.rationale in text
    assert "Wed 2025-06-04 to Tue 2025-06-17 (14 days)" in text


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("planner=oracle", "planner has an unknown name 'oracle'"),
        ("authors=[muse]", "authors has an unknown name 'muse'"),
        ("format=pdf", "format has an unknown name 'pdf'"),
        ("catalogue.path=none.csv", "catalogue.path(='none.csv') must be a CSV file"),
        ("draws=1", "draws(=1) must be >= 2"),
    ],
)
def test_what_is_not_allowed_is_named(here: Path, capsys: pytest.CaptureFixture[str], word: str, message: str) -> None:
    assert cli.main(["plan", *QUICK, word]) == 2
    assert message in capsys.readouterr().err
    assert not (here / "out").exists()
