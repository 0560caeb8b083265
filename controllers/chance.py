"""Chance for actors: a pure function of a seed, a store's plan, the hour and the place in the action."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.plan import PlanArrays


def plan_marks(plans: PlanArrays, n: int) -> NDArray[np.float64]:
    """Whole numbers below 2^53 that tell n plans apart, shape (n,)."""
    rows = zip(plans.bid, plans.price, plans.budget_total, plans.start_hour, strict=True)
    marks = np.array([_mark(*(np.asarray(part, dtype=np.float64) for part in row)) for row in rows])
    return np.broadcast_to(marks, (n,)).copy()


def uniforms(seed: float, mark: NDArray[np.float64], hour: NDArray[np.float64], places: int) -> NDArray[np.float64]:
    """Independent draws from [0, 1), shape (n, places).

    Args:
        seed: whole number.
        mark: from `plan_marks`, shape (n,).
        hour: of the plan, shape (n,).
        places: draws a store.
    """
    place = np.arange(places, dtype=np.uint64)
    word = _mixed(_mixed(mark.astype(np.uint64) ^ np.uint64(int(seed) << 21)) ^ hour.astype(np.uint64))
    drawn: NDArray[np.float64] = (_mixed(word[:, None] + place) >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return drawn


def check_seed(seed: float) -> None:
    """Refuse a seed that is no whole number. Raises: ValueError."""
    if seed != int(seed):
        raise ValueError(f"seed(={seed}) must be a whole number")


def _mark(*parts: NDArray[np.float64]) -> float:
    """A whole number below 2^53 that tells plans apart."""
    digest = blake2b(b"".join(part.tobytes() for part in parts), digest_size=8).digest()
    return float(int.from_bytes(digest, "little") >> 11)


def _mixed(word: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64: a well-mixed word for each word (Steele, Lea and Flood 2014)."""
    word = word * np.uint64(0xD1342543DE82EF95) + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
