"""Rates of one hour of B stores, from the state at its start."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtr

from merchantgym.envs.engines.layout import (
    N_CHANNELS,
    CellField,
    ChannelField,
    ChannelState,
    ListingField,
    ListingState,
    Offer,
    SegmentField,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Rates:
    """Rates of one hour; shape (B, C, S, K) unless said otherwise."""

    requests: Floats  # expected suitable requests
    click: Floats  # probability of a click, once seen
    exposure: Floats  # probability that the ad is seen
    price: Floats  # [CNY per click]
    organic: Floats  # probability that the organic result is seen, where the ad is not
    conversion: Floats  # probability of an order per click


def hour_rates(hour: Rows, week: Rows, arrays: StoreArrays, state: StateArrays, offer: Floats) -> Rates:
    """Rates of the hour from the state at its start; writes the organic rank into the state."""

    def of_store(name: StoreField) -> Floats:
        return arrays.store[:, name][:, None, None, None]

    def of_channel(name: ChannelField) -> Floats:
        return arrays.channel[:, :, name][:, :, None, None]

    def of_segment(name: SegmentField) -> Floats:
        return arrays.segment[:, :, name][:, None, :, None]

    def of_cell(name: CellField) -> Floats:
        return arrays.cell[:, :, :, name].transpose(0, 2, 1)[:, None]

    promotion = arrays.calendar[np.arange(len(hour)), hour][:, None, None, None]
    listing = _listing_appeal(hour, arrays, state, offer)
    listed = state.listing[:, None, None, :, ListingState.LISTED]
    rank = state.listing[:, None, None, :, ListingState.RANK]

    rivals = arrays.segment[:, :, SegmentField.RIVAL_SEARCH : SegmentField.RIVAL_SEARCH + N_CHANNELS]
    clock = 2.0 * np.pi * (week % 24 - arrays.store[:, StoreField.RIVAL_PEAK_HOUR]) / 24.0
    mu = (
        rivals.transpose(0, 2, 1)[..., None]
        + of_store(StoreField.RIVAL_SWING) * np.cos(clock)[:, None, None, None]
        + state.channel[:, :, ChannelState.RIVAL_NOISE, None, None]
        + state.channel[:, :, ChannelState.REACTION, None, None]
        + np.where(hour >= arrays.store[:, StoreField.ENTRY_HOUR], arrays.store[:, StoreField.ENTRY_SHIFT], 0.0)[
            :, None, None, None
        ]
        + promotion * of_store(StoreField.RIVAL_PROMOTION_SHIFT)
    )
    sigma = of_channel(ChannelField.RIVAL_SD)
    bid = offer[:, :, Offer.BID_SEARCH : Offer.BID_SEARCH + N_CHANNELS].transpose(0, 2, 1)[:, :, None, :]
    bid = bid * state.audience[:, None, :, None]
    quality = arrays.listing[:, None, None, :, ListingField.QUALITY]
    step = -of_store(StoreField.LOG_RHO) / sigma
    reserve = of_store(StoreField.RESERVE)
    z = (np.log(np.maximum(bid, 1e-9) * quality) - mu) / sigma
    slots = np.arange(3)
    seen = sum(of_store(StoreField(StoreField.SEEN_1 + j)) * ndtr(z + j * step) for j in slots)
    asked = sum(of_store(StoreField(StoreField.ASKED_1 + j)) * ndtr(z - sigma + j * step) for j in slots)
    second = np.exp(mu + 0.5 * sigma**2) * asked / (quality * np.maximum(seen, 1e-12))

    log_demand = state.store[:, StoreState.DEMAND] - 0.5 * arrays.store[:, StoreField.DEMAND_STATIONARY_SD] ** 2
    traffic = arrays.weekly[week] * np.exp(log_demand)
    requests = of_channel(ChannelField.VOLUME) * of_segment(SegmentField.SHARE) * traffic[:, None, None, None]
    requests = requests * (1.0 + promotion * (of_store(StoreField.PROMOTION_UPLIFT) - 1.0))
    requests = requests * of_cell(CellField.MATCH) * (1.0 + listing.shock * of_cell(CellField.SHOCK)) * listed
    log_odds = listing.order - (
        arrays.listing[:, None, None, :, ListingField.ELASTICITY]
        * of_segment(SegmentField.SENSITIVITY)
        * listing.advantage
    )
    power = rank ** of_store(StoreField.FLYWHEEL)
    shape = requests.shape
    return Rates(
        requests=requests,
        click=expit(listing.click + of_cell(CellField.AFFINITY) + of_channel(ChannelField.CLICK)),
        exposure=seen * ((bid >= reserve) * listed),
        price=np.minimum(np.maximum(second, reserve), bid),
        organic=np.broadcast_to(power / (power + of_channel(ChannelField.ORGANIC_RIVALS)), shape),
        conversion=np.broadcast_to(expit(log_odds + of_segment(SegmentField.CONVERSION)), shape),
    )


@dataclass(frozen=True)
class _Appeal:
    """What depends on the listing alone, shape (B, 1, 1, K)."""

    click: Floats
    order: Floats
    advantage: Floats
    shock: Floats  # growth of demand from the outside event, per unit of its height


def _listing_appeal(hour: Rows, arrays: StoreArrays, state: StateArrays, offer: Floats) -> _Appeal:
    field, constant, now = StoreField, arrays.listing, state.listing

    def of_store(name: StoreField) -> Floats:
        return arrays.store[:, name, None]

    reviews = now[:, :, ListingState.REVIEWS]
    prior = of_store(field.RATING_PRIOR_COUNT)
    reference = of_store(field.REFERENCE_RATING)
    stars = (now[:, :, ListingState.STAR_SUM] + reference * prior) / (reviews + prior) / reference
    advantage = np.log(constant[:, :, ListingField.REFERENCE_PRICE] / offer[:, :, Offer.PRICE])
    hype = constant[:, :, ListingField.HYPE]
    click = constant[:, :, ListingField.APPEAL] + of_store(field.CLICK_HYPE_EFFECT) * hype
    click += of_store(field.CLICK_PRICE_EFFECT) * advantage + of_store(field.CLICK_REVIEW_EFFECT) * np.log1p(reviews)
    order = constant[:, :, ListingField.RELEVANCE] + of_store(field.CONVERSION_HYPE_EFFECT) * hype
    order += of_store(field.RATING_ELASTICITY) * np.log(stars) + of_store(field.REVIEW_ELASTICITY) * np.log1p(reviews)
    young = np.exp(-(constant[:, :, ListingField.START_AGE] + hour[:, None]) / of_store(field.NEW_FADE))
    rank = of_store(field.RANK_BASE) + now[:, :, ListingState.MEMORY] / of_store(field.RANK_REFERENCE)
    rank += of_store(field.NEW_BOOST) * young
    now[:, :, ListingState.RANK] = rank * stars ** of_store(field.RANK_RATING_EXPONENT)
    elapsed = np.maximum(hour - arrays.store[:, field.SHOCK_ONSET], 0.0)
    shock = -np.expm1(-elapsed / arrays.store[:, field.SHOCK_RISE])
    shock = (shock * np.exp(-elapsed / arrays.store[:, field.SHOCK_DECAY]))[:, None] * np.ones_like(click)
    return _Appeal(*(values[:, None, None, :] for values in (click, order, advantage, shock)))
