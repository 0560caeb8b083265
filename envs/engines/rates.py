"""The rates of one hour of one store: everything the formulas of the market say before chance has its turn.

Cells are numbered `(channel * N_SEGMENTS + segment) * K + listing`, so that the inner loops run over listings.
"""

from typing import Any

import numpy as np

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
_Z = 7
_SIGMA = 8
_STEP = 9
_BID = 10
_RIVAL_MEAN = 11
_QUALITY = 12
ROWS = 13

# Rows of the workspace per listing.
_CLICK_APPEAL = 0
_ORDER_APPEAL = 1
_ADVANTAGE = 2
_LOG_QUALITY = 3
_SHOCK_NOW = 4
LISTING_ROWS = 5


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
    event = shock(hour, store[StoreField.SHOCK_ONSET], store[StoreField.SHOCK_RISE], store[StoreField.SHOCK_DECAY], 1.0)
    for k in range(listing.shape[0]):
        constant = listing[k]
        now = state[k]
        hype = constant[ListingField.HYPE]
        rating = shown_rating(store, now)
        reviews = now[ListingState.REVIEWS]
        advantage = price_advantage(offer[k, Offer.PRICE], constant[ListingField.REFERENCE_PRICE])
        terms[_ADVANTAGE, k] = advantage
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
        terms[_LOG_QUALITY, k] = np.log(constant[ListingField.QUALITY])
        terms[_SHOCK_NOW, k] = event - 1.0
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
    hour_of_day = hour_of_week % 24
    for c in range(N_CHANNELS):
        sigma = channel[c, ChannelField.RIVAL_SD]
        step = -store[StoreField.LOG_RHO] / sigma
        click_level = channel[c, ChannelField.CLICK]
        rivals = channel[c, ChannelField.ORGANIC_RIVALS]
        for s in range(N_SEGMENTS):
            mu = rival_log_mean(
                segment[s, SegmentField.RIVAL_SEARCH + c],
                store[StoreField.RIVAL_SWING],
                hour_of_day,
                store[StoreField.RIVAL_PEAK_HOUR],
                channel_state[c, ChannelState.RIVAL_NOISE],
                entry,
                promotion_day * store[StoreField.RIVAL_PROMOTION_SHIFT],
                channel_state[c, ChannelState.REACTION],
            )
            mean_score = lognormal_mean(mu, sigma)
            requests = request_rate(
                channel[c, ChannelField.VOLUME],
                segment[s, SegmentField.SHARE],
                weekly[hour_of_week],
                uplift,
                demand,
            )
            first = (c * N_SEGMENTS + s) * listings
            for k in range(listings):
                i = first + k
                bid = offer[k, Offer.BID_SEARCH + c] * audience[s]
                in_auction = listing_state[k, ListingState.LISTED] if bid >= store[StoreField.RESERVE] else 0.0
                work[_BID, i] = bid
                log_score = np.log(max(bid, 1e-9)) + terms[_LOG_QUALITY, k]
                work[_Z, i] = score_position(log_score, mu, sigma)
                work[_SIGMA, i] = sigma
                work[_STEP, i] = step
                work[_RIVAL_MEAN, i] = mean_score
                work[_QUALITY, i] = listing[k, ListingField.QUALITY]
                work[EXPOSURE, i] = in_auction
                work[REQUESTS, i] = (
                    requests
                    * cell[k, s, CellField.MATCH]
                    * (1.0 + terms[_SHOCK_NOW, k] * cell[k, s, CellField.SHOCK])
                    * listing_state[k, ListingState.LISTED]
                )
                work[CLICK, i] = terms[_CLICK_APPEAL, k] + cell[k, s, CellField.AFFINITY] + click_level
                work[CONVERSION, i] = conversion_probability(
                    terms[_ORDER_APPEAL, k],
                    listing[k, ListingField.ELASTICITY],
                    segment[s, SegmentField.SENSITIVITY],
                    terms[_ADVANTAGE, k],
                    segment[s, SegmentField.CONVERSION],
                )
        first = c * N_SEGMENTS * listings
        for k in range(listings):
            seen = organic_exposure(listing_state[k, ListingState.RANK], store[StoreField.FLYWHEEL], rivals)
            for s in range(N_SEGMENTS):
                work[ORGANIC, first + s * listings + k] = seen
    _finish_cells(store, work)
    total = 0.0
    for i in range(work.shape[1]):
        total += work[REQUESTS, i] * work[CLICK, i]
        work[CUMULATIVE, i] = total
    return total


@procedure
def _finish_cells(store: Any, work: Any) -> None:
    """The costly part, written so that the compiler makes vector instructions of it: exposure, price, click probability."""
    seen_1, seen_2, seen_3 = store[StoreField.SEEN_1], store[StoreField.SEEN_2], store[StoreField.SEEN_3]
    asked_1, asked_2, asked_3 = (
        store[StoreField.ASKED_1],
        store[StoreField.ASKED_2],
        store[StoreField.ASKED_3],
    )
    reserve = store[StoreField.RESERVE]
    for i in range(work.shape[1]):
        z = work[_Z, i]
        step = work[_STEP, i]
        exposure = ad_exposure(z, step, seen_1, seen_2, seen_3)
        asked = rival_price(z, step, work[_SIGMA, i], asked_1, asked_2, asked_3)
        work[PRICE, i] = price_per_click(
            exposure, asked, work[_RIVAL_MEAN, i], work[_QUALITY, i], reserve, work[_BID, i]
        )
        work[EXPOSURE, i] = exposure * work[EXPOSURE, i]
        work[CLICK, i] = click_probability(work[CLICK, i], 0.0, 0.0)
