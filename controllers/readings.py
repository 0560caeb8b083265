"""From an observation to the plain numbers that the laws take."""

from typing import Any

import numpy as np

from merchantgym.envs.observation import Global, ObservationView, PerListing

from .laws import Array, Shelf


def read_shelf(view: ObservationView, days: Array, xp: Any = np) -> Shelf:
    """The listings' plain numbers from an observation, whose scales are inverted exactly.

    Args:
        view: of n stores.
        days: length of each plan [days], shape (n,).
        xp: numpy or torch, as the observation is.
    """
    time_left = view[Global.TIME_LEFT][:, None]
    return Shelf(
        order_margin=xp.expm1(view[PerListing.ORDER_VALUE]),
        orders=xp.expm1(view[PerListing.ORDERS]),
        matured_clicks=xp.expm1(view[PerListing.MATURED_CLICKS]),
        store_rate=xp.exp(view[Global.STORE_CONVERSION])[:, None],
        bid=view[PerListing.PLAN_BID],
        active=view[PerListing.ACTIVE],
        spend_share=view[PerListing.SPEND_SHARE],
        cover=xp.expm1(view[PerListing.STOCK_COVER]),
        days_left=time_left * days[:, None],
        incoming=view[PerListing.INCOMING],
        youth=view[PerListing.FEW_REVIEWS] * time_left,
    )
