"""A station with its desk, and cloth to lay on its table."""

import asyncio
from pathlib import Path

import cv2
import numpy as np
from kyndof_wire.fleet.v1 import fleet_pb2 as fleet

from cloud.infrastructure.training.rendering.cloth import render_cloth
from cloud.infrastructure.training.rendering.samples import spoil
from cloud.infrastructure.training.rendering.style import draw_style
from edge.composition import compose_ruler
from edge.composition.desk import compose_desk, compose_learned
from edge.infrastructure.pipeline_inspector import PipelineInspector
from edge.settings import EdgeSettings
from edge.station.errors import CameraUnpluggedError
from edge.station.inspection_record import Shot
from tests.fakes import station_home as home
from tests.fakes.workstation import Stand

ROOT = Path(__file__).parents[2]
STYLE = "JK-01"
# No word of the catalogue: the bundle's network cannot have said it.
OURS = "작은 구멍"


class ToldCamera:
    """Gives the frame that lies under it; without one it is unplugged."""

    def __init__(self) -> None:
        self.frame: np.ndarray | None = None

    async def capture(self, timeout_s: float) -> Shot:
        if self.frame is None:
            raise CameraUnpluggedError
        encoded = cv2.imencode(".png", self.frame[..., ::-1])[1].tobytes()
        return Shot(pixels=self.frame, encoded=encoded, content_type="image/png")


class Cloths:
    """Pieces of one rendered cloth, good or with a flaw."""

    def __init__(self) -> None:
        self._lot = np.random.default_rng(1)
        self._style = draw_style(self._lot, "twill")

    def good(self) -> np.ndarray:
        return render_cloth(self._style, self._lot, 384)

    def flawed(self, kind: str) -> np.ndarray:
        return spoil(self.good(), None, self._lot, kind)[0]


class World:
    """A station with its desk; `again` is the same home after a restart."""

    def __init__(self, folder: Path, pipeline, camera=None, board=lambda: None) -> None:
        self.settings = EdgeSettings(home=folder, firmware_config=ROOT / "firmware-config")
        self.folder = self.settings.station_home
        self.camera, self.pipeline = camera or ToldCamera(), pipeline
        self.learned = compose_learned(self.settings, compose_ruler(self.settings))
        self.inspector = PipelineInspector(pipeline, board, self.learned.kinds, self.learned.banks)
        self.stand = Stand(camera=self.camera, inspector=self.inspector)
        self.desk = compose_desk(
            self.settings, self.stand.station, self.camera, self.inspector, self.learned
        )

    async def ready(
        self,
        bank: bytes = b"",
        prototypes: bytes = b"",
        standard: fleet.Standard | None = None,
        more_banks: tuple[bytes, ...] = (),
    ) -> "World":
        package = home.package()
        if standard is not None:
            package.work_orders[0].steps[0].standard.CopyFrom(standard)
        package.roster[1].stages[:] = ["CUT", "SEW"]
        if bank:
            package.styles.add(name=STYLE, bank=bank, more_banks=more_banks)
        package.prototypes = prototypes
        await self.stand.ready(package)
        return self

    async def signed_in(self, badge: str = home.BADGE_INSPECTOR) -> None:
        assert await self.stand.station.scan(home.code("B", badge), "hid") is None

    async def again(self, **came: bytes) -> "World":
        fresh = await World(self.settings.home, self.pipeline).ready(**came)
        await fresh.signed_in()
        return fresh

    async def judged(self, frame: np.ndarray, piece: int):
        self.camera.frame = frame
        await self.finished(piece)
        assert self.stand.station.state.shown is not None
        return self.stand.station.state.shown.record.findings

    async def finished(self, piece: int) -> None:
        """Have a piece judged by whatever the camera shows."""
        station = self.stand.station
        if station.state.phase == "verdict":
            await station.act("cancel")
        await station.scan(home.code("P", home.piece_ulid(piece)), "hid")
        # The card of a step that was begun says that it is done.
        if station.state.phase == "guide":
            await station.act("start")
            await station.act("finish")
        await self.stand.settled()

    async def until(self, look) -> None:
        async with asyncio.timeout(150):
            version = self.stand.station.version
            while not look():
                version = await self.stand.station.changed_since(version)


async def named_three_times(world: World, cloths: Cloths, kind: str, piece: int) -> int:
    """Let a person name three findings of a kind; return the next piece's number."""
    done = 0
    while done < 3:
        if await world.judged(cloths.flawed("hole"), piece):
            await world.desk.act("name-finding", {"index": "0", "kind": kind})
            assert world.desk.state()["named"] == {"0": kind}
            done += 1
        piece += 1
    return piece
