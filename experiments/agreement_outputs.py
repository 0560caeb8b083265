"""What a run is measured by: one number per run and output, in whole units (counts, fen, hours).

A report's columns are taken twice: summed over the listings, and weighted by the listing's place (1 to K), so that
numbers booked to the wrong listing show although the sum is right.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from merchantgym.envs.engines.layout import (
    ChannelState,
    Due,
    FloatArray,
    ListingState,
    Pending,
    Report,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from merchantgym.envs.market.fulfilment import mean_rating


class Watch:
    """What is seen hour by hour of B runs and is not kept in the state."""

    def __init__(self, runs: int) -> None:
        self.served = np.zeros(runs)  # sum over hours of the share for which there was a budget [h]
        self.delisted = np.zeros(runs)  # listing-hours out of the shop
        self.win_share = np.zeros(runs)  # sum over hours and channels of the share of requests that saw our ads

    def see(self, state: StateArrays, rows: slice) -> None:
        """Take in the hour just run of some rows."""
        self.served[rows] += state.store[rows, StoreState.SERVED_SHARE]
        self.delisted[rows] += (state.listing[rows, :, ListingState.LISTED] == 0.0).sum(axis=1)
        self.win_share[rows] += state.channel[rows, :, ChannelState.WIN_SHARE].sum(axis=1)


@dataclass(frozen=True)
class Outcome:
    """B runs after their last hour."""

    arrays: StoreArrays
    state: StateArrays
    watch: Watch

    def report(self, *columns: Report) -> FloatArray:
        """Some columns of the run's report, summed, (B, K)."""
        summed: FloatArray = self.state.total[:, :, [int(column) for column in columns]].sum(axis=2)
        return summed

    def listing(self, field: ListingState) -> FloatArray:
        """A field of the listings' state, (B, K)."""
        values: FloatArray = self.state.listing[:, :, field]
        return values

    def waiting(self, *pools: Pending) -> FloatArray:
        """Buyers waiting in some pools, (B, K)."""
        summed: FloatArray = self.state.pending[:, :, :, [int(pool) for pool in pools]].sum(axis=(2, 3))
        return summed


_AD_CLICKS = (Report.AD_CLICKS_SEARCH, Report.AD_CLICKS_FEED)
_CLICKS = (*_AD_CLICKS, Report.ORGANIC_CLICKS_SEARCH, Report.ORGANIC_CLICKS_FEED)
_SPEND = (Report.SPEND_SEARCH, Report.SPEND_FEED)
_ORDERS = (Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW)
_EARNED = (Report.REVENUE, Report.COMMISSION_BACK, Report.SALVAGE)
_PAID = (Report.GOODS_COST, Report.COMMISSION, Report.REFUNDS, Report.HANDLING, *_SPEND)

_BY_LISTING: dict[str, Callable[[Outcome], FloatArray]] = {
    **{column.name.lower(): lambda run, column=column: run.report(column) for column in Report},  # type: ignore[misc]
    "clicks": lambda run: run.report(*_CLICKS),
    "ad_clicks": lambda run: run.report(*_AD_CLICKS),
    "spend": lambda run: run.report(*_SPEND),
    "orders": lambda run: run.report(*_ORDERS),
    "profit": lambda run: run.report(*_EARNED) - run.report(*_PAID),
    "stock_left": lambda run: run.listing(ListingState.STOCK),
    "incoming": lambda run: run.listing(ListingState.INCOMING),
    "memory": lambda run: run.listing(ListingState.MEMORY),
    "rank": lambda run: run.listing(ListingState.RANK),
    "rating": lambda run: _rating(run),
    "pending_reviews": lambda run: run.listing(ListingState.PENDING_REVIEWS),
    "listing_spent": lambda run: run.listing(ListingState.SPENT),
    "waiting_day_ad": lambda run: run.waiting(Pending.DAY_AD),
    "waiting_day_organic": lambda run: run.waiting(Pending.DAY_ORGANIC),
    "waiting_slow_ad": lambda run: run.waiting(Pending.SLOW_AD),
    "waiting_slow_organic": lambda run: run.waiting(Pending.SLOW_ORGANIC),
    "returns_due": lambda run: run.state.refunds[:, :, :, Due.RETURNS].sum(axis=2),
    "refunds_due": lambda run: run.state.refunds[:, :, :, Due.REFUNDS].sum(axis=2),
}
_OF_THE_STORE: dict[str, Callable[[Outcome], FloatArray]] = {
    "served_hours": lambda run: run.watch.served,
    "hours_delisted": lambda run: run.watch.delisted,
    "win_share": lambda run: run.watch.win_share,
    "spent": lambda run: run.state.store[:, StoreState.SPENT],
    "spent_today": lambda run: run.state.store[:, StoreState.SPENT_TODAY],
    "channel_spent": lambda run: run.state.channel[:, :, ChannelState.SPENT] @ [1.0, 2.0],
    "waiting_by_segment": lambda run: _by_segment(run),
    "waiting_price": lambda run: run.state.pending[:, :, :, Pending.DAY_PRICE :].sum(axis=(1, 2, 3)),
    "return_days": lambda run: _return_days(run),
    "rival_reaction": lambda run: run.state.channel[:, :, ChannelState.REACTION] @ [1.0, 2.0],
    "demand": lambda run: run.state.store[:, StoreState.DEMAND],
    "rival_noise": lambda run: run.state.channel[:, :, ChannelState.RIVAL_NOISE] @ [1.0, 2.0],
}
BY_PLACE = " by place"
OUTPUTS = (*_BY_LISTING, *(f"{name}{BY_PLACE}" for name in _BY_LISTING), *_OF_THE_STORE)
"""Names of all outputs, in the order of `measure`."""


def measure(run: Outcome) -> FloatArray:
    """All outputs of B runs, (B, OUTPUTS)."""
    listings = [value(run) for value in _BY_LISTING.values()]
    place = np.arange(1.0, listings[0].shape[1] + 1.0)
    columns = [values.sum(axis=1) for values in listings]
    columns += [values @ place for values in listings]
    columns += [value(run) for value in _OF_THE_STORE.values()]
    return np.stack(columns, axis=1)


def _rating(run: Outcome) -> FloatArray:
    """Stars shown, (B, K)."""
    shop = run.arrays.store[:, None]
    stars: FloatArray = mean_rating(
        run.listing(ListingState.STAR_SUM),
        run.listing(ListingState.REVIEWS),
        shop[:, :, StoreField.REFERENCE_RATING],
        shop[:, :, StoreField.RATING_PRIOR_COUNT],
    )
    return stars


def _by_segment(run: Outcome) -> FloatArray:
    """Waiting buyers, weighted by the number of their segment and of their pool."""
    pools = run.state.pending[..., : Pending.DAY_PRICE].sum(axis=1)  # (B, S, pools)
    weights = np.add.outer(np.arange(1.0, pools.shape[1] + 1.0), 5.0 * np.arange(pools.shape[2]))
    weighted: FloatArray = (pools * weights).sum(axis=(1, 2))
    return weighted


def _return_days(run: Outcome) -> FloatArray:
    """Returns under way, weighted by the slot of the ring on which they fall due."""
    due = run.state.refunds[:, :, :, Due.RETURNS].sum(axis=1)
    weighted: FloatArray = due @ np.arange(1.0, due.shape[1] + 1.0)
    return weighted
