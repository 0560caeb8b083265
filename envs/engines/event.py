"""The event engine: one store, one visit at a time, in SimPy. The readable law of the market, and the compiled engine's
oracle.

Time is in hours of the run. Within an hour rates are fixed, and buyers whose request suits one of the listings arrive
as a Poisson process; requests that suit none change nothing and are left out. A visit goes like this:

    the buyer sees the ad, while there is money for it, else perhaps the organic result, else nothing;
    clicks on it or does not; a click on an ad is paid for, the last one with what is left in the purse;
    buys or does not: at once, within about a day or slowly, if goods are left by then;
    and later sends the goods back, or writes a review, or neither.

As an hour begins, in this order (see `event_shop.Turn`): goods arrive; at midnight returns, complaints and reviews;
listings with goods come back; demand and rivals move; who waited orders; the rates of the hour are fixed. As it ends:
the platform's memory of sales and the rivals' answer are brought up to date, listings that refused an order leave the
shop, goods that run low are ordered from the factory; and after the plan's last hour the books are closed.

It shares with the compiled engine the formulas of `market` (here run by Python), the layout of the arrays, and the
weather: the hourly steps of demand and rivals, so that a comparison of the two engines is a paired one. All other
chance comes from a generator of its own.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from ..market import auction, rank, rivals, traffic
from ..market.interpreted import interpreted
from .event_orders import OrderDesk
from .event_purses import Purses
from .event_rates import RateBook
from .event_shop import Buyer, Delay, Shop, Story, Turn
from .event_trace import EventTrace, Happening
from .event_warehouse import Warehouse
from .layout import (
    N_CHANNELS,
    N_SEGMENTS,
    ChannelState,
    FloatArray,
    ListingState,
    Offer,
    Report,
    StateArrays,
    StoreArrays,
    StoreField,
    StoreState,
)
from .streams import Purpose, keyed_generator, normals, uniforms

_TICKS = 1 << 32  # of an hour. On this grid differences of times are exact: an hour begins when it begins
_EVENT_ENGINE = 0x5E7  # keeps its generator apart from those of populations
_ORDERS = slice(Report.ORDERS_SAME_HOUR, Report.ORDERS_SLOW + 1)
_CLICKS = slice(Report.AD_CLICKS_SEARCH, Report.ORGANIC_CLICKS_FEED + 1)

autoregression = interpreted(traffic.autoregression)
charge = interpreted(auction.charge)
remember = interpreted(rank.remember)
rival_reaction = interpreted(rivals.rival_reaction)
market_uniforms = interpreted(uniforms)
market_normals = interpreted(normals)


class EventStore:
    """One store of a set, run hour by hour; everything it changes stands in its row of the state."""

    def __init__(
        self,
        arrays: StoreArrays,
        state: StateArrays,
        row: int,
        seed: int,
        key: int,
        *,
        trace: EventTrace | None = None,
    ) -> None:
        """Go on from the state, which either engine may have left.

        Args:
            arrays, state: B stores; the state is changed in place.
            row: which of them.
            seed, key: the store's random key, whole numbers in [0, 2^32); the same gives the same events.
            trace: takes down every event.
        Raises: ValueError: names the argument and its value.
        """
        if not 0 <= row < arrays.stores:
            raise ValueError(f"row(={row}) must be in [0, {arrays.stores})")
        for name, value in (("seed", seed), ("key", key)):
            if not 0 <= value < 1 << 32:
                raise ValueError(f"{name}(={value}) must be in [0, 2^32)")
        self._seed, self._key = int(seed), int(key)
        self._total = state.total[row]
        hour = int(state.store[row, StoreState.HOUR])
        chance = keyed_generator(self._seed, self._key, hour, _EVENT_ENGINE)
        self._shop = Shop(arrays, state, row, simpy.Environment(), chance, self._key, trace)
        self._book = RateBook(arrays, state, row)
        self._places = list(product(range(N_CHANNELS), range(N_SEGMENTS), range(arrays.listings)))
        self._open_desk(hour)

    def _open_desk(self, hour: int) -> None:
        """Everybody and everything that the state knows of goes on."""
        self._shop.env = simpy.Environment(float(hour))
        self._desk = OrderDesk(self._shop)
        self._warehouse = Warehouse(self._shop)

    def run_hour(self, offer: FloatArray) -> None:
        """One hour.

        Args:
            offer: (K, Offer) bids [CNY per click] and prices [fen per unit] of the hour.
        Raises: ValueError: the offer has another shape.
        """
        shop = self._shop
        if offer.shape != (len(shop.listings), len(Offer)):
            raise ValueError(f"offer(shape={offer.shape}) must have shape ({len(shop.listings)}, {len(Offer)})")
        hour = int(shop.money[StoreState.HOUR])
        shop.report[:] = 0.0
        shop.env.process(self._hour(hour, offer))
        shop.env.run(until=hour + 1)
        self._end_hour(hour)
        if hour + 1 >= shop.constants[StoreField.HOURS]:
            self._close()
        shop.money[StoreState.HOUR] = hour + 1.0
        self._total += shop.report

    # -- the hour -----------------------------------------------------------------------------------------------------

    def _hour(self, hour: int, offer: FloatArray) -> Story:
        """What the store does in an hour, beside what buyers and goods on their way do."""
        shop = self._shop
        if hour == shop.begin_of(shop.today):
            yield shop.at(hour, Turn.MIDNIGHT)
            self._begin_day()
        yield shop.at(hour, Turn.MARKET)
        self._move_market(hour)
        yield shop.at(hour, Turn.DOORS)
        self._fix_rates(hour, offer)
        yield from self._visits(hour)

    def _begin_day(self) -> None:
        """The day's purse is filled, and listings with goods come back."""
        shop = self._shop
        shop.money[StoreState.SPENT_TODAY] = 0.0
        shop.note(Happening.MIDNIGHT)
        self._warehouse.begin_day()

    def _move_market(self, hour: int) -> None:
        """Demand and the rivals' level take their hourly step: the weather, the same in both engines."""
        shop = self._shop
        constants, money = shop.constants, shop.money
        u = market_uniforms(self._seed, self._key, hour, Purpose.MARKET, 0, 0)
        first, second = market_normals(u[0], u[1])
        third, _ = market_normals(u[2], u[3])
        money[StoreState.DEMAND] = autoregression(
            money[StoreState.DEMAND],
            constants[StoreField.DEMAND_PERSISTENCE],
            constants[StoreField.DEMAND_SD],
            first,
        )
        shop.channel[:, ChannelState.RIVAL_NOISE] = autoregression(
            shop.channel[:, ChannelState.RIVAL_NOISE],
            constants[StoreField.RIVAL_PERSISTENCE],
            constants[StoreField.RIVAL_NOISE_SD],
            np.array([second, third]),
        )

    def _fix_rates(self, hour: int, offer: FloatArray) -> None:
        """The rates of the hour, as lists by cell `(channel * S + segment) * K + listing`."""
        shop = self._shop
        rates = self._book.of_hour(hour, offer)
        shop.goods[:, ListingState.RANK] = rates.rank
        self._rates = rates
        self._purses = Purses(shop.money, shop.channel, shop.goods)
        self._advertise()
        self._organic = _by_cell(rates.organic)
        self._clicks = _by_cell(rates.click)
        self._conversion = _by_cell(rates.conversion)
        self._price = _by_cell(charge(rates.price))
        self._ad_views = [0] * len(self._places)
        self._organic_views = [0] * len(self._places)
        self._shown = offer[:, Offer.PRICE].tolist()

    def _advertise(self) -> None:
        """Probability that an ad is seen, by cell: 0 where a purse that must pay for it is empty."""
        self._exposure = _by_cell(self._rates.exposure * (self._purses.lasted() == 1.0)[:, None, :])

    # -- visits -------------------------------------------------------------------------------------------------------

    def _visits(self, hour: int) -> Story:
        """Buyers come, one after another, each with a request of one channel and segment that suits one listing."""
        shop, chance = self._shop, self._shop.chance
        requests = self._rates.requests.ravel()
        expected = float(requests.sum())
        count = int(chance.poisson(expected))
        moments = np.sort(chance.integers(0, _TICKS, count)) / _TICKS + hour
        cells = chance.choice(requests.size, count, p=requests / expected) if count else np.empty(0, dtype=np.intp)
        looks, clicks = chance.random(count), chance.random(count)
        first = shop.number_buyers(count)
        env, timeout = shop.env, shop.env.timeout
        visits = zip(moments.tolist(), cells.tolist(), looks.tolist(), clicks.tolist(), strict=True)
        for number, (moment, cell, look, click) in enumerate(visits, start=first):
            yield timeout(moment - env.now)
            self._visit(number, cell, look, click)

    def _visit(self, number: int, cell: int, look: float, click: float) -> None:
        """One visit: what the buyer sees, and whether it is clicked.

        Args:
            number: of the buyer.
            look: uniform in [0, 1), below the exposure for an ad, next to it for the organic result.
            click: uniform in [0, 1).
        """
        exposure = self._exposure[cell]
        from_ad = look < exposure
        seen = from_ad or look < exposure + (1.0 - exposure) * self._organic[cell]
        if self._shop.trace is not None:
            self._note_visit(number, cell, seen, from_ad)
        if not seen:
            return
        (self._ad_views if from_ad else self._organic_views)[cell] += 1
        if click < self._clicks[cell]:
            self._click(Buyer(number, *self._places[cell], from_ad), cell)

    def _click(self, buyer: Buyer, cell: int) -> None:
        """A click; one on an ad is paid for. Some of these buyers will order, and their story goes on at the desk."""
        shop = self._shop
        if buyer.from_ad:
            self._charge(buyer, cell)
        else:
            shop.report[buyer.listing, Report.ORGANIC_CLICKS_SEARCH + buyer.channel] += 1.0
            shop.note(Happening.ORGANIC_CLICK, buyer)
        if shop.chance.random() < self._conversion[cell]:
            buyer.delay = self._delay(shop.chance.random())
            shop.env.process(self._desk.buy(buyer, self._shown[buyer.listing]))

    def _charge(self, buyer: Buyer, cell: int) -> None:
        """The platform charges the hour's price. When that empties a purse, its ads are seen no more."""
        shop, channel, k = self._shop, buyer.channel, buyer.listing
        payment = self._purses.pay(self._price[cell], channel, k, shop.env.now % 1.0)
        shop.report[k, Report.AD_CLICKS_SEARCH + channel] += 1.0
        shop.report[k, Report.SPEND_SEARCH + channel] += payment.fen
        shop.note(Happening.AD_CLICK, buyer, fen=payment.fen)
        if payment.emptied:
            self._advertise()
        for purse in payment.emptied:
            shop.note(Happening.BUDGET_EXHAUSTED, buyer, detail=purse)

    def _delay(self, u: float) -> Delay:
        """When a buyer orders: in the same hour, within about a day, or slowly."""
        same_hour = self._shop.constants[StoreField.SHARE_SAME_HOUR]
        if u < same_hour:
            return Delay.SAME_HOUR
        return Delay.WITHIN_DAY if u < same_hour + self._shop.constants[StoreField.SHARE_WITHIN_DAY] else Delay.SLOW

    def _note_visit(self, number: int, cell: int, seen: bool, from_ad: bool) -> None:
        buyer = Buyer(number, *self._places[cell], from_ad)
        self._shop.note(Happening.VISIT, buyer)
        if seen:
            self._shop.note(Happening.AD_IMPRESSION if from_ad else Happening.ORGANIC_IMPRESSION, buyer)

    # -- the end of the hour ------------------------------------------------------------------------------------------

    def _end_hour(self, hour: int) -> None:
        """What the platform, the rivals and the warehouse make of the hour."""
        shop = self._shop
        shape = self._rates.requests.shape
        for first, views in (
            (Report.AD_IMPRESSIONS_SEARCH, self._ad_views),
            (Report.ORGANIC_IMPRESSIONS_SEARCH, self._organic_views),
        ):
            shop.report[:, first : first + N_CHANNELS] += np.reshape(views, shape).sum(axis=1).T
        shop.money[StoreState.SERVED_SHARE] = self._purses.store_lasted
        self._remember()
        self._warehouse.end_hour(hour)

    def _remember(self) -> None:
        """Organic rank remembers orders and clicks; the rivals answer to the share of requests that we expected to win.

        It is expected, not counted: exposure over the share of the hour for which there was money.
        """
        shop, constants, rates = self._shop, self._shop.constants, self._rates
        shop.goods[:, ListingState.MEMORY] = remember(
            shop.goods[:, ListingState.MEMORY],
            constants[StoreField.RANK_DECAY],
            shop.report[:, _ORDERS].sum(axis=1),
            shop.report[:, _CLICKS].sum(axis=1),
            constants[StoreField.RANK_CLICK_WEIGHT],
        )
        requests = rates.requests.sum(axis=(1, 2))
        won = (rates.requests * rates.exposure * self._purses.lasted()[:, None, :]).sum(axis=(1, 2))
        share = np.divide(won, requests, out=np.zeros(N_CHANNELS), where=requests > 0.0)
        shop.channel[:, ChannelState.WIN_SHARE] = share
        shop.channel[:, ChannelState.REACTION] = rival_reaction(
            shop.channel[:, ChannelState.REACTION],
            share,
            constants[StoreField.REACTION_REFERENCE],
            constants[StoreField.REACTION_RATE],
            constants[StoreField.REACTION_STRENGTH],
        )

    def _close(self) -> None:
        """After the plan's last hour: goods on their way arrive, and the desk closes its books."""
        shop = self._shop
        shop.note(Happening.CLOSING)
        self._warehouse.close()
        self._desk.close()
        self._open_desk(int(shop.env.now))


