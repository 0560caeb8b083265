"""What an agreement study shows: tables on the screen, in markdown, and files for other programs."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.console import Console, JustifyMethod
from rich.measure import Measurement
from rich.table import Table

from .agreement_analysis import Comparison, Study, smallest
from .agreement_outputs import BY_PLACE
from .agreement_worlds import SITUATIONS

DETAILED = "slack"
"""Situation whose outputs are shown one by one."""

_SITUATIONS = ("situation", "comparisons", "smallest adjusted p", "found in", "verdict")
_MEANS = ("difference [%]", "95 % interval", "detectable [%]", "p")
_SIGHTINGS = ("engine", "situation", "ad clicks [%]", "p of them", "smallest p", "found in", "verdict")
_WIDTH = 160  # columns a printed table may take

Line = tuple[str, ...]
Engines = tuple[str, ...]
"""Names of the reference and of the engine held against it."""


def situations(study: Study) -> list[str]:
    """Names in the order of the study."""
    return list(dict.fromkeys(c.situation for c in study.comparisons))


def situation_lines(study: Study) -> list[Line]:
    """One line a situation: comparisons, the smallest adjusted p and where it stands, verdict."""
    lines: list[Line] = []
    for name in situations(study):
        found = study.of(name)
        least = smallest(found)
        broken = sum(c.adjusted < study.level for c in found)
        verdict = f"differs in {broken}" if broken else "one law"
        lines.append((name, f"{len(found):,}", chance(least.adjusted), f"{least.output} ({least.statistic})", verdict))
    return lines


def output_lines(study: Study, situation: str) -> list[Line]:
    """One line an output: means, relative difference with its interval, what would be seen, p. Listings summed."""
    lines: list[Line] = []
    for name, found in study.means(situation).items():
        if BY_PLACE in name:
            continue
        half = found.half_width() / found.scale if found.scale > 0.0 else 0.0
        unit = "" if found.scale == abs(found.second) else " of sd"
        lines.append(
            (
                name.replace("_", " "),
                number(found.first),
                number(found.second),
                percent(found.relative) + unit,
                f"{percent(found.relative - half)} .. {percent(found.relative + half)}",
                percent(study.detectable_bias(found)).lstrip("+"),
                chance(found.p),
            )
        )
    return lines


def sighting_lines(study: Study) -> list[Line]:
    """One line a wrong engine and situation in which it differs from the right one."""
    lines: list[Line] = []
    for seen in study.sightings:
        if not seen.differs:
            continue
        verdict = f"rejected in {seen.rejected}" if seen.rejected else "not seen"
        p = (chance(seen.clicks_adjusted), chance(seen.smallest))
        lines.append((seen.engine, seen.situation, percent(seen.bias), *p, seen.output, verdict))
    return lines


def print_study(console: Console, study: Study, engines: Engines) -> None:
    """The tables, on the screen; enough columns are taken even where the console is a pipe."""
    _print(console, _SITUATIONS, situation_lines(study), "Agreement of both engines")
    shown = DETAILED if DETAILED in situations(study) else situations(study)[0]
    _print(console, ("output", *engines, *_MEANS), output_lines(study, shown), f"Means, situation {shown}")
    if lines := sighting_lines(study):
        _print(console, _SIGHTINGS, lines, "Would a wrong engine be seen?")


def _print(console: Console, columns: Sequence[str], lines: list[Line], title: str) -> None:
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for place, name in enumerate(columns):
        justify: JustifyMethod = "right" if place > 0 and _is_number(lines[0][place]) else "left"
        table.add_column(name, justify=justify, no_wrap=True)
    for line in lines:
        colour = _COLOURS.get(line[-1].split(" in ")[0])
        table.add_row(*line[:-1], f"[{colour}]{line[-1]}[/{colour}]" if colour else line[-1])
    table.width = Measurement.get(console, console.options.update(max_width=_WIDTH), table).maximum
    console.print(table, crop=False)


_COLOURS = {"one law": "green", "rejected": "green", "not seen": "yellow", "differs": "red"}


def _is_number(text: str) -> bool:
    return text[:1] in "+-<0123456789"


def markdown(study: Study, engines: Engines, copies: Mapping[str, int], stores: int) -> str:
    """The study as a page of the docs."""
    count = len(study.comparisons)
    about = (
        "# Two engines, one law\n\n"
        "Written by `merchantgym agree`. The compiled engine (hour) runs many stores at once; the event engine plays "
        "one store visit by visit. Both start from the same states. They share the market's formulas and the weather "
        "(the hourly steps of demand and rivals, drawn by the same key), nothing else.\n\n"
        f"{stores} stores, each run {_copies(copies)} times by the reference ({engines[0]}), more often by the "
        f"compiled engine, in situations dense in events. {count:,} comparisons of means, spreads and distributions; "
        f"the chance of a single false alarm among all of them is {study.level:.0%} (Holm). An adjusted p-value below "
        f"{study.level:g} means that the engines differ.\n"
    )
    parts = [about, "![Relative differences of means with 95 % intervals](agreement.png)\n"]
    parts.append(_markdown_table(_SITUATIONS, situation_lines(study)))
    parts.append("\n".join(f"- **{name}**: {SITUATIONS[name].__doc__}" for name in situations(study)) + "\n")
    if lines := sighting_lines(study):
        parts.append(
            "## Would a wrong engine be seen?\n\n"
            "`scaled` serves an hour as if money were no object and scales it down after the fact; `raised` has the "
            "log-odds of a click raised so that there are 0.3 % more clicks. Situations in which an engine does what "
            "the right one does are left out; 0.3 % of clicks needs the many runs of slack.\n"
        )
        parts.append(_markdown_table(_SIGHTINGS, lines))
    for name in situations(study):
        parts.append(f"## Means: {name.replace('_', ' ')}\n\n{_ABOUT_MEANS}\n" if name == DETAILED else _folded(name))
        parts.append(_markdown_table(("output", *engines, *_MEANS), output_lines(study, name)))
        if name != DETAILED:
            parts.append("</details>\n")
    return "\n".join(parts)


_ABOUT_MEANS = (
    "Counts, money in fen, hours, per run. The difference is that of the regression estimator, relative to the mean; "
    "`detectable`: a bias that the study finds with probability 0.9. `p` is not adjusted."
)


def _folded(name: str) -> str:
    return f"<details><summary>Means: {name.replace('_', ' ')}</summary>\n"


def _copies(copies: Mapping[str, int]) -> str:
    low, high = min(copies.values()), max(copies.values())
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _markdown_table(columns: Sequence[str], lines: list[Line]) -> str:
    rows = ["| " + " | ".join(line) + " |" for line in (columns, ["---"] * len(columns), *lines)]
    return "\n".join(rows) + "\n"


def write_results(
    study: Study, copies: Mapping[str, int], stores: int, ways: Mapping[str, Mapping[str, float]], folder: Path
) -> None:
    """Write agreement.json (summary) and agreement.parquet (every comparison)."""
    summary = {
        "agrees": not study.broken,
        "level": study.level,
        "comparisons": len(study.comparisons),
        "stores": stores,
        "situations": {
            name: {
                "copies": copies[name],
                "comparisons": len(study.of(name)),
                "smallest_adjusted_p": smallest(study.of(name)).adjusted,
                "output": smallest(study.of(name)).output,
                "statistic": smallest(study.of(name)).statistic,
                "detectable_bias_of_clicks": study.detectable_bias(study.means(name)["clicks"]),
                "standard_error_of_clicks": dict(ways[name]),  # by the way of comparing
            }
            for name in situations(study)
        },
        "wrong_engines": [asdict(seen) for seen in study.sightings],
    }
    part = folder / "agreement.json.part"
    part.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    os.replace(part, folder / "agreement.json")
    frame = pd.DataFrame([_row(c, study) for c in study.comparisons])
    part = folder / "agreement.parquet.part"
    frame.to_parquet(part, index=False)
    os.replace(part, folder / "agreement.parquet")


def _row(comparison: Comparison, study: Study) -> dict[str, Any]:
    row: dict[str, Any] = {
        "situation": comparison.situation,
        "output": comparison.output,
        "statistic": comparison.statistic,
        "p": comparison.p,
        "adjusted_p": comparison.adjusted,
    }
    found = comparison.difference
    if found is None:
        return row
    return row | {
        "mean_reference": found.first,
        "mean_tested": found.second,
        "difference": found.difference,
        "standard_error": found.error,
        "half_width": found.half_width(),
        "scale": found.scale,
        "detectable_bias": study.detectable_bias(found),
        "weight_of_pairs": found.weight,
    }


def number(value: float) -> str:
    """Five significant digits, no exponent for what is read as a count or money."""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.5g}"


def percent(share: float) -> str:
    """A signed share, in percent."""
    return f"{100.0 * share:+.3f}"


def chance(p: float) -> str:
    """A p-value."""
    if p < 1e-99:
        return "<1e-99"
    return f"{p:.2f}" if p >= 0.01 else f"{p:.1e}"
