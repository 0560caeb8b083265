"""The table of a comparison: references, ranking, the file, the screen."""

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from merchantgym.experiments.statistics import Interval, paired_difference
from merchantgym.experiments.table import (
    ArmResult,
    Kind,
    Row,
    build_rows,
    numbers,
    print_table,
    write_json,
)

STORES = 64
BASE = np.random.default_rng(0).normal(3000, 1000, size=(1, STORES))


def arm(planner: str, executor: str, kind: Kind, uplift: float, seeds: int = 1, **changed: Any) -> ArmResult:
    ones = np.ones((seeds, STORES))
    noise = np.random.default_rng(len(executor)).normal(0, 10, size=(seeds, STORES))
    arrays = {
        "profit": BASE + uplift + noise,
        "platform": 700 * ones,
        "spend": 500 * ones,
        "gmv": 9000 * ones,
        "attributed_gmv": 2000 * ones,
        "broke_zero": 1.5 * ones,
        "violations": 0 * ones,
    }
    return ArmResult(planner, executor, kind, **(arrays | changed))


def arms() -> list[ArmResult]:
    return [
        arm("rule", "open_loop", "plan", 0),
        arm("rule", "pid", "controller", 100),
        arm("rule", "value_pid", "controller", 300),
        arm("rule", "ppo", "learned", 400, seeds=3),
        arm("default", "open_loop", "plan", -500),
        arm("default", "pid", "controller", 600),
    ]


@cache
def rows() -> list[Row]:
    return build_rows(arms(), np.random.default_rng(1))


def row(planner: str, executor: str) -> Row:
    return next(r for r in rows() if (r.planner, r.executor) == (planner, executor))


def printed(some: list[Row], **console: Any) -> str:
    stream = io.StringIO()
    print_table(some, Console(file=stream, **console))
    return stream.getvalue()


def test_rows_are_ranked_by_mean_profit_over_all_planners() -> None:
    assert [(r.planner, r.executor) for r in rows()] == [
        ("default", "pid"),
        ("rule", "ppo"),
        ("rule", "value_pid"),
        ("rule", "pid"),
        ("rule", "open_loop"),
        ("default", "open_loop"),
    ]


def test_order_of_the_arms_changes_nothing() -> None:
    assert build_rows(arms()[::-1], np.random.default_rng(1)) == rows()


def test_other_arms_do_not_move_a_row() -> None:
    few = build_rows([a for a in arms() if a.planner == "rule"], np.random.default_rng(1))
    assert few == [r for r in rows() if r.planner == "rule"]


def test_differences_are_paired_with_the_references_of_the_same_planner() -> None:
    ppo = row("rule", "ppo")
    state = np.random.default_rng(1).integers(2**63)
    profit = {a.name: a.profit for a in arms()}
    assert ppo.vs_open_loop == paired_difference(
        profit["rule/ppo"], profit["rule/open_loop"], np.random.default_rng(state)
    )
    assert ppo.vs_best_controller == paired_difference(
        profit["rule/ppo"], profit["rule/value_pid"], np.random.default_rng(state)
    )
    assert ppo.vs_open_loop is not None
    assert ppo.vs_open_loop.high - ppo.vs_open_loop.low < 0.05 * (ppo.profit_high - ppo.profit_low)


def test_a_reference_against_itself_is_exactly_zero() -> None:
    zero = Interval(0.0, 0.0, 0.0)
    assert row("rule", "open_loop").vs_open_loop == zero
    assert row("rule", "value_pid").vs_best_controller == zero


def test_missing_references_are_none() -> None:
    only = build_rows([arm("rule", "ppo", "learned", 0, seeds=2)], np.random.default_rng())[0]
    assert only.vs_open_loop is None
    assert only.vs_best_controller is None


def test_counts_means_and_roi() -> None:
    ppo = row("rule", "ppo")
    assert (ppo.stores, ppo.seeds, ppo.kind) == (STORES, 3, "learned")
    assert (ppo.spend, ppo.gmv, ppo.roi, ppo.broke_zero, ppo.violations) == (500, 9000, 4, 1.5, 0)
    assert ppo.profit_low < ppo.profit_mean < ppo.profit_high
    assert (ppo.platform_low, ppo.platform_mean, ppo.platform_high) == (700, 700, 700)


def test_roi_is_the_ratio_of_sums_and_none_without_spending() -> None:
    half = np.where(np.arange(STORES) % 2, 0.0, 1000.0)[None]
    free = np.zeros((1, STORES))
    made = build_rows(
        [
            arm("rule", "pid", "controller", 1, spend=half, attributed_gmv=3 * half),
            arm("rule", "idle", "controller", 0, spend=free, attributed_gmv=free),
        ],
        np.random.default_rng(),
    )
    assert [r.roi for r in made] == [3, None]


