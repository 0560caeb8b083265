"""A scenario: what kind of stores a study is about, and what happens to them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from typing import Any

import yaml

from .market.parameters import Market

Range = tuple[float, float]

_SHARES = ("cold_share", "hype_share", "shock_probability", "entry_probability", "coverage")


@dataclass(frozen=True)
class Scenario:
    """Frame from which a population draws its stores. Ranges are (low, high), drawn uniformly."""

    name: str
    about: str  # one paragraph: what it tests
    listings: int  # K
    days: int  # length of a plan
    stage_shares: tuple[float, ...]  # new, advanced, mature
    driver_shares: tuple[float, ...]  # supply chain, operation, brand
    budget_per_day: float  # [CNY] median over stores
    budget_spread: float  # sd of its log
    renewing: bool  # True: granted afresh each day; False: one purse for the plan
    roi_floor: float  # attributed GMV per ad spend that the merchant insists on, 0 none
    cold_share: float  # least share of listings without any sale yet
    hype_share: float  # share of listings whose title overstates the goods
    stock_days: Range  # days of expected sales on the shelf
    reorder: bool  # goods are reordered when they run low
    coverage: Range  # share of a segment's requests that the store's listings suit together
    volume_spread: float  # sd over stores of log traffic
    rival_spread: float  # sd over stores of the rivals' log level
    conversion_spread: float  # sd over stores of the log-odds of an order
    shock_probability: float  # that an outside event lifts some listings
    shock_size: Range  # its height, 1 doubles demand
    entry_probability: float  # that a further rival enters
    entry_shift: Range  # [ln] rise of the rivals' level
    promotion_days: int  # platform promotion days within the plan
    demand_sd: float | None  # overrides the market's
    rival_noise_sd: float | None  # overrides the market's
    rival_swing: float | None  # overrides the market's
    flywheel: float | None  # overrides the market's

    def __post_init__(self) -> None:
        for name, low, high in (("listings", 1, 64), ("days", 1, 90), ("promotion_days", 0, self.days)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"scenario.{name}(={value}) must be in [{low}, {high}]")
        if self.budget_per_day <= 0.0:
            raise ValueError(f"scenario.budget_per_day(={self.budget_per_day}) must be > 0 [CNY]")
        for name in _SHARES:
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if not 0.0 <= number <= 1.0:
                    raise ValueError(f"scenario.{name}(={value}) must be in [0, 1]")
        for name in ("stage_shares", "driver_shares"):
            value = getattr(self, name)
            if len(value) != 3 or min(value) < 0.0 or abs(sum(value) - 1.0) > 1e-9:
                raise ValueError(f"scenario.{name}(={value}) must be three shares that sum to 1")
        for field in fields(self):
            value = getattr(self, field.name)
            if field.type == Range and not value[0] <= value[1]:
                raise ValueError(f"scenario.{field.name}(={value}) must be (low, high) with low <= high")

    def market(self, base: Market) -> Market:
        """The base market with this scenario's overrides."""
        changes = {
            name: getattr(self, name)
            for name in ("demand_sd", "rival_noise_sd", "rival_swing", "flywheel")
            if getattr(self, name) is not None
        }
        return replace(base, **changes)


def scenario_from_mapping(config: Mapping[str, Any]) -> Scenario:
    """A scenario from the form of `conf/scenario/*.yaml`.

    Raises: ValueError: an entry is missing, unknown or not allowed; the message names it.
    """
    known = {field.name for field in fields(Scenario)}
    if unknown := sorted(set(config) - known):
        raise ValueError(f"scenario has no entry {unknown[0]!r}; it has: {', '.join(sorted(known))}")
    if missing := sorted(known - set(config)):
        raise ValueError(f"scenario lacks the entry {missing[0]!r}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, (list, tuple)) else value for name, value in config.items()
    }
    return Scenario(**values)


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
