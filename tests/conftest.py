"""Fixtures of all tests: populations opened once a session, and hypothesis without a clock or chance."""

import pytest
from hypothesis import Phase, settings

from merchantgym.envs.opening import OpenStores

from .worlds import opened

# The first example compiles; and a test that fails today must fail tomorrow.
settings.register_profile("tests", deadline=None, derandomize=True, phases=set(Phase) - {Phase.explain})
settings.load_profile("tests")


@pytest.fixture(scope="session")
def headline() -> OpenStores:
    """32 stores of the headline scenario on the eve of their plans. Not to be changed in place."""
    return opened("headline")


@pytest.fixture(scope="session")
def steady() -> OpenStores:
    """32 stores of the steady scenario on the eve of their plans. Not to be changed in place."""
    return opened("steady")
