"""Hosting models: who sets the price, who pays what to whom, between a merchant and the platform that runs the shop.

Under `platform` price control the platform is the seller: it buys each unit at the supply price, the merchant's cost x
(1 + supply_markup), and keeps the retail revenue. Otherwise the merchant sells, pays commission and fees, and either
leaves the price to whoever executes the plan (`delegated`) or keeps it to itself (`merchant`).

Every share below is the merchant's; the platform bears the rest. Money that neither of them keeps goes to outsiders:
carriers, handlers of returns, and the channels where an own shop advertises. `reward.write_terms` keeps the accounts.
"""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from .faults import fault_line


def _whole_fen(cny: float) -> float:
    if abs(100.0 * cny - round(100.0 * cny)) > 1e-6:
        raise ValueError("must be whole fen (0.01 CNY)")
    return cny


PriceControl = Literal["delegated", "merchant", "platform"]
Share = Annotated[float, Field(ge=0, le=1)]
Money = Annotated[float, Field(ge=0), AfterValidator(_whole_fen)]


class Hosting(BaseModel):
    """Terms of one hosting model. Units and sources stand beside the values in `conf/hosting/*.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(min_length=1)
    about: str  # one paragraph: who does what
    price_control: PriceControl  # who sets the retail price
    commission_rate: Share | None  # of revenue, merchant to platform; None: the market's
    payment_fee: Share  # of revenue, merchant to platform, not given back on returns
    subscription: Money  # [CNY per day] merchant to platform, billed with the plan's last hour
    ad_share: Share  # of the ad spend
    ad_receiver: Literal["platform", "outside"]  # to whom ad money goes
    traffic: Annotated[float, Field(gt=0)]  # multiple of the marketplace's requests
    order_logistics: Money  # [CNY per order] that merchant and platform pay carriers
    unit_logistics: Money  # [CNY per unit]
    logistics_share: Share  # of the two lines above
    return_share: Share  # of returns: refund or supply price, handling, and the goods that come back
    supply_markup: Annotated[float, Field(ge=0)] | None  # [share of cost] where the platform sells, else None

    @model_validator(mode="after")
    def _seller_is_paid_once(self) -> Self:
        sells = self.price_control == "platform"
        if sells == (self.supply_markup is None):
            raise ValueError(
                f"supply_markup(={self.supply_markup}) must be a number where price_control is platform, else null"
            )
        if sells and (self.commission_rate, self.payment_fee) != (0.0, 0.0):
            raise ValueError(
                f"commission_rate(={self.commission_rate}) and payment_fee(={self.payment_fee}) must be 0 where "
                "price_control is platform: it cannot charge the merchant for its own sales"
            )
        return self

    @property
    def platform_sells(self) -> bool:
        """True where the platform buys at the supply price and sells on its own account."""
        return self.price_control == "platform"


def hosting_from_mapping(config: Mapping[str, Any]) -> Hosting:
    """Terms from the form of `conf/hosting/*.yaml`: name, about, and for each term {value, unit, status, source}.

    Raises: ValueError: an entry is missing, unknown or not allowed; the message names it and says what is allowed.
    """
    for name, entry in config.items():
        if isinstance(entry, Mapping) and "value" not in entry:
            raise ValueError(f"hosting.{name}.value is missing")
    flat = {name: entry["value"] if isinstance(entry, Mapping) else entry for name, entry in config.items()}
    try:
        return Hosting.model_validate(flat)
    except ValidationError as error:
        raise ValueError("\n".join(fault_line(fault, "hosting", "hosting.") for fault in error.errors())) from None


def hosting_names() -> tuple[str, ...]:
    """Names of the files in `conf/hosting`."""
    return tuple(sorted(item.name.removesuffix(".yaml") for item in _folder().iterdir() if item.name.endswith(".yaml")))


@cache
def load_hosting(name: str) -> Hosting:
    """The terms of `conf/hosting/<name>.yaml`.

    Raises: ValueError: there is none of that name; the message lists those there are.
    """
    if name not in hosting_names():
        raise ValueError(f"hosting(={name!r}) must be one of: {', '.join(hosting_names())}")
    return hosting_from_mapping(yaml.safe_load(_folder().joinpath(f"{name}.yaml").read_text(encoding="utf-8")))


def marketplace() -> Hosting:
    """The terms of the ordinary marketplace shop."""
    return load_hosting("marketplace")


def _folder() -> Traversable:
    return resources.files("merchantgym.conf").joinpath("hosting")
