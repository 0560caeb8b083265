"""How the rivals' bids move: with the hour, at random, when one enters, on promotion days, and in answer to us."""

import numpy as np

from .compiled import Quantity, formula
from .numeric import exponential


@formula
def rival_log_mean(
    base: Quantity,
    swing: Quantity,
    hour_of_day: Quantity,
    peak_hour: Quantity,
    noise: Quantity,
    entry: Quantity,
    promotion: Quantity,
    reaction: Quantity,
) -> Quantity:
    """Mean of the log of the top rival's score in one channel and segment in one hour.

    Args:
        base: level of the channel and segment [ln CNY].
        swing, peak_hour: height and hour of the daily swing [ln], [h].
        noise: state of the AR(1) process [ln].
        entry: shift once a further rival has entered [ln], else 0.
        promotion: shift on a platform promotion day [ln], else 0.
        reaction: state of the rivals' slow answer to our wins [ln].
    """
    daily = swing * np.cos((hour_of_day - peak_hour) * (2.0 * np.pi / 24.0))
    return base + daily + noise + entry + promotion + reaction


@formula
def rival_reaction(
    state: Quantity, win_share: Quantity, reference_share: Quantity, rate: Quantity, strength: Quantity
) -> Quantity:
    """The rivals' answer one hour later: it drifts toward strength x (our win share - what they take for granted).

    Args:
        state: current answer [ln].
        win_share: share of the suitable requests whose buyers saw our ad in this hour, 0..1.
        rate: share of the gap closed per hour, 0..1.
        strength: answer to a whole share [ln].
    """
    return state + rate * (strength * (win_share - reference_share) - state)


@formula
def lognormal_mean(log_mean: Quantity, log_sd: Quantity) -> Quantity:
    """Mean of a lognormal."""
    return exponential(log_mean + 0.5 * log_sd * log_sd)
