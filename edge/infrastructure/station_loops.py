"""What goes on around the guide: files, links, scans, codes in the camera's view, lights."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass

from edge.capture.errors import CaptureError
from edge.capture.ports import Frame
from edge.infrastructure.camera_desk import CameraDesk
from edge.infrastructure.mqtt_producer import MqttProducer
from edge.infrastructure.station_files import StationFiles
from edge.infrastructure.systemd_notify import Beat
from edge.station.errors import IdentityBrokenError, NotEnrolledError, PackageBrokenError
from edge.station.workstation import Workstation

_LOG = logging.getLogger(__name__)
_WATCH_S = 0.25
_TICK_S = 0.5
_STOP_S = 4.0
_SCANS_WAITING = 32
#: Alarms that the agent may ask for; what else it says is a later agent's.
_AGENT_FAULTS = ("events_unaccounted", "event_damaged", "event_refused")
_REPEAT_S = 3.0
# Looking for codes must leave the processor to inspections: at most three looks a second, and a
# rest twice as long as a look took.
_LOOK_EVERY_S = 0.33
_REST_RATIO = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the loops look at."""

    files: StationFiles
    desk: CameraDesk
    producer: MqttProducer
    scanner_plugged: Callable[[], bool]
    manager: Beat


async def run_until(
    stop: asyncio.Event, loops: Mapping[str, Coroutine[object, object, None]]
) -> None:
    """Run all loops until told to stop; the end of any one ends the station with its error."""
    tasks = [asyncio.create_task(loop, name=name) for name, loop in loops.items()]
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    ended = [task.get_name() for task in tasks if task.done()]
    _LOG.info("stopping", extra={"ended": ended})
    for task in [stopping, *tasks]:
        task.cancel()
    _, late = await asyncio.wait(tasks, timeout=_STOP_S)
    for task in tasks:
        if task in late:
            _LOG.warning("did not stop in time", extra={"part": task.get_name()})
        elif not task.cancelled() and (error := task.exception()) is not None:
            raise error


class ScanQueue:
    """A bounded line of codes between the scanners and the guide."""

    def __init__(self, station: Workstation) -> None:
        self._station = station
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue(_SCANS_WAITING)
        self._dropped = False

    def offer(self, text: str, reader: str) -> None:
        """Take a code; one too many is dropped, with an alarm."""
        try:
            self._queue.put_nowait((text, reader))
        except asyncio.QueueFull:
            self._dropped = True
            _LOG.warning("scan dropped", extra={"reader": reader})

    async def run(self) -> None:
        """Give codes to the guide one after the other."""
        while True:
            text, reader = await self._queue.get()
            try:
                await self._station.scan(text, reader)
            except Exception:  # noqa: BLE001 - the next round may do better
                _LOG.exception("scan failed", extra={"reader": reader})
            await self._station.alarm("scans_dropped", on=self._dropped)
            self._dropped = False


