"""A station gets the edge's code only, and works with nothing but its own dependencies."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    # Nothing of the checkout may be found by accident.
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "KYNDOF"))}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=inherited | environment,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}: {done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.mark.timeout(900)
@pytest.mark.requirement("DEP")
def test_the_edge_extra_alone_passes_its_self_test_and_has_no_cloud(tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    python = tmp_path / "venv" / "bin" / "python"
    run(
        python, "-m", "pip", "--disable-pip-version-check", "install", "--quiet",
        "-c", ROOT / "constraints.txt", f"{ROOT}[edge]",
        cwd=tmp_path, KYNDOF_PART="edge",
    )  # fmt: skip
    home = tmp_path / "home"
    home.mkdir()
    run(python.parent / "kyndof-edge", "self-test", cwd=tmp_path, KYNDOF_HOME=str(home))
    found = "import importlib.util as u; print([n for n in ('cloud', 'fastapi', 'asyncpg') "
    found += "if u.find_spec(n)], u.find_spec('edge').origin, u.find_spec('kyndof_wire').origin)"
    absent, *present = run(python, "-c", found, cwd=tmp_path).split()
    assert absent == "[]"
    assert len(present) == 2
    assert all("site-packages" in origin for origin in present)
