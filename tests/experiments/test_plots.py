"""The pictures: they are written, hold what they should, and refuse what cannot be drawn."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

from merchantgym.experiments import plots
from merchantgym.experiments.plots import (
    Curve,
    Trace,
    bids_by_hour,
    colours,
    learning_curves,
    profit_intervals,
    spend_against_target,
)
from merchantgym.experiments.statistics import Floats, Interval
from merchantgym.experiments.table import Row

HOURS, STORES = 48, 5


def trace(**changed: Any) -> Trace:
    hours = np.repeat(np.arange(HOURS)[:, None], STORES, axis=1)
    arrays = {
        "spend": np.full((HOURS, STORES), 2.0),
        "budget": np.full(STORES, 100.0),
        "target": (hours + 1) / HOURS,
        "bid_ratio": np.where(hours % 24 < 12, 0.5, 2.0),
        "hour_of_day": hours % 24,
    }
    return cast(Trace, arrays | changed)


def drawn(line: Line2D) -> tuple[Floats, Floats]:
    """Where a line runs: x, y."""
    return np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)


def row(executor: str, profit: float, difference: Interval | None) -> Row:
    kind = "plan" if executor == "open_loop" else "controller"
    low, high = profit - 50, profit + 50
    return Row(
        *("rule", executor, kind, 64, 1, profit, profit, low, high, 700, 650, 750),  # type: ignore[arg-type]
        *(difference, difference, 500, 9000, 4, 1, 0),
    )


ROWS = [row("pid", 3200, Interval(200, 150, 250)), row("open_loop", 3000, Interval(0, 0, 0))]
CURVE = Curve(steps=np.arange(10), profit=np.arange(30.0).reshape(3, 10))


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures made during a test, in order."""
    made: list[Figure] = []

    class Kept(Figure):
        def __init__(self, *args: Any, **settings: Any) -> None:
            super().__init__(*args, **settings)
            made.append(self)

    monkeypatch.setattr(plots, "Figure", Kept)
    return made


DRAWINGS: list[Callable[[Path], None]] = [
    lambda path: profit_intervals(ROWS, path),
    lambda path: learning_curves({"ppo": CURVE}, {"pid": 12.0, "open_loop": 3.0}, path),
    lambda path: spend_against_target({"pid": trace(), "ppo": trace()}, path),
    lambda path: bids_by_hour({"pid": trace(), "ppo": trace()}, path),
]


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_png_of_150_dots_an_inch_with_labels_and_legend(
    draw: Callable[[Path], None], tmp_path: Path, figures: list[Figure]
) -> None:
    path = tmp_path / "new" / "picture.png"
    draw(path)
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.info["dpi"] == pytest.approx((150, 150), abs=0.1)
        assert np.asarray(picture.convert("L")).std() > 5
    figure = figures[0]
    assert figure.legends
    assert all(ax.get_xlabel() for ax in figure.axes if ax.axison)
    assert not any(ax.get_legend() for ax in figure.axes)


