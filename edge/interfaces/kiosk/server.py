"""The kiosk's web server inside the station's process."""

import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from edge.interfaces.kiosk.app import Kiosk
from edge.interfaces.kiosk.errors import KioskPortTakenError


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the station's process."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """Open the kiosk's socket.

    Raises:
        KioskPortTakenError: another program listens there, or the address is not ours.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    door = socket.socket(family, socket.SOCK_STREAM)
    door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        door.bind((host, port))
    except OSError as error:
        door.close()
        raise KioskPortTakenError(
            f"{host}:{port} cannot be used ({error.strerror}); set KYNDOF_KIOSK__PORT"
        ) from error
    door.listen(128)
    door.setblocking(False)
    return door


class KioskServer:
    """Serves a kiosk on an open socket until told to stop."""

    def __init__(self, kiosk: Kiosk, door: socket.socket) -> None:
        self._kiosk = kiosk
        self._door = door
        self._server = _Server(
            uvicorn.Config(
                kiosk.app,
                lifespan="off",
                log_config=None,
                access_log=False,
                ws="websockets-sansio",
                ws_ping_interval=10,
                ws_ping_timeout=20,
                timeout_graceful_shutdown=1,
            )
        )

    async def run(self) -> None:
        """Serve until `stop`."""
        await self._server.serve(sockets=[self._door])

    def stop(self) -> None:
        """Close pages' connections and end `run`."""
        self._kiosk.stopping.set()
        self._server.should_exit = True
