"""Scenarios load and refuse bad entries by name; a population's stores are pure functions of (seed, split, number)."""

import re
from importlib import resources
from typing import Any

import numpy as np
import pytest
import yaml
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from merchantgym.envs.market.parameters import reference_market
from merchantgym.envs.population import SPLITS, Population
from merchantgym.envs.scenario import Scenario, load_scenario, scenario_from_mapping, scenario_names
from merchantgym.envs.store import Store

FOLDER = resources.files("merchantgym.conf").joinpath("scenario")
NAMES = scenario_names()
OVERRIDES = ("demand_sd", "rival_noise_sd", "rival_swing", "flywheel")


def mapping(name: str = "headline", **changes: Any) -> dict[str, Any]:
    """A scenario's file with some entries changed."""
    config: dict[str, Any] = yaml.safe_load(FOLDER.joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    return {**config, **changes}


def public(store: Store) -> dict[str, Any]:
    """What a store is, arrays as lists, so that two can be compared."""
    listings = {
        name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in vars(store.listings).items()
    }
    own = {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in vars(store).items()
        if name != "listings"
    }
    return {**listings, **own}


def test_the_headline_is_there() -> None:
    assert {"headline", "steady"} <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_file_loads_and_says_what_it_is_about(name: str) -> None:
    scenario = load_scenario(name)
    assert isinstance(scenario, Scenario)
    assert scenario.name == name
    assert len(scenario.about.split()) > 10
    assert load_scenario(name) is scenario


@pytest.mark.parametrize("name", NAMES)
def test_every_scenario_opens_in_every_split(name: str) -> None:
    scenario = load_scenario(name)
    for split in SPLITS:
        opened = Population(scenario).open(split, 2)
        for store, office in zip(opened.stores, opened.offices, strict=True):
            assert store.name == office.store
            assert store.name.startswith(split)
            assert len(office.listing_id) == scenario.listings
            assert office.days == scenario.days
            assert len(office.promotion_days) == scenario.promotion_days
            assert office.renewing == scenario.renewing
            assert office.roi_floor == scenario.roi_floor
            assert (office.impressions > 0).any()  # a week of history


@pytest.mark.parametrize("name", NAMES)
def test_a_file_means_the_same_to_hydra(name: str) -> None:
    with initialize_config_module("merchantgym.conf", version_base="1.3"):
        composed = OmegaConf.to_container(compose("compare", [f"scenario={name}"]).scenario, resolve=True)
        assert scenario_from_mapping(composed) == load_scenario(name)
        assert compose("compare", [f"scenario={name}", "scenario.cold_share=0.5"]).scenario.cold_share == 0.5


def test_headline_is_the_hard_setting_and_steady_the_easy_one() -> None:
    hard, easy = load_scenario("headline"), load_scenario("steady")
    assert not hard.renewing
    assert easy.renewing
    assert hard.shock_probability > 0 == easy.shock_probability
    assert hard.stock_days[1] < easy.stock_days[0]


def test_an_unknown_scenario_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=re.escape(f"scenario(='headlines') must be one of: {', '.join(NAMES)}")):
        load_scenario("headlines")


@pytest.mark.parametrize("entry", sorted(mapping()))
def test_a_missing_entry_is_named(entry: str) -> None:
    config = mapping()
    del config[entry]
    with pytest.raises(ValueError, match=rf"scenario\.{entry} is missing"):
        scenario_from_mapping(config)


def test_an_unknown_entry_is_named() -> None:
    with pytest.raises(ValueError, match=re.escape("scenario.stok_days(=3) is not a field of a scenario")):
        scenario_from_mapping(mapping(stok_days=3))


