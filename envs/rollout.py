"""The loop: an actor runs stores under their plans. Forecasts, training and evaluation all go through it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import Any

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
"""Called after every hour with the fleet that ran it, of many runs one chunk after another. It may read everything
and amend budgets; nothing else."""

CHUNK = 1024
"""Runs held in memory at once. An actor with numbers of its own for every run can be handed no more."""


@dataclass(frozen=True)
class Episodes:
    """Results of n runs. Money in CNY."""

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
    seed: int | NDArray[np.int64],
    *,
    rows: NDArray[np.int64] | None = None,
    keys: NDArray[np.int64] | None = None,
    reward: RewardWeights | None = None,
    engine: str = "hour",
    threads: int = 1,
    trace: bool = False,
    event_trace: EventTrace | None = None,
    on_hour: OnHour | None = None,
    progress: Progress | None = None,
) -> Episodes:
    """Run stores under plans: every store once, or as often as `rows` names it.

    Args:
        actor: decides every hour for all runs at once.
        opened: the stores.
        plans: one plan a run, n of them.
        seed: chance is keyed by (seed, key): the same for every actor and plan. One for all runs, or (n,) one a run.
        rows: (n,) the row in `opened` of each run's store, any store any number of times; each once by default.
        keys: (n,) the other half of chance, `rows` by default. Store 7 of a split, opened alone and run with key 7,
            meets what it meets among all.
        reward: weights of the reward, profit by default; they do not change what happens.
        engine: "hour", all runs at once, or "event", the same law visit by visit; see `event_fleet.open_fleet`.
        trace: record hourly series.
        event_trace: takes down every event; with the event engine.
        on_hour: called after every hour with the fleet.
        progress: called after every hour.
    Raises: ValueError: rows that `opened` does not have, a number of plans, seeds or keys that is not the number of
        runs, or the actor returned an impossible action.
    """
    check_engine(engine, event_trace)
    stores = _rows(opened, rows)
    count = len(stores)
    packed = plans if isinstance(plans, PlanArrays) else _packed(plans, opened, stores)
    if packed.bid.shape[0] != count:
        what = "stores" if rows is None else "rows"
        raise ValueError(f"plans(={packed.bid.shape[0]}) must be as many as {what}(={count})")
    seeds = np.full(count, seed, dtype=np.int64) if np.ndim(seed) == 0 else _one_a_run("seed", seed, count)
    numbers = stores if keys is None else _one_a_run("keys", keys, count)
    work = int(packed.days.sum()) * HOURS_PER_DAY
    longest = int(packed.days.max()) * HOURS_PER_DAY  # every chunk runs so long, that their traces fit together
    done = 0
    parts = []
    for first in range(0, count, CHUNK):
        chunk = slice(first, min(first + CHUNK, count))

        def report(store_hours: int, before: int = done) -> None:
            if progress is not None:
                progress(before + store_hours, work)

        runs = subset(packed, chunk)
        fleet = open_fleet(engine, opened.start, chunk.stop - first, reward=reward, threads=threads, trace=event_trace)
        fleet.reset(runs, stores[chunk], seeds[chunk], keys=numbers[chunk])
        parts.append(_run(actor, fleet, runs, longest, trace, on_hour, report))
        done += int(runs.days.sum()) * HOURS_PER_DAY
    return parts[0] if len(parts) == 1 else _join(parts)


def _rows(opened: OpenStores, rows: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The row of every run's store."""
    if rows is None:
        return np.arange(len(opened))
    if rows.ndim != 1 or not len(rows):
        raise ValueError(f"rows(shape={rows.shape}) must be (n,), one or more")
    if wrong := [row for row in (int(rows.min()), int(rows.max())) if not 0 <= row < len(opened)]:
        raise ValueError(f"rows(={wrong[0]}) must be >= 0 and < {len(opened)}, the number of stores")
    return rows


def _packed(plans: Sequence[Plan], opened: OpenStores, stores: NDArray[np.int64]) -> PlanArrays:
    """The runs' plans, each in the order of its store's listings."""
    ids = opened.listing_ids
    return pack_plans(plans, [ids[row] for row in stores.tolist()])


def _one_a_run(name: str, values: Any, count: int) -> NDArray[np.int64]:
    """An argument that has a value a run."""
    array: NDArray[np.int64] = np.asarray(values)
    if array.shape != (count,):
        raise ValueError(f"{name}(shape={array.shape}) must be {(count,)}, one a run")
    return array


def _run(
    actor: Actor,
    fleet: Fleet,
    plans: PlanArrays,
    longest: int,
    trace: bool,
    on_hour: OnHour | None,
    report: Callable[[int], None],
) -> Episodes:
    """One chunk of runs from their first hour to their last."""
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
