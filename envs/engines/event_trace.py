"""What happened in the event engine, event by event, so that a person can follow one buyer from visit to review."""

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, get_type_hints

from ..market.parameters import CHANNELS, SEGMENTS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

NOBODY = -1
"""Buyer of an event that no buyer caused, such as midnight."""


class Happening(StrEnum):
    """What can happen."""

    CARRIED_OVER = "carried_over"  # a buyer or a return that the state at the start knew of
    VISIT = "visit"
    AD_IMPRESSION = "ad_impression"
    ORGANIC_IMPRESSION = "organic_impression"
    AD_CLICK = "ad_click"  # money: the charge
    ORGANIC_CLICK = "organic_click"
    BUDGET_EXHAUSTED = "budget_exhausted"  # detail: which purse
    WAITS = "waits"  # detail: within_day or slow
    ORDER = "order"  # money: revenue; detail: same_hour, within_day or slow
    REFUSED = "refused"  # units: what was asked for
    RETURN = "return"  # money: the refund
    COMPLAINT = "complaint"
    REVIEW = "review"  # units: stars
    REORDER = "reorder"  # units: ordered from the factory
    REPLENISHMENT = "replenishment"  # units: that arrive
    DELISTED = "delisted"
    RELISTED = "relisted"
    MIDNIGHT = "midnight"
    CLOSING = "closing"


class Row(NamedTuple):
    """One event."""

    store: int  # second half of the store's random key
    time: float  # [h of the run]
    buyer: int  # number of the buyer within the store, `NOBODY` where nobody was concerned
    event: str
    channel: str  # empty where it does not apply or is no longer known
    segment: str
    listing: int  # -1 where it does not apply
    money: float  # [CNY]
    units: int
    detail: str


class EventTrace:
    """Collects events; hand it to the event engine. Some 3000 events a store-hour in a busy scenario."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __len__(self) -> int:
        return len(self.rows)

    def add(
        self,
        store: int,
        time: float,
        event: Happening,
        buyer: int = NOBODY,
        channel: int = -1,
        segment: int = -1,
        listing: int = -1,
        fen: float = 0.0,
        units: float = 0,
        detail: str = "",
    ) -> None:
        """Take down one event: numbers of channel and segment as in the packed arrays, -1 for none; money in fen."""
        self.rows.append(
            Row(
                store,
                time,
                buyer,
                event.value,
                CHANNELS[channel] if channel >= 0 else "",
                SEGMENTS[segment] if segment >= 0 else "",
                listing,
                fen / 100.0,
                int(units),
                detail,
            )
        )

    def clear(self) -> None:
        """Forget everything."""
        self.rows.clear()

    def table(self) -> "pd.DataFrame":
        """All events in the order in which they happened; columns as in `Row`."""
        import pandas as pd  # slow to import, and most runs take nothing down

        return pd.DataFrame(self.rows, columns=list(Row._fields))

    def buyer(self, number: int, store: int | None = None) -> "pd.DataFrame":
        """The story of one buyer, in order.

        Args:
            number: of the buyer, as in the column `buyer`.
            store: the buyer's store; may be left out where the trace holds one store.
        Raises: ValueError: there is no such buyer, or stores have to be told apart.
        """
        table = self.table()
        found = table[(table["buyer"] == number) & (number != NOBODY)]
        if store is not None:
            found = found[found["store"] == store]
        elif table["store"].nunique() > 1:
            raise ValueError(f"store(={store}) must be one of the trace's stores: numbers of buyers are a store's own")
        if found.empty:
            raise ValueError(f"buyer(={number}) must be a number in the column 'buyer' of the trace")
        return found.reset_index(drop=True)

    def write(self, path: str | Path) -> Path:
        """Write all events as a parquet file; a file of that name is replaced whole or, on an error, left alone.

        Raises: ValueError: the path does not end in .parquet; OSError: the folder cannot be written.
        """
        target = Path(path)
        if target.suffix != ".parquet":
            raise ValueError(f"path(={str(path)!r}) must end in .parquet")
        from pyarrow import parquet  # slow to import

        table = self._arrow()
        draft = target.with_name(f".{target.name}.{os.getpid()}")
        try:
            parquet.write_table(table, draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
        return target

    def _arrow(self) -> "pa.Table":
        """All events in arrow's form, its types those of `Row` even where there are no events."""
        import pyarrow as pa

        types = {int: pa.int64(), float: pa.float64(), str: pa.string()}
        kinds = [types[kind] for kind in get_type_hints(Row).values()]
        columns = zip(*self.rows, strict=True) if self.rows else [()] * len(kinds)
        arrays = [pa.array(column, kind) for column, kind in zip(columns, kinds, strict=True)]
        return pa.Table.from_arrays(arrays, names=list(Row._fields))
