"""The truth about a market in one hour, which no merchant is shown: for pictures, and for whoever wants to look."""

from dataclasses import dataclass

import numpy as np

from merchantgym.envs.engines.layout import (
    CellField,
    ChannelField,
    ChannelState,
    FloatArray,
    SegmentField,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.market.calendar import promotion_uplift, shock
from merchantgym.envs.market.parameters import HOURS_PER_WEEK
from merchantgym.envs.market.rivals import rival_log_mean
from merchantgym.envs.market.traffic import demand_multiplier, request_rate


@dataclass(frozen=True)
class TrueMarket:
    """Markets of n stores in the hour that has just passed."""

    requests: FloatArray  # (n, K) expected requests that suit each listing, in both channels [1/h]
    demand: FloatArray  # (n,) random demand multiplier, mean 1
    rivals: FloatArray  # (n,) rivals' level as a multiple of the store's usual one, geometric mean over channels
    promotion: FloatArray  # (n,) 1 on a platform promotion day
    shock: FloatArray  # (n,) course of the outside event, 0..1; 0 where none comes
    entered: FloatArray  # (n,) 1 once a further rival has entered


class MarketReader:
    """Reads the truth from a fleet after each of its hours; the hook `on_hour` of `rollout` takes an object like it."""

    def __init__(self, start: StateArrays) -> None:
        """Args: start: state of the same stores at the start of their plans."""
        self._answer = start.channel[:, :, ChannelState.REACTION].copy()  # (n, C) [ln] in force during the hour

    def read(self, fleet: Fleet) -> TrueMarket:
        """The truth of the hour that has just passed; call it after every hour, beginning with the first."""
        market = true_market(fleet.arrays, fleet.state, self._answer)
        self._answer = fleet.state.channel[:, :, ChannelState.REACTION].copy()
        return market


def true_market(arrays: StoreArrays, state: StateArrays, answer: FloatArray) -> TrueMarket:
    """The hour before the one at which the states stand.

    Args:
        arrays: constants of n stores.
        state: after at least one hour. A store whose run is over keeps the market of its last hour.
        answer: (n, C) [ln] the rivals' answer at the start of that hour; they move it at its end.
    """
    store, rows = arrays.store, np.arange(arrays.stores)
    hour = state.store[:, StoreState.HOUR].astype(int) - 1
    week = (store[:, StoreField.START_HOUR].astype(int) + hour) % HOURS_PER_WEEK
    promotion = arrays.calendar[rows, hour]
    demand = demand_multiplier(state.store[:, StoreState.DEMAND], store[:, StoreField.DEMAND_STATIONARY_SD])
    event = shock(
        hour.astype(float),
        store[:, StoreField.SHOCK_ONSET],
        store[:, StoreField.SHOCK_RISE],
        store[:, StoreField.SHOCK_DECAY],
    )
    entered = (hour >= store[:, StoreField.ENTRY_HOUR]).astype(float)
    level = rival_log_mean(
        0.0,
        store[:, StoreField.RIVAL_SWING],
        (week % 24).astype(float),
        store[:, StoreField.RIVAL_PEAK_HOUR],
        state.channel[:, :, ChannelState.RIVAL_NOISE].mean(axis=1),
        entered * store[:, StoreField.ENTRY_SHIFT],
        promotion * store[:, StoreField.RIVAL_PROMOTION_SHIFT],
        answer.mean(axis=1),
    )
    arriving = request_rate(
        arrays.channel[:, :, ChannelField.VOLUME].sum(axis=1)[:, None],
        arrays.segment[:, :, SegmentField.SHARE],
        arrays.weekly[week][:, None],
        promotion_uplift(promotion, store[:, StoreField.PROMOTION_UPLIFT])[:, None],
        demand[:, None],
    )
    suitable = arrays.cell[:, :, :, CellField.MATCH] * (
        1.0 + event[:, None, None] * arrays.cell[:, :, :, CellField.SHOCK]
    )
    return TrueMarket(
        requests=(arriving[:, None, :] * suitable).sum(axis=2),
        demand=demand,
        rivals=np.exp(level),
        promotion=promotion,
        shock=event,
        entered=entered,
    )
