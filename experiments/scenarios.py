"""Draw the market of every scenario: `merchantgym scenarios` writes scenarios.md and a picture of each."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from merchantgym.agents.planners import PLANNERS
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import Scenario, load_scenario, scenario_names
from merchantgym.envs.store import HOURS_PER_DAY

from .scenario_market import FIGURES, MarketSeries, market_series
from .scenario_plots import draw_overview, draw_scenario, limits
from .setting import VALIDATION_RUN, Setting, check_names, progress_bars, read_setting, write_plans

_FIRST = "steady"
_ORDER = (
    *("cold_start", "tight_budget", "promotion", "viral_shock", "price_war"),
    *("stockout", "slow_conversion", "no_flywheel"),
)
_LAST = "headline"


def run(config: DictConfig) -> None:
    """Carry out `merchantgym scenarios`. Raises: ValueError: names the entry that is not allowed, before any work."""
    setting = read_setting(config)
    planner, stores, names = str(setting.config["planner"]), int(setting.config["stores"]), setting.config["names"]
    check_names("planner", [planner], tuple(PLANNERS))
    if names is not None:
        if not isinstance(names, list):
            raise ValueError(f"names(={names!r}) must be a list such as [promotion, price_war], or null")
        check_names("names", names, scenario_names())
    scenarios = chosen(setting.scenario, scenario_names() if names is None else names)
    markets = {}
    with progress_bars(setting) as bars:
        task = bars.add_task("markets and pictures", total=2 * len(scenarios))
        for name, scenario in scenarios.items():
            markets[name] = _market(scenario, planner, stores, setting)
            bars.advance(task)
        folder = Path(str(setting.config["folder"]))
        shared = limits(list(markets.values()))
        base = setting.scenario.name
        for name, market in markets.items():
            draw_scenario(name, market, base, markets[base], shared, folder / "scenarios" / f"{name}.png")
            bars.advance(task)
        draw_overview(markets, base, folder / "scenarios" / "overview.png")
    page = folder / "scenarios.md"
    part = page.with_suffix(".part")
    part.write_text(describe(scenarios, markets, base), encoding="utf-8")
    part.replace(page)
    setting.console().print(f"Scenarios: {page}")


def chosen(base: Scenario, names: Sequence[str]) -> dict[str, Scenario]:
    """The scenarios of those names by name: the base first, then one difficulty each, last everything at once."""
    others = [name for name in in_order(names) if name != base.name]
    return {base.name: base} | {name: load_scenario(name) for name in others}


def in_order(names: Sequence[str]) -> list[str]:
    """Names of scenarios as a reader meets them: the quiet one, one difficulty each, last everything at once."""
    known = [_FIRST, *_ORDER, *sorted(set(names) - {_FIRST, *_ORDER, _LAST}), _LAST]
    return [name for name in known if name in names]


def describe(scenarios: Mapping[str, Scenario], markets: Mapping[str, MarketSeries], base: str) -> str:
    """The page in Markdown: all figures, and each scenario in its own words with its picture."""
    hours, stores = markets[base].rivals.shape
    heads = [figure.label.replace("-\n", "").replace("\n", " ") for figure in FIGURES.values()]
    meanings = zip(heads, FIGURES.values(), strict=True)
    lines = [
        "# Scenarios",
        "",
        f"What each scenario does to {stores} validation stores in {hours // HOURS_PER_DAY} days, under plans that are",
        "carried out as written. This page and its pictures are written by `merchantgym scenarios folder=docs`.",
        "",
        f"![Figures of all scenarios, coloured by their difference from {base}](scenarios/overview.png)",
        "",
        "Means over stores:",
        "",
        *(f"- {head}: {figure.meaning}" for head, figure in meanings),
        "",
        "In the pictures below a band holds the middle 80 % of stores around their median, the thin dark line is one",
        "store whose events are marked, and all scenarios share their axes.",
        "",
    ]
    for name, scenario in scenarios.items():
        lines += [f"## {name}", "", scenario.about.strip(), "", f"![Market of {name}](scenarios/{name}.png)", ""]
        lines += [_row(heads), _row(["---:" for _ in heads]), _row(_written(markets[name])), ""]
    return "\n".join(lines)


def _market(scenario: Scenario, planner: str, stores: int, setting: Setting) -> MarketSeries:
    population = Population(scenario, int(setting.config["population_seed"]), setting.market)
    opened = population.open("validation", stores, threads=setting.threads)
    _, plans = write_plans(planner, opened)
    return market_series(opened, plans, setting.run_seed(VALIDATION_RUN), threads=setting.threads)


def _written(market: MarketSeries) -> list[str]:
    """The figures of a scenario, means over its stores."""
    return [figure.write(float(np.mean(market.figures[name]))) for name, figure in FIGURES.items()]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