def test_equal_input_gives_equal_bytes(tmp_path: Path) -> None:
    for draw in DRAWINGS[:2]:
        draw(tmp_path / "a.png")
        draw(tmp_path / "b.png")
        assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_style_leaves_no_trace_in_matplotlib(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    profit_intervals(ROWS, tmp_path / "a.png")
    assert dict(mpl.rcParams) == before


def test_colours_are_fixed_for_the_usual_executors_and_distinct() -> None:
    few, many = colours(["pid", "ppo"]), colours(["open_loop", "pid", "mpc", "ppo", "sac", "dual_pacing"])
    assert few["pid"] == many["pid"]
    assert few["ppo"] == many["ppo"]
    assert len(set(many.values())) == 6
    assert colours(["sac"]) == {"sac": colours(["sac", "pid"])["sac"]}
    assert len(colours([f"actor_{i}" for i in range(20)])) == 20


def test_forest_leaves_out_a_panel_with_nothing_in_it(tmp_path: Path, figures: list[Figure]) -> None:
    profit_intervals(ROWS, tmp_path / "a.png")
    profit_intervals([row("pid", 3200, None)], tmp_path / "b.png")
    assert [len(f.axes) for f in figures] == [3, 1]
    labels = [tick.get_text() for tick in figures[0].axes[0].get_yticklabels()]
    assert labels == ["rule + pid", "rule + open_loop"]


def test_learning_curve_is_the_median_over_seeds(tmp_path: Path, figures: list[Figure]) -> None:
    profit = np.array([[1.0, 2, np.nan], [3, 4, np.nan], [8, 9, np.nan]])
    learning_curves({"ppo": Curve(steps=[10, 20, 30], profit=profit)}, {}, tmp_path / "a.png")
    steps, median = drawn(figures[0].axes[0].lines[0])
    assert steps.tolist() == [10, 20]
    assert median.tolist() == [3, 4]


def test_spending_is_cumulated_as_a_share_of_the_budget(tmp_path: Path, figures: list[Figure]) -> None:
    spend_against_target({"pid": trace()}, tmp_path / "a.png")
    (days, spent), (_, target) = map(drawn, figures[0].axes[0].lines)
    hours = np.arange(HOURS + 1.0)
    assert days == pytest.approx(hours / 24)
    assert spent == pytest.approx(hours * 2 / 100)
    assert target == pytest.approx(hours / HOURS)


@pytest.mark.parametrize(("actors", "panels"), [(1, 1), (2, 2), (4, 6)])
def test_a_panel_for_every_actor(actors: int, panels: int, tmp_path: Path, figures: list[Figure]) -> None:
    spend_against_target({f"actor_{i}": trace() for i in range(actors)}, tmp_path / "a.png")
    axes = figures[0].axes
    assert len(axes) == panels
    assert sum(ax.axison for ax in axes) == actors


def test_bids_are_a_geometric_mean_over_what_was_bid(tmp_path: Path, figures: list[Figure]) -> None:
    ratio = np.ones((HOURS, STORES))
    ratio[:, 0], ratio[:, 1], ratio[:, 2], ratio[:, 3] = 0.25, 4, np.nan, 0
    ratio[7::24] = np.nan
    bids_by_hour({"pid": trace(bid_ratio=ratio)}, tmp_path / "a.png")
    _, mean = drawn(figures[0].axes[0].lines[0])
    assert np.isnan(mean[7])
    assert np.delete(mean, 7) == pytest.approx(1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"target": np.ones((HOURS, 2))}, r"pid: target\(shape=\(48, 2\)\) must be \(48, 5\)"),
        ({"budget": np.ones(2)}, r"pid: budget\(shape=\(2,\)\) must be \(5,\)"),
        ({"budget": np.zeros(STORES)}, r"pid: budget\(=0.0\) must be > 0"),
        ({"spend": np.full((HOURS, STORES), np.nan)}, "pid: spend must be finite, 240 entries are not"),
        ({"hour_of_day": np.full((HOURS, STORES), 24)}, r"pid: hour_of_day\(24..24\) must be in 0..23"),
    ],
)
def test_bad_traces_are_named(changed: dict[str, Any], message: str, tmp_path: Path) -> None:
    for draw in (spend_against_target, bids_by_hour):
        with pytest.raises(ValueError, match=message):
            draw({"pid": trace(**changed)}, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_bad_curves_and_empty_input_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with pytest.raises(ValueError, match=r"ppo: profit\(shape=\(10,\)\) must be \(seeds, n\)"):
        learning_curves({"ppo": Curve(steps=np.arange(10), profit=np.arange(10))}, {}, path)
    with pytest.raises(ValueError, match=r"ppo: profit\(=nan\) must be finite somewhere"):
        learning_curves({"ppo": Curve(steps=[1], profit=[[np.nan]])}, {}, path)
    with pytest.raises(ValueError, match=r"rows\(=\[\]\) must hold at least one row"):
        profit_intervals([], path)
    with pytest.raises(ValueError, match=r"curves.* must hold at least one executor"):
        learning_curves({}, {"pid": 1.0}, path)
    for draw in (spend_against_target, bids_by_hour):
        with pytest.raises(ValueError, match=r"traces.* must hold at least one executor"):
            draw({}, path)
    assert not list(tmp_path.iterdir())
