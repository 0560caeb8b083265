"""The rates of one hour of one store: everything the formulas of the market say before chance has its turn.

Cells are numbered `(channel * N_SEGMENTS + segment) * K + listing`, so that the inner loops run over listings. What
every cell needs is computed for all of them in loops that become vector instructions; what only a click needs, its
price and whether it becomes an order, for the cells that were clicked.
"""

from typing import Any

from ..market.auction import SLOTS, over_slots, price_per_click, score_position
from ..market.calendar import promotion_uplift, shock
from ..market.click import click_appeal, click_log_odds, price_advantage
from ..market.compiled import stage
from ..market.conversion import conversion_appeal, conversion_probability
from ..market.fulfilment import mean_rating
from ..market.numeric import logistic, normal_cdf
from ..market.rank import found_probability, newness, organic_exposure, rank_score
from ..market.rivals import lognormal_mean, rival_log_mean
from ..market.traffic import demand_multiplier, request_rate
from .desk import Clicked, Rate, Term, Where
from .layout import (
    N_CHANNELS,
    N_SEGMENTS,
    CellField,
    ChannelField,
    ChannelState,
    ListingField,
    ListingState,
    Offer,
    SegmentField,
    StoreField,
    StoreState,
)


@stage
def shown_rating(store: Any, state: Any) -> Any:
    """Rating shown for a listing [stars], from its state row."""
    return mean_rating(
        state[ListingState.STAR_SUM],
        state[ListingState.REVIEWS],
        store[StoreField.REFERENCE_RATING],
        store[StoreField.RATING_PRIOR_COUNT],
    )


@stage
def fill_rates(
    hour: int,
    hour_of_week: int,
    promotion_day: float,
    weekly: Any,
    store: Any,
    channel: Any,
    segment: Any,
    listing: Any,
    cell: Any,
    store_state: Any,
    channel_state: Any,
    state: Any,
    audience: Any,
    offer: Any,
    desk: Any,
) -> None:
    """Fill the rows `Rate` of the workspace, and the rank of every listing.

    Args:
        promotion_day: 1 on a platform promotion day, else 0.
        desk: workspace, see `desk.Desk`.
        The other arguments are one store's rows of `StoreArrays`, `StateArrays` and the offer.
    """
    _gather_listings(hour, store, listing, state, offer, desk.terms)
    _fill_listings(store, channel, desk.terms)
    for k in range(listing.shape[0]):
        state[k, ListingState.RANK] = desk.terms[Term.RANK, k]
    _fill_cells(
        hour,
        hour_of_week,
        promotion_day,
        weekly,
        store,
        channel,
        segment,
        cell,
        store_state,
        channel_state,
        audience,
        desk,
    )
    _finish_cells(store, channel, desk.cells, desk.slots[0])


@stage
def _gather_listings(hour: int, store: Any, listing: Any, state: Any, offer: Any, terms: Any) -> None:
    for k in range(listing.shape[0]):
        constant, now = listing[k], state[k]
        terms[Term.PRICE, k] = offer[k, Offer.PRICE]
        terms[Term.BID_SEARCH, k] = offer[k, Offer.BID_SEARCH]
        terms[Term.BID_FEED, k] = offer[k, Offer.BID_FEED]
        terms[Term.REFERENCE_PRICE, k] = constant[ListingField.REFERENCE_PRICE]
        terms[Term.APPEAL, k] = constant[ListingField.APPEAL]
        terms[Term.RELEVANCE, k] = constant[ListingField.RELEVANCE]
        terms[Term.HYPE, k] = constant[ListingField.HYPE]
        terms[Term.QUALITY, k] = constant[ListingField.QUALITY]
        terms[Term.AGE, k] = constant[ListingField.START_AGE] + hour
        terms[Term.LISTED, k] = now[ListingState.LISTED]
        terms[Term.MEMORY, k] = now[ListingState.MEMORY]
        terms[Term.REVIEWS, k] = now[ListingState.REVIEWS]
        terms[Term.RATING, k] = shown_rating(store, now)


