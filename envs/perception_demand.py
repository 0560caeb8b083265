"""Demand against forecast from views, and listings whose share of it surges."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .beliefs import NONE, Change, Estimate
from .engines.layout import FloatArray
from .market.parameters import Market
from .market.rank import organic_exposure
from .market.traffic import stationary_sd
from .perception_filters import Tracks, change, correct, decide, predict, start_tracks
from .perception_settings import require_positive

_MOST_ADS = 0.7  # [share] of suitable requests that are taken to see our ad, at most


@dataclass(frozen=True)
class DemandLaw:
    """ln demand = slow level + AR(1), seen through how many suitable requests the listings' views stand for.

    Views count all requests that saw the ad, and of the others the share that the organic rank finds. Listings are
    bounded (Huber 1964), so that the surge of one is not taken for the shop's.
    """

    level_sd: float = 0.27  # [ln] last week's mean demand was about the usual one; AR(1) over a week, reference
    level_drift: float = 0.008  # [ln per hour] organic rank moves views slowly; assumption
    noise_sd: float = 0.11  # [ln per hour] innovation of the AR(1); reference 0.08, headline 0.12
    floor: float = 0.03  # [ln] of an hour's ratio, however many views; assumption
    share_sd: float = 0.25  # [ln] of a listing's share of the shop about its mean; assumption
    bound: float = 2.5  # [sd] beyond which a listing's views no longer count in full; assumption
    jump_sd: float = 0.7  # [ln] of a step in the whole shop's demand; assumption
    threshold: float = 8.5  # [log-likelihood ratio] for the alarm; set on training stores
    lasting: float = 48.0  # [h] for which the alarm stays on

    def __post_init__(self) -> None:
        require_positive(self, *self.__dataclass_fields__)

    def start(self, market: Market, n: int) -> Tracks:
        """Prior of n stores; state: slow level, AR(1)."""
        variance = self.noise_sd**2 / (1.0 - market.demand_persistence**2)
        memory = 1.0 / (168.0 * (1.0 - market.demand_persistence))  # of the coming hour in last week's mean
        shared = -memory * variance
        cov = np.array([[self.level_sd**2, shared], [shared, variance]])
        return start_tracks(np.zeros((n, 2)), np.tile(cov, (n, 1, 1)))

    def mean_shift(self, tracks: Tracks, market: Market) -> FloatArray:
        """(n,) ln of the multiplier at the AR(1)'s mean: the multiplier's own mean is one."""
        usual = -0.5 * stationary_sd(market.demand_persistence, self.noise_sd) ** 2
        shift: FloatArray = usual * np.exp(tracks.unrest)
        return shift

    def forecast(self, tracks: Tracks, market: Market) -> Tracks:
        """Tracks before the hour's views are looked at."""
        persistence = np.array([1.0, market.demand_persistence])
        noise = np.array([self.level_drift**2, self.noise_sd**2])
        return predict(tracks, persistence, noise, np.diag([0.0, self.jump_sd**2]), np.ones(2))

    def level(self, tracks: Tracks, market: Market) -> FloatArray:
        """(n, 3) ln of requests over usual ones, under each hypothesis."""
        level: FloatArray = tracks.mean.sum(axis=2) + self.mean_shift(tracks, market)[:, None]
        return level

    def update(
        self,
        tracks: Tracks,
        market: Market,
        hour: FloatArray,
        views: FloatArray,
        usual: FloatArray,
        dispersion: FloatArray,
        counted: FloatArray,
    ) -> Tracks:
        """Tracks after an hour, from `forecast`.

        Args:
            views: (n, K) requests that the views stand for.
            usual: (n, K) requests of an ordinary hour like it.
            dispersion: (n, K) variance of `views` over their mean.
            counted: (n, K) 1 where the listing tells of the shop.
        """
        level = self.level(tracks, market)
        expected = np.maximum(usual * np.exp(level[:, :1]), 1e-6)
        reach = self.bound * np.sqrt(dispersion * expected + (self.share_sd * expected) ** 2)
        total = (counted * expected).sum(axis=1)
        bounded = (counted * np.clip(views, expected - reach, expected + reach)).sum(axis=1)
        count_variance = (counted * dispersion * expected).sum(axis=1)
        share_variance = ((self.share_sd * counted * expected) ** 2).sum(axis=1)
        relative = count_variance / np.maximum(total, 1e-6) ** 2
        variance = relative + 0.02 * share_variance / np.maximum(total, 1e-6) ** 2 + self.floor**2
        ratio = np.log(np.clip(bounded / np.maximum(total, 1e-6), 0.05, 20.0)) + 0.5 * np.minimum(relative, 0.5)
        surprise = ratio[:, None] + level[:, :1] - level
        known = (total > 0.5) & (relative < 0.5)
        tracks = correct(tracks, np.ones(tracks.mean.shape), surprise, variance, known)
        return decide(tracks, self.threshold, np.ones(2), hour)

    def believe(self, tracks: Tracks, market: Market) -> Estimate:
        """ln of demand over what is usual for the hour, in the hour that has passed (n,)."""
        mean = tracks.mean[:, 0, 1] + self.mean_shift(tracks, market)
        return Estimate(mean, np.sqrt(np.maximum(tracks.cov[:, 0, 1, 1], 1e-8)))

    def changes(self, tracks: Tracks, hour: FloatArray) -> Change:
        """The last step noticed."""
        return change(tracks, hour, self.lasting)


