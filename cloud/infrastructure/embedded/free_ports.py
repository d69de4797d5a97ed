"""Looks whether everything that `kyndof up` starts will be able to listen, before it starts."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Sequence
from dataclasses import dataclass

_LOOK_S = 0.2


class PortNotFreeError(Exception):
    """An address cannot be listened on; the sentence names the setting."""

    code = "PORT_TAKEN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An address that one of the processes will listen on, and the settings that say so."""

    host: str
    port: int
    setting: str
    host_setting: str = ""


async def require_free(doors: Sequence[Door], patience_s: float = 0) -> None:
    """Raise unless every address can be listened on, all of them at once.

    ``patience_s`` is for processes that end just now.

    Raises:
        PortNotFreeError: another program listens there, or two settings say the same.
    """
    until_s = asyncio.get_running_loop().time() + patience_s
    while True:
        try:
            _try_all(doors)
        except PortNotFreeError:
            if asyncio.get_running_loop().time() > until_s:
                raise
            await asyncio.sleep(_LOOK_S)
        else:
            return


def _try_all(doors: Sequence[Door]) -> None:
    tried: dict[tuple[str, int], str] = {}
    with contextlib.ExitStack() as stack:
        for door in doors:
            twin = tried.get((door.host, door.port)) if door.port else None
            if twin:
                raise PortNotFreeError(
                    f"{twin} and {door.setting} both say {door.host}:{door.port}; "
                    "set one of them to another port"
                )
            tried[door.host, door.port] = door.setting
            _try(door, stack)


def _try(door: Door, stack: contextlib.ExitStack) -> None:
    family = socket.AF_INET6 if ":" in door.host else socket.AF_INET
    probe = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        probe.bind((door.host, door.port))
        probe.listen(1)
    except OSError as error:
        setting, other = door.setting, "port"
        if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
            setting, other = door.host_setting, "address"
        raise PortNotFreeError(
            f"cannot listen on {door.host}:{door.port} ({error.strerror or error}); "
            f"set {setting} to another {other}"
        ) from error
