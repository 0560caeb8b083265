"""Networks that correct a controller: untrained ones, ones that correct a good deal, and one that remembers."""

from typing import cast

import torch
from torch import Tensor, nn

from merchantgym.agents.inputs import OBSERVED, Layout
from merchantgym.agents.policy import Correction


class Remembering(Correction):
    """A correction with a recurrent cell over the shop and one over each listing."""

    def __init__(self, width: int, layout: Layout = OBSERVED) -> None:
        super().__init__(width, layout)
        self.of_shop = nn.GRUCell(layout.shop, 3)
        self.of_item = nn.GRUCell(layout.item, 2)
        self.head = nn.Linear(3 + 2, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def begin(self, n: int, listings: int) -> tuple[Tensor, ...]:
        """(n, 3) and (n, K, 2)."""
        return torch.zeros(n, 3), torch.full((n, listings, 2), 0.25)

    def forward(self, inputs: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:  # type: ignore[override]
        """Correction and new memory."""
        shop, items = self.scaling(inputs)
        whole, own = memory
        flat = self.of_item(items.reshape(-1, items.shape[2]), own.reshape(-1, own.shape[2]))
        own, whole = flat.reshape(own.shape), self.of_shop(shop, whole)
        more = self.head(torch.cat((whole, own.mean(1)), 1))
        return cast(Tensor, (self.net(shop, items) + more).clamp(-1.0, 1.0)), whole, own


def frozen(correction: Correction, spread: float = 0.0) -> Correction:
    """A network as it is executed; `spread` of what is added to its weights: 0 leaves it untrained."""
    chance = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for weight in correction.parameters():
            weight.add_(spread * torch.randn(weight.shape, generator=chance))
    return correction.eval().requires_grad_(False)
