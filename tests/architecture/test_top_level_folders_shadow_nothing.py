"""Top-level data folders stay invisible to the import system."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("folder", ["proto", "registry", "firmware-config", "ansible"])
def test_folder_is_not_a_package(folder: str) -> None:
    assert not (ROOT / folder / "__init__.py").exists()


def test_no_installed_package_named_proto_is_shadowed() -> None:
    spec = importlib.util.find_spec("proto")
    # A folder without __init__.py is a namespace package and loses to any installed one.
    assert (
        spec is None or spec.origin is None or not Path(spec.origin).is_relative_to(ROOT / "proto")
    )
