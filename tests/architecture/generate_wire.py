"""Generate the Python of proto/kyndof_wire with the pinned grpcio-tools and mypy-protobuf."""

import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

ROOT = Path(__file__).parents[2]


def generate(target: Path) -> None:
    """Write every ``x_pb2*`` of every ``x.proto`` below ``target``; stop at the first error."""
    source = ROOT / "proto"
    protos = sorted(str(path) for path in source.rglob("*.proto"))
    arguments = ["protoc", f"-I{source}", f"-I{files('grpc_tools') / '_proto'}"]
    outputs = ["python", "mypy", "grpc_python", "mypy_grpc"]
    arguments += [f"--{kind}_out={target}" for kind in outputs]
    if protoc.main([*arguments, *protos]) != 0:
        sys.exit("protoc refused a file; its message stands above")


if __name__ == "__main__":
    generate(ROOT / "proto")
