"""A merchant's catalogue: a CSV file becomes checked listings, or one error that names every broken row."""

from __future__ import annotations

import csv
import difflib
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

MAX_LISTINGS = 64  # [listings] in one catalogue
SHOWN_ROWS = 10  # [rows] quoted in an error before the rest is only counted
UNRATED = 4.5  # [1..5] taken for a listing without reviews where the store has no rating at all; assumption

REQUIRED = (
    "id", "title", "category", "cost", "price", "minimum_order", "stock", "rating", "reviews", "listed_on",
)  # fmt: skip
OPTIONAL = ("image_score", "title_score", "clearance")
ALIASES = {
    "商品ID": "id",
    "标题": "title",
    "类目": "category",
    "成本": "cost",
    "价格": "price",
    "起订量": "minimum_order",
    "库存": "stock",
    "评分": "rating",
    "评价数": "reviews",
    "上架日期": "listed_on",
    "图片分": "image_score",
    "标题分": "title_score",
    "清仓": "clearance",
}
ANSWERS = {"": False, "no": False, "否": False, "yes": True, "是": True}
DATE_FORMATS = ("%Y-%m-%d", "%Y/%m/%d")


class CatalogueError(ValueError):
    """A catalogue that cannot be used; one line per fault, with row, field, value and what is allowed."""


@dataclass(frozen=True)
class Catalogue:
    """The K listings of one store, in the file's order; the arrays are float64 of shape (K,)."""

    store: str
    listing_id: tuple[str, ...]
    title: tuple[str, ...]
    category: tuple[str, ...]
    cost: NDArray[np.float64]  # [CNY/unit]
    price: NDArray[np.float64]  # [CNY/unit]
    minimum_order: NDArray[np.float64]  # [units]
    stock: NDArray[np.float64]  # [units]
    rating: NDArray[np.float64]  # [1..5]; without reviews: the mean of the store's rated listings
    reviews: NDArray[np.float64]  # [count]
    age_days: NDArray[np.float64]  # [days] from listed_on to the day of reading
    image_score: NDArray[np.float64]  # [0..1], nan = unknown
    title_score: NDArray[np.float64]  # [0..1], nan = unknown


@dataclass(frozen=True)
class _Number:
    """A column of numbers: the words for what is allowed, and the test of it."""

    allowed: str
    holds: Callable[[float], bool]
    may_be_empty: bool = False


NUMBERS: Mapping[str, _Number] = {
    "cost": _Number("number > 0", lambda x: x > 0),
    "price": _Number("number > 0", lambda x: x > 0),
    "minimum_order": _Number("whole number >= 1", lambda x: x >= 1 and x == int(x)),
    "stock": _Number("whole number >= 0", lambda x: x >= 0 and x == int(x)),
    "rating": _Number("number from 1 to 5", lambda x: 1 <= x <= 5, may_be_empty=True),
    "reviews": _Number("whole number >= 0", lambda x: x >= 0 and x == int(x)),
    "image_score": _Number("number from 0 to 1", lambda x: 0 <= x <= 1, may_be_empty=True),
    "title_score": _Number("number from 0 to 1", lambda x: 0 <= x <= 1, may_be_empty=True),
}


@dataclass(frozen=True)
class _Row:
    """One row as read: its text cells, its numbers (nan where empty or broken), its age and its faults."""

    cells: Mapping[str, str]
    numbers: Mapping[str, float]
    age_days: float
    faults: tuple[str, ...]


def read_catalogue(path: str | Path, on: date, store: str | None = None) -> Catalogue:
    """Read a merchant's catalogue.

    Args:
        path: a CSV file in UTF-8, with or without a byte order mark; headers in English or Chinese.
        on: the day of reading; ages are counted up to it.
        store: the store's name; the file's stem if not given.
    Raises: CatalogueError: the file cannot be read, columns are missing, or rows are broken; every broken row
        is named, up to ten, then counted.
    """
    path = Path(path)
    header, records = _records(path)
    columns = _columns(path.name, header)
    rows: list[_Row] = []
    broken: list[str] = []
    first_row: dict[str, int] = {}
    for number, record in records:
        row = _row(dict(zip(columns, record, strict=False)), len(record), len(header), on)
        listing_id = row.cells.get("id", "")
        faults = list(row.faults)
        if listing_id and first_row.setdefault(listing_id, number) != number:
            faults.append(f"id: {listing_id!r} is in row {first_row[listing_id]} already; each id once")
        if faults:
            where = f"{path.name} row {number}" + (f" (id {listing_id})" if listing_id else "")
            broken.append("\n".join(f"{where}, {fault}" for fault in faults))
        rows.append(row)
    if not rows:
        raise CatalogueError(f"{path.name} has no listings; a row for each of 1 to {MAX_LISTINGS} is needed")
    if len(rows) > MAX_LISTINGS:
        broken.insert(0, f"{path.name} has {len(rows)} listings; at most {MAX_LISTINGS} are allowed")
    if broken:
        rest = len(broken) - SHOWN_ROWS
        more = [f"... and {rest} more broken {'row' if rest == 1 else 'rows'}"] if rest > 0 else []
        raise CatalogueError("\n".join([*broken[:SHOWN_ROWS], *more]))
    return _catalogue(store or path.stem, rows)


