"""How good beliefs are: coverage of intervals, error against raw guesses, and alarms against what truly changed."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from merchantgym.envs.beliefs import QUANTITIES, Change
from merchantgym.envs.engines.layout import FloatArray
from merchantgym.envs.store import HOURS_PER_DAY

from .perceived import CHANGES, Perceived
from .statistics import Interval, mean_interval

LEVELS = (0.5, 0.8, 0.95)
PARTS = ("early", "mid", "late")
"""Of the plan's hours: the first fifth, up to three fifths, the rest."""
_CUTS = (0.0, 0.2, 0.6, 1.0)
WINDOW = 72.0  # [h] after its onset within which a change counts as noticed
FORTNIGHT = 14.0 * HOURS_PER_DAY
CLEAR = float(np.log(1.5))  # [ln] a surge whose peak is lower is none that should be seen


@dataclass(frozen=True)
class Calibration:
    """One quantity in one scenario."""

    quantity: str
    coverage: dict[str, dict[float, Interval]]  # by part of the plan and level
    error: Interval  # root mean square error [ln], of a store
    naive: Interval  # that of the raw guess


@dataclass(frozen=True)
class Detection:
    """One kind of change in one scenario."""

    change: str
    events: int
    noticed: Interval | None  # share within WINDOW hours, over events; None without events
    delay: FloatArray  # [h] of those noticed
    onset_error: FloatArray  # [h] estimated less true onset
    size_error: FloatArray  # [ln]
    false_alarms: Interval  # per store and 14 days


def calibrate(seen: Perceived, rng: np.random.Generator) -> list[Calibration]:
    """Coverage and error of every quantity, with 95 % intervals over stores."""
    return [_calibrate(seen, name, rng) for name in QUANTITIES]


def detect(seen: Perceived, rng: np.random.Generator) -> list[Detection]:
    """Alarms of every kind of change against what happened."""
    return [_detect(seen, name, rng) for name in CHANGES]


def part_of(hours: int, part: str) -> slice:
    """Rows of a part of the plan."""
    at = PARTS.index(part)
    return slice(int(_CUTS[at] * hours), int(_CUTS[at + 1] * hours))


def inside(seen: Perceived, name: str, level: float) -> FloatArray:
    """1 where the central interval of that level holds the truth, (H - 1, n, ...)."""
    reach = NormalDist().inv_cdf(0.5 + 0.5 * level) * seen.sd[name]
    return (np.abs(seen.mean[name] - seen.truth[name]) <= reach).astype(np.float64)


def _calibrate(seen: Perceived, name: str, rng: np.random.Generator) -> Calibration:
    hits = {level: inside(seen, name, level) for level in LEVELS}
    coverage = {
        part: {level: _over_stores(hit[part_of(seen.hours, part)], rng) for level, hit in hits.items()}
        for part in PARTS
    }
    return Calibration(
        quantity=name,
        coverage=coverage,
        error=_root(_over_stores((seen.mean[name] - seen.truth[name]) ** 2, rng)),
        naive=_root(_over_stores((seen.naive[name] - seen.truth[name]) ** 2, rng)),
    )


def _over_stores(values: FloatArray, rng: np.random.Generator) -> Interval:
    """Mean over hours, then listings or channels, with its interval over stores."""
    per_store = values.mean(axis=0).reshape(values.shape[1], -1).mean(axis=1)
    return mean_interval(per_store[None], rng)


def _root(interval: Interval) -> Interval:
    return Interval(*(float(np.sqrt(value)) for value in (interval.mean, interval.low, interval.high)))


@dataclass(frozen=True)
class _Alarm:
    store: int
    hour: float
    onset: float
    size: float
    began: float
    true_size: float


def _detect(seen: Perceived, name: str, rng: np.random.Generator) -> Detection:
    alarms = _alarms(seen, name)
    began, size = seen.began[name], seen.size[name]
    stores = began.shape[0]
    counted = (began < seen.hours - HOURS_PER_DAY) & ((size > CLEAR) | (name != "surge"))
    events = int(counted.sum())
    first: dict[tuple[int, float, float], _Alarm] = {}
    false = np.zeros(stores)
    for alarm in alarms:
        true = alarm.began <= alarm.hour + 1.0 < alarm.began + WINDOW + 1.0 and alarm.size > 0.0
        if not true:
            false[alarm.store] += 1.0
        elif name != "surge" or alarm.true_size > CLEAR:
            first.setdefault((alarm.store, alarm.began, alarm.true_size), alarm)
    found = list(first.values()) if events else []
    shares = np.zeros(events)
    shares[: min(len(found), events)] = 1.0
    return Detection(
        change=name,
        events=events,
        noticed=mean_interval(shares[None], rng) if events > 1 else None,
        delay=np.array([alarm.hour + 1.0 - alarm.began for alarm in found]),
        onset_error=np.array([alarm.onset - alarm.began for alarm in found]),
        size_error=np.array([alarm.size - alarm.true_size for alarm in found]),
        false_alarms=mean_interval((false * FORTNIGHT / seen.hours)[None], rng),
    )


def _last_size(change: Change, place: tuple[int, ...]) -> float:
    """The size told last of the alarm raised at a place: of a surge, its peak."""
    noticed, size = (np.moveaxis(each[place[0] :], 0, -1)[place[1:]] for each in (change.noticed, change.size))
    return float(size[noticed == noticed[0]][-1])


def _alarms(seen: Perceived, name: str) -> Sequence[_Alarm]:
    """Every alarm raised, in order of time. A change's hour is known when the hour is over."""
    change = seen.changes[name]
    raised = change.noticed[0] >= 0.0
    new = np.concatenate([raised[None], np.diff(change.noticed, axis=0) != 0.0])
    alarms = []
    for place in zip(*np.nonzero(new), strict=True):
        hour, where = place[0], place[1:]
        alarms.append(
            _Alarm(
                store=int(where[0]),
                hour=float(hour),
                onset=float(change.onset[place]),
                size=_last_size(change, place),
                began=float(seen.began[name][where]),
                true_size=float(seen.size[name][where]),
            )
        )
    return alarms
