"""The estimators of perception on worlds drawn from their own laws: coverage, tracking, alarms."""

from dataclasses import replace

import numpy as np
import pytest

from merchantgym.envs.beliefs import Estimate
from merchantgym.envs.market.parameters import reference_market
from merchantgym.envs.perception_demand import DemandLaw, SurgeLaw
from merchantgym.envs.perception_filters import Page, Tracks, correct, decide, predict, start_tracks
from merchantgym.envs.perception_rates import RateLaw, matured_share, shrunk_rate
from merchantgym.envs.perception_rivals import AdHour, RivalLaw, exposure, log_price

from ..worlds import Floats

MARKET = reference_market()


def inside(estimate: Estimate, truth: Floats, level: float) -> float:
    low, high = estimate.interval(level)
    return float(((low <= truth) & (truth <= high)).mean())


@pytest.mark.parametrize(("rate", "exposed"), [(0.036, 3000.0), (0.012, 250.0)])
def test_intervals_of_rates_cover(rate: float, exposed: float) -> None:
    """Clicks of many views and orders of few clicks alike: neither too wide nor too narrow."""
    rng = np.random.default_rng(1)
    law = RateLaw(store_spread=0.4, listing_spread=0.4, drift=0.01, half_life=1e9)
    shop = rng.normal(0.0, 0.4, (600, 1))
    truth = np.log(rate) + shop + rng.normal(0.0, 0.4, (600, 8))
    exposure_ = exposed * np.exp(rng.normal(0.0, 0.7, (600, 8)))
    events = rng.poisson(exposure_ * np.exp(truth)).astype(float)
    belief = shrunk_rate(events, exposure_, np.full((600, 8), rate), law)
    assert inside(belief, truth, 0.95) == pytest.approx(0.95, abs=0.02)
    assert inside(belief, truth, 0.5) == pytest.approx(0.5, abs=0.05)
    error = np.sqrt(np.mean((belief.mean - truth) ** 2))
    raw = np.log((events + 0.5) / (exposure_ + 1.0))
    assert error < 0.95 * np.sqrt(np.mean((raw - truth) ** 2))
    assert error == pytest.approx(belief.sd.mean(), rel=0.15)
    assert abs((belief.mean - truth).mean()) < 0.04


def test_a_rate_without_counts_is_the_published_one() -> None:
    law = RateLaw(store_spread=0.4, listing_spread=0.3, drift=0.01, half_life=1e9)
    zero = np.zeros((1, 3))
    belief = shrunk_rate(zero, zero, np.full((1, 3), 0.02), law)
    assert belief.sd == pytest.approx(np.full((1, 3), 0.5), rel=0.1)
    assert np.exp(belief.mean + 0.5 * belief.sd**2) == pytest.approx(np.full((1, 3), 0.02), rel=0.03)


def test_orders_of_a_week_have_matured_in_part() -> None:
    """Half within a day, the slow ones five days on average: by hand for one click an hour."""
    waited = np.arange(168)
    by_hand = np.mean(0.35 + 0.15 * (1 - (7 / 8) ** waited) + 0.5 * (1 - (119 / 120) ** waited))
    assert matured_share(168, MARKET) == pytest.approx(by_hand, rel=1e-9)
    assert matured_share(24 * 365, MARKET) > 0.97


def random_walk(jump: float, hours: int = 120, stores: int = 400) -> tuple[list[Tracks], Floats, Floats]:
    """Tracks of an AR(1) seen with noise, true levels (hours, stores), hour of the jump 60."""
    rng = np.random.default_rng(4)
    persistence, noise = np.array([0.95]), np.array([0.01])
    level = rng.normal(0.0, 0.32, stores)
    tracks = start_tracks(np.zeros((stores, 1)), np.tile([[0.1]], (stores, 1, 1)))
    all_tracks, truth = [], []
    for hour in range(hours):
        level = 0.95 * level + rng.normal(0.0, 0.1, stores) + (jump if hour == 60 else 0.0)
        seen = level + rng.normal(0.0, 0.1, stores)
        now = np.full(stores, float(hour))
        tracks = predict(tracks, persistence, noise, np.array([[1.0]]), np.ones(1))
        surprise = seen[:, None] - tracks.mean[:, :, 0]
        row, known = np.ones(tracks.mean.shape), rng.random(stores) < 0.8
        tracks = correct(tracks, row, surprise, np.full(stores, 0.01), known)
        tracks = decide(tracks, 6.0, np.ones(1), now)
        all_tracks.append(tracks)
        truth.append(level)
    return all_tracks, np.array(truth), np.array([tracks.page[:, Page.NOTICED] for tracks in all_tracks])


