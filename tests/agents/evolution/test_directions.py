"""The few directions move bids, channels, prices and listings apart from each other, and only by inputs that vary."""

import numpy as np
import pytest

from merchantgym.agents.evolution.directions import directions_of
from merchantgym.agents.evolution.features import Item, Shop
from merchantgym.agents.evolution.policy import Shape
from merchantgym.agents.evolution.settings import EvolutionSettings

SHAPE = Shape(half_lives=(24.0,))
STANDARD = np.ones((2, SHAPE.shop + SHAPE.item))


def test_all_directions_are_the_weights_themselves() -> None:
    np.testing.assert_array_equal(directions_of("all", SHAPE, STANDARD), np.eye(SHAPE.weights))


def test_few_directions_are_independent_and_each_moves_one_part_of_the_action() -> None:
    few = directions_of("few", SHAPE, STANDARD)
    assert few.shape == (SHAPE.weights, 43)
    assert np.linalg.matrix_rank(few) == 43
    search, feed, discount, own = np.split(few, [SHAPE.shop, 2 * SHAPE.shop, 3 * SHAPE.shop])
    level = (search == feed).all(axis=0) & search.any(axis=0)
    difference = (search == -feed).all(axis=0) & search.any(axis=0)
    assert level.sum() == 13
    assert difference.sum() == 9
    assert discount.any(axis=0).sum() == 11
    assert own.any(axis=0).sum() == 10
    assert (level + 0 + difference + discount.any(axis=0) + own.any(axis=0) == 1).all()
    assert own[Item.BASE].any()
    assert discount[Shop.TIME_LEFT].any()


def test_an_input_that_never_varies_has_no_direction() -> None:
    standard = STANDARD.copy()
    standard[1, Shop.PROMOTION_DAY] = 0.0
    assert directions_of("few", SHAPE, standard).shape[1] == 40


def test_few_directions_are_of_a_linear_policy() -> None:
    with pytest.raises(ValueError, match=r"agent.hidden\(=2\) must be 0"):
        EvolutionSettings("mpc", directions="few", hidden=2)
    with pytest.raises(ValueError, match=r"agent.directions\(='some'\) must be one of: all, few"):
        EvolutionSettings("mpc", directions="some")


def test_parts_and_inputs_can_be_left_out_and_added() -> None:
    bids = directions_of("few", SHAPE, STANDARD, ("level", "channels"))
    np.testing.assert_array_equal(bids, directions_of("few", SHAPE, STANDARD)[:, :22])
    surprises = directions_of("few", SHAPE, STANDARD, surprises=True)
    assert surprises.shape[1] == 43 + 3 + 3 + 3
    assert np.linalg.matrix_rank(surprises) == 52
    seeing = Shape(half_lives=(24.0,), insight=(2, 3))
    thought = directions_of("few", seeing, np.ones((2, seeing.inputs)))
    assert thought.shape[1] == 43 + 2 + 2 + 3
    apart = Shape(half_lives=(24.0,), apart=4)
    assert directions_of("few", apart, STANDARD).shape[1] == 43 + 3 * 10


@pytest.mark.parametrize("heads", [[], ["price"], "level"])
def test_parts_that_are_none_are_named(heads: list[str]) -> None:
    with pytest.raises(ValueError, match=r"agent.heads\(=.*must be a list with some of: level, channels"):
        EvolutionSettings("mpc", heads=heads)
