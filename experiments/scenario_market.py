"""What the market of a scenario does through a plan as it is written, and the figures that tell it from others."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from merchantgym.controllers import make_controller
from merchantgym.envs.engines.layout import CellField, FloatArray, ListingState, Report, StoreField, StoreState
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.rollout import Episodes, rollout
from merchantgym.envs.store import HOURS_PER_DAY
from merchantgym.envs.task import PlanField

from .true_market import MarketReader

_EDGE_DAYS = 3  # days at each end of the plan over which the rivals' level is compared


@dataclass(frozen=True)
class MarketSeries:
    """Hourly series of n stores through plans of H hours; truth that no merchant sees is among them."""

    names: tuple[str, ...]  # of the stores
    requests: FloatArray  # (H, n, K) expected requests that suit each listing [1/h]
    rivals: FloatArray  # (H, n) level as a multiple of the store's usual one
    impressions: FloatArray  # (H, n, 2) ad, organic
    spent: FloatArray  # (H, n) share of the plan's budget spent by the end of the hour
    target: FloatArray  # (H, n) share of the plan's expected traffic passed by then
    out_of_money: FloatArray  # (H, n) share of the hour for which there was none
    orders: FloatArray  # (H, n, 3) placed within the hour of their click, within about a day, later
    off_shelf: FloatArray  # (H, n) share of listings that could not be bought
    promotion: FloatArray  # (H, n) 1 on a platform promotion day
    shock: FloatArray  # (H, n) course of the outside event, 0..1
    entered: FloatArray  # (H, n) 1 once a further rival has entered
    figures: Mapping[str, FloatArray]  # name of FIGURES -> (n,) of every store

    @property
    def example(self) -> int:
        """The store that stands for all: of those that meet most kinds of events, the one of most ordinary demand."""
        met = np.sum([series.max(axis=0) > 0.0 for series in (self.promotion, self.shock, self.entered)], axis=0)
        size = np.log(self.requests.sum(axis=(0, 2)))
        return int(np.where(met == met.max(), np.abs(size - np.median(size)), np.inf).argmin())

    @property
    def lifted(self) -> int | None:
        """The listing of the example that an outside event lifts most; None where none comes."""
        if not self.shock[:, self.example].any():
            return None
        days = daily(self.requests[:, self.example])
        return int((days.max(axis=0) / np.median(days, axis=0)).argmax())

    @property
    def orders_to_come(self) -> FloatArray:
        """(n,) orders of the plan's clicks still to come at its end; the engine books them in its last hour."""
        late: FloatArray = self.orders[-1, :, 1:].sum(axis=1)
        return late

    @property
    def orders_by_day(self) -> FloatArray:
        """(D, n, 3) orders placed while the plan ran."""
        orders = self.orders.copy()
        orders[-1, :, 1:] = 0.0
        return daily(orders)


def daily(series: FloatArray) -> FloatArray:
    """Sums over the days of the plan: (H, ...) -> (D, ...)."""
    sums: FloatArray = series.reshape(-1, HOURS_PER_DAY, *series.shape[1:]).sum(axis=1)
    return sums


def market_series(opened: OpenStores, plans: PlanArrays, seed: int, *, threads: int = 1) -> MarketSeries:
    """Carry out every store's plan as it is written and take the market down, hour by hour.

    Args:
        opened: n stores whose plans are equally long.
        plans: one a store.
        seed: of what happens.
        threads: of the engine.
    Raises: ValueError: plans of different lengths.
    """
    if len(set(plans.days.tolist())) > 1:
        raise ValueError(f"plans run for {sorted(set(plans.days.tolist()))} days; they must be equally long")
    reader, rows = MarketReader(opened.start.state), list[dict[str, FloatArray]]()
    episodes = rollout(
        make_controller("open_loop"),
        opened,
        plans,
        seed,
        threads=threads,
        on_hour=lambda fleet: rows.append(_hour(fleet, reader)),
    )
    series = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    names = tuple(store.name for store in opened.stores)
    return MarketSeries(names=names, **series, figures=_figures(series, opened, episodes))


def _hour(fleet: Fleet, reader: MarketReader) -> dict[str, FloatArray]:
    """One hour of `MarketSeries`."""
    market, state = reader.read(fleet), fleet.state
    report = state.hour.sum(axis=1)
    hour = state.store[:, StoreState.HOUR].astype(int)
    return {
        "requests": market.requests,
        "rivals": market.rivals,
        "impressions": np.stack(
            [
                report[:, Report.AD_IMPRESSIONS_SEARCH] + report[:, Report.AD_IMPRESSIONS_FEED],
                report[:, Report.ORGANIC_IMPRESSIONS_SEARCH] + report[:, Report.ORGANIC_IMPRESSIONS_FEED],
            ],
            axis=1,
        ),
        "spent": state.store[:, StoreState.SPENT] / fleet.task.plan[:, PlanField.BUDGET_TOTAL],
        "target": fleet.task.schedule[np.arange(fleet.slots), hour],
        "out_of_money": 1.0 - state.store[:, StoreState.SERVED_SHARE],
        "orders": report[:, [Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW]],
        "off_shelf": 1.0 - state.listing[:, :, ListingState.LISTED].mean(axis=1),
        "promotion": market.promotion,
        "shock": market.shock * (fleet.arrays.cell[:, :, :, CellField.SHOCK].max(axis=(1, 2)) > 0.0),
        "entered": market.entered,
    }


