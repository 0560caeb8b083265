"""The ranking: known answers, agreement with scipy and with the statistics of one scenario, and refusals."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from merchantgym.experiments.ranking import Ranking, ScenarioScores, rank
from merchantgym.experiments.resampling import Resamples
from merchantgym.experiments.statistics import iqm_interval, paired_difference

from .rankings import NOISE, PLAN, STORES, ranked, scenario, usual


@pytest.fixture(scope="module")
def known() -> Ranking:
    return usual()


def test_known_results_have_known_ranks(known: Ranking) -> None:
    assert [known.cell("tight_budget", name).rank for name in ("loud", "sure", "value_pid", "open_loop", "bad")] == [
        1, 2, 3, 4, 5,
    ]  # fmt: skip
    assert known.cell("steady", "sure").rank == known.cell("steady", "loud").rank == 1.5
    assert known.cell("steady", "open_loop").rank == known.cell("steady", "value_pid").rank == 3.5
    assert known.executors == ("loud", "sure", "value_pid", "open_loop", "bad")
    assert [one.rank.mean for one in known.summaries] == [1.25, 1.75, 3.25, 3.75, 5.0]
    assert all(one.rank.low <= one.rank.mean <= one.rank.high for one in known.summaries)
    assert [cell.executor for cell in known.of("tight_budget")] == ["loud", "sure", "value_pid", "open_loop", "bad"]


def test_stars_stand_where_a_difference_is_sure(known: Ranking) -> None:
    sure, still = known.cell("steady", "sure"), known.cell("steady", "value_pid")
    assert (sure.vs_open_loop.mean, sure.vs_open_loop.low, sure.vs_open_loop.high) == pytest.approx((50, 50, 50))
    assert sure.uplift.mean == pytest.approx(0.05)
    assert sure.starred
    assert known.cell("steady", "bad").starred
    assert not still.starred
    assert still.vs_open_loop.low < 0 < still.vs_open_loop.high
    assert not known.cell("steady", "open_loop").starred


def test_ties_are_with_the_best_alone(known: Ranking) -> None:
    """In tight_budget `loud` leads `sure` by 40 CNY, in 100 CNY of noise on 40 stores: 2.5 standard errors."""
    best = known.cell("tight_budget", "loud")
    assert best.best
    assert not best.tied
    assert not known.cell("tight_budget", "sure").tied
    near = ranked([scenario("steady", sure=50.0, loud=60.0 + NOISE, bad=-10.0)])
    assert near.cell("steady", "loud").best
    assert near.cell("steady", "sure").tied
    assert not near.cell("steady", "bad").tied
    assert near.summaries[0].best == ("steady",)
    assert near.summaries[1].tied == ("steady",)


def test_a_star_among_many_is_harder_to_earn() -> None:
    """The same gain, 2.3 standard errors of 100 CNY of noise on 40 stores, alone and among four that gain nothing."""
    gain = 37.0 + NOISE
    alone = ranked([scenario("steady", pid=gain)]).cell("steady", "pid")
    four = {f"null{i}": np.roll(NOISE, i) for i in range(4)}
    among = ranked([scenario("steady", pid=gain, **four)]).cell("steady", "pid")
    assert alone.starred
    assert not among.starred
    assert among.p == pytest.approx(5 * alone.p)


def test_the_best_other_is_a_controller_and_not_oneself(known: Ranking) -> None:
    lead = known.cell("tight_budget", "loud")
    assert (lead.best_other, lead.vs_best_other and lead.vs_best_other.mean) == ("sure", pytest.approx(40.0))
    behind = known.cell("tight_budget", "sure")
    assert (behind.best_other, behind.vs_best_other and behind.vs_best_other.mean) == ("loud", pytest.approx(-40.0))
    alone = ranked([scenario("steady", pid=1.0)])
    assert alone.cell("steady", "pid").best_other is None


def test_share_of_the_bound(known: Ranking) -> None:
    """No ads earns 200 CNY less than the plan as written on every store, the bound is 200 more."""
    assert known.bounded == 10
    assert known.cell("steady", "open_loop").share is not None
    shares = {one.executor: one.share for one in known.summaries}
    assert shares["open_loop"] is not None
    assert shares["sure"] is not None
    assert shares["open_loop"].mean == pytest.approx(0.5)
    assert shares["sure"].mean == pytest.approx((250 / 400 + 220 / 400) / 2)
    assert (shares["sure"].low, shares["sure"].high) == pytest.approx((shares["sure"].mean,) * 2)
    profile = known.profiles["open_loop"]
    assert profile.share[profile.scores < 0.499] == pytest.approx(1.0)
    assert profile.share[profile.scores > 0.501] == pytest.approx(0.0)
    assert usual(marked=False).summaries[0].share is None


def test_probability_of_improvement_counts_a_tie_as_one_half(known: Ranking) -> None:
    by_name = {one.executor: one.improvement for one in known.summaries}
    assert known.rival == "value_pid"
    for name, expected in {"sure": 1.0, "bad": 0.0, "value_pid": 0.5, "open_loop": 0.25}.items():
        found = by_name[name]
        assert found is not None
        assert found.mean == pytest.approx(expected)
    assert ranked([scenario("steady", pid=1.0)]).summaries[0].improvement is None


def test_one_scenario_agrees_with_its_own_statistics() -> None:
    rng = np.random.default_rng(3)
    gain = rng.normal(20.0, 90.0, STORES)
    found = ranked([scenario("steady", pid=gain)])
    ours, theirs = found.cell("steady", "pid").vs_open_loop, paired_difference([PLAN + gain], [PLAN], rng)
    assert ours.mean == pytest.approx(theirs.mean)
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.06 * (theirs.high - theirs.low))
    assert found.cell("steady", "pid").p == pytest.approx(stats.ttest_rel(PLAN + gain, PLAN).pvalue, rel=0.3)
    middle, expected = found.summaries[0].middle, iqm_interval([gain / PLAN.mean()], rng)
    assert middle.mean == pytest.approx(expected.mean)
    width = expected.high - expected.low
    assert (middle.low, middle.high) == pytest.approx((expected.low, expected.high), abs=0.06 * width)


def test_a_scenario_shown_twice_is_no_new_evidence() -> None:
    gain = np.random.default_rng(4).normal(20.0, 90.0, STORES)
    once, twice = (ranked([scenario(str(i), pid=gain) for i in range(n)]).summaries[0] for n in (1, 2))
    for field in ("uplift", "middle"):
        one, two = getattr(once, field), getattr(twice, field)
        assert (two.mean, two.low, two.high) == pytest.approx((one.mean, one.low, one.high), rel=0.02)


def test_training_seeds_widen_the_interval() -> None:
    base = scenario("steady", pid=5.0)
    seeds = np.stack([PLAN + 10.0, PLAN + 50.0])
    learned = ScenarioScores("steady", {**base.profit, "ppo": seeds})
    found = ranked([learned]).cell("steady", "ppo")
    assert found.vs_open_loop.mean == pytest.approx(30.0)
    assert (found.vs_open_loop.low, found.vs_open_loop.high) == pytest.approx((10.0, 50.0))
    twice = ScenarioScores("steady", {**base.profit, "ppo": np.stack([PLAN + 30.0] * 2)})
    assert ranked([twice]).cell("steady", "ppo").vs_open_loop.high == pytest.approx(30.0)


@settings(max_examples=20)
@given(gains=st.lists(st.floats(-200, 200), min_size=1, max_size=5), seed=st.integers(0, 5))
def test_whatever_is_earned(gains: list[float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    named = {f"c{i}": gain + rng.normal(0, 50, STORES) for i, gain in enumerate(gains)}
    scores = [scenario("steady", marked=True, **named), scenario("stockout", marked=True, **named)]
    found = ranked(scores)
    count = len(gains) + 1
    assert np.mean([one.rank.mean for one in found.summaries]) == pytest.approx((count + 1) / 2)
    for name in found.scenarios:
        assert sum(cell.best for cell in found.of(name)) == 1
        assert all(
            0 <= cell.p <= 1 and cell.profit.low <= cell.profit.mean <= cell.profit.high for cell in found.of(name)
        )
    for profile in found.profiles.values():
        assert (np.diff(profile.share) <= 1e-12).all()
        assert ((profile.low >= 0) & (profile.low <= profile.share + 1e-12) & (profile.high <= 1 + 1e-12)).all()
    turned = [replace(each, profit=dict(reversed(each.profit.items()))) for each in scores]
    assert [replace(one, executor="") for one in ranked(turned).summaries] == [
        replace(one, executor="") for one in found.summaries
    ]


def test_resamples_are_the_same_for_all_and_add_up() -> None:
    draws = Resamples(7, seed=1, count=50)
    assert (draws.store_counts.sum(axis=1) == 7).all()
    assert (draws.seed_counts(3).sum(axis=1) == 3).all()
    assert np.array_equal(draws.store_counts, Resamples(7, seed=1, count=50).store_counts)
    values = np.random.default_rng(0).normal(size=(2, 3, 7))
    expected = np.einsum("sij,mi,mj->ms", values, draws.seed_counts(3), draws.store_counts) / 21
    assert draws.means(values) == pytest.approx(expected)


def test_what_does_not_fit_is_refused() -> None:
    one = scenario("steady", pid=1.0)
    with pytest.raises(ValueError, match=r"scores\(=\[\]\)"):
        ranked_of([])
    with pytest.raises(ValueError, match="must have open_loop"):
        ranked_of([ScenarioScores("steady", {"pid": one.profit["pid"]})])
    with pytest.raises(ValueError, match=r"stockout: executors.*'mpc'"):
        ranked_of([one, scenario("stockout", mpc=1.0)])
    broken = {**one.profit, "pid": np.full((1, STORES), np.nan)}
    with pytest.raises(ValueError, match="stockout: profit of pid"):
        ranked_of([one, ScenarioScores("stockout", broken)])
    with pytest.raises(ValueError, match="marks"):
        ranked_of([one, scenario("stockout", marked=True, pid=1.0)])


def ranked_of(scores: list[ScenarioScores]) -> None:
    rank("rule", scores, {"open_loop": "plan", "pid": "controller", "mpc": "controller"}, 0)