def _records(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and each filled record with its row number as a spreadsheet counts (header = 1)."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise CatalogueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CatalogueError(
            f"{path.name} is not UTF-8 (byte 0x{error.object[error.start]:02x} at position {error.start}); "
            "save it as 'CSV UTF-8'"
        ) from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        lines = [[cell.strip() for cell in record] for record in reader]
    except csv.Error as error:
        raise CatalogueError(f"{path.name} line {reader.line_num} is not CSV: {error}") from None
    filled = [(number, record) for number, record in enumerate(lines, start=1) if any(record)]
    if not filled:
        raise CatalogueError(f"{path.name} is empty; a header is needed: {', '.join(REQUIRED)}")
    return filled[0][1], filled[1:]


def _columns(name: str, header: Sequence[str]) -> list[str]:
    """Our name of each column of the file; columns of the merchant's own keep theirs and are not read."""
    known = {column.casefold(): column for column in (*REQUIRED, *OPTIONAL)}
    known |= {alias.casefold(): column for alias, column in ALIASES.items()}
    columns = [known.get(cell.casefold().replace(" ", "_"), cell) for cell in header]
    faults = []
    for column in (*REQUIRED, *OPTIONAL):
        if columns.count(column) > 1:
            faults.append(f"{name} header: column {column} is there {columns.count(column)} times; once is allowed")
    for cell in columns:
        near = difflib.get_close_matches(cell.casefold(), OPTIONAL, n=1, cutoff=0.8)
        if cell not in OPTIONAL and near:
            faults.append(f"{name} header: column {cell!r} is unknown; {near[0]!r} may be meant")
    missing = [column for column in REQUIRED if column not in columns]
    if missing:
        found = ", ".join(header)
        faults.append(f"{name} header: columns missing: {', '.join(missing)}; found: {found}")
    if faults:
        raise CatalogueError("\n".join(faults))
    return columns


def _row(cells: Mapping[str, str], width: int, expected: int, on: date) -> _Row:
    """Read one row and note its faults."""
    if width != expected:
        return _Row(cells, {}, math.nan, (f"has {width} cells; the header has {expected}",))
    faults = [f"{column}: is empty; text is needed" for column in ("id", "title", "category") if not cells[column]]
    numbers = dict.fromkeys(NUMBERS, math.nan)
    for column, rule in NUMBERS.items():
        text = cells.get(column, "")
        if not (rule.may_be_empty and not text):
            numbers[column] = _number(text)
            if math.isnan(numbers[column]) or not rule.holds(numbers[column]):
                faults.append(f"{column}: {text!r} is not a {rule.allowed}")
    if not cells["rating"] and numbers["reviews"] > 0:
        faults.append(f"rating: is empty with {cells['reviews']} reviews; a number from 1 to 5 is needed")
    faults.extend(_clearance_faults(cells, numbers))
    listed = _date(cells["listed_on"])
    if listed is None:
        faults.append(f"listed_on: {cells['listed_on']!r} is not a date such as 2024-03-31")
    elif listed > on:
        faults.append(f"listed_on: {cells['listed_on']!r} is after {on.isoformat()}, the day of reading")
    age = math.nan if listed is None else float((on - listed).days)
    return _Row(cells, numbers, age, tuple(faults))


def _clearance_faults(cells: Mapping[str, str], numbers: Mapping[str, float]) -> list[str]:
    """A price under cost must be meant: the row says so in the column clearance."""
    answer = cells.get("clearance", "")
    if answer.casefold() not in ANSWERS:
        return [f"clearance: {answer!r} is not yes or no"]
    if numbers["price"] < numbers["cost"] and not ANSWERS[answer.casefold()]:
        return [
            f"price: {cells['price']} is under the cost {cells['cost']}; "
            "that is allowed only where the column clearance says yes"
        ]
    return []


def _number(text: str) -> float:
    """The finite number in a cell, else nan."""
    try:
        value = float(text) if "_" not in text else math.nan
    except ValueError:
        return math.nan
    return value if math.isfinite(value) else math.nan


def _date(text: str) -> date | None:
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None


def _catalogue(store: str, rows: Sequence[_Row]) -> Catalogue:
    """Lay sound rows out as arrays."""
    column = {name: np.array([row.numbers[name] for row in rows], dtype=np.float64) for name in NUMBERS}
    rated = column["rating"][(column["reviews"] > 0) & ~np.isnan(column["rating"])]
    typical = float(rated.mean()) if rated.size else UNRATED
    return Catalogue(
        store=store,
        listing_id=tuple(row.cells["id"] for row in rows),
        title=tuple(row.cells["title"] for row in rows),
        category=tuple(row.cells["category"] for row in rows),
        cost=column["cost"],
        price=column["price"],
        minimum_order=column["minimum_order"],
        stock=column["stock"],
        rating=np.where(np.isnan(column["rating"]), typical, column["rating"]),
        reviews=column["reviews"],
        age_days=np.array([row.age_days for row in rows], dtype=np.float64),
        image_score=column["image_score"],
        title_score=column["title_score"],
    )