@stage
def _fill_listings(store: Any, channel: Any, terms: Any) -> None:
    """What the formulas say of each listing alone."""
    click_hype, click_price = store[StoreField.CLICK_HYPE_EFFECT], store[StoreField.CLICK_PRICE_EFFECT]
    click_review, order_hype = store[StoreField.CLICK_REVIEW_EFFECT], store[StoreField.CONVERSION_HYPE_EFFECT]
    reference, stars = store[StoreField.REFERENCE_RATING], store[StoreField.RATING_ELASTICITY]
    order_review, flywheel = store[StoreField.REVIEW_ELASTICITY], store[StoreField.FLYWHEEL]
    ordinary, base = store[StoreField.RANK_REFERENCE], store[StoreField.RANK_BASE]
    fade, boost = store[StoreField.NEW_FADE], store[StoreField.NEW_BOOST]
    rank_stars = store[StoreField.RANK_RATING_EXPONENT]
    for k in range(terms.shape[1]):
        hype, reviews, rating = terms[Term.HYPE, k], terms[Term.REVIEWS, k], terms[Term.RATING, k]
        advantage = price_advantage(terms[Term.PRICE, k], terms[Term.REFERENCE_PRICE, k])
        terms[Term.ADVANTAGE, k] = advantage
        terms[Term.CLICK, k] = click_appeal(
            terms[Term.APPEAL, k], hype, click_hype, advantage, click_price, reviews, click_review
        )
        terms[Term.ORDER, k] = conversion_appeal(
            terms[Term.RELEVANCE, k], hype, order_hype, rating, reference, stars, reviews, order_review
        )
        terms[Term.RANK, k] = rank_score(
            terms[Term.MEMORY, k],
            ordinary,
            base,
            newness(terms[Term.AGE, k], fade),
            boost,
            rating,
            reference,
            rank_stars,
        )
    for c in range(N_CHANNELS):
        rivals = channel[c, ChannelField.ORGANIC_RIVALS]
        for k in range(terms.shape[1]):
            terms[Term.ORGANIC_SEARCH + c, k] = organic_exposure(terms[Term.RANK, k], flywheel, rivals)


@stage
def _fill_cells(
    hour: int,
    hour_of_week: int,
    promotion_day: float,
    weekly: Any,
    store: Any,
    channel: Any,
    segment: Any,
    cell: Any,
    store_state: Any,
    channel_state: Any,
    audience: Any,
    desk: Any,
) -> None:
    """Requests, the place in the auction and the odds of a click, cell by cell."""
    cells, terms, rivals = desk.cells, desk.terms, desk.rivals
    listings = terms.shape[1]
    demand = demand_multiplier(store_state[StoreState.DEMAND], store[StoreField.DEMAND_STATIONARY_SD])
    uplift = promotion_uplift(promotion_day, store[StoreField.PROMOTION_UPLIFT])
    entry = store[StoreField.ENTRY_SHIFT] if hour >= store[StoreField.ENTRY_HOUR] else 0.0
    event = shock(hour, store[StoreField.SHOCK_ONSET], store[StoreField.SHOCK_RISE], store[StoreField.SHOCK_DECAY])
    reserve = store[StoreField.RESERVE]
    quality, listed, click = terms[Term.QUALITY], terms[Term.LISTED], terms[Term.CLICK]
    for c in range(N_CHANNELS):
        bids, found = terms[Term.BID_SEARCH + c], terms[Term.ORGANIC_SEARCH + c]
        sigma, channel_click = channel[c, ChannelField.RIVAL_SD], channel[c, ChannelField.CLICK]
        level = rival_log_mean(
            0.0,
            store[StoreField.RIVAL_SWING],
            hour_of_week % 24,
            store[StoreField.RIVAL_PEAK_HOUR],
            channel_state[c, ChannelState.RIVAL_NOISE],
            entry,
            promotion_day * store[StoreField.RIVAL_PROMOTION_SHIFT],
            channel_state[c, ChannelState.REACTION],
        )
        for s in range(N_SEGMENTS):
            wish = audience[s]
            mu = segment[s, SegmentField.RIVAL_SEARCH + c] + level
            rivals[0, c * N_SEGMENTS + s] = mu
            requests = request_rate(
                channel[c, ChannelField.VOLUME], segment[s, SegmentField.SHARE], weekly[hour_of_week], uplift, demand
            )
            first = (c * N_SEGMENTS + s) * listings
            last = first + listings
            position, open_ = cells[Rate.POSITION, first:last], cells[Rate.OPEN, first:last]
            odds, organic = cells[Rate.ODDS, first:last], cells[Rate.ORGANIC, first:last]
            suiting = cells[Rate.REQUESTS, first:last]
            for k in range(listings):
                position[k] = score_position(max(bids[k] * wish, 1e-9), quality[k], mu, sigma)
            shocked = event > 0.0
            for k in range(listings):
                open_[k] = listed[k] if bids[k] * wish >= reserve else 0.0
                lift = 1.0 + event * cell[k, s, CellField.SHOCK] if shocked else 1.0
                suiting[k] = requests * cell[k, s, CellField.MATCH] * lift * listed[k]
                odds[k] = click_log_odds(click[k], cell[k, s, CellField.AFFINITY], channel_click)
                organic[k] = found[k]


