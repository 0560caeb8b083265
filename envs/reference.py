"""Reference stores of a population, whose truth is known, and what they teach: which traits go with which signs."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from .back_office import BackOffice
from .engines.layout import FloatArray
from .market.parameters import Market
from .population import Population
from .scenario import Scenario
from .store import Store
from .traits import likeness, listing_signs, listing_traits, shop_signs, shop_traits

REFERENCE_SEED = 0x7EF
"""Seed of the population of reference stores; a study's own seed gives other stores."""
_STORES = 1024
_FARTHEST = 3.0  # [sd] a sign is taken to lie at most so far from the reference shops' mean


@dataclass(frozen=True, eq=False)
class Regression:
    """Traits as a linear function of signs, and what it missed of the rows it was fitted to."""

    mean: FloatArray  # (F,) of the signs
    scale: FloatArray  # (F,)
    weights: FloatArray  # (F + 1, T)
    missed: FloatArray  # (N, T)

    def expect(self, signs: FloatArray) -> FloatArray:
        """Expected traits, shape (n, T), of signs (n, F); an unknown sign is taken to be the usual one."""
        return _design(signs, self.mean, self.scale) @ self.weights


@dataclass(frozen=True, eq=False)
class Reference:
    """Stores whose truth is known, and what it is learnt from."""

    stores: tuple[Store, ...]
    listing: Regression  # rows: stores x listings
    shop: Regression  # rows: stores
    likeness: FloatArray  # (N, 4)
    reviews: FloatArray  # (N, K)


def reference(scenario: Scenario, market: Market) -> Reference:
    """The reference stores of a scenario and what was learnt from them; kept, since it depends on nothing else."""
    return _reference(scenario.model_dump_json(), market)


@lru_cache(maxsize=32)
def _reference(scenario: str, market: Market) -> Reference:
    population = Population(Scenario.model_validate_json(scenario), REFERENCE_SEED, market)
    opened = population.open("train", _STORES)
    offices = opened.offices
    shop = np.stack([shop_signs(office, population.market) for office in offices])
    own = np.stack([all_signs(office, population.market) for office in offices])
    traits = np.stack([listing_traits(store) for store in opened.stores])
    return Reference(
        stores=opened.stores,
        listing=_fit(own.reshape(-1, own.shape[2]), traits.reshape(-1, traits.shape[2])),
        shop=_fit(shop, np.stack([shop_traits(store) for store in opened.stores])),
        likeness=np.stack([likeness(office) for office in offices]),
        reviews=np.stack([office.reviews for office in offices]),
    )


def all_signs(office: BackOffice, market: Market) -> FloatArray:
    """Signs of each listing and, beside them, those of its shop, shape (K, F)."""
    own, shop = listing_signs(office, market), shop_signs(office, market)
    return np.hstack((own, np.broadcast_to(shop, (len(own), len(shop)))))


def _fit(signs: FloatArray, traits: FloatArray) -> Regression:
    mean, scale = signs.mean(axis=0), signs.std(axis=0)
    design = _design(signs, mean, scale)
    weights = np.linalg.lstsq(design, traits, rcond=1e-10)[0].astype(np.float64)
    return Regression(mean, scale, weights, traits - design @ weights)


def _design(signs: FloatArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """Standardised signs (n, F + 1), the last column 1; what never varied among the reference shops counts for 0."""
    varied = scale > 1e-9
    standard = np.where(varied, (signs - mean) / np.where(varied, scale, 1.0), 0.0)
    standard = np.clip(np.nan_to_num(standard), -_FARTHEST, _FARTHEST)
    return np.hstack((standard, np.ones((len(signs), 1))))
