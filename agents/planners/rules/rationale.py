"""The rule planner's reasons in words a merchant can check against his own report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Goal, Promotion, Role

from .estimates import Array, Estimates
from .gains import RuleGains
from .outlook import Offer, Outlook

NAMED = 6  # [listings] named in a sentence before the rest is only counted


@dataclass(frozen=True)
class Decisions:
    """All that was decided, and what it rests on; arrays and sequences have K entries."""

    beliefs: Estimates
    goal: Goal
    why: str
    roles: Sequence[Role]
    reasons: Sequence[str]  # why a listing is paused, '' where it is not
    offer: Offer
    pace: float  # factor on all bids that makes the budget last
    share: Array  # [share of the budget] hard cap per listing
    daily: float  # [CNY]
    audience: Mapping[str, float]
    promotions: tuple[Promotion, ...]
    outlook: Outlook


def explain(office: BackOffice, decisions: Decisions, gains: RuleGains) -> str:
    """Several sentences: those of `reasons`, then the forecast."""
    return f"{reasons(office, decisions, gains)} {_forecast(decisions.outlook)}"


def reasons(office: BackOffice, decisions: Decisions, gains: RuleGains) -> str:
    """Several sentences: goal, what was learnt, items, bids, prices, money, promotions."""
    sentences = [
        f"The goal is {decisions.goal}: {decisions.why}.",
        *_hosting(office),
        _learnt(office, decisions.beliefs, gains),
        *_items(office, decisions, gains),
        *_bids(office, decisions),
        *_prices(office, decisions),
        _money(office, decisions),
        *_promotions(office, decisions),
    ]
    return " ".join(sentences)


def _hosting(office: BackOffice) -> Iterable[str]:
    hosting = office.hosting
    if hosting.supply_markup is not None:
        yield (
            f"Under {hosting.name} hosting the platform pays cost plus {hosting.supply_markup:.0%} and sells on its "
            "own account: prices and bids follow its margin, the forecast is the merchant's."
        )
    elif hosting.price_control == "merchant":
        yield f"Under {hosting.name} hosting the merchant sets the prices, and they stay."


def _learnt(office: BackOffice, beliefs: Estimates, gains: RuleGains) -> str:
    return (
        f"In {office.history_days} days the shop had {office.impressions.sum():.0f} impressions, "
        f"{office.clicks.sum():.0f} clicks and {office.orders.sum():.0f} orders; about "
        f"{1.0 - beliefs.matured_history:.0%} of the orders of these clicks are still to come, so with the "
        f"published {gains.rates.conversion_rate:.2%} as a start a click is taken to become an order in "
        f"{beliefs.store_conversion:.2%} of cases."
    )


def _items(office: BackOffice, decisions: Decisions, gains: RuleGains) -> Iterable[str]:
    def having(role: Role) -> list[int]:
        return [k for k, own in enumerate(decisions.roles) if own == role]

    if having("hero"):
        shown = (f"{office.listing_id[k]} ({office.orders[k]:.0f} orders)" for k in having("hero"))
        yield f"Heroes are {_named(shown)}."
    if having("test"):
        cap = float(decisions.share[having("test")].max())
        names = _named(office.listing_id[k] for k in having("test"))
        yield f"Tested with at most {cap:.1%} of the budget each: {names}."
    if having("clear"):
        names = _named(f"{office.listing_id[k]} ({office.stock[k]:.0f} units)" for k in having("clear"))
        yield f"To be cleared: {names}."
    if having("paused"):
        names = _named(f"{office.listing_id[k]} ({decisions.reasons[k]})" for k in having("paused"))
        yield f"Not advertised: {names}."


def _bids(office: BackOffice, decisions: Decisions) -> Iterable[str]:
    bid = decisions.offer.bid
    active = bid > 0.0
    if not active.any():
        yield "No listing can earn what a click costs, so nothing is advertised."
        return
    suggested = office.suggested_bid[active]
    lasting = f", lowered to {decisions.pace:.0%} so that the budget lasts" if decisions.pace < 1.0 else ""
    yield (
        f"Bids follow what a click earns{lasting}: {_range(bid[active])} CNY a click, where the platform "
        f"suggests {_range(suggested)} CNY."
    )
    courted = [f"{segment} x {weight:g}" for segment, weight in decisions.audience.items() if weight != 1.0]
    if courted:
        yield f"Stock is too short for large orders, so bids are weighted: {', '.join(courted)}."


def _prices(office: BackOffice, decisions: Decisions) -> Iterable[str]:
    price = decisions.offer.price
    moved = np.flatnonzero(price != office.price)
    if moved.size:
        shown = (
            f"{office.listing_id[k]} {office.price[k]:.2f} to {price[k]:.2f} CNY "
            f"(market {office.market_price[k]:.2f}, cost {office.cost[k]:.2f})"
            for k in moved
        )
        yield f"Prices move a little: {_named(shown)}."


def _money(office: BackOffice, decisions: Decisions) -> str:
    total = decisions.offer.budget
    whole = "the whole budget" if total >= office.budget else f"of {office.budget:.2f} CNY, as much as stock can repay"
    floor = f" The merchant's ROI floor of {office.roi_floor:g} bounds the bids." if office.roi_floor else ""
    return (
        f"The plan may spend {total:.2f} CNY ({whole}) in {office.days} days and {decisions.daily:.2f} CNY "
        f"on any one day.{floor}"
    )


def _promotions(office: BackOffice, decisions: Decisions) -> Iterable[str]:
    if not any(0 <= day < office.days for day in office.promotion_days):
        return
    if office.hosting.price_control == "merchant":
        return
    if not decisions.promotions:
        yield "Margins do not allow a discount on the platform's promotion days."
        return
    days = ", ".join(_day_range(promotion) for promotion in decisions.promotions)
    discount = decisions.promotions[0].discount
    yield f"On the platform's promotion days (day {days}) {discount:.0%} is given off."


def _forecast(outlook: Outlook) -> str:
    gmv, profit = outlook.forecast.gmv, outlook.forecast.profit
    return (
        f"Expected: {outlook.clicks:.0f} paid clicks for {outlook.spend:.2f} CNY, {outlook.orders:.1f} "
        f"orders in all, sales of {gmv.mid:.2f} CNY and a profit of {profit.mid:.2f} CNY (nine times in ten "
        f"between {profit.low:.2f} and {profit.high:.2f})."
    )


def _day_range(promotion: Promotion) -> str:
    first, last = promotion.start_hour // 24 + 1, promotion.end_hour // 24
    return f"{first}" if first == last else f"{first}-{last}"


def _named(texts: Iterable[str]) -> str:
    items = list(texts)
    more = f" and {len(items) - NAMED} more" if len(items) > NAMED else ""
    return ", ".join(items[:NAMED]) + more


def _range(values: Array) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
