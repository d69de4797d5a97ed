"""`kyndof login` at a real `kyndof serve`: a code, a browser's yes, acts of a terminal, the end."""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
import pytest

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from cloud.infrastructure.postgres.demo_organizations import load_demo_organizations
from cloud.infrastructure.postgres.pool import open_pool
from cloud.organizations.person import new_secret, secret_hash
from tests.fakes.core import DEMO
from tests.fakes.identity import PASSWORD
from tests.journeys.factory import free_ports

OWNER = "owner@demo.example"
PATIENCE_S = 90
SPOKEN = {
    "ko_KR.UTF-8": ("브라우저에서", "로그인했습니다", "로그아웃"),
    "en_US.UTF-8": ("Open", "Signed in", "Signed out"),
}


@dataclass
class Place:
    database: DatabaseUrls
    home: Path
    address: str
    port: str

    def environment(self, language: str = "en_US.UTF-8") -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("KYNDOF_", "LC_"))}
        _, grpc, enrolment = self.port.split()
        return kept | {
            "KYNDOF_HOME": str(self.home),
            "KYNDOF_DATABASE_URL": self.database.app,
            "KYNDOF_HTTP__PORT": self.address.rpartition(":")[2],
            "KYNDOF_GRPC__PORT": grpc,
            "KYNDOF_GRPC__ENROLMENT_PORT": enrolment,
            "KYNDOF_LOGIN_PATH": str(self.home / f"{language}.json"),
            "LANG": language,
        }

    async def started(
        self, *words: str, language: str = "en_US.UTF-8"
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "cloud", *words,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
            env=self.environment(language),
        )  # fmt: skip

    async def run(self, *words: str, language: str = "en_US.UTF-8") -> tuple[int, str]:
        process = await self.started(*words, language=language)
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        return process.returncode or 0, out.decode() + err.decode()


@asynccontextmanager
async def served(database: DatabaseUrls, home: Path) -> AsyncIterator[Place]:
    pool = await open_pool(database.app, largest_count=1)
    await load_demo_organizations(pool)
    await pool.close()
    ports = [str(port) for port in free_ports(3)]
    place = Place(database, home, f"http://127.0.0.1:{ports[0]}", " ".join(ports))
    server = await place.started("serve")
    try:
        async with httpx.AsyncClient() as client, asyncio.timeout(PATIENCE_S):
            while True:
                assert server.returncode is None, (await server.communicate())[1].decode()
                try:
                    await client.get(f"{place.address}/health/live")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.2)
        yield place
    finally:
        if server.returncode is None:
            server.terminate()
        await server.communicate()


async def password_link(database: DatabaseUrls) -> str:
    """Return a link with which the owner sets a password."""
    token = new_secret()
    connection = await asyncpg.connect(database.app)
    try:
        await connection.execute("SELECT set_config('kyndof.organization', $1, false)", DEMO)
        await connection.execute(
            "INSERT INTO password_links (organization_id, token_hash, user_id, expires_at)"
            " SELECT organization_id, $1, user_id, now() + interval '1 hour' FROM persons"
            " WHERE login = $2",
            secret_hash(token),
            OWNER,
        )
    finally:
        await connection.close()
    return token


async def signed_in(place: Place, language: str, owner: httpx.AsyncClient) -> None:
    """Sign one terminal in, let it act, and sign it out again."""
    asks, greets, ends = SPOKEN[language]
    waiting = await place.started("login", "--server", place.address, language=language)
    assert waiting.stderr is not None
    told = (await asyncio.wait_for(waiting.stderr.readline(), PATIENCE_S)).decode()
    assert asks in told
    code = re.search(r"[A-Z0-9]{4}-[A-Z0-9]{4}", told)
    assert code, told
    decision = {"user_code": code.group(), "approve": True}
    assert (await owner.post("/device/decisions", json=decision)).status_code == 200
    out, _ = await asyncio.wait_for(waiting.communicate(), PATIENCE_S)
    assert waiting.returncode == 0
    assert greets in out.decode()
    kept = json.loads((place.home / f"{language}.json").read_text(encoding="utf-8"))
    if language == "ko_KR.UTF-8":
        acted = await place.run("do", "change-language", "--language", "ko", language=language)
        assert acted[0] == 0, acted[1]
    status, said = await place.run("logout", language=language)
    assert (status, ends in said) == (0, True), said
    async with httpx.AsyncClient(base_url=f"{place.address}/api/v1") as thief:
        answer = await thief.post("/tokens/refresh", json={"refresh_token": kept["refresh"]})
        assert answer.status_code == 401
        bearer = {"Authorization": f"Bearer {kept['secret']}"}
        assert (await thief.get("/me", headers=bearer)).status_code == 401


@pytest.mark.requirement("IAM", "TER", "AUD")
async def test_terminals_sign_in_act_as_terminals_and_out_in_korean_and_english(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    async with served(database, tmp_path) as place:
        token = await password_link(database)
        async with httpx.AsyncClient(base_url=f"{place.address}/api/v1") as owner:
            body = {"token": token, "password": PASSWORD}
            assert (await owner.post("/password/link", json=body)).status_code == 200
            await asyncio.gather(*(signed_in(place, language, owner) for language in SPOKEN))
            keys = (await owner.get(f"{place.address}/.well-known/jwks.json")).json()["keys"]
            assert [sorted(key) for key in keys] == [["alg", "crv", "kid", "kty", "use", "x", "y"]]
    connection = await asyncpg.connect(database.owner)
    try:
        await connection.execute("SELECT set_config('kyndof.organization', $1, false)", DEMO)
        rows = await connection.fetch(
            "SELECT source FROM audit_log WHERE action = 'change_language'"
        )
    finally:
        await connection.close()
    assert [row["source"] for row in rows] == ["terminal"]
