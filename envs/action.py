"""The action: corrections of the plan on a log scale. The zero action is the plan as written.

An action has one number in [-1, 1] per channel, one per listing, and one discount for the whole shop:
[search, feed | listing 1 .. K | discount]. See `task` for the scales. A listing's number at its very lowest, -1, is the
pause button: the listing is not advertised in that hour. Where the hosting model leaves the price to the merchant, the
discount has no effect.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .engines.layout import N_CHANNELS, FloatArray, ListingField, Offer
from .market.compiled import entry, fragment, stage
from .market.numeric import exponential
from .market.parameters import CHANNELS
from .plan import MAX_PROMOTIONS
from .task import LOG_CHANNEL, LOG_DISCOUNT, LOG_LISTING, PAUSED, PlanField, PlanListing, action_size


def action_names(listings: int) -> tuple[str, ...]:
    """Names of an action's numbers, in order."""
    return (
        *(f"channel_{name}" for name in CHANNELS),
        *(f"listing_{k}" for k in range(listings)),
        "discount",
    )


def checked_action(action: NDArray[Any], stores: int, listings: int, taken: FloatArray | None = None) -> FloatArray:
    """The action as float64, clipped to [-1, 1].

    Args:
        action: shape (stores, C + K + 1), any real type.
        taken: array of that shape to write to, left alone where the action is refused; a new one by default.
    Raises: ValueError: a wrong shape or a number that is not finite; the message names the first one.
    """
    values = np.ascontiguousarray(action, dtype=np.float64)
    expected = (stores, action_size(listings))
    if np.shape(action) != expected:
        raise ValueError(
            f"action has shape {np.shape(action)}, needs {expected}: "
            f"{N_CHANNELS} channels, {listings} listings, discount"
        )
    taken = np.empty(expected) if taken is None else taken
    if not clip_action(values, taken):
        row, column = np.argwhere(~np.isfinite(values))[0]
        name = action_names(listings)[column]
        raise ValueError(f"action[{row}].{name}(={values[row, column]}) must be a finite number in [-1, 1]")
    return taken


@entry
def clip_action(values: Any, taken: Any) -> bool:
    """Clip `values` to [-1, 1] into `taken`, both (stores, A); False, and nothing done, where one is not finite."""
    for b in range(values.shape[0]):
        for j in range(values.shape[1]):
            if not np.isfinite(values[b, j]):
                return False
    for b in range(values.shape[0]):
        for j in range(values.shape[1]):
            taken[b, j] = min(max(values[b, j], -1.0), 1.0)
    return True


@stage
def own_promotion(hour: int, plan: Any) -> float:
    """Discount of the plan's own promotion in an hour of the plan [share of the price], 0 outside its windows."""
    discount: float = 0.0
    for j in range(MAX_PROMOTIONS):
        first = PlanField.PROMOTIONS + 3 * j
        if plan[first] <= hour < plan[first + 1]:
            discount = max(discount, plan[first + 2])
    discount *= 1.0 - plan[PlanField.PRICE_FIXED]
    return discount


@fragment
def write_offer(hour: int, action: Any, plan: Any, plan_listing: Any, listing: Any, offer: Any) -> None:
    """What the platform is told for the coming hour: bids and prices of one store, from its plan and action rows."""
    listings = offer.shape[0]
    movable = 1.0 - plan[PlanField.PRICE_FIXED]
    promotion = own_promotion(hour, plan)
    shop_factor = exponential(-LOG_DISCOUNT * action[N_CHANNELS + listings] * movable)
    for c in range(N_CHANNELS):
        of_channel = exponential(LOG_CHANNEL * action[c])
        for k in range(listings):
            offer[k, Offer.BID_SEARCH + c] = of_channel
    for k in range(listings):
        active = plan_listing[k, PlanListing.ACTIVE]
        wish = action[N_CHANNELS + k]
        own = 0.0
        if wish > PAUSED:
            own = plan_listing[k, PlanListing.BID] * active * exponential(LOG_LISTING * wish)
        for c in range(N_CHANNELS):
            offer[k, Offer.BID_SEARCH + c] *= own
        price = np.floor(plan_listing[k, PlanListing.PRICE] * shop_factor * (1.0 - promotion * active) + 0.5)
        floor = 1.0
        if plan[PlanField.BELOW_COST] == 0.0:
            floor = min(listing[k, ListingField.COST], plan_listing[k, PlanListing.PRICE])
        offer[k, Offer.PRICE] = max(price, floor)
