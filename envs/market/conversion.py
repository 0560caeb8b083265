"""Whether and when a click becomes an order."""

from .compiled import Quantity, formula
from .numeric import logarithm, logistic


@formula
def conversion_appeal(
    relevance: Quantity,
    hype: Quantity,
    hype_effect: Quantity,
    rating: Quantity,
    reference_rating: Quantity,
    rating_elasticity: Quantity,
    reviews: Quantity,
    review_elasticity: Quantity,
) -> Quantity:
    """Log-odds of an order that depend on the listing alone; for small probabilities a coefficient is an elasticity.

    Args:
        relevance: log-odds of an order at the reference price and rating with no reviews.
        hype: how far title and picture overstate the goods, 0..1; hype_effect is negative: disappointed buyers leave.
        rating, reference_rating: mean stars [1..5].
        rating_elasticity, review_elasticity: 0.417 and 0.236.
    Source of the elasticities: You, Vadakkepatt and Joshi 2015.
    """
    stars = rating_elasticity * logarithm(rating / reference_rating)
    return relevance + hype_effect * hype + stars + review_elasticity * logarithm(1.0 + reviews)


@formula
def conversion_probability(
    listing: Quantity,
    elasticity: Quantity,
    sensitivity: Quantity,
    price_advantage: Quantity,
    segment: Quantity,
) -> Quantity:
    """Probability that a click of a segment becomes an order, now or later.

    Args:
        listing: result of `conversion_appeal`.
        elasticity: price elasticity of the listing, negative (mean -2.62: Bijmolt, van Heerde and Pieters 2005).
        sensitivity: the segment's multiple of it.
        price_advantage: ln(reference price / price).
        segment: log-odds of the segment.
    """
    return logistic(listing - elasticity * sensitivity * price_advantage + segment)


@formula
def hourly_hazard(mean_hours: Quantity) -> Quantity:
    """Chance that a waiting event happens in the coming hour, for a geometric delay of the given mean >= 1 [h]."""
    return 1.0 / mean_hours


@formula
def chance_within(hazard: Quantity, periods: Quantity) -> Quantity:
    """Chance that a waiting event happens within so many periods, each with the same hazard."""
    return 1.0 - (1.0 - hazard) ** periods
