"""The planning desk: others propose, simulation from beliefs decides, and nothing worse than the rule plan gets by."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchantgym.agents.planners.desk import Author, Candidate, Desk, Trace, by_planner, variants
from merchantgym.agents.planners.desk.judging import choose, confirm
from merchantgym.agents.planners.desk.stages import Cap, Capped, Chosen, Designed, Estimate
from merchantgym.agents.planners.language.brief import write_brief
from merchantgym.agents.planners.platform_default import PlatformDefaultPlanner
from merchantgym.agents.planners.rules.rule import RulePlanner
from merchantgym.controllers import OpenLoop
from merchantgym.envs.admission import LEAST_SCALE
from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.forecast import Outlook, rival_outlooks
from merchantgym.envs.plan import Plan, check_plan
from merchantgym.envs.scenario import load_scenario

from ....worlds import opened

HEADLINE = load_scenario("headline")


def offices(count: int = 3) -> tuple[BackOffice, ...]:
    return opened("headline").offices[:count]


def desk(*authors: Author, **changes: object) -> Desk:
    settings = {"draws": 24, "fresh_draws": 24} | changes
    return Desk(authors, OpenLoop(), HEADLINE, **settings)  # type: ignore[arg-type]


@cache
def decided() -> tuple[Trace, ...]:
    return tuple(desk(variants).decide(offices()))


def changed(plan: Plan, *, bid: float = 1.0, price: float = 1.0) -> Plan:
    """The plan with bids and prices multiplied."""
    items = tuple(
        item.model_copy(update={"bid": bid * item.bid, "price": round(price * item.price, 2)}) for item in plan.listings
    )
    return plan.model_copy(update={"listings": items, "allow_below_cost": True})


def poison(shops: Sequence[BackOffice]) -> list[list[Candidate]]:
    """Goods given away, and every bid far too high."""
    return [
        [
            Candidate(plan=changed(RulePlanner().plan(shop), price=0.4), author="giveaway"),
            Candidate(plan=changed(RulePlanner().plan(shop), bid=30.0), author="spendthrift"),
        ]
        for shop in shops
    ]


def planted(shops: Sequence[BackOffice]) -> list[list[Candidate]]:
    return [[Candidate(plan=RulePlanner().plan(shop), author="planted")] for shop in shops]


def test_terrible_plans_are_never_chosen() -> None:
    for office, trace in zip(offices(), desk(poison).decide(offices()), strict=True):
        rule = RulePlanner().plan(office)
        assert trace.author == "rule"
        assert (trace.plan.listings, trace.plan.budget_total) == (rule.listings, rule.budget_total)
        assert all(cap.estimate.advantage.mean < 0.0 for cap in trace.capped.caps[1:])


def test_a_better_plan_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rule plan gives its goods away, the plan that does not is found among bad ones."""
    good = planted(offices())
    write = RulePlanner.plan
    monkeypatch.setattr(RulePlanner, "plan", lambda self, office: changed(write(self, office), price=0.45))
    for trace in desk(poison, lambda _: good).decide(offices()):
        assert trace.author == "planted"
        assert trace.confirmed.estimate.advantage.mean > 0.0
        assert "'planted' leads" in trace.plan.rationale


def test_an_equal_plan_does_not_replace_the_rule_plan() -> None:
    for trace in desk(planted).decide(offices()):
        assert trace.author == "rule"
        assert trace.capped.caps[1].estimate.advantage.mean == 0.0


def test_the_same_alone_and_among_others_and_again() -> None:
    alone = [desk(variants).decide([office])[0] for office in offices()]
    assert alone == list(decided())
    assert desk(variants).plan(offices()[0]) == decided()[0].plan
    assert desk(variants, seed=1).decide(offices()[:1])[0].estimated != decided()[0].estimated


def test_what_a_store_cannot_carry_out_is_dropped_and_named() -> None:
    def rich(shops: Sequence[BackOffice]) -> list[list[Candidate]]:
        plan = PlatformDefaultPlanner().plan(shops[0])
        beyond = plan.model_copy(update={"budget_total": 2.0 * shops[0].budget})
        return [[Candidate(plan=beyond, author="rich"), Candidate(plan=plan, author="console")]]

    (trace,) = desk(rich).decide(offices(1))
    assert [one.author for one in trace.designed.candidates] == ["rule", "console"]
    (dropped,) = trace.designed.dropped
    assert dropped.author == "rich"
    assert "budget_total(=" in dropped.why


def test_a_trace_tells_every_stage_and_survives_json() -> None:
    for office, trace in zip(offices(), decided(), strict=True):
        figures = write_brief(office).figures
        count = len(trace.designed.candidates)
        assert count > 5
        assert len(trace.estimated.estimates) == len(trace.capped.caps) == count
        assert tuple(one.listing_id for one in trace.picked.listings) == office.listing_id
        assert all(one.why and one.figures.items() <= figures.items() for one in trace.picked.listings)
        assert trace.evidence
        assert trace.evidence.items() <= figures.items()
        assert all(f"{name} {value}" in trace.plan.rationale for name, value in trace.evidence.items())
        assert Trace.model_validate_json(trace.to_json()) == trace
        check_plan(trace.plan, office)
        assert trace.plan.planner == "desk"


