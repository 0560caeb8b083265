"""What a plan may bring, before it starts: an executor carries it out on the shop's digital twin, many times over."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .actor import Actor
from .back_office import BackOffice
from .engines.layout import FloatArray
from .market.parameters import Market
from .opening import OpenStores
from .plan import Forecast, Plan, Quantiles, pack_plans
from .rollout import Episodes, rollout, subset
from .scenario import Scenario
from .twin import believed_stores, twin_keys

TAIL = 0.05
"""Chance that a quantity falls short of a forecast's low point, and that it exceeds the high one."""


@dataclass(frozen=True, eq=False)
class Outlook:
    """How one plan ended on every draw of a shop's twin; all that a forecast says is read off these. Money in CNY."""

    spend: FloatArray  # (draws,)
    gmv: FloatArray  # (draws,)
    profit: FloatArray  # (draws,) the merchant's

    @property
    def forecast(self) -> Forecast:
        """Quantiles, as a plan carries them."""
        return Forecast(spend=_quantiles(self.spend), gmv=_quantiles(self.gmv), profit=_quantiles(self.profit))

    @property
    def loss(self) -> float:
        """The 95 % loss (value at risk) [CNY]: with a chance of 95 % the merchant loses no more; 0 where it gains."""
        return max(0.0, -float(np.quantile(self.profit, TAIL)))

    @property
    def loss_probability(self) -> float:
        """Chance that the merchant loses money."""
        return float((self.profit < 0.0).mean())


def forecast(
    actor: Actor,
    plan: Plan,
    office: BackOffice,
    scenario: Scenario,
    seed: int,
    *,
    draws: int = 256,
    market: Market | None = None,
    threads: int = 1,
) -> Outlook:
    """What a plan may bring when `actor` executes it; see `forecasts`."""
    return forecasts(actor, [plan], [office], scenario, seed, draws=draws, market=market, threads=threads)[0]


def forecasts(
    actor: Actor,
    plans: Sequence[Plan],
    offices: Sequence[BackOffice],
    scenario: Scenario,
    seed: int,
    *,
    draws: int = 256,
    market: Market | None = None,
    threads: int = 1,
) -> list[Outlook]:
    """What each of n plans may bring when `actor` executes it.

    Args:
        actor: the executor; it meets the twin as it will meet the shop, an observation an hour.
        plans, offices: n of each; the offices have the same number of listings.
        scenario, market: what is publicly known of the population of shops.
        seed: of beliefs and chance. Plans for one office forecast with one seed meet the same chance.
        draws: believed stores for each office.
    Raises: ValueError: as many plans as offices are needed; or what `believed_stores` says. PlanError: a plan does not
        fit its office's listings.
    """
    if len(plans) != len(offices):
        raise ValueError(f"plans(={len(plans)}) must be as many as offices(={len(offices)})")
    twin = believed_stores(offices, scenario, draws, seed, market=market, threads=threads)
    return outlooks(actor, plans, twin, seed, threads=threads)


def outlooks(actor: Actor, plans: Sequence[Plan], twin: OpenStores, seed: int, *, threads: int = 1) -> list[Outlook]:
    """The same for twins already at hand, from `believed_stores` for the plans' offices in order."""
    return [own[0] for own in rival_outlooks(actor, [[plan] for plan in plans], twin, seed, threads=threads)]


def rival_outlooks(
    actor: Actor, plans: Sequence[Sequence[Plan]], twin: OpenStores, seed: int, *, threads: int = 1
) -> list[list[Outlook]]:
    """Several plans for each office, all on the same draws and under the same chance: differences are paired.

    Args:
        plans: for each office of `twin` in order, as many as there are for it, or none.
    """
    played = rehearse(actor, plans, twin, seed, threads=threads)
    draws = len(twin) // len(plans)
    columns = (played.spend, played.gmv, played.profit)
    parts = iter(zip(*(column.reshape(-1, draws) for column in columns), strict=True))
    return [[Outlook(*next(parts)) for _ in own] for own in plans]


def rehearse(
    actor: Actor,
    plans: Sequence[Sequence[Plan]],
    twin: OpenStores,
    seed: int,
    *,
    threads: int = 1,
    trace: bool = False,
) -> Episodes:
    """The runs behind `rival_outlooks`: every plan of the first office on each of its draws, then the next office's.

    Args:
        trace: hourly series as well.
    Raises: ValueError: `twin` does not hold equally many draws for each office, or there is no plan at all.
    """
    draws, rest = divmod(len(twin), max(len(plans), 1))
    if rest or not draws:
        raise ValueError(f"twin(={len(twin)} stores) must hold equally many for each of plans(={len(plans)})")
    office = np.repeat(np.arange(len(plans)), [len(own) for own in plans])
    listing_ids = [twin.listing_ids[draws * i] for i in office.tolist()]
    packed = pack_plans([plan for own in plans for plan in own], listing_ids)
    rows = np.repeat(np.arange(len(office)), draws)
    stores = (draws * office[:, None] + np.arange(draws)).ravel()
    keys = np.array(twin_keys(len(office), draws))
    return rollout(actor, twin, subset(packed, rows), seed, rows=stores, keys=keys, threads=threads, trace=trace)


def _quantiles(values: FloatArray) -> Quantiles:
    """5 %, 50 % and 95 % points to the fen."""
    low, mid, high = np.round(np.quantile(values, [TAIL, 0.5, 1.0 - TAIL]), 2).tolist()
    return Quantiles(low=low, mid=mid, high=high)
