"""Hosting models: what they say, that no money appears or vanishes between the parties, and who moves the price."""

import re
from dataclasses import replace
from importlib import resources
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from merchantgym.agents.planners import planner_by_name
from merchantgym.controllers import make_controller
from merchantgym.envs.engines.layout import Offer, Report
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.hosting import Hosting, hosting_from_mapping, hosting_names, load_hosting, marketplace
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.plan import PlanError, Promotion, check_plan, pack_plans
from merchantgym.envs.platform_plan import platform_plan
from merchantgym.envs.population import Population
from merchantgym.envs.reward import PROFIT_TERMS, Term, reward_from_mapping
from merchantgym.envs.rollout import Episodes, rollout
from merchantgym.envs.scenario import load_scenario
from merchantgym.envs.task import action_size

FOLDER = resources.files("merchantgym.conf").joinpath("hosting")
NAMES = ("fully_managed", "marketplace", "own_shop", "semi_managed")
MERCHANT = [int(term) for term in PROFIT_TERMS]
STORES = 4
PINNED = [4696.10, 2327.98, 1588.75, 1249.82]  # [CNY] profit: headline, test stores 0 to 3, default plan, value_pid


def config(name: str) -> dict[str, Any]:
    entries: dict[str, Any] = yaml.safe_load(FOLDER.joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    return entries


def open_under(hosting: Hosting, split: Any = "train", count: int = STORES, **changes: Any) -> OpenStores:
    frame = load_scenario("headline").model_copy(update={"hosting": hosting, **changes})
    return Population(frame).open(split, count)


def run(stores: OpenStores, executor: str = "value_pid", planner: str = "default") -> Episodes:
    plans = [planner_by_name(planner).plan(office) for office in stores.offices]
    return rollout(make_controller(executor), stores, plans, seed=0)


def booked(totals: NDArray[np.float64], *names: Report) -> NDArray[np.float64]:
    """Sum of columns over listings, (n,), in CNY."""
    summed: NDArray[np.float64] = totals[:, :, list(names)].sum(axis=(1, 2)) / 100.0
    return summed


def test_the_four_models_are_there_and_every_number_says_where_it_comes_from() -> None:
    assert hosting_names() == NAMES
    for name in NAMES:
        hosting = load_hosting(name)
        assert hosting.name == name
        assert len(hosting.about.split()) > 20
        for term, entry in config(name).items():
            if term not in ("name", "about"):
                assert set(entry) == {"value", "unit", "status", "source"}, (name, term)
                assert entry["status"] in ("measured", "read", "recalled", "assumption")
                assert entry["unit"]
                assert entry["source"]
    assert {load_hosting(name).price_control for name in NAMES} == {"delegated", "merchant", "platform"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ad_share": {"value": 1.1}}, "hosting.ad_share(=1.1) must be less than or equal to 1"),
        ({"price_control": {"value": "buyer"}}, "hosting.price_control(='buyer') must be 'delegated', 'merchant' or"),
        ({"ad_receiver": {"value": "carrier"}}, "hosting.ad_receiver(='carrier') must be 'platform' or 'outside'"),
        ({"traffic": {"value": 0}}, "hosting.traffic(=0) must be greater than 0"),
        ({"order_logistics": {"value": -1}}, "hosting.order_logistics(=-1) must be greater than or equal to 0"),
        ({"unit_logistics": {"value": 0.004}}, "hosting.unit_logistics(=0.004) must be whole fen (0.01 CNY)"),
        ({"order_logistics": {"unit": "CNY"}}, "hosting.order_logistics.value is missing"),
        ({"commision": {"value": 0.1}}, "hosting.commision(=0.1) is not a field of a hosting"),
        ({"supply_markup": {"value": 0.1}}, "supply_markup(=0.1) must be a number where price_control is platform"),
        ({"price_control": {"value": "platform"}}, "supply_markup(=None) must be a number where price_control is"),
        (
            {"price_control": {"value": "platform"}, "supply_markup": {"value": 0.1}},
            "commission_rate(=None) and payment_fee(=0.0) must be 0 where price_control is platform",
        ),
    ],
)
def test_impossible_terms_are_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        hosting_from_mapping({**config("marketplace"), **changes})


def test_missing_terms_and_unknown_models_are_named() -> None:
    entries = config("marketplace")
    del entries["return_share"]
    with pytest.raises(ValueError, match=r"hosting\.return_share is missing"):
        hosting_from_mapping(entries)
    with pytest.raises(ValueError, match=re.escape(f"hosting(='pop') must be one of: {', '.join(NAMES)}")):
        load_hosting("pop")
    with pytest.raises(ValueError, match=re.escape(f"hosting(='pop') must be one of: {', '.join(NAMES)}")):
        load_scenario("headline", hosting="pop")


