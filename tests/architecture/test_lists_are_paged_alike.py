"""Every REST list takes the same cursor and the same limit, and no page of its own kind."""

import json
from pathlib import Path
from typing import Any

import pytest

OPENAPI = Path(__file__).parents[2] / "cloud/dashboard/src/api/openapi.json"
#: Lists inside an answer that says more than the list.
WITH_MORE = {"/api/v1/work-orders": "items", "/api/v1/notifications": "notifications"}
#: How others page; none of these is a parameter of ours.
OTHER_WAYS = {"before", "offset", "page", "page_size", "per_page", "skip", "start", "count", "size"}


def questions() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Return every GET route with its operation and the schema of its answer."""
    document = json.loads(OPENAPI.read_text("utf-8"))

    def resolved(schema: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return schema

    found = []
    for path, item in document["paths"].items():
        if "get" in item:
            content = item["get"]["responses"].get("200", {}).get("content", {})
            schema = content.get("application/json", {}).get("schema", {})
            found.append((path, item["get"], resolved(schema)))
    return found


def parameters(operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        one["name"]: one["schema"]
        for one in operation.get("parameters", [])
        if one.get("in") == "query"
    }


@pytest.mark.requirement("API")
def test_every_list_is_paged_alike() -> None:
    lists = [
        (path, parameters(operation))
        for path, operation, answer in questions()
        if answer.get("type") == "array" or path in WITH_MORE
    ]
    assert len(lists) > 20
    for path, asked in lists:
        assert {"cursor", "limit"} <= asked.keys(), path
        cursor, limit = asked["cursor"], asked["limit"]
        assert (cursor["type"], cursor["default"], cursor["maxLength"]) == ("string", "", 2000)
        bounds = (limit["type"], limit["minimum"], limit["maximum"], limit["default"])
        assert bounds == ("integer", 1, 500, 200), path


@pytest.mark.requirement("API")
def test_nothing_else_is_paged_nor_paged_otherwise() -> None:
    for path, operation, answer in questions():
        asked = parameters(operation)
        assert not asked.keys() & OTHER_WAYS, path
        is_list = answer.get("type") == "array" or path in WITH_MORE
        assert is_list or not asked.keys() & {"cursor", "limit"}, path
    for path, name in WITH_MORE.items():
        [shown] = [answer for at, _, answer in questions() if at == path]
        assert shown["properties"][name]["type"] == "array"
