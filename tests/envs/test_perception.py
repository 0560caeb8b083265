"""Perception: what is read is what was counted, beliefs are calibrated, changes are noticed, nothing is changed."""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merchantgym.envs.beliefs import NONE, QUANTITIES, Beliefs, feature_names
from merchantgym.envs.engines.layout import ListingState, Report
from merchantgym.envs.fleet import Fleet
from merchantgym.envs.observation import PerListing, bounds
from merchantgym.envs.opening import OpenStores
from merchantgym.envs.perception import Perception
from merchantgym.envs.perception_counts import COUNTS, read
from merchantgym.envs.perception_rivals import RivalLaw
from merchantgym.envs.task import LedgerListing, action_size

from ..agents.planners.back_offices import back_offices
from ..worlds import Floats, opened, plan_row, plans_for

K = 8
PERCEPTION = Perception()
LEDGER = {
    PerListing.IMPRESSIONS: LedgerListing.IMPRESSIONS,
    PerListing.AD_IMPRESSIONS: LedgerListing.AD_IMPRESSIONS,
    PerListing.CLICKS: LedgerListing.CLICKS,
    PerListing.AD_CLICKS: LedgerListing.AD_CLICKS,
    PerListing.ORDERS: LedgerListing.ORDERS,
}


def a_fleet(stores: OpenStores, seed: int = 3) -> Fleet:
    """All stores under the suggested bids, before their first hour."""
    n = len(stores)
    fleet = Fleet(stores.start, n)
    fleet.reset(plans_for(stores), np.arange(n), np.full(n, seed))
    return fleet


def played(stores: OpenStores, hours: int, seed: int = 3) -> list[Any]:
    """Observations of the first hours, random actions now and then."""
    fleet, rng = a_fleet(stores, seed), np.random.default_rng(seed)
    seen = [fleet.observation.copy()]
    for hour in range(hours):
        action = rng.uniform(-1.0, 1.0, (len(stores), action_size(K))) * (hour % 3 == 0)
        seen.append(fleet.step(action).copy())
    return seen


def believed(observations: list[Any], stores: OpenStores, rows: Any = slice(None)) -> list[Beliefs]:
    plans = plan_row(plans_for(stores), rows)
    memory = PERCEPTION.init(plans, len(plans.bid))
    beliefs = []
    for observation in observations:
        belief, memory = PERCEPTION.update(observation[rows], memory)
        beliefs.append(belief)
    return beliefs


def numbers(beliefs: Beliefs) -> dict[str, Floats]:
    """Every array of the beliefs by name."""
    found = {"hour": beliefs.hour}
    for part in fields(beliefs)[1:]:
        inner = getattr(beliefs, part.name)
        found |= {f"{part.name}.{each.name}": getattr(inner, each.name) for each in fields(inner)}
    return found


def test_counts_and_prices_are_read_as_they_were_booked(headline: OpenStores) -> None:
    fleet = a_fleet(headline)
    before = read(fleet.observation)
    prices = 0
    for _ in range(40):
        now = read(fleet.step(np.zeros((len(headline), action_size(K)))))
        for place, name in enumerate(COUNTS[:-1]):
            assert np.array_equal(now.counts[..., place], fleet.task.ledger_listing[..., LEDGER[name]])
        price, known = RivalLaw().last_price(before.price, now.price)
        hour = fleet.state.hour.sum(axis=1)
        clicks = hour[:, [Report.AD_CLICKS_SEARCH, Report.AD_CLICKS_FEED]]
        spend = hour[:, [Report.SPEND_SEARCH, Report.SPEND_FEED]]
        assert not known[clicks == 0.0].any()
        assert price[known] == pytest.approx((spend[known] / clicks[known] / 100.0).clip(0.005), rel=2e-5)
        assert np.allclose(now.reviews, fleet.state.listing[..., ListingState.REVIEWS], rtol=1e-3, atol=1e-3)
        before, prices = now, prices + int(known.sum())
    assert prices > 500


def test_bids_are_those_in_force(headline: OpenStores) -> None:
    fleet = a_fleet(headline)
    action = np.random.default_rng(0).uniform(-0.9, 0.9, (len(headline), action_size(K)))
    action[:, 3] = -1.0  # the second listing is paused
    now = read(fleet.step(action))
    offered = fleet.offer[:, :, :2].transpose(0, 2, 1)
    assert now.bid == pytest.approx(offered, rel=1e-5)
    assert (now.bid[:, :, 1] == 0.0).all()


def test_a_batch_is_its_stores_one_by_one(headline: OpenStores) -> None:
    observations = played(headline, 30)
    together = [numbers(each) for each in believed(observations, headline)]
    for row in (0, 13):
        alone = [numbers(each) for each in believed(observations, headline, slice(row, row + 1))]
        for a, b in zip(together, alone, strict=True):
            for name, values in a.items():
                assert values[row] == pytest.approx(b[name][0], rel=1e-9, abs=1e-12), name


def test_nothing_handed_in_is_changed(headline: OpenStores) -> None:
    observations = played(headline, 3)
    memory = PERCEPTION.init(plans_for(headline), len(headline))
    for observation in observations:
        kept, shown = [part.copy() for part in memory], observation.copy()
        _, later = PERCEPTION.update(observation, memory)
        assert all(np.array_equal(a, b) for a, b in zip(kept, memory, strict=True))
        assert np.array_equal(shown, observation)
        memory = later


def test_memory_is_arrays_of_stores(headline: OpenStores) -> None:
    shared = plan_row(plans_for(headline), slice(0, 1))
    for memory in (PERCEPTION.init(shared, 5), PERCEPTION.init(plan_row(plans_for(headline), slice(0, 5)), 5)):
        assert all(part.dtype == np.float64 and part.shape[0] == 5 for part in memory)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32 - 1), edge=st.sampled_from(["even", "low", "high", "corners"]))