@pytest.mark.parametrize(
    ("entry", "value", "allowed"),
    [
        ("listings", 0, "greater than or equal to 1"),
        ("listings", 65, "less than or equal to 64"),
        ("listings", 8.5, "valid integer"),
        ("listings", "eight", "valid integer"),
        ("days", 91, "less than or equal to 90"),
        ("days", None, "valid integer"),
        ("budget_per_day", 0.0, "greater than 0"),
        ("budget_per_day", float("nan"), "finite number"),
        ("budget_spread", -0.1, "greater than or equal to 0"),
        ("roi_floor", -1.0, "greater than or equal to 0"),
        ("renewing", "no", "valid boolean"),
        ("cold_share", 1.1, "less than or equal to 1"),
        ("coverage", [0.5, 1.2], "less than or equal to 1"),
        ("coverage", [0.9, 0.5], "low <= high"),
        ("stock_days", [24.0, 6.0], "low <= high"),
        ("stock_days", [6.0], "missing"),
        ("stock_days", 5, "valid tuple"),
        ("shock_size", [-3.0, 0.0], "greater than or equal to 0"),
        ("entry_shift", ["a", "b"], "valid number"),
        ("stage_shares", [0.5, 0.5], "missing"),
        ("stage_shares", [0.5, 0.5, 0.5], "sum to 1"),
        ("driver_shares", [1.2, -0.2, 0.0], "less than or equal to 1"),
        ("promotion_days", 15, "days"),
        ("promotion_on", [3, 4], "promotion_days(=1) different days of the plan, from 0 to 13"),
        ("promotion_on", [14], "promotion_days(=1) different days of the plan, from 0 to 13"),
        ("shock_listings", 0, "greater than or equal to 1"),
        ("shock_listings", 9, "at most listings(=8)"),
        ("shock_window", [0.8, 0.1], "low <= high"),
        ("entry_window", [0.1, 1.2], "less than or equal to 1"),
        ("delay_shares", [0.5, 0.5, 0.5], "sum to 1"),
        ("slow_delay_hours", 0.5, "greater than or equal to 1"),
        ("mix", {"old": {"brand": 1}}, "not have 'old'; allowed: new, advanced, mature"),
        ("mix", {"new": {"brand+operation": 1}}, "not have 'brand+operation'; allowed: supply_chain, "),
        ("mix", {"new": {"brand": 0}}, "have a weight above 0"),
        ("mix", {"new": {"brand": -1}}, "greater than or equal to 0"),
        ("flywheel", "strong", "valid number"),
        ("demand_sd", -1.0, "greater than or equal to 0"),
    ],
)
def test_a_wrong_entry_is_told_with_what_is_allowed(entry: str, value: Any, allowed: str) -> None:
    with pytest.raises(ValueError, match=rf"scenario\.{entry}.*{re.escape(allowed)}"):
        scenario_from_mapping(mapping(**{entry: value}))


def test_a_scenario_overrides_the_market_where_it_names_a_value() -> None:
    base = reference_market()
    plain = scenario_from_mapping(mapping(**dict.fromkeys(OVERRIDES))).market(base)
    assert plain == base
    values = {**dict.fromkeys(OVERRIDES, 0.123), "delay_shares": (0.2, 0.3, 0.5), "slow_delay_hours": 12.3}
    for entry, value in values.items():
        market = scenario_from_mapping(mapping(**{**dict.fromkeys(OVERRIDES), entry: value})).market(base)
        assert {name for name in vars(base) if getattr(market, name) != getattr(base, name)} == {entry}
        assert getattr(market, entry) == value


def test_a_flywheel_of_none_can_be_studied() -> None:
    assert scenario_from_mapping(mapping(flywheel=0.0)).market(reference_market()).flywheel == 0.0


def test_a_store_is_the_same_whatever_else_was_drawn() -> None:
    alone = Population(load_scenario("headline"), seed=3)
    crowd = Population(load_scenario("headline"), seed=3)
    for number in (0, 5, 1):
        crowd.store("train", number)
    assert public(alone.store("test", 4)) == public(crowd.store("test", 4))


def test_seeds_splits_and_numbers_all_make_another_store() -> None:
    here = Population(load_scenario("headline"), seed=3)
    elsewhere = Population(load_scenario("headline"), seed=4)
    stores = [here.store(split, number) for split in SPLITS for number in range(4)] + [elsewhere.store("train", 0)]
    assert len({tuple(store.listings.price.tolist()) for store in stores}) == len(stores)


def test_a_store_has_the_same_eve_in_any_company() -> None:
    population = Population(load_scenario("headline"))
    few, many = population.open("train", 2, first=3), population.open("train", 6, threads=2)
    for one, other in zip(few.offices, many.offices[3:5], strict=True):
        for name, value in vars(one).items():
            np.testing.assert_array_equal(value, getattr(other, name), err_msg=name)
    for name, values in vars(few.start.state).items():
        np.testing.assert_array_equal(values, getattr(many.start.state, name)[3:5], err_msg=name)
    for name in ("ledger", "ledger_listing"):
        np.testing.assert_array_equal(getattr(few.start.task, name), getattr(many.start.task, name)[3:5])


def test_what_a_population_does_not_have_is_refused() -> None:
    population = Population(load_scenario("headline"))
    with pytest.raises(ValueError, match=re.escape("split(='trian') must be one of: train, validation, test")):
        population.store("trian", 0)  # type: ignore[arg-type]
    for number in (-1, 10_000_000):
        with pytest.raises(ValueError, match=re.escape(f"number(={number}) of a store must be in [0, 10000000)")):
            population.store("train", number)
    with pytest.raises(ValueError, match=re.escape("stores(=0) must be >= 1")):
        population.open("train", 0)
