"""Pace a campaign over a plain list of auctions with the control laws alone: no marketplace, no environment.

Each auction has a time, what winning it is worth to us, and the highest competing bid, which the winner pays. The
campaign bids `value * exp(log multiplier)`; the law sees only the share of the expected traffic that has passed and the
share of the budget that it has spent, every quarter of an hour. The plan bids the full value, which is far too much for
its budget, and on the fourth day competition gets stronger.

    python examples/pace_auction_log.py
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from merchantgym.controllers.laws import DualBudgetLaw, PacingLaw, ThrottleLaw

DAYS, PERIODS_A_DAY, AUCTIONS, BUDGET = 7, 96, 20_000, 1_500.0


class Auction(NamedTuple):
    """One auction of the log."""

    time: float  # [days] since the campaign began
    value: float  # [CNY] what winning is worth
    price: float  # [CNY] highest competing bid


def expected_traffic(time: float) -> float:
    """Share of the campaign's traffic that is expected before a time [days]: quiet nights, busy afternoons."""
    swing = 0.7 / (2.0 * np.pi) * (np.sin(2.0 * np.pi * (time - 0.4)) - np.sin(2.0 * np.pi * -0.4))
    return float((time + swing) / DAYS)


def draw_log(seed: int) -> list[Auction]:
    """A week of auctions, in order."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(0.0, DAYS, DAYS * PERIODS_A_DAY + 1)
    times = np.sort(np.interp(rng.random(AUCTIONS), [expected_traffic(time) for time in grid], grid))
    values = np.exp(rng.normal(-1.0, 0.5, AUCTIONS))
    prices = np.exp(rng.normal(-1.6, 0.8, AUCTIONS) + np.where(times > 3.0, 0.3, 0.0))
    return [Auction(*map(float, row)) for row in zip(times, values, prices, strict=True)]


class Decision(NamedTuple):
    """How to bid in the coming period."""

    log_multiplier: float
    participation: float  # probability of bidding at all


Controller = Callable[[float, float], Decision]
"""From the shares of traffic passed and of budget spent to the decision; called once a period."""


def as_planned() -> Controller:
    """The plan's bids as long as the money lasts."""
    return lambda passed, spent: Decision(0.0, 1.0)


def by_bid(law: PacingLaw | DualBudgetLaw) -> Controller:
    """A law that moves the bid. The memory of one campaign is carried from call to call."""
    memory, stride = law.init(1), np.array([1.7 / (DAYS * PERIODS_A_DAY)])  # the busiest period's share of traffic

    def decide(passed: float, spent: float) -> Decision:
        nonlocal memory
        level, memory = law.step(memory, np.array([passed]), np.array([spent]), stride)
        return Decision(float(level[0]), 1.0)

    return decide


def by_participation(law: ThrottleLaw) -> Controller:
    """A law that keeps the bid and leaves auctions out."""
    memory = law.init(1)

    def decide(passed: float, spent: float) -> Decision:
        nonlocal memory
        rate, memory = law.step(memory, np.array([passed]), np.array([spent]))
        return Decision(0.0, float(rate[0]))

    return decide


def pace(log: list[Auction], budget: float, controller: Controller, seed: int = 0) -> tuple[float, float, float]:
    """Run a campaign over the log.

    Args:
        log: auctions in order of time.
        budget: [CNY].
        controller: decides once a period.
        seed: of who is left out, where participation is below 1.
    Returns: spend [CNY], value won [CNY], and the day on which the last win was paid for.
    """
    rng, spend, won, last, period = np.random.default_rng(seed), 0.0, 0.0, 0.0, -1
    decision = Decision(0.0, 1.0)
    for auction in log:
        now = int(auction.time * PERIODS_A_DAY)
        for each in range(period + 1, now + 1):  # a period without auctions is a period all the same
            decision = controller(expected_traffic(each / PERIODS_A_DAY), spend / budget)
        period = now
        takes_part = rng.random() < decision.participation
        bid = auction.value * np.exp(decision.log_multiplier)
        if takes_part and bid > auction.price and spend + auction.price <= budget:
            spend, won, last = spend + auction.price, won + auction.value, auction.time
    return spend, won, last


def best_constant(log: list[Auction], budget: float) -> tuple[float, float]:
    """Log multiplier and value of the best constant bid in hindsight: it buys the cheapest value until money is out."""
    ratios = np.array([auction.price / auction.value for auction in log])
    order = np.argsort(ratios)
    affordable = np.cumsum([log[i].price for i in order]) <= budget
    return float(np.log(ratios[order][affordable][-1])), float(sum(log[i].value for i in order[affordable]))


def main() -> None:
    """Print what each law makes of the same week."""
    log = draw_log(seed=1)
    multiplier, best = best_constant(log, BUDGET)
    campaigns: dict[str, Controller] = {
        "plan as written": as_planned(),
        "throttling": by_participation(ThrottleLaw(step_size=0.05)),
        "dual pacing": by_bid(DualBudgetLaw(rate=3.0)),
        "PID": by_bid(PacingLaw()),
    }
    print(f"{'':16} {'spend':>8} {'value won':>10} {'of best':>8} {'last win':>9}")
    for name, controller in campaigns.items():
        spend, won, last = pace(log, BUDGET, controller)
        print(f"{name:16} {spend:8.0f} {won:10.0f} {won / best:8.1%} {'day':>5} {last:3.1f}")
    print(f"best constant bid in hindsight: value {best:.0f} at {np.exp(multiplier):.2f} times the plan's bids")


if __name__ == "__main__":
    main()
