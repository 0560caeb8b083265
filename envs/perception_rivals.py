"""The rivals' level from what clicks cost and how often our ads are seen: the auction's closed form turned round."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .beliefs import Change, Estimate
from .engines.layout import N_CHANNELS, FloatArray
from .market.auction import ad_exposure, price_per_click, rival_price, score_position, slot_steps
from .market.parameters import Market
from .market.rivals import lognormal_mean
from .perception_filters import Tracks, change, correct, decide, predict, start_tracks
from .perception_settings import require_positive

PRICE_SHARE = 1.0 - float(np.exp(-1.0 / 12.0))
"""Share of the way that the reported price per click moves toward an hour's mean: a 12-hour mean."""
_ROUNDING = 0.005  # [CNY] clicks are booked in whole fen, rounded down
_STEP = 0.1  # [ln] for derivatives
_LEVEL, _NOISE, _SWING, _ORGANIC = slice(0, 2), slice(2, 4), 4, 5  # components of the state
_STATES = 6
_MEAN_LEVEL = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0]) / N_CHANNELS


@dataclass(frozen=True)
class AdHour:
    """What advertising brought in the hour that has passed."""

    hour: FloatArray  # (n,) [h] of the plan
    clock: FloatArray  # (n,) its hour of the day
    promotion: FloatArray  # (n,) 1 if it was on a promotion day
    price: FloatArray  # (n, C) [CNY per click] mean of the hour
    priced: NDArray[np.bool_]  # (n, C) where there is one
    clicks: FloatArray  # (n,) ad clicks of both channels
    bid: FloatArray  # (n, C) [ln CNY] mean bid behind those clicks
    bid_sd: FloatArray  # (n,) [ln] of the bids behind them
    ads: FloatArray  # (n,) ad views of both channels over the share of the hour for which there was money
    organic: FloatArray  # (n,) organic views of the same listings
    requests: FloatArray  # (n,) suitable requests that the organic views stand for
    offer: FloatArray  # (n, C) [ln CNY] mean bid of those listings, by their requests
    offer_sd: FloatArray  # (n,) [ln] of their bids


