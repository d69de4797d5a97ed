"""The table of all settings, made from their descriptions.

``python -m tests.architecture.settings_table`` writes it to ``cloud/docs/settings.md``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from cloud.settings import CHECKOUT, CloudSettings
from edge.settings import EdgeSettings
from tests.architecture.tree import ROOT

TARGET = ROOT / "cloud" / "docs" / "settings.md"
HEAD = """# Settings

Made by `python -m tests.architecture.settings_table` from `cloud/settings.py` and
`edge/settings.py`; a test compares. Sources, first wins: the environment, then `kyndof.toml`
(cloud) or `edge.toml` (station) in `KYNDOF_HOME`, then the default. A secret may be given as a
file: the same name with `_FILE` behind it. A wrong value stops the start and names the setting.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One thing that can be set."""

    name: str
    default: str
    description: str


def settings_of(kind: type[BaseModel], prefix: str = "KYNDOF_") -> Iterator[Setting]:
    """Return every setting below ``kind``, groups by ``__``."""
    for name, field in kind.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from settings_of(annotation, f"{prefix}{name.upper()}__")
        else:
            alias = field.validation_alias
            yield Setting(
                name=alias if isinstance(alias, str) else f"{prefix}{name.upper()}",
                default=_default(field),
                description=field.description or "",
            )


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, Path):
        value = value.relative_to(CHECKOUT) if value.is_relative_to(CHECKOUT) else value
    return "" if value in ("", None) else f"`{value}`"


def table() -> str:
    """Return the page."""
    parts = [HEAD]
    for title, kind in (("The cloud", CloudSettings), ("A station", EdgeSettings)):
        parts += [f"## {title}\n", "| setting | default | meaning |", "|---|---|---|"]
        parts += [
            f"| `{s.name}` | {s.default} | {s.description.replace('|', chr(92) + '|')} |"
            for s in settings_of(kind)
        ]
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    TARGET.write_text(table(), encoding="utf-8")
