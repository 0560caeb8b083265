"""Variants of an ablation: changes of a learner's settings or of the scenario, read from plain mappings and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from merchantgym.agents.training import Settings
from merchantgym.envs.population import Population
from merchantgym.envs.scenario import scenario_from_mapping

from ..learning import read_settings
from ..setting import Setting

WHOLE = "as_configured"
"""The variant without changes."""
_ENTRIES = ("about", "agent", "scenario")


@dataclass(frozen=True, eq=False)
class Variant:
    """A learner to be trained, and where."""

    name: str
    about: str  # what changes, in a few words
    setting: Setting  # of its scenario
    settings: Settings  # of the learner
    elsewhere: bool  # True where the scenario is another, so that profits do not compare

    @property
    def label(self) -> str:
        """Its name as it is read."""
        return self.name.replace("_", " ")


def read_variants(setting: Setting, learner: str) -> tuple[Variant, ...]:
    """The learner as it is configured, and every variant of the configuration's `variants`.

    Raises: ValueError: an unknown entry, a value that is not allowed, or a variant that changes nothing; names it.
    """
    entries = setting.config["variants"]
    if not isinstance(entries, Mapping) or not entries:
        raise ValueError(f"variants(={entries!r}) must be a mapping such as {{no_shocks: {{scenario: {{...}}}}}}")
    if WHOLE in entries:
        raise ValueError(f"variants has {WHOLE!r}, which is the learner without changes; choose another name")
    whole = _variant(setting, learner, WHOLE, {"about": "nothing"})
    changed = [_variant(setting, learner, str(name), entry) for name, entry in entries.items()]
    for one in changed:
        if one.settings == whole.settings and not one.elsewhere:
            raise ValueError(f"variants.{one.name} changes nothing: agents.{learner} and the scenario are so already")
    return (whole, *changed)


def merged(whole: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A mapping with changes; a mapping within it is changed entry by entry."""
    both = dict(whole)
    for name, value in changes.items():
        inner = both.get(name)
        deeper = isinstance(inner, Mapping) and isinstance(value, Mapping)
        both[name] = merged(inner, value) if deeper and inner else value
    return both


def _variant(setting: Setting, learner: str, name: str, entry: Any) -> Variant:
    where = f"variants.{name}"
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}(={entry!r}) must be a mapping with some of: {', '.join(_ENTRIES)}")
    if unknown := sorted(set(entry) - set(_ENTRIES)):
        raise ValueError(f"{where} has no entry {unknown[0]!r}; it has: {', '.join(_ENTRIES)}")
    agent, scenario = (_changes(where, part, entry) for part in ("agent", "scenario"))
    agents = {**setting.config["agents"], learner: merged(setting.config["agents"][learner], agent)}
    mapping = merged(setting.config["scenario"], scenario)
    try:
        changed = _in(setting, {**setting.config, "agents": agents, "scenario": mapping}, name)
        settings = read_settings(changed, learner, agents[learner])
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    about = str(entry.get("about") or _told(agent, scenario))
    return Variant(name, about, changed, settings, elsewhere=changed.scenario != setting.scenario)


def _changes(where: str, part: str, entry: Mapping[str, Any]) -> Mapping[str, Any]:
    found = entry.get(part, {})
    if not isinstance(found, Mapping):
        raise ValueError(f"{where}.{part}(={found!r}) must be a mapping of fields to values")
    if part == "scenario" and {"name", "about"} & set(found):
        raise ValueError(f"{where}.scenario must not have a name or about of its own: the variant has them")
    return found


def _in(setting: Setting, config: Mapping[str, Any], name: str) -> Setting:
    """The setting under another configuration, which writes to a folder of its own."""
    scenario = scenario_from_mapping(config["scenario"]).model_copy(update={"hosting": setting.scenario.hosting})
    return replace(
        setting,
        scenario=scenario,
        population=Population(scenario, setting.population.seed, setting.market),
        config=config,
        output=setting.output / "variants" / name,
    )


def _told(agent: Mapping[str, Any], scenario: Mapping[str, Any]) -> str:
    parts = [f"{name} {value}" for name, value in agent.items()]
    return ", ".join([*parts, *(f"scenario's {name} {value}" for name, value in scenario.items())])
