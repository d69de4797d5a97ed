"""The wire contract as a FileDescriptorSet, and its released copy.

``python -m tests.architecture.wire_descriptors`` adds what is new to the released copy.
"""

import contextlib
import tempfile
from importlib.resources import files
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

from tests.architecture.tree import ROOT

SOURCE = ROOT / "proto"
RELEASED = Path(__file__).parent / "released_wire.binpb"


def compiled(*, with_comments: bool) -> FileDescriptorSet:
    """Compile every proto of ours; imports of others are left out."""
    protos = sorted(str(path) for path in SOURCE.rglob("*.proto"))
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "wire.binpb"
        arguments = ["protoc", f"-I{SOURCE}", f"-I{files('grpc_tools') / '_proto'}"]
        arguments += ["--include_source_info"] if with_comments else []
        if protoc.main([*arguments, f"--descriptor_set_out={target}", *protos]) != 0:
            raise SystemExit("protoc refused a file; its message stands above")
        return FileDescriptorSet.FromString(target.read_bytes())


def released() -> FileDescriptorSet:
    """Return what stations and clouds out there may speak."""
    return FileDescriptorSet.FromString(RELEASED.read_bytes())


if __name__ == "__main__":
    from tests.architecture.wire_rules import breaking_changes

    now = compiled(with_comments=False)
    with contextlib.suppress(FileNotFoundError):
        if broken := breaking_changes(released(), now):
            raise SystemExit("not released, these changes break somebody:\n" + "\n".join(broken))
    RELEASED.write_bytes(now.SerializeToString(deterministic=True))
