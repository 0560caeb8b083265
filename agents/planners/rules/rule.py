"""A planner that reads the back office as an experienced shop manager would, and says why."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.market.parameters import CHANNELS
from merchantgym.envs.plan import ListingPlan, Plan

from ..promotions import promotion_windows
from .bids import fit_to_purse, value_bids
from .estimates import estimate
from .gains import RuleGains
from .money import daily_budget, plan_audience, plan_budget, plan_caps
from .outlook import Offer, look_ahead
from .prices import plan_prices, promotion_discount
from .rationale import Decisions, explain
from .roles import assign_roles, choose_goal, cover_days, never_sold, overstocked, pause_reasons


@dataclass(frozen=True)
class RulePlanner:
    """Goal, items, prices, bids and money by written rules from shrunk estimates; deterministic."""

    gains: RuleGains = field(default_factory=RuleGains)
    name: str = "rule"

    def plan(self, office: BackOffice) -> Plan:
        """A plan with a rationale that quotes the figures it rests on.

        No price is moved under cost; one that the merchant set there is left, and not advertised.
        """
        decisions = decide(office, self.gains)
        offer = decisions.offer
        return Plan(
            store=office.store,
            planner=self.name,
            goal=decisions.goal,
            target=_target(office, decisions, self.gains),
            start_hour=office.start_hour,
            days=office.days,
            audience=dict(decisions.audience),
            listings=tuple(
                ListingPlan(listing_id=listing_id, role=role, budget_share=share, bid=bid, price=price)
                for listing_id, role, share, bid, price in zip(
                    office.listing_id,
                    decisions.roles,
                    decisions.share.tolist(),
                    offer.bid.tolist(),
                    offer.price.tolist(),
                    strict=True,
                )
            ),
            channel_split={c: self.gains.money.feed_cap if c == "feed" else 1.0 for c in CHANNELS},
            budget_total=offer.budget,
            budget_daily=decisions.daily,
            roi_floor=office.roi_floor,
            promotions=decisions.promotions,
            allow_below_cost=bool((offer.price < office.cost).any()),
            rationale=explain(office, decisions, self.gains),
            forecast=decisions.outlook.forecast,
        )


def decide(office: BackOffice, gains: RuleGains) -> Decisions:
    """Every decision of the plan, in the order in which one rests on another."""
    beliefs = estimate(office, gains)
    reasons = pause_reasons(office, beliefs, gains)
    active = np.array([not reason for reason in reasons])
    goal, why = choose_goal(office, beliefs, active, gains.roles)
    roles = assign_roles(office, beliefs, active, gains.roles)
    price = plan_prices(office, beliefs, roles, gains.prices)
    total = plan_budget(office, beliefs, price, active, gains.money)
    wished = value_bids(office, beliefs, price, goal, gains.bids)
    bid, pace = fit_to_purse(wished, office, beliefs, active, total, gains)
    share = plan_caps(office, beliefs, roles, bid, total, gains)
    discount = promotion_discount(office, beliefs, price, active, gains.prices)
    offer = Offer(bid=bid, price=price, cap=share * total, budget=total, discount=discount)
    return Decisions(
        beliefs=beliefs,
        goal=goal,
        why=why,
        roles=roles,
        reasons=reasons,
        offer=offer,
        pace=pace,
        share=share,
        daily=daily_budget(office, total, gains.money),
        audience=plan_audience(office, active, gains.money),
        promotions=promotion_windows(office, discount),
        outlook=look_ahead(office, beliefs, gains, offer),
    )


def _target(office: BackOffice, decisions: Decisions, gains: RuleGains) -> float:
    """What the goal is to reach, in its unit: first sales, units, or CNY."""
    active = np.array([not reason for reason in decisions.reasons])
    if decisions.goal == "break_zero":
        return float((never_sold(office) & active).sum())
    if decisions.goal == "clear_stock":
        slow = overstocked(office, decisions.beliefs, gains.roles) & active
        cover = cover_days(office, decisions.beliefs)
        excess = office.stock * (1.0 - gains.roles.overstock_days / np.maximum(cover, gains.roles.overstock_days))
        return float(np.ceil(excess[slow].sum()))
    return max(0.0, decisions.outlook.forecast.profit.mid)
