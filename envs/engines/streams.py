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

from ..market.compiled import entry, formula, fragment, procedure
from ..market.numeric import exponential, logarithm

_SCALE = 2.0**-32
_MASK = np.uint64(0xFFFFFFFF)
_M0 = np.uint64(0xD2511F53)
_M1 = np.uint64(0xCD9E8D57)
_W0 = np.uint64(0x9E3779B9)
_W1 = np.uint64(0xBB67AE85)
_SHIFT = np.uint64(32)

SMALL_MEAN = 32.0
"""From it on the inversion of a Poisson variate starts at the mode."""
_NEGLIGIBLE = 1e-18
_BEYOND_GRID = 1e-14  # a probability that uniforms on a grid of 2^-32 cannot tell from 0


class Purpose(IntEnum):
    """What a draw is for: the second word of the counter."""

    MARKET = auto()  # demand and rivals' noise
    CLICKS = auto()  # how many; entity: cell
    CLICK = auto()  # entity: cell; attempt: number of the click within it
    CLICK_ORDER = auto()
    IMPRESSIONS = auto()  # entity: channel and listing
    MATURING = auto()  # entity: listing, segment and delay class
    MATURED_ORDER = auto()  # entity: the same and the number of the order
    REVIEWS = auto()  # entity: listing
    STARS = auto()
    COMPLAINTS = auto()
    CLOSING = auto()  # the run-off after the plan's last hour; entity as for MATURING
    CLOSING_ORDER = auto()


@fragment
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


@fragment
def uniforms(seed: Any, store: Any, hour: Any, purpose: Any, entity: Any, attempt: Any) -> Any:
    """Four independent uniforms in the open interval (0, 1), on a grid of 2^-32."""
    a, b, c, d = philox(seed, store, hour, purpose, entity, attempt)
    return (a + 0.5) * _SCALE, (b + 0.5) * _SCALE, (c + 0.5) * _SCALE, (d + 0.5) * _SCALE


@fragment
def fine_uniform(seed: Any, store: Any, hour: Any, purpose: Any, entity: Any, attempt: Any) -> float:
    """One uniform in (0, 1) on a grid of 2^-53."""
    a, b, _, _ = philox(seed, store, hour, purpose, entity, attempt)
    high = np.int64(a >> np.uint64(5))
    low = np.int64(b >> np.uint64(6))
    value: float = (high * 67108864.0 + low + 0.5) * (1.0 / 9007199254740992.0)
    return value


@entry
def normals(u: float, v: float) -> Any:
    """Two independent standard normals from two uniforms (Box and Muller 1958)."""
    radius = np.sqrt(-2.0 * np.log(u))
    return radius * np.cos(2.0 * np.pi * v), radius * np.sin(2.0 * np.pi * v)


@entry
def poisson(mean: float, u: float) -> int:
    """Poisson variate of any mean by inversion: the smallest n whose distribution function reaches u."""
    if mean >= SMALL_MEAN:
        mass = mode_mass(mean)
        p, k, reached, inverse = mass, np.floor(mean), 0.0, 1.0 / mean
        while p > _BEYOND_GRID:
            for _ in range(4):
                reached += p
                p *= k * inverse
                k -= 1.0
        return poisson_from_mode(mean, mass, reached, u)
    n = 0
    p = exponential(-mean)
    reached = p
    while u > reached and p > _NEGLIGIBLE:
        n += 1
        p *= mean * (1.0 / n)
        reached += p
    return n


@formula
def mode_mass(mean: Any) -> Any:
    """Probability of the mode floor(mean) of a Poisson variate of a large mean, by Stirling's series."""
    k = np.floor(mean)
    x = k + 1.0
    log_factorial = (x - 0.5) * logarithm(x) - x + 0.9189385332046727 + (1 / 12 - 1 / 360 / (x * x)) / x
    return exponential(k * logarithm(mean) - mean - log_factorial)


