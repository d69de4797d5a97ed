"""Renews a certificate in children that are killed at every point of it, one after another.

Arguments: intake address, enrolment address, and the folders of stations that are due;
the n-th is killed at the n-th point. Prints one JSON line for each: where it died, what was left.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from edge.infrastructure import identity_files
from edge.infrastructure.grpc_channel import Credentials
from edge.infrastructure.grpc_link import CloudAddresses
from edge.infrastructure.identity_files import IdentityFolder, public_key_of
from edge.infrastructure.identity_rotation import IdentityRotation, RotationRules
from edge.infrastructure.link_report import LinkStatus
from edge.infrastructure.system_time import SystemClock

POINTS = (
    "before key.pem",
    "after key.pem",
    "before ca.pem",
    "after ca.pem",
    "after station.json",
    "before certificate.pem",
    "after certificate.pem",
    "before current",
    "after current",
    "after pending",
    "before the old pair goes",
)


def die_at(point):
    """Kill this process when it gets there."""

    def at(name):
        if name == point:
            os.kill(os.getpid(), signal.SIGKILL)

    write, rename, tidy = identity_files.write_durably, Path.rename, identity_files.shutil.rmtree

    def written(path, content, mode=0o644):
        at(f"before {path.name}")
        write(path, content, mode)
        at(f"after {path.name}")

    def renamed(self, target):
        at(f"before {self.name}")
        result = rename(self, target)
        at(f"after {self.name}")
        return result

    def tidied(path, *, ignore_errors=False):
        if path.exists():
            at("before the old pair goes")
        tidy(path, ignore_errors=ignore_errors)

    identity_files.write_durably = written
    Path.rename = renamed
    identity_files.shutil.rmtree = tidied


def in_child(act):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = act()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def step(addresses, folder):
    identity = IdentityFolder(folder / "identity")
    identity.settle()
    rotation = IdentityRotation(
        addresses, identity, SystemClock(), LinkStatus(), RotationRules(check_s=1)
    )
    return 10 if asyncio.run(rotation.step()) else 11


def pair_fits(folder):
    identity = IdentityFolder(folder / "identity")
    identity.settle()
    held = Credentials.read(identity.current)
    if held is None:
        return False
    key = identity_files.serialization.load_pem_private_key(held.key_pem, None).public_key()
    return public_key_of(held.certificate_pem) == key.public_bytes(
        identity_files.serialization.Encoding.DER,
        identity_files.serialization.PublicFormat.SubjectPublicKeyInfo,
    )


def main(intake, enrolment, *folders):
    addresses = CloudAddresses(intake=intake, enrolment=enrolment)
    for point, name in zip(POINTS, folders, strict=True):
        folder = Path(name)

        def killed(point=point, folder=folder):
            die_at(point)
            return step(addresses, folder)

        died = in_child(killed)
        fits = in_child(lambda folder=folder: 0 if pair_fits(folder) else 1) == 0
        again = in_child(lambda folder=folder: step(addresses, folder))
        print(json.dumps({"point": point, "died": died, "fits": fits, "again": again}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
