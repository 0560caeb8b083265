"""The rates of one hour of one store, as the formulas of the market give them to numpy arrays.

The compiled engine's `rates.fill_rates` does the same for itself; neither calls the other.
"""

from dataclasses import dataclass

import numpy as np

from ..market import auction, calendar, click, conversion, fulfilment, rank, rivals, traffic
from ..market.interpreted import interpreted
from .layout import (
    N_CHANNELS,
    CellField,
    ChannelField,
    ChannelState,
    FloatArray,
    ListingField,
    ListingState,
    Offer,
    SegmentField,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)

mean_rating = interpreted(fulfilment.mean_rating)
price_advantage = interpreted(click.price_advantage)
click_appeal = interpreted(click.click_appeal)
click_probability = interpreted(click.click_probability)
conversion_appeal = interpreted(conversion.conversion_appeal)
conversion_probability = interpreted(conversion.conversion_probability)
rank_score = interpreted(rank.rank_score)
newness = interpreted(rank.newness)
organic_exposure = interpreted(rank.organic_exposure)
score_position = interpreted(auction.score_position)
ad_exposure = interpreted(auction.ad_exposure)
rival_price = interpreted(auction.rival_price)
price_per_click = interpreted(auction.price_per_click)
rival_log_mean = interpreted(rivals.rival_log_mean)
lognormal_mean = interpreted(rivals.lognormal_mean)
demand_multiplier = interpreted(traffic.demand_multiplier)
request_rate = interpreted(traffic.request_rate)
promotion_uplift = interpreted(calendar.promotion_uplift)
shock = interpreted(calendar.shock)


@dataclass(frozen=True)
class HourRates:
    """Rates of one hour, fixed from its beginning to its end. Every array has shape (C, S, K) but the rank."""

    requests: FloatArray  # expected requests that suit the listing
    exposure: FloatArray  # probability that the buyer sees the ad
    organic: FloatArray  # probability that the buyer sees the organic result, where no ad was seen
    click: FloatArray  # probability of a click, once seen
    price: FloatArray  # [CNY per click on the ad]
    conversion: FloatArray  # probability of an order per click, now or later
    rank: FloatArray  # (K,) organic rank of the hour