@procedure
def poisson_from_mode(mean: float, mass: float, reached: float, u: float) -> int:
    """Inversion for a large mean, from the mode up or down. Source: Devroye 1986, section X.3.2.

    `mass`, `reached`: probability of the mode floor(mean), and of at most that.
    """
    n = np.floor(mean)
    if u > reached:
        while u > reached and mass > _NEGLIGIBLE:
            n += 1.0
            mass *= mean / n
            reached += mass
        return int(n)
    reached -= mass
    inverse = 1.0 / mean
    while u <= reached and n > 0.0:
        mass *= n * inverse
        n -= 1.0
        reached -= mass
    return int(n)


@entry
def fill_uniforms(seed: Any, store: Any, hour: Any, purpose: Any, out: Any) -> None:
    """Fill `out` (n,), n a multiple of 4, with uniforms on a grid of 2^-32; each depends on its place alone."""
    for j in range(out.shape[0] // 4):
        out[4 * j], out[4 * j + 1], out[4 * j + 2], out[4 * j + 3] = uniforms(seed, store, hour, purpose, j, 0)


@entry
def fill_poisson(means: Any, u: Any, counts: Any, scratch: Any) -> None:
    """Fill `counts` (n,) with Poisson variates of `means` (n,) from uniforms `u` (n,), each as `poisson` finds it.

    All are inverted side by side, in loops that become vector instructions. `scratch`: shape (5, at least n).
    """
    n = means.shape[0]
    p, reached = scratch[0, :n], scratch[1, :n]
    _invert(means, u, counts, p, reached)
    large = 0
    for j in range(n):
        scratch[2, large] = means[j]
        large += 1 if means[j] >= SMALL_MEAN else 0
        if u[j] > reached[j]:
            counts[j] = poisson(means[j], u[j])
    if large > 0:
        _sum_to_mode(scratch[2, :large], p, reached, scratch[3], scratch[4])
        large = 0
        for j in range(n):
            if means[j] >= SMALL_MEAN:
                counts[j] = poisson_from_mode(means[j], scratch[4, large], reached[large], u[j])
                large += 1


@procedure
def _sum_to_mode(means: Any, p: Any, reached: Any, k: Any, mass: Any) -> None:
    """Probabilities of the modes of large means, and of at most these."""
    n = means.shape[0]
    for i in range(n):
        mass[i] = mode_mass(means[i])
    for i in range(n):
        p[i], k[i], reached[i] = mass[i], np.floor(means[i]), 0.0
    going = 1
    while going > 0:
        for i in range(n):
            part, here, total, inverse = p[i], k[i], reached[i], 1.0 / means[i]
            for _ in range(4):
                total += part
                part *= here * inverse
                here -= 1.0
            p[i], k[i], reached[i] = part, here, total
        going = 0
        for i in range(n):
            going += 1 if p[i] > _BEYOND_GRID else 0


@procedure
def _invert(means: Any, u: Any, counts: Any, p: Any, reached: Any) -> None:
    """The loop of `poisson` over all small means at once; large ones count 0."""
    n = means.shape[0]
    for j in range(n):
        p[j] = exponential(-means[j])
        reached[j] = p[j] if means[j] < SMALL_MEAN else 1.0
        counts[j] = 0.0
    value = 0.0
    going = 1
    while going > 0 and value < 4.0 * SMALL_MEAN:
        for j in range(n):
            mean, wanted, mass, sum_, count = means[j], u[j], p[j], reached[j], counts[j]
            for i in range(4):
                count += 1.0 if wanted > sum_ else 0.0
                mass *= mean * (1.0 / (value + i + 1.0))
                sum_ += mass
            p[j], reached[j], counts[j] = mass, sum_, count
        value += 4.0
        going = 0
        for j in range(n):
            going += 1 if u[j] > reached[j] else 0


@entry
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


@entry
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


@entry
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