class StationLoops:
    """Keeps the workstation's picture of its surroundings fresh."""

    def __init__(self, station: Workstation, around: Surroundings) -> None:
        self.cloud_unsent = 0
        self._station = station
        self._around = around
        self._counts = (0, 0)
        self._lit = ("", "", "")
        #: How the lamp shows each colour, by its profile; empty without one.
        self.signals: Mapping[str, str] = {}
        #: Why the configuration in use cannot be used as it was; empty when it can.
        self.configuration_trouble: Callable[[], str] = str

    def health(self) -> dict[str, object]:
        """Return what the station can say about itself."""
        station = self._station
        return {
            "enrolled": station.identity is not None,
            "package": station.index.package.digest if station.index else None,
            "phase": station.state.phase,
            "camera": self._around.desk.describe(),
            "alarms": list(station.alarms.codes()),
            "broker": station.hearing.broker,
            "cloud": station.hearing.cloud,
            "spool": station.unsent_count,
            "unsent": station.unsent_count + self.cloud_unsent,
        }

    async def look_first(self) -> None:
        """Read the home before the doors open: nobody is refused for what lies on the disk."""
        try:
            await self._look_at_home()
        except Exception:  # noqa: BLE001 - the next look may do better
            _LOG.exception("looking around failed")

    async def watch(self) -> None:
        """Look at files, links and camera four times a second."""
        while True:
            try:
                await self._look()
            except Exception:  # noqa: BLE001 - the next round may do better
                _LOG.exception("looking around failed")
            self._around.manager.beat("watch")
            await asyncio.sleep(_WATCH_S)

    async def _look(self) -> None:
        station, around = self._station, self._around
        await self._look_at_home()
        # After the files: a camera may take seconds to answer.
        await self._look_at_camera()
        link = await asyncio.to_thread(around.files.cloud_link)
        self.cloud_unsent = link.unsent_count
        trouble = await asyncio.to_thread(around.desk.trouble)
        station.agent_disk_low = link.disk_low
        await station.observe(
            broker=around.producer.connected, cloud=link.cloud, camera=trouble, why=link.why
        )
        unusable = self.configuration_trouble()
        await station.alarm("configuration_unusable", on=bool(unusable), detail=unusable)
        for code in _AGENT_FAULTS:
            await station.alarm(code, on=code in link.faults, detail=link.faults.get(code, ""))
        taken_back = await asyncio.to_thread(around.files.release_taken_back)
        await station.alarm("release_taken_back", on=bool(taken_back), detail=taken_back)
        await station.alarm("scanner_unplugged", on=not around.scanner_plugged())
        counts = (station.unsent_count, self.cloud_unsent)
        if counts != self._counts:
            self._counts = counts
            await station.touch()
        self._light()

    async def _look_at_home(self) -> None:
        await self._look_at_identity()
        await self._look_at_package()

    async def _look_at_camera(self) -> None:
        desk = self._around.desk
        try:
            await asyncio.to_thread(desk.open)
            desk.trouble_detail = ""
        except CaptureError as error:
            if desk.trouble_detail != str(error):
                desk.trouble_detail = str(error)
                _LOG.error("camera", extra={"code": error.code, "reason": str(error)})

    async def _look_at_identity(self) -> None:
        try:
            changed, identity = await asyncio.to_thread(self._around.files.new_identity)
        except IdentityBrokenError as error:
            await self._station.alarm("identity_broken", on=True, detail=str(error))
            return
        if changed:
            await self._station.alarm("identity_broken", on=False)
            await self._station.enrolled(identity)

    async def _look_at_package(self) -> None:
        try:
            package = await asyncio.to_thread(self._around.files.new_package)
            if package is not None:
                await self._station.package_arrived(package)
                await self._station.alarm("package_broken", on=False)
        except (PackageBrokenError, NotEnrolledError) as error:
            await self._station.alarm("package_broken", on=True, detail=str(error))

    def _light(self) -> None:
        """Show the latest verdict as the light over the table."""
        state = self._station.state
        colour: str = "off"
        reason: str = state.phase
        if state.phase == "refused" and state.refusal is not None:
            colour, reason = "yellow", state.refusal.code
        elif state.phase == "verdict" and state.shown is not None:
            reason = state.shown.verdict
            colour = {"FAIL": "red", "REVIEW": "yellow"}.get(reason, "green")
        elif state.phase in {"capturing", "inspecting"}:
            colour = "blue"
        wish = (colour, reason, self.signals.get(colour, ""))
        if wish != self._lit:
            self._lit = wish
            self._around.producer.show_light(*wish)

    async def tick(self) -> None:
        """Let the station do what time asks for."""
        while True:
            try:
                await self._station.tick()
            except Exception:  # noqa: BLE001 - the next round may do better
                _LOG.exception("tick failed")
            self._around.manager.beat("tick")
            await asyncio.sleep(_TICK_S)


class LabelsInView:
    """Lets a label that stays in view count once, and again after three seconds out of view."""

    def __init__(self) -> None:
        self._seen_s: dict[str, float] = {}
        self._paused = False

    def pause(self) -> None:
        """Nobody looks for a while: what was in view may still lie there afterwards."""
        self._paused = True

    def fresh(self, texts: tuple[str, ...], now_s: float) -> list[str]:
        """Return the codes that came into view, of those read at ``now_s`` (monotonic)."""
        if self._paused:
            self._paused = False
            self._seen_s = dict.fromkeys(self._seen_s, now_s)
        self._seen_s = {t: s for t, s in self._seen_s.items() if now_s - s < _REPEAT_S}
        new = [text for text in texts if text not in self._seen_s]
        self._seen_s |= dict.fromkeys(texts, now_s)
        return new


class CodeWatch:
    """Reads codes from the camera's frames while the guide waits for one."""

    def __init__(
        self,
        station: Workstation,
        desk: CameraDesk,
        read: Callable[[Frame], tuple[str, ...]],
        offer: Callable[[str, str], None],
    ) -> None:
        self._station = station
        self._desk = desk
        self._read = read
        self._offer = offer
        self._in_view = LabelsInView()
        self.is_on = True

    async def run(self) -> None:
        """Look at new frames until cancelled."""
        looked_at = -1
        while True:
            wanted = self.is_on and self._station.reads_camera_codes()
            if not wanted:
                self._in_view.pause()
            frame = await asyncio.to_thread(self._desk.newest) if wanted else None
            if not wanted or frame is None or frame.sequence == looked_at:
                await asyncio.sleep(0.1)
                continue
            began_s = time.monotonic()
            looked_at = frame.sequence
            texts = await asyncio.to_thread(self._read, frame)
            now_s = time.monotonic()
            for text in self._in_view.fresh(texts, now_s):
                if not self._station.is_on_table(text):
                    self._offer(text, "camera")
            took_s = now_s - began_s
            await asyncio.sleep(max(took_s * _REST_RATIO, _LOOK_EVERY_S - took_s))
