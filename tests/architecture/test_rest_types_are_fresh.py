"""The dashboard's types are made of what the cloud's REST interface really says."""

from tests.architecture.generate_openapi import OPENAPI, describe


def test_the_committed_openapi_document_is_what_the_routes_say() -> None:
    stale = OPENAPI.read_text("utf-8") != describe()
    assert not stale, (
        "run: python -m tests.architecture.generate_openapi && "
        "python cloud/dashboard/build.py types"
    )
