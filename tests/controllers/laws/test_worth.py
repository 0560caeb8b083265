"""What a click is worth, and what a shop should charge."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.controllers.laws import Goods, MarkupLaw, WorthLaw

LAW = WorthLaw()


def some_goods(**numbers: object) -> Goods:
    """One campaign of three plain items with ample stock."""
    plain: dict[str, object] = {
        "order_margin": 50.0,
        "margin_share": 0.4,
        "orders": 3.0,
        "matured_clicks": 250.0,
        "early_clicks": 0.0,
        "raised": 0.0,
        "sale": 0.0,
        "reviews": 20.0,
        "stars": 0.0,
        "price_gap": 0.0,
        "found": 0.1,
        "organic_share": 0.5,
        "clicks_left": 300.0,
        "clicks_due": 50.0,
        "stock": 1000.0,
        "hours_left": 200.0,
        **numbers,
    }
    rows = {"raised": (1, 1), "sale": (1, 1), "hours_left": (1, 1)}
    return Goods(**{k: np.broadcast_to(np.asarray(v, dtype=float), rows.get(k, (1, 3))) for k, v in plain.items()})


def value(law: WorthLaw, goods: Goods) -> np.ndarray:
    conversion = law.conversions(goods)
    return law.value(goods, conversion, law.spare(goods, conversion))


def test_evidence_outweighs_what_was_expected() -> None:
    """After many orders an item converts as it did; before any, as its reviews and price say."""
    seen = some_goods(orders=[5000.0, 50.0, 500.0], matured_clicks=[100_000.0, 10_000.0, 50_000.0])
    np.testing.assert_allclose(LAW.conversions(seen), [[0.05, 0.005, 0.01]], rtol=0.15)
    np.testing.assert_allclose(LAW.conversions(seen)[0, [0, 2]], [0.05, 0.01], rtol=0.02)
    new = LAW.conversions(some_goods(orders=0.0, matured_clicks=0.0, reviews=[0.0, 99.0, 0.0], price_gap=[0, 0, 0.1]))
    np.testing.assert_allclose(new, 0.007 * np.array([[1.0, 100.0**0.236, np.exp(-0.262)]]), rtol=1e-9)


def test_a_shop_that_sells_well_lifts_all_its_items() -> None:
    plain = LAW.conversions(some_goods())
    lifted = LAW.conversions(some_goods(orders=[3.0, 30.0, 3.0]))
    assert (lifted > plain * 1.05).all()
    assert lifted[0, 1] > 2.0 * lifted[0, 0]


def test_old_clicks_count_at_the_price_of_today() -> None:
    """Orders of before a raise tell of fewer orders after it."""
    before = some_goods(orders=400.0, matured_clicks=40_000.0, early_clicks=40_000.0)
    after = replace(before, raised=np.array([[0.2]]))
    np.testing.assert_allclose(
        LAW.conversions(after) / LAW.conversions(before), np.exp(-0.2 * LAW.elasticity), rtol=0.01
    )
    since = replace(after, early_clicks=0.0 * after.orders)
    np.testing.assert_array_equal(
        LAW.conversions(since), LAW.conversions(replace(before, early_clicks=since.orders * 0))
    )


@settings(max_examples=60)
@given(stock=st.floats(0.0, 30.0), less=st.floats(0.1, 1.0), due=st.floats(0.0, 3000.0))
def test_scarce_stock_lowers_the_value(stock: float, less: float, due: float) -> None:
    plenty, short = (value(LAW, some_goods(stock=s, clicks_due=due)) for s in (stock, stock * (1.0 - less)))
    assert (short <= plenty).all()
    assert (short >= 0.0).all()


def test_an_empty_shelf_makes_clicks_worthless_and_a_full_one_costs_nothing() -> None:
    full, empty = value(LAW, some_goods(stock=1e6)), value(LAW, some_goods(stock=0.0, clicks_due=2000.0))
    assert (empty < 0.05 * full).all()
    free = replace(some_goods(stock=1e6), clicks_due=np.zeros((1, 3)))
    np.testing.assert_allclose(full, value(LAW, free), rtol=1e-5)


def test_net_of_charges_and_of_those_who_would_have_come() -> None:
    """Margin 50 of a price of 125, of which a tenth goes in charges; a tenth of the buyers come by themselves."""
    plain = replace(LAW, flywheel=0.0, review=0.0, charges=0.1)
    goods = some_goods()
    np.testing.assert_allclose(value(plain, goods), (50.0 - 12.5) * LAW.conversions(goods) * 0.9, rtol=1e-5)
    assert (value(LAW, goods) > value(plain, goods)).all()
    assert (value(LAW, some_goods(margin_share=0.05)) == 0.0).all()


def test_a_sale_gives_margin_for_conversion() -> None:
    """20 % off a price that leaves 40 %: half the margin, 1.79 times the orders."""
    law = replace(LAW, charges=0.0, flywheel=0.0, review=0.0)
    usual, sale = value(law, some_goods()), value(law, some_goods(sale=np.log(0.8)))
    np.testing.assert_allclose(sale / usual, 0.5 * 0.8**-law.elasticity, rtol=1e-6)


def test_the_markup_is_the_best_one() -> None:
    """No price leaves more of (price net of charges - cost) x price^-elasticity."""
    law = MarkupLaw(approach=1.0, scarcity=0.0, farthest=2.0)
    price = np.linspace(1.0, 4.0, 30_001)
    for elasticity, charges in ((2.62, 0.0), (1.8, 0.1), (3.5, 0.2)):
        best = price[np.argmax(((1.0 - charges) * price - 1.0) * price**-elasticity)]
        assert law.best_margin(elasticity, charges) == pytest.approx(1.0 - 1.0 / best, abs=1e-3)
        margin, ample = np.array([[0.2, 0.2]]), np.ones((1, 2))
        raised = 1.25 * np.exp(law.correction(margin, ample, ample, elasticity, charges))
        assert raised == pytest.approx(best, rel=1e-3)


def test_short_goods_are_dearer_within_bounds() -> None:
    law = MarkupLaw()
    margin, weight = np.full((3, 2), law.best_margin(2.62, 0.1)), np.array([[1.0, 3.0]] * 3)
    spare = np.array([[1.0, 1.0], [0.0, 1.0], [1.0, 0.0]])
    corrections = law.correction(margin, weight, spare, 2.62, 0.1)
    np.testing.assert_allclose(corrections[:, 0], [0.0, 0.25 * law.scarcity, min(0.75 * law.scarcity, law.farthest)])
    assert law.correction(margin + 0.5, weight, spare, 2.62, 0.1).min() == -law.farthest
