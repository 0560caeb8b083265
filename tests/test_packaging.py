"""What is installed is what lies in the folders."""

import tomllib
from importlib import import_module, resources
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETUPTOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
FOLDERS = ("agents", "conf", "controllers", "envs", "experiments")


def _packages_on_disk() -> list[str]:
    markers = [marker for folder in FOLDERS for marker in (ROOT / folder).rglob("__init__.py")]
    return sorted(".".join(("merchantgym", *marker.parent.relative_to(ROOT).parts)) for marker in markers)


def test_packages_are_the_folders() -> None:
    assert SETUPTOOLS["packages"] == _packages_on_disk()


def test_every_folder_with_code_is_a_package() -> None:
    modules = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    bare = {str(path.parent) for path in modules if not (path.parent / "__init__.py").exists()}
    assert not bare, f"folders without __init__.py: {sorted(bare)}"


def test_package_dir_maps_each_top_folder() -> None:
    assert SETUPTOOLS["package-dir"] == {f"merchantgym.{folder}": folder for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS)
def test_type_checker_sees_the_same_folder(folder: str) -> None:
    link = ROOT / ".types" / "merchantgym" / folder
    assert link.is_symlink()
    assert link.readlink() == Path("../..") / folder


@pytest.mark.parametrize("package", _packages_on_disk())
def test_package_imports(package: str) -> None:
    assert import_module(package).__doc__


def test_configuration_is_package_data() -> None:
    on_disk = {path.relative_to(ROOT / "conf").as_posix() for path in (ROOT / "conf").rglob("*.yaml")}
    shipped = resources.files("merchantgym.conf")
    assert {"base.yaml", "compare.yaml", "market/reference.yaml"} <= on_disk
    assert all(shipped.joinpath(name).is_file() for name in on_disk)
    assert SETUPTOOLS["package-data"] == {"merchantgym.conf": ["**/*.yaml"]}
