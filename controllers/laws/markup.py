"""What a shop should charge over its plan's prices: the monopolist's markup, and more where stock is short."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from .arrays import Array
from .gains import check_gains, gain


@dataclass(frozen=True)
class MarkupLaw:
    """Log price correction of a whole shop: approach x (ln best price - ln price) + scarcity x share of goods short.

    Where buyers' elasticity is -e and `charges` of revenue are taken, the best price leaves a gross margin of
    1 - (1 - charges) (1 - 1/e) of itself. Where an order more would take goods that somebody else would have bought,
    goods cost what that order would have brought, and the best price is higher.

    Source: Lerner 1934, "The concept of monopoly and the measurement of monopoly power"; Gallego and van Ryzin 1994,
    "Optimal dynamic pricing of inventories with stochastic demand".
    """

    approach: float = gain(0.7, "share of the way to the best price", (0.0, 1.2), allowed=(0.0, 2.0))
    scarcity: float = gain(0.5, "ln price where all goods are short", (0.0, 1.0), allowed=(0.0, 2.0))
    farthest: float = gain(0.2, "ln price: largest correction", (0.0, 0.22), allowed=(0.0, 2.0))

    def __post_init__(self) -> None:
        check_gains(self)

    def best_margin(self, elasticity: float, charges: float) -> float:
        """Gross margin of the best price, as a share of it; an elasticity of 1.2 or less counts as 1.2."""
        return 1.0 - (1.0 - charges) * (1.0 - 1.0 / max(elasticity, 1.2))

    def correction(
        self, margin_share: Array, weight: Array, spare: Array, elasticity: float, charges: float, xp: Any = np
    ) -> Array:
        """ln(price / plan's price), shape (n, 1).

        Args:
            margin_share: gross margin over the plan's price, shape (n, K), below 1.
            weight: of each item in the mean, shape (n, K), >= 0 and not all 0.
            spare: chance that one more order takes goods that nobody else would have bought, shape (n, K).
            elasticity, charges: as in `worth.WorthLaw`.
            xp: numpy or torch, as the arrays are.
        """
        share = weight / weight.sum(axis=1, keepdims=True)
        margin = (share * margin_share).sum(axis=1, keepdims=True)
        short = (share * (1.0 - spare)).sum(axis=1, keepdims=True)
        gap = xp.log1p(-margin) - float(np.log1p(-self.best_margin(elasticity, charges)))
        return xp.clip(self.approach * gap + self.scarcity * short, -self.farthest, self.farthest)
