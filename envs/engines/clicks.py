"""The clicks of one hour of one store: how many, which, and the very click at which a purse runs out."""

from typing import Any

from ..market.auction import charge
from ..market.compiled import procedure, stage
from ..market.rank import found_probability
from .desk import ROOM, Click, Clicked, Purse, Rate, Where
from .layout import (
    N_CHANNELS,
    N_SEGMENTS,
    ChannelState,
    ListingState,
    Offer,
    Report,
    StoreField,
    StoreState,
)
from .orders import place_order, wait_to_order
from .streams import Purpose, fill_poisson, fill_uniforms, uniforms


@stage
def count_clicks(seed: Any, key: Any, hour: int, desk: Any) -> int:
    """Draw each cell's clicks. Returns how many cells have any; the first columns of `where` tell of these."""
    drawn, where = desk.drawn[0], desk.where
    listings = desk.terms.shape[1]
    u = desk.draws[0, : drawn.shape[0]]
    fill_uniforms(seed, key, hour, Purpose.CLICKS, u)
    fill_poisson(desk.cells[Rate.CLICKS], u, drawn, desk.draws[1:])
    clicked = 0
    for group in range(N_CHANNELS * N_SEGMENTS):
        for k in range(listings):
            i = group * listings + k
            where[Where.CELL, clicked] = i
            where[Where.COUNT, clicked] = int(drawn[i])
            where[Where.GROUP, clicked] = group
            where[Where.LISTING, clicked] = k
            clicked += 1 if drawn[i] > 0.0 else 0
    return clicked


@stage
def parts_of_hour(clicked: int, desk: Any) -> int:
    """In how many parts the hour must be served, so that there is room for the clicks of each."""
    total = 0
    for n in range(clicked):
        total += desk.where[Where.COUNT, n]
    return 1 + 2 * total // (ROOM + 1)


@stage
def draw_clicks(seed: Any, key: Any, hour: int, clicked: int, part: int, parts: int, desk: Any) -> int:
    """The marks of the clicks in one part of the hour, as columns `Click`; each click has its own key.

    Returns: their number. A part expects at most ROOM / 2, so that ROOM is never reached (22 standard deviations).
    """
    rows, where, counts = desk.clicks, desk.where[Where.CELL], desk.where[Where.COUNT]
    total = 0
    for n in range(clicked):
        for j in range(counts[n]):
            if parts > 1:
                moment = uniforms(seed, key, hour, Purpose.CLICK, where[n], j)[3]
                if int(moment * parts) != part or total == ROOM:
                    continue
            rows[Click.CELL, total] = n
            rows[Click.NUMBER, total] = j
            desk.keys[0, total], desk.keys[1, total] = where[n], j
            total += 1
    kinds, orders, delays, moments = rows[Click.KIND], rows[Click.ORDER], rows[Click.DELAY], rows[Click.MOMENT]
    cells, numbers = desk.keys[0], desk.keys[1]
    for m in range(total):
        kinds[m], orders[m], delays[m], moments[m] = uniforms(seed, key, hour, Purpose.CLICK, cells[m], numbers[m])
    return total


