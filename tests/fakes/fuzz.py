"""Seeded nonsense for the doors of the cloud, and a caller without a network."""

import base64
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp

NASTY_TEXTS = (
    "한글", "", " ", "\x00", "a\x00b", "\ud800", "'; DROP TABLE pieces; --", "../../etc/passwd",
    "%00", "🧵" * 50, "x" * 3000, "null", "-1", "1e999", "<script>", "{{7*7}}", "\u202e뒤집힘",
)  # fmt: skip
NASTY_VALUES: tuple[Any, ...] = (
    None, True, -1, 0, 2**63, -(2**70), 1e308, [], {}, [[]], {"한글": 1}, *NASTY_TEXTS,
)  # fmt: skip
PREFIXES = {
    "piece_id": "pc", "work_order_id": "wo", "inspection_id": "ins", "session_id": "ses",
    "station_id": "sta", "approval_id": "apr", "absence_id": "abs", "delegation_id": "dlg",
    "assignment_id": "asg", "job_id": "evt", "event_id": "evt", "key_id": "key",
    "endpoint_id": "whe", "subscription_id": "whs", "delivery_id": "whd", "owner_id": "whe",
    "invitation_id": "inv", "access_id": "web", "spec_version": "wo",
}  # fmt: skip
PROOFS = {"x-api-key", "authorization", "cookie", "origin"}
ULID_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Sent:
    """One request of the fuzz; ``language`` is what the asker reads."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    query: str = ""

    @property
    def language(self) -> str:
        return "en" if self.headers.get("accept-language") == "en" else "ko"


async def call(app: ASGIApp, sent: Sent) -> Answer:
    """Hand a request to the application and collect what it answers."""
    path = sent.path.encode("utf-8", "replace").decode()  # as a server decodes it
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": sent.method,
        "scheme": "http", "path": path, "raw_path": quote(path, safe="/").encode(),
        "query_string": sent.query.encode(), "root_path": "", "client": ("203.0.113.9", 4711),
        "server": ("test", 80),
        "headers": [
            (name.encode(), value.encode("utf-8", "surrogatepass"))
            for name, value in {"host": "test", **sent.headers}.items()
        ],
    }  # fmt: skip
    parts = [{"type": "http.request", "body": sent.body, "more_body": False}]
    came: list[Any] = []

    async def receive() -> Any:
        return parts.pop(0) if parts else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        came.append(message)

    await app(scope, receive, send)
    start = next(m for m in came if m["type"] == "http.response.start")
    body = b"".join(m.get("body", b"") for m in came if m["type"] == "http.response.body")
    headers = {name.decode(): value.decode("latin-1") for name, value in start["headers"]}
    return Answer(start["status"], headers, body)


class Nonsense:
    """Makes requests, each with at least one thing wrong with it."""

    def __init__(
        self,
        seed: int,
        others: dict[str, str],
        proofs: Sequence[dict[str, str]] = ({"x-api-key": "lead"},),
        spent: Sequence[dict[str, str]] = (),
    ) -> None:
        """``proofs`` are headers that hold, ``spent`` are some that held once."""
        self.random = random.Random(seed)  # noqa: S311  repeatable on purpose
        self.others = others
        self.proofs = proofs
        self.spent = spent

    def identifier(self, name: str) -> str:
        """A wrong identifier: malformed, unknown, or another organization's."""
        prefix = PREFIXES.get(name, "x")
        fresh = "".join(self.random.choices(ULID_LETTERS, k=26))
        choices = [
            f"{prefix}_{fresh}", f"{prefix}_한글", fresh, f"{prefix}_{fresh.lower()}",
            self.others.get(name, "pc_x"), self.random.choice(NASTY_TEXTS) or "x",
        ]  # fmt: skip
        return self.random.choice(choices).replace("/", "_").replace("?", "_") or "x"

    def value(self, depth: int = 0) -> Any:
        kind = self.random.random()
        if depth < 3 and kind < 0.15:
            return [self.value(depth + 1) for _ in range(self.random.randrange(4))]
        if depth < 3 and kind < 0.3:
            return {self.word(): self.value(depth + 1) for _ in range(self.random.randrange(4))}
        return self.random.choice(NASTY_VALUES)

    def word(self) -> str:
        return self.random.choice(["한글", "piece_id", "reason", "x" * 200, "__proto__", "$ref"])

    def wrong_body(self, fields: list[str]) -> bytes:
        """JSON with unknown fields or wrong values, or no JSON at all."""
        kind = self.random.randrange(6)
        if kind == 0:
            return self.random.choice(
                [b"", b"{", b"null", b"\xff\xfe", b"[" * 3000, b'{"a":NaN}', b"1", b'"\\ud800"']
            )
        data = {name: self.value() for name in fields if self.random.random() < 0.8}
        data[self.random.choice(["한글", "unknown_field", "_", "x" * 500])] = self.value()
        return json.dumps(data).encode()

    def headers(self, *, with_body: bool) -> dict[str, str]:
        made = self.random.choice(self.proofs).copy()
        if self.random.random() < 0.3:
            made["accept-language"] = self.random.choice(["en", "ko", "fr", "한글", ""])
        if self.random.random() < 0.3:
            made["idempotency-key"] = self.random.choice(["한글", "", "k" * 300, "once", "\t"])
        if self.random.random() < 0.2:
            made["if-match"] = self.random.choice(['"old"', "한글", "W/", ","])
        if with_body:
            made["content-type"] = self.random.choice(["application/json"] * 9 + ["text/plain"])
        return made

    def proof(self, headers: dict[str, str]) -> dict[str, str]:
        """Replace the proof by one that is expired, unknown, malformed or missing."""
        wrong: dict[str, str] = self.random.choice(
            [
                {}, {"x-api-key": "expired"}, {"x-api-key": "한글"}, {"authorization": "Bearer x"},
                {"authorization": "Basic " + base64.b64encode(b"a:b").decode()},
                {"cookie": "kyndof_session=한글"}, {"cookie": "kyndof_session=x; ;;="},
                {"x-api-key": "k" * 5000}, {"authorization": "Bearer a.b.c"}, *self.spent,
            ]
        )  # fmt: skip
        return {k: v for k, v in headers.items() if k not in PROOFS} | wrong
