"""Schemathesis makes requests from our own OpenAPI document; the server keeps what it says."""

import asyncio
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import APIOperation, Case

from cloud.infrastructure.embedded.postgres import DatabaseUrls
from tests.interfaces.test_sign_in_and_live import opened

pytestmark = pytest.mark.requirement("API")
FEW, MANY = 1, 40
#: What is not configured in this run is told so, with the setting's name.
NOT_SET = b'"setting":"KYNDOF_'


async def asked(database: DatabaseUrls, folder: Path, examples: int) -> int:
    async with opened(database, folder) as door:
        key = await door.key("owner@demo.example")
        address = f"http://{door.address}/api/v1/openapi.json"
        return await asyncio.to_thread(ask_all, address, key, examples)


def ask_all(address: str, key: str, examples: int) -> int:
    schema = schemathesis.openapi.from_url(address).exclude(path_regex="^/(health|metrics)")
    return sum(ask(result.ok(), key, examples) for result in schema.get_all_operations())


def ask(operation: APIOperation, key: str, examples: int) -> int:
    count = 0
    known = {str(status) for status in operation.definition.raw["responses"]}

    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def keeps_its_word(case: Case) -> None:
        nonlocal count
        count += 1
        answer = case.call(headers={"X-API-Key": key}, timeout=60)
        shown = f"{case.method} {case.path} {case.path_parameters} {case.query} {case.body}"
        shown += f" -> {answer.status_code} {answer.content[:300]!r}"
        assert answer.status_code < 500 or NOT_SET in answer.content, shown
        assert answer.status_code >= 400 or str(answer.status_code) in known, shown

    keeps_its_word()
    return count


async def test_no_request_that_the_description_allows_breaks_the_server(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    assert await asked(database, tmp_path, FEW) > 60


@pytest.mark.soak
@pytest.mark.timeout(1800)
async def test_many_requests_that_the_description_allows_break_nothing(
    database: DatabaseUrls, tmp_path: Path
) -> None:
    assert await asked(database, tmp_path, MANY) > 1_000
