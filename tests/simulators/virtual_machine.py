"""A computer of its own for a Debian root: its kernel, its service manager, a plug to pull.

A root that Ansible has set up becomes a disk, and QEMU starts it. It emulates the processor: a
machine that is itself a guest often has a /dev/kvm that starts no kernel. Killing QEMU is a power
cut: what the guest had not flushed to its disk is gone, and nobody said goodbye.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from tests.simulators.debian_root import DebianRoot

QEMU = "qemu-system-x86_64"
#: How the guest reaches this machine's loopback (QEMU's user network).
HOST = "10.0.2.2"
_KERNEL = ("linux-image-cloud-amd64", "initramfs-tools", "systemd-sysv", "iproute2")
_DISK_MB, _MEMORY_MB = 4096, 2048
_NETWORK = """[Match]
Name=en* eth*
[Network]
DHCP=yes
"""


def missing() -> str:
    """What this machine lacks; empty for nothing."""
    absent = [tool for tool in (QEMU, "mke2fs") if shutil.which(tool, path=_path()) is None]
    return f"not installed: {', '.join(absent)}" if absent else ""


def _path() -> str:
    return f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A disk to start from, and what starts it."""

    image: Path
    kernel: Path
    ramdisk: Path


def disk_of(root: DebianRoot, folder: Path) -> Disk:
    """Give a root a kernel and write it to a disk; the root itself is of no use afterwards."""
    root.run(
        "env", "DEBIAN_FRONTEND=noninteractive",
        "apt-get", "-qq", "-y", "install", "--no-install-recommends", *_KERNEL,
    )  # fmt: skip
    write(root, "/etc/systemd/network/10-any.network", _NETWORK)
    root.run("systemctl", "enable", "systemd-networkd")
    boot = root.path / "boot"
    made = Disk(image=folder / "disk.img", kernel=folder / "vmlinuz", ramdisk=folder / "initrd.img")
    inner = (
        'set -e; umount "$1/proc" "$1/mnt/wheels";'
        ' cp "$1"/boot/vmlinuz-* "$3"; cp "$1"/boot/initrd.img-* "$4";'
        f' PATH="$PATH:/usr/sbin:/sbin" mke2fs -q -t ext4 -d "$1" "$2" {_DISK_MB}M'
    )
    command = root.beside(
        "sh", "-c", inner, "disk", boot.parent, made.image, made.kernel, made.ramdisk
    )
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return made


def write(root: DebianRoot, path: str, text: str) -> None:
    """Write a file of the root."""
    inner = 'mkdir -p "$(dirname "$1")" && cat > "$1"'
    done = subprocess.run(
        root.inside("sh", "-c", inner, "write", path),
        input=text, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


class VirtualMachine:
    """One computer: switched on by `on`, off by `cut`; what it says on its second line is heard."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self.disk = disk
        self.console = folder / "console.log"
        self.heard: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._listener: Thread | None = None

    def on(self) -> None:
        """Switch it on."""
        with self.console.open("ab") as console:
            self._process = subprocess.Popen(
                [QEMU, *self._arguments()],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=console, text=True,
                errors="replace",
            )  # fmt: skip
        self._listener = Thread(target=self._listen, args=(self._process,), daemon=True)
        self._listener.start()

    def say(self, text: str) -> None:
        """Say a line to what listens on its second line."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            self.heard.append(line.strip())

    def _arguments(self) -> Sequence[str]:
        return (
            "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", str(_MEMORY_MB),
            "-nodefaults", "-nographic", "-no-reboot",
            "-kernel", str(self.disk.kernel), "-initrd", str(self.disk.ramdisk),
            "-append", "root=/dev/vda rw console=ttyS0 quiet",
            "-drive", f"file={self.disk.image},if=virtio,format=raw,cache=writeback",
            "-nic", "user,model=virtio-net-pci", "-device", "virtio-rng-pci",
            "-serial", f"file:{self.console}", "-serial", "stdio",
        )  # fmt: skip

    def cut(self) -> None:
        """Pull the plug, and hear to the end what it had said."""
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGKILL)
        self._process.wait(30)
        if self._listener is not None:
            self._listener.join(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self._process = None

    def alive(self) -> bool:
        """Say whether it is switched on."""
        return self._process is not None and self._process.poll() is None

    def told(self) -> str:
        """Return the last of its console."""
        with contextlib.suppress(FileNotFoundError):
            return self.console.read_text("utf-8", "replace")[-6000:]
        return ""


@contextlib.contextmanager
def machine(disk: Disk, folder: Path) -> Iterator[VirtualMachine]:
    """A computer that is switched off in the end."""
    made = VirtualMachine(disk, folder)
    try:
        yield made
    finally:
        made.cut()
