"""The rates of one hour of one store: everything the formulas of the market say before chance has its turn.

Cells are numbered `(channel * N_SEGMENTS + segment) * K + listing`, so that the inner loops run over listings.
"""

from typing import Any

from ..market.auction import ad_exposure, price_per_click, rival_price, score_position
from ..market.calendar import promotion_uplift, shock
from ..market.click import click_appeal, click_probability, price_advantage
from ..market.compiled import procedure
from ..market.conversion import conversion_appeal, conversion_probability
from ..market.fulfilment import mean_rating
from ..market.rank import newness, organic_exposure, rank_score
from ..market.rivals import lognormal_mean, rival_log_mean
from ..market.traffic import demand_multiplier, request_rate
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

# Rows of the workspace, one number per cell.
REQUESTS = 0  # expected suitable requests in the hour
EXPOSURE = 1  # probability that the ad is seen
PRICE = 2  # [CNY per click]
CLICK = 3  # probability of a click, once seen
ORGANIC = 4  # probability that the organic result is seen
CONVERSION = 5  # probability of an order per click
CUMULATIVE = 6  # running sum of the latent click rate
GUIDE = 24  # cell at which the search for a click begins
_OPEN = 7  # 1 where the listing is in the auction
_MU = 8  # mean log score of the top rival
_SIGMA = 9
_STEP = 10
_BID = 11
_RIVAL_MEAN = 12
_LISTING_CLICK = 13  # log-odds
_LISTING_ORDER = 14  # log-odds
_ADVANTAGE = 15
_QUALITY = 16
_AFFINITY = 17
_CHANNEL_CLICK = 18
_ELASTICITY = 19
_SENSITIVITY = 20
_SEGMENT_ORDER = 21
_RANK = 22
_RIVALS = 23
ROWS = 25

# Rows of the workspace per listing.
_CLICK_APPEAL = 0
_ORDER_APPEAL = 1
_PRICE_ADVANTAGE = 2
LISTING_ROWS = 3


@procedure
def shown_rating(store: Any, state: Any) -> Any:
    """Rating shown for a listing [stars], from its state row."""
    return mean_rating(
        state[ListingState.STAR_SUM],
        state[ListingState.REVIEWS],
        store[StoreField.REFERENCE_RATING],
        store[StoreField.RATING_PRIOR_COUNT],
    )


@procedure
def _listing_terms(hour: Any, store: Any, listing: Any, state: Any, offer: Any, terms: Any) -> None:
    """Fills `terms` (LISTING_ROWS, K) and the rank of every listing."""
    for k in range(listing.shape[0]):
        constant = listing[k]
        now = state[k]
        hype = constant[ListingField.HYPE]
        rating = shown_rating(store, now)
        reviews = now[ListingState.REVIEWS]
        advantage = price_advantage(offer[k, Offer.PRICE], constant[ListingField.REFERENCE_PRICE])
        terms[_PRICE_ADVANTAGE, k] = advantage
        terms[_CLICK_APPEAL, k] = click_appeal(
            constant[ListingField.APPEAL],
            hype,
            store[StoreField.CLICK_HYPE_EFFECT],
            advantage,
            store[StoreField.CLICK_PRICE_EFFECT],
            reviews,
            store[StoreField.CLICK_REVIEW_EFFECT],
        )
        terms[_ORDER_APPEAL, k] = conversion_appeal(
            constant[ListingField.RELEVANCE],
            hype,
            store[StoreField.CONVERSION_HYPE_EFFECT],
            rating,
            store[StoreField.REFERENCE_RATING],
            store[StoreField.RATING_ELASTICITY],
            reviews,
            store[StoreField.REVIEW_ELASTICITY],
        )
        now[ListingState.RANK] = rank_score(
            now[ListingState.MEMORY],
            store[StoreField.RANK_REFERENCE],
            store[StoreField.RANK_BASE],
            newness(constant[ListingField.START_AGE] + hour, store[StoreField.NEW_FADE]),
            store[StoreField.NEW_BOOST],
            rating,
            store[StoreField.REFERENCE_RATING],
            store[StoreField.RANK_RATING_EXPONENT],
        )


