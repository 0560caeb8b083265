"""The reward: named terms of an hour, summed by the weights that the configuration gives to the plan's goal.

The terms are also the accounts: what the merchant earned, and what the platform did, under the store's hosting model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import yaml

from .engines.layout import Field, FloatArray, Report
from .market.compiled import Quantity, formula, stage
from .plan import GOALS
from .task import PlanField, PlanListing


class Term(Field):
    """Terms of an hour's reward, summed over listings. Money in CNY; what costs is negative.

    Where merchant and platform share a cost (see `hosting`), the term is the merchant's part.
    """

    GROSS_MARGIN = 0  # revenue, or what the platform pays for the goods, less their cost
    COMMISSION = 1
    RETURNS = 2  # refunds and handling, less recovered goods and commission
    AD_SPEND = 3
    GMV = 4  # revenue
    ORDERS = 5  # [count]
    FIRST_SALES = 6  # [count] listings that sold for the first time
    STOCK_CLEARED = 7  # cost of the goods sold
    ROI_SHORTFALL = 8  # at the plan's end: attributed GMV missing to the ROI floor
    LOGISTICS = 9
    FEES = 10  # payment fees; at the plan's end its subscription
    PLATFORM_PROFIT = 11  # the other party's account: commission, fees, ads and retail margin less what it bears


PROFIT_TERMS = (Term.GROSS_MARGIN, Term.COMMISSION, Term.RETURNS, Term.AD_SPEND, Term.LOGISTICS, Term.FEES)
"""The merchant's profit."""


@dataclass(frozen=True)
class RewardWeights:
    """Weight of every term under every goal, and the scale of the sum.

    `weights`: shape (goals, terms), in the order of `plan.GOALS` and `Term`; `scale`: [CNY] that make a reward of 1.
    """

    weights: FloatArray
    scale: float

    def packed(self) -> FloatArray:
        """Weights over the scale, for the compiled step."""
        return np.ascontiguousarray(self.weights / self.scale)


def reward_from_mapping(config: Mapping[str, Any]) -> RewardWeights:
    """Weights from `conf/reward/*.yaml`: {scale, weights: {goal or "every": {term: weight}}}.

    Raises: ValueError: an unknown goal or term, or a scale that is not positive.
    """
    if set(config) != {"scale", "weights"}:
        raise ValueError(f"reward has the entries {sorted(config)}; it must have: scale, weights")
    scale = _number("reward.scale", config["scale"])
    if scale <= 0.0:
        raise ValueError(f"reward.scale(={scale}) must be > 0 [CNY]")
    weights = np.zeros((len(GOALS), len(Term)))
    terms = {term.name.lower(): term for term in Term}
    for goal in ("every", *GOALS):  # a goal's own weight stands before that of every goal
        rows = slice(None) if goal == "every" else GOALS.index(goal)
        for name, weight in (config["weights"].get(goal) or {}).items():
            if name not in terms:
                raise ValueError(f"reward.weights.{goal} has no term {name!r}; allowed: {', '.join(terms)}")
            weights[rows, terms[name]] = _number(f"reward.weights.{goal}.{name}", weight)
    if unknown := sorted(set(config["weights"]) - {"every", *GOALS}):
        raise ValueError(f"reward.weights has no goal {unknown[0]!r}; allowed: every, {', '.join(GOALS)}")
    return RewardWeights(weights, scale)


def _number(name: str, value: Any) -> float:
    """A finite number. Raises: ValueError: names the entry."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise ValueError(f"{name}(={value!r}) must be a finite number")
    return float(value)


@cache
def profit_reward() -> RewardWeights:
    """The weights of `conf/reward/profit.yaml`: profit, whatever the plan's goal."""
    text = resources.files("merchantgym.conf").joinpath("reward/profit.yaml").read_text(encoding="utf-8")
    return reward_from_mapping(yaml.safe_load(text))


@formula
def _part(share: Quantity, amount: Quantity) -> Quantity:
    """A share of some money, rounded to the fen once; the other party has the rest."""
    return np.floor(share * amount + 0.5)


