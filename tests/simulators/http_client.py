"""A small JSON client on the standard library: `make demo` needs no test dependency."""

import asyncio
import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back; `content` as it is."""

    status_code: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def text(self) -> str:
        return self.content.decode("utf-8", "replace")


class HttpClient:
    """Requests to one host, a connection each; keeps the cookies that it is given."""

    def __init__(self, host: str, port: int, headers: Mapping[str, str]) -> None:
        self.cookies: dict[str, str] = {}
        self.headers = dict(headers)
        self._host, self._port = host, port

    async def get(self, path: str, query: Mapping[str, str | int] | None = None) -> Answer:
        asked = f"{path}?{urlencode(query)}" if query else path
        return await asyncio.to_thread(self._request, "GET", asked, None)

    async def post(self, path: str, body: object) -> Answer:
        return await asyncio.to_thread(self._request, "POST", path, json.dumps(body).encode())

    def _request(self, method: str, path: str, body: bytes | None) -> Answer:
        headers = dict(self.headers)
        if body is not None:
            headers["Content-Type"] = "application/json"
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        connection = http.client.HTTPConnection(self._host, self._port, timeout=30)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        for name, value in answer.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return Answer(
            status_code=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            content=content,
        )