def test_a_filter_covers_and_raises_no_alarm_in_calm() -> None:
    tracks, truth, noticed = random_walk(0.0)
    belief = Estimate(
        np.array([each.mean[:, 0, 0] for each in tracks]), np.sqrt([each.cov[:, 0, 0, 0] for each in tracks])
    )
    assert inside(belief, truth, 0.95) == pytest.approx(0.95, abs=0.015)
    assert inside(belief, truth, 0.5) == pytest.approx(0.5, abs=0.03)
    assert (noticed[-1] >= 0.0).mean() < 0.03


def test_a_jump_is_noticed_with_its_hour_and_size() -> None:
    tracks, truth, _ = random_walk(1.2)
    last = tracks[-1].page
    found = last[:, Page.NOTICED] >= 60.0
    assert found.mean() > 0.97
    assert np.median(last[found, Page.NOTICED]) <= 62.0
    assert (np.abs(last[found, Page.ONSET] - 60.0) <= 1.0).mean() > 0.85
    assert np.median(last[found, Page.SIZE]) == pytest.approx(1.2, abs=0.25)
    assert np.abs(tracks[66].mean[:, 0, 0] - truth[66]).mean() < 0.12


def test_the_size_of_the_noise_is_learned() -> None:
    rng = np.random.default_rng(2)
    tracks = start_tracks(np.zeros((2, 1)), np.tile([[0.1]], (2, 1, 1)))
    level, true_sd = np.zeros(2), np.array([0.06, 0.18])
    for _ in range(400):
        level = 0.97 * level + true_sd * rng.normal(size=2)
        tracks = predict(tracks, np.array([0.97]), np.array([0.01]), np.eye(1), np.ones(1))
        surprise = level[:, None] - tracks.mean[:, :, 0]
        tracks = correct(tracks, np.ones((2, 3, 1)), surprise, np.full(2, 1e-3), np.ones(2, dtype=np.bool_))
    assert tracks.unrest[0] < -0.4
    assert tracks.unrest[1] > 0.4


def shop(
    hours: int, demand: Floats, lift: Floats, seed: int = 0, stores: int = 60
) -> tuple[list[Estimate], list[Floats], list[Floats], SurgeLaw]:
    """Views of eight listings under given courses of demand (hours,) and of the first listing's lift (hours,).

    Returns: beliefs about demand, alarms, onsets by hour; the law.
    """
    rng, K = np.random.default_rng(seed), 8
    law, watcher = DemandLaw(), SurgeLaw()
    base = np.full((stores, K), 100.0)
    tracks, surges = law.start(MARKET, stores), watcher.meet_history(base)
    dispersion, one = np.full((stores, K), 6.0), np.ones((stores, K))
    beliefs, alarms, onsets = [], [], []
    for hour in range(hours):
        now, traffic = np.full(stores, float(hour)), np.full(stores, 1.0 + 0.7 * np.sin(hour / 4.0))
        mean = base * traffic[:, None] * demand[hour]
        mean[:, 0] *= lift[hour]
        views = 6.0 * rng.poisson(mean / 6.0)
        tracks = law.forecast(tracks, MARKET)
        usual = watcher.usual(surges) * traffic[:, None]
        tracks = law.update(tracks, MARKET, now, views, usual, dispersion, one - surges.active)
        level = np.exp(law.level(tracks, MARKET)[:, 0])
        surges = watcher.update(surges, now, views, traffic, level, dispersion, one)
        beliefs.append(law.believe(tracks, MARKET))
        alarms.append(surges.active.copy())
        onsets.append(surges.onset_told.copy())
    return beliefs, alarms, onsets, watcher


def test_demand_follows_a_step_and_no_listing_is_blamed() -> None:
    demand = np.where(np.arange(120) < 60, 1.0, 1.8)
    beliefs, alarms, _, _ = shop(120, demand, np.ones(120))
    rise = beliefs[75].mean - beliefs[58].mean
    assert np.median(rise) == pytest.approx(np.log(1.8), abs=0.2)
    assert np.concatenate(alarms).mean() < 0.01


def test_a_surge_is_noticed_while_it_lasts_and_only_there() -> None:
    lift = np.ones(200)
    lift[80:130] = 3.0
    _, alarms, onsets, _ = shop(200, np.ones(200), lift)
    alarm = np.array(alarms)
    assert alarm[:80].max(axis=(0, 1)).mean() < 0.5
    assert alarm[:80].mean() < 0.005
    assert alarm[95:128, :, 0].mean() > 0.97
    assert alarm[150:, :, 0].mean() < 0.05
    assert alarm[:, :, 1:].mean() < 0.01
    first = onsets[100][:, 0]
    assert np.median(np.abs(first - 80.0)) <= 2.0


