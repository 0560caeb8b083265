"""Model-predictive control as an actor: reads counts, fits what bids bring, and bids as the rest of the plan allows."""

from dataclasses import dataclass, field
from functools import cached_property
from math import inf
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Kind, Memory
from merchantgym.envs.market.parameters import Market, reference_market
from merchantgym.envs.observation import Global, ObservationView, PerListing
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.store import HOURS_PER_DAY
from merchantgym.envs.task import LOG_CHANNEL, LOG_DISCOUNT, LOG_LISTING

from .counts import Counts, bids_of_last_hour, first_stock, read_counts, stock_after_sale
from .laws import Evidence, FitMemory, Goods, MarkupLaw, PredictiveLaw, Response, Task, WorthLaw, check_gains, gain
from .market_form import market_response
from .outlook import Notes, Outlook, eve_of_plan, look_ahead, money_rate
from .readings import budget_now

FloatArray = NDArray[np.float64]

_USUAL_GAP = -0.02  # ln(price / that of comparable goods) of an ordinary shop
_MARGINS = (0.02, 0.95)  # margins of the price that are taken seriously
_LEAST = 1e-9
_SILENT = -1.0 + 1e-6  # a listing's lowest action that is not the pause button
_NOTES = len(Notes._fields)
_COUNTS = _NOTES + len(Counts._fields)


@dataclass(frozen=True)
class Horizon:
    """How the actor looks ahead, and its bounds."""

    swing: float = gain(0.2, "ln: height of the rivals' daily swing", (0.0, 0.6), allowed=(0.0, 2.0))
    low: float = gain(-1.3, "ln bid over the plan's: lowest", (-2.5, -0.3), allowed=(-2.7, 0.0))
    high: float = gain(1.5, "ln bid over the plan's: highest", (0.2, 2.5), allowed=(0.0, 2.7))
    reorder_days: float = gain(1.5, "until goods could arrive", (0.5, 7.0), log=True, allowed=(0.01, inf))
    arrival_days: float = gain(1.5, "until goods on the way arrive", (0.5, 4.0), log=True, allowed=(0.01, inf))
    recall: float = gain(0.9, "share of the shop's mean price gap taken for a raise", (0.0, 1.0), allowed=(0.0, 1.0))

    def __post_init__(self) -> None:
        check_gains(self)


