"""The truth behind `Beliefs`: what perception estimates, as the simulator knows it."""

from dataclasses import dataclass

import numpy as np

from merchantgym.envs.engines.layout import (
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
    StoreField,
    StoreState,
)
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.market.auction import ad_exposure, score_position
from merchantgym.envs.market.calendar import shock
from merchantgym.envs.market.click import click_appeal, click_probability, price_advantage
from merchantgym.envs.market.conversion import conversion_appeal, conversion_probability
from merchantgym.envs.market.fulfilment import mean_rating
from merchantgym.envs.market.rank import found_probability, organic_exposure
from merchantgym.envs.market.rivals import rival_log_mean
from merchantgym.envs.market.traffic import demand_multiplier


@dataclass(frozen=True)
class Truth:
    """Of the hour that has just passed; natural logs, as in `Beliefs`."""

    click_rate: FloatArray  # (n, K) expected clicks over expected impressions
    conversion: FloatArray  # (n, K) expected orders, early and late, over expected clicks
    rival_level: FloatArray  # (n, C) mean over segments, over the mean ad quality of the listings advertised
    demand: FloatArray  # (n,)
    lift: FloatArray  # (n, K)


class TruthReader:
    """Reads the truth from a fleet after each of its hours, beginning with the first."""

    def __init__(self, start: StateArrays) -> None:
        """Args: start: state of the same stores at the start of their plans."""
        self._answer = start.channel[:, :, ChannelState.REACTION].copy()

    def read(self, fleet: Fleet) -> Truth:
        """The truth of the hour that has just passed."""
        truth = _truth(fleet, self._answer)
        self._answer = fleet.state.channel[:, :, ChannelState.REACTION].copy()
        return truth


def _truth(fleet: Fleet, answer: FloatArray) -> Truth:
    arrays, state = fleet.arrays, fleet.state
    store = arrays.store
    hour = state.store[:, StoreState.HOUR] - 1.0
    demand = demand_multiplier(state.store[:, StoreState.DEMAND], store[:, StoreField.DEMAND_STATIONARY_SD])
    event = shock(hour, *(store[:, name] for name in _SHOCK))
    level = _rival_levels(fleet, hour, answer)
    share = arrays.segment[:, :, SegmentField.SHARE]
    match = arrays.cell[:, :, :, CellField.MATCH] * share[:, None, :]  # (n, K, S)
    lifted = match * (1.0 + event[:, None, None] * arrays.cell[:, :, :, CellField.SHOCK])
    click, conversion = _rates(fleet, level, lifted)
    advertised = fleet.task.plan_listing[:, :, 3]
    quality = np.log(arrays.listing[:, :, ListingField.QUALITY])
    quality = (quality * advertised).sum(axis=1) / np.maximum(advertised.sum(axis=1), 1.0)
    return Truth(
        click_rate=np.log(click),
        conversion=np.log(conversion),
        rival_level=(level * share[:, None, :]).sum(axis=2) - quality[:, None],
        demand=np.log(demand),
        lift=np.log(lifted.sum(axis=2) / match.sum(axis=2)),
    )


_SHOCK = (StoreField.SHOCK_ONSET, StoreField.SHOCK_RISE, StoreField.SHOCK_DECAY)


def _rival_levels(fleet: Fleet, hour: FloatArray, answer: FloatArray) -> FloatArray:
    """Mean log of the top rival's score by channel and segment, (n, C, S)."""
    store = fleet.arrays.store
    promotion = fleet.arrays.calendar[np.arange(fleet.slots), hour.astype(int)]
    entered = (hour >= store[:, StoreField.ENTRY_HOUR]) * store[:, StoreField.ENTRY_SHIFT]
    base = fleet.arrays.segment[:, :, SegmentField.RIVAL_SEARCH : SegmentField.RIVAL_SEARCH + N_CHANNELS]
    clock = (store[:, StoreField.START_HOUR] + hour) % 24.0

    def wide(values: FloatArray) -> FloatArray:
        return values[:, None, None]

    level: FloatArray = rival_log_mean(
        base.transpose(0, 2, 1),
        wide(store[:, StoreField.RIVAL_SWING]),
        wide(clock),
        wide(store[:, StoreField.RIVAL_PEAK_HOUR]),
        fleet.state.channel[:, :, ChannelState.RIVAL_NOISE, None],
        wide(entered),
        wide(promotion * store[:, StoreField.RIVAL_PROMOTION_SHIFT]),
        answer[:, :, None],
    )
    return level