def _by_cell(values: FloatArray) -> list[float]:
    """(C, S, K) as one list."""
    cells: list[float] = values.ravel().tolist()
    return cells


def simulate_events(
    arrays: StoreArrays,
    state: StateArrays,
    offer: FloatArray,
    hours: int,
    seeds: Sequence[int] | NDArray[Any],
    keys: Sequence[int] | NDArray[Any],
    *,
    trace: EventTrace | None = None,
) -> None:
    """Run B stores one after another for some hours under a fixed offer, in place: the twin of `hour.simulate`.

    Args:
        offer: (B, K, Offer).
        hours: >= 0.
        seeds, keys: (B,) each, the stores' random keys.
        trace: takes down the events of all stores.
    Raises: ValueError: names the argument, its value and what is allowed.
    """
    stores = arrays.stores
    if hours < 0:
        raise ValueError(f"hours(={hours}) must be >= 0")
    for name, values in (("offer", offer), ("seeds", seeds), ("keys", keys)):
        if len(values) != stores:
            raise ValueError(f"{name}(length={len(values)}) must have one entry a store, {stores}")
    for row in range(stores):
        store = EventStore(arrays, state, row, int(seeds[row]), int(keys[row]), trace=trace)
        for _ in range(hours):
            store.run_hour(offer[row])
