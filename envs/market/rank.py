"""Organic rank: a decaying memory of sales, and the exposure it earns. Its strength, the flywheel, is contested."""

from .compiled import Quantity, formula
from .numeric import exponential, logarithm


@formula
def memory_decay(half_life_hours: Quantity) -> Quantity:
    """Share of the memory that survives an hour."""
    return exponential(-logarithm(2.0) / half_life_hours)


@formula
def remember(memory: Quantity, decay: Quantity, orders: Quantity, clicks: Quantity, click_weight: Quantity) -> Quantity:
    """Memory of orders and clicks after one more hour, as an hourly mean [order equivalents per hour]."""
    return decay * memory + (1.0 - decay) * (orders + click_weight * clicks)


@formula
def rank_score(
    memory: Quantity,
    reference: Quantity,
    base: Quantity,
    newness: Quantity,
    boost: Quantity,
    rating: Quantity,
    reference_rating: Quantity,
    rating_exponent: Quantity,
) -> Quantity:
    """Rank R > 0 of a listing; 1 is the market's ordinary listing.

    Args:
        memory: result of `remember`.
        reference: memory of the market's ordinary listing, same unit.
        base: rank without any sale, > 0.
        newness: result of `newness`, 0..1; boost: what the platform adds to a brand new listing.
        rating, reference_rating: stars; the ratio to the power rating_exponent scales the rank.
    """
    stars = exponential(rating_exponent * logarithm(rating / reference_rating))
    return (base + memory / reference + boost * newness) * stars


@formula
def newness(age_hours: Quantity, fade_hours: Quantity) -> Quantity:
    """1 for a listing just put up, fading with its age."""
    return exponential(-age_hours / fade_hours)


@formula
def organic_exposure(rank: Quantity, flywheel: Quantity, rivals: Quantity) -> Quantity:
    """Probability that a buyer sees the listing among the organic results.

    Args:
        rank: R > 0.
        flywheel: gamma >= 0; 0 means that rank earns nothing (exposure 1 / (1 + rivals)).
        rivals: strength of the rivals in this channel, > 0.
    Returns: R^gamma / (R^gamma + rivals), in (0, 1).
    """
    power = exponential(flywheel * logarithm(rank))
    return power / (power + rivals)


@formula
def found_probability(exposure: Quantity, organic: Quantity) -> Quantity:
    """Probability that a request finds the listing: as an ad, or else among the organic results."""
    return exposure + (1.0 - exposure) * organic
