"""The purses that pay for clicks: the plan's money, the day's, each channel's and each listing's."""

from typing import NamedTuple

import numpy as np

from .layout import ChannelState, FloatArray, ListingState, StoreState

_LEAST = 1.0  # [fen] a purse with less is empty


class Payment(NamedTuple):
    """A click that was paid for."""

    fen: float
    emptied: tuple[str, ...]  # names of the purses it exhausted


class Purses:
    """One store's purses during one hour; payments are booked in the state at once. Whole fen.

    The plan's money and the day's are one purse of whichever has less: advertising stops when either is gone.
    """

    def __init__(self, money: FloatArray, channel: FloatArray, listing: FloatArray) -> None:
        """Args: one store's rows of `StateArrays`: money (StoreState,), channel (C, ...), listing (K, ...)."""
        self._money, self._channel, self._listing = money, channel, listing
        self.store_lasted = 1.0 if self._store_left() >= _LEAST else 0.0
        """Share of the hour for which the store had money."""
        channel_left = channel[:, ChannelState.CAP] - channel[:, ChannelState.SPENT]
        listing_left = listing[:, ListingState.CAP] - listing[:, ListingState.SPENT]
        self._channel_lasted = np.where(channel_left >= _LEAST, 1.0, 0.0)
        self._listing_lasted = np.where(listing_left >= _LEAST, 1.0, 0.0)

    def lasted(self) -> FloatArray:
        """Share of the hour for which an ad of each channel and listing could be paid, (C, K); 1 while all lasts."""
        return np.minimum(self.store_lasted, np.minimum(self._channel_lasted[:, None], self._listing_lasted))

    def pay(self, price: float, channel: int, listing: int, moment: float) -> Payment:
        """Pay one click, with no more than is left.

        Args:
            price: asked for the click [fen].
            moment: share of the hour passed; a purse that this empties lasted so long.
        """
        store_left = self._store_left()
        channel_left = self._channel[channel, ChannelState.CAP] - self._channel[channel, ChannelState.SPENT]
        listing_left = self._listing[listing, ListingState.CAP] - self._listing[listing, ListingState.SPENT]
        fen = float(min(price, store_left, channel_left, listing_left))
        self._money[StoreState.SPENT] += fen
        self._money[StoreState.SPENT_TODAY] += fen
        self._channel[channel, ChannelState.SPENT] += fen
        self._listing[listing, ListingState.SPENT] += fen
        emptied = []
        if fen >= store_left:
            self.store_lasted = moment
            emptied.append("store")
        if fen >= channel_left:
            self._channel_lasted[channel] = moment
            emptied.append("channel")
        if fen >= listing_left:
            self._listing_lasted[listing] = moment
            emptied.append("listing")
        return Payment(fen, tuple(emptied))

    def _store_left(self) -> float:
        money = self._money
        left = min(
            money[StoreState.BUDGET_TOTAL] - money[StoreState.SPENT],
            money[StoreState.BUDGET_DAILY] - money[StoreState.SPENT_TODAY],
        )
        return float(left)