def test_the_marketplace_is_the_default_and_earns_what_it_always_did() -> None:
    """The pinned figures move only with the draws of the engine; without hosting models they were the same."""
    assert load_scenario("headline").hosting == marketplace() == open_under(marketplace()).offices[0].hosting
    episodes = run(Population(load_scenario("headline")).open("test", STORES))
    assert episodes.profit == pytest.approx(PINNED, abs=0.005)
    spend = booked(episodes.totals, Report.SPEND_SEARCH, Report.SPEND_FEED)
    assert -episodes.terms[:, Term.AD_SPEND] == pytest.approx(spend)
    commission = booked(episodes.totals, Report.COMMISSION) - booked(episodes.totals, Report.COMMISSION_BACK)
    assert episodes.platform_profit == pytest.approx(commission + spend)
    assert (episodes.terms[:, [Term.LOGISTICS, Term.FEES]] == 0.0).all()


shares = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0.0, 1.0))
money = st.integers(0, 5000).map(lambda fen: fen / 100)


@st.composite
def terms(draw: st.DrawFn) -> Hosting:
    sells = draw(st.booleans())
    return Hosting(
        name="drawn",
        about="",
        price_control="platform" if sells else draw(st.sampled_from(["delegated", "merchant"])),
        commission_rate=0.0 if sells else draw(st.one_of(st.none(), st.floats(0.0, 0.5))),
        payment_fee=0.0 if sells else draw(st.floats(0.0, 0.3)),
        subscription=draw(money),
        ad_share=draw(shares),
        ad_receiver=draw(st.sampled_from(["platform", "outside"])),
        traffic=draw(st.floats(0.3, 3.0)),
        order_logistics=draw(money),
        unit_logistics=draw(money),
        logistics_share=draw(shares),
        return_share=draw(shares),
        supply_markup=draw(st.floats(0.0, 2.0)) if sells else None,
    )


@settings(max_examples=40)
@given(hosting=terms(), seed=st.integers(0, 1000))
def test_no_money_appears_or_vanishes_under_any_terms(hosting: Hosting, seed: int) -> None:
    """To the fen: merchant + platform + outsiders = sales less refunds, less goods but for those that came back."""
    stores = open_under(hosting, days=3)
    fleet = Fleet(stores.start, STORES)
    plans = [platform_plan(office) for office in stores.offices]
    fleet.reset(pack_plans(plans, stores.listing_ids), np.arange(STORES), np.full(STORES, seed))
    rng = np.random.default_rng(seed)
    while not fleet.done.all():
        fleet.step(rng.uniform(-1, 1, (STORES, action_size(8))))
    sums = fleet.state.total.sum(axis=1)  # [fen] and counts
    orders = sums[:, [Report.ORDERS_SAME_HOUR, Report.ORDERS_WITHIN_DAY, Report.ORDERS_SLOW]].sum(axis=1)
    spend = sums[:, Report.SPEND_SEARCH] + sums[:, Report.SPEND_FEED]
    carriage = np.round(100 * hosting.order_logistics) * orders
    carriage += np.round(100 * hosting.unit_logistics) * sums[:, Report.UNITS]
    outsiders = carriage + sums[:, Report.HANDLING] + spend * (hosting.ad_receiver == "outside")
    buyers = sums[:, Report.REVENUE] - sums[:, Report.REFUNDS]
    goods = sums[:, Report.GOODS_COST] - sums[:, Report.SALVAGE]
    merchant = fleet.score[:, MERCHANT].sum(axis=1) * 100.0
    platform = fleet.score[:, Term.PLATFORM_PROFIT] * 100.0
    assert merchant + platform + outsiders == pytest.approx(buyers - goods, abs=1e-4)
    for each in (merchant, platform):
        assert each == pytest.approx(np.round(each), abs=1e-4)  # whole fen


def test_in_an_own_shop_ad_money_leaves_and_the_platform_lives_on_fees() -> None:
    hosting = load_hosting("own_shop")
    mine, usual = open_under(hosting), open_under(marketplace())
    for own, shop in zip(mine.stores, usual.stores, strict=True):
        assert own.volume == pytest.approx(0.4 * shop.volume)
        np.testing.assert_array_equal(own.listings.price, shop.listings.price)
    episodes = run(mine)
    fees = 0.006 * episodes.gmv + 20.0 * 14
    assert episodes.platform_profit == pytest.approx(fees, abs=0.5)
    assert (episodes.terms[:, Term.COMMISSION] == 0.0).all()
    assert -episodes.terms[:, Term.AD_SPEND] == pytest.approx(episodes.spend)


def test_semi_managed_costs_are_shared() -> None:
    episodes = run(open_under(load_hosting("semi_managed")))
    assert -episodes.terms[:, Term.AD_SPEND] == pytest.approx(0.5 * episodes.spend, abs=5.0)
    assert -episodes.terms[:, Term.COMMISSION] == pytest.approx(0.08 * episodes.gmv, abs=1.0)
    assert (episodes.terms[:, Term.LOGISTICS] == 0.0).all()
    returned = booked(episodes.totals, Report.REFUNDS, Report.HANDLING) - booked(episodes.totals, Report.SALVAGE)
    own = booked(episodes.totals, Report.COMMISSION_BACK) - episodes.terms[:, Term.RETURNS]
    assert own == pytest.approx(0.5 * returned, abs=1.0)


