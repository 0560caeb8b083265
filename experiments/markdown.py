"""Pieces of a page: tables, numbers with their intervals, and what people wrote into a page that is written again."""

from collections.abc import Sequence
from pathlib import Path

from .statistics import Interval

NOTE, NOTE_END = "<!-- note: what stands up to its end is kept when this page is written again -->", "<!-- end -->"
_WORDS = (
    "executor",
    "variant",
    "what changes",
    "scenario",
    "best controller",
    "starts from",
    "constant",
    "what it moves",
)  # heads of columns of words


def table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table, numbers to the right."""
    rule = ["---" if head in _WORDS else "---:" for head in heads]
    return "\n".join("| " + " | ".join(line) + " |" for line in (heads, rule, *lines)) + "\n"


def bracket(interval: Interval, unit: float, form: str) -> str:
    """A number and its interval."""
    mean, low, high = (format(unit * value, form) for value in (interval.mean, interval.low, interval.high))
    return f"{mean} [{low}, {high}]"


def percent(interval: Interval) -> str:
    """A share with its sign, in percent; exactly nothing is 0."""
    if interval == Interval(0.0, 0.0, 0.0):
        return "0"
    return bracket(interval, 100.0, "+.1f")


def money(interval: Interval) -> str:
    """A difference of money with its sign."""
    return bracket(interval, 1.0, "+,.0f")


def p_value(p: float) -> str:
    """A p-value as it is read."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def note_of(page: Path) -> str:
    """What people wrote into the page that is there, so that it is not lost when the page is written again."""
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    _, found, rest = text.partition(NOTE)
    return rest.partition(NOTE_END)[0].strip() if found else ""


def with_note(note: str) -> str:
    """A note between the marks by which `note_of` finds it again."""
    return f"{NOTE}\n{note.strip()}\n{NOTE_END}\n"
