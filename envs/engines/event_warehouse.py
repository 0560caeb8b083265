"""The goods of the event engine: in stock, on their way, and whether a listing is in the shop."""

import numpy as np

from ..market import fulfilment
from ..market.interpreted import interpreted
from .event_shop import Shop, Story, Turn
from .event_trace import Happening
from .layout import ListingField, ListingState, StoreField

needs_reorder = interpreted(fulfilment.needs_reorder)


class Warehouse:
    """Stock of one store. Goods from the factory are on their way as one SimPy process an order."""

    def __init__(self, shop: Shop) -> None:
        """Goods that the state knows to be on their way go on."""
        self._shop = shop
        for k in self._on_the_way():
            shop.env.process(self._replenish(k))

    def begin_day(self) -> None:
        """Listings with goods come back."""
        goods, listings = self._shop.goods, self._shop.listings
        enough = goods[:, ListingState.STOCK] >= listings[:, ListingField.MINIMUM_ORDER]
        for k in np.flatnonzero(enough).tolist():
            self._list(k)

    def end_hour(self, hour: int) -> None:
        """Stock is counted at the end of every hour; `hour`: the one that ends."""
        for k in range(len(self._shop.listings)):
            self._check_stock(hour, k)

    def close(self) -> None:
        """After the plan's last hour goods on their way arrive."""
        for k in self._on_the_way():
            self._receive(k)

    def _on_the_way(self) -> list[int]:
        """Listings that wait for goods."""
        waiting: list[int] = np.flatnonzero(self._shop.goods[:, ListingState.INCOMING] > 0.0).tolist()
        return waiting

    def _check_stock(self, hour: int, k: int) -> None:
        """A listing that refused an order leaves the shop; goods that run low are ordered from the factory."""
        shop, goods = self._shop, self._shop.goods[k]
        if goods[ListingState.REFUSED] > 0.0:
            goods[ListingState.REFUSED] = 0.0
            goods[ListingState.LISTED] = 0.0
            shop.note(Happening.DELISTED, listing=k)
        quantity = float(shop.listings[k, ListingField.REORDER_QUANTITY])
        on_the_way = float(goods[ListingState.INCOMING])
        low = needs_reorder(goods[ListingState.STOCK], on_the_way, shop.listings[k, ListingField.REORDER_POINT])
        if low and quantity > 0.0 and on_the_way == 0.0:
            goods[ListingState.INCOMING] = quantity
            goods[ListingState.ARRIVAL_HOUR] = hour + np.floor(shop.constants[StoreField.LEAD_TIME])
            shop.note(Happening.REORDER, listing=k, units=quantity)
            shop.env.process(self._replenish(k))

    def _replenish(self, k: int) -> Story:
        """Goods on their way arrive as an hour begins; their listing is in the shop again."""
        shop, goods = self._shop, self._shop.goods[k]
        arrival = int(np.ceil(goods[ListingState.ARRIVAL_HOUR]))
        yield shop.at(max(arrival, int(shop.env.now)), Turn.GOODS)
        self._receive(k)
        self._list(k)

    def _receive(self, k: int) -> None:
        """Goods on their way are in stock."""
        goods = self._shop.goods[k]
        self._shop.note(Happening.REPLENISHMENT, listing=k, units=goods[ListingState.INCOMING])
        goods[ListingState.STOCK] += goods[ListingState.INCOMING]
        goods[ListingState.INCOMING] = 0.0

    def _list(self, k: int) -> None:
        """A listing is in the shop."""
        if self._shop.goods[k, ListingState.LISTED] == 0.0:
            self._shop.goods[k, ListingState.LISTED] = 1.0
            self._shop.note(Happening.RELISTED, listing=k)
