"""What each station should have: rebuilt when the work changes, told to whoever watches."""

import asyncio
import logging
from collections import OrderedDict

from cloud.commands.command import CommandContext, Source
from cloud.commands.errors import CommandError
from cloud.events.event import RecordedEvent
from cloud.interfaces.edge_intake.ports import Bus, StyleFiles, WorkPackages
from cloud.interfaces.edge_intake.work_package import BuiltPackage, build_package
from cloud.learning.queries import LearnedContents, LearnedForStation
from cloud.production.queries import PackageContents, WorkPackageContents
from cloud.stations.queries import StationKey, Wish

LOG = logging.getLogger("kyndof.fleet")
DEBOUNCE_S = 0.2
RECHECK_S = 60.0
#: Packages kept in memory for stations that are about to fetch them.
MOST_PACKAGES = 64

_CONCERNED = (
    "work_order_",
    "step_",
    "piece_",
    "person_",
    "rework_",
    "design_",
    "rollout_",
    "station_renamed",
)
_CONCERNED_TYPES = frozenset(
    {
        "inspection_corrected",
        "station_configured",
        "station_registered",
        "station_revoked",
        "station_logs_asked",
        "station_logs_told",
        "flaw_named",
        "style_taught",
        "bank_withdrawn",
    }
)


class DesiredState:
    """Knows the wish of every station that watches, and hears what changes it.

    It is a subscriber of domain events. An event only marks the organization as changed: what a
    station gets is always read anew, so that a lost or repeated event cannot matter.
    """

    name = "work_packages"

    def __init__(self, bus: Bus, packages: WorkPackages, styles: StyleFiles) -> None:
        self._bus = bus
        self._packages = packages
        self._styles = styles
        self._changed: dict[str, int] = {}
        self._wakes: dict[str, asyncio.Event] = {}
        self._built: OrderedDict[tuple[StationKey, str], bytes] = OrderedDict()
        self._building: dict[StationKey, asyncio.Lock] = {}
        self._fresh: dict[StationKey, tuple[int, Wish]] = {}

    async def hear(self, event: RecordedEvent) -> None:
        """Mark an organization as changed when an event concerns the work."""
        if event.type.startswith(_CONCERNED) or event.type in _CONCERNED_TYPES:
            self.change(event.organization_id)

    def change(self, organization_id: str) -> None:
        """Say that stations of an organization may need another package."""
        self._changed[organization_id] = self._changed.get(organization_id, 0) + 1
        self._wakes.pop(organization_id, asyncio.Event()).set()

    async def wish(self, station: StationKey) -> Wish:
        """Return what a station should have now.

        Raises:
            CommandError: the station cannot be served.
        """
        async with self._building.setdefault(station, asyncio.Lock()):
            change = self._changed.get(station.organization_id, 0)
            known = self._fresh.get(station)
            if known is not None and known[0] == change:
                return known[1]
            built = await self._build(station)
            wish = await self._packages.wish(station, built.digest)
            self._keep(station, built)
            self._fresh[station] = (change, wish)
            return wish

    async def package(self, station: StationKey, digest: str) -> bytes | None:
        """Return a station's package by its digest; ``None`` when it is no longer wished."""
        kept = self._built.get((station, digest))
        if kept is not None:
            return kept
        built = await self._build(station)
        self._keep(station, built)
        return built.content if built.digest == digest else None

    async def changed(self, station: StationKey, since: Wish | None) -> Wish:
        """Wait until a station should have something else than ``since``, and return it."""
        while True:
            wake = self._wakes.setdefault(station.organization_id, asyncio.Event())
            try:
                wish = await self.wish(station)
            except CommandError as error:
                LOG.warning(
                    "no work package", extra={"station": station.station_id, "code": error.code}
                )
            else:
                if wish != since:
                    return wish
            try:
                await asyncio.wait_for(wake.wait(), RECHECK_S)
            except TimeoutError:
                # Banks and matrices are files: nobody tells of their change.
                self._fresh.pop(station, None)
            # A scan makes several events; one package answers all of them.
            await asyncio.sleep(DEBOUNCE_S)

    async def _build(self, station: StationKey) -> BuiltPackage:
        context = CommandContext(
            organization_id=station.organization_id,
            user=f"station:{station.station_id}",
            source=Source.STATION,
        )
        # Before the contents: what they hold then is never less than the mark says.
        watermark = await self._packages.watermark(station)
        contents: PackageContents = await self._bus.ask(
            WorkPackageContents(station_id=station.station_id), context
        )
        learned: LearnedContents = await self._bus.ask(
            LearnedForStation(station_id=station.station_id), context
        )
        return await asyncio.to_thread(build_package, contents, self._styles, watermark, learned)

    def _keep(self, station: StationKey, built: BuiltPackage) -> None:
        self._built[station, built.digest] = built.content
        self._built.move_to_end((station, built.digest))
        while len(self._built) > MOST_PACKAGES:
            self._built.popitem(last=False)
