"""The brief: what a merchant's back office knows, as text that a language model, or a person, can plan from.

The same office gives the same text, letter for letter. Every figure in it has a name, such as `shop.budget` or
`L03.stock`, under which a plan can quote it as evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import MAX_PROMOTIONS
from merchantgym.envs.store import HOURS_PER_DAY

from .brief_words import WORDS, Words

Language = Literal["en", "zh"]
LANGUAGES: tuple[str, ...] = get_args(Language)
_UNKNOWN = "?"
_DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class Brief:
    """A back office in words."""

    language: Language
    text: str
    figures: Mapping[str, str]  # name under which a plan quotes it -> the figure as it stands in the text


def write_brief(office: BackOffice, language: Language = "en") -> Brief:
    """The brief of one shop on the eve of a plan.

    Raises: ValueError: an unknown language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language(={language!r}) must be one of: {', '.join(LANGUAGES)}")
    words = WORDS[language]
    shop, table = _shop(office), _table(office)
    parts = [
        words.title.format(store=office.store),
        "",
        words.about_shop,
        *(f"- {words.shop[name]}{words.colon}{value}" for name, value in _described(office, shop, words)),
        "",
        words.about_calendar,
        *_calendar(office, words),
        "",
        words.about_listings.format(days=office.history_days),
        *_rows(office, table, words),
        "",
        words.about_rules,
        *(f"- {rule}" for rule in _rules(office, words)),
    ]
    figures = {f"shop.{name}": value for name, value in shop.items()}
    for listing, row in zip(office.listing_id, table, strict=True):
        figures |= {f"{listing}.{name}": value for name, value in row.items()}
    return Brief(language, "\n".join(parts) + "\n", MappingProxyType(figures))


def _shop(office: BackOffice) -> dict[str, str]:
    """Figures of the whole shop."""
    return {
        "budget": f"{office.budget:.2f}",
        "days": f"{office.days}",
        "roi_floor": f"{office.roi_floor:g}",
        "impressions": f"{office.impressions.sum():.0f}",
        "clicks": f"{office.clicks.sum():.0f}",
        "orders": f"{office.orders.sum():.0f}",
        "gmv": f"{office.gmv.sum():.2f}",
        "ad_spend": f"{office.ad_spend.sum():.2f}",
    }


def _described(office: BackOffice, shop: Mapping[str, str], words: Words) -> Iterable[tuple[str, str]]:
    """What is said of the shop: (name of the line, text)."""
    yield "stage", words.stages[office.stage]
    yield "driver", words.joint.join(words.drivers[part] for part in office.driver.split("+"))
    yield "hosting", words.hosting[office.hosting.price_control].format(name=office.hosting.name)
    purse = words.renewing if office.renewing else words.one_purse
    yield "budget", f"{shop['budget']} CNY{words.comma}{purse}"
    yield "roi_floor", shop["roi_floor"] if office.roi_floor > 0.0 else words.none
    for name in ("impressions", "clicks", "orders", "gmv", "ad_spend"):
        yield name, shop[name]


def _calendar(office: BackOffice, words: Words) -> Iterable[str]:
    """When the plan runs, and the platform's promotion days."""
    weekday, hour = divmod(office.start_hour, HOURS_PER_DAY)
    yield f"- {words.start.format(day=words.weekdays[weekday], hour=hour, days=office.days)}"
    ahead = [day for day in office.promotion_days if 0 <= day < office.days]
    named = (f"{day + 1} ({words.weekdays[(weekday + day) % _DAYS_PER_WEEK]})" for day in ahead)
    yield f"- {words.promotion_days}{words.colon}{words.comma.join(named) if ahead else words.none}"


Column = Callable[[BackOffice, int], str]


def _plain(name: str, digits: int) -> Column:
    def value(office: BackOffice, k: int) -> str:
        number = float(getattr(office, name)[k])
        return _UNKNOWN if np.isnan(number) else f"{number:.{digits}f}"

    return value


def _margin(office: BackOffice, k: int) -> str:
    return f"{1.0 - office.cost[k] / office.price[k]:.0%}"


COLUMNS: Mapping[str, Column] = {
    "title": lambda office, k: office.title[k],
    "category": lambda office, k: office.category[k],
    "cost": _plain("cost", 2),
    "price": _plain("price", 2),
    "margin": _margin,
    "market_price": _plain("market_price", 2),
    "minimum_order": _plain("minimum_order", 0),
    "stock": _plain("stock", 0),
    "rating": _plain("rating", 1),
    "reviews": _plain("reviews", 0),
    "age_days": _plain("age_days", 0),
    "image_score": _plain("image_score", 2),
    "title_score": _plain("title_score", 2),
    "suggested_bid": _plain("suggested_bid", 2),
    "quality_score": _plain("quality_score", 2),
    "impressions": _plain("impressions", 0),
    "clicks": _plain("clicks", 0),
    "ad_clicks": _plain("ad_clicks", 0),
    "orders": _plain("orders", 0),
    "units": _plain("units", 0),
    "gmv": _plain("gmv", 2),
    "ad_spend": _plain("ad_spend", 2),
}
"""What is told of every listing, in this order."""


def _table(office: BackOffice) -> list[dict[str, str]]:
    """One row a listing: column -> text."""
    return [{name: value(office, k) for name, value in COLUMNS.items()} for k in range(len(office.listing_id))]


def _rows(office: BackOffice, table: Sequence[Mapping[str, str]], words: Words) -> Iterable[str]:
    """The table, cells between bars; bars within a merchant's own words become slashes."""
    yield " | ".join(("id", *COLUMNS))
    for listing, row in zip(office.listing_id, table, strict=True):
        yield " | ".join(_cell(text) for text in (listing, *row.values()))
    yield words.columns


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _rules(office: BackOffice, words: Words) -> Iterable[str]:
    """The platform's rules, and those of the contract."""
    yield from words.rules
    yield words.promotions.format(most=MAX_PROMOTIONS)
    if office.hosting.price_control == "merchant":
        yield words.prices_stay
    if office.roi_floor > 0.0:
        yield words.floor.format(floor=f"{office.roi_floor:g}")
