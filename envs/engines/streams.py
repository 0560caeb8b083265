"""Keyed randomness: a draw is a pure function of what it is for, never of what was drawn before.

The generator is Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"). Its key is
(seed, store), its counter (hour, purpose, entity, attempt). So the same store sees the same chance in the same hour
whatever was decided before: common random numbers by construction. Every draw is by inversion, or by a rejection
whose result moves little when its mean moves little.
"""

from enum import IntEnum, auto
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..market.compiled import procedure

_SCALE = 2.0**-32
_MASK = np.uint64(0xFFFFFFFF)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_SHIFT = np.uint64(32)


class Purpose(IntEnum):
    """What a draw is for: the second word of the counter."""

    MARKET = auto()  # demand and rivals' noise
    LATENT_CLICKS = auto()
    CLICK = auto()  # entity: number of the click within the hour
    CLICK_ORDER = auto()
    CLICK_TIMES = auto()
    IMPRESSIONS = auto()  # entity: channel and listing
    MATURING = auto()  # entity: listing, segment and delay class
    MATURED_ORDER = auto()  # entity: the same and the number of the order
    REVIEWS = auto()  # entity: listing
    STARS = auto()
    COMPLAINTS = auto()
    CLOSING = auto()  # the run-off after the plan's last hour; entity as for MATURING
    CLOSING_ORDER = auto()


@procedure
def philox(seed: Any, store: Any, hour: Any, purpose: Any, entity: Any, attempt: Any) -> Any:
    """Four independent 32-bit words (as uint64) for one key and counter."""
    k0 = np.uint64(seed) & _MASK
    k1 = np.uint64(store) & _MASK
    c0 = np.uint64(hour) & _MASK
    c1 = np.uint64(purpose) & _MASK
    c2 = np.uint64(entity) & _MASK
    c3 = np.uint64(attempt) & _MASK
    for _ in range(10):
        p0 = _M0 * c0
        p1 = _M1 * c2
        c0 = (p1 >> _SHIFT) ^ c1 ^ k0
        c1 = p1 & _MASK
        c2 = (p0 >> _SHIFT) ^ c3 ^ k1
        c3 = p0 & _MASK
        k0 = (k0 + _W0) & _MASK
        k1 = (k1 + _W1) & _MASK
    return c0, c1, c2, c3


@procedure
def uniforms(seed: Any, store: Any, hour: Any, purpose: Any, entity: Any, attempt: Any) -> Any:
    """Four independent uniforms in the open interval (0, 1), on a grid of 2^-32."""
    a, b, c, d = philox(seed, store, hour, purpose, entity, attempt)
    return (a + 0.5) * _SCALE, (b + 0.5) * _SCALE, (c + 0.5) * _SCALE, (d + 0.5) * _SCALE


@procedure
def fine_uniform(seed: Any, store: Any, hour: Any, purpose: Any, entity: Any, attempt: Any) -> float:
    """One uniform in (0, 1) on a grid of 2^-53."""
    a, b, _, _ = philox(seed, store, hour, purpose, entity, attempt)
    high = np.int64(a >> np.uint64(5))
    low = np.int64(b >> np.uint64(6))
    value: float = (high * 67108864.0 + low + 0.5) * (1.0 / 9007199254740992.0)
    return value


@procedure
def normals(u: float, v: float) -> Any:
    """Two independent standard normals from two uniforms (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(u))
    return radius * np.cos(2.0 * np.pi * v), radius * np.sin(2.0 * np.pi * v)


@procedure
def poisson_by_inversion(mean: float, u: float) -> int:
    """Poisson variate for a small mean (<= 10 or so): the smallest n whose distribution function reaches u."""
    p = np.exp(-mean)
    n = 0
    while u > p and n < 200:
        u -= p
        n += 1
        p *= mean / n
    return n


@procedure
def poisson(mean: float, seed: Any, store: Any, hour: Any, purpose: Any, entity: Any) -> int:
    """Poisson variate of any mean.

    Inversion below 10, above it the transformed rejection of Hoermann 1993 (PTRS), one attempt per counter.
    """
    if mean <= 0.0:
        return 0
    if mean < 10.0:
        return poisson_by_inversion(mean, fine_uniform(seed, store, hour, purpose, entity, 0))
    b = 0.931 + 2.53 * np.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    attempt = 0
    while True:
        u1, u2, _, _ = uniforms(seed, store, hour, purpose, entity, attempt)
        u = u1 - 0.5
        us = 0.5 - np.abs(u)
        k = np.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and u2 <= v_r:
            return int(k)
        attempt += 1
        if k < 0.0 or (us < 0.013 and u2 > us):
            continue
        bound = np.log(u2 * inverse_alpha / (a / (us * us) + b))
        if bound <= k * np.log(mean) - mean - log_factorial(k):
            return int(k)


@procedure
def log_factorial(k: float) -> float:
    """ln k! (Stirling's series; exact to 1e-10 from k = 10, by product below)."""
    if k < 10.0:
        product = 1.0
        for i in range(2, int(k) + 1):
            product *= i
        return float(np.log(product))
    x = k + 1.0
    series: float = (x - 0.5) * np.log(x) - x + 0.9189385332046727 + 1.0 / (12.0 * x) - 1.0 / (360.0 * x * x * x)
    return series


@procedure
def binomial(n: int, p: float, seed: Any, store: Any, hour: Any, purpose: Any, entity: Any) -> int:
    """Binomial variate by inversion; n x p may be large, the work grows with it. Beyond n = 400 it is split."""
    done = 0
    part = 0
    while n > 0:
        size = min(n, 400)
        done += binomial_by_inversion(size, p, fine_uniform(seed, store, hour, purpose, entity, part))
        n -= size
        part += 1
    return done


@procedure
def binomial_by_inversion(n: int, p: float, u: float) -> int:
    """Binomial variate for n <= 400 from one uniform."""
    if p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    if p > 0.5:
        return n - binomial_by_inversion_low(n, 1.0 - p, 1.0 - u)
    return binomial_by_inversion_low(n, p, u)


@procedure
def binomial_by_inversion_low(n: int, p: float, u: float) -> int:
    """Binomial variate for p <= 1/2: the smallest k whose distribution function reaches u."""
    odds = p / (1.0 - p)
    mass = (1.0 - p) ** n
    k = 0
    while u > mass and k < n:
        u -= mass
        k += 1
        mass *= odds * (n - k + 1) / k
    return k


@procedure
def negative_binomial(mean: float, size: float, u: float) -> int:
    """Negative binomial variate by inversion: variance mean + mean^2 / size."""
    q = mean / (mean + size)
    mass = (1.0 - q) ** size
    k = 0
    while u > mass and k < 1000:
        u -= mass
        k += 1
        mass *= q * (size + k - 1.0) / k
    return k


@procedure
def geometric_days(hazard: float, u: float, longest: int) -> int:
    """Whole days until an event with a fixed daily hazard: 1, 2, ..., at most `longest`."""
    if hazard >= 1.0:
        return 1
    return int(min(float(longest), 1.0 + np.floor(np.log(u) / np.log(1.0 - hazard))))


def keyed_generator(*key: int) -> np.random.Generator:
    """A numpy generator for drawing what is fixed before time starts, such as a store of a population.

    Args:
        key: non-negative whole numbers that say what the draws are for, for example (seed, split, store).
    """
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def as_keys(values: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Whole numbers folded into the 32 bits of a Philox key word."""
    return (values.astype(np.uint64) & np.uint64(0xFFFFFFFF)).astype(np.uint64)