def test_beliefs_are_finite_whatever_is_shown(seed: int, edge: str) -> None:
    stores, rng = opened("headline"), np.random.default_rng(seed)
    low, high = bounds(K)
    memory = PERCEPTION.init(plan_row(plans_for(stores), slice(0, 2)), 2)
    for _ in range(6):
        even = rng.uniform(low, high, (2, len(low)))
        corner = np.where(rng.random((2, len(low))) < 0.5, low, high)
        drawn = {"even": even, "low": np.tile(low, (2, 1)), "high": np.tile(high, (2, 1)), "corners": corner}[edge]
        beliefs, memory = PERCEPTION.update(drawn.astype(np.float32), memory)
        for name, values in numbers(beliefs).items():
            assert np.isfinite(values).all(), name
        assert np.isfinite(beliefs.features()).all()
        for name in QUANTITIES:
            assert (getattr(beliefs, name).sd > 0.0).all(), name


@settings(max_examples=40)
@given(office=back_offices())
def test_any_back_office_gives_finite_beliefs(office: Any) -> None:
    beliefs = PERCEPTION.perceive(office)
    assert all(np.isfinite(values).all() for values in numbers(beliefs).values())
    assert beliefs.click_rate.mean.shape == (1, len(office.listing_id))
    assert (beliefs.conversion.median <= 1.0).all()


def test_a_planner_believes_what_an_executor_believes_at_first(steady: OpenStores) -> None:
    """At the shop's own prices; of rivals one goes by the suggested bids, the other by what clicks cost lately."""
    first = believed([a_fleet(steady).observation.copy()], steady)[0]
    for row, office in enumerate(steady.offices):
        before = PERCEPTION.perceive(office)
        assert {name: values.shape[1:] for name, values in numbers(before).items()} == {
            name: values.shape[1:] for name, values in numbers(first).items()
        }
        assert before.click_rate.mean[0] == pytest.approx(first.click_rate.mean[row], abs=2e-3)
        gap = np.abs(before.conversion.mean[0] - first.conversion.mean[row])  # when in the week the clicks came
        assert (gap < 0.5 * first.conversion.sd[row]).all()
        apart = np.abs(before.rival_level.mean[0] - first.rival_level.mean[row])
        assert (apart < 3.0 * np.hypot(before.rival_level.sd[0], first.rival_level.sd[row])).all()


def test_a_cheaper_price_is_believed_to_convert_better(steady: OpenStores) -> None:
    fleet = a_fleet(steady)
    at_plan = believed([fleet.observation.copy()], steady)[0]
    action = np.zeros((len(steady), action_size(K)))
    action[:, -1] = 0.5
    seen = [fleet.observation.copy(), fleet.step(action).copy()]
    cut = believed(seen, steady)[1]
    gain = np.median(cut.conversion.mean - at_plan.conversion.mean)
    assert gain == pytest.approx(2.62 * 0.5 * np.log(1.25), rel=0.1)


def test_intervals_and_features_have_names(headline: OpenStores) -> None:
    beliefs = believed(played(headline, 2), headline)[-1]
    low, high = beliefs.interval("conversion", 0.95)
    narrow = beliefs.interval("conversion", 0.5)
    assert (low < narrow[0]).all()
    assert (narrow[1] < high).all()
    assert (high - low)[0, 0] == pytest.approx(2 * 1.96 * beliefs.conversion.sd[0, 0], rel=1e-3)
    names = feature_names(K)
    assert beliefs.features().shape == (len(headline), len(names))
    assert len(set(names)) == len(names)
    place = names.index("listing_3.conversion_mean")
    assert np.array_equal(beliefs.features()[:, place], beliefs.conversion.mean[:, 3])
    assert np.array_equal(beliefs.features()[:, names.index("rival_feed_sd")], beliefs.rival_level.sd[:, 1])
    assert (beliefs.surge.onset == NONE).all()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda b: b.interval("clicks", 0.5), "name(='clicks') must be one of: click_rate, conversion"),
        (lambda b: b.interval("demand", 1.0), "level(=1.0) must be in (0, 1)"),
        (lambda b: replace(PERCEPTION, history_weight=-1.0), "history_weight(=-1.0) must be a finite number > 0"),
        (lambda b: replace(PERCEPTION.clicks, half_life=0.0), "half_life(=0.0) must be a finite number > 0"),
        (lambda b: replace(PERCEPTION.rivals, jump_sd=np.nan), "jump_sd(=nan) must be a finite number > 0"),
        (lambda b: replace(PERCEPTION.surges, lift=1.0), "lift(=1.0) must be > 1"),
        (lambda b: replace(PERCEPTION.surges, doubt=9.0), "doubt(=9.0) must be < threshold(=8.5)"),
    ],
)
def test_what_is_impossible_is_refused(headline: OpenStores, act: Callable[[Any], object], message: str) -> None:
    beliefs = believed([a_fleet(headline).observation.copy()], headline)[0]
    with pytest.raises(ValueError, match="must be") as refusal:
        act(beliefs)
    assert message in str(refusal.value)


def test_observations_of_other_stores_are_refused(headline: OpenStores) -> None:
    with pytest.raises(ValueError, match=r"plans\(=32 of them\) must be 1 or n\(=4\)"):
        PERCEPTION.init(plans_for(headline), 4)
    memory = PERCEPTION.init(plan_row(plans_for(headline), slice(0, 4)), 4)
    with pytest.raises(ValueError, match=r"observation of \(32, 8\) \(stores, listings\) must be of \(4, 8\)"):
        PERCEPTION.update(a_fleet(headline).observation, memory)
