"""Whether a buyer who sees a listing clicks on it."""

from .compiled import Quantity, formula
from .numeric import logarithm, logistic


@formula
def click_appeal(
    appeal: Quantity,
    hype: Quantity,
    hype_effect: Quantity,
    price_advantage: Quantity,
    price_effect: Quantity,
    reviews: Quantity,
    review_effect: Quantity,
) -> Quantity:
    """Log-odds of a click that depend on the listing alone.

    Args:
        appeal: log-odds of a click at the reference price with no reviews.
        hype: how far title and picture overstate the goods, 0..1.
        price_advantage: ln(reference price / price), see `price_advantage`.
        reviews: number of reviews (social proof).
        hype_effect, price_effect, review_effect: log-odds per unit.
    """
    return appeal + hype_effect * hype + price_effect * price_advantage + review_effect * logarithm(1.0 + reviews)


@formula
def price_advantage(price: Quantity, reference: Quantity) -> Quantity:
    """ln(reference / price): 0.1 means about 10 % cheaper than comparable goods. Prices > 0."""
    return logarithm(reference / price)


@formula
def click_probability(listing: Quantity, affinity: Quantity, channel: Quantity) -> Quantity:
    """Probability that a buyer of a segment clicks on the listing, given that the buyer sees it.

    Args:
        listing: result of `click_appeal`.
        affinity: log-odds of the segment for this listing.
        channel: log-odds of the channel (a feed is browsed with less intent than a search).
    """
    return logistic(click_log_odds(listing, affinity, channel))


@formula
def click_log_odds(listing: Quantity, affinity: Quantity, channel: Quantity) -> Quantity:
    """Log-odds of that click, from the same numbers."""
    return listing + affinity + channel