@dataclass(frozen=True)
class Figure:
    """A figure of a market, one number a store."""

    label: str  # over two lines
    meaning: str
    write: Callable[[float], str]
    of: Callable[[Mapping[str, FloatArray], OpenStores, Episodes], FloatArray]


def _times(value: float) -> str:
    return f"× {value:.2f}" if value < 10.0 else f"× {value:.0f}"


def _percent(value: float) -> str:
    return f"{100.0 * value:.0f} %"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _totals(episodes: Episodes, *names: Report) -> FloatArray:
    summed: FloatArray = episodes.totals[:, :, [int(name) for name in names]].sum(axis=(1, 2))
    return summed


def _share(part: FloatArray, whole: FloatArray) -> FloatArray:
    shares: FloatArray = part / np.maximum(whole, 1e-9)
    return shares


def _best_day(requests: FloatArray) -> FloatArray:
    """Best day over the median day, along the first axis."""
    days = daily(requests)
    ratio: FloatArray = days.max(axis=0) / np.median(days, axis=0)
    return ratio


def _last_over_first(rivals: FloatArray) -> FloatArray:
    """Geometric mean level of the last days over that of the first."""
    level, edge = np.log(rivals), _EDGE_DAYS * HOURS_PER_DAY
    ratio: FloatArray = np.exp(level[-edge:].mean(axis=0) - level[:edge].mean(axis=0))
    return ratio


_AD_VIEWS = (Report.AD_IMPRESSIONS_SEARCH, Report.AD_IMPRESSIONS_FEED)
_VIEWS = (*_AD_VIEWS, Report.ORGANIC_IMPRESSIONS_SEARCH, Report.ORGANIC_IMPRESSIONS_FEED)
_ORDERS = (Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW)

FIGURES: Mapping[str, Figure] = {
    "never_sold": Figure(
        "never\nsold",
        "listings without a review at the start",
        _percent,
        lambda _, opened, __: np.array([(store.listings.reviews == 0.0).mean() for store in opened.stores]),
    ),
    "flywheel": Figure(
        "fly-\nwheel",
        "exponent with which organic exposure follows rank",
        lambda value: f"{value:.2f}",
        lambda _, opened, __: opened.start.arrays.store[:, StoreField.FLYWHEEL].copy(),
    ),
    "best_day": Figure(
        "best\nday",
        "suitable requests of the best day over those of the median day",
        _times,
        lambda series, _, __: _best_day(series["requests"].sum(axis=2)),
    ),
    "hottest_listing": Figure(
        "hottest\nlisting",
        "the same of the listing for which it is greatest",
        _times,
        lambda series, _, __: _best_day(series["requests"]).max(axis=1),
    ),
    "rivals": Figure(
        "rivals'\nrise",
        f"their level in the last {_EDGE_DAYS} days over that in the first {_EDGE_DAYS}",
        _times,
        lambda series, _, __: _last_over_first(series["rivals"]),
    ),
    "organic": Figure(
        "organic\nviews",
        "share of impressions that cost nothing",
        _percent,
        lambda _, __, runs: 1.0 - _share(_totals(runs, *_AD_VIEWS), _totals(runs, *_VIEWS)),
    ),
    "budget": Figure(
        "CNY\na day",
        "marketing money of the plan over its days",
        _number,
        lambda _, opened, __: np.array([store.budget / store.days for store in opened.stores]),
    ),
    "out_of_money": Figure(
        "out of\nmoney",
        "share of the hours without any money left to bid with",
        _percent,
        lambda series, _, __: series["out_of_money"].mean(axis=0),
    ),
    "late": Figure(
        "late\norders",
        "share of orders that the market's slow buyers placed",
        _percent,
        lambda _, __, runs: _share(_totals(runs, Report.ORDERS_SLOW), _totals(runs, *_ORDERS)),
    ),
    "off_shelf": Figure(
        "sold\nout",
        "share of the listings that could not be bought, mean over hours",
        _percent,
        lambda series, _, __: series["off_shelf"].mean(axis=0),
    ),
    "profit": Figure("CNY\nprofit", "profit per store", _number, lambda _, __, runs: runs.profit.copy()),
}
"""Figures of a scenario; a mean over its stores is shown."""


def _figures(series: dict[str, FloatArray], opened: OpenStores, episodes: Episodes) -> dict[str, FloatArray]:
    return {name: figure.of(series, opened, episodes) for name, figure in FIGURES.items()}
