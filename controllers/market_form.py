"""The published form of the market, without its levels: what a model-predictive executor may know beforehand."""

from collections.abc import Callable, Sequence
from math import log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.market.auction import ad_exposure, rival_price, slot_steps
from merchantgym.envs.market.numeric import logistic
from merchantgym.envs.market.parameters import Market
from merchantgym.envs.market.rivals import lognormal_mean
from merchantgym.envs.store import HOURS_PER_DAY

from .laws import Array
from .laws.response import Curve, Response

FloatArray = NDArray[np.float64]


def channel_weights(market: Market) -> FloatArray:
    """Share of each channel in the clicks that the highest bids would bring, shape (C,)."""
    clicks = np.asarray(market.channel_volume) * logistic(market.click_log_odds + np.asarray(market.channel_click))
    weights: FloatArray = clicks / clicks.sum()
    return weights


def found_anyway(market: Market, log_rank: Array, xp: Any = np) -> Array:
    """Chance that a buyer finds a listing of that rank [ln] among the organic results, mean of the channels.

    `rank.organic_exposure`, whose own elementary functions are made for compiled loops, with the library's: the two
    agree to 1e-9.
    """
    power = xp.exp(market.flywheel * log_rank)
    parts = zip(channel_weights(market).tolist(), market.organic_rivals, strict=True)
    return sum((weight * (power / (power + rivals)) for weight, rivals in parts), 0.0 * power)


def rest_of_day(market: Market) -> FloatArray:
    """Traffic from the start of an hour until midnight over that of the hour, by hour of the week, shape (168,)."""
    days = np.asarray(market.weekly_traffic).reshape(-1, HOURS_PER_DAY)
    rest: FloatArray = (days[:, ::-1].cumsum(axis=1)[:, ::-1] / days).ravel()
    return rest


def daily_swing(market: Market, height: float) -> tuple[Sequence[float], Sequence[float]]:
    """How far rivals stand above their mean in each hour of the day [ln], and that hour's share of the traffic."""
    angle = 2.0 * np.pi * (np.arange(HOURS_PER_DAY) - market.rival_peak_hour) / HOURS_PER_DAY
    traffic = np.asarray(market.weekly_traffic).reshape(-1, HOURS_PER_DAY).sum(axis=0)
    return (height * np.cos(angle)).tolist(), (traffic / traffic.sum()).tolist()


def market_response(market: Market, swing: float, channel_offset: float = 0.0) -> Response:
    """What bids bring over both channels and all segments, at the published spreads and differences.

    Args:
        swing: height of the rivals' daily swing [ln].
        channel_offset: added to bids in search and taken off in the feed [ln].
    """
    seen, asked = slot_steps(market.slot_exposure, market.rival_ratio)
    step = -log(market.rival_ratio)

    def clicks(z: FloatArray, level: float, spread: float) -> FloatArray:
        return np.asarray(ad_exposure(z, step / spread, *seen))

    def cost(z: FloatArray, level: float, spread: float) -> FloatArray:
        return np.asarray(lognormal_mean(level, spread) * rival_price(z, step / spread, spread, *asked))

    offsets = (channel_offset, -channel_offset)
    hours, weight = daily_swing(market, swing)
    return Response.tabulate(_mixed(market, offsets, clicks), _mixed(market, offsets, cost), hours, weight)


def _mixed(market: Market, offsets: Sequence[float], curve: Callable[[FloatArray, float, float], Any]) -> Curve:
    """The mean of a curve of (z, level, spread) over channels and segments at one bid, as a curve of ln bid."""
    levels = np.log(market.rival_level)
    cells = [
        (weight * share, level + shift, spread, offset)
        for weight, level, spread, offset in zip(
            channel_weights(market), levels - levels.mean(), market.rival_sd, offsets, strict=True
        )
        for share, shift in zip(market.segment_share, market.rival_segment_shift, strict=True)
    ]

    def mixed(bid: FloatArray) -> FloatArray:
        parts = (
            weight * curve((bid + offset - level) / spread, level, spread) for weight, level, spread, offset in cells
        )
        total: FloatArray = sum(parts, np.zeros_like(bid))
        return total

    return mixed
