"""Every setting has a default, a description and a line in the table."""

import re

import pytest
from pydantic import BaseModel

from cloud.settings import CloudSettings
from edge.settings import EdgeSettings
from tests.architecture.settings_table import TARGET, settings_of, table
from tests.architecture.tree import text_of, tracked

# The only other readers of the environment, each with the reason.
READERS = {
    "cloud/dashboard/build.py": "runs before anything is installed; hands PATH to npm",
    "edge/wheel_without_cloud.py": "a build hook has no settings",
}


@pytest.mark.parametrize("kind", [CloudSettings, EdgeSettings])
def test_every_setting_has_a_description_and_a_default(kind: type[BaseModel]) -> None:
    settings = list(settings_of(kind))
    assert len(settings) > 20
    assert not [s.name for s in settings if not s.description.endswith(".")]
    kind()  # every field has a default: nothing must be set


@pytest.mark.parametrize("kind", [CloudSettings, EdgeSettings])
def test_no_name_of_a_setting_reads_as_a_file_with_a_secret(kind: type[BaseModel]) -> None:
    """`KYNDOF_X_FILE` is read for the value of `KYNDOF_X`, so a path by that name is never seen."""
    names = {s.name for s in settings_of(kind)}
    files = {name for name in names if name.endswith("_FILE")}
    assert not [name for name in files if name.removesuffix("_FILE") not in names]


def test_the_table_of_settings_is_fresh() -> None:
    current = TARGET.read_text(encoding="utf-8")
    assert current == table(), "run: python -m tests.architecture.settings_table"


def test_only_the_settings_read_the_environment() -> None:
    reading = {
        name
        for name in tracked()
        if name.endswith(".py")
        and name.startswith(("cloud/", "edge/"))
        and not name.endswith("/settings.py")
        and re.search(r"\bos\.(environ|getenv)\b", text_of(name) or "")
    }
    assert reading == READERS.keys()
