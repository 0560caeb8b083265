"""What a reader gets to see of a ranking: page, screen, JSON and picture."""

import json
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from rich.console import Console

from merchantgym.controllers import CONTROLLERS
from merchantgym.envs.scenario import load_scenario
from merchantgym.experiments.markdown import NOTE, note_of
from merchantgym.experiments.plots import FIXED, colours
from merchantgym.experiments.ranking import Ranking
from merchantgym.experiments.ranking_plots import draw_ranking
from merchantgym.experiments.ranking_report import (
    SceneReport,
    markdown,
    print_ranking,
    write_json,
)

from .rankings import results, scenario, usual


@pytest.fixture(scope="module")
def ranking() -> Ranking:
    return usual()


def page(ranking: Ranking, note: str = "") -> str:
    scores = scenario("steady", ranking.bounded > 0, sure=50.0, loud=50.0, bad=-100.0, value_pid=1.0)
    scenes = [SceneReport(load_scenario(name), results(scores), scores.marks) for name in ranking.scenarios]
    return markdown([ranking], {"rule": scenes}, {"rule": "controllers.png"}, "merchantgym compare x=y", note)


def tables(text: str) -> list[list[list[str]]]:
    """Every table as rows of cells, heads first."""
    blocks = re.findall(r"(?:^\|.*\|\n)+", text, flags=re.MULTILINE)
    return [
        [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()] for block in blocks
    ]


def test_the_page_names_the_best_the_tied_and_the_significant(ranking: Ranking) -> None:
    text = page(ranking)
    means, matrix, *scenes = tables(text)
    assert [row[1] for row in means[2:]] == list(ranking.executors)
    by_name = {row[0]: row[1:] for row in matrix[2:]}
    assert matrix[0] == ["executor", "steady", "tight<br>budget"]
    assert by_name["loud"][1] == "**+6.0**\\*"
    assert by_name["sure"] == ["**+5.0**\\*", "+2.0\\*"]
    assert by_name["loud"][0] == "+5.0\\*≈"
    assert by_name["open_loop"] == ["0", "0"]
    assert by_name["value_pid"] == ["+0.0", "+0.5\\*"]
    assert "- **tight_budget**: `loud`, +6.0" in text
    assert re.search(r"- \*\*steady\*\*: `sure`, \+5.0 \[.*\] % over the plan as written; tied with `loud`\.", text)
    assert "share of<br>the bound [%]" in means[0]
    assert len(scenes) == 2
    assert load_scenario("tight_budget").about.strip() in text
    assert "no ads 415, the plan as written 615, upper bound 815 CNY" in text.replace("\n", " ")
    for word in ("merchantgym compare x=y", "controllers.png", "40 held-out stores", "Holm", "How to read this"):
        assert word in text


def test_every_table_is_a_rectangle(ranking: Ranking) -> None:
    for each in (ranking, usual(marked=False)):
        for table in tables(page(each)):
            assert len({len(row) for row in table}) == 1


def test_a_note_written_into_the_page_survives_the_next_run(ranking: Ranking, tmp_path: Path) -> None:
    path = tmp_path / "controllers.md"
    assert note_of(path) == ""
    path.write_text(page(ranking).replace(NOTE, f"{NOTE}\n\nIt sees | the purse.\n"), encoding="utf-8")
    assert note_of(path) == "It sees | the purse."
    path.write_text(page(ranking, note_of(path)), encoding="utf-8")
    assert note_of(path) == "It sees | the purse."


def test_the_screen_has_one_line_an_executor(ranking: Ranking, capsys: pytest.CaptureFixture[str]) -> None:
    print_ranking(ranking, Console(width=80))
    printed = capsys.readouterr().out
    lines = [line for line in printed.splitlines() if re.match(r"\s+\d ", line)]
    assert [line.split()[1] for line in lines] == list(ranking.executors)
    assert "50.0 [50.0, 50.0]" in printed  # open loop's share of the bound
    assert "beats value_pid" in printed


def test_json_holds_every_cell_and_summary(ranking: Ranking, tmp_path: Path) -> None:
    write_json([ranking], tmp_path / "ranking.json")
    (read,) = json.loads((tmp_path / "ranking.json").read_text())
    assert len(read["cells"]) == len(ranking.cells) == 10
    assert [one["executor"] for one in read["summaries"]] == list(ranking.executors)
    assert read["cells"][0]["uplift"].keys() == {"mean", "low", "high"}
    assert (read["planner"], read["stores"], read["bounded"]) == ("rule", 40, 10)


@pytest.mark.parametrize("marked", [True, False])
def test_the_picture_is_written_and_equal_for_equal_results(marked: bool, tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        draw_ranking(usual(marked), tmp_path / "new" / name)
    one, two = ((tmp_path / "new" / name).read_bytes() for name in ("one.png", "two.png"))
    assert one == two
    with Image.open(tmp_path / "new" / "one.png") as picture:
        assert np.asarray(picture.convert("L")).std() > 5


def test_every_controller_has_a_colour_of_its_own() -> None:
    chosen = [np.array(to_rgb(colours(CONTROLLERS)[name])) for name in CONTROLLERS]
    assert set(CONTROLLERS) <= set(FIXED)
    fixed = sorted(FIXED.values())
    assert all(a != b for a, b in pairwise(fixed))
    assert all(np.abs(a - b).max() > 0.1 for i, a in enumerate(chosen) for b in chosen[:i])
