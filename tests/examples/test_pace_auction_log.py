"""The example paces a list of auctions with laws alone, and does it well."""

import subprocess
import sys
from pathlib import Path
from runpy import run_path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pace_auction_log.py"


def test_it_runs_and_the_laws_come_close_to_hindsight() -> None:
    done = subprocess.run([sys.executable, str(EXAMPLE)], capture_output=True, text=True, timeout=60, check=True)
    rows = {line[:16].strip(): line[16:].split() for line in done.stdout.splitlines()[1:-1]}
    share = {name: float(row[2].rstrip("%")) for name, row in rows.items()}
    last = {name: float(row[4]) for name, row in rows.items()}
    assert set(rows) == {"plan as written", "throttling", "dual pacing", "PID"}
    assert all(float(row[0]) <= 1500.0 for row in rows.values())
    assert min(share["PID"], share["dual pacing"]) > 97.0 > 85.0 > share["plan as written"]
    assert min(last[name] for name in rows if name != "plan as written") > last["plan as written"] + 0.3


def test_hindsight_is_an_upper_bound_on_constant_bids() -> None:
    example = run_path(str(EXAMPLE))
    log = example["draw_log"](3)[:4000]
    level, best = example["best_constant"](log, 200.0)
    decision = example["Decision"]
    for shift in (-0.4, -0.1, 0.0, 0.1, 0.4):
        spend, won, _ = example["pace"](log, 200.0, lambda passed, spent, s=shift: decision(level + s, 1.0))
        assert spend <= 200.0
        assert won <= best * 1.001
    assert example["pace"](log, 200.0, lambda passed, spent: decision(level + 1e-9, 1.0))[1] == pytest.approx(best)
