"""Makes this process unable to reach the network, to write files, or to grow beyond a limit."""

import ctypes
import platform
import resource
import struct
from pathlib import Path

_NO_NEW_PRIVILEGES, _SET_SECCOMP, _FILTER = 38, 22, 2
# Name of the machine: audit architecture, numbers of socket() and io_uring_setup().
_CALLS = {"x86_64": (0xC000003E, 41, 425), "aarch64": (0xC00000B7, 198, 425)}
_LOAD, _EQUALS, _ABOVE, _RETURN = 0x20, 0x15, 0x35, 0x06
_KILL, _ALLOW, _REFUSE = 0x80000000, 0x7FFF0000, 0x00050000 | 1
_OTHER_CALLS = 0x40000000


class _Program(ctypes.Structure):
    """Linux's ``struct sock_fprog``."""

    _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))


class NotConfinedError(Exception):
    """This machine cannot confine a process."""


def confine(memory_bytes: int) -> None:
    """Give up the network and files for ever, and more than ``memory_bytes`` on top of now.

    Raises:
        NotConfinedError: the kernel refuses; nothing that is not trusted may be loaded then.
    """
    mapped = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    for limit, value in (
        (resource.RLIMIT_AS, mapped + memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    _give_up_network()


def _give_up_network() -> None:
    if platform.machine() not in _CALLS:
        raise NotConfinedError(f"system calls of {platform.machine()} are not known")
    architecture, socket_call, ring_call = _CALLS[platform.machine()]
    steps = (
        (_LOAD, 0, 0, 4),
        (_EQUALS, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_ABOVE, 2, 0, _OTHER_CALLS),
        (_EQUALS, 1, 0, socket_call),
        (_EQUALS, 0, 1, ring_call),
        (_RETURN, 0, 0, _REFUSE),
        (_RETURN, 0, 0, _ALLOW),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in steps))
    program = _Program(len(steps), ctypes.cast(code, ctypes.c_void_p))
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise NotConfinedError(f"prctl: error {ctypes.get_errno()}")
    if library.prctl(_SET_SECCOMP, _FILTER, ctypes.byref(program), 0, 0) != 0:
        raise NotConfinedError(f"seccomp: error {ctypes.get_errno()}")
