"""What a power cut may leave behind, from the log of what a process really asked the disk to do.

`record` runs a program under strace. `CrashStates` replays its writes, renames and flushes up to a
moment and builds what a disk may hold then: what was flushed is there; of the rest nothing, all, a
part of the writes, or writes torn at sectors of 512 bytes. A name that was made, moved or removed
lasts only after its folder was flushed; until then a file system may have done it or not, in order.
A disk that lies about its flushes is not meant.
"""

import random
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

SECTOR = 512
_TRACED = (
    "open,openat,creat,write,pwrite64,ftruncate,truncate,rename,renameat,renameat2,unlink,"
    "unlinkat,rmdir,mkdir,mkdirat,fsync,fdatasync,lseek"
)
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)")
_FD = re.compile(r"^(\d+)<([^>]*)>")
_HEX = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_ACKED = re.compile(rb"acked (\d+)")


def strace() -> str | None:
    """Where strace is; None where it is not or may not trace."""
    found = shutil.which("strace")
    if found is None:
        return None
    tried = subprocess.run([found, "-f", "true"], capture_output=True, check=False)
    return found if tried.returncode == 0 else None


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the process that matters to the disk."""

    name: str
    path: str = ""
    other: str = ""
    offset: int = 0
    data: bytes = b""
    size: int = 0
    flags: str = ""


@dataclass(slots=True)
class _Change:
    """A write or a new length. ``sure``: it was flushed. ``doubtful``: a flush of it failed, and a
    later one that succeeds says nothing about it, for the system forgets what it could not write.
    """

    what: str
    number: int
    data: bytes
    sure: bool = False
    doubtful: bool = False


@dataclass(slots=True)
class _File:
    """What surely lies on the disk, and changes since, in order."""

    flushed: bytearray = field(default_factory=bytearray)
    since: list[_Change] = field(default_factory=list)

    def flush(self) -> None:
        for change in self.since:
            change.sure = not change.doubtful
        while self.since and self.since[0].sure:
            _change(self.flushed, self.since.pop(0))

    def fail(self) -> None:
        for change in self.since:
            change.doubtful = change.doubtful or not change.sure


def _change(content: bytearray, change: _Change) -> None:
    if change.what == "size":
        del content[change.number :]
    content += bytes(max(0, change.number - len(content)))
    if change.what == "write":
        content[change.number : change.number + len(change.data)] = change.data


def record(
    command: Sequence[str], log: Path, environment: dict[str, str], failing: str = ""
) -> list[Call]:
    """Run a program to its end under strace and return its calls.

    ``failing`` lets calls fail, as strace's ``inject`` writes it: ``fdatasync:error=EIO:when=9``.
    """
    found = strace()
    assert found is not None
    tracing = [found, "-f", "-y", "-xx", "-s", "2000000", "-e", f"trace={_TRACED}", "-o", str(log)]
    if failing:
        tracing += ["-e", f"inject={failing}"]
    subprocess.run([*tracing, *command], env=environment, check=True, stdout=subprocess.PIPE)
    return list(_calls(log))


def _calls(log: Path) -> Iterator[Call]:
    offsets: dict[str, int] = {}
    for line in log.read_text("ascii", errors="replace").splitlines():
        found = _CALL.match(line)
        if found is None:
            continue
        name, arguments, result = found[1], found[2], int(found[3])
        call = _read(name, arguments, result, offsets) if result >= 0 else _failed(name, arguments)
        if call is not None:
            yield call


def _failed(name: str, arguments: str) -> Call | None:
    handle = _FD.match(arguments)
    if name in {"fsync", "fdatasync"} and handle:
        return Call("failed", path=_plain(handle[2]))
    return None


def _read(name: str, arguments: str, result: int, offsets: dict[str, int]) -> Call | None:
    texts = [bytes.fromhex(text.replace("\\x", "")) for text in _HEX.findall(arguments)]
    handle = _FD.match(arguments)
    if handle is None or name.endswith("at"):
        return _named(name, arguments, texts, result, offsets)
    if name in {"write", "pwrite64"}:
        return _written(name, arguments, handle, texts, offsets)
    if name in {"fsync", "fdatasync"}:
        return Call("fsync", path=_plain(handle[2]))
    if name == "ftruncate":
        return Call("size", path=_plain(handle[2]), size=int(arguments.rpartition(",")[2]))
    if name == "lseek":
        offsets[handle[1]] = result
    return None


def _named(
    name: str, arguments: str, texts: list[bytes], result: int, offsets: dict[str, int]
) -> Call | None:
    """A call that names its file by a path."""
    if name.startswith("rename"):
        return Call("rename", path=texts[0].decode(), other=texts[1].decode())
    kind = {"openat": "open", "creat": "open", "mkdirat": "mkdir"}.get(name, name)
    kind = "unlink" if kind in {"unlinkat", "rmdir"} else kind
    if kind == "open":
        offsets[f"{result}"] = 0
    if kind not in {"open", "unlink", "mkdir"}:
        return None
    flags = arguments.rpartition('"')[2]
    return Call(kind, path=_path(arguments, texts[-1]), flags=flags)


def _written(
    name: str, arguments: str, handle: re.Match[str], texts: list[bytes], offsets: dict[str, int]
) -> Call:
    data = texts[0] if texts else b""
    if name == "pwrite64":
        offset = int(arguments.rpartition(",")[2])
    else:
        offset = offsets.get(handle[1], 0)
        offsets[handle[1]] = offset + len(data)
    if handle[1] == "1":
        return Call("said", data=data)
    return Call("write", path=_plain(handle[2]), offset=offset, data=data)


def _plain(path: str) -> str:
    """A path as strace shows it beside a descriptor: hex with -xx, and a word when it is gone."""
    if "\\x" in path:
        path = bytes.fromhex(path.replace("\\x", "")).decode()
    return path.removesuffix(" (deleted)")


def _path(arguments: str, text: bytes) -> str:
    path = text.decode()
    folder = re.match(r"^(?:AT_FDCWD|\d+)<([^>]*)>", arguments)
    return path if path.startswith("/") or folder is None else f"{_plain(folder[1])}/{path}"


class CrashStates:
    """Replays calls and builds what a power cut may leave of one folder."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self._folder = str(folder)
        self._chance = chance
        self._files: dict[int, _File] = {}
        #: Names now, and names that are surely on the disk: path to number of a file, -1 a folder.
        self._now: dict[str, int] = {}
        self._kept: dict[str, int] = {}
        self._asked: list[tuple[str, str, str]] = []
        self.acked = 0

    def _ours(self, path: str) -> bool:
        return path.startswith(self._folder + "/")

    def take(self, call: Call) -> bool:
        """Note a call; say whether it changed anything that a power cut could show."""
        if call.name == "said":
            told = [int(number) for number in _ACKED.findall(call.data)]
            self.acked = max([self.acked, *told])
            return bool(told)
        if call.name == "fsync" and call.path == self._folder:
            self._flush_folder(self._folder)
            return True
        if not self._ours(call.path):
            return False
        return self._took(call)

    def _took(self, call: Call) -> bool:
        if call.name == "open":
            return self._opened(call)
        if call.name in {"fsync", "failed"}:
            self._flush(call.path, failed=call.name == "failed")
        elif call.name == "rename":
            self._move(call.path, call.other)
        elif call.name == "unlink":
            self._remove(call.path)
        elif call.name == "mkdir":
            self._now[call.path] = -1
            self._asked.append(("mkdir", call.path, ""))
        elif (number := self._now.get(call.path)) is not None and number >= 0:
            change = _Change("size", call.size, b"")
            if call.name == "write":
                change = _Change("write", call.offset, call.data)
            self._files[number].since.append(change)
        return True

    def _opened(self, call: Call) -> bool:
        number = self._now.get(call.path)
        if number is None:
            if "O_CREAT" not in call.flags:
                return False
            number = len(self._files)
            self._files[number] = _File()
            self._now[call.path] = number
            self._asked.append(("make", call.path, str(number)))
            return True
        if "O_TRUNC" in call.flags and number >= 0:
            self._files[number].since.append(_Change("size", 0, b""))
            return True
        return False

    def _flush(self, path: str, *, failed: bool) -> None:
        number = self._now.get(path)
        if number is None:
            return
        if failed:
            if number >= 0:
                self._files[number].fail()
        elif number == -1:
            self._flush_folder(path)
        else:
            self._files[number].flush()

    def _flush_folder(self, folder: str) -> None:
        """Names in this folder last from now on; and what was asked before them, in order."""
        concerned = [
            at
            for at, (_, path, other) in enumerate(self._asked)
            if str(Path(path).parent) == folder or (other and str(Path(other).parent) == folder)
        ]
        if concerned:
            for what in self._asked[: concerned[-1] + 1]:
                _apply(self._kept, what)
            del self._asked[: concerned[-1] + 1]

    def _move(self, path: str, other: str) -> None:
        _apply(self._now, ("rename", path, other))
        self._asked.append(("rename", path, other))

    def _remove(self, path: str) -> None:
        _apply(self._now, ("unlink", path, ""))
        self._asked.append(("unlink", path, ""))

    def leave(self, folder: Path, how: str) -> None:
        """Write what the disk may hold now into ``folder``; how: "none", "all", "some", "torn"."""
        names = dict(self._kept)
        share = {"none": 0, "all": len(self._asked)}.get(
            how, self._chance.randint(0, len(self._asked))
        )
        for what in self._asked[:share]:
            _apply(names, what)
        folder.mkdir(parents=True, exist_ok=True)
        for path, number in sorted(names.items()):
            target = folder / path.removeprefix(self._folder + "/")
            if number == -1:
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            content = bytearray(self._files[number].flushed)
            for change in self._files[number].since:
                for part in [change] if change.sure else self._part(change, how):
                    _change(content, part)
            target.write_bytes(content)

    def _part(self, change: _Change, how: str) -> list[_Change]:
        """What became of a change that was not flushed."""
        if how == "all":
            return [change]
        if how == "none" or self._chance.random() < 0.5:
            return []
        if how == "some" or change.what == "size":
            return [change]
        return [
            _Change(change.what, change.number + at, change.data[at : at + SECTOR])
            for at in range(0, len(change.data), SECTOR)
            if self._chance.random() < 0.6
        ]