@stage
def _finish_cells(store: Any, channel: Any, cells: Any, slots: Any) -> None:
    """The formulas with functions in them, in long loops that the compiler turns into vector instructions."""
    count = cells.shape[1]
    half = count // N_CHANNELS
    for c in range(N_CHANNELS):
        step = -store[StoreField.LOG_RHO] / channel[c, ChannelField.RIVAL_SD]
        for j in range(SLOTS):
            for i in range(c * half, (c + 1) * half):
                slots[j * count + i] = cells[Rate.POSITION, i] + j * step
    for i in range(SLOTS * count):
        slots[i] = normal_cdf(slots[i])
    seen_1, seen_2, seen_3 = store[StoreField.SEEN_1], store[StoreField.SEEN_2], store[StoreField.SEEN_3]
    for i in range(count):
        won = over_slots(slots[i], slots[count + i], slots[2 * count + i], seen_1, seen_2, seen_3)
        exposure = cells[Rate.OPEN, i] * won
        click = logistic(cells[Rate.ODDS, i])
        cells[Rate.EXPOSURE, i] = exposure
        cells[Rate.CLICK, i] = click
        found = found_probability(exposure, cells[Rate.ORGANIC, i])
        cells[Rate.CLICKS, i] = cells[Rate.REQUESTS, i] * click * found


@stage
def price_clicked(
    clicked: int,
    store: Any,
    channel: Any,
    segment: Any,
    listing: Any,
    audience: Any,
    desk: Any,
) -> None:
    """Fill the rows `Clicked` for the first `clicked` of the cells in `where`."""
    rows, slots = desk.clicked, desk.slots[0]
    _gather_clicked(clicked, store, channel, segment, listing, audience, desk)
    clicked = (clicked + 7) // 8 * 8  # whole vectors: what lies behind the last cell is computed and not used
    for j in range(SLOTS):
        for n in range(clicked):
            slots[j * clicked + n] = rows[Clicked.POSITION, n] - rows[Clicked.SIGMA, n] + j * rows[Clicked.STEP, n]
    for n in range(SLOTS * clicked):
        slots[n] = normal_cdf(slots[n])
    asked_1, asked_2, asked_3 = store[StoreField.ASKED_1], store[StoreField.ASKED_2], store[StoreField.ASKED_3]
    reserve = store[StoreField.RESERVE]
    for n in range(clicked):
        rows[Clicked.ASKED, n] = over_slots(
            slots[n], slots[clicked + n], slots[2 * clicked + n], asked_1, asked_2, asked_3
        )
    for n in range(clicked):
        rows[Clicked.RIVAL_MEAN, n] = lognormal_mean(rows[Clicked.RIVAL_LOG_MEAN, n], rows[Clicked.SIGMA, n])
    for n in range(clicked):
        rows[Clicked.PRICE, n] = price_per_click(
            rows[Clicked.EXPOSURE, n],
            rows[Clicked.ASKED, n],
            rows[Clicked.RIVAL_MEAN, n],
            rows[Clicked.QUALITY, n],
            reserve,
            rows[Clicked.BID, n],
        )
    for n in range(clicked):
        rows[Clicked.CONVERSION, n] = conversion_probability(
            rows[Clicked.ODDS, n],
            rows[Clicked.ELASTICITY, n],
            rows[Clicked.SENSITIVITY, n],
            rows[Clicked.ADVANTAGE, n],
            rows[Clicked.SEGMENT, n],
        )


@stage
def _gather_clicked(
    clicked: int, store: Any, channel: Any, segment: Any, listing: Any, audience: Any, desk: Any
) -> None:
    cells, terms, rivals, rows = desk.cells, desk.terms, desk.rivals, desk.clicked
    for n in range(clicked):
        i, k, group = desk.where[Where.CELL, n], desk.where[Where.LISTING, n], desk.where[Where.GROUP, n]
        s, c = group % N_SEGMENTS, group // N_SEGMENTS
        sigma = channel[c, ChannelField.RIVAL_SD]
        rows[Clicked.EXPOSURE, n] = cells[Rate.EXPOSURE, i]
        rows[Clicked.POSITION, n] = cells[Rate.POSITION, i]
        rows[Clicked.SIGMA, n] = sigma
        rows[Clicked.STEP, n] = -store[StoreField.LOG_RHO] / sigma
        rows[Clicked.RIVAL_LOG_MEAN, n] = rivals[0, group]
        rows[Clicked.QUALITY, n] = terms[Term.QUALITY, k]
        rows[Clicked.BID, n] = terms[Term.BID_SEARCH + c, k] * audience[s]
        rows[Clicked.ODDS, n] = terms[Term.ORDER, k]
        rows[Clicked.ADVANTAGE, n] = terms[Term.ADVANTAGE, k]
        rows[Clicked.ELASTICITY, n] = listing[k, ListingField.ELASTICITY]
        rows[Clicked.SENSITIVITY, n] = segment[s, SegmentField.SENSITIVITY]
        rows[Clicked.SEGMENT, n] = segment[s, SegmentField.CONVERSION]
