"""Beliefs: what is thought of a store's market, each quantity with its uncertainty, and the changes noticed."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Self

import numpy as np

from .engines.layout import FloatArray
from .market.parameters import CHANNELS

NONE = -1.0
"""The hour of a change of which there was none."""
QUANTITIES = ("click_rate", "conversion", "rival_level", "demand", "lift")
"""Names of the estimated quantities, as `Beliefs.interval` takes them."""
_DAY = 24.0  # [h] scale on which features count the time since a change


@dataclass(frozen=True)
class Estimate:
    """A quantity's logarithm as a normal belief: its quantiles are exp(mean + z sd)."""

    mean: FloatArray  # of ln
    sd: FloatArray  # of ln, > 0

    @property
    def median(self) -> FloatArray:
        """The quantity itself, in its own unit."""
        value: FloatArray = np.exp(self.mean)
        return value

    def interval(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Central interval of the logarithm that holds it with probability `level`: (low, high).

        Raises: ValueError: level outside (0, 1).
        """
        if not 0.0 < level < 1.0:
            raise ValueError(f"level(={level}) must be in (0, 1)")
        reach = NormalDist().inv_cdf(0.5 + 0.5 * level) * self.sd
        return self.mean - reach, self.mean + reach


@dataclass(frozen=True)
class Change:
    """A change, as far as it was noticed. Hours count from the plan's start."""

    alarm: FloatArray  # 1 while it is held to be in force (a surge), or for some days after it was noticed; else 0
    evidence: FloatArray  # log-likelihood ratio, >= 0, of a change that has not raised the alarm yet or has
    onset: FloatArray  # [h] when it is thought to have begun, NONE where there was none
    noticed: FloatArray  # [h] when the alarm was raised, NONE where it was not
    size: FloatArray  # [ln] 0 where there was none

    @classmethod
    def none(cls, *shape: int) -> Self:
        """No change anywhere."""
        return cls(*(np.full(shape, value) for value in (0.0, 0.0, NONE, NONE, 0.0)))


@dataclass(frozen=True)
class Beliefs:
    """What is thought of n stores with K listings before the hour to come. C = channels."""

    hour: FloatArray  # (n,) [h] of the plan to come
    click_rate: Estimate  # (n, K) ln of clicks per impression, ads and organic together, at today's price
    conversion: Estimate  # (n, K) ln of orders per click, late ones included, at today's price and reviews
    rival_level: Estimate  # (n, C) ln CNY: the bid that would meet the median top rival with our mean ad quality
    demand: Estimate  # (n,) ln of the market's demand over what calendar and weekly curve promise
    lift: Estimate  # (n, K) ln of a listing's demand over its usual share of the shop's
    surge: Change  # (n, K) of `lift`
    regime: Change  # (n,) of `demand`
    rival_shift: Change  # (n,) of `rival_level`, both channels alike

    def interval(self, name: str, level: float) -> tuple[FloatArray, FloatArray]:
        """Central interval of the logarithm of a quantity.

        Args:
            name: one of QUANTITIES.
            level: its probability, such as 0.95.
        Returns: (low, high), of the quantity's shape.
        Raises: ValueError: an unknown name, or a level outside (0, 1).
        """
        if name not in QUANTITIES:
            raise ValueError(f"name(={name!r}) must be one of: {', '.join(QUANTITIES)}")
        estimate: Estimate = getattr(self, name)
        return estimate.interval(level)

    def features(self) -> FloatArray:
        """The beliefs as an input for a learned policy, named by `feature_names`; shape (n, G + K * F), finite."""
        shop = np.column_stack(
            [
                *(self.demand.mean, self.demand.sd, self.rival_level.mean, self.rival_level.sd),
                *_of_change(self.regime, self.hour),
                *_of_change(self.rival_shift, self.hour),
            ]
        )
        estimates = (self.click_rate, self.conversion, self.lift)
        of_listing = [part for estimate in estimates for part in (estimate.mean, estimate.sd)]
        listings = np.stack([*of_listing, *_of_change(self.surge, self.hour[:, None])], axis=2)
        return np.concatenate([shop, listings.reshape(len(shop), -1)], axis=1)


def _of_change(change: Change, hour: FloatArray) -> tuple[FloatArray, ...]:
    """Alarm, evidence on a log scale, size, and days since its onset while the alarm is on."""
    days = np.where(change.alarm > 0.0, np.clip((hour - change.onset) / _DAY, 0.0, 7.0), 0.0)
    return change.alarm, np.log1p(change.evidence), change.alarm * change.size, days


_CHANGE = ("alarm", "evidence", "size", "days")
_LISTING = (
    *(f"{name}_{part}" for name in ("click_rate", "conversion", "lift") for part in ("mean", "sd")),
    *(f"surge_{part}" for part in _CHANGE),
)
_SHOP = (
    *("demand_mean", "demand_sd"),
    *(f"rival_{channel}_{part}" for part in ("mean", "sd") for channel in CHANNELS),
    *(f"{name}_{part}" for name in ("regime", "rival_shift") for part in _CHANGE),
)


def feature_names(listings: int) -> tuple[str, ...]:
    """Names of the numbers of `Beliefs.features`, in order."""
    return (*_SHOP, *(f"listing_{k}.{name}" for k in range(listings) for name in _LISTING))
