"""Elementary functions without branches, so that a compiler turns a loop over them into vector instructions.

They take floats or arrays alike. `exponential` and `logarithm` replace libm's, which a compiled loop can only call one
number at a time.
"""

import numpy as np
from numba import types
from numba.extending import overload

from .compiled import Quantity, formula

_EXP_LIMIT = 40.0  # beyond it the argument is clipped: exp(-40) is 4e-18
_SQRT_HALF_BITS = 0x3FE6A09E667F3BCD  # sqrt(1/2) as the bits of a float64
_LN_2 = 0.6931471805599453
_TAIL = 7.0  # standard deviations beyond which the normal tail is clipped: 1.3e-12


@formula
def exponential(x: Quantity) -> Quantity:
    """exp(x) for |x| <= 40, clipped outside.

    A Taylor polynomial of x/64, squared six times: relative error below 1e-9 (1e-10 for |x| <= 30).
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

    Relative error below 3e-9 in the lower tail as well, so that ratios of tails can be trusted.
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


def _bits_of_float(x: Quantity) -> Quantity:
    """The 64 bits of a float as a whole number."""
    return np.asarray(x, dtype=np.float64).view(np.int64)


def _float_of_bits(bits: Quantity) -> Quantity:
    """The float that 64 bits stand for."""
    return np.asarray(bits, dtype=np.int64).view(np.float64)


@overload(_bits_of_float, inline="always")  # type: ignore[untyped-decorator, unused-ignore]
def _compile_bits_of_float(x):  # type: ignore[no-untyped-def]
    if isinstance(x, types.Array):
        return lambda x: x.astype(np.float64).view(np.int64)
    return lambda x: np.float64(x).view(np.int64)


@overload(_float_of_bits, inline="always")  # type: ignore[untyped-decorator, unused-ignore]
def _compile_float_of_bits(bits):  # type: ignore[no-untyped-def]
    if isinstance(bits, types.Array):
        return lambda bits: bits.view(np.float64)
    return lambda bits: np.int64(bits).view(np.float64)


@formula
def logarithm(x: Quantity) -> Quantity:
    """ln(x) for normal x > 0; about -709 for 0.

    The exponent is read off the bits, the mantissa in [sqrt(1/2), sqrt(2)) goes through the series of atanh:
    absolute error below 2e-14.
    """
    bits = _bits_of_float(x)
    exponent = (bits - _SQRT_HALF_BITS) >> 52
    mantissa = _float_of_bits(bits - (exponent << 52))
    s = (mantissa - 1.0) / (mantissa + 1.0)
    z = s * s
    series = 2 / 11 + z * (2 / 13 + z * (2 / 15))
    series = 2.0 + z * (2 / 3 + z * (2 / 5 + z * (2 / 7 + z * (2 / 9 + z * series))))
    return exponent * _LN_2 + s * series
