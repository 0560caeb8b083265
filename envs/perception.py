"""Perception: delayed, noisy back-office counts become beliefs with uncertainty, once an hour, for many stores at once.

Used by controllers, planners and policies alike. It sees what an executor sees, the observation and the plan, and what
is published about markets; never a true parameter. Memory is handed in and handed back, as an actor's.
`merchantgym perceive` scores it against the simulator's truth.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .actor import Memory
from .back_office import BackOffice
from .beliefs import Beliefs, Change, Estimate
from .engines.layout import N_CHANNELS, FloatArray
from .market.calendar import promotion_uplift
from .market.parameters import HOURS_PER_WEEK, Market, reference_market
from .observation import listings_in
from .perception_counts import COUNTS, Reading, read
from .perception_demand import DemandLaw, SurgeLaw, Surges, found_share, views_spread
from .perception_filters import Tracks
from .perception_rates import Proof, RateLaw, click_prior, matured_share, order_prior, shrunk_rate
from .perception_rivals import AdHour, RivalLaw
from .perception_settings import require_positive
from .plan import PlanArrays
from .store import HOURS_PER_DAY

_LEAST_SERVED = 0.3  # share of an hour with money from which its ad views tell of the rivals
_HISTORY_HOURS = 168.0  # [h] of the report that counts begin with
CLICK_LAW = RateLaw(store_spread=0.25, listing_spread=0.35, drift=0.025, half_life=240.0)
ORDER_LAW = RateLaw(store_spread=0.5, listing_spread=0.45, drift=0.05, half_life=2000.0, level=-0.15)


class Recollection(NamedTuple):
    """What is remembered of n stores, all float64. The order of the parts is that of the tuple handed back."""

    seen: FloatArray  # (n,) observations so far
    plan: FloatArray  # (n, 3) start hour of the week, hours of the plan, ln of the mean audience multiplier
    coming: FloatArray  # (n, 3) of the hour now passing: traffic [mean hours], promotion day, own promotion
    scale: FloatArray  # (n,) the plan's mean hour over the week's
    counts: FloatArray  # (n, K, COUNTS)
    price: FloatArray  # (n, C) [CNY]
    events: FloatArray  # (n, K, 4) clicks, impressions, orders, matured clicks in clicks at the plan's price
    waiting: FloatArray  # (n, K) mean conversion multiple of clicks that are not due yet
    demand_mean: FloatArray
    demand_cov: FloatArray
    demand_page: FloatArray
    demand_unrest: FloatArray
    rival_mean: FloatArray
    rival_cov: FloatArray
    rival_page: FloatArray
    rival_unrest: FloatArray
    surges: FloatArray  # (n, K, fields of Surges)


@dataclass(frozen=True)
class Perception:
    """Frozen settings of all estimators. What is published is the reference market's; the rest says its own source."""

    published: Market = field(default_factory=reference_market)
    clicks: RateLaw = CLICK_LAW
    orders: RateLaw = ORDER_LAW
    demand: DemandLaw = field(default_factory=DemandLaw)
    rivals: RivalLaw = field(default_factory=RivalLaw)
    surges: SurgeLaw = field(default_factory=SurgeLaw)
    history_weight: float = 0.6  # of last week's counts: other bids, perhaps other prices; set on training stores
    history_ease: float = 0.07  # [ln] by which clicks came easier with little advertising; set on training stores

    def __post_init__(self) -> None:
        require_positive(self, "history_weight")

    def init(self, plans: PlanArrays, n: int) -> Memory:
        """Memory at the start of n plans: nothing seen yet.

        Args:
            plans: n plans, or one that all n stores share.
            n: number of stores.
        Raises: ValueError: another number of plans.
        """
        given, K = plans.bid.shape
        if given not in (1, n):
            raise ValueError(f"plans(={given} of them) must be 1 or n(={n})")
        audience = np.log(np.clip(plans.audience, 0.05, 20.0)) @ np.asarray(self.published.segment_share)
        plan = np.stack([plans.start_hour, plans.days * HOURS_PER_DAY, audience], axis=1).astype(np.float64)
        demand, rivals = self.demand.start(self.published, n), self.rivals.start(self.published, n)
        return Recollection(
            seen=np.zeros(n),
            plan=np.broadcast_to(plan, (n, 3)).copy(),
            coming=np.zeros((n, 3)),
            scale=np.ones(n),
            counts=np.zeros((n, K, len(COUNTS))),
            price=np.zeros((n, N_CHANNELS)),
            events=np.zeros((n, K, 4)),
            waiting=np.ones((n, K)),
            demand_mean=demand.mean,
            demand_cov=demand.cov,
            demand_page=demand.page,
            demand_unrest=demand.unrest,
            rival_mean=rivals.mean,
            rival_cov=rivals.cov,
            rival_page=rivals.page,
            rival_unrest=rivals.unrest,
            surges=np.stack(self.surges.start(n, K), axis=2),
        )

    def update(self, observation: NDArray[Any], memory: Memory) -> tuple[Beliefs, Memory]:
        """Beliefs before the coming hour, and the memory after it. Pure: neither argument is changed.

        Args:
            observation: (n, O), float32 as the environment writes it; every hour's, from the first.
            memory: of the same n stores, from `init` or from the hour before.
        Returns: beliefs about n stores; new memory.
        Raises: ValueError: the observation has another number of stores or listings than the memory.
        """
        before = Recollection(*memory)
        expected = before.counts.shape[:2]
        given = (len(observation), listings_in(observation.shape[1]))
        if given != expected:
            raise ValueError(f"observation of {given} (stores, listings) must be of {expected}, as the memory is")
        now = read(observation)
        first = before.seen == 0.0
        hour = np.rint((1.0 - now.time_left) * before.plan[:, 1])  # of the plan, to come
        after = self._later(before, now, hour - 1.0)
        if first.any():
            after = _where(first, self._begin(before, now, hour), after)
        traffic = now.traffic * after.scale
        after = after._replace(
            seen=before.seen + 1.0,
            coming=np.stack([traffic, now.promotion_day, now.own_promotion], axis=1),
            counts=now.counts,
            price=now.price,
        )
        return self._believe(after, now, before.coming[:, 1], hour), after

    def perceive(self, office: BackOffice) -> Beliefs:
        """Beliefs about one store on the eve of its plan, from its back office: for planners. n = 1.

        The same estimators as `update` on the first observation; what only the back office shows is used: suggested
        bids for the rivals' level, the price that the history was made at.
        """
        K = len(office.listing_id)
        market = self.published
        matured = office.clicks * matured_share(24 * office.history_days, market)
        counts = np.stack([office.clicks, office.impressions, office.orders, matured], axis=1)[None]
        rating = np.nan_to_num(office.rating, nan=market.reference_rating)
        proof = Proof(office.reviews[None], rating[None], np.log(office.price / office.market_price)[None])
        clicks, orders = self._rates(self._history(counts), proof)
        tracks = self.rivals.start(market, 1)
        tracks = self.rivals.meet_suggestion(tracks, np.log(office.suggested_bid)[None])
        clock = np.array([office.start_hour % 24.0])
        promotion = np.array([float(0 in office.promotion_days)])
        return Beliefs(
            hour=np.zeros(1),
            click_rate=clicks,
            conversion=orders,
            rival_level=self.rivals.believe(tracks, market, clock, promotion),
            demand=self.demand.believe(self.demand.start(market, 1), market),
            lift=self.surges.believe(self.surges.start(1, K)),
            surge=Change.none(1, K),
            regime=Change.none(1),
            rival_shift=Change.none(1),
        )

    def _history(self, counts: FloatArray) -> FloatArray:
        """Last week's clicks, impressions, orders and matured clicks (n, K, 4) as evidence about the weeks to come."""
        events = counts * self.history_weight
        events[..., 1] *= np.exp(self.history_ease)
        return events

    def _rates(self, events: FloatArray, proof: Proof) -> tuple[Estimate, Estimate]:
        """Click rate and conversion at the plan's price."""
        market = self.published
        clicks = shrunk_rate(events[..., 0], events[..., 1], click_prior(proof, market, self.clicks), self.clicks)
        orders = shrunk_rate(events[..., 2], events[..., 3], order_prior(proof, market, self.orders), self.orders)
        return clicks, orders

    def _begin(self, blank: Recollection, now: Reading, hour: FloatArray) -> Recollection:
        """The first observation: last week's report, in sums."""
        market = self.published
        week = ((blank.plan[:, 0] + hour) % HOURS_PER_WEEK).astype(int)
        ordinary = np.asarray(market.weekly_traffic)[week] * promotion_uplift(
            now.promotion_day, market.promotion_uplift
        )
        scale = np.where(now.traffic > 1e-3, np.clip(ordinary / np.maximum(now.traffic, 1e-3), 0.2, 5.0), 1.0)
        impressions, ads = now.counts[..., 0], now.counts[..., 1]
        requests = (ads + (impressions - ads) / found_share(now.rank, market)) / _HISTORY_HOURS
        rivals = _rival_tracks(blank)
        rivals = self.rivals.meet_history(rivals, market, now.price)
        events = self._history(now.counts[..., [2, 0, 4, 5]])
        return blank._replace(
            scale=scale,
            events=events,
            rival_mean=rivals.mean,
            rival_cov=rivals.cov,
            rival_page=rivals.page,
            rival_unrest=rivals.unrest,
            surges=np.stack(self.surges.meet_history(requests), axis=2),
        )

    def _later(self, before: Recollection, now: Reading, hour: FloatArray) -> Recollection:
        """One hour on. Args: hour: (n,) the one that has passed."""
        fresh = np.maximum(now.counts - before.counts, 0.0)
        demand, surges = self._watch_demand(before, now, fresh, hour)
        rivals = self._watch_rivals(before, now, fresh, hour)
        events, waiting = self._count(before, now, fresh)
        return before._replace(
            events=events,
            waiting=waiting,
            demand_mean=demand.mean,
            demand_cov=demand.cov,
            demand_page=demand.page,
            demand_unrest=demand.unrest,
            rival_mean=rivals.mean,
            rival_cov=rivals.cov,
            rival_page=rivals.page,
            rival_unrest=rivals.unrest,
            surges=np.stack(surges, axis=2),
        )

    def _watch_demand(
        self, before: Recollection, now: Reading, fresh: FloatArray, hour: FloatArray
    ) -> tuple[Tracks, Surges]:
        market = self.published
        surges = Surges(*np.moveaxis(before.surges, 2, 0))
        traffic = before.coming[:, 0]
        found = found_share(now.rank, market)
        ads = fresh[..., 1]
        views = ads + np.maximum(fresh[..., 0] - ads, 0.0) / found
        usual = self.surges.usual(surges) * traffic[:, None]
        tracks = _demand_tracks(before)
        tracks = self.demand.forecast(tracks, market)
        level = np.exp(self.demand.level(tracks, market)[:, :1])
        dispersion = views_spread(ads, usual * level, found)
        counted = now.listed * (1.0 - surges.active) * self.surges.calmness(surges)
        tracks = self.demand.update(tracks, market, hour, views, usual, dispersion, counted)
        demand = np.exp(self.demand.level(tracks, market)[:, 0])
        return tracks, self.surges.update(surges, hour, views, traffic, demand, dispersion, now.listed)

    def _watch_rivals(self, before: Recollection, now: Reading, fresh: FloatArray, hour: FloatArray) -> Tracks:
        price, priced = self.rivals.last_price(before.price, now.price)
        clicks, ads = fresh[..., 3], fresh[..., 1]
        organic = np.maximum(fresh[..., 0] - ads, 0.0)
        shown = now.listed * (now.bid[:, 0] > 0.0)
        usual = shown * self.surges.usual(Surges(*np.moveaxis(before.surges, 2, 0)))
        bid = np.log(np.maximum(now.bid, 1e-6)) + before.plan[:, 2:, None]
        mean_bid, bid_sd = _spread(bid, clicks)
        offer, offer_sd = _spread(bid, usual)
        served = np.clip(now.served, _LEAST_SERVED, 1.0)
        requests = (shown * organic / found_share(now.rank, self.published)).sum(axis=1)
        whole = now.served > 0.999  # the click that ends the money is charged what is left: no price
        # While the money lasted the share e of requests saw the ad; organic views are of all the others.
        total_ads = (shown * ads).sum(axis=1)
        missed = total_ads / served * (1.0 - served)
        seen = AdHour(
            hour=hour,
            clock=(before.plan[:, 0] + hour) % HOURS_PER_DAY,
            promotion=before.coming[:, 1],
            price=price,
            priced=priced & ((clicks.sum(axis=1) > 0.0) & whole)[:, None] & (mean_bid > -8.0),
            clicks=clicks.sum(axis=1),
            bid=mean_bid,
            bid_sd=bid_sd,
            ads=np.where(now.served >= _LEAST_SERVED, total_ads / served, 0.0),
            organic=(shown * organic).sum(axis=1),
            requests=np.maximum(requests - missed, 0.2 * requests),
            offer=offer,
            offer_sd=offer_sd,
        )
        return self.rivals.update(_rival_tracks(before), self.published, seen)

    def _count(self, before: Recollection, now: Reading, fresh: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Evidence for the rates after an hour: old counts fade, clicks are weighed by the price they saw.

        A click at half the price is more of a chance to sell than one at the full price, so matured clicks are counted
        in clicks at the plan's price. Which clicks mature in an hour is not shown: those waiting do so alike.
        """
        views, clicks, orders, matured = (fresh[..., i] for i in (0, 2, 4, 5))
        elastic = -self.published.price_elasticity
        cut = now.markdown[:, None] - np.log1p(-before.coming[:, 2])[:, None] * now.active
        multiple = np.exp(elastic * cut)
        prompt = np.minimum(self.published.delay_shares[0] * clicks, matured)
        pool = np.maximum(before.counts[..., 2] - before.counts[..., 5], 0.0)
        due = matured - prompt
        events = before.events.copy()
        keep = self.clicks.keep
        events[..., 0] = keep * events[..., 0] + clicks
        events[..., 1] = keep * events[..., 1] + views
        keep = self.orders.keep
        events[..., 2] = keep * events[..., 2] + orders
        events[..., 3] = keep * events[..., 3] + prompt * multiple + due * before.waiting
        left, new = np.maximum(pool - due, 0.0), np.maximum(clicks - prompt, 0.0)
        waiting = (left * before.waiting + new * multiple + 1e-9) / (left + new + 1e-9)
        return events, waiting

    def _believe(self, after: Recollection, now: Reading, promotion: FloatArray, hour: FloatArray) -> Beliefs:
        market = self.published
        clicks, orders = self._rates(after.events, Proof(now.reviews, now.rating, now.price_gap))
        cut = now.markdown[:, None] - np.log1p(-now.own_promotion)[:, None] * now.active
        orders = Estimate(orders.mean - market.price_elasticity * cut, orders.sd)
        demand = _demand_tracks(after)
        rivals = _rival_tracks(after)
        surges = Surges(*np.moveaxis(after.surges, 2, 0))
        clock = (after.plan[:, 0] + hour - 1.0) % HOURS_PER_DAY
        return Beliefs(
            hour=hour,
            click_rate=clicks,
            conversion=orders,
            rival_level=self.rivals.believe(rivals, market, clock, promotion),
            demand=self.demand.believe(demand, market),
            lift=self.surges.believe(surges),
            surge=self.surges.changes(surges),
            regime=self.demand.changes(demand, hour),
            rival_shift=self.rivals.changes(rivals, hour),
        )


def _demand_tracks(memory: Recollection) -> Tracks:
    return Tracks(memory.demand_mean, memory.demand_cov, memory.demand_page, memory.demand_unrest)


def _rival_tracks(memory: Recollection) -> Tracks:
    return Tracks(memory.rival_mean, memory.rival_cov, memory.rival_page, memory.rival_unrest)


def _spread(values: FloatArray, weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean (n, C) and, over the channels, sd (n,) of values (n, C, K) by weight (n, K)."""
    share = weight / np.maximum(weight.sum(axis=1), 1e-9)[:, None]
    mean = (share[:, None] * values).sum(axis=2)
    variance = (share[:, None] * (values - mean[..., None]) ** 2).sum(axis=2)
    return mean, np.sqrt(variance.mean(axis=1))


def _where(rows: NDArray[np.bool_], one: Recollection, other: Recollection) -> Recollection:
    """Rows of `one` where marked, else of `other`."""
    parts = []
    for a, b in zip(one, other, strict=True):
        parts.append(np.where(rows.reshape((-1,) + (1,) * (a.ndim - 1)), a, b))
    return Recollection(*parts)
