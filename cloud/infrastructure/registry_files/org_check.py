"""What `kyndof org check` says: each matrix as it is read, what was completed, what is wrong."""

from dataclasses import dataclass
from pathlib import Path

from cloud.infrastructure.registry_files.document import RegistryFileError, read_schema
from cloud.infrastructure.registry_files.org_files import draft_matrix
from cloud.permissions.rabsic import Completion, completed, lint


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong: file, line from 1, stable code, reason."""

    file: str
    line: int
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgCheck:
    """What the check of one folder gave; valid when ``findings`` is empty."""

    files: tuple[str, ...]
    completions: tuple[tuple[str, Completion], ...]
    findings: tuple[Finding, ...]


def check_org_files(folder: Path, known: frozenset[str] | None = None) -> OrgCheck:
    """Read every `org/*.yml` below ``folder`` and list all findings, not the first alone.

    ``known`` are the logins that exist; ``None`` leaves the holders unchecked.

    Raises:
        RegistryFileError: the schema itself cannot be read.
    """
    schema = read_schema(folder / "schemas" / "org.schema.json")
    files: list[str] = []
    completions: list[tuple[str, Completion]] = []
    findings: list[Finding] = []
    domains: dict[str, str] = {}
    for path in sorted((folder / "org").glob("*.yml")):
        name = f"org/{path.name}"
        files.append(name)
        try:
            draft = draft_matrix(name, path.read_text(encoding="utf-8"), schema)
        except RegistryFileError as error:
            findings.append(
                Finding(file=error.file, line=error.line, code=error.code, reason=error.reason)
            )
            continue
        except (OSError, UnicodeDecodeError) as error:
            findings.append(Finding(file=name, line=1, code="REGISTRY_INVALID", reason=str(error)))
            continue
        if draft.domain in domains:
            reason = f"the domain {draft.domain} is written in {domains[draft.domain]} already"
            findings.append(
                Finding(file=name, line=draft.place.line, code="REGISTRY_INVALID", reason=reason)
            )
        domains.setdefault(draft.domain, name)
        matrix, notes = completed(draft)
        completions += [(name, note) for note in notes]
        findings += [
            Finding(
                file=violation.place.file or name,
                line=violation.place.line,
                code=violation.code,
                reason=f"{violation.action or violation.field}: "
                f"{violation.expected} expected, {violation.actual} given",
            )
            for violation in lint(matrix, known)
        ]
    return OrgCheck(files=tuple(files), completions=tuple(completions), findings=tuple(findings))
