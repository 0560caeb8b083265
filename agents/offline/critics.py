"""What a state, and what a correction in it, is worth: networks whose weights are shared over listings."""

from typing import cast

import torch
from torch import Tensor, nn

from merchantgym.envs.engines.layout import N_CHANNELS

from ..policy import N_ITEM, N_SHOP


class CorrectionValue(nn.Module):
    """Value (n, 1) of standardised inputs with a correction, 0 before training; for any number of listings."""

    def __init__(self, width: int) -> None:
        super().__init__()
        shop = N_SHOP + N_CHANNELS + 1
        self.of_shop = nn.Linear(shop, width)
        self.of_item = nn.Linear(N_ITEM + 1, width, bias=False)
        self.item = nn.Linear(width, width)
        self.context = nn.Linear(shop + 2 * width, width)
        self.head = nn.Linear(width, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, shop: Tensor, items: Tensor, correction: Tensor) -> Tensor:
        """Of shop (n, N_SHOP), listings (n, K, N_ITEM) and correction (n, C + K + 1)."""
        own = correction[:, N_CHANNELS:-1, None]
        shop = torch.cat((shop, correction[:, :N_CHANNELS], correction[:, -1:]), 1)
        first = torch.tanh(self.of_item(torch.cat((items, own), 2)) + self.of_shop(shop)[:, None, :])
        second = torch.tanh(self.item(first))
        pooled = torch.cat((shop, second.mean(1), second.amax(1)), 1)
        return cast(Tensor, self.head(torch.tanh(self.context(pooled))))
