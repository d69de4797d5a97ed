"""The registry that ships is valid as it lies there."""

from pathlib import Path

import pytest

from cloud.infrastructure.registry_files.document import check_schema, read_document, read_schema
from cloud.infrastructure.registry_files.org_check import check_org_files

REGISTRY = Path("registry")


@pytest.mark.requirement("REG")
def test_every_matrix_that_ships_is_valid_and_both_organizations_have_holders() -> None:
    logins = frozenset(
        f"{name}@{organization}.example"
        for name in ("worker", "lead", "designer", "owner")
        for organization in ("demo", "other")
    )
    report = check_org_files(REGISTRY, logins)
    assert report.findings == ()
    assert "org/production.yml" in report.files


@pytest.mark.requirement("REG")
def test_a_holder_whom_nobody_knows_is_found_by_the_check() -> None:
    codes = {finding.code for finding in check_org_files(REGISTRY, frozenset()).findings}
    assert codes == {"PERSON_UNKNOWN"}


@pytest.mark.requirement("REG")
@pytest.mark.parametrize("kind", ["agent", "skill"])
def test_every_plug_in_that_ships_is_valid(kind: str) -> None:
    schema = read_schema(REGISTRY / "schemas" / f"{kind}.schema.json")
    files = sorted((REGISTRY / f"{kind}s").glob("*.yml"))
    assert files
    for file in files:
        document = read_document(file.name, file.read_text(encoding="utf-8"))
        check_schema(document, schema)
        assert document.data["name"] == file.stem


@pytest.mark.requirement("REG")
def test_every_skill_that_an_agent_names_exists() -> None:
    for file in (REGISTRY / "agents").glob("*.yml"):
        document = read_document(file.name, file.read_text(encoding="utf-8"))
        for skill in document.data["config"]["skills"]:
            assert (REGISTRY / "skills" / f"{skill}.yml").exists(), skill
