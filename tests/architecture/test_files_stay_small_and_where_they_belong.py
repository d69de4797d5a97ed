"""Size and place of files: a line is found where its name says, in a file that fits a head."""

import re
from pathlib import PurePath

from tests.architecture.tree import ROOT, text_of, tracked

LONGEST_LINES = 500
LARGEST_BYTES = 60 * 1024 * 1024
SOURCES = {".py", ".ts", ".tsx", ".js", ".css", ".sql", ".proto"}
GENERATED = re.compile(
    r"_pb2(_grpc)?\.pyi?$|cloud/dashboard/src/api/cloud\.ts$|tests/contract/schemas/\d+\.sql$"
)
# Path to reason; the list only shrinks.
LONGER: dict[str, str] = {}

TOP_LEVEL = {
    "cloud", "edge", "proto", "registry", "firmware-config", "tests", "ansible",
    "pyproject.toml", "README.md", "Makefile", "constraints.txt",
}  # fmt: skip
FORBIDDEN_NAMES = {
    "util", "utils", "helper", "helpers", "common", "misc",
    "manager", "managers", "service", "services", "base", "model",
}  # fmt: skip
# `base` is the bundle that every station has; it is a folder of data, not a module.
NOT_MODULES = {"edge/model_bundles/base"}


def test_no_source_file_is_longer_than_five_hundred_lines() -> None:
    lengths = {
        name: len((text_of(name) or "").splitlines())
        for name in tracked()
        if PurePath(name).suffix in SOURCES and not GENERATED.search(name)
    }
    longer = {name for name, lines in lengths.items() if lines > LONGEST_LINES}
    assert not [f"{name}: {lengths[name]}" for name in longer - LONGER.keys()]
    assert not LONGER.keys() - longer, "no longer an exception: take it off the list"


def test_the_top_level_has_the_named_entries_and_dotfiles_only() -> None:
    entries = {name.split("/")[0] for name in tracked()}
    assert {e for e in entries if not e.startswith(".")} <= TOP_LEVEL


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = []
    for name in tracked():
        path = PurePath(name)
        if path.parts[0] not in {"cloud", "edge"} or path.suffix not in {".py", ".ts", ".tsx"}:
            continue
        folders = [f for f in path.parents if f.as_posix() not in NOT_MODULES]
        parts = {path.stem, *(folder.name for folder in folders)}
        vague += [name] if {part.lower() for part in parts} & FORBIDDEN_NAMES else []
    assert not vague


def test_tracked_files_stay_below_sixty_megabytes() -> None:
    assert sum((ROOT / name).stat().st_size for name in tracked()) < LARGEST_BYTES
