"""The console command: help, refusals in one line, sweeps, and what it imports."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from merchantgym.experiments import cli

Verb = Callable[[Callable[[Any], None]], None]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Verb:
    """Put a function in the place of `merchantgym bench`, in an empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["merchantgym"])
    for name in ("OMP_NUM_THREADS", "HYDRA_FULL_ERROR"):
        monkeypatch.setenv(name, "1")
    monkeypatch.delenv("MERCHANTGYM_TRACEBACK", raising=False)

    def install(run: Callable[[Any], None]) -> None:
        module = ModuleType("stand_in")
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "stand_in", module)
        monkeypatch.setitem(cli.VERBS, "bench", cli.Verb("stand_in", "a stand-in"))

    return install


def test_help_lists_the_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == cli.main([]) == 0
    printed = capsys.readouterr().out
    for name, verb in cli.VERBS.items():
        assert f"  {name}" in printed
        assert verb.summary in printed


@pytest.mark.parametrize("verb", cli.VERBS)
def test_help_of_a_verb_shows_groups_and_fields(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([verb, "--help"]) == 0
    printed = capsys.readouterr().out
    assert "market=reference  (of: " in printed
    assert "seed=0" in printed
    assert f"merchantgym {verb} seed=1" in printed


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("merchantgym 0.")


def test_unknown_verb_names_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["comparee"]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "unknown verb 'comparee', did you mean 'compare'?; verbs: train, " in error


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("stroes=3", "unknown field 'stroes', did you mean 'stores'?; merchantgym bench --help lists"),
        ("scenario=headlin", "Could not find 'scenario/headlin'; Available options in 'scenario': "),
        ("seed", "Error parsing override 'seed'"),
        ("stores=0", "stores(=0) must be a whole number >= 1"),
        ("seed=first", "seed(='first') must be a whole number >= 0"),
        ("quiet=perhaps", "quiet(='perhaps') must be true or false"),
    ],
)
def test_bad_override_is_one_line(bench: Verb, capsys: pytest.CaptureFixture[str], override: str, message: str) -> None:
    bench(lambda config: pytest.fail("ran in spite of a bad override"))
    assert cli.main(["bench", override]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.startswith("merchantgym bench: error: ")
    assert error.count("\n") == 1
    assert not [path for path in Path().rglob("*") if path.is_file()]


def test_run_names_its_folder(bench: Verb) -> None:
    seen = []
    bench(seen.append)
    assert cli.main(["bench", "run=mine", "seed=3"]) == 0
    assert (seen[0].run, seen[0].output_dir, seen[0].seed) == ("mine", "outputs/mine", 3)
    assert Path("outputs/mine/.hydra/config.yaml").exists()
    assert cli.main(["bench"]) == 0
    assert seen[1].run.startswith("bench-2")
    assert Path(seen[1].output_dir).is_dir()


def test_sweep_gives_each_job_a_folder(bench: Verb) -> None:
    seen = []
    bench(lambda config: seen.append((config.run, Path(config.output_dir).is_dir(), config.seed)))
    assert cli.main(["bench", "-m", "seed=1,2", "run=swept"]) == 0
    assert seen == [("swept-0", True, 1), ("swept-1", True, 2)]
    assert Path("outputs/swept/1").is_dir()


def _refuse(config: Any) -> None:
    raise ValueError(f"bid(={config.seed}) must be\nsmaller")


def test_refusal_from_below_is_one_line(bench: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    bench(_refuse)
    assert cli.main(["bench", "run=refused"]) == 2
    error = capsys.readouterr().err
    assert error == ("merchantgym bench: error: bid(=0) must be smaller (MERCHANTGYM_TRACEBACK=1 shows where)\n")
    assert not Path("outputs/refused").exists()


def test_refusal_keeps_what_was_written(bench: Verb) -> None:
    def run(config: Any) -> None:
        Path(config.output_dir, "checkpoint").touch()
        raise FileNotFoundError("catalogue.csv")

    bench(run)
    assert cli.main(["bench", "run=stopped"]) == 2
    assert Path("outputs/stopped/checkpoint").exists()


def test_traceback_on_request(bench: Verb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERCHANTGYM_TRACEBACK", "1")
    bench(_refuse)
    with pytest.raises(ValueError, match="must be"):
        cli.main(["bench"])


def test_defects_are_not_hidden(bench: Verb) -> None:
    def run(config: Any) -> None:
        raise TypeError("a defect")

    bench(run)
    with pytest.raises(TypeError, match="a defect"):
        cli.main(["bench"])


def test_interrupt(bench: Verb, capsys: pytest.CaptureFixture[str]) -> None:
    def run(config: Any) -> None:
        raise KeyboardInterrupt

    bench(run)
    assert cli.main(["bench"]) == 130
    assert capsys.readouterr().err == "merchantgym bench: interrupted\n"


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from merchantgym.experiments.cli import main; main(['compare', '--help']);"
        "print(*({'torch', 'mlflow', 'numba', 'hydra', 'pandas'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_group_option_composes(verb: str) -> None:
    with initialize_config_module("merchantgym.conf", version_base="1.3"):
        default = compose(verb)
        assert default.verb == verb
        for group, options in cli.groups(verb).items():
            for option in options:
                assert OmegaConf.to_container(compose(verb, [f"{group}={option}"]))
