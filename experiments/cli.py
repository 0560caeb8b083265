"""The console command: `merchantgym <verb> [overrides]`.

Each verb is a Hydra application: `merchantgym.experiments.<verb>` has `run(config)`, `merchantgym.conf` has
`<verb>.yaml`, `VERBS` has a line. Nothing heavy is imported before a verb's configuration stands.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from difflib import get_close_matches
from importlib import import_module, metadata, resources
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CONF = "merchantgym.conf"


class Verb(NamedTuple):
    """A word of the command line: the module whose `run(config)` it calls, and what it does in one line."""

    module: str
    summary: str


VERBS = {
    "train": Verb("merchantgym.experiments.train", "train a policy on the training stores"),
    "evaluate": Verb("merchantgym.experiments.evaluate", "score one planner and executor on held-out stores"),
    "compare": Verb("merchantgym.experiments.compare", "train, score and rank all planners and executors"),
    "tune": Verb("merchantgym.experiments.tune", "search the gains of controllers on the training stores"),
    "export": Verb("merchantgym.experiments.export", "write a trained policy or a controller as a checked ONNX bundle"),
    "plan": Verb("merchantgym.experiments.plan", "write the plan of a merchant's shop, and why"),
    "record": Verb("merchantgym.experiments.record", "record episodes as parquet, to learn from offline"),
    "off_policy": Verb("merchantgym.experiments.off_policy", "hold off-policy estimates against the truth"),
    "watch": Verb("merchantgym.experiments.watch", "watch one store's days live, or save them as a film"),
    "scenarios": Verb("merchantgym.experiments.scenarios", "draw the market of every scenario"),
    "respond": Verb("merchantgym.experiments.responses", "draw controllers' answers to a step and to a wrong plan"),
    "perceive": Verb("merchantgym.experiments.perceive", "score beliefs about the market against the truth"),
    "agree": Verb("merchantgym.experiments.agreement", "test that both engines are one law"),
    "bench": Verb("merchantgym.experiments.bench", "measure the speed of the simulator"),
}


class Refused(BaseException):
    """A verb was asked for something impossible; the message says what, in one line.

    No `Exception`, because Hydra reports those itself, with lines of its own.
    """


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: the words after `merchantgym`; None takes them from the command line.
    Returns: exit code: 0 done, 2 refused (one line on stderr says why), 130 interrupted.
    Raises: whatever is a defect of the program. With MERCHANTGYM_TRACEBACK=1 refusals are raised too.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if not words or words[0] in ("-h", "--help", "help"):
        print(overview())
        return 0
    if words[0] == "--version":
        print(f"merchantgym {metadata.version('merchantgym')}")
        return 0
    verb, *rest = words
    if verb not in VERBS:
        return _refuse("merchantgym", f"unknown verb '{verb}'{_meant(verb, VERBS)}; verbs: {', '.join(VERBS)}")
    if {"-h", "--help"} & set(rest):
        print(verb_help(verb))
        return 0
    try:
        return _run(verb, rest)
    except KeyboardInterrupt:
        print(f"merchantgym {verb}: interrupted", file=sys.stderr)
        return 130


def overview() -> str:
    """What `merchantgym --help` prints."""
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:{width}}  {verb.summary}" for name, verb in VERBS.items())
    return (
        "usage: merchantgym <verb> [overrides]\n\n"
        "A simulated marketplace in which plans, controllers and learned policies are compared.\n\n"
        f"verbs:\n{verbs}\n\n"
        "merchantgym <verb> --help shows a verb's settings, merchantgym --version the version.\n"
        "MERCHANTGYM_TRACEBACK=1 shows where a refused run was refused."
    )


def verb_help(name: str) -> str:
    """What `merchantgym <verb> --help` prints: summary, examples, the groups and fields of the config."""
    fields = _read("base.yaml") | _read(f"{name}.yaml")
    fields.pop("defaults")
    chosen = _chosen(_defaults(name))
    options = "\n".join(f"  {k}={_plain(chosen[k])}  (of: {', '.join(v)})" for k, v in groups(name).items())
    values = "\n".join(f"  {k}={_plain(v)}" for k, v in fields.items() if k not in ("hydra", "verb"))
    return (
        f"merchantgym {name}: {VERBS[name].summary}\n\n"
        f"examples:\n  merchantgym {name}\n  merchantgym {name} seed=1 run=my_run\n"
        f"  merchantgym {name} -m seed=0,1,2 hydra/launcher=joblib   a sweep, jobs side by side\n"
        f"  merchantgym {name} --cfg job                             the whole configuration\n\n"
        f"config groups (group=option):\n{options}\n\n"
        f"fields (field=value):\n{values}\n\n"
        "Results are written to output_dir. merchantgym.conf holds the files, each number with its source."
    )


def groups(verb: str) -> dict[str, list[str]]:
    """The config groups that a verb uses, each with its options."""
    found = {}
    for group in _chosen(_defaults(verb)):
        folder = resources.files(CONF).joinpath(group)
        if folder.is_dir():
            names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
            found[group] = [name.removesuffix(".yaml") for name in names]
    return {group: options for group, options in found.items() if options}


def _defaults(verb: str) -> list[Any]:
    """The defaults lists of a verb and of what all verbs share."""
    return [*_read(f"{verb}.yaml")["defaults"], *_read("base.yaml")["defaults"]]


def _read(name: str) -> dict[str, Any]:
    return dict(yaml.safe_load(resources.files(CONF).joinpath(name).read_text(encoding="utf-8")))


def _chosen(defaults: Sequence[Any]) -> dict[str, Any]:
    """Group -> option of a Hydra defaults list, without `_self_`, `override` and what has a name of its own."""
    pairs = [pair for entry in defaults if isinstance(entry, dict) for pair in entry.items()]
    return {key.split()[-1].lstrip("/"): option for key, option in pairs if "@" not in key}


def _run(verb: str, words: Sequence[str]) -> int:
    """Compose the configuration of a verb with Hydra and hand it over; refusals become one line."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # contended threads slow small networks down a hundredfold
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come as they are: what the user reads is decided here
    traceback_wanted = os.environ.get("MERCHANTGYM_TRACEBACK") == "1"
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    refusals = (ValueError, FileNotFoundError, HydraException, OmegaConfBaseException)
    sys.argv = [f"merchantgym {verb}", *words]
    try:
        task = _task(verb, () if traceback_wanted else refusals)
        hydra.main(version_base="1.3", config_path=f"pkg://{CONF}", config_name=verb)(task)()
    except Refused as refused:
        return _refuse(f"merchantgym {verb}", f"{refused} (MERCHANTGYM_TRACEBACK=1 shows where)")
    except refusals as error:
        if traceback_wanted:
            raise
        return _refuse(f"merchantgym {verb}", _unknown_field(verb, error) or _one_line(error))
    return 0


