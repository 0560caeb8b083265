"""What an order brings and costs: quantity, price tiers, returns, reviews. Money in fen (0.01 CNY), whole numbers."""

import numpy as np

from .compiled import Quantity, formula
from .numeric import exponential, logistic


@formula
def quantity_dispersion(log_sd: Quantity) -> Quantity:
    """Size parameter of the negative binomial whose squared coefficient of variation is that of a lognormal.

    Args:
        log_sd: standard deviation of the log of buyers' spend (0.70: UCI Wholesale customers).
    """
    return 1.0 / (exponential(log_sd * log_sd) - 1.0)


@formula
def units_ordered(minimum_order: Quantity, extra_lots: Quantity) -> Quantity:
    """Units of an order: the minimum quantity times (1 + a negative binomial number of further lots)."""
    return minimum_order * (1.0 + extra_lots)


@formula
def tier_price(
    price: Quantity,
    lots: Quantity,
    lots_1: Quantity,
    lots_2: Quantity,
    discount_1: Quantity,
    discount_2: Quantity,
) -> Quantity:
    """Unit price after the quantity tier, rounded to the fen.

    Args:
        price: list price [fen].
        lots: minimum quantities ordered; from lots_1 on discount_1 applies, from lots_2 on discount_2.
    """
    first = 0.5 + np.copysign(0.5, lots - lots_1)
    second = 0.5 + np.copysign(0.5, lots - lots_2)
    discount = first * discount_1 + second * (discount_2 - discount_1)
    return np.maximum(np.floor(price * (1.0 - discount) + 0.5), 1.0)


@formula
def commission(revenue: Quantity, rate: Quantity) -> Quantity:
    """The platform's commission on an order [fen], rounded to the fen."""
    return np.floor(revenue * rate + 0.5)


@formula
def salvage(goods_cost: Quantity, share: Quantity) -> Quantity:
    """Value of returned goods [fen]: a share of what they cost, rounded to the fen."""
    return np.floor(goods_cost * share + 0.5)


@formula
def return_probability(base: Quantity, hype: Quantity, hype_effect: Quantity, care: Quantity) -> Quantity:
    """Chance that an order comes back.

    Args:
        base: log-odds for an honest listing of mean quality.
        hype: how far the listing overstates the goods, 0..1; hype_effect is positive.
        care: product quality of the listing, log-odds against the mean.
    """
    return logistic(base + hype_effect * hype - care)


@formula
def star_probability(satisfaction: Quantity, hype: Quantity, hype_effect: Quantity) -> Quantity:
    """Success probability of the four binomial steps from one star to five in a review."""
    return logistic(satisfaction - hype_effect * hype)


@formula
def mean_rating(star_sum: Quantity, count: Quantity, prior_stars: Quantity, prior_count: Quantity) -> Quantity:
    """Rating shown for a listing: mean stars, shrunk to the platform's mean while reviews are few."""
    return (star_sum + prior_stars * prior_count) / (count + prior_count)


@formula
def needs_reorder(stock: Quantity, incoming: Quantity, reorder_point: Quantity) -> Quantity:
    """True where goods on hand and on the way have fallen to the reorder point."""
    return stock + incoming <= reorder_point
