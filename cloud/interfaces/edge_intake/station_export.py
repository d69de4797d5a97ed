"""What a station that was cut off gives by hand, taken in as if it had been sent."""

import hashlib
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

from google.protobuf.message import DecodeError
from kyndof_wire.export.v1.export_pb2 import ExportEnd, ExportFrame, ExportHeader, ExportPicture
from kyndof_wire.sync.v1.sync_pb2 import EventBatch, GapReason, GapRecord
from ulid import ULID

from cloud.commands.command import CommandContext, Source
from cloud.interfaces.edge_intake.admission import cloud_context, station_context
from cloud.interfaces.edge_intake.clock_words import words_of
from cloud.interfaces.edge_intake.events_from_wire import record_command
from cloud.interfaces.edge_intake.media import CONTENT_TYPES, LARGEST_BYTES
from cloud.interfaces.edge_intake.ports import (
    Bus,
    CertificateReader,
    PictureVault,
    StationDoor,
)
from cloud.stations.commands import (
    OpenStationStream,
    RecordStationGap,
    RecordStationImport,
    StoreMedia,
)
from cloud.stations.errors import (
    CertificateRevokedError,
    ExportForeignError,
    ExportInvalidError,
    MediaUnknownError,
)
from cloud.stations.queries import (
    CertificateFacts,
    FindMedia,
    Recorded,
    Standing,
    StationKey,
    StationStanding,
    StreamOpening,
    Upload,
)

MAGIC = b"KYEXPT1\n"
LARGEST_FRAME_BYTES = 16 * 1024 * 1024
SHA256_BYTES = 32
ULID_BYTES = 16


@dataclass(slots=True, kw_only=True)
class ImportReport:
    """What came of a file; ``events_known`` and ``pictures_known`` had come before."""

    station_id: str
    station_name: str
    epoch: int = 0
    events_new: int = 0
    events_known: int = 0
    pictures_new: int = 0
    pictures_known: int = 0
    pictures_refused: list[str] = field(default_factory=list)


class StationImport:
    """Reads a file twice: the first time to believe it, the second time to take it in."""

    def __init__(
        self, bus: Bus, certificates: CertificateReader, vault: PictureVault, door: StationDoor
    ) -> None:
        self._bus = bus
        self._certificates = certificates
        self._vault = vault
        self._door = door

    async def take(self, path: Path, organization_id: str) -> ImportReport:
        """Take a file in.

        Everything goes through the commands of the live stream, so a file may be taken in twice,
        broken off and begun again, or overlap with what the station sends later.

        Raises:
            ExportInvalidError: cut off, changed, or not signed by a station of this cloud.
            ExportForeignError: the station belongs to another organization.
            CertificateRevokedError: the station or its certificate is shut out.
            CommandError: the stream refuses it, as it would live.
        """
        header, facts, chain = self._believed(path)
        if facts.organization_id != organization_id:
            raise ExportForeignError("the file comes from a station of another organization")
        station = StationKey(organization_id=organization_id, station_id=facts.station_id)
        context = station_context(station)
        standing: Standing = await self._bus.ask(
            StationStanding(station_id=facts.station_id, certificate_serial=facts.serial), context
        )
        if standing.status != "known":
            raise CertificateRevokedError(f"{standing.status}: {standing.detail}")
        opening: StreamOpening = await self._bus.send(
            OpenStationStream(
                station_id=facts.station_id,
                outbox_id=header.outbox_id,
                epoch=header.epoch,
                live_epoch=0,
                agent_version=header.agent_version,
            ),
            context,
        )
        # Before the events: what is carried on is dated by it.
        await self._door.note_words(station, words_of(header.clocks))
        report = ImportReport(
            station_id=facts.station_id, station_name=standing.station_name, epoch=opening.epoch
        )
        taking = _Taking(self._bus, self._vault, station, context, report)
        with path.open("rb") as file:
            for frame, _ in _frames(file):
                await taking.take(frame)
        await self._record(report, chain, organization_id)
        return report

    async def _record(self, report: ImportReport, chain: bytes, organization_id: str) -> None:
        """Leave a row about the file as such, in the name of whoever owns the machine."""
        command = RecordStationImport(
            station_id=report.station_id,
            file_digest=chain.hex(),
            events_new_count=report.events_new,
            events_known_count=report.events_known,
            pictures_new_count=report.pictures_new,
            pictures_known_count=report.pictures_known,
            pictures_refused_count=len(report.pictures_refused),
        )
        context = replace(cloud_context(organization_id), source=Source.TERMINAL)
        await self._bus.send(command, context)

    def _believed(self, path: Path) -> tuple[ExportHeader, CertificateFacts, bytes]:
        try:
            with path.open("rb") as file:
                header, end, chain = _checked(file)
        except OSError as error:
            raise ExportInvalidError(f"{path} cannot be read: {error.strerror}") from error
        facts = self._certificates.read(header.certificate_pem)
        if facts is None:
            raise ExportInvalidError("no station of this cloud made the file")
        if not self._certificates.proves(header.certificate_pem, chain, end.signature):
            raise ExportInvalidError("the signature is not the station's")
        return header, facts, chain