class RateBook:
    """The rates of one store; reads the store's row of the constants and of the state."""

    def __init__(self, arrays: StoreArrays, state: StateArrays, row: int) -> None:
        """Args: arrays, state: B stores. row: which of them."""
        self._shop = arrays.store[row]
        self._channel = arrays.channel[row][:, None, None, :]  # (C, 1, 1, ChannelField)
        self._segment = arrays.segment[row][None, :, None, :]  # (1, S, 1, SegmentField)
        self._listing = arrays.listing[row]
        self._cell = arrays.cell[row].transpose(1, 0, 2)[None]  # (1, S, K, CellField)
        self._promotion_days = arrays.calendar[row]
        self._weekly = arrays.weekly
        self._money = state.store[row]
        self._rivals = state.channel[row]
        self._goods = state.listing[row]
        self._audience = state.audience[row]

    def of_hour(self, hour: int, offer: FloatArray) -> HourRates:
        """Rates of an hour of the run.

        Args:
            hour: hours of the run done.
            offer: (K, Offer) bids [CNY per click] and prices [fen].
        """
        shop, listing, goods = self._shop, self._listing, self._goods
        rating = mean_rating(
            goods[:, ListingState.STAR_SUM],
            goods[:, ListingState.REVIEWS],
            shop[StoreField.REFERENCE_RATING],
            shop[StoreField.RATING_PRIOR_COUNT],
        )
        advantage = price_advantage(offer[:, Offer.PRICE], listing[:, ListingField.REFERENCE_PRICE])
        ranks = self._rank(hour, rating)
        exposure, price = self._auction(hour, offer)
        shape = exposure.shape
        organic = organic_exposure(ranks, shop[StoreField.FLYWHEEL], self._channel[..., ChannelField.ORGANIC_RIVALS])
        return HourRates(
            requests=np.broadcast_to(self._requests(hour), shape),
            exposure=exposure,
            organic=np.broadcast_to(organic, shape),
            click=np.broadcast_to(self._click(advantage), shape),
            price=price,
            conversion=np.broadcast_to(self._conversion(advantage, rating), shape),
            rank=ranks,
        )

    def _week(self, hour: int) -> int:
        """Hour of the week."""
        return (int(self._shop[StoreField.START_HOUR]) + hour) % len(self._weekly)

    def _requests(self, hour: int) -> FloatArray:
        """Expected requests that suit each listing; none for a listing out of the shop."""
        shop = self._shop
        everyone = request_rate(
            self._channel[..., ChannelField.VOLUME],
            self._segment[..., SegmentField.SHARE],
            self._weekly[self._week(hour)],
            promotion_uplift(self._promotion_days[hour], shop[StoreField.PROMOTION_UPLIFT]),
            demand_multiplier(self._money[StoreState.DEMAND], shop[StoreField.DEMAND_STATIONARY_SD]),
        )
        event = shock(
            float(hour), shop[StoreField.SHOCK_ONSET], shop[StoreField.SHOCK_RISE], shop[StoreField.SHOCK_DECAY]
        )
        found = self._cell[..., CellField.MATCH] * (1.0 + event * self._cell[..., CellField.SHOCK])
        requests: FloatArray = everyone * found * self._goods[:, ListingState.LISTED]
        return requests

    def _auction(self, hour: int, offer: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Probability that the ad is seen, and its price per click [CNY]."""
        shop, quality = self._shop, self._listing[:, ListingField.QUALITY]
        sigma = self._channel[..., ChannelField.RIVAL_SD]
        level = self._rival_level(hour)
        bids = offer[:, Offer.BID_SEARCH : Offer.BID_SEARCH + N_CHANNELS].T[:, None, :]
        bid = bids * self._audience[None, :, None]  # (C, S, K)
        entered = (bid >= shop[StoreField.RESERVE]) * self._goods[:, ListingState.LISTED]
        bid = np.maximum(bid, 1e-9)
        z = score_position(bid, quality, level, sigma)
        step = -shop[StoreField.LOG_RHO] / sigma
        seen = ad_exposure(z, step, *shop[[StoreField.SEEN_1, StoreField.SEEN_2, StoreField.SEEN_3]])
        asked = rival_price(z, step, sigma, *shop[[StoreField.ASKED_1, StoreField.ASKED_2, StoreField.ASKED_3]])
        price = price_per_click(seen, asked, lognormal_mean(level, sigma), quality, shop[StoreField.RESERVE], bid)
        return seen * entered, price

    def _rival_level(self, hour: int) -> FloatArray:
        """Mean of the log of the top rival's score, (C, S, 1)."""
        shop = self._shop
        base = self._segment[0, :, :, SegmentField.RIVAL_SEARCH : SegmentField.RIVAL_SEARCH + N_CHANNELS]
        level: FloatArray = rival_log_mean(
            base.transpose(2, 0, 1),
            shop[StoreField.RIVAL_SWING],
            self._week(hour) % 24,
            shop[StoreField.RIVAL_PEAK_HOUR],
            self._rivals[:, None, None, ChannelState.RIVAL_NOISE],
            shop[StoreField.ENTRY_SHIFT] if hour >= shop[StoreField.ENTRY_HOUR] else 0.0,
            self._promotion_days[hour] * shop[StoreField.RIVAL_PROMOTION_SHIFT],
            self._rivals[:, None, None, ChannelState.REACTION],
        )
        return level

    def _click(self, advantage: FloatArray) -> FloatArray:
        """Probability that a buyer who sees a listing clicks on it."""
        shop, listing = self._shop, self._listing
        appeal = click_appeal(
            listing[:, ListingField.APPEAL],
            listing[:, ListingField.HYPE],
            shop[StoreField.CLICK_HYPE_EFFECT],
            advantage,
            shop[StoreField.CLICK_PRICE_EFFECT],
            self._goods[:, ListingState.REVIEWS],
            shop[StoreField.CLICK_REVIEW_EFFECT],
        )
        chance: FloatArray = click_probability(
            appeal, self._cell[..., CellField.AFFINITY], self._channel[..., ChannelField.CLICK]
        )
        return chance

    def _conversion(self, advantage: FloatArray, rating: FloatArray) -> FloatArray:
        """Probability that a click leads to an order."""
        shop, listing = self._shop, self._listing
        appeal = conversion_appeal(
            listing[:, ListingField.RELEVANCE],
            listing[:, ListingField.HYPE],
            shop[StoreField.CONVERSION_HYPE_EFFECT],
            rating,
            shop[StoreField.REFERENCE_RATING],
            shop[StoreField.RATING_ELASTICITY],
            self._goods[:, ListingState.REVIEWS],
            shop[StoreField.REVIEW_ELASTICITY],
        )
        chance: FloatArray = conversion_probability(
            appeal,
            listing[:, ListingField.ELASTICITY],
            self._segment[..., SegmentField.SENSITIVITY],
            advantage,
            self._segment[..., SegmentField.CONVERSION],
        )
        return chance

    def _rank(self, hour: int, rating: FloatArray) -> FloatArray:
        """Organic rank of every listing, (K,)."""
        shop = self._shop
        ranks: FloatArray = rank_score(
            self._goods[:, ListingState.MEMORY],
            shop[StoreField.RANK_REFERENCE],
            shop[StoreField.RANK_BASE],
            newness(self._listing[:, ListingField.START_AGE] + hour, shop[StoreField.NEW_FADE]),
            shop[StoreField.NEW_BOOST],
            rating,
            shop[StoreField.REFERENCE_RATING],
            shop[StoreField.RANK_RATING_EXPONENT],
        )
        return ranks
