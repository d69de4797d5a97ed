"""The catalogue of defects holds, and names exactly what the renderer can draw."""

import json
from pathlib import Path

import pytest

from cloud.infrastructure.registry_files.defect_files import check_defects, read_defects
from cloud.infrastructure.registry_files.document import RegistryFileError
from cloud.infrastructure.training.rendering import FAMILIES, FITTED_KINDS, KINDS

REGISTRY = Path("registry")
pytestmark = pytest.mark.requirement("DEF", "REG")


def test_the_catalogue_and_the_renderer_know_the_same_kinds() -> None:
    kinds = read_defects(REGISTRY)
    assert {kind.name for kind in kinds} == {*KINDS, *FITTED_KINDS}
    assert {family for kind in kinds for family in kind.families} <= set(FAMILIES)
    for kind in kinds:
        assert ("cloth" in kind.occurs_on) == (kind.name in KINDS)
    assert check_defects(REGISTRY) == (("standards/defects.yml",), ())


@pytest.mark.parametrize("language", ["ko", "en"])
def test_kiosk_and_dashboard_say_every_kind_as_the_catalogue_does(language: str) -> None:
    kiosk = json.loads(Path(f"edge/interfaces/kiosk/texts/{language}.json").read_text("utf-8"))
    dashboard = json.loads(Path(f"cloud/dashboard/texts/{language}.json").read_text("utf-8"))
    for kind in read_defects(REGISTRY):
        title = getattr(kind, f"title_{language}")
        assert kiosk[f"defect.{kind.name}"] == title
        assert dashboard["defect"][kind.name] == title


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("severity: critical", "severity: dreadful", "dreadful"),
        ("name: hole", "name: stain", "stain stands twice"),
        ("ko: 구멍, ", "", "'ko' is a required property"),
        ("critical: true", "critical: false", "critical"),
        ("\ndefects:", "\ndefects: [", "expected"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, old: str, new: str, reason: str) -> None:
    for name in ("standards/defects.yml", "schemas/defects.schema.json"):
        (tmp_path / name).parent.mkdir()
        text = (REGISTRY / name).read_text(encoding="utf-8")
        changed = text.replace(old, new, 1) if name.endswith(".yml") else text
        (tmp_path / name).write_text(changed, encoding="utf-8")
    with pytest.raises(RegistryFileError, match=reason) as caught:
        read_defects(tmp_path)
    assert caught.value.line >= 1
    assert len(check_defects(tmp_path)[1]) == 1


def test_a_registry_without_a_catalogue_is_not_wrong(tmp_path: Path) -> None:
    assert check_defects(tmp_path) == ((), ())
    with pytest.raises(RegistryFileError):
        read_defects(tmp_path)
