"""From the decision to buy to the last review: one SimPy process a buyer."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import simpy

from ..market import conversion, fulfilment
from ..market.interpreted import interpreted
from .event_shop import Buyer, Delay, Shop, Story, Turn
from .event_trace import Happening
from .layout import (
    N_SEGMENTS,
    REFUND_DAYS,
    Due,
    FloatArray,
    ListingField,
    ListingState,
    Pending,
    Report,
    SegmentField,
    StoreField,
)

chance_within = interpreted(conversion.chance_within)
units_ordered = interpreted(fulfilment.units_ordered)
tier_price = interpreted(fulfilment.tier_price)
commission = interpreted(fulfilment.commission)
salvage = interpreted(fulfilment.salvage)

_PLACES = 1 << 24  # places in the queue of buyers of one listing, segment and kind of delay
_STAR_STEPS = 4


@dataclass(frozen=True)
class Parcel:
    """Goods that come back: what the buyer is refunded and what else is booked [fen]."""

    buyer: Buyer
    due_day: int
    refund: float
    commission_back: float
    salvage: float


class OrderDesk:
    """Takes the orders of one store, and what follows from them."""

    def __init__(self, shop: Shop) -> None:
        """Buyers, returns and reviews that the state knows of go on with their stories."""
        self._shop = shop
        self._waiting: dict[int, Buyer] = {}
        self._under_way: dict[int, Parcel] = {}
        self._carry_over()

    def buy(self, buyer: Buyer, price: float) -> Story:
        """The story of a buyer who clicked and will order: at once, within about a day, or slowly.

        Who waits pays the price shown at the click, not today's; those of one listing and segment who wait together
        for orders of one kind of delay pay the mean of theirs.

        Args:
            price: list price shown [fen per unit].
        """
        if buyer.delay == Delay.SAME_HOUR:
            yield from self._order(buyer, price)
            return
        self._join_waiting(buyer, price)
        hours = int(self._shop.chance.geometric(self._hazard(buyer)))
        yield from self._order_later(buyer, int(self._shop.env.now) + hours)

    def close(self) -> None:
        """The run-off: who waits orders if that would be within the attribution window, and all that is on its way back
        is booked. The processes of these buyers end here; the others stay in the state."""
        shop = self._shop
        queue = [list(self._waiting.values())[i] for i in shop.chance.permutation(len(self._waiting))]
        window = shop.constants[StoreField.ATTRIBUTION_HOURS]
        for buyer in sorted(queue, key=_queue_number):
            if shop.chance.random() < chance_within(self._hazard(buyer), window):
                self._order(buyer, self._leave_waiting(buyer))
        for parcel in list(self._under_way.values()):
            self._take_back(parcel)

    # -- waiting ------------------------------------------------------------------------------------------------------

    def _join_waiting(self, buyer: Buyer, price: float) -> None:
        pool, slow = self._pool(buyer)
        pool[_pool_column(buyer)] += 1.0
        count = pool[Pending.DAY_AD + 2 * slow] + pool[Pending.DAY_ORGANIC + 2 * slow]
        pool[Pending.DAY_PRICE + slow] += (price - pool[Pending.DAY_PRICE + slow]) / count
        self._waiting[buyer.number] = buyer
        self._shop.note(Happening.WAITS, buyer, fen=price, detail=buyer.delay.name.lower())

    def _leave_waiting(self, buyer: Buyer) -> float:
        """Returns the mean price [fen per unit] of those who have been waiting."""
        pool, slow = self._pool(buyer)
        price = float(pool[Pending.DAY_PRICE + slow])
        pool[_pool_column(buyer)] -= 1.0
        if pool[Pending.DAY_AD + 2 * slow] + pool[Pending.DAY_ORGANIC + 2 * slow] == 0.0:
            pool[Pending.DAY_PRICE + slow] = 0.0
        del self._waiting[buyer.number]
        return price

    def _pool(self, buyer: Buyer) -> tuple[FloatArray, int]:
        """Row of the waiting buyers (Pending,), and which of its two kinds of delay."""
        return self._shop.pending[buyer.listing, buyer.segment], int(buyer.delay == Delay.SLOW)

    def _hazard(self, buyer: Buyer) -> float:
        """Chance per hour that one who waits orders."""
        slow = buyer.delay == Delay.SLOW
        return float(self._shop.constants[StoreField.SLOW_HAZARD if slow else StoreField.DAY_HAZARD])

    def _order_later(self, buyer: Buyer, hour: int) -> Story:
        """The buyer queues as an hour begins: stock goes to those in front."""
        place = _queue_number(buyer) * _PLACES + int(self._shop.chance.integers(_PLACES))
        yield self._shop.at(hour, Turn.ORDERS, place)
        yield from self._order(buyer, self._leave_waiting(buyer))

    # -- ordering -----------------------------------------------------------------------------------------------------

    def _order(self, buyer: Buyer, price: float) -> Iterable[simpy.Event]:
        """Book an order, or refuse it for want of stock; then the listing leaves the shop at the end of the hour.

        Returns: the rest of the buyer's story: the goods come back, or a review is written, or nothing.
        """
        shop, k = self._shop, buyer.listing
        goods, listing, constants, report = shop.goods[k], shop.listings[k], shop.constants, shop.report[k]
        lots = 1.0 + self._extra_lots(buyer.segment)
        units = units_ordered(listing[ListingField.MINIMUM_ORDER], lots - 1.0)
        if units > goods[ListingState.STOCK]:
            report[Report.REFUSED] += 1.0
            goods[ListingState.REFUSED] = 1.0
            shop.note(Happening.REFUSED, buyer, units=units, detail=buyer.delay.name.lower())
            return ()
        tiers = constants[StoreField.TIER_LOTS_1], constants[StoreField.TIER_LOTS_2]
        discounts = constants[StoreField.TIER_DISCOUNT_1], constants[StoreField.TIER_DISCOUNT_2]
        revenue = float(units * tier_price(price, lots, *tiers, *discounts))
        cost = float(units * listing[ListingField.COST])
        fee = float(commission(revenue, constants[StoreField.COMMISSION_RATE]))
        goods[ListingState.STOCK] -= units
        report[Report.ORDERS_SAME_HOUR + buyer.delay] += 1.0
        report[Report.UNITS] += units
        report[Report.REVENUE] += revenue
        report[Report.GOODS_COST] += cost
        report[Report.COMMISSION] += fee
        if buyer.from_ad:
            report[Report.AD_ORDERS] += 1.0
            report[Report.AD_REVENUE] += revenue
        shop.note(Happening.ORDER, buyer, fen=revenue, units=units, detail=buyer.delay.name.lower())
        if shop.chance.random() < listing[ListingField.RETURN_PROBABILITY]:
            days = min(int(shop.chance.geometric(constants[StoreField.RETURN_HAZARD])), REFUND_DAYS - 1)
            value = float(salvage(cost, constants[StoreField.SALVAGE_SHARE]))
            return self._send_back(Parcel(buyer, shop.today + days, revenue, fee, value))
        if shop.chance.random() < constants[StoreField.REVIEW_RATE]:
            goods[ListingState.PENDING_REVIEWS] += 1.0
            return self._review(buyer, shop.today)
        return ()

    def _extra_lots(self, segment: int) -> int:
        """Lots beyond the first: negative binomial, variance mean + mean^2 / size."""
        mean = self._shop.segments[segment, SegmentField.EXTRA_LOTS]
        size = self._shop.constants[StoreField.LOT_DISPERSION]
        return int(self._shop.chance.negative_binomial(size, size / (size + mean)))

    # -- after sales --------------------------------------------------------------------------------------------------

    def _send_back(self, parcel: Parcel) -> Story:
        """The goods are on their way back."""
        self._book_due(parcel, 1.0)
        self._under_way[parcel.buyer.number] = parcel
        return self._bring_back(parcel)

    def _bring_back(self, parcel: Parcel) -> Story:
        """A return arrives at midnight; some of these buyers complain, which counts as a review of one star."""
        shop, k = self._shop, parcel.buyer.listing
        yield shop.at(shop.begin_of(parcel.due_day), Turn.RETURNS)
        self._take_back(parcel)
        if shop.chance.random() < shop.constants[StoreField.COMPLAINT_SHARE]:
            shop.report[k, Report.COMPLAINTS] += 1.0
            shop.goods[k, ListingState.REVIEWS] += 1.0
            shop.goods[k, ListingState.STAR_SUM] += 1.0
            shop.note(Happening.COMPLAINT, parcel.buyer, units=1)

    def _book_due(self, parcel: Parcel, sign: float) -> None:
        """Enter a return in the ring of days on which returns fall due, or strike it out."""
        due = self._shop.refunds[parcel.buyer.listing, parcel.due_day % REFUND_DAYS]
        due[Due.RETURNS] += sign
        due[Due.REFUNDS] += sign * parcel.refund
        due[Due.COMMISSION_BACK] += sign * parcel.commission_back
        due[Due.SALVAGE] += sign * parcel.salvage

    def _take_back(self, parcel: Parcel) -> None:
        """Book a return."""
        self._book_due(parcel, -1.0)
        report = self._shop.report[parcel.buyer.listing]
        report[Report.RETURNS] += 1.0
        report[Report.REFUNDS] += parcel.refund
        report[Report.COMMISSION_BACK] += parcel.commission_back
        report[Report.SALVAGE] += parcel.salvage
        report[Report.HANDLING] += self._shop.constants[StoreField.RETURN_HANDLING]
        del self._under_way[parcel.buyer.number]
        self._shop.note(Happening.RETURN, parcel.buyer, fen=parcel.refund)

    def _review(self, buyer: Buyer, today: int) -> Story:
        """At each midnight the review appears with a fixed chance: one star, and up to four more."""
        shop, k = self._shop, buyer.listing
        day = today + int(shop.chance.geometric(shop.constants[StoreField.REVIEW_HAZARD]))
        yield shop.at(shop.begin_of(day), Turn.REVIEWS)
        stars = 1 + int(shop.chance.binomial(_STAR_STEPS, shop.listings[k, ListingField.STAR_PROBABILITY]))
        shop.report[k, Report.REVIEWS] += 1.0
        shop.goods[k, ListingState.PENDING_REVIEWS] -= 1.0
        shop.goods[k, ListingState.REVIEWS] += 1.0
        shop.goods[k, ListingState.STAR_SUM] += stars
        shop.note(Happening.REVIEW, buyer, units=stars)

    # -- the state at the start ---------------------------------------------------------------------------------------

    def _carry_over(self) -> None:
        """Start the stories of those whom the state knows of. Geometric delays have no memory: they are drawn anew."""
        goods, pending = self._shop.goods, self._shop.pending
        for k in range(len(goods)):
            for s in range(N_SEGMENTS):
                for delay in (Delay.WITHIN_DAY, Delay.SLOW):
                    for from_ad in (True, False):
                        buyer = Buyer(0, -1, s, k, from_ad, delay)
                        self._go_on_waiting(buyer, int(pending[k, s, _pool_column(buyer)]))
            for slot in range(REFUND_DAYS):
                self._go_on_returning(k, slot)
            self._go_on_reviewing(k, int(goods[k, ListingState.PENDING_REVIEWS]))

    def _go_on_waiting(self, like: Buyer, count: int) -> None:
        """So many buyers wait; the first hour in which they may order is the coming one."""
        shop = self._shop
        for number in range(first := shop.number_buyers(count), first + count):
            buyer = replace(like, number=number)
            self._waiting[number] = buyer
            shop.note(Happening.CARRIED_OVER, buyer, detail=like.delay.name.lower())
            hours = int(shop.chance.geometric(self._hazard(buyer))) - 1
            shop.env.process(self._order_later(buyer, int(shop.env.now) + hours))

    def _go_on_returning(self, k: int, slot: int) -> None:
        """Returns due on one day of the ring. The state knows their sums only: they share these, to the fen."""
        shop, due = self._shop, self._shop.refunds[k, slot]
        count = int(due[Due.RETURNS])
        if count == 0:
            return
        day = shop.next_midnight + (slot - shop.next_midnight) % REFUND_DAYS
        first = shop.number_buyers(count)
        sums = (due[Due.REFUNDS], due[Due.COMMISSION_BACK], due[Due.SALVAGE])
        for i, money in enumerate(zip(*(_shares(total, count) for total in sums), strict=True)):
            buyer = Buyer(first + i, -1, -1, k, False)
            shop.note(Happening.CARRIED_OVER, buyer, detail="return")
            parcel = Parcel(buyer, day, *money)
            self._under_way[buyer.number] = parcel
            shop.env.process(self._bring_back(parcel))

    def _go_on_reviewing(self, k: int, count: int) -> None:
        """Reviews to come; the first midnight at which they may appear is the next, be it now."""
        shop = self._shop
        for number in range(first := shop.number_buyers(count), first + count):
            buyer = Buyer(number, -1, -1, k, False)
            shop.note(Happening.CARRIED_OVER, buyer, detail="review")
            shop.env.process(self._review(buyer, shop.next_midnight - 1))


def _queue_number(buyer: Buyer) -> int:
    """Who waited order by listing, segment and kind of delay; among equals chance decides."""
    return (buyer.listing * N_SEGMENTS + buyer.segment) * 2 + int(buyer.delay == Delay.SLOW)


def _pool_column(buyer: Buyer) -> int:
    """Column of `Pending` in which a waiting buyer is counted."""
    return Pending.DAY_AD + 2 * int(buyer.delay == Delay.SLOW) + int(not buyer.from_ad)


def _shares(total: float, count: int) -> list[float]:
    """Whole fen in so many parts that differ by one fen at most."""
    low, more = divmod(int(total), count)
    return [float(low + (i < more)) for i in range(count)]
