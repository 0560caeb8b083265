"""The workspace of one thread: rows that an hour fills, uses and forgets."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..market.auction import SLOTS
from ..market.compiled import formula
from .layout import N_CHANNELS, N_SEGMENTS, Field

ROOM = 1024
"""Clicks for which there is room; an hour that may have more than half of it is served in parts."""


class Rate(Field):
    """Rows of the workspace, one number per cell."""

    REQUESTS = 0  # expected suitable requests in the hour
    EXPOSURE = 1  # probability that the ad is seen
    ORGANIC = 2  # probability that the organic result is seen
    CLICK = 3  # probability of a click, once seen
    CLICKS = 4  # expected clicks, while there is money
    POSITION = 5  # of the score among the rivals' [standard deviations]
    OPEN = 6  # 1 where the listing is in the auction
    ODDS = 7  # of a click
    SEEN = 8  # exposure over the share of the hour for which there was money
    AD_VIEWS = 9  # expected, of those who do not click
    ORGANIC_VIEWS = 10
    WON = 11  # expected requests that saw the ad


class Clicked(Field):
    """Rows of the workspace, one number per cell that was clicked."""

    PRICE = 0  # [CNY per click]
    CONVERSION = 1  # probability of an order per click
    ODDS = 2  # of an order, without segment and price
    EXPOSURE = 3
    POSITION = 4
    SIGMA = 5
    STEP = 6
    RIVAL_LOG_MEAN = 7
    QUALITY = 8
    BID = 9
    ELASTICITY = 10
    SENSITIVITY = 11
    ADVANTAGE = 12
    SEGMENT = 13  # log-odds
    ASKED = 14  # rival score of the slots won, as a share of its mean
    RIVAL_MEAN = 15  # [CNY]


class Term(Field):
    """Rows of the workspace, one number per listing."""

    CLICK = 0  # log-odds
    ORDER = 1  # log-odds
    ADVANTAGE = 2
    RANK = 3
    ORGANIC_SEARCH = 4  # probability that the organic result is seen
    ORGANIC_FEED = 5
    BID_SEARCH = 6
    BID_FEED = 7
    QUALITY = 8
    LISTED = 9
    RATING = 10
    REVIEWS = 11
    HYPE = 12
    APPEAL = 13
    RELEVANCE = 14
    PRICE = 15
    REFERENCE_PRICE = 16
    MEMORY = 17
    AGE = 18


class Click(Field):
    """Rows of the workspace, one number per click of the hour."""

    CELL = 0  # place of its cell among the clicked ones
    NUMBER = 1  # of the click within its cell
    KIND = 2  # uniform: seen as an ad, or among the organic results
    ORDER = 3  # uniform: orders, or not
    DELAY = 4  # uniform: now, within a day, or later
    MOMENT = 5  # share of the hour passed
    FROM_AD = 6  # 1 if an ad was clicked


class View(Field):
    """Rows of the workspace, one number per channel, kind (ad, organic) and listing."""

    MEAN = 0
    COUNT = 1


class Where(Field):
    """Rows of the workspace, one whole number per cell that was clicked."""

    CELL = 0
    COUNT = 1
    GROUP = 2  # channel * N_SEGMENTS + segment
    LISTING = 3


class Purse(Field):
    """Rows of the workspace, one number for the budgets, then one per channel's and per listing's cap."""

    LEFT = 0  # [fen]
    NEED = 1  # [fen] the most that the hour's clicks can take
    LASTED = 2  # share of the hour for which there was money


_RATES, _TERMS, _CLICKED, _CLICK = len(Rate), len(Term), len(Clicked), len(Click)
_VIEWS, _WHERE, _PURSES = len(View), len(Where), len(Purse)


class Desk(NamedTuple):
    """The workspace of one thread; N cells, K listings. See the enumerations of the rows."""

    cells: Any  # (Rate, N)
    terms: Any  # (Term, K)
    rivals: Any  # (1, C * S) mean log score of the top rival
    clicked: Any  # (Clicked, N)
    slots: Any  # (1, SLOTS * N)
    drawn: Any  # (1, N) clicks of every cell
    clicks: Any  # (Click, ROOM)
    purses: Any  # (Purse, 1 + C + K)
    views: Any  # (View, 2 * C * K)
    draws: Any  # (6, max(N, 2 * C * K)) uniforms, and the scratch of `fill_poisson`
    where: Any  # (Where, N)
    keys: Any  # (2, ROOM) each click's cell, and its number within it
    sequence: Any  # (1, ROOM) clicks in the order in which they are served


@formula
def _take(buffer: Any, start: int, rows: int, columns: int) -> Any:
    return buffer[start : start + rows * columns].reshape(rows, columns)


@formula
def lay_out(numbers: Any, places: Any, listings: int) -> Any:
    """A workspace for stores with so many listings within two buffers, float64 and int64, as `new_buffers` makes."""
    n = N_CHANNELS * N_SEGMENTS * listings
    purses = 1 + N_CHANNELS + listings
    views = 2 * N_CHANNELS * listings
    a = 0
    cells = _take(numbers, a, _RATES, n)
    a += cells.size
    terms = _take(numbers, a, _TERMS, listings)
    a += terms.size
    rivals = _take(numbers, a, 1, N_CHANNELS * N_SEGMENTS)
    a += rivals.size
    clicked = _take(numbers, a, _CLICKED, n)
    a += clicked.size
    slots = _take(numbers, a, 1, SLOTS * n)
    a += slots.size
    drawn = _take(numbers, a, 1, n)
    a += drawn.size
    clicks = _take(numbers, a, _CLICK, ROOM)
    a += clicks.size
    purse = _take(numbers, a, _PURSES, purses)
    a += purse.size
    view = _take(numbers, a, _VIEWS, views)
    a += view.size
    draws = _take(numbers, a, 6, max(n, views))
    where = _take(places, 0, _WHERE, n)
    keys = _take(places, where.size, 2, ROOM)
    sequence = _take(places, where.size + keys.size, 1, ROOM)
    return Desk(cells, terms, rivals, clicked, slots, drawn, clicks, purse, view, draws, where, keys, sequence)


def new_buffers(listings: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Buffers in which `lay_out` finds room for stores with so many listings."""
    most = 1 << 22
    desk = lay_out(np.empty(most), np.empty(most, dtype=np.int64), listings)
    sizes = {np.dtype(kind): sum(part.size for part in desk if part.dtype == kind) for kind in (np.float64, np.int64)}
    return np.zeros(sizes[np.dtype(np.float64)]), np.zeros(sizes[np.dtype(np.int64)], dtype=np.int64)