def test_the_forecast_is_that_of_stores_which_had_no_part_in_the_choice() -> None:
    one = desk(variants)
    twin, seed = one.fresh_stores(offices())
    seen = rival_outlooks(one.judge, [[trace.plan] for trace in decided()], twin, seed)
    for trace, (outlook,) in zip(decided(), seen, strict=True):
        assert trace.plan.forecast == outlook.forecast
        assert trace.confirmed.seed != trace.estimated.seed


def test_the_loss_is_kept_within_the_limit() -> None:
    """With nothing to lose the candidates that risk something are cut or refused, and never chosen refused."""
    office = opened("headline").offices[6]

    def dear(shops: Sequence[BackOffice]) -> list[list[Candidate]]:
        return [[Candidate(plan=changed(RulePlanner().plan(shops[0]), bid=4.0), author="dear")], []][:1]

    free = desk(dear).decide([office])[0].estimated.estimates[1]
    (trace,) = desk(dear, limit=round(0.4 * free.loss, 2)).decide([office])
    money = trace.capped.caps[1]
    assert 0.0 < money.scale < 1.0
    assert money.estimate.loss <= trace.capped.limit < free.loss
    assert "The budget is cut to" in money.reason


def test_a_rule_plan_that_cannot_be_borne_keeps_the_least_money(monkeypatch: pytest.MonkeyPatch) -> None:
    write = RulePlanner.plan
    monkeypatch.setattr(RulePlanner, "plan", lambda self, office: changed(write(self, office), price=0.4))
    (trace,) = desk(poison, limit=1.0).decide(offices(1))
    assert trace.capped.caps[0].scale == 0.0
    budget = trace.designed.candidates[0].plan.budget_total
    assert trace.plan.budget_total == pytest.approx(LEAST_SCALE * budget, abs=0.011)
    assert "Refused" in trace.plan.rationale


def outlook(*profit: float) -> Outlook:
    values = np.array(profit)
    return Outlook(spend=np.ones_like(values), gmv=np.ones_like(values), profit=values)


def test_a_lead_that_does_not_last_is_given_up() -> None:
    chosen = Chosen(index=3, margin=1.0, why="")
    kept = confirm(chosen, "them", [outlook(1.0, 2.0), outlook(2.0, 4.0)], 9)
    lost = confirm(chosen, "them", [outlook(1.0, 2.0), outlook(2.0, 1.0)], 9)
    assert (kept.index, kept.estimate.mean_profit, kept.estimate.advantage.mean) == (3, 3.0, 1.5)
    assert (lost.index, lost.estimate.mean_profit, lost.estimate.advantage.mean) == (0, 1.5, 0.0)
    assert "'them' leads by +0.00 CNY: the rule plan stands" in lost.why


PROFITS = st.lists(st.lists(st.integers(-90, 90), min_size=4, max_size=4), min_size=1, max_size=5)


@given(profits=PROFITS, refused=st.sets(st.integers(1, 4)), margin=st.floats(0.0, 3.0))
def test_only_a_clear_lead_replaces_the_rule_plan(profits: list[list[int]], refused: set[int], margin: float) -> None:
    base = outlook(*map(float, profits[0]))
    estimates = [Estimate.of(outlook(*map(float, row)), base) for row in profits]
    caps = tuple(Cap(scale=0.0 if i in refused else 1.0, reason="", estimate=one) for i, one in enumerate(estimates))
    plan = RulePlanner().plan(offices(1)[0])
    candidates = tuple(Candidate(plan=plan, author=f"a{i}") for i in range(len(caps)))
    found = choose(Designed(candidates=candidates, dropped=()), Capped(limit=1.0, caps=caps), margin)
    leads = [one.advantage for one in estimates]
    if found.index:
        assert found.index not in refused
        assert leads[found.index].mean > max(0.0, margin * leads[found.index].error)
        assert leads[found.index].mean == max(leads[i].mean for i in range(len(leads)) if i not in refused)
    else:
        rivals = [leads[i] for i in range(1, len(leads)) if i not in refused]
        assert not rivals or not max(rivals, key=lambda lead: lead.mean).clears(margin)


def test_variants_differ_from_the_rule_plan_and_can_be_carried_out() -> None:
    for office, own in zip(offices(), variants(offices()), strict=True):
        rule = RulePlanner().plan(office)
        assert len({one.author for one in own}) == len(own) >= 6
        for one in own:
            check_plan(one.plan, office)
            kept = {"planner", "forecast", "rationale"}
            assert one.plan.model_dump(exclude=kept) != rule.model_dump(exclude=kept)


def test_variants_leave_prices_to_a_merchant_who_keeps_them() -> None:
    office = offices(1)[0]
    own = replace(office, hosting=office.hosting.model_copy(update={"price_control": "merchant"}))
    names = {one.author for one in variants([own])[0]}
    assert "lower bids" in names
    assert not {"lower prices", "higher prices", "own prices"} & names


def test_a_planner_can_be_an_author() -> None:
    (trace,) = desk(by_planner(PlatformDefaultPlanner())).decide(offices(1))
    assert [one.author for one in trace.designed.candidates] == ["rule", "default"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"draws": 1}, r"draws\(=1\) must be >= 2"),
        ({"margin": -1.0}, r"margin\(=-1.0\) must be >= 0"),
        ({"limit": -5.0}, r"limit\(=-5.0\) must be finite and >= 0"),
        ({"seed": -1}, r"seed\(=-1\) must be >= 0"),
    ],
)
def test_impossible_settings_are_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        desk(**changes)
