"""The loop: an actor runs stores under their plans. Forecasts, training and evaluation all go through it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .actor import Actor
from .engines.event_trace import EventTrace
from .engines.layout import FloatArray, Report
from .event_fleet import check_engine, open_fleet
from .fleet import Fleet
from .opening import OpenStores
from .plan import Plan, PlanArrays, pack_plans
from .reward import PROFIT_TERMS, RewardWeights, Term
from .store import HOURS_PER_DAY
from .trace import Recorder, Trace

Progress = Callable[[int, int], None]
"""Called with (store-hours done, store-hours in all)."""

OnHour = Callable[[Fleet], None]
"""Called after every hour with the fleet that ran it, of many stores one chunk after another. It may read everything
and amend budgets; nothing else."""

_CHUNK = 1024  # stores held in memory at once


@dataclass(frozen=True)
class Episodes:
    """Results of n stores. Money in CNY."""

    reward: FloatArray  # (n,)
    profit: FloatArray  # (n,) the merchant's
    platform_profit: FloatArray  # (n,) commission, fees, ads and retail margin less what the platform bears
    spend: FloatArray  # (n,) on advertising, whoever paid for it
    gmv: FloatArray  # (n,)
    attributed_gmv: FloatArray  # (n,) of orders that an ad click led to
    orders: FloatArray  # (n,) = buyers
    broke_zero: FloatArray  # (n,) listings that sold for the first time
    violation: FloatArray  # (n,) 1 if attributed GMV fell short of the plan's ROI floor
    lost_money: FloatArray  # (n,) 1 if the merchant's profit is negative
    terms: FloatArray  # (n, Term) sums over the run
    totals: FloatArray  # (n, K, Report) counts, and money in fen
    trace: Trace | None = None

    def __len__(self) -> int:
        return int(self.profit.shape[0])


def subset(plans: PlanArrays, rows: NDArray[np.int64] | slice) -> PlanArrays:
    """Some rows of the packed plans."""
    return PlanArrays(**{field.name: getattr(plans, field.name)[rows] for field in fields(plans)})


def rollout(
    actor: Actor,
    opened: OpenStores,
    plans: Sequence[Plan] | PlanArrays,
    seed: int,
    *,
    reward: RewardWeights | None = None,
    stores: NDArray[np.int64] | None = None,
    keys: NDArray[np.int64] | None = None,
    engine: str = "hour",
    threads: int = 1,
    trace: bool = False,
    event_trace: EventTrace | None = None,
    on_hour: OnHour | None = None,
    progress: Progress | None = None,
) -> Episodes:
    """Run every store once under its plan.

    Args:
        actor: decides every hour for all stores at once.
        opened: n stores, or those that `stores` names.
        plans: one plan a run.
        seed: chance is keyed by (seed, number of the store): the same for every actor and plan.
        reward: weights of the reward, profit by default; they do not change what happens.
        stores: (n,) row of `opened` that each run is of, so that a store can be run under several plans; each once and
            in order by default.
        keys: (n,) numbers of the stores, their rows by default. Store 7 of a split, opened alone and run with key 7,
            meets what it meets among all.
        engine: "hour", compiled, or "event", the same law visit by visit; see `event_fleet.open_fleet`.
        trace: record hourly series.
        event_trace: takes down every event; with the event engine.
        on_hour: called after every hour with the fleet.
        progress: called after every hour.
    Raises: ValueError: the number of plans or keys is not the number of stores, or the actor returned an impossible
        action.
    """
    check_engine(engine, event_trace)
    which = np.arange(len(opened)) if stores is None else stores
    count = len(which)
    if isinstance(plans, PlanArrays):
        packed = plans
    else:
        packed = pack_plans(plans, [opened.listing_ids[store] for store in which.tolist()])
    if packed.bid.shape[0] != count:
        raise ValueError(f"plans(={packed.bid.shape[0]}) must be as many as stores(={count})")
    numbers = which if keys is None else keys
    if numbers.shape != (count,):
        raise ValueError(f"keys(shape={numbers.shape}) must be {(count,)}, one a store")
    work = int(packed.days.sum()) * HOURS_PER_DAY
    longest = int(packed.days.max()) * HOURS_PER_DAY  # every chunk runs so long, that their traces fit together
    done = 0
    parts = []
    for first in range(0, count, _CHUNK):
        rows = np.arange(first, min(first + _CHUNK, count))

        def report(store_hours: int, before: int = done) -> None:
            if progress is not None:
                progress(before + store_hours, work)

        fleet = open_fleet(engine, opened.start, len(rows), reward=reward, threads=threads, trace=event_trace)
        plan_rows = subset(packed, rows)
        fleet.reset(plan_rows, which[rows], np.full(len(rows), seed, dtype=np.int64), keys=numbers[rows])
        part = _run(actor, fleet, plan_rows, longest, trace, on_hour, report)
        done += int(packed.days[rows].sum()) * HOURS_PER_DAY
        parts.append(part)
    return parts[0] if len(parts) == 1 else _join(parts)


def _run(
    actor: Actor,
    fleet: Fleet,
    plans: PlanArrays,
    longest: int,
    trace: bool,
    on_hour: OnHour | None,
    report: Callable[[int], None],
) -> Episodes:
    """One chunk of stores from their first hour to their last."""
    observation = fleet.observation
    memory = actor.init(plans, fleet.slots)
    recorder = Recorder(fleet) if trace else None
    earned = np.zeros(fleet.slots)
    hours = plans.days * HOURS_PER_DAY
    for hour in range(longest if trace else int(hours.max())):
        action, memory = actor.act(observation, memory)
        observation = fleet.step(action)
        earned += fleet.reward
        if recorder is not None:
            recorder.record()
        if on_hour is not None:
            on_hour(fleet)
        report(int(np.minimum(hours, hour + 1).sum()))
    return _episodes(fleet, plans, earned, None if recorder is None else recorder.trace())


def _episodes(fleet: Fleet, plans: PlanArrays, earned: FloatArray, trace: Trace | None) -> Episodes:
    score = fleet.score
    profit = score[:, [int(term) for term in PROFIT_TERMS]].sum(axis=1)
    spend = fleet.state.total[:, :, [Report.SPEND_SEARCH, Report.SPEND_FEED]].sum(axis=(1, 2)) / 100.0
    attributed = fleet.state.total[:, :, Report.AD_REVENUE].sum(axis=1) / 100.0
    return Episodes(
        reward=earned,
        profit=profit,
        platform_profit=score[:, Term.PLATFORM_PROFIT].copy(),
        spend=spend,
        gmv=score[:, Term.GMV].copy(),
        attributed_gmv=attributed,
        orders=score[:, Term.ORDERS].copy(),
        broke_zero=score[:, Term.FIRST_SALES].copy(),
        violation=(attributed < plans.roi_floor * spend - 1e-9).astype(np.float64),
        lost_money=(profit < 0.0).astype(np.float64),
        terms=score.copy(),
        totals=fleet.state.total.copy(),
        trace=trace,
    )


def _join(parts: Sequence[Episodes]) -> Episodes:
    """Chunks put together again; traces along their axis of stores."""
    names = [field.name for field in fields(Episodes) if field.name != "trace"]
    joined = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    traces = [part.trace for part in parts if part.trace is not None]
    trace = None
    if traces:
        axis = {"budget": 0}
        trace = Trace(
            **{
                field.name: np.concatenate([getattr(each, field.name) for each in traces], axis=axis.get(field.name, 1))
                for field in fields(Trace)
            }
        )
    return Episodes(**joined, trace=trace)
