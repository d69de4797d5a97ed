"""No secret, no path of one machine, no download address and no environment is committed."""

import json
import re
from pathlib import PurePath

from tests.architecture.tree import ROOT, text_of, tracked

# Written in two parts so that this file does not find itself.
SECRETS = re.compile(
    "-----BEGIN (?:[A-Z]+ )*PRIVATE " + "KEY-----"
    r"|\bAKIA[0-9A-Z]{16}\b|\bxox[abprs]-[0-9A-Za-z-]{10,}|\bghp_[0-9A-Za-z]{36}\b"
    r"|\bsk-(?:ant-)?[0-9A-Za-z_-]{32,}|\bAIza[0-9A-Za-z_-]{35}\b"
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.~$}/])/(?:home|Users|root|work|farm|workspace)/[A-Za-z0-9_.-]+"
)
REGISTRIES = re.compile(
    "(?:extra-)?index" + "-url|find" + r"-links\b|https?://[\w.-]*(?:pypi|npmjs|yarnpkg|debian)"
    r"[\w.-]*\.(?:org|com)|_auth" + r"Token|registry\s*=\s*http"
)
PRIVATE = {".venv", "node_modules", ".kyndof", "__pycache__", ".env", "dist"}


def lines_that_match(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name in tracked()
        for text in [text_of(name)]
        if text and pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_tracked_file_holds_a_secret() -> None:
    assert not lines_that_match(SECRETS)


def test_no_tracked_file_names_a_path_of_one_machine() -> None:
    assert not lines_that_match(MACHINE_PATHS)


def test_no_tracked_file_names_a_registry() -> None:
    assert not lines_that_match(REGISTRIES)


def test_no_environment_and_no_build_output_is_tracked() -> None:
    assert not [name for name in tracked() if PRIVATE & set(PurePath(name).parts)]


def test_constraints_are_plain_versions_sorted_and_unique() -> None:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    odd = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line)]
    assert not odd
    names = [re.sub(r"[-_.]+", "-", line.split("==")[0]).lower() for line in lines]
    assert len(names) == len(set(names))


def test_the_npm_lock_has_versions_and_integrity_and_no_address() -> None:
    lock = json.loads((ROOT / "cloud/dashboard/package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    whole = {"version", "integrity"}
    assert not [
        name
        for name, entry in packages.items()
        if not entry.get("link") and not entry.get("inBundle") and not whole <= entry.keys()
    ]
