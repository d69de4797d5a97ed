"""`kyndof floor` and `kyndof ca`: files from stations that are cut off, and who signs stations."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from cloud.interfaces.terminal.words import say

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Early = Annotated[bool, typer.Option("--now", help="Do not wait for stations that are away.")]
Run = Callable[[Awaitable[Any]], Any]
Show = Callable[[Any, str, bool], None]


class Standing(Protocol):
    """Where a roll-over stands."""

    @property
    def state(self) -> str:
        """Return NONE, ANNOUNCED or SWITCHED."""
        ...

    @property
    def signing(self) -> str:
        """Return the fingerprint of the authority that signs."""
        ...

    @property
    def also_believed(self) -> str:
        """Return the fingerprint of the other one, empty without one."""
        ...

    @property
    def next_step_at(self) -> datetime | None:
        """Return when the next step may come."""
        ...


class Imported(Protocol):
    """What came of a file."""

    @property
    def station_name(self) -> str:
        """Return whose file it is."""
        ...

    @property
    def events_new(self) -> int:
        """Return how many events came."""
        ...

    @property
    def events_known(self) -> int:
        """Return how many events had come before."""
        ...

    @property
    def pictures_new(self) -> int:
        """Return how many pictures came."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorDoors:
    """What composition hands in: an import, and one step of a roll-over."""

    take: Callable[[Path, str], Awaitable[Imported]]
    rollover: Callable[[str, bool], Standing]


def add_floor(app: typer.Typer, doors: Callable[[], FloorDoors], run: Run, show: Show) -> None:
    """Add the commands to ``app``; whoever owns the machine may use them."""
    floor = typer.Typer(no_args_is_help=True, help="The stations on the floor.")
    app.add_typer(floor, name="floor")

    @floor.command("import")
    def import_file(
        file: Annotated[Path, typer.Argument(help="What `kyndof-edge export FILE` wrote.")],
        organization: Annotated[str, typer.Option(help="Short code of the organization.")] = "demo",
        as_json: Json = False,
    ) -> None:
        """Take in what a station could not send; a file taken in twice changes nothing."""
        found: Any = run(doors().take(file, organization))
        sentence = say(
            "IMPORTED",
            station=found.station_name,
            events=found.events_new,
            known=found.events_known,
            pictures=found.pictures_new,
        )
        show(asdict(found), sentence, as_json)

    ca = typer.Typer(no_args_is_help=True, help="The authority that signs stations.")
    app.add_typer(ca, name="ca")

    def step(name: str, early: bool, as_json: bool) -> None:
        async def work() -> Standing:
            return doors().rollover(name, early)

        found: Any = run(work())
        due = f"{found.next_step_at:%Y-%m-%d}" if found.next_step_at else "-"
        lines = [say(f"ROLLOVER_{found.state}", due=due), found.signing, found.also_believed]
        show(asdict(found), "\n".join(line for line in lines if line), as_json)

    @ca.command("status")
    def status(as_json: Json = False) -> None:
        """Say which authorities are believed; the one that signs is first."""
        step("view", False, as_json)

    @ca.command("announce")
    def announce(as_json: Json = False) -> None:
        """Make the next authority: stations learn to believe it, and it signs nothing yet."""
        step("announce", False, as_json)

    @ca.command("switch")
    def switch(early: Early = False, as_json: Json = False) -> None:
        """Let the announced authority sign, 60 days after it was announced."""
        step("switch", early, as_json)

    @ca.command("retire")
    def retire(early: Early = False, as_json: Json = False) -> None:
        """Believe the former authority no more, 120 days after the switch."""
        step("retire", early, as_json)
