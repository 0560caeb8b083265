"""The auction's closed form against integrals and simulated auctions; what a bid may and may not do."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import lognorm

from merchantgym.envs.market.auction import (
    ad_exposure,
    price_per_click,
    quality_score,
    rival_price,
    score_position,
    slot_steps,
)
from merchantgym.envs.market.parameters import reference_market
from merchantgym.envs.market.rivals import lognormal_mean

EXPOSURE = reference_market().slot_exposure
RHO = reference_market().rival_ratio
MU, SIGMA = -0.6, 0.87
RESERVE = 0.05

bids = st.floats(1e-4, 1e4)
qualities = st.floats(0.1, 10.0)
levels = st.floats(-4.0, 4.0)
spreads = st.floats(0.2, 2.0)
ratios = st.floats(0.3, 1.0)
exposures = st.lists(st.floats(0.01, 1.0), min_size=3, max_size=3).map(lambda e: tuple(sorted(e, reverse=True)))


def closed_form(
    bid: float,
    quality: float,
    mu: float,
    sigma: float,
    rho: float = RHO,
    exposure: tuple[float, ...] = EXPOSURE,
    reserve: float = 0.0,
) -> tuple[float, float]:
    """(exposure, price per click) from the formulas."""
    seen, asked = slot_steps(exposure, rho)
    z = score_position(bid, quality, mu, sigma)
    step = -float(np.log(rho)) / sigma
    shown = ad_exposure(z, step, *seen)
    share = rival_price(z, step, sigma, *asked)
    return shown, price_per_click(shown, share, lognormal_mean(mu, sigma), quality, reserve, bid)


def auction(score: float, rivals: np.ndarray, rho: float, exposure: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    """One auction per top rival score: exposure of the best slot won, and the score to be beaten there."""
    shown, beaten = np.zeros_like(rivals), np.zeros_like(rivals)
    for slot in reversed(range(3)):
        asked = rho**slot * rivals
        wins = score > asked
        shown[wins], beaten[wins] = exposure[slot], asked[wins]
    return shown, beaten


@pytest.mark.parametrize("bid", [0.1, 0.3, 0.55, 1.0, 4.0])
@pytest.mark.parametrize("quality", [0.7, 1.0, 1.6])
def test_closed_form_is_the_mean_of_simulated_auctions(bid: float, quality: float) -> None:
    rivals = np.random.default_rng(5).lognormal(MU, SIGMA, 1_000_000)
    shown, beaten = auction(bid * quality, rivals, RHO, EXPOSURE)
    paid = shown * beaten / quality
    exposure, price = closed_form(bid, quality, MU, SIGMA)
    assert exposure == pytest.approx(shown.mean(), abs=4.5 * shown.std() / 1000.0)
    assert exposure * price == pytest.approx(paid.mean(), abs=4.5 * paid.std() / 1000.0)


@pytest.mark.parametrize(("mu", "sigma"), [(-0.6, 0.87), (0.4, 1.04), (-2.0, 0.4), (1.0, 1.5)])
@pytest.mark.parametrize(("rho", "slots"), [(0.8, (1.0, 0.8, 0.6)), (0.5, (0.9, 0.5, 0.1)), (1.0, (1.0, 0.7, 0.7))])
def test_closed_form_is_the_integral(mu: float, sigma: float, rho: float, slots: tuple[float, ...]) -> None:
    rival = lognorm(s=sigma, scale=np.exp(mu))
    for bid, quality in ((0.2, 1.0), (0.6, 1.3), (2.0, 0.8)):
        score = bid * quality
        shown = paid = last = 0.0
        for slot, exposure in enumerate(slots):  # slot l is the best one won while Y lies between two thresholds
            edge = score / rho**slot
            shown += exposure * (rival.cdf(edge) - rival.cdf(last))
            paid += exposure * rho**slot / quality * quad(lambda y: y * rival.pdf(y), last, edge, epsabs=1e-13)[0]
            last = edge
        got = closed_form(bid, quality, mu, sigma, rho, slots)
        assert got[0] == pytest.approx(shown, rel=1e-7)
        assert got[0] * got[1] == pytest.approx(paid, rel=1e-6)


@given(bids, st.floats(1.0, 100.0), qualities, levels, spreads, ratios, exposures)
def test_a_higher_bid_is_never_seen_less(
    bid: float, factor: float, quality: float, mu: float, sigma: float, rho: float, slots: tuple[float, ...]
) -> None:
    low, _ = closed_form(bid, quality, mu, sigma, rho, slots)
    high, _ = closed_form(bid * factor, quality, mu, sigma, rho, slots)
    assert 0.0 <= low <= high + 1e-12
    assert high <= slots[0] + 1e-12


@given(bids, qualities, levels, spreads, ratios, exposures, st.floats(0.01, 5.0))
def test_price_lies_between_reserve_and_bid(
    bid: float, quality: float, mu: float, sigma: float, rho: float, slots: tuple[float, ...], reserve: float
) -> None:
    _, price = closed_form(bid, quality, mu, sigma, rho, slots, reserve)
    assert price <= bid
    if bid >= reserve:
        assert price >= reserve


@given(st.floats(0.05, 20.0), qualities, levels, spreads)
def test_the_second_price_by_itself_is_under_the_bid(bid: float, quality: float, mu: float, sigma: float) -> None:
    """Not only because it is cut there: what is paid is the score of a rival that was beaten."""
    seen, asked = slot_steps(EXPOSURE, RHO)
    z = score_position(bid, quality, mu, sigma)
    step = -float(np.log(RHO)) / sigma
    exposure = ad_exposure(z, step, *seen)
    if exposure > 1e-6:
        share = rival_price(z, step, sigma, *asked)
        assert lognormal_mean(mu, sigma) * share / (quality * exposure) <= bid * (1.0 + 1e-6)


@given(bids, st.floats(1.0, 10.0), qualities, levels, spreads)
def test_better_quality_is_seen_more_and_pays_less_for_the_same_score(
    bid: float, factor: float, quality: float, mu: float, sigma: float
) -> None:
    shown, price = closed_form(bid, quality, mu, sigma)
    assert closed_form(bid, quality * factor, mu, sigma)[0] >= shown - 1e-12
    same_score, cheaper = closed_form(bid / factor, quality * factor, mu, sigma)
    assert same_score == pytest.approx(shown, abs=1e-9)
    assert cheaper == pytest.approx(price / factor, rel=1e-6)


def test_quality_score_is_one_for_the_mean_listing_and_grows_with_appeal_and_relevance() -> None:
    market = reference_market()
    weights = (market.quality_appeal_weight, market.quality_relevance_weight)
    assert quality_score(0.0, 0.0, *weights) == 1.0
    assert quality_score(0.4, -0.2, *weights) == pytest.approx(np.exp(0.4 * weights[0] - 0.2 * weights[1]))


def test_slot_steps_by_hand() -> None:
    seen, asked = slot_steps((1.0, 0.8, 0.6), 0.8)
    assert seen == pytest.approx((0.2, 0.2, 0.6))
    assert asked == pytest.approx((1.0 - 0.64, 0.64 - 0.384, 0.384))


@pytest.mark.parametrize(
    ("exposure", "rho", "message"),
    [
        ((1.0, 0.8), 0.8, r"slot_exposure\(=\(1.0, 0.8\)\) must be 3 falling numbers"),
        ((0.6, 0.8, 1.0), 0.8, r"slot_exposure\(=\(0.6, 0.8, 1.0\)\) must be"),
        ((1.0, 0.8, 0.0), 0.8, "slot_exposure"),
        ((1.2, 0.8, 0.6), 0.8, "slot_exposure"),
        ((1.0, 0.8, 0.6), 0.0, r"rival_ratio\(=0.0\) must be in \(0, 1\]"),
        ((1.0, 0.8, 0.6), 1.1, r"rival_ratio\(=1.1\)"),
    ],
)
def test_impossible_slots_are_refused_by_name(exposure: tuple[float, ...], rho: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        slot_steps(exposure, rho)