def _checked(file: BinaryIO) -> tuple[ExportHeader, ExportEnd, bytes]:
    header, end, events = None, None, 0
    for frame, chain in _frames(file):
        kind = frame.WhichOneof("payload")
        if (header is None) != (kind == "header") or end is not None:
            raise ExportInvalidError("the file begins with a header and ends with its end")
        if kind == "header":
            header = frame.header
        elif kind == "batch":
            events += len(frame.batch.events)
        elif kind == "end":
            end = frame.end
            if not hmac.compare_digest(end.chain, chain) or end.events != events:
                raise ExportInvalidError("the file was changed after it was made")
    if header is None or end is None:
        raise ExportInvalidError("the file is cut off")
    return header, end, end.chain


def _frames(file: BinaryIO) -> Iterator[tuple[ExportFrame, bytes]]:
    """Yield each frame and the chain before it."""
    if file.read(len(MAGIC)) != MAGIC:
        raise ExportInvalidError("this is no export of a station")
    chain = bytes(32)
    while size := file.read(4):
        length = struct.unpack(">I", size)[0] if len(size) == len(b"size") else 0
        content = file.read(length) if 0 < length <= LARGEST_FRAME_BYTES else b""
        if len(content) != length or not content:
            raise ExportInvalidError("the file is cut off")
        try:
            frame = ExportFrame.FromString(content)
        except DecodeError as error:
            raise ExportInvalidError("the file was changed after it was made") from error
        yield frame, chain
        chain = hashlib.sha256(chain + content).digest()


class _Taking:
    """Sends what one file holds."""

    def __init__(
        self,
        bus: Bus,
        vault: PictureVault,
        station: StationKey,
        context: CommandContext,
        report: ImportReport,
    ) -> None:
        self._bus = bus
        self._vault = vault
        self._station = station
        self._context = context
        self._report = report
        self._skipped = b""

    async def take(self, frame: ExportFrame) -> None:
        kind = frame.WhichOneof("payload")
        if kind == "batch":
            await self._events(frame.batch)
        elif kind == "gap":
            await self._gap(frame.gap)
        elif kind == "picture":
            await self._picture(frame.picture)

    async def _events(self, batch: EventBatch) -> None:
        command = record_command(self._station.station_id, self._report.epoch, batch)
        recorded: Recorded = await self._bus.send(command, self._context)
        self._report.events_known += recorded.duplicates
        self._report.events_new += len(batch.events) - recorded.duplicates

    async def _gap(self, gap: GapRecord) -> None:
        await self._bus.send(
            RecordStationGap(
                station_id=self._station.station_id,
                epoch=self._report.epoch,
                stream=gap.stream,
                first_seq=gap.first_seq,
                last_seq=gap.last_seq,
                reason=GapReason.Name(gap.reason)
                if gap.reason in GapReason.values()
                else "UNKNOWN",
            ),
            self._context,
        )

    async def _picture(self, part: ExportPicture) -> None:
        if part.sha256 == self._skipped:
            return
        upload = Upload(
            sha256=part.sha256.hex(),
            size_bytes=part.size_bytes,
            content_type=part.content_type,
            event_id=f"evt_{ULID(part.event_id)}" if len(part.event_id) == ULID_BYTES else "",
        )
        if part.offset_bytes == 0 and not await self._is_wanted(upload, part):
            self._skipped = part.sha256
            return
        end = await self._vault.append(self._station, upload.sha256, part.offset_bytes, part.data)
        if end < part.size_bytes:
            return
        await self._vault.flush(self._station, upload.sha256)
        reason = await self._vault.finish(self._station, upload)
        if reason:
            self._report.pictures_refused.append(f"{upload.sha256}: {reason}")
            return
        await self._show(upload)
        await self._vault.forget(self._station, upload.sha256)
        self._report.pictures_new += 1

    async def _is_wanted(self, upload: Upload, part: ExportPicture) -> bool:
        """Begin a picture; one that is there, or that nobody takes, is passed over."""
        if (
            len(part.sha256) != SHA256_BYTES
            or not 0 < upload.size_bytes <= LARGEST_BYTES
            or upload.content_type not in CONTENT_TYPES
        ):
            self._report.pictures_refused.append(upload.sha256)
            return False
        try:
            await self._bus.ask(FindMedia(sha256=upload.sha256), self._context)
        except MediaUnknownError:
            await self._vault.forget(self._station, upload.sha256)
            await self._vault.begin(self._station, upload)
            return True
        self._report.pictures_known += 1
        return False

    async def _show(self, upload: Upload) -> None:
        await self._bus.send(
            StoreMedia(
                station_id=self._station.station_id,
                sha256=upload.sha256,
                size_bytes=upload.size_bytes,
                content_type=upload.content_type,
                event_id=upload.event_id,
            ),
            self._context,
        )
