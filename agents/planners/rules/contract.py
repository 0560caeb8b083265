"""What a unit sold leaves, to the party that decides and to the merchant, under the terms a shop is hosted on.

The plan is written for the party that sets the price, because it bears what a wrong price costs: the merchant (or the
executor on its behalf), and the platform where it sells on its own account. Only that party's margin enters bids,
prices and what is worth advertising. Ads count at their full price whoever pays: a platform's ad on its own pages takes
the place of one that a rival would have paid for, and a merchant whose ads are half paid for should not bid double with
the other's money. Goal, target and forecast stay the merchant's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.hosting import Hosting

from .gains import OrderGains


@dataclass(frozen=True)
class UnitTerms:
    """A party's account of one unit: `price * (1 - fees) - goods * cost - carriage`."""

    fees: float  # [share of revenue] commission, payment fee and returns
    goods: float  # [multiple of the merchant's cost] what the unit costs this party
    carriage: NDArray[np.float64]  # [CNY/unit] shape (K,)


def deciding_terms(hosting: Hosting, order_units: NDArray[np.float64], gains: OrderGains) -> UnitTerms:
    """Terms of the party that sets the price; `order_units`: units of a mean order, shape (K,)."""
    carriage = hosting.unit_logistics + hosting.order_logistics / order_units
    if hosting.supply_markup is not None:
        return UnitTerms(
            fees=gains.returns * (1.0 - hosting.return_share),
            goods=1.0 + hosting.supply_markup,
            carriage=carriage * (1.0 - hosting.logistics_share),
        )
    commission = gains.commission if hosting.commission_rate is None else hosting.commission_rate
    return UnitTerms(
        fees=commission + gains.returns * hosting.return_share + hosting.payment_fee,
        goods=1.0,
        carriage=carriage * hosting.logistics_share,
    )


def supplier_margin(
    hosting: Hosting, cost: NDArray[np.float64], order_units: NDArray[np.float64], gains: OrderGains
) -> NDArray[np.float64] | None:
    """What a unit leaves to a merchant who supplies the platform [CNY/unit], shape (K,); None where it sells itself."""
    if hosting.supply_markup is None:
        return None
    supply = cost * (1.0 + hosting.supply_markup)
    carriage = hosting.unit_logistics + hosting.order_logistics / order_units
    margin: NDArray[np.float64] = (
        supply * (1.0 - gains.returns * hosting.return_share) - cost - carriage * hosting.logistics_share
    )
    return margin
