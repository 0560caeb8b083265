"""What a unit leaves to whom: the rule planner's costs under each hosting model."""

import numpy as np
import pytest

from merchantgym.agents.planners.rules.contract import deciding_terms, supplier_margin
from merchantgym.agents.planners.rules.gains import OrderGains
from merchantgym.envs.hosting import load_hosting

UNITS = np.array([10.0, 40.0])
COST = np.array([5.0, 20.0])
GAINS = OrderGains(commission=0.05, returns=0.04)
CARRIAGE = np.array([0.85, 0.25])  # 8 CNY an order and 0.05 a unit


@pytest.mark.parametrize(
    ("name", "fees", "goods", "carriage"),
    [
        ("marketplace", 0.05 + 0.04, 1.0, 0.0 * CARRIAGE),
        ("own_shop", 0.006 + 0.04, 1.0, 0.0 * CARRIAGE),
        ("semi_managed", 0.08 + 0.5 * 0.04, 1.0, 0.0 * CARRIAGE),
        ("fully_managed", 0.7 * 0.04, 1.2, CARRIAGE),  # the platform's account
    ],
)
def test_the_party_that_sets_the_price_counts_its_own_costs(
    name: str, fees: float, goods: float, carriage: np.ndarray
) -> None:
    terms = deciding_terms(load_hosting(name), UNITS, GAINS)
    assert (terms.fees, terms.goods) == (pytest.approx(fees), goods)
    assert terms.carriage == pytest.approx(carriage)


def test_a_supplier_earns_its_markup_less_its_share_of_returns() -> None:
    margin = supplier_margin(load_hosting("fully_managed"), COST, UNITS, GAINS)
    assert margin == pytest.approx(1.2 * COST * (1.0 - 0.3 * 0.04) - COST)
    for name in ("marketplace", "own_shop", "semi_managed"):
        assert supplier_margin(load_hosting(name), COST, UNITS, GAINS) is None


def test_carriage_is_shared_where_the_terms_say_so() -> None:
    shared = load_hosting("semi_managed").model_copy(update={"logistics_share": 0.25})
    assert deciding_terms(shared, UNITS, GAINS).carriage == pytest.approx(0.25 * CARRIAGE)
