"""The table of a comparison: one row per planner x executor, as file and on the screen.

Two paired differences stand in every row, both against arms that executed the plans of the same planner on
the same stores:

- `vs_open_loop`: against the plan executed as written. - `vs_best_controller`: against the arm of kind
"controller" with the highest mean profit. It is picked on the very stores it is
  then measured on, which flatters the controller: a learned arm's margin over it errs on the low side.

The difference of the reference arm with itself is exactly 0; where a planner has no such arm the field is
None (null in the file).
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from .statistics import Floats, Interval, iqm, mean_interval, paired_difference

Kind = Literal["plan", "controller", "learned"]

OPEN_LOOP = "open_loop"  # name of the executor that leaves the plan as written
WIDTH = 100  # columns the printed table needs


@dataclass(frozen=True, eq=False)
class ArmResult:
    """What planner x executor earned on every held-out store, whole plan; arrays (training seeds, stores).

    Raises: ValueError: names the arm, the field and what is allowed.
    """

    planner: str
    executor: str
    kind: Kind
    profit: Floats  # the merchant's [CNY]
    platform: Floats  # the platform's profit [CNY]
    spend: Floats  # advertising [CNY], >= 0
    gmv: Floats  # [CNY]
    attributed_gmv: Floats  # GMV of orders that came from an advertisement [CNY]
    broke_zero: Floats  # listings that went from no sale ever to their first [count]
    violations: Floats  # constraints of the plan that were broken, such as the ROI floor [count]

    def __post_init__(self) -> None:
        """Arrays are checked once, here, so that nothing below meets a bad one."""
        if self.kind not in get_args(Kind):
            raise ValueError(f"{self.name}: kind(={self.kind!r}) must be one of {', '.join(get_args(Kind))}")
        for field in fields(self)[3:]:
            object.__setattr__(self, field.name, self._checked(field.name, getattr(self, field.name)))

    def _checked(self, field: str, values: ArrayLike) -> Floats:
        x = np.asarray(values, dtype=np.float64)
        shape = np.shape(self.profit)
        if x.ndim != 2 or x.shape != shape or x.size == 0:
            raise ValueError(
                f"{self.name}: {field}(shape={x.shape}) must be (seeds, stores) like profit(shape={shape})"
            )
        if not np.isfinite(x).all():
            seed, store = np.argwhere(~np.isfinite(x))[0]
            entry = f"{field}[seed {seed}, store {store}](={x[seed, store]})"
            raise ValueError(f"{self.name}: {entry} must be finite")
        if field not in ("profit", "platform") and x.min() < 0:
            raise ValueError(f"{self.name}: {field}(min={x.min()}) must be >= 0")
        return x

    @property
    def name(self) -> str:
        """Planner and executor in one word, `planner/executor`."""
        return f"{self.planner}/{self.executor}"

    @property
    def mean_profit(self) -> float:
        """Mean over training seeds and stores [CNY per store]."""
        return float(self.profit.mean())


@dataclass(frozen=True)
class Row:
    """One row of comparison.json; money is a mean over training seeds and stores [CNY per store and plan]."""

    planner: str
    executor: str
    kind: Kind
    stores: int
    seeds: int
    profit_mean: float  # the merchant's
    profit_iqm: float
    profit_low: float  # 95 % interval of the mean
    profit_high: float
    platform_mean: float  # the platform's profit
    platform_low: float  # 95 % interval of the mean
    platform_high: float
    vs_open_loop: Interval | None  # paired difference of mean profit
    vs_best_controller: Interval | None
    spend: float
    gmv: float
    roi: float | None  # attributed GMV / spend, both summed over stores; None where nothing was spent
    broke_zero: float  # [listings per store]
    violations: float  # [count per store]


def build_rows(results: Sequence[ArmResult], rng: np.random.Generator) -> list[Row]:
    """Rows of all arms, the highest mean profit first (ties by name).

    `rng` is asked for one number, which seeds every interval alike: all arms see the same resampled stores,
    and a row does not depend on which other rows there are beside its references.

    Raises: ValueError: no arm, an arm given twice, or arms measured on different numbers of stores.
    """
    _check_arms(results)
    state = int(rng.integers(2**63))
    ranked = sorted(results, key=lambda arm: (-arm.mean_profit, arm.name))
    return [_row(arm, [other for other in ranked if other.planner == arm.planner], state) for arm in ranked]


def numbers(row: Row) -> dict[str, float]:
    """The numbers of a row by name for a tracker; intervals as `vs_open_loop.low` etc., None left out."""
    flat: dict[str, float] = {}
    for name, value in asdict(row).items():
        parts = value.items() if isinstance(value, dict) else [("", value)]
        flat |= {f"{name}.{p}".rstrip("."): float(v) for p, v in parts if isinstance(v, int | float)}
    return flat


def write_json(rows: Sequence[Row], path: Path) -> None:
    """Write rows as a JSON list; the file appears whole or not at all, and an older one stays until then.

    Raises: ValueError: a number that JSON has no word for (NaN, infinity). OSError: the folder cannot be
    written.
    """
    text = json.dumps([asdict(row) for row in rows], indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def print_table(rows: Sequence[Row], console: Console) -> None:
    """Print rows in the order given; 100 columns suffice and are taken even where the console is a pipe."""
    money = _Money.of(rows)
    table = Table(box=box.SIMPLE_HEAD, padding=0)
    table.add_column("#", justify="right")
    table.add_column("executor\nplanner", overflow="fold")
    table.add_column("kind\nseeds", no_wrap=True)
    for heading in ("profit\n(merchant)", "vs\nopen loop", "vs best\ncontroller", "platform\nGMV"):
        table.add_column(f"{heading}\n{money.unit}", justify="right", no_wrap=True)
    for heading in (f"spend\n{money.unit}\nROI", "zero\nviol."):
        table.add_column(heading, justify="right", no_wrap=True)
    for rank, row in enumerate(rows, 1):
        table.add_row(*_cells(rank, row, money))
    room = max(console.width, WIDTH)
    table.width = min(room, Measurement.get(console, console.options.update(max_width=room), table).maximum)
    console.print(table, crop=False)
    console.print(Text(_legend(rows), "dim"), soft_wrap=True)


def _check_arms(results: Sequence[ArmResult]) -> None:
    if not results:
        raise ValueError("results(=[]) must hold at least one arm")
    names = [arm.name for arm in results]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(
            f"results: {', '.join(twice)} given more than once; an arm must be given once, all seeds in it"
        )
    stores = results[0].profit.shape[1]
    for arm in results:
        if arm.profit.shape[1] != stores:
            raise ValueError(
                f"{arm.name}: stores(={arm.profit.shape[1]}) must equal {results[0].name}: stores(={stores})"
            )


def _row(arm: ArmResult, peers: Sequence[ArmResult], state: int) -> Row:
    """Row of an arm; peers: all arms of its planner, the highest mean profit first."""
    open_loop = next((p for p in peers if p.executor == OPEN_LOOP), None)
    controller = next((p for p in peers if p.kind == "controller"), None)
    profit = mean_interval(arm.profit, np.random.default_rng(state))
    platform = mean_interval(arm.platform, np.random.default_rng(state))
    spend = float(arm.spend.mean())
    return Row(
        planner=arm.planner,
        executor=arm.executor,
        kind=arm.kind,
        stores=arm.profit.shape[1],
        seeds=arm.profit.shape[0],
        profit_mean=profit.mean,
        profit_iqm=iqm(arm.profit),
        profit_low=profit.low,
        profit_high=profit.high,
        platform_mean=platform.mean,
        platform_low=platform.low,
        platform_high=platform.high,
        vs_open_loop=_difference(arm, open_loop, state),
        vs_best_controller=_difference(arm, controller, state),
        spend=spend,
        gmv=float(arm.gmv.mean()),
        roi=float(arm.attributed_gmv.mean()) / spend if spend > 0 else None,
        broke_zero=float(arm.broke_zero.mean()),
        violations=float(arm.violations.mean()),
    )


def _difference(arm: ArmResult, reference: ArmResult | None, state: int) -> Interval | None:
    if reference is None:
        return None
    return paired_difference(arm.profit, reference.profit, np.random.default_rng(state))


@dataclass(frozen=True)
class _Money:
    """How one table writes money: the same unit and decimals in every cell."""

    unit: str
    divisor: float
    digits: int

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "_Money":
        largest = max((abs(row.profit_mean) for row in rows), default=0.0)
        if largest >= 1e5:
            return cls("kCNY", 1e3, 1)
        return cls("CNY", 1.0, 0 if largest >= 100 else 2)

    def text(self, value: float, sign: str = "") -> str:
        return f"{value / self.divisor:{sign},.{self.digits}f}"

    def ends(self, interval: Interval, sign: str = "") -> str:
        return f"[{self.text(interval.low, sign)}, {self.text(interval.high, sign)}]"


def _cells(rank: int, row: Row, money: _Money) -> list[Text]:
    profit = Interval(row.profit_mean, row.profit_low, row.profit_high)
    return [
        Text(str(rank)),
        _two(Text(row.executor, "bold"), row.planner),
        _two(Text(row.kind), str(row.seeds)),
        _two(Text(money.text(profit.mean), "bold"), money.ends(profit)),
        _difference_cell(row.vs_open_loop, money),
        _difference_cell(row.vs_best_controller, money),
        _two(Text(money.text(row.platform_mean)), money.text(row.gmv)),
        _two(Text(money.text(row.spend)), "-" if row.roi is None else f"{row.roi:.2f}"),
        _two(Text(f"{row.broke_zero:.2f}"), f"{row.violations:.2f}"),
    ]


def _difference_cell(difference: Interval | None, money: _Money) -> Text:
    if difference is None:
        return Text("-")
    if difference == Interval(0.0, 0.0, 0.0):
        return Text("reference", "dim")
    colour = ("green" if difference.low > 0 else "red") if difference.excludes_zero else ""
    return _two(Text(money.text(difference.mean, "+"), colour), money.ends(difference, "+"))


def _two(first: Text, second: str) -> Text:
    return Text("\n").join([first, Text(second, "dim")])


def _legend(rows: Sequence[Row]) -> str:
    stores = f"{rows[0].stores} stores" if rows else "no stores"
    return (
        f"Means per store over {stores}, whole plan. Rank and differences: the merchant's profit.\n"
        "platform: the platform's. ROI: attributed GMV / spend. zero: listings that broke zero. viol.:\n"
        "constraints violated. Brackets: 95 % bootstrap interval over stores and training seeds.\n"
        "Differences are paired by store within a planner. The best controller is picked on these same\n"
        "stores, which favours it over learned arms."
    )
