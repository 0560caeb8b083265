"""The policy network: weights shared over listings, and the residual actor that starts as its base controller."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor

from merchantgym.agents.policy import (
    N_ITEM,
    N_SHOP,
    Correction,
    ListingPolicy,
    Standard,
    input_size,
    listings_of,
    split_input,
)
from merchantgym.agents.residual import ResidualActor
from merchantgym.controllers import CONTROLLERS, make_controller
from merchantgym.envs.observation import N_GLOBAL, N_LISTING, observation_size
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.rollout import rollout
from merchantgym.envs.task import action_size

from ..worlds import plans_for


def policy(listings: int, log_std: float = -1.0) -> ListingPolicy:
    """An untrained policy for stores with so many listings."""
    seen = spaces.Box(-10.0, 10.0, (input_size(listings),), dtype=np.float32)
    act = spaces.Box(-1.0, 1.0, (action_size(listings),), dtype=np.float32)
    return ListingPolicy(seen, act, lambda _: 1e-3, width=16, log_std_init=log_std)


def inputs(rows: int, listings: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(rows, input_size(listings))).astype(np.float32))


def trained(width: int = 16, seed: int = 0) -> Correction:
    """A network with weights that were not left at zero."""
    correction = Correction(width)
    chance = torch.Generator().manual_seed(seed)
    for weight in correction.parameters():
        weight.data.normal_(0.0, 0.3, generator=chance)
    return correction.eval().requires_grad_(False)


def shuffled(rows: Tensor, order: list[int]) -> Tensor:
    """The same inputs with the listings in another order."""
    count = len(order)
    out = rows.clone()
    blocks = rows[:, N_GLOBAL : observation_size(count)].reshape(len(rows), count, N_LISTING)
    out[:, N_GLOBAL : observation_size(count)] = blocks[:, order].reshape(len(rows), -1)
    first = observation_size(count) + 2
    out[:, first : first + count] = rows[:, first : first + count][:, order]
    return out


@pytest.mark.parametrize("base", [name for name in CONTROLLERS if name != "random"])
def test_before_training_a_residual_is_its_base_controller_bit_for_bit(headline: OpenStores, base: str) -> None:
    actor = make_controller(base)
    residual = ResidualActor(actor, Correction(16).eval(), 1.0)
    plans = plans_for(headline)
    mine, theirs = rollout(residual, headline, plans, 5), rollout(actor, headline, plans, 5)
    assert np.array_equal(mine.terms, theirs.terms)
    assert np.array_equal(mine.totals, theirs.totals)


def test_a_correction_moves_the_action_by_at_most_its_scale(headline: OpenStores) -> None:
    base, plans = make_controller("value_pid"), plans_for(headline)
    residual = ResidualActor(base, trained(), 0.1)
    observation = np.random.default_rng(1).uniform(0.0, 1.0, (32, observation_size(8))).astype(np.float32)
    memory = base.init(plans, 32)
    moved = residual.act(observation, memory)[0] - base.act(observation, memory)[0]
    assert 0.0 < np.abs(moved).max() <= 0.1 + 1e-12
    assert np.abs(residual.act(observation, memory)[0]).max() <= 1.0


def test_weights_do_not_depend_on_the_number_of_listings() -> None:
    few, many = policy(2), policy(16)
    shapes = {name: value.shape for name, value in few.state_dict().items()}
    assert shapes == {name: value.shape for name, value in many.state_dict().items()}
    many.load_state_dict(few.state_dict())
    action, value, log_probability = many(inputs(3, 16))
    assert action.shape == (3, action_size(16))
    assert value.shape == (3, 1)
    assert log_probability.shape == (3,)


@pytest.mark.parametrize("listings", [1, 4, 16])
def test_listings_in_another_order_get_the_same_corrections_in_that_order(listings: int) -> None:
    correction, rows = trained(), inputs(5, listings)
    order = np.random.default_rng(3).permutation(listings).tolist()
    straight, turned = correction(rows), correction(shuffled(rows, order))
    whole = [0, 1, action_size(listings) - 1]
    assert torch.allclose(straight[:, whole], turned[:, whole], atol=1e-6)
    assert torch.allclose(straight[:, 2:-1][:, order], turned[:, 2:-1], atol=1e-6)


def test_inputs_are_split_into_the_shop_and_its_listings() -> None:
    rows = torch.arange(float(input_size(3)))[None]
    shop, items = split_input(rows)
    assert shop.shape == (1, N_SHOP)
    assert items.shape == (1, 3, N_ITEM)
    base = observation_size(3)
    assert shop[0, N_GLOBAL:].tolist() == [base, base + 1, base + 5]
    assert items[0, :, -1].tolist() == [base + 2, base + 3, base + 4]
    assert items[0, 1, 0] == N_GLOBAL + N_LISTING


def test_a_length_that_fits_no_number_of_listings_is_refused() -> None:
    with pytest.raises(ValueError, match=r"policy input length\(=100\) must be 39 \+ 31 x listings"):
        listings_of(100)


def test_the_scale_of_the_inputs_travels_with_the_weights() -> None:
    sample = 3.0 + 2.0 * np.random.default_rng(0).normal(size=(500, input_size(4)))
    teacher = policy(4)
    teacher.standardise(Standard.of(sample))
    scaling = teacher.correction().scaling
    assert torch.allclose(scaling.shop_mean, torch.full((N_SHOP,), 3.0), atol=0.4)
    assert torch.allclose(scaling.item_scale, torch.full((N_ITEM,), 2.0), atol=0.3)
    assert all(torch.equal(a, b) for a, b in zip(scaling.buffers(), teacher.heads.scaling.buffers(), strict=True))


def test_an_input_that_never_varies_is_not_blown_up() -> None:
    standard = Standard.of(np.ones((10, input_size(2))))
    assert np.array_equal(standard.shop_scale, np.ones(N_SHOP, dtype=np.float32))


def test_exploration_has_one_spread_for_channels_one_for_listings_one_for_the_discount() -> None:
    network = policy(5)
    network.log_std.data = torch.tensor([-1.0, -2.0, -3.0])
    spread = network.get_distribution(inputs(1, 5)).distribution.stddev[0].log()
    assert spread.tolist() == pytest.approx([-1.0] * 2 + [-2.0] * 5 + [-3.0])


@pytest.mark.parametrize("ask", [lambda p, x: p(x, deterministic=True)[0], lambda p, x: p.correction()(x)])
def test_an_untrained_policy_corrects_nothing(ask: Callable[[ListingPolicy, Tensor], Tensor]) -> None:
    assert torch.equal(ask(policy(3), inputs(4, 3)), torch.zeros(4, action_size(3)))
