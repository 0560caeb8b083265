"""The trace of events: it adds up to the report, a person can follow one buyer, and files are whole or not there."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from merchantgym.envs.engines.event_trace import NOBODY, EventTrace, Happening
from merchantgym.envs.engines.layout import ListingState, Report, StateArrays
from merchantgym.envs.market.parameters import CHANNELS

from .event_worlds import quiet

VOLUME = 0.5


@pytest.fixture(scope="module")
def told() -> tuple[StateArrays, EventTrace]:
    """Two stores after four days, and what happened."""
    trace = EventTrace()
    return quiet(volume=VOLUME).run(96, trace=trace), trace


def test_the_events_add_up_to_the_report(told: tuple[StateArrays, EventTrace]) -> None:
    state, trace = told
    table = trace.table()
    listings = range(state.total.shape[1])

    def per_listing(store: int, event: str, value: str = "", **where: str) -> Any:
        rows = table[(table["store"] == store) & (table["event"] == event)]
        for column, wanted in where.items():
            rows = rows[rows[column] == wanted]
        groups = rows.groupby("listing")
        counts = groups[value].sum() if value else groups.size()
        return counts.reindex(listings, fill_value=0).to_numpy()

    for store in (0, 1):
        report = state.total[store].T
        for c, channel in enumerate(CHANNELS):
            for first, event in (
                (Report.AD_IMPRESSIONS_SEARCH, "ad_impression"),
                (Report.ORGANIC_IMPRESSIONS_SEARCH, "organic_impression"),
                (Report.AD_CLICKS_SEARCH, "ad_click"),
                (Report.ORGANIC_CLICKS_SEARCH, "organic_click"),
            ):
                np.testing.assert_array_equal(per_listing(store, event, channel=channel), report[first + c])
            spend = per_listing(store, "ad_click", "money", channel=channel)
            np.testing.assert_allclose(spend * 100.0, report[Report.SPEND_SEARCH + c])
        for i, delay in enumerate(("same_hour", "within_day", "slow")):
            counted = per_listing(store, "order", detail=delay)
            np.testing.assert_array_equal(counted, report[Report.ORDERS_SAME_HOUR + i])
        np.testing.assert_array_equal(per_listing(store, "order", "units"), report[Report.UNITS])
        np.testing.assert_allclose(per_listing(store, "order", "money") * 100.0, report[Report.REVENUE])
        np.testing.assert_array_equal(per_listing(store, "return"), report[Report.RETURNS])
        np.testing.assert_allclose(per_listing(store, "return", "money") * 100.0, report[Report.REFUNDS])
        for event, column in (
            ("complaint", Report.COMPLAINTS),
            ("review", Report.REVIEWS),
            ("refused", Report.REFUSED),
        ):
            np.testing.assert_array_equal(per_listing(store, event), report[column])
        stars = per_listing(store, "review", "units") + per_listing(store, "complaint", "units")
        gained = state.listing[store, :, ListingState.STAR_SUM] - quiet().state.listing[store, :, ListingState.STAR_SUM]
        np.testing.assert_allclose(stars, gained)
        assert report[[Report.REVIEWS, Report.RETURNS]].sum(axis=1).min() > 5.0


def test_events_come_in_order_of_time_store_by_store(told: tuple[StateArrays, EventTrace]) -> None:
    table = told[1].table()
    assert all((table[table["store"] == store]["time"].diff().dropna() >= 0.0).all() for store in (0, 1))
    assert table["time"].between(0.0, 96.0).all()
    assert set(table["event"]) <= {event.value for event in Happening}


def test_one_buyer_can_be_followed_from_visit_to_review(told: tuple[StateArrays, EventTrace]) -> None:
    trace = told[1]
    table = trace.table()
    slow = table[(table["event"] == "order") & (table["detail"] == "slow")]
    reviewers = table[table["event"] == "review"].merge(slow[["store", "buyer"]])
    store, buyer = (int(reviewers.iloc[0][name]) for name in ("store", "buyer"))
    story = trace.buyer(buyer, store)
    assert list(story["event"]) in (
        ["visit", "ad_impression", "ad_click", "waits", "order", "review"],
        ["visit", "organic_impression", "organic_click", "waits", "order", "review"],
    )
    assert story["time"].is_monotonic_increasing
    assert story[["channel", "segment", "listing"]].drop_duplicates().shape == (1, 3)


def test_whom_to_follow_must_be_said_clearly(told: tuple[StateArrays, EventTrace]) -> None:
    trace = told[1]
    with pytest.raises(ValueError, match=r"store\(=None\) must be one of the trace's stores"):
        trace.buyer(3)
    for number in (10**9, NOBODY):
        with pytest.raises(ValueError, match=re.escape(f"buyer(={number}) must be a number in the column 'buyer'")):
            trace.buyer(number, store=0)


def test_a_trace_changes_nothing(told: tuple[StateArrays, EventTrace]) -> None:
    untold = quiet(volume=VOLUME).run(96)
    assert untold.total.tobytes() == told[0].total.tobytes()
    assert untold.listing.tobytes() == told[0].listing.tobytes()


def test_a_written_trace_is_read_back_whole(told: tuple[StateArrays, EventTrace], tmp_path: Path) -> None:
    trace = told[1]
    path = trace.write(tmp_path / "trace.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(path), trace.table(), check_dtype=False)
    assert pq.read_schema(path).names == list(trace.table().columns)


def test_an_empty_trace_can_be_written(tmp_path: Path) -> None:
    trace = EventTrace()
    assert len(pd.read_parquet(trace.write(tmp_path / "trace.parquet"))) == len(trace) == 0


def test_nothing_is_left_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace, path = EventTrace(), tmp_path / "trace.parquet"
    trace.add(0, 1.0, Happening.MIDNIGHT)
    before = trace.write(path).read_bytes()

    def fails(table: Any, where: Path) -> None:
        where.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(pq, "write_table", fails)
    with pytest.raises(OSError, match="disk full"):
        trace.write(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"path\(='.*trace.csv'\) must end in .parquet"):
        EventTrace().write(tmp_path / "trace.csv")
    assert list(tmp_path.iterdir()) == []