def _task(verb: str, refusals: tuple[type[Exception], ...]) -> Callable[[Any], None]:
    """The function that Hydra calls, here or in a worker of a launcher."""

    def task(config: Any) -> None:
        from hydra.core.hydra_config import HydraConfig
        from omegaconf import OmegaConf

        hydra = HydraConfig.get()
        folder = Path(hydra.runtime.output_dir)
        if not OmegaConf.is_missing(hydra.job, "num"):  # a job of a sweep has its own name and folder
            config.run, config.output_dir = f"{config.run}-{hydra.job.num}", str(folder)
        config.run, config.output_dir = (
            str(config.run),
            str(config.output_dir),
        )  # the time of the start stands
        try:
            _check(config)
            import_module(VERBS[verb].module).run(config)
        except refusals as error:
            if {entry.name for entry in folder.iterdir()} <= {".hydra", f"{verb}.log"}:
                shutil.rmtree(folder)  # refused before any work: leave nothing behind
                with suppress(OSError):
                    folder.parent.rmdir()  # unless it holds other runs
            raise Refused(_one_line(error)) from error

    return task


def _check(config: Any) -> None:
    """Refuse impossible values of the fields that verbs share; groups are checked where they are used."""
    for name, least in (("seed", 0), ("threads", 0), ("stores", 1)):
        value = config.get(name, least)
        if type(value) is not int or value < least:
            raise ValueError(f"{name}(={value!r}) must be a whole number >= {least}")
    for name in ("progress", "quiet"):
        if type(config[name]) is not bool:
            raise ValueError(f"{name}(={config[name]!r}) must be true or false")


def _refuse(program: str, message: str) -> int:
    print(f"{program}: error: {message}", file=sys.stderr)
    return 2


def _one_line(error: BaseException) -> str:
    """The message of an error in one line, without Hydra's list of folders searched and its links."""
    text = re.split(r"Config search path:|See https://hydra", str(error) or type(error).__name__)[0]
    return " ".join(re.sub(r"\s*\n\s*\n\s*", "; ", text.strip()).split())


def _meant(word: str, known: Sequence[str] | dict[str, Any]) -> str:
    close = get_close_matches(word, list(known), n=1)
    return f", did you mean '{close[0]}'?" if close else ""


def _unknown_field(verb: str, error: BaseException) -> str:
    """The message for a misspelt field of an override, which names the nearest; "" for other errors."""
    unknown = re.match(r"Could not override '([^']+)'", str(error))
    if not unknown:
        return ""
    from hydra import compose, initialize_config_module
    from omegaconf import OmegaConf

    with initialize_config_module(CONF, version_base="1.3"):
        fields = OmegaConf.to_container(compose(verb))
    meant = _meant(unknown[1], list(_names(fields)))
    return f"unknown field '{unknown[1]}'{meant}; merchantgym {verb} --help lists the fields"


def _names(fields: Any, prefix: str = "") -> Iterator[str]:
    """Dotted names of all fields of a configuration."""
    for key, value in fields.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _names(value, f"{prefix}{key}.")


def _plain(value: Any) -> str:
    return str(yaml.safe_dump(value, default_flow_style=True, width=200)).removesuffix("\n...\n").strip()
