"""Small stores for tests of the event engine: few visitors, so that a day takes milliseconds."""

from dataclasses import dataclass

import numpy as np

from merchantgym.envs.engines.event import simulate_events
from merchantgym.envs.engines.event_trace import EventTrace
from merchantgym.envs.engines.layout import ChannelField, ListingField, StateArrays, StoreArrays, StoreField

from ...worlds import Floats, copies, flat_offer, opened, plans_for, set_money


@dataclass(frozen=True)
class World:
    """Stores, where they stand, and what they offer."""

    arrays: StoreArrays
    state: StateArrays
    offer: Floats

    def run(self, hours: int, seed: int = 1, trace: EventTrace | None = None) -> StateArrays:
        """A copy of the state after some hours in the event engine; keys count from 0."""
        state, B = self.state.copy(), self.arrays.stores
        simulate_events(self.arrays, state, self.offer, hours, [seed] * B, list(range(B)), trace=trace)
        return state


def quiet(rows: object = (0, 1), volume: float = 0.15) -> World:
    """Stores of the headline scenario with ample money and few visitors, most of whom click, buy, and think it over."""
    stores = opened("headline")
    chosen = np.asarray(rows)
    arrays, state = copies(stores.start.arrays, stores.start.state, chosen)
    set_money(state)
    arrays.channel[:, :, ChannelField.VOLUME] *= volume
    arrays.channel[:, :, ChannelField.CLICK] += 2.0
    arrays.listing[:, :, ListingField.RELEVANCE] += 2.5
    arrays.listing[:, :, ListingField.RETURN_PROBABILITY] = 0.3
    arrays.store[:, StoreField.RETURN_HAZARD] = 0.5
    arrays.store[:, StoreField.REVIEW_HAZARD] = 0.5
    plans = plans_for(stores)
    return World(arrays, state, flat_offer(len(chosen), plans.bid[chosen], plans.price[chosen] * 100.0))