def _rates(fleet: Fleet, level: FloatArray, requests: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Click rate and conversion of each listing (n, K), over the channels, segments and ways it is seen."""
    arrays, state = fleet.arrays, fleet.state
    constant, now = arrays.listing, state.listing

    def of_store(name: StoreField) -> FloatArray:
        return arrays.store[:, name, None]

    def of_channel(name: ChannelField) -> FloatArray:
        return arrays.channel[:, :, name][:, :, None, None]

    def cells(values: FloatArray) -> FloatArray:
        return values.transpose(0, 2, 1)[:, None]  # (n, 1, S, K)

    reviews = now[:, :, ListingState.REVIEWS]
    reference = of_store(StoreField.REFERENCE_RATING)
    prior = of_store(StoreField.RATING_PRIOR_COUNT)
    rating = mean_rating(now[:, :, ListingState.STAR_SUM], reviews, reference, prior)
    advantage = price_advantage(fleet.offer[:, :, Offer.PRICE], constant[:, :, ListingField.REFERENCE_PRICE])
    hype = constant[:, :, ListingField.HYPE]
    click = click_appeal(
        constant[:, :, ListingField.APPEAL],
        hype,
        of_store(StoreField.CLICK_HYPE_EFFECT),
        advantage,
        of_store(StoreField.CLICK_PRICE_EFFECT),
        reviews,
        of_store(StoreField.CLICK_REVIEW_EFFECT),
    )
    order = conversion_appeal(
        constant[:, :, ListingField.RELEVANCE],
        hype,
        of_store(StoreField.CONVERSION_HYPE_EFFECT),
        rating,
        reference,
        of_store(StoreField.RATING_ELASTICITY),
        reviews,
        of_store(StoreField.REVIEW_ELASTICITY),
    )
    chance = click_probability(
        click[:, None, None, :], cells(arrays.cell[:, :, :, CellField.AFFINITY]), of_channel(ChannelField.CLICK)
    )
    segment = arrays.segment[:, None, :, :, None]
    ordering = conversion_probability(
        order[:, None, None, :],
        constant[:, None, None, :, ListingField.ELASTICITY],
        segment[:, :, :, SegmentField.SENSITIVITY],
        advantage[:, None, None, :],
        segment[:, :, :, SegmentField.CONVERSION],
    )
    exposure = _exposure(fleet, level) * state.store[:, StoreState.SERVED_SHARE][:, None, None, None]
    rank = now[:, None, None, :, ListingState.RANK]
    organic = organic_exposure(
        rank, arrays.store[:, StoreField.FLYWHEEL][:, None, None, None], of_channel(ChannelField.ORGANIC_RIVALS)
    )
    seen = of_channel(ChannelField.VOLUME) * cells(requests) * found_probability(exposure, organic)
    clicked = seen * chance
    total = clicked.sum(axis=(1, 2))
    return total / seen.sum(axis=(1, 2)), (clicked * ordering).sum(axis=(1, 2)) / total


def _exposure(fleet: Fleet, level: FloatArray) -> FloatArray:
    """Chance that the ad is seen, money permitting, (n, C, S, K)."""
    store = fleet.arrays.store
    bid = fleet.offer[:, :, Offer.BID_SEARCH : Offer.BID_SEARCH + N_CHANNELS].transpose(0, 2, 1)[:, :, None, :]
    bid = bid * fleet.state.audience[:, None, :, None]
    sigma = fleet.arrays.channel[:, :, ChannelField.RIVAL_SD][:, :, None, None]
    quality = fleet.arrays.listing[:, None, None, :, ListingField.QUALITY]
    z = score_position(np.maximum(bid, 1e-9), quality, level[..., None], sigma)

    def wide(name: StoreField) -> FloatArray:
        return store[:, name][:, None, None, None]

    steps = (wide(name) for name in (StoreField.SEEN_1, StoreField.SEEN_2, StoreField.SEEN_3))
    shown: FloatArray = ad_exposure(z, -wide(StoreField.LOG_RHO) / sigma, *steps)
    return shown * (bid >= wide(StoreField.RESERVE))
