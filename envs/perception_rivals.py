"""The rivals' level from the price per click: the second price turned round, hour by hour."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .beliefs import Change, Estimate
from .engines.layout import N_CHANNELS, FloatArray
from .market.auction import ad_exposure, price_per_click, rival_price, score_position, slot_steps
from .market.parameters import Market
from .market.rivals import lognormal_mean
from .perception_filters import Tracks, change, correct, decide, predict, start_tracks

_ROUNDING = 0.005  # [CNY] clicks are booked in whole fen, rounded down
PRICE_SHARE = 1.0 - float(np.exp(-1.0 / 12.0))
"""Share of the way that the reported price per click moves toward an hour's mean: a 12-hour mean."""
_STEP = 0.05  # [ln] for the derivative of the price


@dataclass(frozen=True)
class RivalLaw:
    """Level + AR(1) + daily swing in each channel, seen through the price per click.

    The level is that of the bid with which our ads would meet the median top rival: of the rivals' score over our own
    ad quality, which is not shown to an executor and not needed: price and slots depend on the ratio alone.
    Source: extended Kalman filter on the closed form of `market.auction`.
    """

    level_sd: float = 0.45  # [ln] between shops; assumption, headline 0.4 and its channels 0.1
    level_drift: float = 0.01  # [ln per hour] the rivals' slow answer to our wins; assumption
    noise_sd: float = 0.08  # [ln per hour] innovation of the AR(1); reference 0.06, headline 0.10
    swing: float = 0.32  # [ln] amplitude over the day, reference 0.25, headline 0.45
    swing_sd: float = 0.12  # [ln] between shops
    price_sd: float = 0.12  # [ln] of one click's price about the hour's mean: listings and segments differ
    price_floor: float = 0.03  # [ln] of the mean price, however many clicks: what the closed form leaves out
    history_sd: float = 0.12  # [ln] of last week's price read as that of a bid at the rivals' level; assumption
    suggestion_sd: float = 0.15  # [ln] of one suggested bid about the level; assumption
    channel_sd: float = 0.15  # [ln] of a channel's level about the suggestion, which is for both; assumption
    jump_sd: float = 0.7  # [ln] of the step that a further rival makes; assumption
    threshold: float = 6.0  # [log-likelihood ratio] for the alarm; set on training stores
    lasting: float = 72.0  # [h] for which the alarm stays on

    def start(self, market: Market, n: int) -> Tracks:
        """Prior of n stores; state: level, AR(1), swing."""
        level = np.log(market.rival_level) + np.dot(market.segment_share, market.rival_segment_shift)
        mean = np.zeros((n, N_CHANNELS, 3))
        mean[..., 0], mean[..., 2] = level, self.swing
        stationary = self.noise_sd**2 / (1.0 - market.rival_persistence**2)
        cov = np.diag([self.level_sd**2, stationary, self.swing_sd**2])
        return start_tracks(mean, np.tile(cov, (n, N_CHANNELS, 1, 1)))

    def meet_history(self, tracks: Tracks, market: Market, price: FloatArray) -> Tracks:
        """Take in last week's price per click (n, C) [CNY], 0 unknown, paid at about the rivals' own level."""
        level = tracks.mean[..., 0]
        base = log_price(level, level, market)
        row = np.zeros(tracks.mean.shape)
        row[..., 0] = 1.0
        row[..., 1] = 0.3  # the bid stood still while the rivals moved: only the price's own answer
        surprise = _log(price + _ROUNDING)[:, None] - base
        told = correct(tracks, row, surprise, np.full(price.shape, self.history_sd**2), price > 0.0)
        page = told.page
        page[:, 0] = 0.0
        return Tracks(told.mean, told.cov, page)

    def meet_suggestion(self, tracks: Tracks, market: Market, suggested: FloatArray) -> Tracks:
        """Take in the platform's suggested bids (n, K) [ln CNY]: each meets the median rival, with noise."""
        mean = suggested.mean(axis=1)[:, None] + np.zeros(tracks.mean.shape[2])
        row = np.zeros(tracks.mean.shape)
        row[..., 0] = 1.0
        variance = np.full(mean.shape, self.suggestion_sd**2 / suggested.shape[1] + self.channel_sd**2)
        told = correct(tracks, row, mean[:, None] - tracks.mean[..., 0], variance, np.ones(mean.shape, dtype=np.bool_))
        return Tracks(told.mean, told.cov, tracks.page)

    def last_price(self, before: FloatArray, now: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
        """The last hour's mean price per click from its 12-hour mean before and after, and where there was one.

        All (n, C). The report moves by a fixed share toward each hour's mean, and only in an hour with clicks.
        """
        known = (now > 0.0) & (now != before)
        price = np.where(before > 0.0, before + (now - before) / PRICE_SHARE, now)
        return np.clip(price, _ROUNDING, 1e3), known

    def update(
        self,
        tracks: Tracks,
        market: Market,
        *,
        hour: FloatArray,
        clock: FloatArray,
        promotion: FloatArray,
        price: FloatArray,
        clicks: FloatArray,
        bid: FloatArray,
        known: NDArray[np.bool_],
    ) -> Tracks:
        """Tracks after an hour.

        Args:
            hour: (n,) [h] of the plan that has passed.
            clock: (n,) its hour of the day.
            promotion: (n,) 1 if it was on a promotion day.
            price: (n, C) [CNY per click] mean of the hour.
            clicks: (n,) ad clicks of the hour in both channels.
            bid: (n, C) [ln CNY] mean bid behind those clicks.
            known: (n, C) where there is a price.
        """
        persistence = np.array([1.0, market.rival_persistence, 1.0])
        noise = np.array([self.level_drift**2, self.noise_sd**2, 0.0])
        tracks = predict(tracks, persistence, noise, np.array([self.jump_sd**2, 0.0, 0.0]), hour)
        row = self._row(market, clock)
        level = _level(tracks.mean, row, market, promotion)
        here = log_price(bid[:, None], level, market)
        slope = (log_price(bid[:, None], level + _STEP, market) - here) / _STEP
        surprise = _log(price + _ROUNDING)[:, None] - here
        share = np.maximum(clicks / N_CHANNELS, 1.0)
        variance = (self.price_sd**2 / share + self.price_floor**2)[:, None] + np.zeros_like(price)
        tracks = correct(tracks, slope[..., None] * row[:, None, None, :], surprise, variance, known)
        size = (tracks.mean[:, 1, :, :2] - tracks.mean[:, 0, :, :2]).sum(axis=2).mean(axis=1)
        return decide(tracks, self.threshold, hour, size)

    def believe(self, tracks: Tracks, market: Market, clock: FloatArray, promotion: FloatArray) -> Estimate:
        """ln CNY of the level in the hour that has passed, by channel (n, C)."""
        row = self._row(market, clock)[:, None]
        mean = _level(tracks.mean[:, :1], self._row(market, clock), market, promotion)[:, 0]
        variance = ((tracks.cov[:, 0] @ row[..., None])[..., 0] * row).sum(axis=-1)
        return Estimate(mean, np.sqrt(np.maximum(variance, 1e-8)))

    def changes(self, tracks: Tracks, hour: FloatArray) -> Change:
        """The last step noticed."""
        return change(tracks, hour, self.lasting)

    def _row(self, market: Market, clock: FloatArray) -> FloatArray:
        """(n, 3) what each component of the state adds to the level at that hour of the day."""
        phase = np.cos((clock - market.rival_peak_hour) * (2.0 * np.pi / 24.0))
        return np.stack([np.ones_like(phase), np.ones_like(phase), phase], axis=1)


def log_price(bid: FloatArray, level: FloatArray, market: Market) -> FloatArray:
    """ln of the price per click [ln CNY] that a bid [ln CNY] pays against rivals of a level [ln CNY].

    Both of shape (..., C); see `market.auction`.
    """
    sigma = np.asarray(market.rival_sd)
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


def _level(mean: FloatArray, row: FloatArray, market: Market, promotion: FloatArray) -> FloatArray:
    """(n, 2, C) [ln CNY] from the state, the hour of the day and the platform's promotion days."""
    level: FloatArray = (mean * row[:, None, None, :]).sum(axis=-1)
    return level + (market.rival_promotion_shift * promotion)[:, None, None]


def _log(values: FloatArray) -> FloatArray:
    logs: FloatArray = np.log(np.maximum(values, 1e-6))
    return logs
