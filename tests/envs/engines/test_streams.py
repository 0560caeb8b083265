"""The keyed generator against known answers, and its distributions against scipy's."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from scipy import stats

from merchantgym.envs.engines.streams import (
    Purpose,
    as_keys,
    binomial,
    fill_poisson,
    fill_uniforms,
    fine_uniform,
    geometric_days,
    keyed_generator,
    negative_binomial,
    normals,
    philox,
    poisson,
    uniforms,
)

DRAWS = 12_000
LEAST = 1e-4
"""Chance that a sound generator fails one of the tests below. Keys are fixed, so that it fails always or never."""


@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000", "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff", "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0", "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)
def test_known_answers_of_philox(counter: str, key: str, answer: str) -> None:
    """Vectors of the Random123 distribution (kat_vectors, philox4x32-10)."""
    words = philox(*(int(word, 16) for word in (*key.split(), *counter.split())))
    assert [int(word) for word in words] == [int(word, 16) for word in answer.split()]


def test_a_draw_depends_on_each_part_of_its_key_and_on_nothing_else() -> None:
    base = (1, 2, 3, 4, 5, 6)
    assert uniforms(*base) == uniforms(*base)
    for place in range(6):
        other = list(base)
        other[place] += 1
        assert not set(uniforms(*other)) & set(uniforms(*base))


def test_keys_are_folded_into_32_bits() -> None:
    assert as_keys(np.array([5, 2**32 + 5, -1])).tolist() == [5, 5, 2**32 - 1]


def test_uniforms_are_uniform_and_independent() -> None:
    draws = np.array([uniforms(11, 7, 3, Purpose.CLICK, i, 0) for i in range(DRAWS)])
    assert draws.min() > 0.0
    assert draws.max() < 1.0
    for column in draws.T:
        assert stats.kstest(column, "uniform").pvalue > LEAST
    correlation = np.corrcoef(np.hstack([draws[:-1], draws[1:]]).T)
    assert np.abs(correlation - np.eye(8)).max() < 4.5 / np.sqrt(DRAWS)


def test_fine_uniforms_are_uniform() -> None:
    draws = np.array([fine_uniform(11, 7, 3, Purpose.CLICK, i, 0) for i in range(DRAWS)])
    assert stats.kstest(draws, "uniform").pvalue > LEAST
    assert len(np.unique((draws * 2**40).astype(int) % 256)) == 256  # the low bits are in use


def test_normals_are_normal_and_independent() -> None:
    draws = np.array([normals(*uniforms(11, 7, 3, Purpose.MARKET, i, 0)[:2]) for i in range(DRAWS)])
    for column in draws.T:
        assert stats.kstest(column, "norm").pvalue > LEAST
    assert abs(np.corrcoef(draws.T)[0, 1]) < 4.5 / np.sqrt(DRAWS)
    assert abs(np.corrcoef(draws.T**2)[0, 1]) < 4.5 / np.sqrt(DRAWS)


def goodness(draws: np.ndarray, law: Any) -> float:
    """p-value of a chi-square test, neighbouring values pooled until each bin expects at least 8 draws."""
    top = int(max(draws.max(), law.ppf(1.0 - 1e-9))) + 1
    mass = law.pmf(np.arange(top + 1))
    mass[-1] += law.sf(top)
    expected = mass * len(draws)
    counts = np.bincount(draws, minlength=top + 1)
    edges, held = [0], 0.0
    for value, weight in enumerate(expected):
        held += weight
        if held >= 8.0:
            edges.append(value + 1)
            held = 0.0
    edges[-1] = top + 1
    observed = [counts[a:b].sum() for a, b in pairwise(edges)]
    wanted = np.array([expected[a:b].sum() for a, b in pairwise(edges)])
    return float(stats.chisquare(observed, wanted * len(draws) / wanted.sum()).pvalue)


@pytest.mark.parametrize("mean", [0.01, 0.5, 3.0, 9.99, 10.0, 10.5, 30.0, 400.0, 5000.0])
def test_poisson(mean: float) -> None:
    draws = np.array([poisson(mean, uniforms(3, 1, i, Purpose.CLICKS, 0, 0)[0]) for i in range(DRAWS)])
    assert goodness(draws, stats.poisson(mean)) > LEAST
    assert draws.mean() == pytest.approx(mean, abs=4.0 * np.sqrt(mean / DRAWS))


def test_poisson_of_nothing_is_nothing() -> None:
    assert poisson(0.0, 0.9) == 0


@pytest.mark.parametrize(("mean", "share"), [(2.0, 0.05), (8.0, 0.05), (31.5, 0.02), (40.0, 0.02), (400.0, 0.02)])
def test_poisson_moves_little_when_its_mean_moves_little(mean: float, share: float) -> None:
    """What paired comparisons live on: 3 % more requests bring nearly the same visitors, and never fewer.

    `share`: variance of the difference against that of independent draws.
    """
    low = np.array([poisson(mean, uniforms(3, 1, i, 1, 0, 0)[0]) for i in range(4000)])
    high = np.array([poisson(1.03 * mean, uniforms(3, 1, i, 1, 0, 0)[0]) for i in range(4000)])
    assert (high - low).var() < share * 2.0 * mean
    assert (high >= low).all()


def test_poisson_variates_side_by_side_are_those_one_by_one() -> None:
    means = np.array([0.0, 1e-6, 0.3, 2.0, 9.7, 31.9, 32.0, 33.3, 250.0, 1e4, 0.0, 5.0])
    u, counts = np.empty(12), np.empty(12)
    for hour in range(500):
        fill_uniforms(3, 1, hour, Purpose.IMPRESSIONS, u)
        assert u[5] == uniforms(3, 1, hour, Purpose.IMPRESSIONS, 1, 0)[1]
        fill_poisson(means, u, counts, np.empty((5, 12)))
        assert counts.tolist() == [poisson(mean, value) for mean, value in zip(means, u, strict=True)]


@pytest.mark.parametrize("mean", [0.3, 20.0, 40.0, 3000.0])
@pytest.mark.parametrize("u", [2.0**-33, 1.0 - 2.0**-33, 1.0 - 2.0**-53])
def test_the_ends_of_the_unit_interval_give_possible_numbers(mean: float, u: float) -> None:
    """Where rounding leaves the sum of all probabilities short of u, the search still ends."""
    counts = np.empty(4)
    fill_poisson(np.full(4, mean), np.full(4, u), counts, np.empty((5, 4)))
    assert (counts == poisson(mean, u)).all()
    assert abs(counts[0] - mean) < 14.0 * np.sqrt(mean) + 20.0


@pytest.mark.parametrize(
    ("n", "p"),
    [(1, 0.3), (7, 0.02), (40, 0.5), (40, 0.93), (399, 0.4), (400, 0.6), (401, 0.01), (1000, 0.31), (3000, 0.9)],
)
def test_binomial(n: int, p: float) -> None:
    draws = np.array([binomial(n, p, 3, 1, i, Purpose.MATURING, 0) for i in range(DRAWS)])
    assert goodness(draws, stats.binom(n, p)) > LEAST
    assert draws.max() <= n
    assert draws.mean() == pytest.approx(n * p, abs=4.0 * np.sqrt(n * p * (1.0 - p) / DRAWS))


def test_binomial_at_its_ends() -> None:
    assert binomial(0, 0.5, 3, 1, 0, 1, 0) == 0
    assert binomial(900, 0.0, 3, 1, 0, 1, 0) == 0
    assert binomial(900, 1.0, 3, 1, 0, 1, 0) == 900


@pytest.mark.parametrize(("mean", "size"), [(0.5, 1.58), (1.0, 1.58), (6.0, 1.58), (3.0, 0.4), (20.0, 5.0)])
def test_negative_binomial(mean: float, size: float) -> None:
    draws = np.array(
        [negative_binomial(mean, size, uniforms(3, 1, i, Purpose.CLICK_ORDER, 0, 0)[0]) for i in range(DRAWS)]
    )
    assert goodness(draws, stats.nbinom(size, size / (size + mean))) > LEAST
    assert draws.mean() == pytest.approx(mean, abs=4.0 * np.sqrt((mean + mean**2 / size) / DRAWS))


@pytest.mark.parametrize("hazard", [0.05, 0.2, 0.9])
def test_days_until_an_event_are_geometric_up_to_the_longest(hazard: float) -> None:
    draws = np.array([geometric_days(hazard, uniforms(3, 1, i, 1, 0, 0)[0], 27) for i in range(DRAWS)])
    assert draws.min() == 1
    assert draws.max() <= 27
    law = stats.geom(hazard)
    short = draws[draws < 27]
    expected = law.pmf(np.arange(1, 27)) * DRAWS
    keep = expected >= 8.0
    observed = np.bincount(short, minlength=27)[1:27]
    assert stats.chisquare(observed[keep], expected[keep] * observed[keep].sum() / expected[keep].sum()).pvalue > LEAST
    assert (draws == 27).mean() == pytest.approx(law.sf(26), abs=4.0 * np.sqrt(law.sf(26) / DRAWS) + 1e-9)
    assert geometric_days(1.0, 0.3, 27) == 1


def test_a_generator_for_what_is_fixed_before_time_starts() -> None:
    assert keyed_generator(1, 2, 3).random(4).tolist() == keyed_generator(1, 2, 3).random(4).tolist()
    assert keyed_generator(1, 2, 3).random() != keyed_generator(1, 3, 2).random()
