"""Model-predictive control as an actor: reads counts, fits what bids bring, and bids as the rest of the plan allows."""

from dataclasses import dataclass, field
from functools import cached_property
from math import cos, inf, pi, sin
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.actor import Memory
from merchantgym.envs.market.parameters import Market, reference_market
from merchantgym.envs.observation import Global, ObservationView, PerListing, budget_size
from merchantgym.envs.plan import PlanArrays
from merchantgym.envs.store import HOURS_PER_DAY
from merchantgym.envs.task import LOG_CHANNEL, LOG_DISCOUNT, LOG_LISTING

from .counts import Counts, bids_of_last_hour, first_stock, read_counts, stock_after_sale
from .feedback import Feedback
from .laws import (
    Array,
    Evidence,
    FitMemory,
    Goods,
    MarkupLaw,
    PredictiveLaw,
    Response,
    Task,
    WorthLaw,
    check_gains,
    gain,
)
from .laws.arrays import nowhere
from .market_form import market_response
from .outlook import Notes, Outlook, eve_of_plan, look_ahead, money_rate
from .readings import budget_now

_USUAL_GAP = -0.02  # ln(price / that of comparable goods) of an ordinary shop
_MARGINS = (0.02, 0.95)  # margins of the price that are taken seriously
_LEAST = 1e-9
_UNHEARD = 5.0  # [ln] below the usual: lowest conversion shown
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
class Predictive(Feedback):
    """Bids on each listing what a click on it is worth, at the price of money at which the rest of the plan's lasts.

    The form of the market is public: a generalised second price against a lognormal top rival, whose spread, daily
    swing and channels are published, and the weekly curve of traffic. Its levels are not, and are fitted. Prices move
    as `MarkupLaw` says. Under hosting where the merchant keeps the price, `approach` and `scarcity` should be 0: the
    observation does not tell. The first action is the plan as written.
    """

    name: ClassVar[str] = "mpc"

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

        def column(values: Any) -> NDArray[np.float64]:
            return np.broadcast_to(np.asarray(values, dtype=np.float64), n).reshape(n, 1).copy()

        size = budget_size(plans.budget_total, plans.days)
        known = (0.0, plans.start_hour, plans.days, plans.budget_total, plans.budget_daily, size, 0.0, 0.0, 0.0, 0.0)
        tables = (table.copy() for _ in range(_COUNTS - len(known)))
        return (*(column(values) for values in known), *tables, *self.law.init(column(0.0), table + 1.0))

    def respond(self, observation: Array, memory: Memory, xp: Any = np) -> tuple[Array, Memory]:
        """Action (n, A) and new memory; `xp` is numpy or torch, as the arrays are."""
        view = ObservationView(observation)
        first = Notes(*memory[:_NOTES])
        budget = budget_now(view, first.days[:, 0], first.budget[:, 0], first.size[:, 0], xp)[:, None]
        counts = read_counts(view, budget, xp)
        notes, before, fit = self._begin(view, counts, memory, xp)
        notes, fit = self._learn(view, before, counts, notes, fit, xp)
        paid = self.law.clicks(fit, bids_of_last_hour(view), self._response, xp)
        outlook = look_ahead(view, notes, paid, self.market, xp)
        notes = notes._replace(stock=self._stock(view, before, counts, notes, outlook, xp))
        trust = self.law.known(counts.paid.sum(axis=1, keepdims=True) - notes.eve_paid, xp)
        sale = xp.log1p(-view[Global.OWN_PROMOTION])[:, None]
        usual = trust * self._price(view, counts, notes, 0.0 * sale, xp)
        price = trust * self._price(view, counts, notes, sale, xp)
        goods = self._goods(view, counts, notes, outlook, usual, sale + price - usual, xp)
        conversion = self.worth.conversions(goods, xp)
        spare = self.worth.spare(goods, conversion, xp)
        value = self.worth.value(goods, conversion, spare, xp)
        shown = view[PerListing.ACTIVE] * view[PerListing.LISTED] * (view[PerListing.CAP_LEFT] > 0.0)
        plan, swing = view[PerListing.PLAN_BID], self._swing(view)
        money = money_rate(view, notes, budget, outlook, xp)
        task = Task(value, shown, money, plan + self.horizon.low, plan + self.horizon.high, swing)
        bid, dear = self.law.solve(fit, task, self._response, xp)
        notes = notes._replace(
            hour=notes.hour + 1.0,
            traffic=outlook.next,
            swing=swing,
            shown=shown,
            spare=spare,
            conversion=conversion,
            dear=dear,
        )
        return _action(trust * view[PerListing.ACTIVE] * (bid - plan), price, xp), (*notes, *counts, *fit)

    @property
    def insight_names(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """As `Insightful.insight_names`."""
        return ("price_of_money", "price_level"), ("conversion", "own_level", "spare")

    def insight(self, memory: Memory, xp: Any = np) -> tuple[Array, Array]:
        """As `Insightful.insight`: the price of money [ln], the price level [ln CNY per click]; of each listing the
        expected orders per click [ln of them over the usual], its own level over the shop's [ln], and the chance that
        an order more is welcome."""
        notes, level, own = Notes(*memory[:_NOTES]), memory[_COUNTS], memory[_COUNTS + 2]
        conversion = xp.log(xp.clip(notes.conversion, _LEAST, None) / self.worth.conversion)
        shop = xp.concatenate((notes.dear, level), 1)
        return shop, xp.stack((xp.clip(conversion, -_UNHEARD, None), own, notes.spare), 2)

    def _begin(self, view: ObservationView, counts: Counts, memory: Memory, xp: Any) -> tuple[Notes, Counts, FitMemory]:
        """The memory in its parts; in rows that have not acted yet, what last week's report tells."""
        notes = Notes(*memory[:_NOTES])
        new = notes.hour == 0.0
        if not nowhere(new, xp):
            eve, level, scale = eve_of_plan(view, counts, notes, self.market, xp)
            first = (*eve, *counts, *self.law.init(level, scale, xp))
            memory = tuple(xp.where(new, a, b) for a, b in zip(first, memory, strict=True))
        level, weight, own, own_weight, clicks, exposure = memory[_COUNTS:]
        return (
            Notes(*memory[:_NOTES]),
            Counts(*memory[_NOTES:_COUNTS]),
            (level, weight, own, own_weight, clicks, exposure),
        )

    def _learn(
        self, view: ObservationView, before: Counts, counts: Counts, notes: Notes, fit: FitMemory, xp: Any
    ) -> tuple[Notes, FitMemory]:
        """The beliefs after the last hour; nothing is new in rows that have not acted yet."""
        evidence = Evidence(
            bid=bids_of_last_hour(view),
            clicks=notes.shown * xp.clip(counts.paid - before.paid, 0.0, None),
            cost=xp.clip(counts.spent - before.spent, 0.0, None),
            traffic=notes.shown * notes.traffic * view[Global.SERVED_SHARE][:, None],
            swing=notes.swing,
        )
        kept = xp.exp(-notes.traffic / self.law.memory)
        fresh = xp.clip(counts.free - before.free, 0.0, None)
        notes = notes._replace(free=kept * notes.free + fresh, passed=kept * notes.passed + notes.traffic)
        return notes, self.law.learn(fit, evidence, self._response, xp)

    def _stock(
        self, view: ObservationView, before: Counts, counts: Counts, notes: Notes, outlook: Outlook, xp: Any
    ) -> Array:
        """Stock at the plan's start [units], shape (n, K): from its cover at first, exactly once something was sold."""
        new = notes.hour == 0.0
        stock = stock_after_sale(notes.stock, before, counts, xp)
        if not nowhere(new, xp):
            rate = xp.exp(view[Global.STORE_CONVERSION])[:, None]
            daily = HOURS_PER_DAY * outlook.hourly * outlook.clicks * rate * counts.order_units
            stock = xp.where(new, first_stock(view, counts, daily, xp), stock)
        return stock

    def _price(self, view: ObservationView, counts: Counts, notes: Notes, sale: Array, xp: Any) -> Array:
        """ln(price / plan's) to be had where the plan's own promotion moves it by `sale` [ln], shapes (n, 1)."""
        margin = xp.clip(1.0 - (1.0 - view[PerListing.UNIT_MARGIN]) * xp.exp(-sale), *_MARGINS)
        weight = (counts.orders + 1.0) * xp.expm1(view[PerListing.ORDER_VALUE]) + _LEAST
        return self.markup.correction(margin, weight, notes.spare, self.worth.elasticity, self.worth.charges, xp)

    def _goods(
        self,
        view: ObservationView,
        counts: Counts,
        notes: Notes,
        outlook: Outlook,
        price: Array,
        sale: Array,
        xp: Any,
    ) -> Goods:
        """What is known of the listings where the plan's prices move by `price` [ln], and in the coming hour by `sale`
        beyond that, shapes (n, 1)."""
        margin = xp.clip(view[PerListing.UNIT_MARGIN], *_MARGINS)
        gap = view[PerListing.PRICE_GAP]
        coming, missing = self.horizon.arrival_days + 0.0 * gap, self.horizon.reorder_days + 0.0 * gap
        wait = xp.where(view[PerListing.INCOMING] > 0.0, coming, missing)
        return Goods(
            order_margin=xp.expm1(view[PerListing.ORDER_VALUE]) * xp.clip(1.0 + xp.expm1(price) / margin, 0.0, None),
            margin_share=1.0 - (1.0 - margin) * xp.exp(-price),
            orders=counts.orders,
            matured_clicks=xp.expm1(view[PerListing.MATURED_CLICKS]),
            early_clicks=notes.eve_clicks,
            raised=self.horizon.recall * (gap.mean(axis=1, keepdims=True) - _USUAL_GAP) + price,
            sale=sale,
            reviews=xp.clip(view[PerListing.FEW_REVIEWS], 1e-3, None) ** -2 - 1.0,
            stars=xp.log(xp.clip(view[PerListing.RATING] + 4.0, 1.0, None) / self.market.reference_rating),
            price_gap=gap,
            found=outlook.found,
            organic_share=outlook.organic / xp.clip(outlook.clicks, _LEAST, None),
            clicks_left=outlook.clicks * outlook.left,
            clicks_due=outlook.clicks * outlook.hourly * xp.minimum(wait * HOURS_PER_DAY, outlook.hours),
            stock=notes.stock * counts.shelf / xp.clip(counts.order_units, 0.1, None),
            hours_left=outlook.hours,
        )

    def _swing(self, view: ObservationView) -> Array:
        """How far the rivals are expected above their mean in the coming hour [ln], shape (n, 1)."""
        peak = 2.0 * pi * self.market.rival_peak_hour / HOURS_PER_DAY
        daily = cos(peak) * view[Global.HOUR_COS] + sin(peak) * view[Global.HOUR_SIN]
        promotion = self.market.rival_promotion_shift * view[Global.PROMOTION_DAY]
        return (self.horizon.swing * daily + promotion)[:, None]


def _action(shift: Array, price: Array, xp: Any) -> Array:
    """The action of log bid corrections (n, K) and a log price correction (n, 1): the channels take the middle."""
    middle = 0.5 * (xp.amax(shift, 1, keepdims=True) + xp.amin(shift, 1, keepdims=True))
    level = xp.clip(middle, -LOG_CHANNEL, LOG_CHANNEL)
    own = xp.clip((shift - level) / LOG_LISTING, _SILENT, 1.0)
    channel = level / LOG_CHANNEL
    return xp.concatenate((channel, channel, own, xp.clip(-price / LOG_DISCOUNT, -1.0, 1.0)), 1)