def _apply(names: dict[str, int], what: tuple[str, str, str]) -> None:
    """Do to names what was asked; a folder takes along what lies in it."""
    kind, path, other = what
    if kind == "make":
        names[path] = int(other)
    elif kind == "mkdir":
        names[path] = -1
    elif kind == "unlink":
        names.pop(path, None)
    elif path in names:
        moved = {
            name: number
            for name, number in names.items()
            if name == path or name.startswith(path + "/")
        }
        for name in moved:
            del names[name]
        names.pop(other, None)
        names.update({other + name[len(path) :]: number for name, number in moved.items()})


def crash_states(
    calls: Sequence[Call], source: Path, work: Path, chance: random.Random, count: int
) -> Iterator[tuple[int, str, Path, int]]:
    """Yield (moment, how, folder, acked) of so many crash states, spread over all moments."""
    states = CrashStates(source, chance)
    moments = [at for at, call in enumerate(calls) if matters(call, source)]
    ways = ("none", "some", "torn", "all")
    chosen: dict[int, list[str]] = {}
    for number in range(count):
        at = moments[min(len(moments) - 1, number * len(moments) // count)]
        chosen.setdefault(at, []).append(ways[number % len(ways)])
    for at, call in enumerate(calls):
        states.take(call)
        for how in chosen.get(at, []):
            folder = work / f"{at}-{how}"
            shutil.rmtree(folder, ignore_errors=True)
            states.leave(folder, how)
            yield at, how, folder, states.acked
            shutil.rmtree(folder, ignore_errors=True)


def matters(call: Call, source: Path) -> bool:
    """Whether a power cut just after this call differs from one just before it."""
    if call.name == "said":
        return b"acked" in call.data
    return call.path.startswith(str(source)) and call.name != "open"