def test_file_has_the_fields_of_the_issue(tmp_path: Path) -> None:
    path = tmp_path / "run" / "comparison.json"
    write_json(rows(), path)
    loaded = json.loads(path.read_text())
    assert len(loaded) == 6
    assert set(loaded[0]) == {
        *("planner", "executor", "kind", "stores", "seeds"),
        *("profit_mean", "profit_iqm", "profit_low", "profit_high", "vs_open_loop", "vs_best_controller"),
        *("platform_mean", "platform_low", "platform_high", "spend", "gmv", "roi", "broke_zero", "violations"),
    }
    assert set(loaded[0]["vs_open_loop"]) == {"mean", "low", "high"}
    assert [p.name for p in path.parent.iterdir()] == ["comparison.json"]


def test_a_failed_write_leaves_the_older_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "comparison.json"
    write_json(rows()[:1], path)
    before = path.read_text()
    broken = Row(**{**vars(rows()[0]), "spend": float("nan")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json([broken], path)

    def away(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr("os.replace", away)
    with pytest.raises(OSError, match="disk full"):
        write_json(rows(), path)
    assert path.read_text() == before
    assert [p.name for p in tmp_path.iterdir()] == ["comparison.json"]


def test_numbers_are_flat_and_leave_out_what_is_unknown() -> None:
    flat = numbers(build_rows([arm("rule", "ppo", "learned", 0)], np.random.default_rng())[0])
    assert "vs_open_loop.mean" not in flat
    assert "planner" not in flat
    full = numbers(row("rule", "ppo"))
    difference = row("rule", "ppo").vs_open_loop
    assert difference is not None
    assert full["vs_open_loop.low"] == difference.low
    assert full["platform_mean"] == 700
    assert all(isinstance(v, float) for v in full.values())


@pytest.mark.parametrize("console", [{}, {"width": 100}, {"width": 100, "force_terminal": True}])
def test_table_fits_100_columns_and_cuts_nothing(console: dict[str, Any]) -> None:
    text = Text.from_ansi(printed(rows(), **console)).plain
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 100
    assert "…" not in text
    for word in ("value_pid", "open_loop", "controller", "CNY", "ROI", "reference", "4.00", "64 stores"):
        assert word in text
    assert "(merchant)" in text
    assert "platform" in text
    assert "  700" in text


def test_table_keeps_the_given_order_and_shows_intervals() -> None:
    text = printed(rows())
    best = rows()[0]
    assert text.index("default") < text.index("value_pid")
    assert f"[{best.profit_low:,.0f}, {best.profit_high:,.0f}]" in text
    assert "+1,0" in text  # default/pid earns about 1,100 more than its plan


def test_large_and_small_money_stay_readable() -> None:
    large = build_rows([arm("rule", "pid", "controller", 2.5e6)], np.random.default_rng())
    assert "kCNY" in printed(large)
    assert "2,50" in printed(large)
    small = build_rows([arm("rule", "pid", "controller", 0, profit=BASE / 1e4)], np.random.default_rng())
    assert "0.3" in printed(small)


def test_bad_arms_are_named() -> None:
    generator = np.random.default_rng()
    with pytest.raises(ValueError, match=r"results\(=\[\]\) must hold at least one arm"):
        build_rows([], generator)
    with pytest.raises(ValueError, match="rule/pid given more than once"):
        build_rows([arm("rule", "pid", "controller", 0)] * 2, generator)
    short = arm("rule", "ppo", "learned", 0)
    short = ArmResult("rule", "ppo", "learned", *(getattr(short, f)[:, :9] for f in list(vars(short))[3:]))
    with pytest.raises(ValueError, match=r"rule/ppo: stores\(=9\) must equal rule/pid: stores\(=64\)"):
        build_rows([arm("rule", "pid", "controller", 0), short], generator)
    with pytest.raises(ValueError, match=r"rule/pid: spend\[seed 0, store 0\]\(=nan\) must be finite"):
        arm("rule", "pid", "controller", 0, spend=BASE * np.nan)
    with pytest.raises(ValueError, match=r"rule/pid: gmv\(shape=\(64,\)\) must be \(seeds, stores\)"):
        arm("rule", "pid", "controller", 0, gmv=BASE[0])
    with pytest.raises(ValueError, match=r"rule/pid: spend\(min=-1.0\) must be >= 0"):
        arm("rule", "pid", "controller", 0, spend=-np.ones((1, STORES)))
    with pytest.raises(ValueError, match=r"kind\(='robot'\) must be one of plan, controller, learned"):
        arm("rule", "pid", "robot", 0)  # type: ignore[arg-type]