@dataclass(frozen=True)
class RivalLaw:
    """Level + AR(1) in each channel and a daily swing, seen through the price per click and the share of ad views.

    The level is that of the bid with which our ads would meet the median top rival: of the rivals' score over our own
    ad quality, which is not shown to an executor and not needed: price and slots depend on the ratio alone.
    Source: extended Kalman filter on the closed form of `market.auction`.
    """

    level_sd: float = 0.40  # [ln] between shops, both channels alike; assumption, headline 0.4
    channel_sd: float = 0.15  # [ln] of one channel about that; assumption
    level_drift: float = 0.02  # [ln per hour] the rivals' slow answer to our wins; assumption
    noise_sd: float = 0.10  # [ln per hour] innovation of the AR(1); reference 0.06, headline 0.10
    swing: float = 0.32  # [ln] amplitude over the day, reference 0.25, headline 0.45
    swing_sd: float = 0.12  # [ln] between shops
    organic_sd: float = 0.2  # [ln] of organic views per request against the published share; assumption
    organic_drift: float = 0.01  # [ln per hour] ranks move; assumption
    price_sd: float = 0.20  # [ln] of one click's price about the hour's mean: segments and qualities differ
    price_floor: float = 0.08  # [ln] of the mean price, however many clicks: what the closed form leaves out
    views_floor: float = 0.15  # [ln] of the share of ad views, however many: what the closed form leaves out
    form_sd: float = 0.06  # [ln] of the level as it is read, for good: the closed form is of mean bid and mean segment
    history_sd: float = 0.15  # [ln] of last week's price read as that of a bid at the rivals' level; assumption
    suggestion_sd: float = 0.15  # [ln] of one suggested bid about the level; assumption
    jump_sd: float = 0.8  # [ln] of the step that a further rival makes; assumption
    threshold: float = 5.0  # [log-likelihood ratio] for the alarm; set on training stores
    lasting: float = 72.0  # [h] for which the alarm stays on

    def __post_init__(self) -> None:
        require_positive(self, *(name for name in self.__dataclass_fields__ if name not in ("swing", "form_sd")))

    def start(self, market: Market, n: int) -> Tracks:
        """Prior of n stores; state: levels (C), AR(1) (C), swing, organic views per request."""
        mean = np.zeros((n, _STATES))
        mean[:, _LEVEL] = np.log(market.rival_level) + np.dot(market.segment_share, market.rival_segment_shift)
        mean[:, _SWING] = self.swing
        cov = np.zeros((_STATES, _STATES))
        cov[_LEVEL, _LEVEL] = self.level_sd**2 + self.channel_sd**2 * np.eye(N_CHANNELS)
        cov[_NOISE, _NOISE] = self.noise_sd**2 / (1.0 - market.rival_persistence**2) * np.eye(N_CHANNELS)
        cov[_SWING, _SWING] = self.swing_sd**2
        cov[_ORGANIC, _ORGANIC] = self.organic_sd**2
        return start_tracks(mean, np.tile(cov, (n, 1, 1)))

    def meet_history(self, tracks: Tracks, market: Market, price: FloatArray) -> Tracks:
        """Take in last week's price per click (n, C) [CNY], 0 unknown, paid at about the rivals' own level."""
        page, unrest = tracks.page, tracks.unrest
        for c in range(N_CHANNELS):
            level = tracks.mean[:, :, c]
            base = log_price(level, level, market.rival_sd[c], market)
            row = np.zeros(tracks.mean.shape)
            row[:, :, c] = 1.0
            row[:, :, N_CHANNELS + c] = 0.3  # the bid stood still while the rivals moved: only the price's own answer
            surprise = _log(price[:, c] + _ROUNDING)[:, None] - base
            variance = np.full(len(price), self.history_sd**2)
            tracks = correct(tracks, row, surprise, variance, price[:, c] > 0.0)
        return tracks._replace(page=page, unrest=unrest)

    def meet_suggestion(self, tracks: Tracks, suggested: FloatArray) -> Tracks:
        """Take in the platform's suggested bids (n, K) [ln CNY]: each meets the mean of both levels, with noise."""
        row = np.zeros(tracks.mean.shape)
        row[:, :, _LEVEL] = 1.0 / N_CHANNELS
        n, listings = suggested.shape
        surprise = suggested.mean(axis=1)[:, None] - tracks.mean[:, :, _LEVEL].mean(axis=2)
        variance = np.full(n, self.suggestion_sd**2 / listings)
        told = correct(tracks, row, surprise, variance, np.ones(n, dtype=np.bool_))
        return told._replace(page=tracks.page, unrest=tracks.unrest)

    def last_price(self, before: FloatArray, now: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """The last hour's mean price per click from its 12-hour mean before and after, and where there was one.

        All (n, C). The report moves by a fixed share toward each hour's mean, and only in an hour with clicks.
        """
        known = (now > 0.0) & (now != before)
        price = np.where(before > 0.0, before + (now - before) / PRICE_SHARE, now)
        return np.clip(price, _ROUNDING, 1e3), known

    def update(self, tracks: Tracks, market: Market, seen: AdHour) -> Tracks:
        """Tracks after an hour."""
        persistence = np.ones(_STATES)
        persistence[_NOISE] = market.rival_persistence
        noise = np.zeros(_STATES)
        noise[_LEVEL], noise[_NOISE] = self.level_drift**2, self.noise_sd**2
        noise[_ORGANIC] = self.organic_drift**2
        jump = np.zeros((_STATES, _STATES))
        jump[_LEVEL, _LEVEL] = self.jump_sd**2  # both channels alike
        tracks = predict(tracks, persistence, noise, jump, _MEAN_LEVEL)
        rows = _rows(market, seen.clock)
        shift = market.rival_promotion_shift * seen.promotion
        for c in range(N_CHANNELS):  # each in turn, so that the curves are straightened where the last one left off
            tracks = self._price(tracks, market, seen, rows, shift, c)
        tracks = self._views(tracks, market, seen, rows, shift)
        return decide(tracks, self.threshold, _MEAN_LEVEL, seen.hour)

    def _price(
        self, tracks: Tracks, market: Market, seen: AdHour, rows: FloatArray, shift: FloatArray, c: int
    ) -> Tracks:
        """Take in the price per click of a channel."""
        level = _levels(tracks.mean, rows[:, c : c + 1], shift)[..., 0]
        here, there = log_price(seen.bid[:, None, c], np.stack([level, level + _STEP]), market.rival_sd[c], market)
        slope = (there - here) / _STEP
        surprise = _log(seen.price[:, c] + _ROUNDING)[:, None] - here
        mixed = (1.0 - slope[:, 0]) * seen.bid_sd  # which of the listings clicked in which channel is not shown
        variance = (self.price_sd**2 + mixed**2) / np.maximum(seen.clicks, 1.0) + self.price_floor**2
        row = slope[..., None] * rows[:, None, c]
        return correct(tracks, row, surprise, variance, seen.priced[:, c], calmer=False)

    def _views(self, tracks: Tracks, market: Market, seen: AdHour, rows: FloatArray, shift: FloatArray) -> Tracks:
        """Take in the odds of a request seeing our ad."""
        level = _levels(tracks.mean, rows, shift)
        volume = np.asarray(market.channel_volume) / np.sum(market.channel_volume)
        bid, sd = seen.offer[:, None], seen.offer_sd[:, None, None]
        here, there = volume * exposure(bid, np.stack([level, level + _STEP]), sd, market)
        total = np.clip(here.sum(axis=2), 1e-4, 0.98)
        row = (((there - here) / (_STEP * total * (1.0 - total))[..., None])[..., None] * rows[:, None]).sum(axis=2)
        row[..., _ORGANIC] += 1.0
        odds = _log(seen.ads) - _log(seen.requests)
        surprise = odds[:, None] - np.log(total / (1.0 - total)) - tracks.mean[..., _ORGANIC]
        known = (seen.ads >= 3.0) & (seen.organic >= 3.0) & (seen.offer > -8.0).all(axis=1)
        variance = 1.0 / np.maximum(seen.ads, 1.0) + 1.0 / np.maximum(seen.organic, 1.0) + self.views_floor**2
        return correct(tracks, row, surprise, variance, known, calmer=False)

    def believe(self, tracks: Tracks, market: Market, clock: FloatArray, promotion: FloatArray) -> Estimate:
        """ln CNY of the level in the hour that has passed, by channel (n, C)."""
        rows = _rows(market, clock)
        shift = market.rival_promotion_shift * promotion
        mean = (rows @ tracks.mean[:, 0, :, None])[..., 0] + shift[:, None]
        variance = ((rows @ tracks.cov[:, 0]) * rows).sum(axis=2)
        return Estimate(mean, np.sqrt(np.maximum(variance, 0.0) + self.form_sd**2))

    def changes(self, tracks: Tracks, hour: FloatArray) -> Change:
        """The last step noticed."""
        return change(tracks, hour, self.lasting)


def log_price(bid: FloatArray, level: FloatArray, sigma: Any, market: Market) -> FloatArray:
    """ln of the price per click [ln CNY] that a bid [ln CNY] pays against rivals of a level and spread [ln CNY]."""
    seen, asked = slot_steps(market.slot_exposure, market.rival_ratio)
    step = -np.log(market.rival_ratio) / sigma
    offer = np.exp(np.clip(bid, -10.0, 10.0))
    z = score_position(offer, 1.0, level, sigma)
    price = price_per_click(
        ad_exposure(z, step, *seen),
        rival_price(z, step, sigma, *asked),
        lognormal_mean(level, sigma),
        1.0,
        market.reserve_price,
        np.maximum(offer, market.reserve_price),
    )
    return _log(price)


def exposure(bid: FloatArray, level: FloatArray, bid_sd: FloatArray, market: Market) -> FloatArray:
    """Chance that an ad is seen, mean over bids [ln CNY] normal about `bid`; last axis the channel.

    A normal spread of bids only widens the rivals' own: the mean of Phi over it is Phi again.
    """
    sigma = np.sqrt(np.square(market.rival_sd) + bid_sd**2)
    seen, _ = slot_steps(market.slot_exposure, market.rival_ratio)
    z = score_position(np.exp(np.clip(bid, -10.0, 10.0)), 1.0, level, sigma)
    shown: FloatArray = ad_exposure(z, -np.log(market.rival_ratio) / sigma, *seen)
    return shown


def _rows(market: Market, clock: FloatArray) -> FloatArray:
    """(n, C, states) what each component adds to a channel's level at that hour of the day."""
    rows = np.zeros((len(clock), N_CHANNELS, _STATES))
    for c in range(N_CHANNELS):
        rows[:, c, c] = rows[:, c, N_CHANNELS + c] = 1.0
    rows[:, :, _SWING] = np.cos((clock - market.rival_peak_hour) * (2.0 * np.pi / 24.0))[:, None]
    return rows


def _levels(mean: FloatArray, rows: FloatArray, shift: FloatArray) -> FloatArray:
    """(n, 3, C) [ln CNY] under each hypothesis."""
    level: FloatArray = mean @ rows.transpose(0, 2, 1)
    return level + shift[:, None, None]


def _log(values: FloatArray) -> FloatArray:
    logs: FloatArray = np.log(np.maximum(values, 1e-6))
    return logs
