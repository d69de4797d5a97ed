"""Numbers of releases by name: whole after any kill, and no older than either copy of them."""

from pathlib import Path

import pytest

from edge.infrastructure import counters_file
from edge.infrastructure.counters_file import CountersFile
from edge.model_bundles.release_counters import ReleaseCounters

pytestmark = pytest.mark.requirement("ROL")
FIRST = ReleaseCounters(station_id="sta_1", by_name={"cotton": 3, "denim": 9}, of_all=2)
NEXT = FIRST.verified("cotton", 7)


class CutError(Exception):
    """The power went."""


def cut_at(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    write, writes = counters_file.write_durably, [0]

    def deadly(path: Path, content: bytes, mode: int = 0o644) -> None:
        writes[0] += 1
        if writes[0] == number:
            raise CutError
        write(path, content, mode)

    monkeypatch.setattr(counters_file, "write_durably", deadly)


def test_what_was_kept_comes_back(tmp_path: Path) -> None:
    assert CountersFile(tmp_path / "counters").load() is None
    CountersFile(tmp_path / "counters").keep(FIRST)
    assert CountersFile(tmp_path / "counters").load() == FIRST
    assert {path.name for path in tmp_path.iterdir()} == {"counters", "counters.bak"}


@pytest.mark.parametrize(("number", "expected"), [(1, FIRST), (2, NEXT)])
def test_a_cut_between_both_copies_leaves_the_old_numbers_or_the_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, expected: ReleaseCounters
) -> None:
    file = CountersFile(tmp_path / "counters")
    file.keep(FIRST)
    cut_at(monkeypatch, number)
    with pytest.raises(CutError):
        file.keep(NEXT)
    monkeypatch.undo()
    assert CountersFile(tmp_path / "counters").load() == expected


def test_a_cut_while_the_station_moves_leaves_the_numbers_of_one_of_both_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, moved = CountersFile(tmp_path / "counters"), FIRST.known_as("sta_2")
    assert moved == ReleaseCounters(station_id="sta_2")
    file.keep(FIRST)
    cut_at(monkeypatch, 2)
    with pytest.raises(CutError):
        file.keep(moved)
    assert file.load() == moved


@pytest.mark.parametrize("name", ["counters", "counters.bak"])
def test_either_copy_alone_tells_all_and_any_flipped_bit_is_found(
    tmp_path: Path, name: str
) -> None:
    file, copy = CountersFile(tmp_path / "counters"), tmp_path / name
    file.keep(FIRST)
    whole = copy.read_bytes()
    for place in range(0, len(whole), 5):
        copy.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert file.load() == FIRST
    copy.unlink()
    assert file.load() == FIRST
    for path in tmp_path.iterdir():
        path.write_bytes(b"torn")
    assert file.load() is None


def test_an_older_copy_put_back_lowers_nothing(tmp_path: Path) -> None:
    file = CountersFile(tmp_path / "counters")
    file.keep(FIRST)
    old = (tmp_path / "counters").read_bytes()
    file.keep(NEXT)
    for name in ("counters", "counters.bak"):
        other = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(old)
        assert file.load() == NEXT
        (tmp_path / name).write_bytes(other)
