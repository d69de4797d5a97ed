"""uvicorn inside our own event loop: the process decides about signals, not the server."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI


class HttpPortTakenError(Exception):
    """The HTTP address cannot be used; the sentence names the setting."""

    code = "PORT_TAKEN"


class _QuietServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """Serves one application on one address."""

    def __init__(self, app: FastAPI, host: str, port: int, setting: str) -> None:
        self._host, self._port, self._setting = host, port, setting
        self._server = _QuietServer(
            uvicorn.Config(
                app,
                log_config=None,
                lifespan="off",
                timeout_graceful_shutdown=2,
                ws="websockets-sansio",
            )
        )
        self.task: asyncio.Task[None] = asyncio.get_running_loop().create_task(self._serve())
        self._listener: socket.socket | None = None
        self._bound = asyncio.Event()

    async def start(self) -> None:
        """Listen; return when requests are taken.

        Raises:
            HttpPortTakenError: somebody else listens there.
        """
        self._listener = socket.socket(
            socket.AF_INET6 if ":" in self._host else socket.AF_INET, socket.SOCK_STREAM
        )
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._listener.bind((self._host, self._port))
        except OSError as error:
            self._listener.close()
            self.task.cancel()
            raise HttpPortTakenError(
                f"cannot listen on {self._host}:{self._port} ({error.strerror}); "
                f"set {self._setting} to another port"
            ) from error
        self._bound.set()
        while not self._server.started and not self.task.done():  # noqa: ASYNC110  uvicorn's flag
            await asyncio.sleep(0.01)

    @property
    def port(self) -> int:
        """Return the port that is listened on."""
        return int(self._listener.getsockname()[1]) if self._listener else self._port

    async def stop(self) -> None:
        """Finish requests that are under way, 2 s at most, and stop."""
        self._server.should_exit = True
        await asyncio.gather(self.task, return_exceptions=True)

    async def _serve(self) -> None:
        await self._bound.wait()
        if self._listener is None:
            raise RuntimeError("the listener was not opened")
        await self._server.serve(sockets=[self._listener])
