"""A policy that remembers: an LSTM over the pooled context of a store, whose weights are shared over listings.

The memory is the store's, not each listing's: its size must not depend on the number of listings for SB3 to keep it,
and what is worth remembering (how hard rivals bid, how demand moves) is common to them. A listing's own past is in its
features, which are counts and running means. Memory moves on once a decision, as in training: between decisions the
correction is held.
"""

import torch
from torch import Tensor, nn

from merchantgym.envs.engines.layout import N_CHANNELS

from .inputs import OBSERVED, Layout
from .policy import ListingEncoder, Scaling


class RecurrentNet(nn.Module):
    """The actor: corrections (n, C + K + 1) from standardised inputs and what is remembered, exactly 0 at first."""

    def __init__(self, width: int, units: int, layout: Layout = OBSERVED) -> None:
        super().__init__()
        self.encoder = ListingEncoder(width, layout)
        self.lstm = nn.LSTM(width, units)
        self.shop = nn.Linear(width + units, N_CHANNELS + 1)
        self.item = nn.Linear(width, 1)
        self.item_context = nn.Linear(width + units, 1, bias=False)
        for head in (self.shop, self.item, self.item_context):
            nn.init.zeros_(head.weight)
            if head.bias is not None:
                nn.init.zeros_(head.bias)

    def heads(self, context: Tensor, recalled: Tensor, encoded: Tensor) -> Tensor:
        """Corrections [channels | listings | discount]."""
        both = torch.cat((context, recalled), 1)
        whole = self.shop(both)
        own = self.item(encoded).squeeze(2) + self.item_context(both)
        return torch.cat((whole[:, :N_CHANNELS], own, whole[:, N_CHANNELS:]), 1)

    def forward(self, shop: Tensor, items: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Corrections of one decision, and hidden and cell state (n, units) after it."""
        context, encoded = self.encoder(shop, items)
        hidden, cell = self._remember(context, hidden, cell)
        return self.heads(context, hidden, encoded), hidden, cell

    def _remember(self, context: Tensor, hidden: Tensor, cell: Tensor) -> tuple[Tensor, Tensor]:
        """One step of the LSTM, spelt out so that it can be exported for any number of stores."""
        of = self.lstm.get_parameter
        gates = nn.functional.linear(context, of("weight_ih_l0"), of("bias_ih_l0"))
        gates = gates + nn.functional.linear(hidden, of("weight_hh_l0"), of("bias_hh_l0"))
        enter, forget, fresh, leave = gates.chunk(4, 1)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(fresh)
        return torch.sigmoid(leave) * torch.tanh(cell), cell


class RecurrentCorrection(nn.Module):
    """What is exported and executed; see `policy.Correction` for networks that remember.

    Its memory: hours passed (n,), what is held of channels and discount (n, C + 1) and of listings (n, K), hidden and
    cell state (n, units).
    """

    def __init__(self, width: int, units: int, hold: int, layout: Layout = OBSERVED) -> None:
        super().__init__()
        self.width, self.units, self.hold = width, units, hold
        self.squash = False
        self.scaling = Scaling(layout)
        self.net = RecurrentNet(width, units, layout)

    def begin(self, n: int, listings: int) -> tuple[Tensor, ...]:
        """Memory of n stores at the start of their plans."""
        state = torch.zeros(n, self.units)
        return torch.zeros(n), torch.zeros(n, N_CHANNELS + 1), torch.zeros(n, listings), state, state.clone()

    def forward(
        self, inputs: Tensor, hour: Tensor, ends: Tensor, listings: Tensor, hidden: Tensor, cell: Tensor
    ) -> tuple[Tensor, ...]:
        """The correction of the coming hour, and the memory after it."""
        decided, after_hidden, after_cell = self.net(*self.scaling(inputs), hidden, cell)
        decided = decided.clamp(-1.0, 1.0)
        now = (torch.remainder(hour, self.hold) == 0)[:, None]
        ends = torch.where(now, torch.cat((decided[:, :N_CHANNELS], decided[:, -1:]), 1), ends)
        listings = torch.where(now, decided[:, N_CHANNELS:-1], listings)
        held = torch.cat((ends[:, :N_CHANNELS], listings, ends[:, N_CHANNELS:]), 1)
        hidden, cell = torch.where(now, after_hidden, hidden), torch.where(now, after_cell, cell)
        return held, hour + 1.0, ends, listings, hidden, cell
