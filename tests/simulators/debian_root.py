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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
# Debian's own package `ansible`: the one that brings the connection into a root.
ANSIBLE = "/usr/bin/ansible-playbook"
# Suites and the Python that they come with.
SUITES = {"bookworm": (3, 11), "trixie": (3, 13)}
# What a bare Debian has and debootstrap's smallest variant leaves out.
_INCLUDED = "ca-certificates,systemd,udev"
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT_S = 7 * 86400
_PREPARED_S = 420
# Mounts and processes of its own: both are gone as soon as its first process ends, and that one
# ends with us, even when we were killed.
_APART = (
    "unshare", "--mount", "--propagation", "private",
    "--pid", "--fork", "--kill-child", "--mount-proc",
)  # fmt: skip
_TRIED = """
set -e
mount -t tmpfs tried /mnt
mknod /mnt/null c 1 3
echo tried > /mnt/null
mkdir /mnt/proc
mount -t proc proc /mnt/proc
chroot / true
"""
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
    if shutil.which(asked[0]) is None:
        raise NoDebianError("apt-get is not installed")
    told = subprocess.run(
        [*asked, "Identifier: Packages"], capture_output=True, text=True, check=False
    )
    for line in told.stdout.splitlines():
        suite, _, address = line.partition(" ")
        if suite in SUITES:
            return suite, address
    raise NoDebianError("apt of this machine has no source of Debian 12 or 13")


def not_allowed() -> str:
    """Why a root cannot be made here whatever is installed; empty when it can."""
    if os.geteuid() != 0:
        return "only root may make a Debian root"
    if shutil.which("unshare") is None:
        return "unshare (package util-linux) is not installed"
    try:
        suite, _ = _own_source()
    except NoDebianError as error:
        return str(error)
    if sys.version_info[:2] != SUITES[suite]:
        own = ".".join(map(str, SUITES[suite]))
        return f"its Python is {own}, this one would bring wheels of another"
    tried = [*_APART, "sh", "-c", _TRIED]
    done = subprocess.run(tried, capture_output=True, text=True, check=False)
    return f"no root may be mounted here: {done.stderr.strip()}" if done.returncode else ""


def missing() -> str:
    """What this machine lacks to make a root and install into it; empty for nothing."""
    tools = ("debootstrap", "nsenter", "chroot", ANSIBLE, "apt-get")
    absent = [tool for tool in tools if shutil.which(tool, path=_PATH) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def _patiently(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run what needs the network; once more when it failed."""
    for _ in range(2):
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=_PREPARED_S
        )
        if done.returncode == 0:
            break
    return done


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
    done = _patiently([*_APART, "bash", "-c", _BASE, "base", _INCLUDED, suite, address, str(kept)])
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
    done = _patiently(
        [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet",
         "--dest", str(draft), "-c", str(CHECKOUT / "constraints.txt"), *wanted]
    )  # fmt: skip
    if done.returncode != 0:
        raise NoDebianError(f"pip download: {done.stderr[-1500:]}")
    draft.rename(kept)
    return kept


def prepare() -> tuple[Path, Path]:
    """Make the bare Debian and the wheels at once, one mostly waits for the other's network.

    Raises:
        NoDebianError: one of them cannot be had.
    """
    with ThreadPoolExecutor(2) as both:
        bare, needed = both.submit(base), both.submit(wheels)
        return bare.result(), needed.result()


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
        bare, needed = prepare()
        path = folder / "root"
        path.mkdir()
        keeper = subprocess.Popen(
            [*_APART, "sh", "-c", _MOUNTS, "keeper", str(path), str(bare), str(needed)],
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
        spaces = f"/proc/{self.keeper}/ns"
        return [
            "nsenter", f"--mount={spaces}/mnt", f"--pid={spaces}/pid_for_children", "--",
            *map(str, command),
        ]  # fmt: skip

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
    """Make what is kept between runs; a machine that may not says so and is left in peace."""
    if reason := not_allowed():
        print(f"no Debian root is made: {reason}")
        return
    if reason := missing():
        sys.exit(reason)
    print(*prepare(), sep="\n")


if __name__ == "__main__":
    main()
