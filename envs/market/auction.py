"""The ad auction: generalised second price with several slots, in closed form.

The rival for slot l (l = 1, 2, ...) asks `rho^(l-1)` of the top rival score Y, and Y is lognormal(mu, sigma). A bid
wins the best slot whose rival it outbids and pays, per click, that rival's score over its own quality. A slot is seen
with probability e_l, so with e_{L+1} = 0 and Phi the normal distribution function,

    exposure          = sum_l (e_l - e_{l+1}) Phi(z_l),                   z_l = (ln score - mu - (l-1) ln rho) / sigma
    exposure x price  = E[Y] / quality * sum_l (e_l rho^(l-1) - e_{l+1} rho^l) Phi(z_l - sigma).

Sources: Edelman, Ostrovsky and Schwarz 2007 (generalised second price); slots and exposures of AuctionNet (NeurIPS
2024).
"""

from itertools import pairwise

import numpy as np

from .compiled import Quantity, formula
from .numeric import exponential, logarithm, normal_cdf

SLOTS = 3


@formula
def score_position(bid: Quantity, quality: Quantity, rival_log_mean: Quantity, rival_log_sd: Quantity) -> Quantity:
    """z: how many standard deviations our log score (bid x quality) lies above the mean log score of the top rival."""
    return (logarithm(bid * quality) - rival_log_mean) / rival_log_sd


@formula
def over_slots(
    won_1: Quantity, won_2: Quantity, won_3: Quantity, step_1: Quantity, step_2: Quantity, step_3: Quantity
) -> Quantity:
    """Sum over the slots: chance of winning at least slot l (Phi above) times the step of what slot l is worth."""
    return step_1 * won_1 + step_2 * won_2 + step_3 * won_3


@formula
def ad_exposure(z: Quantity, slot_step: Quantity, seen_1: Quantity, seen_2: Quantity, seen_3: Quantity) -> Quantity:
    """Probability that a buyer sees the ad, over all slots.

    Args:
        z: position of our score, see `score_position`.
        slot_step: -ln(rho) / sigma, how much easier each further slot is to win [standard deviations], >= 0.
        seen_1, seen_2, seen_3: steps e_l - e_{l+1} of the slots' exposure; non-negative, sum to e_1.
    Returns: probability in [0, e_1]; it never falls when the bid rises.
    """
    return over_slots(normal_cdf(z), normal_cdf(z + slot_step), normal_cdf(z + 2.0 * slot_step), seen_1, seen_2, seen_3)


@formula
def rival_price(
    z: Quantity, slot_step: Quantity, sigma: Quantity, asked_1: Quantity, asked_2: Quantity, asked_3: Quantity
) -> Quantity:
    """Exposure-weighted rival score of the slots won, as a share of its unconditional mean E[Y].

    Args:
        sigma: standard deviation of the log rival score.
        asked_1, asked_2, asked_3: steps e_l rho^(l-1) - e_{l+1} rho^l.
    """
    return ad_exposure(z - sigma, slot_step, asked_1, asked_2, asked_3)


@formula
def price_per_click(
    exposure: Quantity,
    rival_share: Quantity,
    rival_mean: Quantity,
    quality: Quantity,
    reserve: Quantity,
    bid: Quantity,
) -> Quantity:
    """What the platform charges per click in this hour: the expected second price, from the reserve to the bid.

    Args:
        exposure, rival_share: results of `ad_exposure` and `rival_price`.
        rival_mean: E[Y] = exp(mu + sigma^2 / 2) [CNY].
        quality: our quality score, > 0.
        reserve: least price the platform accepts [CNY].
        bid: our offer [CNY per click].
    Returns: [CNY per click]; the reserve where the ad is practically never seen.
    """
    second = rival_mean * rival_share / (quality * np.maximum(exposure, 1e-12))
    return np.minimum(np.maximum(second, reserve), bid)


@formula
def charge(price: Quantity) -> Quantity:
    """What a click is booked at [fen]: the price per click [CNY] in whole fen, rounded down."""
    return np.floor(price * 100.0 + 1e-9)


@formula
def quality_score(
    appeal: Quantity, relevance: Quantity, appeal_weight: Quantity, relevance_weight: Quantity
) -> Quantity:
    """The platform's ad quality of a listing: near 1, higher where buyers are expected to click and to buy.

    Args:
        appeal, relevance: log-odds of the listing against the market's mean listing.
    """
    return exponential(appeal_weight * appeal + relevance_weight * relevance)


def slot_steps(exposure: tuple[float, ...], rho: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The two sets of coefficients above, from the slots' exposures and the rivals' ratio.

    Args:
        exposure: e_1 >= e_2 >= e_3 > 0, each at most 1.
        rho: what the rival for the next slot asks, as a share of the one above, 0 < rho <= 1.
    Returns: (seen, asked), three numbers each.
    Raises: ValueError: names the argument and its value.
    """
    if len(exposure) != SLOTS or not all(1.0 >= a >= b > 0.0 for a, b in pairwise(exposure)):
        raise ValueError(f"slot_exposure(={exposure}) must be {SLOTS} falling numbers in (0, 1]")
    if not 0.0 < rho <= 1.0:
        raise ValueError(f"rival_ratio(={rho}) must be in (0, 1]")
    after = (*exposure[1:], 0.0)
    seen = tuple(e - f for e, f in zip(exposure, after, strict=True))
    steps = enumerate(zip(exposure, after, strict=True))
    asked = tuple(e * rho**i - f * rho ** (i + 1) for i, (e, f) in steps)
    return seen, asked
