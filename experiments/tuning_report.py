"""The report of a tuning: a file, a table, a picture, and the words that go into a controller's file."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from matplotlib.ticker import EngFormatter, PercentFormatter
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from .plots import DARK, colours, styled_figure
from .statistics import Interval
from .table import WIDTH
from .tuning import Tuning
from .tuning_verdict import Verdict
from .whole_file import write_whole


def write_json(tuning: Tuning, verdicts: Sequence[Verdict], command: str, path: Path) -> None:
    """All outcomes with what they were searched on; whole or not at all."""
    content = {
        "command": command,
        "scenarios": tuning.scenarios,
        "planner": tuning.planner,
        "stores": tuning.stores,
        "fresh_stores": tuning.fresh,
        "store_hours_allowed": tuning.budget,
        "controllers": [asdict(verdict) for verdict in verdicts],
    }
    write_whole(json.dumps(content, indent=2, allow_nan=False) + "\n", path)


def print_table(tuning: Tuning, verdicts: Sequence[Verdict], console: Console) -> None:
    """One row a controller, the best on fresh stores first."""
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("controller", no_wrap=True)
    heads = ("trials\nwhole", "store-\nhours", "uplift,\nfresh stores", "CNY per\nstore", "over gains\nin place")
    for heading in (*heads, "optimism\n± s.e."):
        table.add_column(heading, justify="right", no_wrap=True)
    for verdict in verdicts:
        colour = ("green" if verdict.gain.low > 0 else "red") if verdict.gain.excludes_zero else ""
        table.add_row(
            Text(verdict.controller, "bold"),
            f"{verdict.whole_trials + verdict.pruned_trials}\n{verdict.whole_trials}",
            f"{verdict.store_hours / 1e6:.2f}M",
            _two_lines(verdict.uplift, "bold"),
            f"{verdict.uplift_cny:+,.1f}",
            _two_lines(verdict.gain, colour) if verdict.gain != Interval(0.0, 0.0, 0.0) else Text("in place", "dim"),
            f"{_percent(verdict.optimism)}\n± {100 * verdict.optimism_error:.2f} %",
        )
    table.width = min(WIDTH, Measurement.get(console, console.options.update(max_width=WIDTH), table).maximum)
    console.print(table, crop=False)
    legend = (
        f"Uplift over the plan as written, as a share of what it earns: {tuning.fresh:,} fresh stores of "
        f"{', '.join(tuning.scenarios)}, 95 % intervals over stores.\nOptimism: the search's best trial, its score on "
        f"the {tuning.stores:,} stores of the search less its score on fresh ones."
    )
    console.print(Text(legend, "dim"), soft_wrap=True)
    for verdict in verdicts:
        if verdict.impossible:
            count, first = len(verdict.impossible), verdict.impossible[0]
            console.print(f"{verdict.controller}: {count} trials had impossible gains, the first: {first}")


def draw_history(verdicts: Sequence[Verdict], path: Path) -> None:
    """The best score so far against the store-hours spent, a line per controller."""
    colour = colours([verdict.controller for verdict in verdicts])
    with styled_figure(path, (7.2, 3.9)) as figure:
        ax = figure.subplots()
        for verdict in verdicts:
            steps = [*verdict.spent, verdict.store_hours]
            best = [*verdict.best, verdict.best[-1]]
            ax.step(steps, best, where="post", color=colour[verdict.controller], label=verdict.controller)
        ax.axhline(0, color=DARK, linewidth=0.9, zorder=1)
        ax.set(
            title="Best gains so far, on the stores of the search",
            xlabel="store-hours of the search",
            ylabel="uplift over the plan as written",
        )
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        ax.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
        ax.set_xlim(left=0)
        figure.legend(loc="outside right upper")


def history(tuning: Tuning, verdict: Verdict, command: str) -> list[str]:
    """Where gains come from, in words, for the head of a controller's file."""
    count, hours = verdict.whole_trials + verdict.pruned_trials, f"{verdict.store_hours / 1e6:.1f} million store-hours"
    learns = tuning.subjects[verdict.controller].learns
    stores = "validation stores" if learns else "training stores"
    where = f"on {tuning.stores:,} {stores} of {', '.join(tuning.scenarios)} under the {tuning.planner} planner"
    kept = verdict.gain == Interval(0.0, 0.0, 0.0)
    begins = f"none of {count} others ({hours}) was better" if kept else f"the best of {count} trials ({hours})"
    ours, anew = ("settings", ", trained anew,") if learns else ("gains", "")
    before = "" if kept else f", {_percent(verdict.gain.mean)} {_ends(verdict.gain)} over the {ours} before"
    uplift = f"{_percent(verdict.uplift.mean)} {_ends(verdict.uplift)}"
    return [
        f"{begins} {where}.",
        f"On {tuning.fresh:,} fresh {stores}{anew} {uplift} over the plan as written, {verdict.uplift_cny:+,.0f} CNY "
        f"per store{before}. Found by:",
        f"  {command}",
    ]


def _percent(share: float) -> str:
    return f"{100 * share:+.2f} %"


def _ends(interval: Interval) -> str:
    return f"[{_percent(interval.low)}, {_percent(interval.high)}]"


def _two_lines(interval: Interval, style: str) -> Text:
    return Text("\n").join([Text(_percent(interval.mean), style), Text(_ends(interval), "dim")])