@dataclass(frozen=True)
class Predictive:
    """Bids on each listing what a click on it is worth, at the price of money at which the rest of the plan's lasts.

    The form of the market is public: a generalised second price against a lognormal top rival, whose spread, daily
    swing and channels are published, and the weekly curve of traffic. Its levels are not, and are fitted. Prices move
    as `MarkupLaw` says. Under hosting where the merchant keeps the price, `approach` and `scarcity` should be 0: the
    observation does not tell. The first action is the plan as written.
    """

    name: ClassVar[str] = "mpc"
    kind: ClassVar[Kind] = "controller"

    worth: WorthLaw = field(default_factory=WorthLaw)
    law: PredictiveLaw = field(default_factory=PredictiveLaw)
    markup: MarkupLaw = field(default_factory=MarkupLaw)
    horizon: Horizon = field(default_factory=Horizon)
    market: Market = field(default_factory=reference_market)  # of which the levels are not looked at

    @cached_property
    def _response(self) -> Response:
        return market_response(self.market, self.horizon.swing)

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """`Notes`, the `Counts` of the hour before, and the memory of the law."""
        table = np.zeros((n, plans.bid.shape[1]))
        tables = (table.copy() for _ in range(_COUNTS - 8))

        def column(values: Any) -> FloatArray:
            return np.broadcast_to(np.asarray(values, dtype=np.float64), n).reshape(n, 1).copy()

        known = (0.0, plans.start_hour, plans.days, plans.budget_total, plans.budget_daily, 0.0, 0.0, 0.0)
        return (*(column(values) for values in known), *tables, *self.law.init(column(0.0), table + 1.0))

    def act(self, observation: NDArray[Any], memory: Memory) -> tuple[NDArray[np.float64], Memory]:
        """As `Actor.act`."""
        view = ObservationView(np.asarray(observation, dtype=np.float64))
        remembered = Notes(*memory[:_NOTES])
        budget = budget_now(view, remembered.days[:, 0], remembered.budget[:, 0])[:, None]
        counts = read_counts(view, budget)
        notes, before, fit = self._begin(view, counts, memory)
        notes, fit = self._learn(view, before, counts, notes, fit)
        paid = self.law.clicks(fit, bids_of_last_hour(view), self._response)
        outlook = look_ahead(view, notes, paid, self.market)
        notes = notes._replace(stock=self._stock(view, before, counts, notes, outlook))
        trust = self.law.known(counts.paid.sum(axis=1, keepdims=True) - notes.eve_paid)
        sale = np.log1p(-view[Global.OWN_PROMOTION])[:, None]
        usual = trust * self._price(view, counts, notes, 0.0 * sale)
        price = trust * self._price(view, counts, notes, sale)
        goods = self._goods(view, counts, notes, outlook, usual, sale + price - usual)
        conversion = self.worth.conversions(goods)
        spare = self.worth.spare(goods, conversion)
        value = self.worth.value(goods, conversion, spare)
        shown = view[PerListing.ACTIVE] * view[PerListing.LISTED] * (view[PerListing.CAP_LEFT] > 0.0)
        plan, swing = view[PerListing.PLAN_BID], self._swing(view)
        money = money_rate(view, notes, budget, outlook)
        task = Task(value, shown, money, plan + self.horizon.low, plan + self.horizon.high, swing)
        bid, _ = self.law.solve(fit, task, self._response)
        notes = notes._replace(hour=notes.hour + 1.0, traffic=outlook.next, swing=swing, shown=shown, spare=spare)
        return _action(trust * view[PerListing.ACTIVE] * (bid - plan), price), (*notes, *counts, *fit)

    def _begin(self, view: ObservationView, counts: Counts, memory: Memory) -> tuple[Notes, Counts, FitMemory]:
        """The memory in its parts; in rows that have not acted yet, what last week's report tells."""
        notes = Notes(*memory[:_NOTES])
        new = notes.hour == 0.0
        if new.any():
            eve, level, scale = eve_of_plan(view, counts, notes, self.market)
            first = (*eve, *counts, *self.law.init(level, scale))
            memory = tuple(np.where(new, a, b) for a, b in zip(first, memory, strict=True))
        level, weight, own, own_weight, clicks, exposure = memory[_COUNTS:]
        return (
            Notes(*memory[:_NOTES]),
            Counts(*memory[_NOTES:_COUNTS]),
            (level, weight, own, own_weight, clicks, exposure),
        )

    def _learn(
        self, view: ObservationView, before: Counts, counts: Counts, notes: Notes, fit: FitMemory
    ) -> tuple[Notes, FitMemory]:
        """The beliefs after the last hour; nothing is new in rows that have not acted yet."""
        evidence = Evidence(
            bid=bids_of_last_hour(view),
            clicks=notes.shown * np.maximum(counts.paid - before.paid, 0.0),
            cost=np.maximum(counts.spent - before.spent, 0.0),
            traffic=notes.shown * notes.traffic * view[Global.SERVED_SHARE][:, None],
            swing=notes.swing,
        )
        kept = np.exp(-notes.traffic / self.law.memory)
        fresh = np.maximum(counts.free - before.free, 0.0)
        notes = notes._replace(free=kept * notes.free + fresh, passed=kept * notes.passed + notes.traffic)
        return notes, self.law.learn(fit, evidence, self._response)

    def _stock(
        self, view: ObservationView, before: Counts, counts: Counts, notes: Notes, outlook: Outlook
    ) -> FloatArray:
        """Stock at the plan's start [units], shape (n, K): from its cover at first, exactly once something was sold."""
        new = notes.hour == 0.0
        stock = stock_after_sale(notes.stock, before, counts)
        if new.any():
            rate = np.exp(view[Global.STORE_CONVERSION])[:, None]
            daily = HOURS_PER_DAY * outlook.hourly * outlook.clicks * rate * counts.order_units
            stock = np.where(new, first_stock(view, counts, daily), stock)
        return stock

    def _price(self, view: ObservationView, counts: Counts, notes: Notes, sale: FloatArray) -> FloatArray:
        """ln(price / plan's) to be had where the plan's own promotion moves it by `sale` [ln], shapes (n, 1)."""
        margin = np.clip(1.0 - (1.0 - view[PerListing.UNIT_MARGIN]) * np.exp(-sale), *_MARGINS)
        weight = (counts.orders + 1.0) * np.expm1(view[PerListing.ORDER_VALUE]) + _LEAST
        return self.markup.correction(margin, weight, notes.spare, self.worth.elasticity, self.worth.charges)

    def _goods(
        self,
        view: ObservationView,
        counts: Counts,
        notes: Notes,
        outlook: Outlook,
        price: FloatArray,
        sale: FloatArray,
    ) -> Goods:
        """What is known of the listings where the plan's prices move by `price` [ln], and in the coming hour by `sale`
        beyond that, shapes (n, 1)."""
        margin = np.clip(view[PerListing.UNIT_MARGIN], *_MARGINS)
        gap = view[PerListing.PRICE_GAP]
        wait = np.where(view[PerListing.INCOMING] > 0.0, self.horizon.arrival_days, self.horizon.reorder_days)
        return Goods(
            order_margin=np.expm1(view[PerListing.ORDER_VALUE]) * np.maximum(1.0 + np.expm1(price) / margin, 0.0),
            margin_share=1.0 - (1.0 - margin) * np.exp(-price),
            orders=counts.orders,
            matured_clicks=np.expm1(view[PerListing.MATURED_CLICKS]),
            early_clicks=notes.eve_clicks,
            raised=self.horizon.recall * (gap.mean(axis=1, keepdims=True) - _USUAL_GAP) + price,
            sale=sale,
            reviews=np.maximum(view[PerListing.FEW_REVIEWS], 1e-3) ** -2 - 1.0,
            stars=np.log(np.maximum(view[PerListing.RATING] + 4.0, 1.0) / self.market.reference_rating),
            price_gap=gap,
            found=outlook.found,
            organic_share=outlook.organic / np.maximum(outlook.clicks, _LEAST),
            clicks_left=outlook.clicks * outlook.left,
            clicks_due=outlook.clicks * outlook.hourly * np.minimum(wait * HOURS_PER_DAY, outlook.hours),
            stock=notes.stock * counts.shelf / np.maximum(counts.order_units, 0.1),
            hours_left=outlook.hours,
        )

    def _swing(self, view: ObservationView) -> FloatArray:
        """How far the rivals are expected above their mean in the coming hour [ln], shape (n, 1)."""
        peak = 2.0 * np.pi * self.market.rival_peak_hour / HOURS_PER_DAY
        daily = np.cos(peak) * view[Global.HOUR_COS] + np.sin(peak) * view[Global.HOUR_SIN]
        promotion = self.market.rival_promotion_shift * view[Global.PROMOTION_DAY]
        return np.asarray((self.horizon.swing * daily + promotion)[:, None])


def _action(shift: FloatArray, price: FloatArray) -> FloatArray:
    """The action of log bid corrections (n, K) and a log price correction (n, 1): the channels take the middle."""
    middle = 0.5 * (shift.max(axis=1, keepdims=True) + shift.min(axis=1, keepdims=True))
    level = np.clip(middle, -LOG_CHANNEL, LOG_CHANNEL)
    own = np.clip((shift - level) / LOG_LISTING, _SILENT, 1.0)
    channel = level / LOG_CHANNEL
    return np.concatenate((channel, channel, own, np.clip(-price / LOG_DISCOUNT, -1.0, 1.0)), axis=1)
