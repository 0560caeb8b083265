"""A scenario: what kind of stores a study is about, and what happens to them."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from .faults import fault_line
from .market.parameters import Market


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError("must be (low, high) with low <= high")
    return pair


def _whole(shares: tuple[float, float, float]) -> tuple[float, float, float]:
    if abs(sum(shares) - 1.0) > 1e-9:
        raise ValueError("must be three shares that sum to 1")
    return shares


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Shares = Annotated[tuple[Share, Share, Share], AfterValidator(_whole)]
Range = Annotated[tuple[NotNegative, NotNegative], AfterValidator(_ordered)]


class Scenario(BaseModel):
    """Frame from which a population draws its stores. Ranges are (low, high), drawn uniformly."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1)
    about: str  # one paragraph: what it tests
    listings: int = Field(ge=1, le=64, strict=True)  # K
    days: int = Field(ge=1, le=90, strict=True)  # length of a plan
    stage_shares: Shares  # new, advanced, mature
    driver_shares: Shares  # supply chain, operation, brand
    budget_per_day: Positive  # [CNY] median over stores
    budget_spread: NotNegative  # sd of its log
    renewing: bool = Field(strict=True)  # True: granted afresh each day; False: one purse for the plan
    roi_floor: NotNegative  # attributed GMV per ad spend that the merchant insists on, 0 none
    cold_share: Share  # least share of listings without any sale yet
    hype_share: Share  # share of listings whose title overstates the goods
    stock_days: Range  # days of expected sales on the shelf
    reorder: bool = Field(strict=True)  # goods are reordered when they run low
    coverage: Annotated[tuple[Share, Share], AfterValidator(_ordered)]  # share of requests the store's listings suit
    volume_spread: NotNegative  # sd over stores of log traffic
    rival_spread: NotNegative  # sd over stores of the rivals' log level
    conversion_spread: NotNegative  # sd over stores of the log-odds of an order
    shock_probability: Share  # that an outside event lifts some listings
    shock_size: Range  # its height, 1 doubles demand
    entry_probability: Share  # that a further rival enters
    entry_shift: Range  # [ln] rise of the rivals' level
    promotion_days: int = Field(ge=0, strict=True)  # platform promotion days within the plan
    demand_sd: NotNegative | None  # overrides the market's
    rival_noise_sd: NotNegative | None  # overrides the market's
    rival_swing: NotNegative | None  # overrides the market's
    flywheel: NotNegative | None  # overrides the market's

    @model_validator(mode="after")
    def _promotions_fit(self) -> Self:
        if self.promotion_days > self.days:
            raise ValueError(f"promotion_days(={self.promotion_days}) must be at most days(={self.days})")
        return self

    def market(self, base: Market) -> Market:
        """The base market with this scenario's overrides."""
        names = ("demand_sd", "rival_noise_sd", "rival_swing", "flywheel")
        return replace(base, **{name: getattr(self, name) for name in names if getattr(self, name) is not None})


def scenario_from_mapping(config: Mapping[str, Any]) -> Scenario:
    """A scenario from the form of `conf/scenario/*.yaml`.

    Raises: ValueError: an entry is missing, unknown or not allowed; the message names it and says what is allowed.
    """
    try:
        return Scenario.model_validate(config)
    except ValidationError as error:
        raise ValueError("\n".join(fault_line(fault, "scenario", "scenario.") for fault in error.errors())) from None


@cache
def load_scenario(name: str) -> Scenario:
    """The scenario of `conf/scenario/<name>.yaml`.

    Raises: ValueError: there is none of that name; the message lists those there are.
    """
    folder = resources.files("merchantgym.conf").joinpath("scenario")
    names = sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))
    if name not in names:
        raise ValueError(f"scenario(={name!r}) must be one of: {', '.join(names)}")
    return scenario_from_mapping(yaml.safe_load(folder.joinpath(f"{name}.yaml").read_text(encoding="utf-8")))