def test_one_listings_surge_is_not_taken_for_the_shops() -> None:
    lift = np.where(np.arange(120) < 60, 1.0, 8.0)
    beliefs, _, _, _ = shop(120, np.ones(120), lift)
    assert np.abs(np.median(beliefs[100].mean) - np.median(beliefs[55].mean)) < 0.12


def auctions(shift: float, hours: int = 200, stores: int = 60, seed: int = 5) -> tuple[list[Estimate], Floats, Floats]:
    """Prices and views by the auction's own formulas; a rival enters in hour 100.

    Returns: beliefs by hour, true levels (hours, stores, C), hours of the alarm (stores,).
    """
    rng = np.random.default_rng(seed)
    law = RivalLaw()
    tracks = law.start(MARKET, stores)
    base = np.log(MARKET.rival_level) + rng.normal(0.0, 0.3, (stores, 1)) + rng.normal(0.0, 0.1, (stores, 2))
    noise, organic = np.zeros((stores, 2)), rng.normal(0.0, 0.15, stores)
    bid = np.log(MARKET.rival_level).mean() + rng.normal(0.0, 0.3, (stores, 1)) + np.zeros(2)
    volume = np.asarray(MARKET.channel_volume) / np.sum(MARKET.channel_volume)
    beliefs, truth = [], []
    for hour in range(hours):
        noise = 0.95 * noise + rng.normal(0.0, 0.06, noise.shape)
        swing = 0.25 * np.cos((hour % 24 - 15.0) * np.pi / 12.0)
        level = base + noise + swing + (shift if hour >= 100 else 0.0)
        price = np.exp(log_price(bid, level, np.asarray(MARKET.rival_sd), MARKET))
        clicks = rng.poisson(12.0, stores).astype(float)
        seen = (volume * exposure(bid, level, np.zeros((stores, 1)), MARKET)).sum(axis=1)
        requests = 1000.0 * (0.3 + 0.7 * np.sin(np.pi * hour / 24.0) ** 2)
        ads = rng.poisson(requests * seen).astype(float)
        views = rng.poisson(requests * (1.0 - seen) * 0.07 * np.exp(-organic)).astype(float)
        told = AdHour(
            hour=np.full(stores, float(hour)),
            clock=np.full(stores, hour % 24.0),
            promotion=np.zeros(stores),
            price=price * np.exp(rng.normal(0.0, 0.2, price.shape) / np.sqrt(np.maximum(clicks / 2, 1.0))[:, None]),
            priced=np.broadcast_to(clicks[:, None] > 0.0, price.shape),
            clicks=clicks,
            bid=bid,
            bid_sd=np.zeros(stores),
            ads=ads,
            organic=views,
            requests=views / 0.07,
            offer=bid,
            offer_sd=np.zeros(stores),
        )
        tracks = law.update(tracks, MARKET, told)
        beliefs.append(law.believe(tracks, MARKET, told.clock, told.promotion))
        truth.append(level)
    return beliefs, np.array(truth), tracks.page[:, Page.NOTICED]


def test_the_rivals_level_is_read_off_prices_and_views() -> None:
    beliefs, truth, noticed = auctions(0.0)
    belief = Estimate(np.array([each.mean for each in beliefs[24:]]), np.array([each.sd for each in beliefs[24:]]))
    assert 0.93 <= inside(belief, truth[24:], 0.95) <= 1.0
    assert np.sqrt(np.mean((belief.mean - truth[24:]) ** 2)) < 0.2 < truth.std()
    assert (noticed >= 0.0).mean() < 0.1


def test_a_rivals_entry_is_noticed() -> None:
    beliefs, truth, noticed = auctions(0.8)
    assert ((noticed >= 100.0) & (noticed <= 124.0)).mean() > 0.85
    assert np.abs(beliefs[130].mean - truth[130]).mean() < 0.2


def test_dearer_rivals_are_believed_where_the_same_bid_pays_more() -> None:
    law = replace(RivalLaw(), level_sd=0.5)
    cheap, dear = (law.meet_history(law.start(MARKET, 1), MARKET, np.full((1, 2), price)) for price in (0.2, 0.4))
    clock, none = np.array([9.0]), np.zeros(1)
    rise = law.believe(dear, MARKET, clock, none).mean - law.believe(cheap, MARKET, clock, none).mean
    assert (rise > 0.5 * np.log(2.0)).all()
    assert (rise < np.log(2.0)).all()
