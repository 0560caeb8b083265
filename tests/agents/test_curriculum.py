"""A curriculum: shares that move from easy to hard, stores drawn by them, and only those of its stages."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from merchantgym.agents.curriculum import Curriculum
from merchantgym.agents.sb3_env import FleetVecEnv
from merchantgym.envs.population import Population, open_together
from merchantgym.envs.scenario import load_scenario

from ..worlds import plans_for

sizes = st.lists(st.integers(1, 50), min_size=1, max_size=5).map(tuple)


@given(sizes, st.floats(0.01, 1.0), st.floats(0.0, 3.0))
def test_shares_are_of_neighbours_and_sum_to_one(sizes: tuple[int, ...], until: float, progress: float) -> None:
    shares = Curriculum(sizes, until).shares(progress)
    assert shares.sum() == pytest.approx(1.0)
    assert (shares >= 0.0).all()
    played = np.flatnonzero(shares)
    assert played[-1] - played[0] <= 1
    if progress >= until:
        assert shares[-1] == 1.0


@given(sizes, st.integers(0, 2**31))
def test_it_begins_with_the_easy_and_ends_with_the_hard(sizes: tuple[int, ...], seed: int) -> None:
    course = Curriculum(sizes)
    first, last = (course.draw(progress, np.random.default_rng(seed)) for progress in (0.0, 1.0))
    assert 0 <= first < sizes[0]
    assert sum(sizes[:-1]) <= last < sum(sizes)


def test_stores_of_several_scenarios_are_those_that_each_opens_alone() -> None:
    populations = [Population(load_scenario(name)) for name in ("steady", "headline")]
    both = open_together(populations, "train", (2, 3))
    alone = [
        store for population, n in zip(populations, (2, 3), strict=True) for store in population.open("train", n).stores
    ]
    assert [store.name for store in both.stores] == [store.name for store in alone]
    headline = populations[1].open("train", 3)
    np.testing.assert_array_equal(both.start.state.total[2:], headline.start.state.total)
    fewer = Population(load_scenario("headline").model_copy(update={"listings": 3}))
    with pytest.raises(ValueError, match=r"listings\(=3\) must be 8, as in steady"):
        open_together([populations[0], fewer], "train", (1, 1))


def test_slots_play_what_the_curriculum_draws_at_that_time() -> None:
    stores = open_together([Population(load_scenario(name)) for name in ("steady", "headline")], "train", (4, 4))
    plans = plans_for(stores, days=np.full(8, 1))
    world = FleetVecEnv(stores, plans, 16, seed=1, twins=2, stagger=0, curriculum=Curriculum((4, 4), 0.5), plays=80)
    world.reset()
    played = [Counter(world._store // 4)]
    for _ in range(9 * 24):
        _, _, dones, _ = world.step(np.zeros((16, 11)))
        if dones.all():
            played.append(Counter(world._store // 4))
    assert (world._store[::2] == world._store[1::2]).all(), "twins play the same store"
    assert played[0][0] >= 12
    assert all(count[1] == 16 for count in played[6:])


@pytest.mark.parametrize(
    ("given_sizes", "until", "message"),
    [((), 0.5, r"sizes\(=\(\)\)"), ((3, 0), 0.5, r"sizes"), ((3,), 0.0, r"until\(=0.0\) must be in \(0, 1\]")],
)
def test_impossible_curricula_are_refused(given_sizes: tuple[int, ...], until: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Curriculum(given_sizes, until)


def test_a_curriculum_of_other_stores_is_refused() -> None:
    stores = Population(load_scenario("steady")).open("train", 3)
    with pytest.raises(ValueError, match=r"sum to the number of stores\(=3\)"):
        FleetVecEnv(stores, plans_for(stores), 3, seed=0, curriculum=Curriculum((2, 2)))
