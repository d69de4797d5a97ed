"""A bare Debian to install an appliance into: debootstrap's, in memory, with a /proc of its own.

The packages come from where this machine's own apt takes them; nothing is remembered here.

    with DebianRoot.make() as root:
        root.run("apt-get", "--version")
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# Debian's own package `ansible`: the one that brings the connection into a root.
ANSIBLE = "/usr/bin/ansible-playbook"
SUITES = ("bookworm", "trixie")
# What a bare Debian has and debootstrap's smallest variant leaves out.
_INCLUDED = "ca-certificates,systemd,udev"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT_S = 7 * 86400
_MOUNTS = """
set -e
mount -t tmpfs -o size=4g,mode=755 kyndof-root "$1"
tar -C "$1" -xf "$2"
mount -t proc proc "$1/proc"
mkdir -p "$1/mnt/wheels"
mount --bind "$3" "$1/mnt/wheels"
echo ready
exec cat
"""
_BASE = """
set -e
place=$(mktemp -d)
mount -t tmpfs -o size=2g,mode=755 kyndof-base "$place"
debootstrap --variant=minbase --include="$1" "$2" "$place/root" "$3" >&2
cp /etc/resolv.conf "$place/root/etc/resolv.conf"
find "$place/root/var/cache/apt/archives" -name '*.deb' -delete
tar -C "$place/root" -cf "$4.new" .
mv "$4.new" "$4"
"""


class NoDebianError(Exception):
    """This machine cannot make a Debian root; the sentence says why."""


def cache() -> Path:
    """Where what takes long is kept between runs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "kyndof"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _own_source() -> tuple[str, str]:
    """Suite and address that this machine's apt takes Debian from."""
    asked = ["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)"]
    told = subprocess.run(
        [*asked, "Identifier: Packages"], capture_output=True, text=True, check=False
    )
    for line in told.stdout.splitlines():
        suite, _, address = line.partition(" ")
        if suite in SUITES:
            return suite, address
    raise NoDebianError("apt of this machine has no source of Debian 12 or 13")


def not_allowed() -> str:
    """Why a root may not be made by us here; empty when it may."""
    if os.geteuid() != 0:
        return "only root may make a Debian root"
    tried = ["unshare", "--mount", "--propagation", "private", "mount", "-t", "tmpfs", "t", "/mnt"]
    done = subprocess.run(tried, capture_output=True, text=True, check=False)
    return f"mounting is not allowed here: {done.stderr.strip()}" if done.returncode else ""


def missing() -> str:
    """What this machine lacks to make a root and install into it; empty for nothing."""
    tools = ("debootstrap", "nsenter", "chroot", ANSIBLE, "apt-get")
    absent = [tool for tool in tools if shutil.which(tool, path=_PATH) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def base() -> Path:
    """Return a tar file of a bare Debian, not older than a week.

    Raises:
        NoDebianError: there is no source of packages, or debootstrap failed.
    """
    suite, address = _own_source()
    told = hashlib.sha256(f"{_INCLUDED} {address}".encode()).hexdigest()[:12]
    kept = cache() / f"debian-{suite}-{told}.tar"
    if kept.exists() and time.time() - kept.stat().st_mtime < _KEPT_S:
        return kept
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "bash", "-c", _BASE, "base",
         _INCLUDED, suite, address, str(kept)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise NoDebianError(f"debootstrap: {done.stderr[-1500:]}")
    return kept


def wheels() -> Path:
    """Return a folder with all wheels that a station needs, as one would put on a stick.

    Raises:
        NoDebianError: they cannot be had.
    """
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["edge"]]
    told = " ".join([*wanted, (CHECKOUT / "constraints.txt").read_text("utf-8"), sys.version])
    kept = cache() / f"wheels-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    if kept.exists():
        return kept
    for old in cache().glob("wheels-*"):
        shutil.rmtree(old)
    draft = kept.with_suffix(".new")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
         "--dest", str(draft), "-c", str(CHECKOUT / "constraints.txt"), *wanted],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise NoDebianError(f"pip download: {done.stderr[-1500:]}")
    draft.rename(kept)
    return kept


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """A root that exists as long as its keeper runs."""

    path: Path
    keeper: int

    @classmethod
    @contextlib.contextmanager
    def make(cls, folder: Path) -> Iterator["DebianRoot"]:
        """Unpack a bare Debian in memory; it is gone afterwards, whatever happened.

        Raises:
            NoDebianError: this machine cannot.
        """
        path = folder / "root"
        path.mkdir()
        keeper = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-c", _MOUNTS, "keeper",
             str(path), str(base()), str(wheels())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert keeper.stdin is not None
        assert keeper.stdout is not None
        try:
            if keeper.stdout.readline() != "ready\n":
                raise NoDebianError("a root cannot be mounted in a namespace of its own")
            yield cls(path=path, keeper=keeper.pid)
        finally:
            keeper.stdin.close()
            keeper.wait(30)
            keeper.stdout.close()

    def beside(self, *command: str | Path) -> list[str]:
        """Return a command that sees this machine and the root mounted."""
        return ["nsenter", f"--mount=/proc/{self.keeper}/ns/mnt", "--", *map(str, command)]

    def inside(self, *command: str, user: str = "") -> list[str]:
        """Return a command that sees nothing but the root."""
        as_user = [f"--userspec={user}"] if user else []
        return self.beside("chroot", *as_user, self.path, *command)

    def run(self, *command: str, user: str = "") -> str:
        """Run something in the root and return what it said.

        Raises:
            AssertionError: it failed.
        """
        return self._run(self.inside(*command, user=user))

    @staticmethod
    def _run(command: Sequence[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{command}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def read(self, path: str) -> str:
        """Return a file's text."""
        return self.run("cat", path)


def main() -> None:
    """Make what is kept between runs."""
    reason = not_allowed() or missing()
    if reason:
        sys.exit(reason)
    print(base(), wheels())


if __name__ == "__main__":
    main()
