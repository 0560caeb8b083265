"""What a correction is worth in a state: a network whose weights are shared over listings."""

from typing import cast

import torch
from torch import Tensor, nn

from merchantgym.envs.engines.layout import N_CHANNELS

from ..policy import ListingEncoder


class CorrectionValue(nn.Module):
    """Value (n, 1) of a correction, 0 before training; for any number of listings."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.encoder = ListingEncoder(width, action=True)
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, shop: Tensor, items: Tensor, correction: Tensor) -> Tensor:
        """Of standardised shop (n, N_SHOP) and listings (n, K, N_ITEM), and correction (n, C + K + 1)."""
        shop = torch.cat((shop, correction[:, :N_CHANNELS], correction[:, -1:]), 1)
        context, _ = self.encoder(shop, torch.cat((items, correction[:, N_CHANNELS:-1, None]), 2))
        return cast(Tensor, self.head(context))