@procedure
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
    listing_state: Any,
    audience: Any,
    offer: Any,
    work: Any,
    terms: Any,
) -> float:
    """Fill the workspace `work` (ROWS, C * S * K) with the hour's rates; `terms` is scratch (LISTING_ROWS, K).

    The other arguments are one store's rows of `StoreArrays` and `StateArrays`.
    Returns: expected number of latent clicks, that is of requests whose buyer would click the listing on seeing it.
    """
    listings = listing.shape[0]
    _listing_terms(hour, store, listing, listing_state, offer, terms)
    demand = demand_multiplier(store_state[StoreState.DEMAND], store[StoreField.DEMAND_STATIONARY_SD])
    uplift = promotion_uplift(promotion_day, store[StoreField.PROMOTION_UPLIFT])
    entry = store[StoreField.ENTRY_SHIFT] if hour >= store[StoreField.ENTRY_HOUR] else 0.0
    event = shock(hour, store[StoreField.SHOCK_ONSET], store[StoreField.SHOCK_RISE], store[StoreField.SHOCK_DECAY])
    for c in range(N_CHANNELS):
        sigma = channel[c, ChannelField.RIVAL_SD]
        step = -store[StoreField.LOG_RHO] / sigma
        for s in range(N_SEGMENTS):
            mu = rival_log_mean(
                segment[s, SegmentField.RIVAL_SEARCH + c],
                store[StoreField.RIVAL_SWING],
                hour_of_week % 24,
                store[StoreField.RIVAL_PEAK_HOUR],
                channel_state[c, ChannelState.RIVAL_NOISE],
                entry,
                promotion_day * store[StoreField.RIVAL_PROMOTION_SHIFT],
                channel_state[c, ChannelState.REACTION],
            )
            requests = request_rate(
                channel[c, ChannelField.VOLUME], segment[s, SegmentField.SHARE], weekly[hour_of_week], uplift, demand
            )
            mean_score = lognormal_mean(mu, sigma)
            first = (c * N_SEGMENTS + s) * listings
            for k in range(listings):
                i = first + k
                bid = offer[k, Offer.BID_SEARCH + c] * audience[s]
                listed = listing_state[k, ListingState.LISTED]
                work[_OPEN, i] = listed if bid >= store[StoreField.RESERVE] else 0.0
                work[_BID, i] = max(bid, 1e-9)
                work[REQUESTS, i] = (
                    requests * cell[k, s, CellField.MATCH] * (1.0 + event * cell[k, s, CellField.SHOCK]) * listed
                )
                work[_MU, i] = mu
                work[_SIGMA, i] = sigma
                work[_STEP, i] = step
                work[_RIVAL_MEAN, i] = mean_score
                work[_QUALITY, i] = listing[k, ListingField.QUALITY]
                work[_LISTING_CLICK, i] = terms[_CLICK_APPEAL, k]
                work[_AFFINITY, i] = cell[k, s, CellField.AFFINITY]
                work[_CHANNEL_CLICK, i] = channel[c, ChannelField.CLICK]
                work[_LISTING_ORDER, i] = terms[_ORDER_APPEAL, k]
                work[_ADVANTAGE, i] = terms[_PRICE_ADVANTAGE, k]
                work[_ELASTICITY, i] = listing[k, ListingField.ELASTICITY]
                work[_SENSITIVITY, i] = segment[s, SegmentField.SENSITIVITY]
                work[_SEGMENT_ORDER, i] = segment[s, SegmentField.CONVERSION]
                work[_RANK, i] = listing_state[k, ListingState.RANK]
                work[_RIVALS, i] = channel[c, ChannelField.ORGANIC_RIVALS]
    _finish_cells(store, work)
    total = 0.0
    for i in range(work.shape[1]):
        total += work[REQUESTS, i] * work[CLICK, i]
        work[CUMULATIVE, i] = total
    _fill_guide(work, total)
    return total


@procedure
def _fill_guide(work: Any, total: float) -> None:
    """Guide table of the search by `find_cell`: entry j is the first cell whose cumulative rate exceeds j shares of n.

    Source: Chen and Asau 1974; Devroye 1986, section III.2.4.
    """
    cells = work.shape[1]
    i = 0
    for j in range(cells):
        while i < cells - 1 and work[CUMULATIVE, i] <= total * j / cells:
            i += 1
        work[GUIDE, j] = i


@procedure
def find_cell(work: Any, total: float, u: float) -> int:
    """Cell of a latent click: the first whose cumulative rate exceeds u of the total."""
    cells = work.shape[1]
    i = int(work[GUIDE, int(u * cells)])
    while i < cells - 1 and work[CUMULATIVE, i] <= u * total:
        i += 1
    return i


@procedure
def _finish_cells(store: Any, work: Any) -> None:
    """The formulas with functions in them, in loops that the compiler turns into vector instructions."""
    seen_1, seen_2, seen_3 = store[StoreField.SEEN_1], store[StoreField.SEEN_2], store[StoreField.SEEN_3]
    asked_1, asked_2, asked_3 = store[StoreField.ASKED_1], store[StoreField.ASKED_2], store[StoreField.ASKED_3]
    reserve = store[StoreField.RESERVE]
    flywheel = store[StoreField.FLYWHEEL]
    for i in range(work.shape[1]):
        z = score_position(work[_BID, i], work[_QUALITY, i], work[_MU, i], work[_SIGMA, i])
        step = work[_STEP, i]
        exposure = ad_exposure(z, step, seen_1, seen_2, seen_3)
        asked = rival_price(z, step, work[_SIGMA, i], asked_1, asked_2, asked_3)
        work[PRICE, i] = price_per_click(
            exposure, asked, work[_RIVAL_MEAN, i], work[_QUALITY, i], reserve, work[_BID, i]
        )
        work[EXPOSURE, i] = exposure * work[_OPEN, i]
    for i in range(work.shape[1]):
        work[CLICK, i] = click_probability(work[_LISTING_CLICK, i], work[_AFFINITY, i], work[_CHANNEL_CLICK, i])
        work[CONVERSION, i] = conversion_probability(
            work[_LISTING_ORDER, i],
            work[_ELASTICITY, i],
            work[_SENSITIVITY, i],
            work[_ADVANTAGE, i],
            work[_SEGMENT_ORDER, i],
        )
        work[ORGANIC, i] = organic_exposure(work[_RANK, i], flywheel, work[_RIVALS, i])
