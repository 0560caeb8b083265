"""Clicks, conversions, rank: ranges, directions and elasticities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.stats import geom

from merchantgym.envs.market.click import click_appeal, click_probability, price_advantage
from merchantgym.envs.market.conversion import (
    chance_within,
    conversion_appeal,
    conversion_probability,
    hourly_hazard,
)
from merchantgym.envs.market.rank import memory_decay, newness, organic_exposure, rank_score, remember

log_odds = st.floats(-1e3, 1e3)


@given(log_odds, log_odds, log_odds)
def test_click_probability_is_a_probability(listing: float, affinity: float, channel: float) -> None:
    assert 0.0 <= click_probability(listing, affinity, channel) <= 1.0


def test_click_probability_is_the_logistic_of_the_sum() -> None:
    assert click_probability(-3.5, 0.2, 0.15) == pytest.approx(expit(-3.15), rel=1e-10)


def test_click_appeal_adds_its_causes() -> None:
    assert click_appeal(-3.5, 0.5, 0.4, 0.1, 0.5, 99.0, 0.04) == pytest.approx(-3.5 + 0.2 + 0.05 + 0.04 * np.log(100.0))


@given(st.floats(0.01, 1e5), st.floats(0.01, 1e5))
def test_cheaper_than_comparable_goods_is_an_advantage(price: float, reference: float) -> None:
    assert price_advantage(price, reference) == pytest.approx(-price_advantage(reference, price), abs=1e-12)
    if price < reference:
        assert price_advantage(price, reference) >= 0.0
    assert price_advantage(price, price) == 0.0


def appeal(**changes: float) -> float:
    values = {
        "relevance": -5.0,
        "hype": 0.0,
        "hype_effect": -0.7,
        "rating": 4.6,
        "reference_rating": 4.6,
        "rating_elasticity": 0.417,
        "reviews": 0.0,
        "review_elasticity": 0.236,
    }
    return float(conversion_appeal(*(values | changes).values()))


@given(st.floats(-1e3, 1e3), st.floats(-6.0, -0.5), st.floats(0.5, 2.0), st.floats(-3.0, 3.0), st.floats(-5.0, 5.0))
def test_conversion_probability_is_a_probability(
    listing: float, elasticity: float, sensitivity: float, advantage: float, segment: float
) -> None:
    low = conversion_probability(listing, elasticity, sensitivity, advantage, segment)
    assert 0.0 <= low <= 1.0
    assert conversion_probability(listing, elasticity, sensitivity, advantage + 0.1, segment) >= low


def log_slope(function: object, at: float) -> float:
    """d ln f / d ln x by central difference."""
    step = 1e-5
    high, low = function(at * np.exp(step)), function(at * np.exp(-step))  # type: ignore[operator]
    return float(np.log(high / low) / (2.0 * step))


def test_price_rating_and_review_elasticities_are_the_published_ones_where_orders_are_rare() -> None:
    def by_price(price: float) -> float:
        return float(conversion_probability(-9.0, -2.62, 1.0, price_advantage(price, 20.0), 0.0))

    def by_rating(rating: float) -> float:
        return float(conversion_probability(appeal(relevance=-9.0, rating=rating), -2.62, 1.0, 0.0, 0.0))

    def by_reviews(reviews: float) -> float:
        return float(conversion_probability(appeal(relevance=-9.0, reviews=reviews), -2.62, 1.0, 0.0, 0.0))

    assert log_slope(by_price, 20.0) == pytest.approx(-2.62, rel=1e-3)
    assert log_slope(by_rating, 4.6) == pytest.approx(0.417, rel=1e-3)
    assert log_slope(by_reviews, 1e6) == pytest.approx(0.236, rel=1e-2)


def test_a_title_that_overstates_loses_orders_and_good_stars_win_them() -> None:
    assert appeal(hype=1.0) == pytest.approx(appeal() - 0.7)
    assert appeal(rating=4.9) > appeal() > appeal(rating=4.0)
    assert appeal(rating=4.6) == -5.0


@given(st.floats(1.0, 1e4), st.integers(0, 2000))
def test_hazards_are_those_of_a_geometric_delay(mean: float, periods: int) -> None:
    hazard = hourly_hazard(mean)
    assert hazard == pytest.approx(1.0 / mean)
    with np.errstate(divide="ignore"):  # scipy's logarithm of a hazard of 1
        assert chance_within(hazard, float(periods)) == pytest.approx(geom.cdf(periods, hazard), abs=1e-9)


def test_memory_halves_in_its_half_life_and_settles_at_the_hourly_mean() -> None:
    decay = memory_decay(96.0)
    assert decay**96 == pytest.approx(0.5)
    memory = 0.0
    for _ in range(4000):
        memory = remember(memory, decay, 2.0, 30.0, 0.01)
    assert memory == pytest.approx(2.3)


def test_rank_of_the_ordinary_listing_and_the_boost_of_a_new_one() -> None:
    assert newness(0.0, 240.0) == 1.0
    assert newness(240.0, 240.0) == pytest.approx(np.exp(-1.0))
    assert rank_score(0.06, 0.06, 0.0, 0.0, 0.6, 4.6, 4.6, 2.0) == pytest.approx(1.0)
    assert rank_score(0.0, 0.06, 0.15, 1.0, 0.6, 4.6, 4.6, 2.0) == pytest.approx(0.75)
    assert rank_score(0.0, 0.06, 0.15, 0.0, 0.6, 2.3, 4.6, 2.0) == pytest.approx(0.15 / 4.0)


@given(st.floats(0.0, 10.0), st.floats(0.0, 10.0), st.floats(0.0, 1.0), st.floats(1.0, 5.0))
def test_rank_grows_with_sales_newness_and_stars(memory: float, more: float, young: float, stars: float) -> None:
    rank = rank_score(memory, 0.06, 0.15, young, 0.6, stars, 4.6, 2.0)
    assert rank > 0.0
    assert rank_score(memory + more, 0.06, 0.15, young, 0.6, stars, 4.6, 2.0) >= rank
    assert rank_score(memory, 0.06, 0.15, young, 0.6, stars + 0.1, 4.6, 2.0) >= rank
    assert rank_score(memory, 0.06, 0.15, min(young + 0.1, 1.0), 0.6, stars, 4.6, 2.0) >= rank


@given(st.floats(1e-3, 1e3), st.floats(1.0, 100.0), st.floats(0.0, 3.0), st.floats(0.1, 100.0))
def test_organic_exposure_grows_with_rank_and_is_a_probability(
    rank: float, factor: float, flywheel: float, rivals: float
) -> None:
    low, high = organic_exposure(rank, flywheel, rivals), organic_exposure(rank * factor, flywheel, rivals)
    assert 0.0 < low <= high * (1.0 + 1e-12)
    assert high < 1.0
    assert low == pytest.approx(rank**flywheel / (rank**flywheel + rivals), rel=1e-9)


@given(st.floats(1e-3, 1e3), st.floats(0.1, 100.0))
def test_without_the_flywheel_rank_earns_nothing(rank: float, rivals: float) -> None:
    assert organic_exposure(rank, 0.0, rivals) == pytest.approx(1.0 / (1.0 + rivals), rel=1e-14)


@given(st.floats(0.0, 1.0), st.floats(0.0, 1.0), st.floats(1e-3, 1e3), st.floats(0.0, 3.0), st.floats(0.1, 100.0))
def test_being_seen_more_as_an_ad_never_makes_a_listing_seen_less(
    shown: float, more: float, rank: float, flywheel: float, rivals: float
) -> None:
    """Ads take the place of organic results of the same request, one for one at most."""
    organic = organic_exposure(rank, flywheel, rivals)
    higher = min(shown + more, 1.0)
    assert higher + (1.0 - higher) * organic >= shown + (1.0 - shown) * organic - 1e-15
