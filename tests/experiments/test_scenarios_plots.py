"""The markets of the scenarios: series true to the run, events where they happen, pictures whole and small."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from merchantgym.controllers import make_controller
from merchantgym.envs.engines.layout import Report
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.rollout import rollout
from merchantgym.envs.scenario import load_scenario, scenario_names
from merchantgym.experiments import cli, scenario_plots
from merchantgym.experiments.scenario_market import FIGURES, MarketSeries, daily, market_series
from merchantgym.experiments.scenario_plots import differences, draw_overview, draw_scenario, limits
from merchantgym.experiments.scenarios import chosen

STORES, DAYS, SEED = 6, 14, 5
VIEWS = [
    *(Report.AD_IMPRESSIONS_SEARCH, Report.AD_IMPRESSIONS_FEED),
    *(Report.ORGANIC_IMPRESSIONS_SEARCH, Report.ORGANIC_IMPRESSIONS_FEED),
]
ORDERS = [Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW]


def opened(name: str) -> tuple[OpenStores, PlanArrays]:
    stores = Population(load_scenario(name)).open("validation", STORES)
    return stores, pack_plans([platform_plan(office) for office in stores.offices], stores.listing_ids)


@pytest.fixture(scope="module")
def markets() -> dict[str, MarketSeries]:
    return {name: market_series(*opened(name), SEED) for name in ("steady", "promotion", "headline")}


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures made during a test, in order."""
    made: list[Figure] = []

    class Kept(Figure):
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            made.append(self)

    monkeypatch.setattr(scenario_plots, "Figure", Kept)
    return made


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory for the console command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["merchantgym"])
    for name in ("OMP_NUM_THREADS", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("MERCHANTGYM_TRACEBACK", raising=False)
    return tmp_path


def test_series_add_up_to_the_run_of_the_plan_as_written(markets: dict[str, MarketSeries]) -> None:
    market, (stores, plans) = markets["headline"], opened("headline")
    run = rollout(make_controller("open_loop"), stores, plans, SEED)
    np.testing.assert_array_equal(market.impressions.sum(axis=(0, 2)), run.totals[:, :, VIEWS].sum(axis=(1, 2)))
    np.testing.assert_array_equal(market.orders.sum(axis=0), run.totals[:, :, ORDERS].sum(axis=1))
    np.testing.assert_allclose(market.spent[-1] * plans.budget_total, run.spend, atol=0.02)
    np.testing.assert_array_equal(market.figures["profit"], run.profit)
    assert (np.diff(market.spent, axis=0) >= 0.0).all()
    assert market.spent.max() <= 1.0
    booked = market.orders_by_day.sum(axis=(0, 2)) + market.orders_to_come
    np.testing.assert_array_equal(booked, run.orders)


def test_events_stand_where_the_stores_have_them(markets: dict[str, MarketSeries]) -> None:
    market, (stores, _) = markets["headline"], opened("headline")
    hours = np.arange(24 * DAYS)
    for i, store in enumerate(stores.stores):
        np.testing.assert_array_equal(market.promotion[:, i] > 0.0, np.isin(hours // 24, store.promotion_days))
        np.testing.assert_array_equal(market.entered[:, i] > 0.0, hours >= store.entry_hour)
        assert (market.shock[:, i] > 0.0).any() == (store.shock_onset < 24 * DAYS)
        assert not market.shock[hours <= store.shock_onset, i].any()
    example = market.example
    kinds = [series.max(axis=0) > 0.0 for series in (market.promotion, market.shock, market.entered)]
    assert np.sum(kinds, axis=0)[example] == np.sum(kinds, axis=0).max()


def test_paired_scenarios_differ_by_their_difficulty_alone(markets: dict[str, MarketSeries]) -> None:
    """The same stores meet the same demand; on promotion days it is multiplied, and rivals bid more."""
    steady, promotion = markets["steady"], markets["promotion"]
    on = promotion.promotion > 0.0
    ratio = promotion.requests.sum(axis=2) / steady.requests.sum(axis=2)
    np.testing.assert_allclose(ratio[~on], 1.0)
    assert (ratio[on] > 2.0).all()
    assert np.median(promotion.rivals[on] / steady.rivals[on]) > 1.1
    assert steady.lifted is None


def test_days_are_sums_of_their_hours() -> None:
    series = np.arange(48.0)[:, None] * np.ones(3)
    np.testing.assert_array_equal(daily(series), [[276.0] * 3, [852.0] * 3])


def test_plans_of_different_lengths_are_refused() -> None:
    stores, plans = opened("steady")
    plans.days[0] = 3
    with pytest.raises(ValueError, match=r"plans run for \[3, 14\] days; they must be equally long"):
        market_series(stores, plans, SEED)


@pytest.mark.parametrize("name", ["steady", "headline"])
def test_a_page_is_small_labelled_and_on_shared_axes(
    markets: dict[str, MarketSeries], name: str, tmp_path: Path, figures: list[Figure]
) -> None:
    shared, path = limits(list(markets.values())), tmp_path / "new" / "page.png"
    draw_scenario(name, markets[name], "steady", markets["steady"], shared, path)
    draw_scenario("promotion", markets["promotion"], "steady", markets["steady"], shared, tmp_path / "other.png")
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.size == (880, 480)
    assert path.stat().st_size < 120_000
    assert [p.name for p in path.parent.iterdir()] == ["page.png"]
    page, other = figures
    titles = [ax.get_title(loc="left") for ax in page.axes]
    assert [title.split(":")[0] for title in titles] == ["Demand", "Rivals", "Impressions", "Budget", "Orders", "Stock"]
    assert all(ax.get_ylabel() for ax in page.axes)
    assert all(ax.get_xlabel() == "day of the plan" for ax in page.axes[3:])
    for here, there in zip(page.axes, other.axes, strict=True):
        assert here.get_xlim() == there.get_xlim()
        assert here.get_ylim() == there.get_ylim()
    legend = [text.get_text() for text in page.legends[0].get_texts()]
    assert ("steady" in legend) == (name != "steady")
    assert ("its promotion day" in legend) == (name == "headline")


def test_no_market_is_refused() -> None:
    with pytest.raises(ValueError, match=r"markets\(=\[\]\) must hold at least one scenario"):
        limits([])


def test_the_overview_writes_every_figure_and_colours_what_differs(
    markets: dict[str, MarketSeries], tmp_path: Path, figures: list[Figure]
) -> None:
    draw_overview(markets, "steady", tmp_path / "overview.png")
    texts = {text.get_text() for text in figures[0].axes[0].texts}
    for market in markets.values():
        for key, figure in FIGURES.items():
            assert figure.write(float(market.figures[key].mean())) in texts
    difference, columns = differences(markets, "steady"), list(FIGURES)
    assert not difference[0].any()
    assert difference[1, columns.index("best_day")] > 2.0
    assert difference[1, columns.index("never_sold")] == 0.0
    assert difference[2, columns.index("never_sold")] > 0.5


def test_scenarios_stand_in_the_order_of_the_page() -> None:
    names = list(chosen(load_scenario("steady"), scenario_names()))
    assert sorted(names) == sorted(scenario_names())
    assert (names[0], names[-1]) == ("steady", "headline")
    assert list(chosen(load_scenario("headline"), ["price_war"])) == ["headline", "price_war"]


def test_the_verb_writes_a_page_whose_pictures_exist(folder: Path) -> None:
    assert cli.main(["scenarios", "stores=2", "quiet=true", "folder=docs"]) == 0
    page = Path("docs/scenarios.md").read_text(encoding="utf-8")
    for name in (*scenario_names(), "overview"):
        assert f"(scenarios/{name}.png)" in page
        assert 5_000 < Path(f"docs/scenarios/{name}.png").stat().st_size < 120_000
    for name in scenario_names():
        assert f"\n## {name}\n\n{load_scenario(name).about.strip()}\n" in page
    assert not list(Path("docs").rglob("*.part"))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("names=[steadyy]", "names has an unknown name 'steadyy'; allowed: cold_start, "),
        ("names=promotion", "names(='promotion') must be a list such as [promotion, price_war], or null"),
        ("planner=rulee", "planner has an unknown name 'rulee'; allowed: default, "),
        ("stores=0", "stores(=0) must be a whole number >= 1"),
    ],
)
def test_bad_values_are_refused_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], override: str, message: str
) -> None:
    assert cli.main(["scenarios", override]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not [path for path in folder.rglob("*") if path.is_file()]