def test_fully_managed_pays_a_supply_price_per_unit_and_the_platform_keeps_the_rest() -> None:
    stores = open_under(load_hosting("fully_managed"))
    episodes = run(stores)
    supply = np.stack([np.round(office.cost * 1.2, 2) - office.cost for office in stores.offices])
    earned = (episodes.totals[:, :, Report.UNITS] * supply).sum(axis=1)
    assert episodes.terms[:, Term.GROSS_MARGIN] == pytest.approx(earned)
    for nothing in (Term.COMMISSION, Term.AD_SPEND, Term.LOGISTICS, Term.FEES):
        assert episodes.terms[:, nothing] == pytest.approx(0.0, abs=1e-9)
    assert (episodes.terms[:, Term.RETURNS] <= 0.0).all()
    assert (episodes.platform_profit > episodes.profit).any()


def test_terms_do_not_change_what_happens() -> None:
    """Where only the split differs, clicks and orders are the same: the same plan in the same market."""
    usual = run(open_under(marketplace()), "open_loop")
    shared = marketplace().model_copy(update={"ad_share": 0.2, "order_logistics": 3.0, "logistics_share": 0.5})
    split = run(open_under(shared), "open_loop")
    np.testing.assert_array_equal(split.totals, usual.totals)
    assert (split.profit != usual.profit).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_discount_moves_the_price_only_where_the_merchant_does_not_keep_it(name: str) -> None:
    stores = open_under(load_hosting(name))
    fleet = Fleet(stores.start, STORES)
    plans = [platform_plan(office) for office in stores.offices]
    packed = pack_plans(plans, stores.listing_ids)
    packed = replace(packed, promotion=np.tile([0.0, 336.0, 0.05], (STORES, 4, 1)))
    fleet.reset(packed, np.arange(STORES), np.zeros(STORES, dtype=np.int64))
    action = np.zeros((STORES, action_size(8)))
    action[:, -1] = 0.5
    fleet.step(action)
    kept = fleet.offer[:, :, Offer.PRICE] == np.round(100 * np.stack([office.price for office in stores.offices]))
    assert kept.all() if name == "semi_managed" else not kept.any()


def test_a_plan_may_not_name_another_price_where_the_merchant_keeps_it() -> None:
    office = open_under(load_hosting("semi_managed")).offices[0]
    plan = platform_plan(office)
    check_plan(plan, office)
    first = plan.listings[0].model_copy(update={"price": 99.0})
    moved = plan.model_copy(update={"listings": (first, *plan.listings[1:])})
    why = "under semi_managed hosting the merchant sets the price"
    with pytest.raises(PlanError, match=re.escape(f"listings[0].price(=99.0) must be {office.price[0]} [CNY]: {why}")):
        check_plan(moved, office)
    promoted = plan.model_copy(update={"promotions": (Promotion(start_hour=0, end_hour=24, discount=0.05),)})
    with pytest.raises(PlanError, match=re.escape(f"promotions(=1 of them) must be none: {why}")):
        check_plan(promoted, office)


@pytest.mark.parametrize("name", NAMES)
def test_the_rule_planner_writes_for_the_party_that_decides_and_forecasts_for_the_merchant(name: str) -> None:
    stores = open_under(load_hosting(name), count=48)
    plans = [planner_by_name("rule").plan(office) for office in stores.offices]
    for plan, office in zip(plans, stores.offices, strict=True):
        check_plan(plan, office)
        assert ("platform pays cost plus 20%" in plan.rationale) == (name == "fully_managed")
        assert ("the merchant sets the prices" in plan.rationale) == (name == "semi_managed")
    episodes = rollout(make_controller("open_loop"), stores, plans, seed=0)
    forecast = np.array([plan.forecast.profit.mid for plan in plans if plan.forecast])
    assert 0.5 < episodes.profit.mean() / forecast.mean() < 2.0


@pytest.mark.parametrize("name", ["platform", "joint"])
def test_the_reward_may_be_the_platforms_or_that_of_both(name: str) -> None:
    text = resources.files("merchantgym.conf").joinpath(f"reward/{name}.yaml").read_text(encoding="utf-8")
    stores = open_under(load_hosting("fully_managed"))
    plans = [platform_plan(office) for office in stores.offices]
    weights = reward_from_mapping(yaml.safe_load(text))
    episodes = rollout(make_controller("pid"), stores, plans, seed=0, reward=weights)
    merchant = episodes.profit if name == "joint" else 0.0
    assert episodes.reward * weights.scale == pytest.approx(episodes.platform_profit + merchant)
