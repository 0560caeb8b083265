"""Plans around a base plan as vectors: what a search moves, a learner predicts, and chance draws from.

0 is the base plan, 1 a change that a shop manager would call plausible. Every vector is a plan that the store can
carry out: what would break a rule is clipped.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from merchantgym.envs.back_office import BackOffice
from merchantgym.envs.market.parameters import CHANNELS, SEGMENTS
from merchantgym.envs.plan import (
    MAX_PROMOTIONS,
    ROLES,
    ListingPlan,
    Plan,
    PlanArrays,
    Promotion,
    Role,
    pack_plans,
)
from merchantgym.envs.rollout import subset
from merchantgym.envs.store import HOURS_PER_DAY

from .promotions import promotion_windows

Array = NDArray[np.float64]

STEP_BID = 0.35  # [ln] of one listing's bid
STEP_PRICE = 0.04  # [ln] of one listing's price
STEP_BIDS, STEP_PRICES = 0.3, 0.03  # [ln] of all bids, of all prices
STEP_BUDGET, STEP_DAILY = 0.4, 0.4  # [ln] of the money used, and of what one day may spend of it
STEP_FEED = 0.25  # [share of the budget] that feed may take
STEP_AUDIENCE = 0.3  # [ln] of a segment's bid multiplier
STEP_PROMOTION = 0.04  # [share of the price] off on the platform's promotion days

LIMIT = 4.0
"""Vectors are clipped to +-LIMIT."""
WAKE, SLEEP = 1.0, -3.0
"""A listing that the base pauses is advertised from WAKE on; one that it advertises is paused from SLEEP down."""
_WOKEN = 2.0  # bid coordinate at which a woken listing bids what the platform suggests
_MOST_BID = 6.0  # [suggested bids]
_MOST_MOVE = 0.2  # [ln] of a price against the merchant's own
_LEAST_BUDGET = 0.05  # [share of the merchant's money]
_MOST_OFF = 0.5
SHOP = ("bids", "prices", "budget", "daily", "feed", *(f"audience.{name}" for name in SEGMENTS), "promotion")
"""Coordinates of the whole shop, after those of the listings."""


def coordinate_names(listings: int) -> tuple[str, ...]:
    """Names of the D = 2 K + 10 coordinates, in order."""
    numbered = range(1, listings + 1)
    return (*(f"bid.{k}" for k in numbered), *(f"price.{k}" for k in numbered), *SHOP)


@dataclass(frozen=True, eq=False)
class PlanSpace:
    """Plans of one store around a base plan that `check_plan` accepts."""

    office: BackOffice
    base: Plan

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the D coordinates."""
        return coordinate_names(self._listings)

    @cached_property
    def live(self) -> NDArray[np.bool_]:
        """(D,) whether a coordinate changes anything in this shop."""
        every, movable = np.ones(self._listings, dtype=np.bool_), self.office.hosting.price_control != "merchant"
        days = any(0 <= day < self.base.days for day in self.office.promotion_days)
        shop = dict.fromkeys(SHOP, True) | {"prices": movable, "promotion": movable and days}
        return np.concatenate([every, every & movable, list(shop.values())])

    def arrays(self, x: Array) -> PlanArrays:
        """Plans of m vectors, packed.

        Args:
            x: (m, D); rows of zeros are the base plan as it is.
        """
        x = np.clip(x, -LIMIT, LIMIT)
        m, count = len(x), self._listings
        own = subset(self._packed, np.zeros(m, dtype=np.int64))
        shop = dict(zip(SHOP, x[:, 2 * count :].T, strict=True))
        bid, role = self._bids(x[:, :count], shop["bids"], own)
        price = self._prices(x[:, count : 2 * count], shop["prices"], own.price)
        total = self._total(shop["budget"], own.budget_total)
        woken = (own.bid == 0.0) & (bid > 0.0)
        caps = np.where(woken, 1.0, own.cap_listing / own.budget_total[:, None])
        made = PlanArrays(
            audience=self._audience(np.stack([shop[f"audience.{name}"] for name in SEGMENTS], axis=1), own.audience),
            bid=bid,
            price=price,
            cap_listing=caps * total[:, None],
            role=role,
            cap_channel=self._channels(shop["feed"], own) * total[:, None],
            budget_total=total,
            budget_daily=self._daily(shop["daily"], own, total),
            roi_floor=own.roi_floor,
            goal=own.goal,
            target=own.target,
            start_hour=own.start_hour,
            days=own.days,
            promotion=self._promotions(shop["promotion"], own.promotion, bid, price),
            allow_below_cost=np.asarray((price < self.office.cost).any(axis=1)),
        )
        return _with_rows(made, own, np.asarray(~x.any(axis=1)))

    def plan(self, x: Array, planner: str) -> Plan:
        """The plan of one vector (D,), without a forecast; the base plan's text stays."""
        changes: dict[str, object] = {"planner": planner, "forecast": None}
        if not np.clip(x, -LIMIT, LIMIT).any():
            return self.base.model_copy(update=changes)
        row = self.arrays(x[None])
        total = float(row.budget_total[0])
        shares = np.minimum(row.cap_listing[0] / total, 1.0).tolist()
        items = tuple(
            ListingPlan(listing_id=listing, role=_role(index), budget_share=share, bid=bid, price=price)
            for listing, index, share, bid, price in zip(
                self.office.listing_id,
                row.role[0].tolist(),
                shares,
                row.bid[0].tolist(),
                row.price[0].tolist(),
                strict=True,
            )
        )
        caps = np.minimum(row.cap_channel[0] / total, 1.0).tolist()
        changes |= {
            "audience": dict(zip(SEGMENTS, row.audience[0].tolist(), strict=True)),
            "listings": items,
            "channel_split": dict(zip(CHANNELS, caps, strict=True)),
            "budget_total": total,
            "budget_daily": float(row.budget_daily[0]),
            "promotions": tuple(
                Promotion(start_hour=int(start), end_hour=int(end), discount=float(off))
                for start, end, off in row.promotion[0].tolist()
                if off > 0.0
            ),
            "allow_below_cost": bool(row.allow_below_cost[0]),
        }
        return self.base.model_copy(update=changes)

    @property
    def _listings(self) -> int:
        return len(self.office.listing_id)

    @cached_property
    def _packed(self) -> PlanArrays:
        """The base plan, listings in the office's order."""
        return pack_plans([self.base], [self.office.listing_id])

    def _bids(self, x: Array, level: Array, own: PlanArrays) -> tuple[Array, NDArray[np.int64]]:
        """Bids [CNY/click] and roles, both (m, K)."""
        most = _MOST_BID * self.office.suggested_bid
        paused = own.bid == 0.0
        woken = self.office.suggested_bid * np.exp(STEP_BID * (x - _WOKEN) + STEP_BIDS * level[:, None])
        moved = np.minimum(own.bid * np.exp(STEP_BID * x + STEP_BIDS * level[:, None]), np.maximum(most, own.bid))
        on = np.where(paused, x >= WAKE, x > SLEEP)
        bid = np.where(on, np.round(np.where(paused, np.minimum(woken, most), moved), 6), 0.0)
        role = np.where(on, np.where(paused, ROLES.index("test"), own.role), ROLES.index("paused"))
        return bid, role.astype(np.int64)

    def _prices(self, x: Array, level: Array, own: Array) -> Array:
        """Prices [CNY/unit], (m, K), to the fen where they move; never under cost but where the merchant's own is."""
        if self.office.hosting.price_control == "merchant":
            return own
        office = self.office
        move = STEP_PRICE * x + STEP_PRICES * level[:, None]
        low = np.minimum(np.maximum(office.price * np.exp(-_MOST_MOVE), _fen_above(office.cost)), office.price)
        high = np.maximum(office.price * np.exp(_MOST_MOVE), low)
        asked = np.clip(np.round(own * np.exp(move), 2), np.minimum(low, own), np.maximum(high, own))
        return np.where(move == 0.0, own, asked)

    def _total(self, x: Array, own: Array) -> Array:
        """Money of the plan [CNY], (m,)."""
        least = np.minimum(_LEAST_BUDGET * self.office.budget, own)
        moved = np.clip(np.round(own * np.exp(STEP_BUDGET * x), 2), np.maximum(least, 0.01), self.office.budget)
        return np.where(x == 0.0, own, moved)

    def _daily(self, x: Array, own: PlanArrays, total: Array) -> Array:
        """What one day may spend [CNY], (m,)."""
        share = own.budget_daily / own.budget_total
        daily = total * np.clip(share * np.exp(STEP_DAILY * x), np.minimum(1.0 / own.days, share), 1.0)
        if self.office.renewing:
            daily = np.minimum(daily, self.office.budget / self.office.days)
        return np.minimum(daily, total)

    def _channels(self, x: Array, own: PlanArrays) -> Array:
        """Caps of the channels [share of the budget], (m, C)."""
        split = own.cap_channel / own.budget_total[:, None]
        feed = CHANNELS.index("feed")
        others = split.sum(axis=1) - split[:, feed]
        split[:, feed] = np.clip(split[:, feed] + STEP_FEED * x, np.clip(1.0 - others, 0.0, 1.0), 1.0)
        return split

    def _audience(self, x: Array, own: Array) -> Array:
        return np.minimum(own * np.exp(STEP_AUDIENCE * x), np.maximum(own, 3.0))

    def _promotions(self, x: Array, own: Array, bid: Array, price: Array) -> Array:
        """Windows (m, MAX_PROMOTIONS, 3): the base's with another discount, or those of the promotion days."""
        if self.office.hosting.price_control == "merchant":
            return own
        days = np.zeros((MAX_PROMOTIONS, 3))
        for slot, one in enumerate(promotion_windows(self.office, _MOST_OFF)):
            if one.end_hour <= HOURS_PER_DAY * self.base.days:
                days[slot] = one.start_hour, one.end_hour, 0.0
        windows = own if own.any() else np.broadcast_to(days, own.shape)
        kept = self.office.cost / price
        thinnest = np.where((bid > 0.0) & (kept < 1.0), 1.0 - kept, _MOST_OFF).min(axis=1)
        most = np.where(((bid > 0.0) & (kept >= 1.0)).any(axis=1), 0.0, np.floor(100.0 * thinnest) / 100.0)
        asked = np.round(windows[:, :, 2] + STEP_PROMOTION * x[:, None], 3)
        off = np.clip(asked, 0.0, np.minimum(most, _MOST_OFF)[:, None]) * (windows[:, :, 1] > 0.0)
        return np.where(off[:, :, None] >= 0.005, np.concatenate([windows[:, :, :2], off[:, :, None]], axis=2), 0.0)


def _role(index: int) -> Role:
    role: Role = ROLES[index]  # type: ignore[assignment]
    return role


def _fen_above(values: Array) -> Array:
    """Rounded up to the fen."""
    rounded: Array = np.ceil(100.0 * values - 1e-6) / 100.0
    return rounded


def _with_rows(made: PlanArrays, own: PlanArrays, keep: NDArray[np.bool_]) -> PlanArrays:
    """`made` with some rows as they are in `own`."""
    if not keep.any():
        return made

    rows = {}
    for field in fields(PlanArrays):
        new, old = getattr(made, field.name), getattr(own, field.name)
        rows[field.name] = np.where(keep.reshape(-1, *[1] * (new.ndim - 1)), old, new).astype(old.dtype)
    return PlanArrays(**rows)