@stage
def open_purses(clicked: int, listings: int, store_state: Any, channel_state: Any, state: Any, desk: Any) -> bool:
    """Look into every purse before the hour's clicks: `left` and `lasted`.

    Returns: whether some purse could run out, if every click were one on an ad; else their order does not matter.
    """
    left, lasted = desk.purses[Purse.LEFT], desk.purses[Purse.LASTED]
    left[0] = min(
        store_state[StoreState.BUDGET_TOTAL] - store_state[StoreState.SPENT],
        store_state[StoreState.BUDGET_DAILY] - store_state[StoreState.SPENT_TODAY],
    )
    for c in range(N_CHANNELS):
        left[1 + c] = channel_state[c, ChannelState.CAP] - channel_state[c, ChannelState.SPENT]
    for k in range(listings):
        left[1 + N_CHANNELS + k] = state[k, ListingState.CAP] - state[k, ListingState.SPENT]
    for j in range(left.shape[0]):
        lasted[j] = 0.0 if left[j] < 1.0 else 1.0
    need = desk.purses[Purse.NEED]
    need[:] = 0.0
    for n in range(clicked):
        most = desk.where[Where.COUNT, n] * charge(desk.clicked[Clicked.PRICE, n])
        need[0] += most
        need[1 + desk.where[Where.GROUP, n] // N_SEGMENTS] += most
        need[1 + N_CHANNELS + desk.where[Where.LISTING, n]] += most
    tight = False
    for j in range(left.shape[0]):
        tight = tight or (lasted[j] > 0.0 and need[j] >= left[j])
    return tight and lasted[0] > 0.0


@procedure
def sort_by_moment(count: int, rows: Any, sequence: Any) -> None:
    """Put the earliest of the clicks `sequence[:count]`, columns of `rows`, first (Shell 1959)."""
    gap = count // 2
    while gap > 0:
        for i in range(gap, count):
            moving = sequence[i]
            j = i
            while j >= gap and rows[Click.MOMENT, sequence[j - gap]] > rows[Click.MOMENT, moving]:
                sequence[j] = sequence[j - gap]
                j -= gap
            sequence[j] = moving
        gap //= 2


@stage
def serve_clicks(
    seed: Any,
    key: Any,
    hour: int,
    day: int,
    clicks: int,
    in_order: bool,
    store: Any,
    segment: Any,
    listing: Any,
    store_state: Any,
    channel_state: Any,
    state: Any,
    pending: Any,
    refunds: Any,
    offer: Any,
    desk: Any,
    report: Any,
) -> None:
    """Serve the clicks that were drawn, one by one; those who order at once do so in the order of their moments.

    With `in_order` the clicks themselves are taken in that order: where a purse may run out.
    """
    rows, where, sequence, lasted = desk.clicks, desk.where, desk.sequence[0], desk.purses[Purse.LASTED]
    for m in range(clicks):
        sequence[m] = m
    if in_order:
        sort_by_moment(clicks, rows, sequence)
    same_hour = store[StoreField.SHARE_SAME_HOUR]
    within_day = same_hour + store[StoreField.SHARE_WITHIN_DAY]
    orders = 0
    for place in range(clicks):
        m = sequence[place]
        n = int(rows[Click.CELL, m])
        cell, k, group = where[Where.CELL, n], where[Where.LISTING, n], where[Where.GROUP, n]
        c = group // N_SEGMENTS
        exposure, organic = desk.cells[Rate.EXPOSURE, cell], desk.cells[Rate.ORGANIC, cell]
        kind = rows[Click.KIND, m] * found_probability(exposure, organic)
        from_ad = kind < exposure
        if from_ad and min(lasted[0], lasted[1 + c], lasted[1 + N_CHANNELS + k]) < 1.0:
            from_ad = False
            if kind >= exposure * organic:
                continue  # no money for the ad, and the buyer does not get as far as the organic result
        if from_ad:
            price = desk.clicked[Clicked.PRICE, n]
            _charge(rows[Click.MOMENT, m], c, k, price, store_state, channel_state, state, desk, report)
        else:
            report[k, Report.ORGANIC_CLICKS_SEARCH + c] += 1.0
        if rows[Click.ORDER, m] >= desk.clicked[Clicked.CONVERSION, n]:
            continue
        if rows[Click.DELAY, m] < same_hour:
            rows[Click.FROM_AD, m] = 1.0 if from_ad else 0.0
            sequence[orders] = m  # its place was read already
            orders += 1
        else:
            s = group % N_SEGMENTS
            slow = 0 if rows[Click.DELAY, m] < within_day else 1
            wait_to_order(pending[k, s], slow, from_ad, offer[k, Offer.PRICE])
    if orders > 1 and not in_order:
        sort_by_moment(orders, rows, sequence)
    _place_orders(seed, key, hour, day, orders, store, segment, listing, state, refunds, offer, desk, report)


@stage
def _place_orders(
    seed: Any,
    key: Any,
    hour: int,
    day: int,
    orders: int,
    store: Any,
    segment: Any,
    listing: Any,
    state: Any,
    refunds: Any,
    offer: Any,
    desk: Any,
    report: Any,
) -> None:
    """Those of the clicks that order at once: the first `orders` of the sequence."""
    rows, where = desk.clicks, desk.where
    for place in range(orders):
        m = desk.sequence[0, place]
        n = int(rows[Click.CELL, m])
        k = where[Where.LISTING, n]
        place_order(
            seed,
            key,
            hour,
            Purpose.CLICK_ORDER,
            int(rows[Click.NUMBER, m]) * desk.cells.shape[1] + where[Where.CELL, n],
            day,
            0,
            rows[Click.FROM_AD, m] > 0.0,
            store,
            segment[where[Where.GROUP, n] % N_SEGMENTS],
            listing[k],
            offer[k, Offer.PRICE],
            state[k],
            refunds[k],
            report[k],
        )


@stage
def _charge(
    moment: float,
    c: int,
    k: int,
    price: float,
    store_state: Any,
    channel_state: Any,
    state: Any,
    desk: Any,
    report: Any,
) -> None:
    """Charge one click in whole fen, never more than is left; note the moment at which it empties a purse."""
    left, lasted = desk.purses[Purse.LEFT], desk.purses[Purse.LASTED]
    of_listing = 1 + N_CHANNELS + k
    fen = min(charge(price), left[0], left[1 + c], left[of_listing])
    store_state[StoreState.SPENT] += fen
    store_state[StoreState.SPENT_TODAY] += fen
    channel_state[c, ChannelState.SPENT] += fen
    state[k, ListingState.SPENT] += fen
    report[k, Report.AD_CLICKS_SEARCH + c] += 1.0
    report[k, Report.SPEND_SEARCH + c] += fen
    for j in (0, 1 + c, of_listing):
        left[j] -= fen
        if left[j] <= 0.0:
            lasted[j] = moment
