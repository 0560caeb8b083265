"""Write the plan of one shop: `merchantgym plan` prints what a merchant could approve, and leaves plan.json."""

import json
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from merchantgym.agents.planners.desk import AUTHORS, Desk
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.catalogue import read_catalogue
from merchantgym.envs.population import open_catalogue
from merchantgym.envs.store import HOURS_PER_DAY

from .evaluate import read_executor
from .plan_sheet import sheet
from .setting import Setting, check_names, read_setting
from .whole_file import write_whole

FORMATS = ("text", "json")
_DAYS_PER_WEEK = 7


def run(config: DictConfig) -> None:
    """Carry out `merchantgym plan`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    desk = read_desk(setting)
    check_names("format", [str(setting.config["format"])], FORMATS)
    day = _day(setting.config["catalogue"]["as_of"])
    office = _office(setting, day)
    trace = desk.decide([office])[0]
    text = sheet(trace, office, first_day(office, day))
    whole = {"plan": trace.plan.model_dump(mode="json"), "trace": trace.model_dump(mode="json", exclude={"plan"})}
    written = json.dumps(whole, ensure_ascii=False, indent=1) + "\n"
    write_whole(written, setting.output / "plan.json")
    shown = text if setting.config["format"] == "text" else written
    setting.console().print(shown, markup=False, highlight=False, soft_wrap=True)


def read_desk(setting: Setting) -> Desk:
    """The desk that the configuration describes; without authors the rule plan is all that it sees.

    Raises: ValueError: an unknown planner, author or executor.
    """
    config: Mapping[str, Any] = setting.config
    planner, authors = str(config["planner"]), config["authors"]
    check_names("planner", [planner], ("desk", "rule"))
    if not isinstance(authors, list):
        raise ValueError(f"authors(={authors!r}) must be a list such as [variants]")
    if authors:
        check_names("authors", authors, tuple(AUTHORS))
    chosen = tuple(AUTHORS[name] for name in authors) if planner == "desk" else ()
    return Desk(
        chosen,
        read_executor(setting, str(config["executor"])),
        setting.scenario,
        draws=int(config["draws"]),
        fresh_draws=int(config["fresh_draws"]),
        seed=setting.seed,
        limit=None if config["limit"] is None else float(config["limit"]),
        margin=float(config["margin"]),
        market=setting.market,
        threads=setting.threads,
    )


def first_day(office: BackOffice, day: date) -> date:
    """The first day from `day` on that is the weekday on which the plan starts."""
    return day + timedelta(days=(office.start_hour // HOURS_PER_DAY - day.weekday()) % _DAYS_PER_WEEK)


def _office(setting: Setting, day: date) -> BackOffice:
    """The back office of the catalogue's shop; its last week is simulated, for a catalogue has no report."""
    entry = setting.config["catalogue"]
    path = Path(str(entry["path"]))
    if not path.is_file():
        raise ValueError(f"catalogue.path(={str(path)!r}) must be a CSV file")
    catalogue = read_catalogue(path, day, None if entry["name"] is None else str(entry["name"]))
    return open_catalogue(catalogue, setting.scenario, setting.market, seed=setting.seed).offices[0]


def _day(value: Any) -> date:
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"catalogue.as_of(={value!r}) must be a date such as 2025-06-01") from None
