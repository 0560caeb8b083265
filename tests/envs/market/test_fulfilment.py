"""Quantities, prices, fees, returns and reviews."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import lognorm, nbinom

from merchantgym.envs.market.fulfilment import (
    commission,
    mean_rating,
    needs_reorder,
    quantity_dispersion,
    return_probability,
    salvage,
    star_probability,
    tier_price,
    units_ordered,
)

TIERS = (4.0, 10.0, 0.03, 0.06)


def test_spread_of_quantities_is_that_of_buyers_spend() -> None:
    size = quantity_dispersion(0.70)
    spread = lognorm(s=0.70)
    assert 1.0 / size == pytest.approx(spread.var() / spread.mean() ** 2)
    lots = nbinom(size, size / (size + 3.0))
    assert lots.mean() == pytest.approx(3.0)
    assert lots.var() == pytest.approx(3.0 + 9.0 / size)


def test_units_are_whole_minimum_quantities() -> None:
    assert units_ordered(5.0, 0.0) == 5.0
    assert units_ordered(5.0, 3.0) == 20.0


@pytest.mark.parametrize(
    ("lots", "price"),
    [(1.0, 1999.0), (3.0, 1999.0), (4.0, 1939.0), (9.0, 1939.0), (10.0, 1879.0), (500.0, 1879.0)],
)
def test_tier_begins_at_its_quantity(lots: float, price: float) -> None:
    assert tier_price(1999.0, lots, *TIERS) == price


@given(st.integers(1, 10**7), st.integers(1, 1000))
def test_tier_price_is_whole_fen_and_never_over_the_list_price(price: int, lots: int) -> None:
    paid = tier_price(float(price), float(lots), *TIERS)
    assert paid == np.floor(paid)
    assert 1.0 <= paid <= price
    assert paid >= price * 0.94 - 0.5


@given(st.integers(0, 10**9), st.floats(0.0, 1.0))
def test_fees_are_rounded_to_the_fen(money: int, rate: float) -> None:
    for function in (commission, salvage):
        fee = function(float(money), rate)
        assert fee == np.floor(fee)
        assert abs(fee - money * rate) <= 0.5 + 1e-6
        assert 0.0 <= fee <= money


@given(st.floats(-50.0, 50.0), st.floats(0.0, 1.0), st.floats(0.0, 5.0), st.floats(-5.0, 5.0))
def test_hype_brings_returns_and_low_stars_and_care_prevents_them(
    base: float, hype: float, effect: float, care: float
) -> None:
    back = return_probability(base, hype, effect, care)
    assert 0.0 <= back <= 1.0
    assert back == pytest.approx(expit(base + effect * hype - care), abs=1e-9)
    star = star_probability(base, hype, effect)
    assert star == pytest.approx(expit(base - effect * hype), abs=1e-9)


def test_reference_share_of_returns_and_mean_stars() -> None:
    assert return_probability(-3.2, 0.0, 1.2, 0.0) == pytest.approx(0.039, abs=5e-4)
    assert 1.0 + 4.0 * star_probability(2.5, 0.0, 1.5) == pytest.approx(4.7, abs=0.01)


@given(st.floats(0.0, 1e4), st.floats(1.0, 5.0))
def test_rating_shown_is_shrunk_to_the_market_while_reviews_are_few(count: float, stars: float) -> None:
    shown = mean_rating(count * stars, count, 4.6, 5.0)
    assert min(stars, 4.6) - 1e-9 <= shown <= max(stars, 4.6) + 1e-9
    assert shown == pytest.approx((count * stars + 23.0) / (count + 5.0))


def test_reorder_counts_what_is_on_the_way() -> None:
    assert needs_reorder(10.0, 0.0, 10.0)
    assert not needs_reorder(10.0, 1.0, 10.0)
    assert not needs_reorder(0.0, 0.0, -1.0)  # a negative point: never