@stage
def write_terms(
    hour: Any, total: Any, plan: Any, plan_listing: Any, last_hour: bool, first_sales: float, terms: Any
) -> None:
    """Fill the terms of one store's hour from its reports (K, Report) of the hour and of the run."""
    terms[:] = 0.0
    spend = 0.0
    attributed = 0.0
    for k in range(hour.shape[0]):
        row = hour[k]
        terms[Term.GMV] += row[Report.REVENUE] / 100.0
        terms[Term.GROSS_MARGIN] += (row[Report.REVENUE] - row[Report.GOODS_COST]) / 100.0
        terms[Term.COMMISSION] -= row[Report.COMMISSION] / 100.0
        terms[Term.RETURNS] += (
            row[Report.COMMISSION_BACK] + row[Report.SALVAGE] - row[Report.REFUNDS] - row[Report.HANDLING]
        ) / 100.0
        terms[Term.AD_SPEND] -= (row[Report.SPEND_SEARCH] + row[Report.SPEND_FEED]) / 100.0
        terms[Term.ORDERS] += row[Report.ORDERS_SAME_HOUR] + row[Report.ORDERS_WITHIN_DAY] + row[Report.ORDERS_SLOW]
        terms[Term.STOCK_CLEARED] += row[Report.GOODS_COST] / 100.0
        spend += (total[k, Report.SPEND_SEARCH] + total[k, Report.SPEND_FEED]) / 100.0
        attributed += total[k, Report.AD_REVENUE] / 100.0
    _share_with_platform(hour, plan, plan_listing, terms)
    terms[Term.FIRST_SALES] = first_sales
    if last_hour:
        terms[Term.ROI_SHORTFALL] = -max(0.0, plan[PlanField.ROI_FLOOR] * spend - attributed)
        subscription = plan[PlanField.SUBSCRIPTION] * np.floor(plan[PlanField.HOURS] / 24.0) / 100.0
        terms[Term.FEES] -= subscription
        terms[Term.PLATFORM_PROFIT] += subscription


@stage
def _share_with_platform(hour: Any, plan: Any, plan_listing: Any, terms: Any) -> None:
    """Move to the platform's account what is the platform's; the terms so far have the merchant pay and keep it all.

    merchant + platform = revenue - goods - (refunds + handling - salvage) - logistics - ad money that went outside
    """
    revenue, units, orders, spend, commission = 0.0, 0.0, 0.0, 0.0, 0.0
    refunds, beyond = 0.0, 0.0  # to buyers; handling less goods that came back
    income, credit = 0.0, 0.0  # what the merchant is paid for goods, and gives back for goods returned
    for k in range(hour.shape[0]):
        row = hour[k]
        supply = plan_listing[k, PlanListing.SUPPLY_PRICE]
        revenue += row[Report.REVENUE]
        units += row[Report.UNITS]
        orders += row[Report.ORDERS_SAME_HOUR] + row[Report.ORDERS_WITHIN_DAY] + row[Report.ORDERS_SLOW]
        spend += row[Report.SPEND_SEARCH] + row[Report.SPEND_FEED]
        commission += row[Report.COMMISSION] - row[Report.COMMISSION_BACK]
        refunds += row[Report.REFUNDS]
        beyond += row[Report.HANDLING] - row[Report.SALVAGE]
        income += row[Report.UNITS] * supply
        credit += row[Report.REFUNDS] * supply / plan_listing[k, PlanListing.PRICE]
    if plan[PlanField.PLATFORM_SELLS] == 0.0:
        income, credit = revenue, refunds
    carriage = orders * plan[PlanField.ORDER_LOGISTICS] + units * plan[PlanField.UNIT_LOGISTICS]
    ads = _part(plan[PlanField.AD_SHARE], spend)
    logistics = _part(plan[PlanField.LOGISTICS_SHARE], carriage)
    returns = _part(plan[PlanField.RETURN_SHARE], credit + beyond)
    fee = _part(plan[PlanField.PAYMENT_FEE], revenue)
    terms[Term.GROSS_MARGIN] += (income - revenue) / 100.0
    terms[Term.RETURNS] += (refunds + beyond - returns) / 100.0
    terms[Term.AD_SPEND] += (spend - ads) / 100.0
    terms[Term.LOGISTICS] = -logistics / 100.0
    terms[Term.FEES] = -fee / 100.0
    platform = revenue - income + commission + fee + ads - plan[PlanField.AD_OUTSIDE] * spend
    platform -= carriage - logistics + refunds + beyond - returns
    terms[Term.PLATFORM_PROFIT] = platform / 100.0


@stage
def weighted(terms: Any, weights: Any) -> float:
    """The reward: terms times one goal's weights."""
    total = 0.0
    for j in range(terms.shape[0]):
        total += terms[j] * weights[j]
    return total
