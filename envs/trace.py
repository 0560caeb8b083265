"""What is worth drawing of a run, hour by hour."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .engines.layout import ChannelState, FloatArray, ListingState, Report, StoreField, StoreState
from .fleet import Fleet
from .reward import PROFIT_TERMS, Term
from .task import LOG_CHANNEL, LOG_LISTING, PAUSED, PlanField, PlanListing


@dataclass(frozen=True)
class Trace:
    """Hourly series of n stores over H hours. Money in CNY."""

    hour_of_week: NDArray[np.int64]  # (H, n)
    spend: FloatArray  # (H, n) in the hour
    gmv: FloatArray  # (H, n) in the hour
    profit: FloatArray  # (H, n) in the hour
    orders: FloatArray  # (H, n)
    clicks: FloatArray  # (H, n, 2) ad, organic
    impressions: FloatArray  # (H, n, 2) ad, organic
    bid_ratio: FloatArray  # (H, n) geometric mean of bid / planned bid over channels and advertised listings, 0 if none
    discount: FloatArray  # (H, n) discount action
    win_share: FloatArray  # (H, n, C)
    stock: FloatArray  # (H, n, K) [units]
    budget: FloatArray  # (n,) of the plan
    target: FloatArray  # (H, n) share of the plan's expected traffic passed by the end of the hour


_AD_CLICKS = (Report.AD_CLICKS_SEARCH, Report.AD_CLICKS_FEED)
_ORGANIC_CLICKS = (Report.ORGANIC_CLICKS_SEARCH, Report.ORGANIC_CLICKS_FEED)
_SPEND = (Report.SPEND_SEARCH, Report.SPEND_FEED)
_AD_VIEWS = (Report.AD_IMPRESSIONS_SEARCH, Report.AD_IMPRESSIONS_FEED)
_ORGANIC_VIEWS = (Report.ORGANIC_IMPRESSIONS_SEARCH, Report.ORGANIC_IMPRESSIONS_FEED)


@dataclass
class Recorder:
    """Collects a trace from a fleet: call `record` after every step."""

    fleet: Fleet
    rows: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget what was recorded."""
        self.rows.clear()

    def record(self) -> None:
        """Take down the hour that has just passed."""
        fleet = self.fleet
        report, state, task = fleet.state.hour, fleet.state, fleet.task
        hour = state.store[:, StoreState.HOUR].astype(int)

        def total(fields: tuple[Report, ...]) -> FloatArray:
            summed: FloatArray = report[:, :, [int(name) for name in fields]].sum(axis=(1, 2))
            return summed

        channels = state.channel.shape[1]
        wish = task.action[:, channels:-1]
        running = task.plan_listing[:, :, PlanListing.ACTIVE] * (wish > PAUSED)
        own = (wish * running).sum(axis=1) / np.maximum(running.sum(axis=1), 1.0)
        level = LOG_CHANNEL * task.action[:, :channels].mean(axis=1) + LOG_LISTING * own
        ratio = np.where(running.any(axis=1), np.exp(level), 0.0)
        series = {
            "hour_of_week": (fleet.arrays.store[:, StoreField.START_HOUR] + hour - 1) % 168,
            "spend": total(_SPEND) / 100.0,
            "gmv": fleet.terms[:, Term.GMV].copy(),
            "profit": fleet.terms[:, [int(term) for term in PROFIT_TERMS]].sum(axis=1),
            "orders": fleet.terms[:, Term.ORDERS].copy(),
            "clicks": np.stack([total(_AD_CLICKS), total(_ORGANIC_CLICKS)], axis=1),
            "impressions": np.stack([total(_AD_VIEWS), total(_ORGANIC_VIEWS)], axis=1),
            "bid_ratio": ratio,
            "discount": task.action[:, -1].copy(),
            "win_share": state.channel[:, :, ChannelState.WIN_SHARE].copy(),
            "stock": state.listing[:, :, ListingState.STOCK].copy(),
            "target": task.schedule[np.arange(fleet.slots), hour],
        }
        for name, values in series.items():
            self.rows.setdefault(name, []).append(values)

    def trace(self) -> Trace:
        """The series so far.

        Raises: ValueError: nothing was recorded yet.
        """
        if not self.rows:
            raise ValueError("trace: no hour was recorded yet; step first")
        stacked = {name: np.stack(values) for name, values in self.rows.items()}
        hours = stacked.pop("hour_of_week").astype(np.int64)
        budget = self.fleet.task.plan[:, PlanField.BUDGET_TOTAL] / 100.0
        return Trace(hour_of_week=hours, budget=budget.copy(), **stacked)
