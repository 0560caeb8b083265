"""Elementary functions without branches, so that a compiler turns a loop over them into vector instructions.

They take floats or arrays alike. `exponential` replaces libm's `exp`, which a compiled loop can only call
one number at a time.
"""

import numpy as np

from .compiled import Quantity, formula

_EXP_LIMIT = 40.0  # beyond it the argument is clipped: exp(-40) is 4e-18
_TAIL = 7.0  # standard deviations beyond which the normal tail is clipped: 1.3e-12


@formula
def exponential(x: Quantity) -> Quantity:
    """exp(x) for |x| <= 40, clipped outside.

    A Taylor polynomial of x/64, squared six times: relative error below 1e-10.
    """
    y = np.minimum(np.maximum(x, -_EXP_LIMIT), _EXP_LIMIT) * 0.015625
    p = 1.0 + y * (1 / 10) * (1.0 + y * (1 / 11))
    p = 1.0 + y * (1 / 9) * p
    p = 1.0 + y * (1 / 8) * p
    p = 1.0 + y * (1 / 7) * p
    p = 1.0 + y * (1 / 6) * p
    p = 1.0 + y * (1 / 5) * p
    p = 1.0 + y * (1 / 4) * p
    p = 1.0 + y * (1 / 3) * p
    p = 1.0 + y * (1 / 2) * p
    p = 1.0 + y * p
    p = p * p
    p = p * p
    p = p * p
    p = p * p
    p = p * p
    return p * p


@formula
def logistic(x: Quantity) -> Quantity:
    """1 / (1 + exp(-x)): the probability whose log-odds are x."""
    return 1.0 / (1.0 + exponential(-x))


@formula
def normal_cdf(x: Quantity) -> Quantity:
    """Standard normal distribution function, clipped at 7 standard deviations.

    Relative error below 1e-9 in the lower tail as well, so that ratios of tails can be trusted.
    Source: Hart et al. 1968, algorithm 5666, in the form of West 2005, "Better approximations to cumulative
    normal functions".
    """
    a = np.minimum(np.abs(x), _TAIL)
    e = exponential(-0.5 * a * a)
    top = 3.52624965998911e-02 * a + 0.700383064443688
    top = top * a + 6.37396220353165
    top = top * a + 33.912866078383
    top = top * a + 112.079291497871
    top = top * a + 221.213596169931
    top = top * a + 220.206867912376
    low = 8.83883476483184e-02 * a + 1.75566716318264
    low = low * a + 16.064177579207
    low = low * a + 86.7807322029461
    low = low * a + 296.564248779674
    low = low * a + 637.333633378831
    low = low * a + 793.826512519948
    low = low * a + 440.413735824752
    tail = e * top / low
    upper = 0.5 + np.copysign(0.5, x)  # 1 above the mean, 0 below
    return upper * (1.0 - tail) + (1.0 - upper) * tail
