"""The generated wire code is what the protos say."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_generated_wire_code_equals_what_the_protos_give(tmp_path: Path) -> None:
    # protoc finds mypy-protobuf's plugins on PATH.
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    program = "from tests.architecture.generate_wire import generate; import sys, pathlib; "
    program += "generate(pathlib.Path(sys.argv[1]))"
    subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, check=True, env=environment
    )
    fresh = {p.relative_to(tmp_path): p.read_text() for p in tmp_path.rglob("*_pb2*")}
    committed = {
        p.relative_to(ROOT / "proto"): p.read_text()
        for p in (ROOT / "proto").rglob("*_pb2*")
        if "__pycache__" not in p.parts
    }
    assert fresh.keys() == committed.keys()
    stale = [str(name) for name in fresh if fresh[name] != committed[name]]
    assert not stale, f"run make proto: {stale}"
