"""A plan as a merchant reads it: a page of text whose every figure is the plan's or the trace's."""

from collections.abc import Iterable
from datetime import date, timedelta

from merchantgym.agents.planners.desk import Trace
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import Quantiles
from merchantgym.envs.store import HOURS_PER_DAY


def sheet(trace: Trace, office: BackOffice, first: date) -> str:
    """Args: first: the day on which the plan starts."""
    plan, seen = trace.plan, trace.confirmed.estimate
    last = first + timedelta(days=plan.days - 1)
    parts = [
        f"Plan for {plan.store}, {first:%a %Y-%m-%d} to {last:%a %Y-%m-%d} ({plan.days} days)",
        f"Goal {plan.goal}, marketing money {plan.budget_total:.2f} CNY, at most {plan.budget_daily:.2f} CNY a day, "
        f"executed by {trace.judge}",
        "",
        *_listings(trace, office),
        "",
        *_promotions(trace, first),
        "",
        f"Forecast on {trace.confirmed.draws} believed stores (5 %, 50 % and 95 % points)",
        *(f"  {name:7} {_range(one)}" for name, one in _quantities(trace)),
        f"  chance of a loss {seen.loss_probability:.0%}; in 95 % of cases no loss over {seen.loss:.2f} CNY",
        "",
        "Candidates (budget kept, profit and lead over the rule plan on the stores of the choice)",
        *_candidates(trace),
        "",
        f"Why: {plan.rationale}",
    ]
    return "\n".join(parts)


def _quantities(trace: Trace) -> Iterable[tuple[str, Quantiles]]:
    found = trace.confirmed.estimate.forecast
    yield from (("spend", found.spend), ("sales", found.gmv), ("profit", found.profit))


def _range(one: Quantiles) -> str:
    return f"{one.low:12.2f} {one.mid:12.2f} {one.high:12.2f} CNY"


def _listings(trace: Trace, office: BackOffice) -> Iterable[str]:
    yield "id         role         bid suggested  price now    planned  at most [CNY]  why"
    rows = {item.listing_id: item for item in trace.plan.listings}
    for k, one in enumerate(trace.picked.listings):
        item = rows[one.listing_id]
        most = 0.0 if item.role == "paused" else item.budget_share * trace.plan.budget_total
        bid = 0.0 if item.role == "paused" else item.bid
        yield (
            f"{item.listing_id:10} {item.role:8} {bid:7.2f} {office.suggested_bid[k]:9.2f} {office.price[k]:10.2f} "
            f"{item.price:10.2f} {most:14.2f}  {one.why}"
        )


def _promotions(trace: Trace, first: date) -> Iterable[str]:
    if not trace.plan.promotions:
        yield "No promotions."
    for window in trace.plan.promotions:
        start = first + timedelta(days=window.start_hour // HOURS_PER_DAY)
        end = first + timedelta(days=(window.end_hour - 1) // HOURS_PER_DAY)
        yield f"Promotion {start:%a %Y-%m-%d} to {end:%a %Y-%m-%d}: {window.discount:.0%} off"


def _candidates(trace: Trace) -> Iterable[str]:
    for i, (one, cap) in enumerate(zip(trace.designed.candidates, trace.capped.caps, strict=True)):
        mark, lead = "*" if i == trace.confirmed.index else " ", cap.estimate.advantage
        yield (
            f"{mark} {one.author:14} {cap.scale:5.0%} {cap.estimate.mean_profit:10.2f} "
            f"{lead.mean:+10.2f} (standard error {lead.error:.2f})"
        )
    for gone in trace.designed.dropped:
        yield f"  {gone.author:14} dropped: {gone.why}"
