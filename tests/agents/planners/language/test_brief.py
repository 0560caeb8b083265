"""A brief: the same office gives the same words, every figure can be quoted, nothing hidden is in it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from merchantgym.agents.planners.language.brief import COLUMNS, write_brief
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.hosting import load_hosting
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def office() -> BackOffice:
    scenario = load_scenario("headline").model_copy(update={"listings": 3})
    return Population(scenario).open("train", 1).offices[0]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_words_are_the_golden_ones(office: BackOffice, language: str, tmp_path: Path) -> None:
    text = write_brief(office, language).text  # type: ignore[arg-type]
    golden = GOLDEN / f"brief_{language}.txt"
    (tmp_path / golden.name).write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8"), f"if it is meant, copy {tmp_path / golden.name} to {golden}"


def test_every_figure_stands_in_the_text_under_its_name(office: BackOffice) -> None:
    brief = write_brief(office)
    assert brief.figures["shop.budget"] == f"{office.budget:.2f}"
    assert brief.figures["L02.stock"] == f"{office.stock[1]:.0f}"
    assert all(value in brief.text for value in brief.figures.values())
    assert len(brief.figures) == 3 * len(COLUMNS) + 8


def test_what_a_merchant_writes_cannot_break_the_table(office: BackOffice) -> None:
    brief = write_brief(replace(office, title=("a | b\nc", *office.title[1:])))
    (row,) = (line for line in brief.text.splitlines() if line.startswith("L01 | "))
    assert row.startswith("L01 | a / b c | ")
    assert row.count(" | ") == len(COLUMNS)


def test_unknown_scores_are_said_to_be_unknown(office: BackOffice) -> None:
    unknown = np.full(3, np.nan)
    brief = write_brief(replace(office, image_score=unknown))
    assert brief.figures["L01.image_score"] == "?"
    assert "nan" not in brief.text


def test_rules_are_those_of_the_contract_and_the_calendar_that_of_the_plan(office: BackOffice) -> None:
    own = replace(office, hosting=load_hosting("own_shop"), roi_floor=0.0, promotion_days=(), start_hour=24 + 9)
    text = write_brief(own).text
    assert "Prices stay as they are" not in write_brief(office).text
    assert "starts on Tuesday at 09:00" in text
    assert "promotion days of the plan: none" in text
    assert "least return on ad spend (attributed sales / ad spend): none" in text


def test_other_languages_are_refused(office: BackOffice) -> None:
    with pytest.raises(ValueError, match=r"language\(='de'\) must be one of: en, zh"):
        write_brief(office, "de")  # type: ignore[arg-type]
