"""A scenario: what kind of stores a study is about, and what happens to them.

`steady` is the quiet setting; every other file but `headline` builds on it and names one difficulty. No field that a
file names costs or spares a random draw, so store 17 of `price_war` is store 17 of `steady` with a rival to come: two
scenarios may be compared store by store. (`headline` draws its promotion days and stands alone.)
"""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from .faults import fault_line
from .hosting import Hosting, load_hosting, marketplace
from .market.parameters import Market
from .store import DRIVER_MIXES, STAGES


def _ordered(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError("must be (low, high) with low <= high")
    return pair


def _whole(shares: tuple[float, float, float]) -> tuple[float, float, float]:
    if abs(sum(shares) - 1.0) > 1e-9:
        raise ValueError("must be three shares that sum to 1")
    return shares


def _possible_mix(mix: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    for known, names in ((STAGES, mix), (DRIVER_MIXES, [name for row in mix.values() for name in row])):
        for name in names:
            if name not in known:
                raise ValueError(f"must not have {name!r}; allowed: {', '.join(known)}")
    if not any(weight for row in mix.values() for weight in row.values()):
        raise ValueError("must have a weight above 0")
    return mix


Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Shares = Annotated[tuple[Share, Share, Share], AfterValidator(_whole)]
Range = Annotated[tuple[NotNegative, NotNegative], AfterValidator(_ordered)]
ShareRange = Annotated[tuple[Share, Share], AfterValidator(_ordered)]
Mix = Annotated[dict[str, dict[str, NotNegative]], AfterValidator(_possible_mix)]
_MARKET_OVERRIDES = ("demand_sd", "rival_noise_sd", "rival_swing", "delay_shares", "slow_delay_hours", "flywheel")


class Scenario(BaseModel):
    """Frame from which a population draws its stores. Ranges are (low, high), drawn uniformly."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1)
    about: str  # one paragraph: what it tests
    listings: int = Field(ge=1, le=64, strict=True)  # K
    days: int = Field(ge=1, le=90, strict=True)  # length of a plan
    stage_shares: Shares  # new, advanced, mature
    driver_shares: Shares  # supply chain, operation, brand
    mix: Mix | None  # stage -> driver or drivers ("supply_chain+brand") -> weight; null: the two lines above
    budget_per_day: Positive  # [CNY] median over stores
    budget_spread: NotNegative  # sd of its log
    renewing: bool = Field(strict=True)  # True: granted afresh each day; False: one purse for the plan
    roi_floor: NotNegative  # attributed GMV per ad spend that the merchant insists on, 0 none
    cold_share: Share  # least share of listings without any sale yet
    hype_share: Share  # share of listings whose title overstates the goods
    stock_days: Range  # days of expected sales on the shelf
    reorder: bool = Field(strict=True)  # goods are reordered when they run low
    coverage: ShareRange  # share of requests the store's listings suit
    volume_spread: NotNegative  # sd over stores of log traffic
    rival_spread: NotNegative  # sd over stores of the rivals' log level
    conversion_spread: NotNegative  # sd over stores of the log-odds of an order
    shock_probability: Share  # that an outside event lifts some listings
    shock_size: Range  # its height, 1 doubles demand
    shock_listings: Annotated[int, Field(ge=1, strict=True)] | None  # how many it lifts; null: one, others by chance
    shock_window: ShareRange  # when it begins, as a share of the plan passed
    entry_probability: Share  # that a further rival enters
    entry_shift: Range  # [ln] rise of the rivals' level
    entry_window: ShareRange  # when the rival enters, as a share of the plan passed
    promotion_days: int = Field(ge=0, strict=True)  # how many platform promotion days there are within the plan
    promotion_on: tuple[Annotated[int, Field(ge=0, strict=True)], ...] | None  # which days, from 0; null: drawn
    demand_sd: NotNegative | None  # overrides the market's
    rival_noise_sd: NotNegative | None  # overrides the market's
    rival_swing: NotNegative | None  # overrides the market's
    delay_shares: Shares | None  # of orders [same hour, within about a day, slow]; overrides the market's
    slow_delay_hours: Annotated[float, Field(ge=1)] | None  # [h] mean of the slow ones; overrides the market's
    flywheel: NotNegative | None  # overrides the market's
    hosting: Hosting = Field(default_factory=marketplace)  # of `conf/hosting`, a choice apart from the files here

    @model_validator(mode="after")
    def _promotions_fit(self) -> Self:
        if self.promotion_days > self.days:
            raise ValueError(f"promotion_days(={self.promotion_days}) must be at most days(={self.days})")
        days = self.promotion_on
        if days is not None and (len(set(days)) != self.promotion_days or any(day >= self.days for day in days)):
            raise ValueError(
                f"promotion_on(={list(days)}) must be promotion_days(={self.promotion_days}) different days of the "
                f"plan, from 0 to {self.days - 1}"
            )
        return self

    @model_validator(mode="after")
    def _shock_fits(self) -> Self:
        if self.shock_listings is not None and self.shock_listings > self.listings:
            raise ValueError(f"shock_listings(={self.shock_listings}) must be at most listings(={self.listings})")
        return self

    def market(self, base: Market) -> Market:
        """The base market with the overrides of this scenario and of its hosting model."""
        given = {name: getattr(self, name) for name in _MARKET_OVERRIDES}
        given["commission_rate"] = self.hosting.commission_rate
        return replace(base, **{name: value for name, value in given.items() if value is not None})


def scenario_from_mapping(config: Mapping[str, Any]) -> Scenario:
    """A scenario from the form of `conf/scenario/*.yaml`.

    Raises: ValueError: an entry is missing, unknown or not allowed; the message names it and says what is allowed.
    """
    try:
        return Scenario.model_validate(config)
    except ValidationError as error:
        raise ValueError("\n".join(fault_line(fault, "scenario", "scenario.") for fault in error.errors())) from None


def scenario_names() -> tuple[str, ...]:
    """Names of the files in `conf/scenario`."""
    return tuple(sorted(item.name.removesuffix(".yaml") for item in _folder().iterdir() if item.name.endswith(".yaml")))


def scenario_mapping(name: str) -> dict[str, Any]:
    """The entries of `conf/scenario/<name>.yaml` over those of the files in its `defaults`, as Hydra composes them."""
    own: dict[str, Any] = yaml.safe_load(_folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    composed: dict[str, Any] = {}
    for part in own.pop("defaults", ["_self_"]):
        composed |= own if part == "_self_" else scenario_mapping(part)
    return composed


@cache
def load_scenario(name: str, hosting: str = "marketplace") -> Scenario:
    """The scenario of `conf/scenario/<name>.yaml` under the hosting model of `conf/hosting/<hosting>.yaml`.

    Raises: ValueError: there is none of that name; the message lists those there are.
    """
    if name not in scenario_names():
        raise ValueError(f"scenario(={name!r}) must be one of: {', '.join(scenario_names())}")
    return scenario_from_mapping(scenario_mapping(name)).model_copy(update={"hosting": load_hosting(hosting)})


def _folder() -> Traversable:
    return resources.files("merchantgym.conf").joinpath("scenario")
