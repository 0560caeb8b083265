"""Fixtures of all tests: populations opened once a session, and hypothesis without a clock or chance."""

import pytest
from hypothesis import settings

from merchantgym.envs.opening import OpenStores
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import load_scenario

# The first example compiles; and a test that fails today must fail tomorrow.
settings.register_profile("tests", deadline=None, derandomize=True)
settings.load_profile("tests")


@pytest.fixture(scope="session")
def headline() -> OpenStores:
    """32 stores of the headline scenario on the eve of their plans. Not to be changed in place."""
    return Population(load_scenario("headline")).open("train", 32)


@pytest.fixture(scope="session")
def steady() -> OpenStores:
    """32 stores of the steady scenario on the eve of their plans. Not to be changed in place."""
    return Population(load_scenario("steady")).open("train", 32)
