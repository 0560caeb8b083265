"""The reference market: sources, published figures, and errors that name the parameter."""

from importlib import resources
from typing import Any

import pytest
import yaml

from merchantgym.envs.market.parameters import market_from_mapping, reference_market

STATUSES = {"measured", "read", "recalled", "assumption"}
MON = "0.3244 0.2286 0.1891 0.1989 0.247 0.3347 0.4803 0.7047 1.071 1.471 1.7685 1.8492 "
MON += "1.8218 1.8016 1.7352 1.6704 1.5824 1.4677 1.3459 1.5144 1.348 1.1477 0.9334 0.6646 "
TUE = "0.4202 0.2801 0.2334 0.2463 0.3108 0.4346 0.6209 0.9061 1.3517 1.8497 2.1579 2.2224 "
TUE += "2.2203 2.1693 2.1182 2.0384 1.9217 1.7762 1.6546 1.2299 1.0764 0.9251 0.767 0.551 "
WED = "0.3455 0.2212 0.1847 0.1993 0.2546 0.346 0.5063 0.734 1.0978 1.5028 1.7545 1.7973 "
WED += "1.7883 1.7489 1.7083 1.6372 1.5474 1.4236 1.3275 1.2097 1.0822 0.9232 0.7512 0.5345 "
THU = "0.3454 0.2325 0.1868 0.2005 0.2488 0.3433 0.4946 0.7221 1.0823 1.472 1.6634 1.7447 "
THU += "1.757 1.7301 1.668 1.6139 1.5203 1.4101 1.3095 1.1929 1.0566 0.904 0.7355 0.5294 "
FRI = "0.3358 0.2215 0.1871 0.1972 0.2462 0.335 0.4845 0.6965 1.0426 1.4425 1.658 1.7094 "
FRI += "1.6643 1.6526 1.6036 1.5378 1.4348 1.324 1.2087 1.1102 0.9748 0.8248 0.6714 0.487 "
SAT = "0.3185 0.2124 0.1767 0.1845 0.2162 0.2976 0.4138 0.6033 0.8867 1.2284 1.4675 1.5264 "
SAT += "1.5125 1.4745 1.4158 1.3492 1.285 1.1912 1.1009 0.9983 0.8769 0.7822 0.6215 0.4723 "
SUN = "0.3097 0.2164 0.169 0.1706 0.2028 0.2613 0.3713 0.5383 0.8125 1.1261 1.3838 1.4601 "
SUN += "1.4497 1.4339 1.3879 1.3408 1.2781 1.2061 1.1204 1.0328 0.9155 0.8058 0.679 0.4929"
PUBLISHED_WEEK = tuple(float(number) for number in (MON + TUE + WED + THU + FRI + SAT + SUN).split())
"""BAT benchmark (Avito, WWW 2025), data/traffic_share.csv, copied from the publication's figures."""

PUBLISHED = {
    "slot_exposure": (1.0, 0.8, 0.6),  # AuctionNet, NeurIPS 2024
    "rival_sd": (0.87, 1.04),  # iPinYou: campaigns 3386 (0.870) and 2821 (1.0363)
    "delay_shares": (0.35, 0.15, 0.50),  # Chapelle 2014
    "attribution_days": 30,
    "price_elasticity": -2.62,  # Bijmolt, van Heerde and Pieters 2005
    "price_elasticity_range": (-4.0, -1.5),
    "review_elasticity": 0.236,  # You, Vadakkepatt and Joshi 2015
    "rating_elasticity": 0.417,
    "promotion_uplift": 4.0,
    "buyer_log_sd": 0.70,  # UCI Wholesale customers
}


def entries() -> dict[str, dict[str, dict[str, Any]]]:
    text = resources.files("merchantgym.conf").joinpath("market/reference.yaml").read_text(encoding="utf-8")
    groups: dict[str, dict[str, dict[str, Any]]] = yaml.safe_load(text)
    return groups


def flat() -> dict[str, dict[str, Any]]:
    return {name: entry for group in entries().values() for name, entry in group.items()}


@pytest.mark.parametrize("name", sorted(flat()))
def test_every_parameter_has_a_unit_a_status_and_a_source(name: str) -> None:
    entry = flat()[name]
    assert set(entry) == {"value", "unit", "status", "source"}
    assert entry["status"] in STATUSES
    assert str(entry["unit"]).strip()
    assert str(entry["source"]).strip()
    if entry["status"] != "assumption":
        assert entry["source"] != "none"


def test_no_parameter_appears_twice() -> None:
    assert len(flat()) == sum(len(group) for group in entries().values())


def test_weekly_traffic_is_the_published_curve() -> None:
    assert reference_market().weekly_traffic == PUBLISHED_WEEK
    assert sum(PUBLISHED_WEEK) / 168 == pytest.approx(1.0, abs=2e-3)


@pytest.mark.parametrize(("name", "value"), PUBLISHED.items())
def test_published_figures_are_used_as_published(name: str, value: Any) -> None:
    assert getattr(reference_market(), name) == value


def test_the_published_figures_are_marked_as_such() -> None:
    known = {name for name, entry in flat().items() if entry["status"] != "assumption"}
    assert known == set(PUBLISHED) - {"promotion_uplift", "price_elasticity_range"} | {"weekly_traffic"}


def changed(name: str, value: Any) -> dict[str, dict[str, dict[str, Any]]]:
    groups = entries()
    for group in groups.values():
        if name in group:
            group[name] = group[name] | {"value": value}
    return groups


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("flywheel", -0.1, r"market.flywheel\(=-0.1\) must be in \[0, inf\]"),
        ("flywheel", "strong", r"market.flywheel\(='strong'\) must be a number"),
        ("flywheel", float("nan"), r"market.flywheel\(=nan\)"),
        ("segment_share", [0.5, 0.5, 0.5, 0.5], r"market.segment_share\(=.*\) must be non-negative and sum to 1"),
        ("delay_shares", [0.5, 0.7, -0.2], r"market.delay_shares\(=.*\) must be non-negative"),
        ("rival_sd", [0.87], r"market.rival_sd has 1 numbers, needs 2"),
        ("rival_sd", [0.87, 0.0], r"market.rival_sd\(=\(0.87, 0.0\)\)"),
        ("rival_sd", 0.87, r"market.rival_sd\(=0.87\) must be a list of numbers"),
        ("weekly_traffic", [1.0] * 24, "market.weekly_traffic has 24 numbers, needs 168"),
        ("commission_rate", 1.5, r"market.commission_rate\(=1.5\) must be in \[0, 1\]"),
        ("demand_persistence", 1.0, r"market.demand_persistence\(=1.0\)"),
        ("return_delay_days", 0.5, r"market.return_delay_days\(=0.5\) must be in \[1, inf\]"),
        ("reserve_price", 0.0, r"market.reserve_price\(=0.0\) must be in \[0.01, inf\]"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_by_name(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        market_from_mapping(changed(name, value))


def test_an_unknown_and_a_missing_parameter_are_named() -> None:
    groups = entries()
    groups["rank"]["flywhel"] = groups["rank"].pop("flywheel")
    with pytest.raises(ValueError, match=r"market has no parameter 'flywhel'; it has: .*flywheel"):
        market_from_mapping(groups)
    groups["rank"].pop("flywhel")
    with pytest.raises(ValueError, match="market lacks the parameter 'flywheel'"):
        market_from_mapping(groups)


def test_the_reference_market_reads_back() -> None:
    assert market_from_mapping(entries()) == reference_market()
