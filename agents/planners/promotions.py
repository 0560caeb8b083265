"""Discounts on the platform's promotion days."""

from __future__ import annotations

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.plan import MAX_PROMOTIONS, Promotion
from merchantgym.envs.store import HOURS_PER_DAY


def promotion_windows(office: BackOffice, discount: float) -> tuple[Promotion, ...]:
    """One window for each run of platform promotion days, the first ones if there are too many."""
    runs: list[list[int]] = []
    for day in sorted({day for day in office.promotion_days if 0 <= day < office.days}):
        if runs and runs[-1][-1] == day - 1:
            runs[-1].append(day)
        else:
            runs.append([day])
    if discount <= 0.0:
        return ()
    return tuple(
        Promotion(start_hour=HOURS_PER_DAY * run[0], end_hour=HOURS_PER_DAY * (run[-1] + 1), discount=discount)
        for run in runs[:MAX_PROMOTIONS]
    )