class Surges(NamedTuple):
    """What is remembered of each listing's share: (n, K) each."""

    shape: FloatArray  # effective views behind the usual level
    weight: FloatArray  # effective hours behind it
    evidence: FloatArray  # Page's statistic
    onset: FloatArray  # [h] the hour after which it last was 0
    active: FloatArray  # 1 while the alarm is on
    recent: FloatArray  # effective views of the last hours
    promised: FloatArray  # those that the usual level promised
    onset_told: FloatArray  # [h] of the alarm in force or last
    noticed: FloatArray  # [h]
    size: FloatArray  # [ln] largest lift of the alarm in force or last


@dataclass(frozen=True)
class SurgeLaw:
    """Page's cumulative sum for a lift of a listing's requests, with the shop's demand taken out.

    Counts are quasi-Poisson: variance = dispersion x mean + (share_sd x mean)^2. Source: Page 1954, "Continuous
    inspection schemes"; Lucas 1985 for counts. The usual level is a gamma belief with forgetting, which rests while
    evidence for a surge mounts.
    """

    lift: float = 2.0  # [times] the rise the test is best at; assumption
    share_sd: float = 0.25  # [ln] of a listing's share of the shop from hour to hour and day to day; assumption
    threshold: float = 8.5  # [log-likelihood ratio] for the alarm; set on training stores
    doubt: float = 1.5  # [log-likelihood ratio] from which the listing counts less as a witness of the shop's demand
    ceiling: float = 4.0  # [log-likelihood ratio] above the threshold that is not gathered: how soon the alarm ends
    half_life: float = 96.0  # [h] in which the usual level forgets half
    recent_half_life: float = 5.0  # [h] of the lift's estimate
    history_hours: float = 36.0  # [h] of watching that last week's mean is worth; assumption
    calm: float = 2.5  # [effective views] worth of no lift in its estimate

    def __post_init__(self) -> None:
        require_positive(self, *self.__dataclass_fields__)
        if self.lift <= 1.0:
            raise ValueError(f"lift(={self.lift}) must be > 1")
        if self.doubt >= self.threshold:
            raise ValueError(f"doubt(={self.doubt}) must be < threshold(={self.threshold})")

    def start(self, n: int, listings: int) -> Surges:
        """Nothing seen yet."""
        zero, none = np.zeros((n, listings)), np.full((n, listings), NONE)
        return Surges(zero, zero, zero, zero, zero, zero, zero, none, none, zero)

    def meet_history(self, level: FloatArray) -> Surges:
        """Start from last week's mean requests per hour, (n, K)."""
        surges = self.start(*level.shape)
        hours = np.full_like(level, self.history_hours)
        return surges._replace(shape=np.maximum(level, 0.2) * hours, weight=hours)

    def usual(self, surges: Surges) -> FloatArray:
        """(n, K) usual requests per mean hour."""
        usual: FloatArray = surges.shape / np.maximum(surges.weight, 1e-9)
        return usual

    def calmness(self, surges: Surges) -> FloatArray:
        """(n, K) 1 without evidence for a surge, 0 where it suffices for the alarm."""
        calm: FloatArray = np.clip((self.threshold - surges.evidence) / (self.threshold - self.doubt), 0.0, 1.0)
        return calm

    def update(
        self,
        surges: Surges,
        hour: FloatArray,
        views: FloatArray,
        traffic: FloatArray,
        demand: FloatArray,
        dispersion: FloatArray,
        listed: FloatArray,
    ) -> Surges:
        """What is remembered after an hour.

        Args:
            hour: (n,) [h] that has passed.
            views: (n, K) requests that the views stand for.
            traffic: (n,) expected traffic in mean hours.
            demand: (n,) the shop's demand over the forecast, estimated.
            dispersion: (n, K) variance over mean of `views`.
            listed: (n, K) 1 where in the shop.
        """
        hours = (traffic * demand)[:, None]
        expected = np.maximum(self.usual(surges) * hours, 1e-6)
        spread = dispersion + self.share_sd**2 * expected
        seen, promised = listed * views / spread, listed * expected / spread
        evidence = surges.evidence + seen * np.log(self.lift) - promised * (self.lift - 1.0)
        evidence = np.clip(evidence, 0.0, self.threshold + self.ceiling)
        raised = (surges.active == 0.0) & (evidence > self.threshold)
        active = np.where(raised, 1.0, np.where(evidence <= 0.0, 0.0, surges.active))
        onset = np.where(evidence <= 0.0, hour[:, None] + 1.0, surges.onset)
        keep = 0.5 ** (1.0 / self.recent_half_life)
        recent, waited = keep * surges.recent + seen, keep * surges.promised + promised
        lift = np.log((recent + self.calm) / (waited + self.calm))
        size = np.where(raised, lift, np.where(active > 0.0, np.maximum(surges.size, lift), surges.size))
        rest = np.clip(1.0 - evidence / self.threshold, 0.0, 1.0) * (1.0 - active) * listed
        forget = 1.0 - (1.0 - 0.5 ** (1.0 / self.half_life)) * rest * np.minimum(hours, 1.0)
        trust = rest * dispersion.clip(1.0) / spread
        return Surges(
            shape=forget * surges.shape + trust * views,
            weight=forget * surges.weight + trust * hours,
            evidence=evidence,
            onset=onset,
            active=active,
            recent=recent,
            promised=waited,
            onset_told=np.where(raised, surges.onset, surges.onset_told),
            noticed=np.where(raised, hour[:, None], surges.noticed),
            size=size,
        )

    def believe(self, surges: Surges) -> Estimate:
        """ln of each listing's demand over its usual share, (n, K)."""
        mean = np.log((surges.recent + self.calm) / (surges.promised + self.calm))
        return Estimate(mean, np.sqrt(1.0 / (surges.recent + self.calm)))

    def changes(self, surges: Surges) -> Change:
        """Surges in force, and what is remembered of the last one."""
        return Change(surges.active, surges.evidence, surges.onset_told, surges.noticed, surges.size)


def found_share(rank: FloatArray, market: Market) -> FloatArray:
    """Share of suitable requests that find a listing among the organic results, over both channels."""
    volume = np.asarray(market.channel_volume)
    rivals = float(np.dot(volume, market.organic_rivals) / volume.sum())
    share: FloatArray = organic_exposure(np.clip(rank, 1e-2, 1e2), market.flywheel, rivals)
    return share


def views_spread(ads: FloatArray, expected: FloatArray, found: FloatArray) -> FloatArray:
    """Variance over mean of ads + organic / found, as an estimate of requests: every ad view counts one request."""
    share = np.clip(ads / np.maximum(expected, 1e-6), 0.0, _MOST_ADS)
    spread: FloatArray = share + (1.0 - share) / found
    return spread
