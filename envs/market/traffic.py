"""How many buyers' requests reach the marketplace in an hour."""

import numpy as np

from .compiled import Quantity, formula
from .numeric import exponential


@formula
def request_rate(volume: Quantity, share: Quantity, weekly: Quantity, calendar: Quantity, demand: Quantity) -> Quantity:
    """Expected requests of one segment in one channel in one hour, before they are matched to a listing.

    Args:
        volume: requests of the channel in a mean hour [1/h].
        share: the segment's share of them, 0..1.
        weekly: traffic of this hour of the week as a multiple of the mean hour.
        calendar: uplift of a platform promotion day, 1 on other days.
        demand: the market's demand multiplier of this hour, mean 1.
    """
    return volume * share * weekly * calendar * demand


@formula
def demand_multiplier(log_demand: Quantity, stationary_sd: Quantity) -> Quantity:
    """exp(x) of a stationary normal x, scaled to mean one (a lognormal's mean is exp(sd^2/2))."""
    return exponential(log_demand - 0.5 * stationary_sd * stationary_sd)


@formula
def autoregression(value: Quantity, persistence: Quantity, innovation_sd: Quantity, normal: Quantity) -> Quantity:
    """One step of an AR(1) process around zero; `normal` is a standard normal draw handed in."""
    return persistence * value + innovation_sd * normal


@formula
def stationary_sd(persistence: Quantity, innovation_sd: Quantity) -> Quantity:
    """Long-run standard deviation of an AR(1) process, persistence below 1."""
    return innovation_sd / np.sqrt(1.0 - persistence * persistence)


@formula
def match_after_hype(match: Quantity, hype: Quantity, strength: Quantity) -> Quantity:
    """Share of requests a listing is found for, once its title borrows hot keywords.

    Args:
        match: share of the segment's requests that the listing truly suits, 0..1.
        hype: how far the title overstates the goods, 0 (honest) .. 1.
        strength: growth of the log-odds of being found per unit of hype.
    Returns: a share in [match, 1). A hot but wrong keyword raises traffic; its price is in conversion and fulfilment.
    Source: QCon Shanghai 2024 talk on managed stores, in words; the form is ours.
    """
    lift = exponential(strength * hype)
    return match * lift / (1.0 + match * (lift - 1.0))
