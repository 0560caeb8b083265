"""From a law's log bids to the action."""

from dataclasses import dataclass
from typing import Any

from merchantgym.envs.observation import Global, ObservationView
from merchantgym.envs.task import LOG_CHANNEL, LOG_DISCOUNT, LOG_LISTING, PAUSED

from .laws import Array, check_gains, gain

_LOWEST = PAUSED + 1e-6  # the lowest action of a listing that is still advertised


@dataclass(frozen=True)
class Trim:
    """Constant corrections of the plan and a schedule by the hour of the day; all 0: none."""

    channel_offset: float = gain(0.0, "ln bid: added in search, taken in the feed", (-0.7, 0.7))
    hour_sin: float = gain(0.0, "ln bid times the sine of the hour of the day", (-0.5, 0.5))
    hour_cos: float = gain(0.0, "ln bid times the cosine of the hour of the day", (-0.5, 0.5))
    discount: float = gain(0.0, "ln price taken off every listing", (-0.2, 0.15), allowed=(-LOG_DISCOUNT, LOG_DISCOUNT))

    def __post_init__(self) -> None:
        check_gains(self)

    def feed_forward(self, view: ObservationView) -> Array:
        """Bid by the hour of the day [ln], shape (n,)."""
        return self.hour_sin * view[Global.HOUR_SIN] + self.hour_cos * view[Global.HOUR_COS]

    def action(self, level: Array, shift: Array, xp: Any, paused: Array | None = None) -> Array:
        """The action (n, C + K + 1) of a common log bid and the listings' shifts.

        Args:
            level: [ln bid], shape (n,).
            shift: [ln bid], shape (n, K); however low, it pauses nothing.
            xp: numpy or torch, as the arrays are.
            paused: True where a listing is not advertised in the coming hour, shape (n, K); none by default.
        """
        search = (level + self.channel_offset) / LOG_CHANNEL
        feed = (level - self.channel_offset) / LOG_CHANNEL
        discount = 0.0 * level + self.discount / LOG_DISCOUNT
        own = xp.clip(shift / LOG_LISTING, _LOWEST, 1.0)
        if paused is not None:
            own = xp.where(paused, PAUSED, own)
        return xp.clip(xp.concatenate((search[:, None], feed[:, None], own, discount[:, None]), 1), -1.0, 1.0)
