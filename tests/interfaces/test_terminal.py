"""The `kyndof` command line says what is wrong in a sentence and ends with an honest code."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cloud.composition.doors import terminal_doors
from cloud.interfaces.terminal.app import build_terminal

REGISTRY = Path(__file__).parents[2] / "registry"


@pytest.fixture
def kyndof(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("KYNDOF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("KYNDOF_REGISTRY", str(REGISTRY))
    monkeypatch.delenv("KYNDOF_DATABASE_URL", raising=False)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(build_terminal(terminal_doors()), list(arguments))

    return call


@pytest.mark.requirement("TER")
def test_every_process_and_errand_has_a_command(kyndof) -> None:
    told = kyndof("--help")
    assert told.exit_code == 0
    for name in (
        "up",
        "serve",
        "worker",
        "broker",
        "migrate",
        "login-link",
        "key",
        "org",
        "audit",
        "credentials",
    ):
        assert name in told.stdout


@pytest.mark.requirement("TER", "RAB")
def test_the_matrices_that_ship_are_checked_from_the_terminal(kyndof) -> None:
    told = kyndof("org", "check")
    assert told.exit_code == 0
    assert "production.yml: read" in told.stdout


@pytest.mark.requirement("TER", "RAB")
def test_a_broken_matrix_is_named_by_file_line_and_reason(
    kyndof, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(REGISTRY, tmp_path / "registry")
    monkeypatch.setenv("KYNDOF_REGISTRY", str(tmp_path / "registry"))
    broken = tmp_path / "registry" / "org" / "production.yml"
    broken.write_text(broken.read_text(encoding="utf-8") + "\nroles: 12\n", encoding="utf-8")
    told = kyndof("org", "check")
    assert told.exit_code == 1
    assert "production.yml:" in told.stderr


@pytest.mark.requirement("TER")
def test_without_a_database_the_sentence_names_the_way_to_one(kyndof) -> None:
    told = kyndof("login-link", "worker@demo.example")
    assert told.exit_code != 0
    assert "make up" in told.stderr
    assert "Traceback" not in told.stderr
