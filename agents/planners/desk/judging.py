"""Stages 4 to 6: what each candidate may spend, which one leads, and whether its lead lasts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from merchantgym.envs.admission import LEAST_SCALE, cut_to_limit, with_share
from merchantgym.envs.forecast import Outlook
from merchantgym.envs.plan import Plan

from .stages import Cap, Capped, Chosen, Confirmed, Designed, Estimate

Look = Callable[[Plan], Outlook]
"""The outlook of a plan on the draws that its rivals were seen on."""


def cap(plans: Sequence[Plan], outlooks: Sequence[Outlook], limit: float, look: Look) -> tuple[list[Plan], Capped]:
    """Plans with their money cut until the loss is within the limit; a refused one keeps the least that is tried.

    A refused rival is out; candidate 0 stays, with that little money, for there must be a plan.
    """
    admissions = [cut_to_limit(plan, whole, limit, look) for plan, whole in zip(plans, outlooks, strict=True)]
    base = admissions[0].outlook
    caps = tuple(Cap(scale=one.scale, reason=one.reason, estimate=Estimate.of(one.outlook, base)) for one in admissions)
    cut = [one.plan or with_share(plan, LEAST_SCALE) for one, plan in zip(admissions, plans, strict=True)]
    return cut, Capped(limit=limit, caps=caps)


def choose(designed: Designed, capped: Capped, margin: float) -> Chosen:
    """The rival that leads the rule plan the most, if its lead clears the margin; else the rule plan."""
    gains = [one.estimate.advantage for one in capped.caps]
    rivals = [i for i in range(1, len(gains)) if capped.caps[i].scale > 0.0]
    if not rivals:
        return Chosen(index=0, margin=margin, why="No rival plan may be carried out, so the rule plan stands.")
    best = max(rivals, key=lambda i: gains[i].mean)
    lead, author = gains[best], designed.candidates[best].author
    stated = f"{author!r} leads the rule plan by {lead.mean:+.2f} CNY, standard error {lead.error:.2f}"
    if lead.clears(margin):
        why = f"Of {len(gains)} candidates {stated}: more than {margin:g} standard errors."
        return Chosen(index=best, margin=margin, why=why)
    why = f"The best rival {stated}: not more than {margin:g} standard errors, so the rule plan stands."
    return Chosen(index=0, margin=margin, why=why)


def confirm(chosen: Chosen, author: str, fresh: Sequence[Outlook], seed: int) -> Confirmed:
    """Which plan stands after fresh draws, and its forecast, which the choice has not flattered.

    Args:
        author: who wrote the chosen plan.
        fresh: outlooks of candidate 0 and, where it is another, of the chosen one.
        seed: of the fresh draws.
    """
    base, index = fresh[0], chosen.index
    seen = Estimate.of(fresh[-1], base)
    why = "The forecast is made on believed stores that had no part in the choice."
    if index:
        lead = seen.advantage
        why = f"On believed stores that had no part in the choice {author!r} leads by {lead.mean:+.2f} CNY"
        if lead.mean > 0.0:
            why += f", standard error {lead.error:.2f}."
        else:
            index, seen, why = 0, Estimate.of(base, base), f"{why}: the rule plan stands."
    return Confirmed(index=index, draws=len(base.profit), seed=seed, estimate=seen, why=why)
