"""An interface imports a feature's commands, queries and errors, and the two buses."""

import grimp

SPOKEN = {"commands", "queries", "errors"}


def test_interfaces_import_only_what_they_may_speak() -> None:
    graph = grimp.build_graph("cloud", cache_dir=None)
    trespasses = []
    for importer in graph.find_descendants("cloud.interfaces"):
        for imported in graph.find_modules_directly_imported_by(importer):
            _, room, role, *_ = [*imported.split("."), "", ""]
            if room not in {"interfaces", "commands", "events"} and role not in SPOKEN:
                trespasses.append(f"{importer} -> {imported}")
    assert not trespasses, "\n".join(trespasses)
