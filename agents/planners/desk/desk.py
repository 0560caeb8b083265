"""A planner that lets others propose and decides by simulation from beliefs.

Pick, design, forecast, cap, choose, confirm. The rule plan is always candidate 0. A rival replaces it only where it
leads on the same believed stores by more than a margin of its standard error, and leads again on fresh ones: so a weak
author can do no more harm than the forecast is wrong. Judged is the merchant's profit, whatever goal a plan names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from merchantgym.envs.actor import Actor
from merchantgym.envs.admission import check_limit
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.forecast import Outlook, rival_outlooks
from merchantgym.envs.market.parameters import Market
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import Plan, PlanError, check_plan
from merchantgym.envs.scenario import Scenario
from merchantgym.envs.twin import believed_stores

from ..rules.rationale import reasons
from ..rules.rule import RulePlanner, decide
from .authors import Author
from .judging import cap, choose, confirm
from .picking import evidence, pick
from .stages import Candidate, Cap, Capped, Chosen, Confirmed, Designed, Dropped, Estimate, Estimated, Picked, Trace

_ROWS = 1024  # believed stores at hand at once, so that memory stays small
_FRESH = 1_000_003  # added to the seed for draws that have no part in the choice


@dataclass(frozen=True)
class _Case:
    """One shop after stages 1 and 2."""

    office: BackOffice
    picked: Picked
    designed: Designed


@dataclass(frozen=True)
class Desk:
    """See the module. The same to the same: chance comes from `seed`, and offices decided together or alone agree."""

    authors: tuple[Author, ...]
    judge: Actor  # the executor that the forecasts are made with
    scenario: Scenario  # the population that the shops are taken to come from
    draws: int = 64  # believed stores that every candidate is seen on
    fresh_draws: int = 128  # further ones, for the forecast of the plan chosen
    seed: int = 0
    limit: float | None = None  # [CNY] what may be lost in 95 % of cases; None: its marketing money
    margin: float = 1.0  # [standard errors] by which a rival must lead
    market: Market | None = None
    threads: int = 1
    name: str = "desk"

    def __post_init__(self) -> None:
        for field, least in (("draws", 2), ("fresh_draws", 2), ("seed", 0), ("margin", 0)):
            value = getattr(self, field)
            if not value >= least:
                raise ValueError(f"{field}(={value}) must be >= {least}")
        if self.limit is not None:
            check_limit(self.limit)

    def plan(self, office: BackOffice) -> Plan:
        """As `Planner.plan`."""
        return self.decide([office])[0].plan

    def plans(self, offices: Sequence[BackOffice]) -> list[Plan]:
        """A plan for each office."""
        return [trace.plan for trace in self.decide(offices)]

    def decide(self, offices: Sequence[BackOffice]) -> list[Trace]:
        """How the plan of each office comes about; the offices have the same number of listings."""
        most = max(_ROWS // max(self.draws, self.fresh_draws), 1)
        chunks = (offices[first : first + most] for first in range(0, len(offices), most))
        return [trace for chunk in chunks for trace in self._decide(chunk)]

    def _decide(self, offices: Sequence[BackOffice]) -> list[Trace]:
        cases = self._open(offices)
        plans = [[one.plan for one in case.designed.candidates] for case in cases]
        twin = self._believed(offices, self.draws, self.seed)
        seen = rival_outlooks(self.judge, plans, twin, self.seed, threads=self.threads)
        capped = [
            cap(plans[i], seen[i], self.limit_of(office), partial(self._look, i, len(offices), twin))
            for i, office in enumerate(offices)
        ]
        chosen = [choose(case.designed, money, self.margin) for case, (_, money) in zip(cases, capped, strict=True)]
        finals = [[cut[i] for i in sorted({0, one.index})] for (cut, _), one in zip(capped, chosen, strict=True)]
        twin, seed = self.fresh_stores(offices)
        fresh = rival_outlooks(self.judge, finals, twin, seed, threads=self.threads)
        return [self._trace(case, seen[i], capped[i], chosen[i], fresh[i], seed) for i, case in enumerate(cases)]

    def _open(self, offices: Sequence[BackOffice]) -> list[_Case]:
        """Stages 1 and 2. What a store cannot carry out is dropped and named."""
        planner = RulePlanner()
        proposed = [author(offices) for author in self.authors]
        cases = []
        for i, office in enumerate(offices):
            decided = decide(office, planner.gains)
            rule = planner.plan(office).model_copy(update={"rationale": reasons(office, decided, planner.gains)})
            candidates, dropped = [Candidate(plan=rule, author=planner.name)], []
            for candidate in (one for author in proposed for one in author[i]):
                try:
                    check_plan(candidate.plan, office)
                    candidates.append(candidate)
                except PlanError as error:
                    dropped.append(Dropped(author=candidate.author, why=str(error)))
            designed = Designed(candidates=tuple(candidates), dropped=tuple(dropped))
            cases.append(_Case(office, pick(office, decided), designed))
        return cases

    def _trace(
        self,
        case: _Case,
        seen: Sequence[Outlook],
        capped: tuple[Sequence[Plan], Capped],
        chosen: Chosen,
        fresh: Sequence[Outlook],
        seed: int,
    ) -> Trace:
        """Stages 3 to 6 as they are told, and the plan."""
        cut, money = capped
        confirmed = confirm(chosen, case.designed.candidates[chosen.index].author, fresh, seed)
        stands = case.designed.candidates[confirmed.index]
        rests = evidence(case.office, case.picked, stands.evidence)
        plan = cut[confirmed.index].model_copy(
            update={
                "planner": self.name,
                "forecast": confirmed.estimate.forecast,
                "rationale": _rationale(stands, money.caps[confirmed.index], chosen, confirmed, rests),
            }
        )
        return Trace(
            store=case.office.store,
            judge=self.judge.name,
            picked=case.picked,
            designed=case.designed,
            estimated=Estimated(
                draws=self.draws, seed=self.seed, estimates=tuple(Estimate.of(one, seen[0]) for one in seen)
            ),
            capped=money,
            chosen=chosen,
            confirmed=confirmed,
            evidence=rests,
            plan=plan,
        )

    def limit_of(self, office: BackOffice) -> float:
        """What the plan of a shop may lose in 95 % of cases [CNY].

        By default the marketing money: it is set aside to be spent, a loss beyond it comes out of the goods. A tighter
        limit cuts plans that pay on average, so it is for the merchant to name.
        """
        return office.budget if self.limit is None else self.limit

    def fresh_stores(self, offices: Sequence[BackOffice]) -> tuple[OpenStores, int]:
        """The believed stores behind the forecast that a plan carries, and the seed of their chance."""
        seed = self.seed + _FRESH
        return self._believed(offices, self.fresh_draws, seed), seed

    def _believed(self, offices: Sequence[BackOffice], draws: int, seed: int) -> OpenStores:
        return believed_stores(offices, self.scenario, draws, seed, market=self.market, threads=self.threads)

    def _look(self, row: int, count: int, twin: OpenStores, plan: Plan) -> Outlook:
        """The outlook of one plan for one of `count` offices."""
        plans = [[plan] if i == row else [] for i in range(count)]
        return rival_outlooks(self.judge, plans, twin, self.seed, threads=self.threads)[row][0]


def _rationale(stands: Candidate, money: Cap, chosen: Chosen, confirmed: Confirmed, rests: Mapping[str, str]) -> str:
    """What the author says, then what simulation said, then the figures that it rests on."""
    cut = "" if money.scale == 1.0 else f" {money.reason}"
    seen = confirmed.estimate
    quoted = ", ".join(f"{name} {value}" for name, value in rests.items())
    return (
        f"{stands.plan.rationale.rstrip()}{cut} {chosen.why} {confirmed.why} A profit of "
        f"{seen.forecast.profit.mid:.2f} CNY is expected, nine times in ten between {seen.forecast.profit.low:.2f} and "
        f"{seen.forecast.profit.high:.2f}; the chance of a loss is {seen.loss_probability:.0%}. It rests on {quoted}."
    )
