"""Business code imports the standard library without its doors to the world, and numpy."""

import sys

import grimp

OUTSIDE = {
    "__main__",
    "composition",
    "settings",
    "interfaces",
    "infrastructure",
    "wheel_without_cloud",
}
DOORS = {
    "os",
    "io",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "multiprocessing",
    "sqlite3",
    "urllib",
    "http",
    "time",
    "random",
    "uuid",
    "pathlib",
    "tempfile",
    "shutil",
}
ARITHMETIC = {"numpy", "scipy"}


def test_business_code_imports_only_arithmetic() -> None:
    graph = grimp.build_graph("cloud", "edge", include_external_packages=True, cache_dir=None)
    allowed = (set(sys.stdlib_module_names) - DOORS) | ARITHMETIC | {"cloud", "edge"}
    trespasses = [
        f"{importer} -> {imported}"
        for importer in graph.modules
        if (parts := importer.split("."))[0] in {"cloud", "edge"}
        and len(parts) > 1
        and parts[1] not in OUTSIDE
        for imported in graph.find_modules_directly_imported_by(importer)
        if imported.split(".")[0] not in allowed
    ]
    assert not trespasses, "\n".join(trespasses)
