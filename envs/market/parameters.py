"""The market's parameters as one frozen object, read from `conf/market/*.yaml`, where each has its unit and source."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from typing import Any

import yaml

CHANNELS = ("search", "feed")
SEGMENTS = ("micro", "retailer", "distributor", "sourcing")
HOURS_PER_WEEK = 168

_LENGTHS = {
    "weekly_traffic": HOURS_PER_WEEK,
    "slot_exposure": 3,
    "delay_shares": 3,
    "price_elasticity_range": 2,
    "tier_lots": 2,
    "tier_discount": 2,
    **dict.fromkeys(("channel_volume", "rival_level", "rival_sd", "channel_click", "organic_rivals"), len(CHANNELS)),
    **dict.fromkeys(
        (
            "segment_share",
            "rival_segment_shift",
            "segment_conversion",
            "segment_sensitivity",
            "segment_extra_lots",
        ),
        len(SEGMENTS),
    ),
}
_SHARES = (
    "rival_reaction_rate",
    "commission_rate",
    "salvage_share",
    "complaint_share",
    "review_rate",
    "rival_reference_share",
)
_POSITIVE = (
    "rival_sd",
    "channel_volume",
    "rival_level",
    "organic_rivals",
    "rank_half_life_hours",
    "new_fade_hours",
    "rank_base",
)
_AT_LEAST_ONE = (
    "day_delay_hours",
    "slow_delay_hours",
    "return_delay_days",
    "review_delay_days",
    "lead_time_hours",
)


@dataclass(frozen=True)
class Market:
    """Every constant of the marketplace. Units and sources stand beside the values in `conf/market/reference.yaml`.

    Tuples run over `CHANNELS` or `SEGMENTS` where the unit there says so.
    """

    # traffic
    weekly_traffic: tuple[float, ...]
    channel_volume: tuple[float, ...]
    segment_share: tuple[float, ...]
    demand_persistence: float
    demand_sd: float
    promotion_uplift: float
    hype_match: float
    # auction
    slot_exposure: tuple[float, ...]
    rival_ratio: float
    rival_level: tuple[float, ...]
    rival_segment_shift: tuple[float, ...]
    rival_sd: tuple[float, ...]
    rival_swing: float
    rival_peak_hour: float
    rival_persistence: float
    rival_noise_sd: float
    rival_reaction_rate: float
    rival_reaction_strength: float
    rival_reference_share: float
    rival_promotion_shift: float
    reserve_price: float
    quality_appeal_weight: float
    quality_relevance_weight: float
    # click
    click_log_odds: float
    channel_click: tuple[float, ...]
    click_price_effect: float
    click_review_effect: float
    click_hype_effect: float
    # conversion
    conversion_log_odds: float
    review_elasticity: float
    rating_elasticity: float
    reference_rating: float
    segment_conversion: tuple[float, ...]
    segment_sensitivity: tuple[float, ...]
    price_elasticity: float
    price_elasticity_range: tuple[float, ...]
    conversion_hype_effect: float
    delay_shares: tuple[float, ...]
    day_delay_hours: float
    slow_delay_hours: float
    attribution_days: int
    # order
    buyer_log_sd: float
    segment_extra_lots: tuple[float, ...]
    tier_lots: tuple[float, ...]
    tier_discount: tuple[float, ...]
    commission_rate: float
    # after_sales
    return_log_odds: float
    return_hype_effect: float
    return_delay_days: float
    salvage_share: float
    return_handling: float
    complaint_share: float
    review_rate: float
    review_delay_days: float
    star_log_odds: float
    star_hype_effect: float
    rating_prior_count: float
    # stock
    lead_time_hours: int
    # rank
    flywheel: float
    rank_half_life_hours: float
    rank_click_weight: float
    rank_reference: float
    rank_base: float
    new_boost: float
    new_fade_hours: float
    rank_rating_exponent: float
    organic_rivals: tuple[float, ...]

    def __post_init__(self) -> None:
        for name, length in _LENGTHS.items():
            value = getattr(self, name)
            if len(value) != length:
                raise ValueError(f"market.{name} has {len(value)} numbers, needs {length}")
        for name in _SHARES:
            _require(name, getattr(self, name), 0.0, 1.0)
        for name in _POSITIVE:
            _require(name, getattr(self, name), 1e-9, float("inf"))
        for name in _AT_LEAST_ONE:
            _require(name, getattr(self, name), 1.0, float("inf"))
        for name in ("demand_persistence", "rival_persistence"):
            _require(name, getattr(self, name), 0.0, 0.9999)
        _require("flywheel", self.flywheel, 0.0, float("inf"))
        _require("reserve_price", self.reserve_price, 0.01, float("inf"))
        for name in ("segment_share", "delay_shares"):
            values = getattr(self, name)
            if min(values) < 0.0 or abs(sum(values) - 1.0) > 1e-9:
                raise ValueError(f"market.{name}(={values}) must be non-negative and sum to 1")


def _require(name: str, value: float | tuple[float, ...], low: float, high: float) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        if not low <= number <= high:
            raise ValueError(f"market.{name}(={value}) must be in [{low:g}, {high:g}]")


def market_from_mapping(groups: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Market:
    """A market from the nested form of `conf/market/reference.yaml`: group -> name -> {value, unit, source, ...}.

    Raises: ValueError: an entry is missing, unknown, or its value is not allowed; the message names it.
    """
    flat = {name: entry["value"] for entries in groups.values() for name, entry in entries.items()}
    known = {field.name: field.type for field in fields(Market)}
    if unknown := sorted(set(flat) - set(known)):
        raise ValueError(f"market has no parameter {unknown[0]!r}; it has: {', '.join(known)}")
    if missing := sorted(set(known) - set(flat)):
        raise ValueError(f"market lacks the parameter {missing[0]!r}")
    return Market(**{name: _parse(name, value, known[name]) for name, value in flat.items()})


def _parse(name: str, value: Any, kind: Any) -> Any:
    try:
        if kind is int:
            return int(value)
        return float(value) if kind is float else tuple(float(number) for number in value)
    except (TypeError, ValueError):
        raise ValueError(
            f"market.{name}(={value!r}) must be {'a number' if kind in (int, float) else 'a list of numbers'}"
        ) from None


@cache
def reference_market() -> Market:
    """The market of `conf/market/reference.yaml`."""
    text = resources.files("merchantgym.conf").joinpath("market/reference.yaml").read_text(encoding="utf-8")
    return market_from_mapping(yaml.safe_load(text))
